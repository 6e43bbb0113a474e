"""Shapley's value: by hand, in closed form, by its axioms, and how well it is sampled."""

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from market.billing.rule import Tariffs
from market.sharing.game import EnergyGame, Game, GameError, subset_sums
from market.sharing.shapley import sampled_shapley, shapley

TARIFFS = Tariffs(retail_ticks=300, feed_in_ticks=100)
CT_IN_NANO_EUR = 10_000_000
GLOVES = [0, 0, 0, 1, 0, 1, 0, 1]


@st.composite
def tables(draw, n=None):
    n = draw(st.integers(1, 5)) if n is None else n
    worths = draw(st.lists(st.integers(-20, 20), min_size=2**n - 1, max_size=2**n - 1))
    return np.array([0, *worths], dtype=float)


def test_the_right_glove_gets_two_thirds():
    # Computed by hand: the right glove makes a pair in 4 of 6 orders, each left one in 1.
    assert shapley(Game.of_table(GLOVES)) == pytest.approx([2 / 3, 1 / 6, 1 / 6])


def test_energy_of_the_published_example():
    # The research note's example: +4, −3, −3 kWh at 30/10 ct/kWh save 80 ct.
    game = EnergyGame(np.array([4_000_000, -3_000_000, -3_000_000]), TARIFFS)

    assert game.total / CT_IN_NANO_EUR == 80
    assert shapley(game) / CT_IN_NANO_EUR == pytest.approx([140 / 3, 50 / 3, 50 / 3])


def test_a_runway_is_shared_piece_by_piece_among_those_who_need_it():
    # Littlechild and Owen 1973, closed form: who needs a piece shares its cost equally.
    needs = np.array([3.0, 5, 5, 8, 9, 12, 12, 12, 15, 20, 21, 30, 31, 33, 40, 41])
    game = Game(needs.size, lambda coalitions: (coalitions * needs).max(axis=1))
    pieces = np.diff(needs, prepend=0) / np.arange(needs.size, 0, -1)

    assert shapley(game) == pytest.approx(np.cumsum(pieces))


@given(tables())
def test_it_is_the_mean_over_all_orders(table):
    # By its definition, slowly.
    n = table.size.bit_length() - 1
    brings = np.zeros(n)
    for count, order in enumerate(permutations(range(n)), start=1):  # noqa: B007
        before = 0
        for member in order:
            brings[member] += table[before | 1 << member] - table[before]
            before |= 1 << member

    assert shapley(Game.of_table(table)) == pytest.approx(brings / count, abs=1e-9)


@given(tables())
def test_it_shares_out_what_all_earn(table):
    assert shapley(Game.of_table(table)).sum() == pytest.approx(table[-1], abs=1e-9)


@given(tables(4), tables(4))
def test_the_value_of_two_games_at_once_is_the_sum_of_their_values(one, other):
    both = shapley(Game.of_table(one + other))

    assert both == pytest.approx(
        shapley(Game.of_table(one)) + shapley(Game.of_table(other)), abs=1e-9
    )


@given(tables(4), st.permutations(range(4)))
def test_names_do_not_matter(table, places):
    # Symmetry: members whose places are exchanged exchange their shares.
    masks = np.arange(16)
    moved = sum((masks >> old & 1) << new for new, old in enumerate(places))
    renamed = np.empty(16)
    renamed[moved] = table

    assert shapley(Game.of_table(renamed)) == pytest.approx(
        shapley(Game.of_table(table))[list(places)], abs=1e-9
    )


@given(tables(4), st.integers(0, 4))
def test_who_brings_nothing_gets_nothing(table, place):
    masks = np.arange(32)
    others = (masks & (1 << place) - 1) | (masks >> (place + 1) << place)

    shares = shapley(Game.of_table(table[others]))

    assert shares[place] == pytest.approx(0, abs=1e-9)
    assert np.delete(shares, place) == pytest.approx(shapley(Game.of_table(table)), abs=1e-9)


def test_seventeen_members_are_too_many_for_all_coalitions():
    with pytest.raises(GameError, match=r"17 members .* up to 16"):
        shapley(EnergyGame(np.arange(17) - 8, TARIFFS))


def some_game(rng, n, kind):
    """Give a game in which nobody's contribution is the same in all orders."""
    if kind == "energy":
        net = rng.integers(100_000, 5_000_000, n) * np.where(np.arange(n) % 2, 1, -1)
        return EnergyGame(net, TARIFFS)
    size = subset_sums(np.ones(n))
    return Game.of_table(rng.random(2**n) * size**2 * (size > 0))


def coverage(games, *, members, samples):
    """Of games, how often one member's interval holds its exact share."""
    rng = np.random.default_rng(2026)
    hits = 0
    for k in range(games):
        n = int(rng.integers(members[0], members[1] + 1))
        game = some_game(rng, n, "energy" if k % 2 else "any")
        drawn, who = sampled_shapley(game, seed=k, samples=samples), int(rng.integers(n))
        hits += abs(drawn.shares[who] - shapley(game)[who]) <= drawn.half_width[who]
    return hits / games


def test_intervals_hold_the_exact_value_about_as_often_as_they_say():
    # Of 300 games that each succeed with 95 %, 91.2 to 98.8 % do, but for 0.3 % of all tries.
    assert 0.912 <= coverage(300, members=(4, 9), samples=200) <= 0.988


@pytest.mark.soak
def test_intervals_hold_the_exact_value_in_93_to_97_percent_of_1000_games():
    assert 0.93 <= coverage(1_000, members=(4, 16), samples=1_000) <= 0.97


def test_a_sample_shares_out_what_all_earn_and_is_drawn_anew_by_the_seed():
    net = np.random.default_rng(1).integers(-3_000_000, 3_000_000, 60)
    game = EnergyGame(net, TARIFFS)
    one, again, other = (sampled_shapley(game, seed=seed, samples=100) for seed in (1, 1, 2))

    assert one.shares.sum() == pytest.approx(game.total)
    assert (one.shares == again.shares).all()
    assert (one.half_width == again.half_width).all()
    assert (one.shares != other.shares).any()


def test_orders_are_followed_the_same_way_in_any_game():
    # The energy game adds up along orders; the game of the same worths asks for each coalition.
    net = np.random.default_rng(2).integers(-3_000_000, 3_000_000, 40)
    energy = EnergyGame(net, TARIFFS)
    called = Game(40, energy.worth_neur)
    by_sums, by_calls = (sampled_shapley(game, seed=3, samples=2_000) for game in (energy, called))

    assert by_calls.shares == pytest.approx(by_sums.shares)
    assert by_calls.half_width == pytest.approx(by_sums.half_width)


def test_many_samples_in_blocks_have_the_mean_and_the_interval_of_all():
    # 60 members come in blocks; by the formula for one mean: half a spread for four times as many.
    net = np.random.default_rng(4).integers(-3_000_000, 3_000_000, 60)
    few, many = (sampled_shapley(EnergyGame(net, TARIFFS), seed=5, samples=n) for n in (500, 8_000))

    assert (many.half_width / few.half_width).mean() == pytest.approx(1 / 4, rel=0.05)
    assert (abs(many.shares - few.shares) <= 2 * (few.half_width + many.half_width)).all()


def test_members_who_bring_nothing_leave_the_others_intervals_as_wide():
    # Among 800 members samples come in blocks of 3; a spread inside blocks only would be 2/3.
    net = np.random.default_rng(6).integers(-3_000_000, 3_000_000, 40)
    many = np.concatenate([net, np.zeros(760, dtype=np.int64)])
    alone, among = (sampled_shapley(EnergyGame(n, TARIFFS), seed=7) for n in (net, many))

    assert (among.half_width[:40] / alone.half_width).mean() == pytest.approx(1, rel=0.05)
    assert (abs(among.shares - np.append(alone.shares, np.zeros(760)))[40:] == 0).all()


def test_too_few_samples_for_an_interval_are_refused():
    with pytest.raises(ValueError, match="29 samples; expected 30 or more"):
        sampled_shapley(Game.of_table(GLOVES), seed=0, samples=29)
