"""Manifest, event log and reading back, also after a kill."""

import json
from datetime import datetime

import pytest

from results.folder import EventLog, Manifest
from results.reading import Record


def test_manifest_goes_from_running_to_its_end(tmp_path):
    manifest = Manifest(tmp_path, {"scenario": "village", "seed": 7})
    assert Record(tmp_path).manifest["status"] == "running"

    manifest.end("interrupted", because="Ctrl-C")

    end = json.loads((tmp_path / "manifest.json").read_text())
    expected = {"scenario": "village", "seed": 7, "status": "interrupted", "because": "Ctrl-C"}
    assert end == expected
    assert [path.name for path in tmp_path.iterdir()] == ["manifest.json"]


def test_events_are_on_disk_before_the_log_is_closed(tmp_path):
    with EventLog(tmp_path) as log:
        log.write(23400, "trip", peer="mill")
        assert Record(tmp_path).events == [{"tick": 23400, "kind": "trip", "peer": "mill"}]


def test_an_event_cut_off_by_a_kill_is_left_out(tmp_path):
    (tmp_path / "events.jsonl").write_text('{"tick": 1, "kind": "a"}\n{"tick": 2, "ki')

    assert Record(tmp_path).events == [{"tick": 1, "kind": "a"}]


def test_a_record_knows_names_and_clock(village):
    record = Record(village)

    assert record.moment(2340) == datetime.fromisoformat("2016-06-14T12:24:00+02:00")
    assert record.clock(2340) == "12:24:00"
    assert record.frame("p_kw").columns[-2:].tolist() == ["mill", "lpd"]
    assert record.values("vm_pu").shape == (3600, 41)
    assert record.scalar("f_hz").shape == (3600,)


def test_a_folder_without_anything_has_no_manifest_and_no_ticks(tmp_path):
    record = Record(tmp_path)

    assert (record.manifest, record.network, record.verdict, record.events) == ({}, None, None, [])
    with pytest.raises(FileNotFoundError):
        _ = record.ticks
