"""Sweeps of the short village by the command: killed, resumed, refused, by Dask and by SLURM."""

import json
import os
import shutil
import signal
import subprocess
import time

import pytest

from results.tables import read_table

POINTS = 12
CHECK = "checks.voltage_band.low_pu"
WORDS = ("--set", "market.mechanism=uniform_price,mcafee", "--set", f"{CHECK}=0.9,0.99999")
"""No feeder in use holds its voltage above 0.99999 p.u., so half of the points fail."""


@pytest.fixture(scope="module")
def scenario(tmp_path_factory, write_village):
    """Half a minute of the village."""
    return write_village(
        tmp_path_factory.mktemp("sweeps"),
        time={"start": "2016-06-14T12:00:00+02:00", "duration": "30 s"},
        market={"period": "30 s", "gate": "10 s"},
        events=[],
    )


@pytest.fixture(scope="module")
def sweep(start_peerwatt, scenario):
    """Start the sweep in a folder, by two workers."""

    def start(out, *words):
        asked = [str(scenario), *WORDS, "--seeds", str(POINTS // 4), "--workers", "2"]
        return start_peerwatt("sweep", *asked, "--quiet", "--out", str(out), *words)

    return start


@pytest.fixture(scope="module")
def unbroken(sweep, scenario):
    """The sweep as it goes when nobody disturbs it."""
    out = scenario.parent / "unbroken"
    process = sweep(out)
    told, complaints = process.communicate(timeout=300)
    assert (process.returncode, complaints) == (1, "")
    return out, told


def tables(folder):
    return {name: (folder / f"{name}.parquet").read_bytes() for name in ("sweep", "series")}


def records(folder):
    return sorted((folder / "points").glob("*.json"))


def wait_for(condition, timeout_s=200):
    end = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_a_sweep_ends_with_a_complete_account_its_tables_and_its_report(unbroken):
    out, told = unbroken

    lines = told.splitlines()
    assert lines[0] == "12 points: 6 passed, 6 a check failed"
    assert lines[1].startswith("pass rate 50.0 %, 95 % confidence 25.4 to 74.6 %")  # Wilson
    assert lines[2].startswith(
        f"  point 3 (market.mechanism=uniform_price, {CHECK}=0.99999, seed=12)"
    )
    assert lines[-1] == str(out / "report.html")
    rows = read_table(out, "sweep").to_pylist()
    assert [row["passed"] for row in rows] == [True, True, True, False, False, False] * 2
    assert {row["failed_checks"] for row in rows} == {"", "voltage_band"}
    assert all(row["energy_traded_kwh"] is not None for row in rows)
    series = read_table(out, "series")
    assert series.num_rows == POINTS * 200
    assert series.column("vm_min_pu").null_count == 0
    assert not (out / "scratch").exists()


@pytest.mark.soak  # test_sweep_pool goes on in several goes, with points that answer at once
def test_a_sweep_killed_half_way_goes_on_to_the_same_tables(sweep, unbroken, tmp_path):
    out = tmp_path / "killed"
    process = sweep(out)
    wait_for(lambda: len(records(out)) >= 4)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    finished = {path: path.stat().st_mtime_ns for path in records(out)}
    assert 4 <= len(finished) < POINTS
    assert not (out / "sweep.parquet").exists()

    process = sweep(out, "--resume")
    told, complaints = process.communicate(timeout=300)

    assert (process.returncode, complaints) == (1, "")
    assert f"; {len(finished)} were finished before" in told
    assert {path: path.stat().st_mtime_ns for path in finished} == finished
    assert tables(out) == tables(unbroken[0])
    assert [path.name for path in records(out)] == [path.name for path in records(unbroken[0])]


@pytest.mark.soak
def test_ctrl_c_leaves_with_what_is_finished_and_says_how_to_go_on(sweep, unbroken, tmp_path):
    out = copied(unbroken[0], tmp_path, without=6)
    process = sweep(out)
    wait_for(lambda: len(records(out)) > 6)
    os.killpg(process.pid, signal.SIGINT)
    _, complaints = process.communicate(timeout=60)

    assert process.returncode == 130
    assert (
        complaints == f"interrupted; finished points are kept in {out}, the same command goes on\n"
    )
    assert len(records(out)) < POINTS
    assert not list(out.glob("scratch*"))


def copied(folder, tmp_path, *, without):
    """A sweep that still has some points to play."""
    out = tmp_path / "copy"
    shutil.copytree(folder, out)
    for name in ("sweep", "series"):
        (out / f"{name}.parquet").unlink()
    for path in records(out)[:without]:
        path.unlink()
    return out


@pytest.mark.soak
def test_a_second_sweep_is_refused_while_the_first_lives_and_not_after_it(
    sweep, unbroken, tmp_path, run_peerwatt
):
    out = copied(unbroken[0], tmp_path, without=2)
    first = sweep(out)
    wait_for(lambda: (out / "scratch").exists())
    second = run_peerwatt("sweep", "--resume", "--out", str(out))
    first.kill()
    first.wait()
    third = run_peerwatt("sweep", "--resume", "--out", str(out), "--collect")

    assert second.exit_code == 2
    assert f"{out}: a sweep is under way here, process {first.pid} on " in second.stderr
    assert third.exit_code == 3
    assert "2 not run yet" in third.stdout


@pytest.mark.soak
def test_dask_leaves_the_same_tables(sweep, unbroken, tmp_path):
    pytest.importorskip("distributed")
    out = copied(unbroken[0], tmp_path, without=3)
    process = sweep(out, "--scheduler", "local")
    told, complaints = process.communicate(timeout=300)

    assert (process.returncode, complaints) == (1, "")
    assert "9 were finished before" in told
    assert tables(out) == tables(unbroken[0])


def test_a_scheduler_that_does_not_answer_is_wrong_input(scenario, tmp_path, run_peerwatt):
    pytest.importorskip("distributed")
    words = ["--scheduler", "nowhere", "--out", str(tmp_path / "out"), "--quiet"]
    told = run_peerwatt("sweep", str(scenario), *words)

    assert told.exit_code == 2
    assert "no Dask scheduler answers at 'nowhere'" in told.stderr


@pytest.mark.soak
def test_the_tasks_of_a_slurm_array_and_the_last_job_leave_the_same_tables(
    scenario, unbroken, tmp_path, run_peerwatt
):
    out = copied(unbroken[0], tmp_path, without=3)
    asked = [str(scenario), *WORDS, "--seeds", "3", "--out", str(out), "--slurm", "2"]
    told = run_peerwatt("sweep", *asked)
    assert told.exit_code == 0
    assert told.stdout.startswith("sbatch --dependency=afterany:$(sbatch --parsable ")

    def job(script, **more):
        done = subprocess.run(
            ["sh", str(out / script)], env={**os.environ, **more}, capture_output=True, text=True
        )
        return done.returncode, done.stdout

    tasks = [job("sweep.slurm", SLURM_ARRAY_TASK_ID=str(task)) for task in (1, 2)]
    code, account = job("collect.slurm")

    assert [text.split(":")[0] for _, text in tasks] == ["6 points", "6 points"]
    assert code == 1
    assert account.startswith("12 points: 6 passed, 6 a check failed")
    assert tables(out) == tables(unbroken[0])
    assert (out / "sweep.slurm").read_text().count("#SBATCH") == 5


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["--sampling", "sobol", "--points", "12"], "--points: 12 is no power of two"),
        (["--sampling", "dice"], "--sampling: 'dice' does not fit"),
        (["--only", "3/2"], "--only 3/2: expected which part of how many"),
        (["--keep", "some"], "--keep some: expected none, failed or all"),
        (["--set", "market.mechanism"], "varies nothing"),
        (["--set", "market.mechanism=vgc,vcg"], "no market mechanism 'vgc'"),
        (["--find", "lpd.p_max_kw=5..50", "--set", "market.mechanism=vcg,mcafee"], "--find varies"),
        (["--find", "lpd.p_max_kw=5..50", "--for", "2"], "--for 2: expected a share"),
        (["--find", "lpd.p_max_kw=5..50", "--only", "1/2"], "one value after another"),
        (["--resume"], "no sweep is there"),
        (["--slurm", "2"], "--slurm 2: there are 1 points"),
    ],
)
def test_wrong_input_is_told_and_nothing_is_written(
    scenario, tmp_path, run_peerwatt, words, complaint
):
    told = run_peerwatt("sweep", str(scenario), *words, "--out", str(tmp_path / "out"))

    assert (told.exit_code, told.stdout) == (2, "")
    assert complaint in told.stderr
    assert not (tmp_path / "out").exists()


def test_nothing_at_all_is_wrong_input(run_peerwatt):
    assert run_peerwatt("sweep").exit_code == 2


@pytest.mark.soak  # the search itself is held by test_sweep_pool, with points that answer at once
def test_a_search_by_the_command_says_what_holds_and_how_sure_that_is(
    scenario, tmp_path, run_peerwatt
):
    # The lowest voltage of this half minute lies between 0.98 and 1 p.u.: a band that begins at
    # 0.5 holds, one that begins above 1 does not.
    out = tmp_path / "out"
    words = ["--find", f"{CHECK}=0.5..1.05", "--tolerance", "0.3", "--seeds", "1", "--quiet"]
    told = run_peerwatt("sweep", str(scenario), *words, "--out", str(out), "--workers", "2")

    assert told.exit_code == 0
    assert f"Largest {CHECK} for which all checks hold:" in told.stdout
    assert "1 of 1 seeds hold" in told.stdout
    assert json.loads((out / "sweep.json").read_text())["found"]["value"] < 1.0


@pytest.mark.soak
def test_two_hundred_points_killed_half_way_leave_the_same_tables(
    scenario, start_peerwatt, tmp_path
):
    def sweep(out):
        words = [*WORDS, "--seeds", "50", "--quiet", "--out", str(out)]
        return start_peerwatt("sweep", str(scenario), *words)

    assert sweep(tmp_path / "one").wait() == 1
    broken = sweep(tmp_path / "two")
    wait_for(lambda: len(records(tmp_path / "two")) >= 100, timeout_s=1800)
    os.killpg(broken.pid, signal.SIGKILL)
    assert sweep(tmp_path / "two").wait() == 1

    assert tables(tmp_path / "one") == tables(tmp_path / "two")
    assert read_table(tmp_path / "two", "sweep").num_rows == 200
