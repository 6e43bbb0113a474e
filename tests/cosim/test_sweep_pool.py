"""Sweeps whose points answer at once: who plays them, what is kept, and what ends them."""

import json
import sys
from pathlib import Path

import pytest

from cosim.sweeps.folder import NoSweep, SweepFolder, SweepRunning
from cosim.sweeps.plan import Plan
from cosim.sweeps.points import play_point, prepared
from cosim.sweeps.pool import PoolBroken
from cosim.sweeps.search import run_search
from cosim.sweeps.sweep import collect, run_sweep
from results.tables import read_table
from scenarios.faults import ScenarioError
from scenarios.schema_sweep import Span

SHARE = "peers[3].pv.share"


@pytest.fixture
def players(monkeypatch):
    """The point functions; a worker has the same import path as the tests."""
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    import sweep_players

    yield sweep_players
    sys.modules.pop("sweep_players", None)


@pytest.fixture
def plan(write_village, tmp_path):
    """Three values and two seeds of the short village."""
    file = write_village(tmp_path)
    return Plan("shares", file, {SHARE: (0.2, 0.5, 0.9)}, seeds=(1, 2))


def tables(folder):
    return {name: (folder / f"{name}.parquet").read_bytes() for name in ("sweep", "series")}


def statuses(outcome):
    return [record["status"] for record in outcome.records]


def test_the_tables_are_the_same_bytes_whoever_plays_and_in_however_many_goes(
    plan, players, tmp_path
):
    one = run_sweep(plan, tmp_path / "one", workers=1, play=players.answer, begin=None)
    two = run_sweep(plan, tmp_path / "two", workers=2, play=players.answer, begin=None)
    for which in (2, 1):
        part = run_sweep(
            plan, tmp_path / "parts", only=(which, 2), workers=1, play=players.answer, begin=None
        )
        assert len(part.records) == 3
        assert not (tmp_path / "parts" / "sweep.parquet").exists()
    parts = collect(tmp_path / "parts")

    (tmp_path / "again").mkdir()
    (tmp_path / "one" / "points").rename(tmp_path / "again" / "points")
    next((tmp_path / "again" / "points").glob("*.json")).unlink()
    again = run_sweep(plan, tmp_path / "again", workers=1, play=players.answer, begin=None)

    assert statuses(one) == statuses(two) == statuses(parts) == statuses(again)
    assert (one.exit_code, again.found_before) == (1, 5)
    assert tables(one.folder) == tables(two.folder) == tables(parts.folder)
    assert tables(one.folder) == tables(again.folder)


def test_the_table_has_what_was_set_what_came_out_and_why_not(plan, players, tmp_path):
    outcome = run_sweep(plan, tmp_path / "out", workers=1, play=players.answer, begin=None)

    rows = read_table(outcome.folder, "sweep").to_pylist()
    assert [row["index"] for row in rows] == [0, 1, 2, 3, 4, 5]
    assert [row[SHARE] for row in rows] == [0.2, 0.2, 0.5, 0.5, 0.9, 0.9]
    assert [row["seed"] for row in rows] == [1, 2] * 3
    assert [row["passed"] for row in rows] == [True] * 4 + [False] * 2
    assert rows[5]["failed_checks"] == "voltage_band"
    assert rows[5]["because"] == "voltage_band: too high"
    assert rows[5]["energy_traded_kwh"] == 11.0  # 10 × 0.9 + 2
    assert rows[5]["worst_voltage_band"] == 1.09
    assert "wall_s" not in rows[0]
    assert read_table(outcome.folder, "sweep-timing").num_rows == 6


def test_a_finished_point_is_not_played_again_and_another_plan_takes_what_it_shares(
    plan, players, tmp_path
):
    out = tmp_path / "out"
    first = run_sweep(plan, out, workers=1, play=players.names_its_worker, begin=None)
    again = run_sweep(plan, out, workers=1, play=players.names_its_worker, begin=None)
    wider = Plan(plan.name, plan.scenario, {SHARE: (0.5, 0.6)}, seeds=(2, 3))
    other = run_sweep(wider, out, workers=1, play=players.answer, begin=None)

    assert (first.found_before, again.found_before, other.found_before) == (0, 6, 1)
    assert again.records == first.records
    assert read_table(out, "sweep").num_rows == 4


def test_another_seed_value_or_byte_of_a_file_makes_another_point(plan, write_village, tmp_path):
    def keys(plan):
        return {task.key for task in prepared(plan, plan.all_points())}

    before = keys(plan)
    assert len(before) == 6
    assert keys(plan) == before
    network = tmp_path / "grid.json"
    network.write_bytes(
        (Path(__file__).parents[2] / "scenarios/grids/kerber-village.json").read_bytes()
    )
    write_village(tmp_path, grid={"network": "grid.json"})
    beside = keys(plan)
    network.write_bytes(network.read_bytes() + b"\n")
    assert len(before | beside | keys(plan)) == 18


@pytest.mark.soak
def test_a_worker_that_dies_is_replaced_and_its_point_tried_once_more(plan, players, tmp_path):
    calm = run_sweep(plan, tmp_path / "calm", workers=2, play=players.answer, begin=None)
    outcome = run_sweep(
        plan, tmp_path / "out", workers=2, play=players.dies_at_seed_2_once, begin=None
    )

    assert tables(outcome.folder) == tables(calm.folder)


@pytest.mark.soak
def test_a_point_that_kills_every_worker_is_lost_with_its_reason_and_tried_by_the_next_sweep(
    plan, players, tmp_path
):
    out = tmp_path / "out"
    outcome = run_sweep(plan, out, workers=2, play=players.dies_at_seed_2, begin=None)

    assert statuses(outcome) == ["passed", "lost", "passed", "lost", "failed", "lost"]
    assert outcome.records[1]["because"] == "2 workers died of it: killed by SIGKILL"
    assert outcome.exit_code == 3
    assert [row["passed"] for row in read_table(out, "sweep").to_pylist()][:2] == [True, None]
    mended = run_sweep(plan, out, workers=2, play=players.answer, begin=None)
    assert mended.found_before == 3
    assert mended.exit_code == 1


def test_workers_that_cannot_start_end_the_sweep_rather_than_every_point(plan, players, tmp_path):
    with pytest.raises(PoolBroken, match="3 workers in a row died while they started: exit code 7"):
        run_sweep(plan, tmp_path, workers=1, play=players.answer, begin=players.cannot_start)


@pytest.mark.soak
def test_a_worker_is_started_once_and_one_that_grows_makes_room(plan, players, tmp_path):
    steady = run_sweep(plan, tmp_path / "one", workers=1, play=players.names_its_worker, begin=None)
    growing = run_sweep(plan, tmp_path / "two", workers=1, play=players.grows, begin=None)
    more = Plan(plan.name, plan.scenario, plan.axes, seeds=tuple(range(1, 7)))
    grown = run_sweep(more, tmp_path / "three", workers=1, play=players.grows, begin=None)

    # By hand: 40 MB a point, so the ninth point has grown by more than 300 MB since the first.
    assert len({record["because"] for record in steady.records}) == 1
    assert len({record["because"] for record in growing.records}) == 1
    assert 2 <= len({record["because"] for record in grown.records}) <= 3


def test_a_second_sweep_in_the_folder_is_refused_and_parts_only_with_themselves(
    plan, players, tmp_path
):
    out = tmp_path / "out"
    folder = SweepFolder(out)
    with folder.held(only=(1, 2)):
        with pytest.raises(SweepRunning, match=r"under way here, process \d+ on "):
            run_sweep(plan, out, play=players.answer, begin=None)
        with pytest.raises(SweepRunning, match=r"process \d+ on "):
            run_sweep(plan, out, only=(1, 2), play=players.answer, begin=None)
        run_sweep(plan, out, only=(2, 2), workers=1, play=players.answer, begin=None)
    assert not list(out.glob("scratch*"))
    assert run_sweep(plan, out, workers=1, play=players.answer, begin=None).found_before == 3


def test_records_that_cannot_be_written_are_counted_and_played_again(plan, players, tmp_path):
    out = tmp_path / "out"
    key = prepared(plan, plan.all_points())[0].key
    blocked = out / "points" / f"{key}.json.part"
    blocked.mkdir(parents=True)

    outcome = run_sweep(plan, out, workers=1, play=players.answer, begin=None)
    blocked.rmdir()
    again = run_sweep(plan, out, workers=1, play=players.answer, begin=None)

    assert (len(outcome.unsaved), outcome.exit_code) == (1, 3)
    assert (again.found_before, again.exit_code) == (5, 1)


def test_a_machine_without_room_is_a_failure_that_is_tried_again(plan, tmp_path):
    from dataclasses import replace

    task = prepared(plan, plan.all_points())[0]
    record = play_point(replace(task, scratch=str(tmp_path / "nowhere")))

    assert (record["status"], record["again"]) == ("error", True)
    assert "No such file" in record["because"]


def test_faults_are_told_once_with_the_values_that_make_them_and_nothing_is_written(
    plan, players, tmp_path
):
    wrong = Plan(
        plan.name, plan.scenario, {SHARE: (0.2, 1.5, 0.9), "lpd.p_max_kw": (50, -1)}, seeds=(1, 2)
    )
    with pytest.raises(ScenarioError) as told:
        run_sweep(wrong, tmp_path / "out", play=players.answer, begin=None)

    first, second = sorted(str(fault) for fault in told.value.faults)
    assert "lpd.p_max_kw: -1 does not fit" in first
    assert first.endswith(f"(with {SHARE}=0.2, lpd.p_max_kw=-1 and in 2 more of 6 combinations)")
    assert second.endswith(f"(with {SHARE}=1.5, lpd.p_max_kw=50 and in 1 more of 6 combinations)")
    assert not (tmp_path / "out").exists()


def test_collecting_tells_what_has_not_been_run_yet(plan, players, tmp_path):
    with pytest.raises(NoSweep):
        collect(tmp_path / "none")
    run_sweep(plan, tmp_path / "out", only=(1, 3), workers=1, play=players.answer, begin=None)
    outcome = collect(tmp_path / "out")

    assert statuses(outcome) == ["passed", *["not run"] * 2] * 2
    assert outcome.exit_code == 3


def test_a_search_finds_the_last_share_that_holds_and_goes_on_from_what_was_played(
    plan, players, tmp_path
):
    question = {"path": SHARE, "easy": 0.1, "hard": 1.0, "tolerance": 0.01}
    search = Plan(
        "search", plan.scenario, {SHARE: Span(low=0.1, high=1)}, seeds=(1, 2, 3), find=question
    )
    out = tmp_path / "out"
    outcome, found = run_search(search, out, workers=2, play=players.answer, begin=None)
    again, same = run_search(search, out, workers=2, play=players.answer, begin=None)

    # The point function holds below 0.7 − 0.001 × seed; for all of seeds 1 to 3 below 0.697.
    assert 0.687 <= found.good.value < 0.697 <= found.bad.value
    assert found.bad.value - found.good.value <= 0.01
    assert same == found
    assert again.found_before == len(again.records) == len(outcome.records)
    assert json.loads((out / "sweep.json").read_text())["found"]["monotone"] is True
    assert "Largest peers[3].pv.share" in (out / "report.html").read_text()
