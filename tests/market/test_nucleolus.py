"""The nucleolus: published games, the Talmud's rule in closed form, and the core."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import linprog

from market.billing.rule import Tariffs
from market.sharing.core import objection
from market.sharing.game import EnergyGame, Game, GameError, subset_sums
from market.sharing.nucleolus import nucleolus

TARIFFS = Tariffs(retail_ticks=300, feed_in_ticks=100)


def bankruptcy(claims, estate):
    """What is left for a coalition when the others have got all they claim."""
    return Game.of_table(np.maximum(0, estate - (sum(claims) - subset_sums(np.array(claims)))))


def talmud(claims, estate):
    """Aumann and Maschler 1985: equal awards up to half the claims, then equal losses."""
    claim = np.array(claims, dtype=float)

    def equal(amount):
        low, high = 0.0, claim.max()
        for _ in range(100):
            level = (low + high) / 2
            low, high = (
                (level, high) if np.minimum(level, claim / 2).sum() < amount else (low, level)
            )
        return np.minimum(high, claim / 2)

    if estate <= claim.sum() / 2:
        return equal(estate)
    return claim - equal(claim.sum() - estate)


def core_is_empty(game):
    """By one linear program over all coalitions: is more needed than all earn?"""
    n = game.n_members
    members = np.arange(1, 2**n)[:, None] >> np.arange(n) & 1
    least = linprog(np.ones(n), A_ub=-members, b_ub=-game.table[1:], bounds=(None, None))
    return least.fun > game.total + 1e-7


@pytest.mark.parametrize(
    ("worths", "shares"),
    [
        # Glove game, by hand: the only split in the core.
        ([0, 0, 0, 1, 0, 1, 0, 1], [1, 0, 0]),
        # Documentation of R's coopProductGame.
        ([0, 68, 102, 170, 0, 710, 762, 992], [149, 192, 651]),
        # Documentation of R's CoopGame, its coalitions put in the order of bitmasks.
        ([0, 0, 0, 5, 0, 5, 9, 13, 0, 8, 10, 15, 8, 16, 17, 21], [3.5, 4.5, 5.5, 7.5]),
    ],
)
def test_published_games(worths, shares):
    assert nucleolus(Game.of_table(worths)) == pytest.approx(shares, abs=1e-9)


@pytest.mark.parametrize(
    ("estate", "shares"),
    [(100, [100 / 3] * 3), (200, [50, 75, 75]), (300, [50, 100, 150])],
)
def test_three_widows_of_the_talmud(estate, shares):
    # Aumann and Maschler 1985, table 1; claims of 100, 200 and 300.
    assert nucleolus(bankruptcy([100, 200, 300], estate)) == pytest.approx(shares, abs=1e-9)


@given(st.lists(st.integers(1, 50), min_size=2, max_size=6), st.floats(0.05, 1))
def test_bankruptcies_follow_the_talmud(claims, part):
    estate = part * sum(claims)
    assert nucleolus(bankruptcy(claims, estate)) == pytest.approx(
        talmud(claims, estate), abs=1e-6 * sum(claims)
    )


def test_sixteen_creditors_follow_the_talmud():
    claims = [7 * k % 31 + 1 for k in range(16)]
    for estate in (40, 150):
        assert nucleolus(bankruptcy(claims, estate)) == pytest.approx(
            talmud(claims, estate), abs=1e-6
        )


@given(st.integers(0, 10**6), st.integers(2, 6))
def test_it_is_in_the_core_unless_the_core_is_empty(seed, n):
    rng = np.random.default_rng(seed)
    size = subset_sums(np.ones(n))
    game = Game.of_table(rng.integers(0, 10, 2**n) * size * (size > 1))
    try:
        found = objection(game, nucleolus(game), tolerance=1e-6)
    except GameError as error:
        assert "less than" in str(error)  # noqa: PT017 - nothing earned together
        assert game.total < 0
    else:
        assert found.in_core is not core_is_empty(game)


@given(st.lists(st.integers(-5_000_000, 5_000_000), min_size=1, max_size=9))
def test_no_community_is_left_by_anybody(net):
    # The core of an energy game is never empty.
    game = EnergyGame(np.array(net), TARIFFS)
    shares = nucleolus(game)

    assert shares.sum() == pytest.approx(game.total)
    assert objection(game, shares, tolerance=1e-7 * game.total).in_core


@given(st.integers(0, 10**6), st.integers(2, 6))
def test_no_other_split_makes_the_complaints_smaller(seed, n):
    # By its definition: complaints, the largest first, come later in the dictionary elsewhere.
    rng = np.random.default_rng(seed)
    size = subset_sums(np.ones(n))
    game = Game.of_table(rng.random(2**n) * size**2 * (size > 1))
    shares = nucleolus(game)
    for step in 10.0 ** rng.uniform(-4, 0, 50):
        change = rng.normal(size=n) * step
        other = shares + change - change.mean()
        if (other < 0).any():
            continue
        ours, theirs = (np.sort((game.table - subset_sums(x))[1:-1])[::-1] for x in (shares, other))
        first = np.flatnonzero(np.abs(ours - theirs) > 1e-6)
        assert not first.size or ours[first[0]] < theirs[first[0]]


def test_nobody_gets_less_than_alone():
    # By hand: 1 earns 5 alone, all earn 6, so 2 and 3 share the one that is left.
    assert nucleolus(Game.of_table([0, 5, 0, 5, 0, 5, 4, 6])) == pytest.approx([5, 0.5, 0.5])


def test_a_game_worth_nothing_gives_nothing():
    assert nucleolus(Game.of_table(np.zeros(8))).tolist() == [0, 0, 0]


def test_members_who_do_better_alone_are_told():
    with pytest.raises(GameError, match="earn 3, less than the 4 of each by itself"):
        nucleolus(Game.of_table([0, 2, 2, 3]))


def test_seventeen_members_are_too_many():
    with pytest.raises(GameError, match="17 members"):
        nucleolus(EnergyGame(np.arange(17) - 8, TARIFFS))
