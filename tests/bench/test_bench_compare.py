"""What it takes to compare two runs of the village's hour, and to hold one against a baseline."""

import shutil
import subprocess
import sys

import pytest

from cosim.run import run_scenario
from results.baseline import accept, check
from results.compare import compare_runs
from results.report_compare import write_comparison


@pytest.fixture(scope="module", params=[600, pytest.param(36_000, marks=pytest.mark.soak)])
def runs(request, tmp_path_factory, write_village):
    """A run of so many ticks, and one whose trip comes earlier."""
    folder = tmp_path_factory.mktemp("compared")
    ticks, period_s = request.param, 900 if request.param > 9000 else 20
    folders = []
    for name in ("one", "other"):
        (folder / name).mkdir()
        file = write_village(folder / name, ticks, period_s=period_s)
        if name == "other":
            text, seconds = file.read_text("utf-8"), round(ticks / 10)
            text = text.replace(f"at: {2 * seconds // 3} s", f"at: {seconds // 2} s")
            file.write_text(text, "utf-8")
        outcome = run_scenario(file, out=folder / f"{name}-runs", model_devices=True, report=False)
        folders.append(outcome.folder)
    return folders


def test_bench_compare_and_write_the_page(benchmark, runs, tmp_path):
    def compared():
        found = compare_runs(*runs)
        return found, write_comparison(found, tmp_path / "page.html")

    found, page = benchmark(compared)
    assert found.first.what == "events"
    assert page.stat().st_size < 2_000_000


def test_bench_the_command_with_its_imports(benchmark, runs, tmp_path):
    words = "compare", *map(str, runs), "--out", str(tmp_path / "page.html")
    command = [sys.executable, "-c", "from cosim.cli import main; main()", *words]
    done = benchmark.pedantic(
        subprocess.run, args=(command,), kwargs={"capture_output": True}, rounds=3
    )
    assert done.returncode == 1


def test_bench_check_a_baseline(benchmark, runs, tmp_path):
    file = tmp_path / "village.baseline.yaml"
    accept(runs[0], file)
    copy = tmp_path / "copy"
    shutil.copytree(runs[0], copy)
    assert benchmark(check, copy, file).same
