"""Splits by weight, bargaining and mixtures, and what a community's game is."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from market.billing.rule import Tariffs
from market.sharing.game import EnergyGame, Game, GameError
from market.sharing.splits import by_weight, exchanged_milliwh, mix, nash, whole_shares

POWERS = st.lists(st.floats(0.01, 10), min_size=2, max_size=6)
METERS = st.lists(st.integers(-(10**7), 10**7), min_size=1, max_size=12)


@given(METERS, st.integers(-100, 400), st.integers(0, 300), st.data())
def test_a_coalition_is_worth_what_its_own_bill_saves(net, feed_in, spread, data):
    # By the tariffs: what the supplier pays it as one customer, less what it pays each. [n€]
    def paid(milliwh):
        return (feed_in if milliwh >= 0 else feed_in + spread) * milliwh

    row = data.draw(st.lists(st.booleans(), min_size=len(net), max_size=len(net)))
    inside = [milliwh for milliwh, joins in zip(net, row, strict=True) if joins]
    game = EnergyGame(np.array(net), Tariffs(feed_in + spread, feed_in))
    worth = game.worth_neur(np.array([row]))[0]

    assert worth == paid(sum(inside)) - sum(map(paid, inside))
    assert game.worth(np.array([row]))[0] == worth
    if len(net) <= 12:
        assert game.table[sum(1 << i for i, joins in enumerate(row) if joins)] == worth


@given(POWERS, st.floats(0.1, 1000), st.integers(0, 10**6))
def test_no_other_split_has_a_greater_nash_product(powers, gain, seed):
    # Nash's definition: the product of gains, each to its power, is the greatest there is.
    rng = np.random.default_rng(seed)
    alone = rng.normal(size=len(powers))
    total = alone.sum() + gain
    shares = nash(total, powers, alone)
    other = rng.dirichlet(np.ones(len(powers))) * gain

    assert shares.sum() == pytest.approx(total)
    logs = [np.array(powers) @ np.log(gains) for gains in (shares - alone, other + 1e-12 * gain)]
    assert logs[0] >= logs[1] - 1e-6


def test_nash_with_equal_powers_splits_the_gain_equally():
    # By hand: 100 together, 20 and 40 alone, so each gains 20.
    assert nash(100, [1, 1], [20, 40]).tolist() == [40, 60]
    assert nash(100, [3, 1]).tolist() == [75, 25]
    assert nash(100, [1, 0], [20, 40]).tolist() == [60, 40]


def test_nobody_bargains_for_a_loss():
    with pytest.raises(GameError, match="earn 50, less than 60 alone"):
        nash(50, [1, 1], [20, 40])


def test_weights_that_say_nothing_are_refused():
    with pytest.raises(GameError, match="all weights are 0"):
        by_weight(1, [0, 0])
    with pytest.raises(GameError) as caught:
        by_weight(1, [1, -1, float("nan")])
    assert len(caught.value.faults) == 2


def test_mixtures_are_means():
    one, other = np.array([4.0, 0]), np.array([0, 4.0])
    assert mix([(0.25, one), (0.75, other)]).tolist() == [1, 3]
    with pytest.raises(GameError, match="add up to 1"):
        mix([(0.5, one), (0.6, other)])


def test_the_long_side_exchanges_in_proportion():
    # By hand: of 4 + 2 kWh drawn 3 kWh are there.
    net = np.array([3_000_000, -4_000_000, 0, -2_000_000])
    assert exchanged_milliwh(net).tolist() == [3_000_000, -2_000_000, 0, -1_000_000]


@given(METERS)
def test_what_is_exchanged_adds_up_and_is_part_of_each_meter(net):
    net = np.array(net)
    inside = exchanged_milliwh(net)

    assert inside.sum() == 0
    assert (inside * np.sign(net) >= 0).all()
    assert (abs(inside) <= abs(net)).all()
    assert abs(inside).sum() == 2 * min(net[net > 0].sum(), -net[net < 0].sum())


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=20), st.integers(0, 10**12))
def test_whole_shares_add_up_and_are_off_by_less_than_one(shares, total):
    whole = whole_shares(total, shares)

    assert whole.sum() == total
    if sum(shares) > 1:
        exact = np.array(shares) * (total / np.sum(shares))
        assert (abs(whole - exact) < 1 + 1e-3).all()


def test_remainders_that_are_equal_but_for_floating_point_go_to_the_earlier():
    # By hand: thirds of 100, each computed in a way of its own.
    assert whole_shares(100, [100 / 3, 100 - 200 / 3, 100 * (1 - 2 / 3)]).tolist() == [34, 33, 33]
    assert whole_shares(3, [0.1 + 0.2, 0.3, 0.3 - 1e-17, 0.3]).tolist() == [1, 1, 1, 0]


def test_games_that_are_none_are_refused():
    with pytest.raises(GameError, match="expected"):
        Game.of_table([0, 1, 2])
    with pytest.raises(GameError, match="0 for the coalition of nobody"):
        Game.of_table([1, 1])
    with pytest.raises(GameError, match="0 members"):
        Game(0, lambda coalitions: coalitions.sum(axis=1))
    with pytest.raises(GameError, match=r"expected .* finite numbers"):
        assert Game(2, lambda coalitions: [float("nan")] * len(coalitions)).table.size
