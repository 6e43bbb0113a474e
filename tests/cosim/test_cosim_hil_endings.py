"""However a run with devices ends: safe, said in words, and what was recorded can be read."""

import json
import os
import resource
import signal
import time
from functools import partial
from pathlib import Path

import pytest
import yaml

from results.reading import Record

STATION = Path(__file__).parents[2] / "stations" / "emulated.yaml"
PATIENCE_S = 120.0
TICKS_BYTES = 250_000
"""What the record of 125 ticks takes; nothing else that a run writes is as large."""
LATENCY_S = 0.02
"""Of the analyser: no more than 50 ticks a second, which are written at once, however quick the
machine is."""

MODES = [pytest.param([], id="lockstep"), pytest.param(["--real-time"], id="real time")]


@pytest.fixture
def start(start_peerwatt, write_village, tmp_path):
    """Start ten minutes of the village with the whole emulated bench."""

    def started(*words, **more):
        long = {"start": "2016-06-14T12:00:00+02:00", "duration": "10 min"}
        file = write_village(tmp_path, time=long, events=[])
        bench = yaml.safe_load(STATION.read_text("utf-8"))
        bench["devices"]["mill-analyser"]["emulated"] = {"latency_s": LATENCY_S}
        station = tmp_path / "slow.yaml"
        station.write_text(yaml.safe_dump(bench), "utf-8")
        options = ["--station", station, "--no-report", "--out", tmp_path / "runs", *words]
        return start_peerwatt("run", *map(str, [file, *options]), **more)

    return started


def left_safe(folder):
    """How each device was left, as the run says."""
    bench = json.loads((folder / "bench.json").read_text("utf-8"))
    assert set(bench["safe"]) == {"mill-inverter", "mill-grid", "mill-pv", "mill-analyser"}
    return set(bench["safe"].values()) == {""}


@pytest.mark.soak
@pytest.mark.parametrize("mode", MODES)
def test_a_full_disk_ends_a_run_in_words_with_its_devices_safe(start, tmp_path, mode):
    limit = partial(resource.setrlimit, resource.RLIMIT_FSIZE, (TICKS_BYTES, TICKS_BYTES))
    process = start(*mode, preexec_fn=limit)
    _, said = process.communicate(timeout=PATIENCE_S)
    (folder,) = (tmp_path / "runs").iterdir()
    assert process.returncode == 3
    last = said.splitlines()[-1]
    assert last.startswith(f"the run broke: {folder}: recording stopped")
    assert "File too large" in last
    assert "what was written before can be read; make room" in last
    assert left_safe(folder)
    record = Record(folder)
    assert record.manifest["status"] == "broken"
    assert record.tick.tolist() == list(range(record.tick.size))
    assert record.tick.size > 20
    assert (record.values("pv_kw")[:, record.peers.index("mill")] > 0).any()


@pytest.mark.soak
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("mode", [[], ["--real-time"]])
def test_a_run_with_devices_that_is_asked_to_stop_leaves_them_safe(start, tmp_path, mode, number):
    process = start(*mode)
    deadline_s = time.monotonic() + PATIENCE_S
    while not [one for one in tmp_path.glob("runs/*/recording/*.arrows") if one.stat().st_size]:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline_s
        time.sleep(0.02)
    os.killpg(process.pid, number)
    told, said = process.communicate(timeout=PATIENCE_S)
    (folder,) = (tmp_path / "runs").iterdir()
    assert process.returncode == 130
    assert told == ""
    ending = f"interrupted; devices are safe, tables up to there are in {folder}"
    assert said.splitlines()[-1] == ending
    assert left_safe(folder)
    record = Record(folder)
    assert record.manifest["status"] == "interrupted"
    assert record.events[-1]["kind"] == "interrupted"
    assert record.tick.tolist() == list(range(record.tick.size))
    assert not (folder / "recording").exists()
