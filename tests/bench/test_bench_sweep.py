"""What a sweep costs beside its runs: the pool and Dask against the same runs in one process."""

import json
import os
from dataclasses import replace

import pytest

from cosim.sweeps.plan import Plan
from cosim.sweeps.points import play_point, prepared
from cosim.sweeps.pool import Pool
from cosim.sweeps.sweep import run_sweep

POINTS = int(os.environ.get("PEERWATT_BENCH_POINTS", "24"))
"""Few tell about starting workers, many about playing."""


@pytest.fixture(scope="module")
def plan(write_village, tmp_path_factory):
    """One-minute villages that differ by their seed."""
    file = write_village(tmp_path_factory.mktemp("sweep"), 600, period_s=60)
    return Plan("bench", file, seeds=tuple(range(1, POINTS + 1)))


def test_bench_points_one_by_one(benchmark, plan):
    """The single run, as many times."""
    task, *tasks = prepared(plan, plan.all_points()[: 2 if benchmark.disabled else POINTS])
    play_point(task)

    records = benchmark.pedantic(lambda: [play_point(one) for one in tasks], rounds=1)

    benchmark.extra_info["ms_per_point"] = _ms_per_point(benchmark, len(tasks))
    assert all(record["status"] == "passed" for record in records)


@pytest.mark.soak
@pytest.mark.parametrize("scheduler", [None, "local"], ids=["pool", "dask"])
def test_bench_sweep(benchmark, plan, tmp_path, scheduler):
    """The whole sweep, from its check to its report, by two workers."""
    if scheduler is not None:
        pytest.importorskip("distributed")
    if benchmark.disabled and scheduler is not None:
        pytest.skip("tests/cosim plays a sweep by Dask")
    made = replace(plan, seeds=plan.seeds[:2]) if benchmark.disabled else plan

    def sweep():
        return run_sweep(made, tmp_path / "out", workers=2, scheduler=scheduler)

    outcome = benchmark.pedantic(sweep, rounds=1)

    benchmark.extra_info["ms_per_point"] = _ms_per_point(benchmark, len(outcome.records))
    assert outcome.counts == {"passed": len(made.seeds)}
    assert json.loads((outcome.folder / "sweep.json").read_text())["name"] == "bench"


@pytest.mark.soak
def test_bench_pool_that_is_warm(benchmark, plan, tmp_path):
    """Two workers that have started and played a point each: what the pool itself adds."""
    from cosim.sweeps.points import ready

    size = 4 if benchmark.disabled else POINTS
    tasks = [replace(t, scratch=str(tmp_path)) for t in prepared(plan, plan.all_points()[:size])]
    with Pool(play_point, 2, begin=ready) as pool:
        list(pool.played(tasks[:2]))
        played = benchmark.pedantic(lambda: list(pool.played(tasks[2:])), rounds=1)

    benchmark.extra_info["ms_per_point"] = _ms_per_point(benchmark, len(played))
    assert all(record["status"] == "passed" for _, record in played)


def _ms_per_point(benchmark, points):
    return None if benchmark.disabled else 1000 * benchmark.stats["mean"] / points
