"""However a run ends, its record can be read and nothing of it is left running."""

import json
import os
import random
import signal
import sys
import time

import psutil
import pytest

from results.reading import Record
from results.recording import read_ticks

PATIENCE_S = 120
TELLING = """
import sys, time
from pathlib import Path
from cosim.run import run_scenario

def told(done, total, elapsed_s, seconds):
    print(done, time.time(), flush=True)

run_scenario(sys.argv[1], out=Path(sys.argv[2]), progress=told, report=False)
"""
"""Plays a run and tells how many ticks are done at which wall-clock time."""


@pytest.fixture(scope="module")
def long_village(write_village, tmp_path_factory):
    """Three hours, so that it is surely under way when it is stopped."""
    long = {"start": "2016-06-14T11:00:00+02:00", "duration": "3 h"}
    return write_village(tmp_path_factory.mktemp("long"), time=long)


@pytest.fixture(scope="module")
def under_way(long_village, start_peerwatt):
    """Runs to be stopped, each with its folder; started together since they start slowly."""
    words = ["run", str(long_village), "--no-report", "--out"]
    outs = {name: long_village.parent / name for name in ("SIGINT", "SIGTERM", "SIGKILL")}
    started = {
        name: start_peerwatt(*words, str(out)) for name, out in outs.items() if name != "SIGKILL"
    }
    telling = [sys.executable, "-c", TELLING]
    started["SIGKILL"] = start_peerwatt(str(long_village), str(outs["SIGKILL"]), command=telling)
    return {name: (started[name], out) for name, out in outs.items()}


def wait_for(what, process=None):
    """Wait until something is there, and give it."""
    ending = time.monotonic() + PATIENCE_S
    while time.monotonic() < ending:
        found = what()
        if found:
            return found
        assert process is None or process.poll() is None, process.communicate()
        time.sleep(0.02)
    raise TimeoutError(f"not there after {PATIENCE_S} s")


def recording(out):
    """The folder below `out` whose run has recorded something, if there is one."""
    streams = [path for path in out.glob("*/recording/*.arrows") if path.stat().st_size > 10_000]
    return streams[0].parents[1] if streams else None


def helpers_of(process):
    """Processes that a run has started: its device's emulator."""
    return psutil.Process(process.pid).children(recursive=True)


@pytest.mark.parametrize("name", ["SIGINT", pytest.param("SIGTERM", marks=pytest.mark.soak)])
def test_a_run_that_is_asked_to_stop_ends_in_good_order(under_way, modelled_village, name):
    process, out = under_way[name]
    folder = wait_for(lambda: recording(out), process)
    helpers = helpers_of(process)
    assert helpers

    # A terminal sends Ctrl-C to everything in its foreground; `kill` means one process.
    if name == "SIGINT":
        os.killpg(process.pid, signal.SIGINT)
    else:
        process.send_signal(signal.SIGTERM)
    told, complaints = process.communicate(timeout=PATIENCE_S)

    assert process.returncode == 130
    assert told == ""
    assert complaints.splitlines() == [
        f"interrupted; devices are safe, tables up to there are in {folder}"
    ]
    _, alive = psutil.wait_procs(helpers, timeout=5)
    assert alive == []
    _is_whole(folder, modelled_village.folder)


def test_a_run_that_is_stopped_while_it_loads_leaves_nothing(
    long_village, start_peerwatt, tmp_path
):
    process = start_peerwatt("run", str(long_village), "--out", str(tmp_path / "runs"))
    loading = psutil.Process(process.pid)
    wait_for(lambda: any("numpy" in part.path for part in loading.memory_maps()), process)
    os.killpg(process.pid, signal.SIGINT)

    assert process.communicate(timeout=PATIENCE_S) == ("", "")
    assert process.returncode == 130
    assert list(tmp_path.iterdir()) == []


def _is_whole(folder, finished):
    """An interrupted run has a closed record, all tables, and an unpassed verdict."""
    record = Record(folder)
    assert record.manifest["status"] == "interrupted"
    assert (folder / "ticks.parquet").exists()
    assert not (folder / "recording").exists()
    assert record.tick.tolist() == list(range(record.tick.size))
    assert record.events[-1]["kind"] == "interrupted"
    assert record.events[-1]["tick"] == record.tick[-1]
    tables = {path.name for path in finished.glob("*.parquet")}
    assert tables == {path.name for path in folder.glob("*.parquet")}
    assert record.rows("contracts")
    assert record.verdict["status"] == "interrupted"
    assert not record.verdict["passed"]


def test_a_killed_run_leaves_all_but_its_last_second_and_no_emulator(under_way):
    process, out = under_way["SIGKILL"]
    reports = [process.stdout.readline() for _ in range(8)]
    helpers = helpers_of(process)
    assert helpers
    time.sleep(random.uniform(0.0, 2.0))
    killed = time.time()
    process.kill()
    reports += process.communicate(timeout=PATIENCE_S)[0].splitlines()

    assert process.returncode == -signal.SIGKILL
    _, alive = psutil.wait_procs(helpers, timeout=10)
    assert alive == []
    (folder,) = out.iterdir()
    ticks = read_ticks(folder)["tick"].to_numpy()
    assert ticks.tolist() == list(range(ticks.size))
    # Half a second more than promised for a machine that does much else meanwhile.
    told = [(int(done), float(at)) for done, at in (report.split() for report in reports)]
    assert ticks.size >= max((done for done, at in told if at <= killed - 1.5), default=0)
    assert json.loads((folder / "manifest.json").read_text("utf-8"))["status"] == "running"
    assert Record(folder).events[0]["kind"] == "market_cleared"


def test_a_power_flow_that_diverges_names_the_bus_and_leaves_the_case(
    write_village, tmp_path, run_peerwatt
):
    # By hand: a load of some kW, a thousand million times, is more than any feeder carries.
    blow = {"at": "20 s", "peer": "bakery", "load_scale": 1e9}
    minute = {"start": "2016-06-14T12:00:00+02:00", "duration": "1 min"}
    file = write_village(tmp_path, time=minute, events=[blow])
    told = run_peerwatt("run", str(file), "--out", str(tmp_path / "runs"), "--model-devices")
    (folder,) = (tmp_path / "runs").iterdir()

    assert (told.exit_code, told.stdout) == (3, "")
    assert told.stderr.startswith("the run broke: power flow diverged (")
    assert "worst bus 'KV_3_2'" in told.stderr
    assert told.stderr.count("\n") == 1
    assert (folder / "diverged.json").exists()
    record = Record(folder)
    assert record.manifest["status"] == "broken"
    assert "KV_3_2" in record.manifest["because"]
    assert record.tick[-1] == 199
