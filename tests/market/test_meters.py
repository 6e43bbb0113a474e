"""Meters, by hand: 3.6 kW for a tick of 100 ms is 0.1 Wh."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from market.delivery.meters import Meters

NOBODY = np.zeros(2, dtype=bool)
NOTHING = np.zeros(2)


def run(meters, p_kw, ticks, *, shed_kw=NOTHING, tripped=NOBODY):
    """Step with constant power; give (tick, peer) of every call."""
    power = np.array(p_kw, dtype=float)
    return [
        (tick, int(peer)) for tick in range(ticks) for peer in meters.step(power, shed_kw, tripped)
    ]


def test_energy_is_power_times_time():
    meters = Meters(2, 0.1)
    run(meters, [3.6, -1.8], 10)
    reading = meters.close()
    assert reading.net_milliwh.tolist() == [1000, -500]
    assert meters.total_wh.tolist() == pytest.approx([1.0, -0.5])


def test_a_seller_is_called_when_its_deficit_passes_twenty_watthours():
    # Sold 900 Wh over 900 ticks: 1 Wh a tick; 2 % are 18 Wh, so 20 Wh count. Delivering nothing,
    # the deficit is 21 Wh at the end of tick 20.
    meters = Meters(2, 0.1)
    meters.expect(np.array([900, 0]), np.array([0, 0]), 900)
    assert run(meters, [0.0, 0.0], 900) == [(20, 0)]


def test_a_large_contract_is_called_at_two_percent():
    # Sold 9 000 Wh over 900 ticks: 10 Wh a tick, called beyond 180 Wh, at the end of tick 18.
    meters = Meters(2, 0.1)
    meters.expect(np.array([9000, 0]), np.array([0, 0]), 900)
    assert run(meters, [0.0, 0.0], 30) == [(18, 0)]


def test_a_trip_is_called_after_three_ticks_in_a_row():
    meters = Meters(2, 0.1)
    meters.expect(np.array([900, 0]), np.array([0, 0]), 900)
    seller_tripped = np.array([True, False])
    assert run(meters, [36.0, 0.0], 2, tripped=seller_tripped) == []
    assert run(meters, [36.0, 0.0], 1) == []
    assert run(meters, [36.0, 0.0], 5, tripped=seller_tripped) == [(2, 0)]
    assert meters.because(0) == "trip"


def test_who_has_no_contract_is_never_called():
    meters = Meters(2, 0.1)
    meters.expect(np.array([0, 0]), np.array([0, 0]), 900)
    assert run(meters, [-50.0, 0.0], 50, tripped=np.array([True, True])) == []


def test_what_the_operator_sheds_counts_as_accepted():
    # Bought 900 Wh: 36 kW. Half withdrawn, half shed: no deficit.
    meters = Meters(2, 0.1)
    meters.expect(np.array([0, 0]), np.array([0, 900]), 900)
    assert run(meters, [0.0, -18.0], 900, shed_kw=np.array([0.0, 18.0])) == []
    assert meters.deficit_wh[1] == pytest.approx(0.0, abs=1e-9)
    assert meters.close().shed_milliwh.tolist() == [0, 450_000]


def test_a_buyer_that_does_not_take_is_called_once_per_period():
    meters = Meters(2, 0.1)
    for _ in range(2):
        meters.expect(np.array([0, 0]), np.array([0, 900]), 900)
        assert run(meters, [0.0, 0.0], 900) == [(20, 1)]
        assert meters.because(1) == "deficit"
        meters.close()


def test_a_trip_calls_again_a_seller_that_was_called_for_its_deficit():
    # Sold 900 Wh over 900 ticks, delivers nothing: 20 Wh are missed after 20 ticks.
    meters = Meters(1, 0.1)
    meters.expect(np.array([900]), np.array([0]), 900)
    assert run(meters, [0.0], 400) == [(20, 0)]
    off = np.ones(1, dtype=bool)
    called = [meters.step(np.zeros(1), np.zeros(1), off).tolist() for _ in range(50)]
    assert called.index([0]) == 2
    assert sum(map(len, called)) == 1
    assert meters.because(0) == "trip"


def test_the_remainder_of_a_period_is_carried_to_the_next():
    # 1.44 W for a second are 0.4 mWh: 0, 1 (of 0.8), 0 (of 0.2), 1 (of 0.6), 0 (of 0.0).
    meters = Meters(2, 1.0)
    read = []
    for _ in range(5):
        run(meters, [0.00144, 0.0], 1)
        read.append(int(meters.close().net_milliwh[0]))
    assert read == [0, 1, 0, 1, 0]


@given(st.lists(st.floats(-100, 100), min_size=1, max_size=30))
def test_readings_add_up_to_the_register(powers_kw):
    meters = Meters(1, 0.1)
    read = 0
    for p_kw in powers_kw:
        meters.step(np.array([p_kw]), np.zeros(1), np.zeros(1, dtype=bool))
        read += int(meters.close().net_milliwh[0])
    assert abs(read - 1000 * meters.total_wh[0]) <= 0.5 + 1e-6
