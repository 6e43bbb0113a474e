"""EN 50160 over a run: means by hand, each band on both sides of its edge, islands, gaps."""

import json

import numpy as np
import pytest

from results.checks import run_checks
from results.recording import TickRecorder

START = "2016-06-14T12:00:00+02:00"


@pytest.fixture
def record_supply(tmp_path):
    """Write a run of two buses, a tick a second (or as told), of which one stays at 1 p.u."""

    def record(vm_pu, f_hz=None, *, dt_s=1.0, islanded=False, ticks=None):
        folder = tmp_path / "run"
        folder.mkdir()
        vm_pu = np.asarray(vm_pu, dtype=float)
        f_hz = np.full(len(vm_pu), 50.0) if f_hz is None else np.asarray(f_hz, dtype=float)
        manifest = {"ticks": len(vm_pu), "islanded": islanded, "status": "finished"}
        (folder / "manifest.json").write_text(json.dumps(manifest))
        names = {"buses": '["joint", "home"]', "dt_s": str(dt_s), "start": START}
        with TickRecorder(folder, scalars=["f_hz"], lists={"vm_pu": 2}, metadata=names) as recorder:
            for tick in range(len(vm_pu)) if ticks is None else ticks:
                recorder.write(tick, [f_hz[tick]], {"vm_pu": np.array([1.0, vm_pu[tick]])})
        return folder

    return record


def judged(folder, **options):
    return run_checks(folder, [("en50160", options)], beside=folder)[0]


def minutes(*levels):
    """Ten minutes at each level, a value a second."""
    return np.repeat(levels, 600)


def test_good_supply_passes_and_its_worst_ten_minutes_and_ten_seconds_are_named(record_supply):
    f_hz = np.full(1800, 50.0)
    f_hz[1200:1210] = 49.9
    verdict = judged(record_supply(minutes(1.0, 0.95, 1.02), f_hz))
    assert verdict.passed
    assert verdict.worst == (
        "0.950 p.u. over 10 min from 12:10:00 at home; 49.90 Hz over 10 s from 12:20:00"
    )
    assert (verdict.value, verdict.bound, verdict.unit) == (pytest.approx(0.95), 0.9, "p.u.")


def test_a_dip_of_a_minute_is_no_matter_to_a_mean_of_ten(record_supply):
    vm = minutes(1.0, 1.0)
    vm[60:120] = 0.6  # by hand: sqrt((9 * 1 + 0.36) / 10) = 0.96747
    verdict = judged(record_supply(vm))
    assert verdict.passed
    assert verdict.value == pytest.approx(0.96747, abs=1e-5)


def test_one_mean_of_six_outside_the_narrow_band_is_more_than_five_percent(record_supply):
    verdict = judged(record_supply(minutes(1.0, 1.0, 0.88, 1.0, 1.0, 1.0)))
    assert not verdict.passed
    assert verdict.worst == (
        "0.880 p.u. over 10 min from 12:20:00 at home "
        "(1 of 6 means outside 0.9 to 1.1 p.u., 0 allowed)"
    )


@pytest.mark.parametrize(("outside", "passed"), [(1, True), (2, False)])
def test_of_twenty_means_one_may_lie_outside_the_narrow_band(record_supply, outside, passed):
    vm = np.repeat([0.88] * outside + [1.0] * (20 - outside), 10)
    assert judged(record_supply(vm, dt_s=60.0)).passed is passed


@pytest.mark.parametrize(("level", "passed"), [(0.851, True), (0.849, False), (1.101, False)])
def test_no_mean_at_all_may_leave_the_wide_band(record_supply, level, passed):
    vm = np.repeat([level] + [1.0] * 19, 10)
    assert judged(record_supply(vm, dt_s=60.0)).passed is passed


def test_exactly_at_the_bounds_holds(record_supply):
    assert judged(record_supply(minutes(0.9, 1.1))).passed


def test_what_is_left_over_is_judged_over_the_last_ten_minutes(record_supply):
    vm = np.concatenate([minutes(1.0), np.full(300, 0.8)])
    verdict = judged(record_supply(vm))
    # By hand: the last ten minutes are half at 1 and half at 0.8, sqrt(0.82) = 0.90554.
    assert verdict.value == pytest.approx(0.90554, abs=1e-5)
    assert "from 12:05:00" in verdict.worst


def test_a_run_shorter_than_ten_minutes_is_judged_and_says_so(record_supply):
    folder = record_supply(np.full(120, 0.89))
    verdict = judged(folder)
    assert not verdict.passed
    assert verdict.worst.startswith("0.890 p.u. over 2 min from 12:00:00 at home")
    assert verdict.worst.endswith(
        "the run is shorter than the standard's ten minutes, so 2 min were judged"
    )


@pytest.mark.parametrize(("f_hz", "passed"), [(47.1, True), (46.9, False), (52.1, False)])
def test_interconnected_frequency_may_leave_the_narrow_band_for_half_a_percent(
    record_supply, f_hz, passed
):
    # 200 means of ten seconds, of which one may lie outside 49.5 to 50.5 Hz.
    frequency = np.full(2000, 50.0)
    frequency[500:510] = f_hz
    verdict = judged(record_supply(np.ones(2000), frequency))
    assert verdict.passed is passed
    if not passed:
        assert f"{f_hz:.2f} Hz over 10 s from 12:08:20" in verdict.worst
        assert verdict.unit == "Hz"


def test_interconnected_frequency_of_one_in_a_hundred_means_outside_is_too_much(record_supply):
    frequency = np.full(1000, 50.0)
    frequency[:10] = 49.0
    verdict = judged(record_supply(np.ones(1000), frequency))
    assert (verdict.passed, verdict.value, verdict.bound) == (False, 49.0, 49.5)


@pytest.mark.parametrize(
    ("vm", "f_hz", "passed"),
    [
        (0.88, 50.0, True),
        (0.84, 50.0, False),
        (1.0, 49.1, True),
        (1.0, 48.9, False),
    ],
)
def test_an_island_is_held_to_its_own_wider_bands(record_supply, vm, f_hz, passed):
    run = record_supply(np.full(600, vm), np.full(600, f_hz), islanded=True)
    assert judged(run).passed is passed


def test_another_nominal_frequency_moves_the_band(record_supply):
    run = record_supply(np.ones(600), np.full(600, 60.0))
    assert not judged(run).passed
    assert judged(run, nominal_hz=60.0).passed


def test_a_bus_without_voltage_fails_although_the_standard_sets_interruptions_apart(record_supply):
    assert not judged(record_supply(minutes(1.0, 0.0))).passed


def test_a_gap_fails_it_and_is_named(record_supply):
    folder = record_supply(np.ones(600), ticks=[*range(300), *range(301, 600)])
    verdict = judged(folder)
    assert not verdict.passed
    assert verdict.worst == "the record has a gap at 12:05:00 (tick 300)"


def test_a_voltage_that_is_no_number_fails_it_and_is_named(record_supply):
    vm = np.ones(600)
    vm[7] = np.nan
    verdict = judged(record_supply(vm))
    assert (verdict.passed, verdict.worst) == (False, "vm_pu of home is missing at 12:00:07")
