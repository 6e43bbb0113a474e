"""A bench whose grid simulator closes a loop: tried before the run, refused when it would hunt."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hil.emulated_bench import EmulatedStation
from hil.errors import UnsafeError
from hil.exchange import Asked
from hil.phil.closing import NodeLoop
from hil.phil.commissioning import Feeder
from hil.phil.stability import largest_stable_gain
from hil.realtime.lockstep import LockstepExchange
from hil.realtime.node import Node
from hil.realtime.opening import open_armed
from hil.safety.arming import arm
from hil.station import GridLoop, Limits, Station, StationDevice

KVA, TICK_S = 5.0, 0.1
V_LL = 3**0.5 * 230.0
LAGGED = GridLoop(response_s=1.0, v_steps_pu=(1.0, 1.03, 1.06), settle_s=2.0)
HALF = 0.5 * largest_stable_gain(TICK_S, [1.0])
# By hand: volt-var of IEEE 1547-2018, category B, falls by 0.44 of the apparent power over
# 0.06 p.u.; the feeder of this reactance turns that into this loop gain.
SLOPE_KVAR = KVA * 0.44 / 0.06
SETTINGS = {
    "standard": "ieee1547-2018-b-ii",
    "functions": {
        "volt_var": {"enabled": True, "response_s": 0.2},
        "constant_pf": {"enabled": False},
        "enter_service": {"delay_s": 0.0, "ramp_s": 0.0},
    },
    "step_s": 0.1,
}


def feeder(gain: float) -> Feeder:
    return Feeder(r_ohm=0.0, x_ohm=gain * V_LL**2 / (1e3 * SLOPE_KVAR), v_nominal_v=V_LL)


def bench(loop: GridLoop, **changed: dict[str, object]) -> Station:
    """An inverter with volt-var at a grid simulator, measured by an analyser."""
    parts = {
        "inverter": {
            "role": "inverter",
            "driver": "scpi-inverter",
            "emulated": SETTINGS,
            "limits": Limits(p_max_kw=KVA, q_max_kvar=KVA),
        },
        "grid": {
            "role": "grid-simulator",
            "limits": Limits(p_max_kw=10.0, v_max_v=300.0, i_max_a=100.0),
            "loop": loop,
        },
        "analyser": {"role": "analyser", "limits": Limits()},
    }
    devices = tuple(
        StationDevice(
            name=name,
            plays="mill",
            p_rated_kw=KVA,
            s_rated_kva=KVA,
            timeout_s=5.0,
            **{"driver": "scpi", "emulated": {}, **part, **changed.get(name, {})},
        )
        for name, part in parts.items()
    )
    return Station(name="lab", file=Path("lab.yaml"), devices=devices, v_window_v=(180.0, 280.0))


@pytest.fixture(scope="module")
def emulated() -> Iterator[EmulatedStation]:
    """One set of emulators for all: each test's station says something else of them."""
    with EmulatedStation(bench(LAGGED)) as emulators:
        yield emulators


@contextmanager
def closed(
    emulated: EmulatedStation, station: Station, gain: float, *, live: bool = False
) -> Iterator[dict[str, Node]]:
    devices = tuple(replace(d, address=emulated.addresses[d.name]) for d in station.devices)
    station = replace(station, devices=devices)
    loops = {"mill": NodeLoop(TICK_S, feeder(gain))}
    with open_armed(arm(station, devices), live=live, loops=loops) as opened:
        yield dict(opened.nodes)


def refusal(emulated: EmulatedStation, station: Station, gain: float, *, live: bool = False) -> str:
    """Why the run does not start."""
    with pytest.raises(UnsafeError) as refused, closed(emulated, station, gain, live=live):
        pass
    return str(refused.value)


def gain_in(said: str) -> float:
    return float(re.search(r"loop gain ([\d.]+) is above", said)[1])


def asked(vm_pu: float) -> Asked:
    return Asked(np.array([4.0]), np.array([4.0]), np.array([vm_pu]), 50.0)


def test_a_gain_just_under_half_the_bound_runs_and_the_source_follows_with_its_lag(emulated):
    with closed(emulated, bench(LAGGED), 0.97 * HALF) as nodes:
        exchange = LockstepExchange(nodes, dt_s=TICK_S)
        for _ in range(20):
            answer = exchange.exchange(asked(1.0))
        assert (answer.p_kw[0], answer.q_kvar[0]) == pytest.approx((4.0, 0.0), abs=0.02)
        grid = next(one for one in nodes["mill"].devices if one.name == "grid")
        for _ in range(10):
            exchange.exchange(asked(1.05))
        # By hand: after its response time the lag has gone 90 % of the way.
        assert grid.measure().vm_v[0] / 230.0 == pytest.approx(1.045, abs=1e-3)


def test_a_gain_just_above_half_the_bound_is_refused_with_node_gain_bound_and_cure(emulated):
    said = refusal(emulated, bench(LAGGED), 1.03 * HALF)
    assert said.startswith("mill: commissioning: loop gain")
    assert gain_in(said) == pytest.approx(1.03 * HALF, abs=0.01)
    assert f"is above {HALF:.2f}" in said
    assert "the run does not start" in said
    assert "lengthen the lag to" in said
    assert f"-{SLOPE_KVAR:.3g} kvar per p.u." in said


def test_scale_counts_and_an_impedance_of_the_station_stands_before_that_of_the_grid(emulated):
    # By hand: ten times the power over 0.15 of the reactance is 1.5 times the gain.
    ten = bench(LAGGED, inverter={"scale": 10.0})
    assert gain_in(refusal(emulated, ten, 0.15 * HALF)) == pytest.approx(1.5 * HALF, abs=0.01)
    own = replace(LAGGED, r_ohm=0.0, x_ohm=feeder(1.5 * HALF).x_ohm)
    assert gain_in(refusal(emulated, bench(own), 0.0)) == pytest.approx(1.5 * HALF, abs=0.01)


@pytest.mark.parametrize(
    ("changed", "found"),
    [
        ({"analyser": {"signs": {"p": -1}}}, "the sign is reversed"),
        ({"inverter": {"phase": "a"}}, "the current moved on phase abc, the station says a"),
    ],
    ids=["sign", "phase"],
)
def test_a_wrong_sign_or_phase_is_found_by_the_small_step(emulated, changed, found):
    said = refusal(emulated, bench(LAGGED, **changed), 0.1)
    assert said.startswith("mill: commissioning: ")
    assert found in said


@pytest.mark.soak
def test_in_real_time_the_loop_is_tried_by_the_wall_clock_with_its_delay(emulated):
    half = 0.5 * largest_stable_gain(TICK_S, [1.0], delay_steps=2)
    with closed(emulated, bench(LAGGED), 0.9 * half, live=True) as nodes:
        assert set(nodes) == {"mill"}
    said = refusal(emulated, bench(LAGGED), 1.1 * half, live=True)
    assert f"is above {half:.2f}" in said
    assert "0.2 s of delay" in said
