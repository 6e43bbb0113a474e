"""Who objects to a split: enumerated, searched, and by another solver."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import Bounds, LinearConstraint, milp

from market.billing.rule import Tariffs
from market.sharing._kernels_games import search_flips
from market.sharing.core import objection
from market.sharing.game import EnergyGame, Game, GameError, subset_sums

TARIFFS = Tariffs(retail_ticks=3, feed_in_ticks=2)
METERS = st.integers(-30, 30)


def worst_of_all(game, shares):
    """Look at every coalition. [n€]"""
    gives, takes = subset_sums(game.gives_milliwh), subset_sums(game.takes_milliwh)
    return (game.spread_ticks * np.minimum(gives, takes) - subset_sums(shares)).max()


def test_what_the_glove_game_leaves_to_object_to():
    # By hand: with Shapley's 2/3, 1/6, 1/6 a pair gets 5/6 of the 1 that it earns.
    game = Game.of_table([0, 0, 0, 1, 0, 1, 0, 1])
    found = objection(game, np.array([4, 1, 1]) / 6)

    assert found.in_core is False
    assert found.members == (0, 1)
    assert found.shortfall == pytest.approx(1 / 6)
    assert objection(game, np.array([1.0, 0, 0])).in_core is True


def test_a_split_that_hands_out_too_little_is_objected_to_by_all():
    game = Game.of_table([0, 0, 0, 3])
    assert objection(game, np.array([1.0, 1.0])).members == (0, 1)


@given(
    st.lists(METERS.filter(bool), min_size=2, max_size=10),
    st.lists(st.integers(0, 20), min_size=10, max_size=10),
    st.data(),
)
def test_the_search_finds_what_looking_at_all_finds(net, weights, data):
    # Members whose meter shows nothing and who get nothing change no coalition's shortfall, but
    # make so many that only the search answers.
    weight = np.array(weights[: len(net)], dtype=float)
    small = EnergyGame(np.array(net), TARIFFS)
    shares = small.total * weight / max(weight.sum(), 1)
    exact = worst_of_all(small, shares)
    places = data.draw(st.permutations(range(20)))
    order = np.array(places)
    large = EnergyGame(np.array([*net, *[0] * (20 - len(net))])[order], TARIFFS)
    padded = np.array([*shares, *[0.0] * (20 - len(net))])[order]

    found = objection(large, padded, tolerance=1e-6)

    assert found.shortfall == pytest.approx(exact if exact > 1e-6 else 0, abs=2e-6)
    assert found.at_most >= exact - 1e-9
    chosen = np.zeros((1, 20), dtype=bool)
    chosen[0, list(found.members)] = True
    missed = large.worth(chosen)[0] - padded[list(found.members)].sum()
    assert found.shortfall == pytest.approx(missed)
    assert found.in_core == (exact <= 1e-6)


@settings(max_examples=10)
@given(st.integers(0, 10**6))
def test_eighteen_meters_are_searched_as_if_enumerated(seed):
    rng = np.random.default_rng(seed)
    game = EnergyGame(rng.integers(-3_000_000, 3_000_000, 18), TARIFFS)
    shares = game.total * rng.dirichlet(np.ones(18))
    exact = worst_of_all(game, shares)

    found = objection(game, shares, tolerance=1)

    assert exact - 1 <= found.shortfall <= exact + 1e-3
    assert found.at_most >= exact


@pytest.mark.parametrize("n", [30, 80])
@pytest.mark.parametrize("split", ["equal", "contribution"])
def test_highs_finds_nobody_more_discontent(n, split):
    rng = np.random.default_rng(n)
    game = EnergyGame(rng.integers(-3_000_000, 3_000_000, n), TARIFFS)
    gives, takes = game.gives_milliwh, game.takes_milliwh
    key = np.ones(n) if split == "equal" else gives / gives.sum() + takes / takes.sum()
    shares = game.total * key / key.sum()
    in_thousandths = 1000 / game.total
    both = np.vstack([game.spread_ticks * side - shares for side in (gives, takes)])
    solved = milp(
        np.append(np.zeros(n), -1),
        constraints=LinearConstraint(np.column_stack([both * in_thousandths, [-1, -1]]), lb=0),
        integrality=np.append(np.ones(n), 0),
        bounds=Bounds(np.append(np.zeros(n), -np.inf), np.append(np.ones(n), np.inf)),
        options={"mip_rel_gap": 1e-4},
    )

    found = objection(game, shares, tolerance=1e-6 * game.total)

    assert found.shortfall * in_thousandths == pytest.approx(-solved.fun, rel=2e-4)
    assert found.at_most * in_thousandths >= -solved.fun * (1 - 1e-9)


def one_seller(takes, each):
    """One seller who gives 1 Wh less than buyers take; all but `each` of them is the seller's."""
    gives = sum(takes) - 1_000
    shares = np.array([gives - each * len(takes), *[each] * len(takes)], dtype=float)
    return EnergyGame(np.array([gives, *(-t for t in takes)]), TARIFFS), shares


def test_a_split_is_in_the_core_though_parts_of_members_would_object():
    # By hand: without one buyer of 3 Wh a community that is 1 Wh short loses 2 Wh, so each may
    # get up to 2. If buyers could be parted, they would get nothing.
    game, shares = one_seller([3_000] * 40, 1_900)
    assert objection(game, shares, tolerance=1).in_core is True

    game, shares = one_seller([3_000] * 40, 2_100)
    found = objection(game, shares, tolerance=1)
    assert len(found.members) == 40
    assert found.shortfall == pytest.approx(100)


def test_a_search_that_gives_up_says_what_it_could_not_exclude():
    # As above, but no two of the 60 buyers are alike: too many ways to leave some out.
    game, shares = one_seller([3_000 + 7 * k for k in range(60)], 1_000)
    found = objection(game, shares, tolerance=1e-3)

    assert found.in_core is None
    assert found.members == ()
    assert found.at_most > 0


def test_members_are_alike_only_if_they_weigh_the_same():
    # By hand: of two free flips of 3 and 2, the second alone undoes an imbalance of 2.
    best = np.zeros(2, dtype=np.bool_)
    free, change = np.zeros(2), np.array([-3.0, -2.0])
    loss, complete = search_flips(free, change, 2.0, 0.5, 10.0, 1e-9, 100, best)

    assert (loss, complete) == (0, True)
    assert best.tolist() == [False, True]


def test_a_gap_ends_the_search_early_and_is_told():
    game = EnergyGame(np.random.default_rng(57).integers(-3_000_000, 3_000_000, 57), TARIFFS)
    shares = np.full(57, game.total / 57)
    exact, early = (objection(game, shares, tolerance=1, gap=g * game.total) for g in (0, 1e-2))

    assert exact.at_most - exact.shortfall <= 1 + 1e-3
    assert early.shortfall <= exact.at_most
    assert early.at_most >= exact.shortfall
    assert early.at_most - early.shortfall <= 1e-2 * game.total


def test_shares_that_no_game_has_are_refused():
    game = Game.of_table([0, 0, 0, 3])
    with pytest.raises(GameError, match=r"expected 2 finite"):
        objection(game, np.array([1.0]))
    with pytest.raises(GameError, match="hand out more than the 3 earned"):
        objection(game, np.array([2.0, 2.0]))
    with pytest.raises(GameError, match="17 members"):
        objection(Game(17, lambda coalitions: coalitions.sum(axis=1)), np.zeros(17))
