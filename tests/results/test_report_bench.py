"""The section on the bench, from a run folder made by hand."""

import json

import numpy as np
import pytest

from results.folder import EventLog, Manifest, write_json
from results.reading import Record
from results.recording import TickRecorder
from results.report import write_report
from results.report_bench import bench_section

DEVICE = {
    "name": "roof",
    "role": "inverter",
    "plays": "mill",
    "phase": "abc",
    "identity": {"maker": "Maker", "model": "Model", "serial": "SN1", "firmware": "1.4"},
    "emulated": False,
    "calibrated": "2025-07-01",
    "calibration_due": "2026-07-01",
    "current_ratio": 20.0,
    "voltage_ratio": 1.0,
    "signs": {"p": -1},
    "median_s": 0.002,
    "p99_s": 0.005,
    "amiss": [],
    "noted": ["firmware '1.4', calibrated with '1.3'"],
    "errors": [],
}
BENCH = {
    "user": "ada",
    "host": "lab-pc",
    "began": "2026-06-01T10:00:00+02:00",
    "mode": "real time",
    "armed_by": "--arm",
    "station": {"name": "lab", "operator": "A. Engineer", "sha256": "ab12"},
    "devices": [DEVICE],
    "safe": {"roof": ""},
}
REAL_TIME = {
    "ticks": 4,
    "p50_s": 0.0002,
    "p99_s": 0.001,
    "max_s": 0.0012,
    "overruns": 1,
    "skipped": 0,
    "histogram": [
        {"up_to_us": 100.0, "ticks": 0},
        {"up_to_us": 215.0, "ticks": 3},
        {"up_to_us": 1000.0, "ticks": 1},
    ],
}


@pytest.fixture
def run(tmp_path):
    """Four ticks of a tenth of a second with one device, lost in the last two."""
    Manifest(tmp_path, {"scenario": "hil"}).end("finished")
    lists = {"device_age_s": 1, "device_stale": 1, "pv_kw": 1}
    metadata = {"devices": json.dumps(["roof"]), "peers": '["mill"]', "dt_s": "0.1"}
    metadata |= {"played": json.dumps({"roof": "mill"})}
    start = {"start": "2016-06-14T11:45:00+02:00"}
    with TickRecorder(tmp_path, scalars=[], lists=lists, metadata=metadata | start) as recorder:
        for tick, (age, stale) in enumerate([(0.01, 0), (0.03, 0), (0.51, 1), (0.61, 1)]):
            values = {"device_age_s": np.array([age]), "device_stale": np.array([stale])}
            values |= {"pv_kw": np.zeros(1)}
            recorder.write(tick, [], values)
    with EventLog(tmp_path) as events:
        events.write(2, "device_lost", device="roof", peer="mill", age_s=0.51, p_kw=0.0)
        events.write(3, "trip", peer="mill")
    write_json(tmp_path / "bench.json", BENCH)
    write_json(tmp_path / "timing.json", {"real_time": REAL_TIME})
    return tmp_path


def test_the_section_says_who_ran_what_on_which_device(run):
    section = bench_section(Record(run))
    facts = dict(section["facts"])
    assert facts["run by"] == "ada on lab-pc"
    assert (facts["its SHA-256"], facts["armed by"]) == ("ab12", "--arm")
    (device,) = section["devices"]
    assert (device["model"], device["serial"], device["firmware"]) == ("Maker Model", "SN1", "1.4")
    assert device["calibrated"] == "on 2025-07-01, until 2026-07-01"
    assert device["wired"] == "phase abc, CT 20, p reversed"
    assert device["round_trip"] == "2.00 / 5.00"
    assert device["remarks"] == ["firmware '1.4', calibrated with '1.3'"]


def test_ages_losses_and_lateness_are_those_of_the_record(run):
    section = bench_section(Record(run))
    (row,) = section["readings"]
    # By hand: the middle of 10, 30, 510 and 610 ms lies between 30 and 510.
    assert row["median_ms"] == pytest.approx(270)
    assert row["most_ms"] == pytest.approx(610)
    assert (row["stale"], row["stale_s"]) == (2, pytest.approx(0.2))
    assert [(one["up_to_us"], one["ticks"], one["share"]) for one in section["lateness"]] == [
        (215.0, 3, 1.0),
        (1000.0, 1, 1 / 3),
    ]
    assert [(one["device"], one["what"]) for one in section["events"]] == [
        ("roof", "lost; its fallback stands in")
    ]
    assert "2 of 4 readings were too old" in section["told"][1]


def test_the_guardian_has_the_last_word_on_how_a_device_was_left(run):
    assert bench_section(Record(run))["left"] == [{"name": "roof", "safe": True, "why": ""}]
    note = {"event": "NOT SAFE", "device": "roof", "failure": "no answer"}
    (run / "guardian.jsonl").write_text(json.dumps(note) + "\n", "utf-8")
    left = bench_section(Record(run))["left"]
    assert left == [{"name": "roof", "safe": False, "why": "no answer"}]


def test_the_report_shows_it_when_there_were_devices(run):
    page = write_report(run).read_text("utf-8")
    assert '<section id="bench">' in page
    assert "A. Engineer" in page


def test_a_run_without_devices_has_no_such_section(village):
    assert bench_section(Record(village)) is None
