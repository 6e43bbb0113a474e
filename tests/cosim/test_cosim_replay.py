"""A run on the bench is had again without its devices, from what its folder keeps."""

import json

import pytest
import yaml

from cosim.bench.live import Live
from cosim.bench.seating import SeatingError
from cosim.run import RunBroken, run_scenario
from scenarios.overrides import parse_override

STATION = {
    "station": "lab",
    "v_window_v": [180, 280],
    "devices": {
        "mill-inverter": {
            "role": "inverter",
            "emulated": {"reconnect_delay_s": 0.1, "noise": 0.01},
            "plays": "mill",
            "p_rated_kw": 30,
            "timeout": "500 ms",
        },
        "mill-meter": {"role": "analyser", "emulated": {"noise": 0.01}, "plays": "mill"},
    },
}
SAID = "timing.json", "manifest.json", "bench.json", "bench"


@pytest.fixture(scope="module")
def lab(write_village, tmp_path_factory):
    """Two seconds of the village, in the second of which the link of its mill is lost."""
    folder = tmp_path_factory.mktemp("lab")
    station = folder / "lab.yaml"
    station.write_text(yaml.safe_dump(STATION), encoding="utf-8")
    lost = {"at": "1 s", "device": "mill-inverter", "fault": "close", "for": "500 ms"}
    return station, write_village(
        folder,
        time={"start": "2016-06-14T12:00:00+02:00", "duration": "2 s"},
        market={"period": "2 s", "gate": "2 s"},
        events=[lost],
    )


def folder_of(file, **how):
    return run_scenario(file, out=file.parent / "runs", report=False, **how).folder


@pytest.fixture(scope="module")
def recorded(lab):
    station, file = lab
    return folder_of(file, station=station)


def content(folder):
    """All results of a run."""
    files = {path.name: path for path in folder.iterdir() if path.name not in SAID}
    ledger = json.loads((folder / "manifest.json").read_text("utf-8"))["ledger"]
    return {name: path.read_bytes() for name, path in files.items()} | {"ledger": ledger}


def test_a_replay_leaves_the_same_bytes_without_the_devices(lab, recorded):
    _, file = lab
    again = folder_of(file, replay=recorded)
    then, now = content(recorded), content(again)
    assert {"ticks.parquet", "events.jsonl"} <= then.keys()
    assert b"device_lost" in then["events.jsonl"]
    assert {name for name in then | now if then.get(name) != now.get(name)} == set()
    assert not (again / "bench").exists()


def test_a_replay_that_asks_something_else_is_refused_with_what_and_where(lab, recorded):
    _, file = lab
    with pytest.raises(RunBroken, match=r"exchange\.jsonl:\d+: asked then: mill \w+ .*now .*seed"):
        folder_of(file, replay=recorded, overrides=[parse_override("peers.mill.pv.p_kwp=20")])


def test_a_folder_without_a_record_of_devices_is_refused(lab, tmp_path):
    station, file = lab
    with pytest.raises(SeatingError, match="expected the folder of a run in real time"):
        folder_of(file, replay=tmp_path)
    kept = tmp_path / "bench" / "exchange.jsonl"
    kept.parent.mkdir()
    head = {"nodes": ["roof"], "dt_s": 0.1, "live": False, "on_station": True}
    kept.write_text(json.dumps({"format": "peerwatt exchange 1", **head}) + "\n", "utf-8")
    with pytest.raises(RunBroken, match=r"devices of roof .* the scenario has devices of mill"):
        folder_of(file, station=station, replay=tmp_path)


@pytest.mark.soak
def test_a_run_in_real_time_is_had_again_to_the_byte_as_fast_as_it_goes(lab):
    station, file = lab
    live = folder_of(file, station=station, live=Live())
    then, now = content(live), content(folder_of(file, replay=live))
    assert {name for name in then | now if then.get(name) != now.get(name)} <= {"guardian.jsonl"}
