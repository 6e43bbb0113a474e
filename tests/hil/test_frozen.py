"""A device that repeats its reading for ever is not believed for ever; an honest one always is."""

import math
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hil.drivers.scpi_inverter import ScpiInverter
from hil.emulated_bench import EmulatedStation
from hil.emulators.instrument import Manners
from hil.emulators.inverter import EmulatedInverter
from hil.emulators.world import World
from hil.exchange import Asked
from hil.realtime.frozen import FrozenWatch
from hil.realtime.live import RealTimeExchange
from hil.realtime.lockstep import LockstepExchange
from hil.realtime.node import Node, NodeReading
from hil.realtime.opening import open_armed
from hil.safety.arming import arm
from hil.station import Limits, OnLoss, Station, StationDevice
from models.inverters.inverter import Inverter, InverterParams

ROOF = InverterParams(p_rated_kw=10.0, s_kva=10.0)


def reading(p_kw, energy_kwh=None, soc=math.nan):
    return NodeReading(p_kw, 0.0, p_kw == 0.0, energy_kwh, soc)


def first_frozen(said, *, after_s=10.0, follows=False, rate_hz=1.0):
    """When, and why, a node of 10 kW that says this is believed no longer. [s]"""
    watch = FrozenWatch(10.0, after_s=after_s, follows=follows)
    for k, (one, setpoint_kw) in enumerate(said):
        because = watch.see(one, setpoint_kw, k / rate_hz)
        if because is not None:
            return k / rate_hz, because
    return None


def test_power_above_a_limit_that_was_lowered_is_noticed_after_the_stations_time():
    # By hand: 8 kW since 0 s; the limit is lowered at 20 s and that is noticed at 30 s.
    said = [(reading(8.0), 9.0 if k < 20 else 5.0) for k in range(60)]
    at_s, because = first_frozen(said)
    assert at_s == 30.0
    assert because == (
        "its readings stand still at 8 kW, 31 times over 30 s, while it was told 5 kW"
    )


def test_a_limit_that_is_raised_proves_nothing_unless_readings_had_noise():
    rise = [(reading(5.0), 5.0 if k < 5 else 9.0) for k in range(100)]
    assert first_frozen(rise) is None
    noisy = [(reading(5.0 + 0.001 * (k % 7)), 5.0) for k in range(40)]
    at_s, because = first_frozen([*noisy, *rise])
    assert at_s == 40 + 5 + 10
    assert because.endswith("and its noise is gone")


def test_a_register_that_stands_still_under_power_is_noticed():
    # By hand: 3.5 kW are 0.972 Wh a second, in steps of 10 Wh; three are owed after 30.9 s.
    said = [(reading(3.5, math.floor(k / 10) / 100), 9.0) for k in range(51)]
    at_s, because = first_frozen([*said, *50 * [said[-1]]])
    assert at_s == 50 + 31
    assert "its register should have counted 0.0301 kWh" in because


def test_a_coarse_register_that_was_never_seen_to_move_proves_nothing():
    assert first_frozen(500 * [(reading(3.6, 17.0), 9.0)]) is None


def test_a_store_that_does_not_follow_is_noticed_either_way():
    for told in (8.0, 2.0, -5.0):
        said = [(reading(5.0), 5.0 if k < 5 else told) for k in range(60)]
        assert first_frozen(said, follows=True)[0] == 15.0
    assert first_frozen(60 * [(reading(5.0), 5.0)], follows=True) is None


def test_a_quiet_night_is_no_frozen_device():
    register = 12.5
    day = [(reading(5.0 + 0.01 * (k % 5), register + k / 1000), 9.0) for k in range(60)]
    night = [(reading(0.0, register + 0.06), limit) for limit in (9.0, 0.0, 3.0) * 400]
    assert first_frozen([*day, *night]) is None


def test_what_moves_again_is_believed_again_and_a_station_may_watch_nothing():
    watch = FrozenWatch(10.0, after_s=1.0)
    for k in range(9):
        because = watch.see(reading(8.0), 9.0 if k < 2 else 5.0, float(k))
    assert because is not None
    # Once frozen, the limit's return proves nothing; a reading that moves does.
    assert watch.see(reading(8.0), 9.0, 9.0) is not None
    assert watch.see(reading(5.0), 5.0, 10.0) is None
    said = [(reading(8.0), 9.0 if k < 20 else 5.0) for k in range(600)]
    assert first_frozen(said, after_s=None) is None


steps = st.lists(
    st.tuples(st.floats(0, 12), st.floats(0, 10), st.integers(1, 40)), min_size=1, max_size=8
)


@given(
    steps=steps,
    grain_kw=st.sampled_from([0.0, 0.01, 0.1]),
    period=st.integers(1, 30),
    grain_kwh=st.sampled_from([None, 0.0, 0.001, 0.1]),
)
def test_an_honest_inverter_is_always_believed(steps, grain_kw, period, grain_kwh):
    # The model, shown in whole grains and renewed every `period` polls of 0.1 s: 3 s at most.
    watch, model, k, shown = FrozenWatch(10.0, after_s=10.0), Inverter(ROOF), 0, None
    for available_kw, limit_kw, length in steps:
        for _ in range(10 * length):
            model.step(0.1, available_kw, limit_kw, 1.0, 50.0)
            if shown is None or k % period == 0:
                shown = reading(in_grains(model.p_kw, grain_kw), None)
                if grain_kwh is not None:
                    shown = shown._replace(energy_kwh=in_grains(model.energy_kwh, grain_kwh))
            assert watch.see(shown, limit_kw, 0.1 * k) is None
            k += 1


def in_grains(value, grain):
    return grain * math.floor(value / grain) if grain else value


class Direct:
    """A link to an instrument in this process."""

    def __init__(self, instrument):
        self._instrument = instrument

    def write(self, message):
        self._instrument.execute(message)

    def query(self, message):
        return self._instrument.execute(message)

    exchange = query

    def drop(self):
        pass

    close = drop


def test_in_lockstep_a_stuck_device_is_lost_until_it_moves_again():
    emulated = EmulatedInverter(ROOF, world=World(), manners=Manners())
    driver = ScpiInverter(Direct(emulated), name="roof", p_rated_kw=10.0)
    node = Node("mill", driver, on_loss=OnLoss(frozen_after_s=1.0))
    exchange = LockstepExchange({"mill": node}, dt_s=0.1, retry_ticks=5)

    def tick(limit_kw):
        return exchange.exchange(
            Asked(np.array([8.0]), np.array([limit_kw]), np.array([1.0]), 50.0)
        )

    for _ in range(30):
        tick(9.0)
    exchange.inject("mill", "stuck")
    stale = [tick(5.0).stale[0] for _ in range(40)]
    # Told 5 kW in tick 0; what it says then is repeated for ten ticks, and believed no longer.
    assert stale.index(True) == 10
    assert all(stale[10:])
    (lost,) = exchange.happened()
    assert lost.what == "lost"
    assert "while it was told 5 kW" in lost.because
    answer = tick(5.0)
    assert (answer.p_kw[0], answer.tripped[0]) == (0.0, True)
    exchange.clear_faults("mill")
    answers = [tick(5.0) for _ in range(10)]
    assert not answers[-1].stale[0]
    # It has lived all its ticks meanwhile, so it follows the limit as if it had been believed.
    assert answers[-1].p_kw[0] == pytest.approx(5.0, abs=1e-3)
    assert [one.what for one in exchange.happened()] == ["back"]


@pytest.mark.soak
def test_in_real_time_a_stuck_device_is_lost_until_it_moves_again():
    device = StationDevice(
        name="roof",
        role="inverter",
        driver="scpi-inverter",
        emulated={},
        plays="roof",
        p_rated_kw=10.0,
        s_rated_kva=10.0,
        limits=Limits(p_max_kw=10.0, q_max_kvar=10.0),
        timeout_s=5.0,
    )
    asked = Asked(np.array([8.0]), np.array([9.0]), np.array([1.0]), 50.0)
    station = Station(name="roofs", file=Path("roofs.yaml"), devices=(device,))
    with EmulatedStation(station) as emulated:
        device = replace(
            device,
            address=emulated.addresses["roof"],
            on_loss=OnLoss(after_s=0.5, frozen_after_s=1.0),
        )
        opener = partial(open_armed, arm(replace(station, devices=(device,)), (device,)))
        with RealTimeExchange(opener, {"roof": device.on_loss}) as exchange:

            def tick_until(done):
                ends_s = time.monotonic() + 20.0
                while not done(answer := exchange.exchange(asked)):
                    assert time.monotonic() < ends_s
                    time.sleep(0.02)
                return answer

            tick_until(lambda answer: answer.p_kw[0] > 7.9)
            exchange.inject("roof", "stuck")
            assert tick_until(lambda answer: answer.stale[0]).p_kw[0] == 0.0
            exchange.clear_faults("roof")
            tick_until(lambda answer: not answer.stale[0])
            lost, back = exchange.happened()
    assert (lost.what, back.what) == ("lost", "back")
    assert "its register should have counted" in lost.because
