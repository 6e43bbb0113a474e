"""Network charges by hand, and what happens to distances that are none."""

import numpy as np
import pytest

from market.charges import ChargeError, distance_fees, fee_cap_ticks, uniform_fees

# A street: bus 0 - 0.1 Ω - bus 1 - 0.25 Ω - bus 2.
STREET_OHM = np.array([[0, 0.1, 0.35], [0.1, 0, 0.25], [0.35, 0.25, 0]])


def test_uniform_fees_are_the_same_for_every_pair():
    assert uniform_fees(3, 12).tolist() == [[0, 12, 12], [12, 0, 12], [12, 12, 0]]


def test_distance_is_charged_by_the_ohm_and_rounded_half_up():
    # By hand: 50 ticks per Ω on 0.1, 0.35 and 0.25 Ω are 5, 17.5 and 12.5 ticks.
    fees = distance_fees(STREET_OHM, [0, 1, 2], ticks_per_ohm=50)
    assert fees.tolist() == [[0, 5, 18], [5, 0, 13], [18, 13, 0]]
    assert fees.dtype == np.int64


def test_a_fee_has_a_least_and_a_greatest_value():
    fees = distance_fees(STREET_OHM, [0, 1, 2], ticks_per_ohm=50, minimum_ticks=8, cap_ticks=15)
    assert fees.tolist() == [[0, 8, 15], [8, 0, 13], [15, 13, 0]]


def test_peers_at_one_bus_trade_free_or_for_the_least_fee():
    free = distance_fees(STREET_OHM, [1, 1, 2], ticks_per_ohm=50, minimum_ticks=8)
    assert free.tolist() == [[0, 0, 13], [0, 0, 13], [13, 13, 0]]
    charged = distance_fees(
        STREET_OHM, [1, 1, 2], ticks_per_ohm=50, minimum_ticks=8, free_within_bus=False
    )
    assert charged.tolist() == [[0, 8, 13], [8, 0, 13], [13, 13, 0]]


def test_parts_that_are_not_connected_pay_the_cap():
    apart = np.array([[0, np.inf], [np.inf, 0]])
    assert distance_fees(apart, [0, 1], ticks_per_ohm=1, cap_ticks=30).max() == 30
    assert distance_fees(apart, [0, 1], ticks_per_ohm=0, cap_ticks=30).max() == 30
    with pytest.raises(ChargeError, match="not connected; give cap_ticks"):
        distance_fees(apart, [0, 1], ticks_per_ohm=1)


def test_the_cap_of_all_fees_is_the_greatest_one():
    assert fee_cap_ticks(distance_fees(STREET_OHM, [0, 1, 2], ticks_per_ohm=50)) == 18
    assert fee_cap_ticks(uniform_fees(0, 5)) == 0


def test_every_fault_is_told_at_once():
    with pytest.raises(ChargeError) as caught:
        distance_fees(
            [[0, 1], [2, 0]], [0, 5], ticks_per_ohm=float("nan"), minimum_ticks=-1, cap_ticks=-2
        )
    assert caught.value.faults == (
        "a rate of nan ticks per ohm; expected 0 or more",
        "a least fee of -1 ticks is negative; expected 0 or more",
        "the cap of -2 ticks is below the least fee of -1 ticks",
        "peer 1 stands at bus 5, of 2 buses",
        "distances differ by direction; expected a symmetric matrix",
    )


@pytest.mark.parametrize("distance", [[[0, 1]], [[0, np.nan], [np.nan, 0]], [[0, -1], [-1, 0]]])
def test_distances_that_are_none_are_refused(distance):
    with pytest.raises(ChargeError):
        distance_fees(distance, [0], ticks_per_ohm=1)


def test_a_negative_uniform_fee_is_refused():
    with pytest.raises(ChargeError, match="-3 ticks is negative"):
        uniform_fees(2, -3)
