"""Voltage unbalance over a run: means by hand, both sides of the limit, phases by their names."""

import json

import numpy as np
import pytest

from results.checks import run_checks
from results.recording import TickRecorder


@pytest.fixture
def judged(tmp_path):
    """Record two buses, of which the second has these unbalances [%], and hold a check to it."""

    def record(vuf_percent, check="voltage_unbalance", vm_pu=1.0, **options):
        manifest = {"ticks": len(vuf_percent), "islanded": False, "status": "finished"}
        (tmp_path / "manifest.json").write_text(json.dumps(manifest))
        phases = [f"{bus}.{phase}" for bus in ("joint", "home") for phase in "abc"]
        names = {"buses": '["joint", "home"]', "phases": json.dumps(phases), "dt_s": "1.0"}
        start = "2016-06-14T12:00:00+02:00"
        with TickRecorder(
            tmp_path,
            scalars=["f_hz"],
            lists={"vm_pu": 6, "vuf_percent": 2},
            metadata={**names, "start": start},
        ) as recorder:
            for tick, vuf in enumerate(vuf_percent):
                vm = np.array([1, 1, 1, 1, vm_pu, 1], dtype=float)
                recorder.write(tick, [50.0], {"vm_pu": vm, "vuf_percent": np.array([0.0, vuf])})
        return run_checks(tmp_path, [(check, options)], beside=tmp_path)[0]

    return record


def test_the_mean_is_that_of_squares_over_ten_minutes(judged):
    # By hand: half of the time 1 %, half 2.4 %: sqrt((1 + 5.76) / 2) = 1.838 %.
    verdict = judged([1.0] * 300 + [2.4] * 300)
    assert verdict.passed
    assert verdict.value == pytest.approx(1.8385, abs=1e-3)
    assert verdict.worst == "1.84 % over 10 min from 12:00:00 at home"


def test_one_mean_above_the_limit_fails_a_short_run(judged):
    verdict = judged([1.0] * 600 + [2.1] * 600)
    assert not verdict.passed
    assert "1 of 2 means outside" in verdict.worst
    assert judged([1.0] * 600 + [2.1] * 600, limit_percent=2.2).passed


def test_one_of_twenty_means_may_be_above_it(judged):
    assert judged([3.0] * 600 + [1.0] * 19 * 600).passed


def test_en50160_judges_unbalance_too_and_names_the_phase(judged):
    assert judged([1.0] * 600, "en50160").passed
    assert "%" in judged([2.5] * 600, "en50160").worst
    verdict = judged([1.0] * 600, "en50160", vm_pu=1.2)
    assert not verdict.passed
    assert "home.b" in verdict.worst


def test_a_balanced_run_has_no_unbalance_to_judge(judged, tmp_path):
    (tmp_path / "manifest.json").write_text('{"ticks": 1, "islanded": false}')
    with TickRecorder(tmp_path, scalars=["f_hz"], lists={"vm_pu": 1}, metadata={}) as recorder:
        recorder.write(0, [50.0], {"vm_pu": np.ones(1)})
    verdict = run_checks(tmp_path, [("voltage_unbalance", {})], beside=tmp_path)[0]
    assert (verdict.passed, verdict.worst) == (False, "vuf_percent was not recorded")
