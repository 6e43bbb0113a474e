"""Procedures over sockets and in real time, at an emulated bench of four instruments."""

from dataclasses import replace
from pathlib import Path

import pytest

from hil.station import Limits, Station, StationDevice
from hil.typetest.opening import bench_target
from hil.typetest.run import run
from hil.typetest.setup import Setup
from models.inverters.standards import profiles

STANDARD = profiles()["ieee1547-2018-b-iii"]
SHORT = {
    "voltage_trip.over": [[1.2, 0.16]],
    "voltage_trip.under": [[0.5, 2.0]],
    "frequency_trip.over": [[62.0, 0.16]],
    "frequency_trip.under": [],
    "ride_through.voltage": [[0.5, 0.7, 2.0, 0.0, "momentary"]],
    "ride_through.frequency": [[61.2, 61.8, 3.0]],
    "enter_service.delay_s": 6.0,
    "enter_service.ramp_s": 1.0,
}
"""A standard whose events are over within seconds; what is judged, and how, stays."""


def profile():
    settings = dict(STANDARD.settings)
    for key, value in SHORT.items():
        settings[key] = replace(settings[key], value=value)
    return replace(STANDARD, settings=settings)


def station(**functions):
    def device(role, p_rated_kw=15.0, **given):
        common = {"driver": "scpi", "emulated": {}, "plays": "mill", "timeout_s": 20.0}
        limits = Limits(p_max_kw=p_rated_kw, q_max_kvar=15.0, v_max_v=300.0, i_max_a=100.0)
        rated = {"p_rated_kw": p_rated_kw, "s_rated_kva": p_rated_kw, "limits": limits}
        return StationDevice(name=role, role=role, **common | rated | given)

    settings = {"enter_service": {"delay_s": 6.0, "ramp_s": 1.0}, **functions}
    emulated = {"standard": STANDARD.name, "functions": settings}
    return Station(
        name="qualify",
        file=Path("qualify.yaml"),
        f_nominal_hz=60.0,
        devices=(
            device("inverter", 10.0, driver="scpi-inverter", emulated=emulated),
            device("grid-simulator"),
            device("pv-simulator"),
            device("analyser", 0.0),
        ),
    )


def verdicts(bench, folder, *procedures):
    with bench_target(bench, bench.devices[0], folder) as target:
        trials = run(Setup(target.lab, profile(), full=False), procedures)
    return {step.name: (step.verdict, step.because) for trial in trials for step in trial.steps}


@pytest.mark.soak
def test_a_sound_inverter_passes_events_that_the_source_plays(tmp_path):
    found = verdicts(station(), tmp_path, "trip", "ride-through")
    assert len(found) == 5
    assert {verdict for verdict, _ in found.values()} == {"passed"}, found


@pytest.mark.soak
def test_an_inverter_that_trips_late_fails_at_that_level_and_at_no_other(tmp_path):
    late = {"voltage_trip": {"under": [[0.88, 21.0], [0.5, 4.0]]}}
    found = verdicts(station(**late), tmp_path, "trip")
    failed = {name for name, (verdict, _) in found.items() if verdict != "passed"}
    assert len(failed) == 1, found
    assert "0.4" in failed.pop()


@pytest.mark.soak
def test_an_inverters_limit_is_judged_and_its_functions_are_not_where_nobody_can_set_them(tmp_path):
    found = verdicts(station(), tmp_path, "limit-power", "volt-var")
    limits = {name: verdict for name, (verdict, _) in found.items() if name.startswith("limit")}
    assert set(limits.values()) == {"passed"}
    assert len(limits) == 4
    [(_, because)] = [one for name, one in found.items() if not name.startswith("limit")]
    assert "cannot set" in because
