"""Network charges on a street and on a triangle worked by hand, and what is refused."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from market.network.charges import (
    ChargeError,
    Charges,
    distance_charges,
    node_charges,
    ptdf_charges,
    uniform_charges,
    zonal_charges,
)

# By hand: three buses along a street, 0.1 Ω and 0.25 Ω apart.
STREET_OHM = [[0.0, 0.1, 0.35], [0.1, 0.0, 0.25], [0.35, 0.25, 0.0]]


def test_a_uniform_charge_is_the_same_for_every_trade_with_another_peer():
    charges = uniform_charges(3, 12)
    assert charges.matrix().tolist() == [[0, 12, 12], [12, 0, 12], [12, 12, 0]]
    assert charges.fee_ticks.shape == (1, 1)


def test_zones_are_told_by_name():
    # By hand: anna and cleo live in the east.
    charges = zonal_charges(["east", "west", "east"], 2, 9)
    assert charges.matrix().tolist() == [[0, 9, 2], [9, 0, 9], [2, 9, 0]]


def test_zones_by_position_may_charge_each_border_and_direction_differently():
    charges = zonal_charges([0, 1, 1, 2], [1, 2, 3], [[0, 5, 6], [7, 0, 8], [9, 10, 0]])
    assert charges.between([0, 1, 1, 3, 2], [1, 0, 2, 1, 3]).tolist() == [5, 7, 2, 10, 8]


def test_distance_charges_are_proportional_and_rounded_half_up():
    # By hand: 0.1, 0.25 and 0.35 Ω at 50 ticks per ohm are 5, 12.5 and 17.5 ticks.
    charges = distance_charges(STREET_OHM, [0, 1, 2], ticks_per_ohm=50)
    assert charges.matrix().tolist() == [[0, 5, 18], [5, 0, 13], [18, 13, 0]]
    assert charges.matrix().dtype == np.int64


def test_charges_stay_between_minimum_and_cap():
    charges = distance_charges(
        STREET_OHM, [0, 1, 2], ticks_per_ohm=50, minimum_ticks=8, cap_ticks=15
    )
    assert charges.matrix().tolist() == [[0, 8, 15], [8, 0, 13], [15, 13, 0]]


def test_neighbours_at_one_bus_trade_free_of_charge_unless_told_otherwise():
    free = distance_charges(STREET_OHM, [1, 1, 2], ticks_per_ohm=50, minimum_ticks=8)
    assert free.matrix().tolist() == [[0, 0, 13], [0, 0, 13], [13, 13, 0]]
    charged = distance_charges(
        STREET_OHM, [1, 1, 2], ticks_per_ohm=50, minimum_ticks=8, free_within_bus=False
    )
    assert charged.matrix().tolist() == [[0, 8, 13], [8, 0, 13], [13, 13, 0]]


def test_parts_that_are_not_connected_pay_the_cap():
    apart = [[0.0, np.inf], [np.inf, 0.0]]
    assert distance_charges(apart, [0, 1], ticks_per_ohm=1, cap_ticks=30).cap_ticks == 30
    assert distance_charges(apart, [0, 1], ticks_per_ohm=0, cap_ticks=30).cap_ticks == 30
    with pytest.raises(ChargeError, match="not connected; give cap_ticks"):
        distance_charges(apart, [0, 1], ticks_per_ohm=1)


def test_lines_are_paid_by_the_part_of_the_trade_that_flows_over_them():
    # By hand: a triangle of equal lines (0-1, 1-2, 0-2), bus 2 the reference. A trade from 0 to 1
    # goes 2/3 over line 0-1 and 1/3 over the other two, whatever the reference: at rates 30, 60
    # and 90 ticks, 20 + 20 + 30.
    third = np.array([[1, -1, 0], [1, 2, 0], [2, 1, 0]]) / 3
    for reference_shift in (0, [[0.5], [0.25], [-1]]):
        charges = ptdf_charges(third + reference_shift, [0, 1, 2, 0], ticks_per_line=[30, 60, 90])
        assert charges.matrix()[:2].tolist() == [[0, 70, 90, 0], [70, 0, 80, 70]]
    one_rate = ptdf_charges(third, [0, 1], ticks_per_line=30, cap_ticks=35)
    assert one_rate.between(0, 1) == 35


def test_the_cap_is_the_dearest_charge():
    assert distance_charges(STREET_OHM, [0, 1, 2], ticks_per_ohm=50).cap_ticks == 18
    assert uniform_charges(0, 5).cap_ticks == 0
    assert uniform_charges(1, 5).cap_ticks == 0


def test_node_charges_are_half_of_what_a_place_pays_on_average():
    # By hand, one peer a bus: bus 0 pays 5 and 18, on average 11.5, half 5.75, so 6; bus 1 pays 5
    # and 13, 4.5, so 5; bus 2 pays 18 and 13, 7.75, so 8.
    charges = node_charges(distance_charges(STREET_OHM, [0, 1, 2], ticks_per_ohm=50))
    assert charges.entry_ticks.tolist() == charges.exit_ticks.tolist() == [6, 5, 8]
    assert charges.matrix().tolist() == [[0, 11, 14], [11, 0, 13], [14, 13, 0]]


def test_node_charges_weigh_places_by_their_peers_and_tell_directions_apart():
    # By hand: two peers at place 0, one at 1, none at 2. Selling from 0 meets the neighbour (4)
    # and place 1 (10): 7, half 3.5, so 4; from 1 twice 20, so 10; from 2 nobody is left out, 6, 6
    # and 9: 21 / 2 / 2 = 5.25, so 5. Buying at 0: 4 and 20, so 6; at 1: 10 and 10, so 5.
    pairs = Charges(np.array([[4, 10, 1], [20, 7, 1], [6, 9, 1]]), np.array([0, 0, 1]))
    charges = node_charges(pairs)
    assert charges.entry_ticks.tolist() == [4, 10, 5]
    assert charges.exit_ticks[:2].tolist() == [6, 5]


@given(data=st.data(), n=st.integers(2, 6), places=st.integers(1, 4))
def test_node_charges_bring_over_all_pairs_what_the_pairs_bring(data, n, places):
    cells = data.draw(st.lists(st.integers(0, 50), min_size=places**2, max_size=places**2))
    place = data.draw(st.lists(st.integers(0, places - 1), min_size=n, max_size=n))
    pairs = Charges(np.array(cells).reshape(places, places), np.array(place))
    nodes = node_charges(pairs)
    off = ~np.eye(n, dtype=bool)
    # Each of the two parts is rounded by at most half a tick.
    assert abs(nodes.matrix()[off].sum() - pairs.matrix()[off].sum()) <= off.sum()


def test_charges_cannot_be_changed():
    given_ticks = np.array([[1]])
    charges = Charges(given_ticks, np.array([0, 0]))
    given_ticks[:] = 7
    assert charges.between(0, 1) == 1
    with pytest.raises(ValueError, match="read-only"):
        charges.fee_ticks[0, 0] = 3


def test_every_fault_of_rate_and_place_is_told_at_once():
    with pytest.raises(ChargeError) as caught:
        distance_charges(
            STREET_OHM, [0, 7], ticks_per_ohm=float("nan"), minimum_ticks=-1, cap_ticks=-2
        )
    assert caught.value.faults == (
        "a rate of nan ticks per ohm; expected 0 or more",
        "a least fee of -1 ticks is negative; expected 0 or more",
        "the cap of -2 ticks is below the least fee of -1 ticks",
        "peer 1 stands at place 7, of 3 places",
    )
    with pytest.raises(ChargeError) as caught:
        ptdf_charges([[1.0, np.nan]], [0, 3], ticks_per_line=[-4])
    assert caught.value.faults == (
        "line 0: a rate of -4.0 ticks per line; expected 0 or more",
        "peer 1 stands at place 3, of 2 places",
        "a factor is not a number; leave out what is not connected",
    )


@pytest.mark.parametrize(
    ("distance", "fault"),
    [([[0.0, 1.0]], "one row and column per bus"), ([[0, 1], [2, 0]], "differ by direction")],
)
def test_distances_that_are_no_distances_are_refused(distance, fault):
    with pytest.raises(ChargeError, match=fault):
        distance_charges(distance, [0], ticks_per_ohm=1)


@pytest.mark.parametrize(
    ("made", "fault"),
    [
        (lambda: uniform_charges(2, -3), "-3 ticks from place 0 to 0 is negative"),
        (lambda: Charges(np.zeros((2, 3), int), np.array([0])), "one row and column per place"),
        (lambda: Charges(np.zeros((1, 1)), np.array([0])), "fees are float64"),
        (lambda: Charges(np.zeros((1, 1), int), np.array([0.0])), "one int64 per peer"),
        (lambda: Charges(np.ones((1, 1), int), np.array([0]), np.array([1])), "both or neither"),
        (lambda: nodes([1], [1, 2]), "exit fees are int64 .2,.; expected one int64 per place"),
        (lambda: nodes([-1], [3]), "entry or exit fee is negative"),
        (lambda: nodes([1], [2]), "do not add up"),
        (lambda: zonal_charges([0, 1], 1, [[1, 2, 3]]), "one row and column per place"),
        (lambda: zonal_charges(["a", "b"], [1, 2, 3], 4), "within zones"),
        (lambda: ptdf_charges([[1.0, 0.0]], [0], ticks_per_line=[1, 2]), "one rate or one per"),
        (lambda: distance_charges(STREET_OHM, [0], ticks_per_ohm=1e30), "3.5e.29 ticks; expected"),
    ],
)
def test_what_is_no_charge_is_refused(made, fault):
    with pytest.raises(ChargeError, match=fault):
        made()


def nodes(entry, leave):
    return Charges(np.array([[2]]), np.array([0]), np.array(entry), np.array(leave))
