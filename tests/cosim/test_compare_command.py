"""`peerwatt compare`: exit codes, and what a person reads first."""

import shutil
import sys

import pytest

from cosim.run import run_scenario


@pytest.fixture(scope="session")
def later_trip(tmp_path_factory, write_village):
    """The short village, its trip ten seconds later."""
    folder = tmp_path_factory.mktemp("later")
    events = [{"at": "85 s", "device": "mill-inverter", "fault": "trip"}]
    file = write_village(folder, events=events)
    return run_scenario(file, out=folder / "runs", model_devices=True, report=False)


def test_a_run_and_itself_are_the_same(run_peerwatt, modelled_village):
    folder = str(modelled_village.folder)
    done = run_peerwatt("compare", folder, folder)
    assert (done.exit_code, done.output) == (0, "the same\n")
    assert not (modelled_village.folder / "compare.html").exists()


def test_two_real_runs_part_where_the_trip_came_first(
    run_peerwatt, modelled_village, later_trip, tmp_path
):
    page = tmp_path / "page.html"
    done = run_peerwatt(
        "compare", str(modelled_village.folder), str(later_trip.folder), "--out", str(page)
    )
    assert done.exit_code == 1
    # Noon and 75 s; the tick is a tenth of a second.
    assert done.output.startswith(
        "they part first at 12:01:15 (tick 750), events: trip: peer mill → –\n  also then: pv_kw, "
    )
    assert "events[0].at: 75 s → 85 s" in done.output
    assert "energy_delivered_kwh: " in done.output
    assert done.output.rstrip().endswith(str(page))
    text = page.read_text("utf-8")
    assert "pv_kw at mill" in text
    assert "The same in both: load" in text


@pytest.mark.parametrize("missing", ["contracts.parquet", "ticks.parquet", "manifest.json"])
def test_a_spoilt_run_is_told_without_a_traceback(
    run_peerwatt, modelled_village, tmp_path, missing
):
    copy = tmp_path / "copy"
    shutil.copytree(modelled_village.folder, copy)
    (copy / missing).unlink()
    done = run_peerwatt("compare", str(modelled_village.folder), str(copy))
    assert done.exit_code == (2 if missing == "manifest.json" else 1)
    assert "Traceback" not in done.output
    assert type(done.exception) is SystemExit
    told = {
        "contracts.parquet": "B: no table of contracts",
        "ticks.parquet": "B: no tick is recorded",
        "manifest.json": "holds no run; expected a folder with manifest.json",
    }
    assert told[missing] in done.output


def test_a_page_that_cannot_be_written_is_wrong_input(
    run_peerwatt, modelled_village, later_trip, tmp_path
):
    (tmp_path / "taken").mkdir()
    out = str(tmp_path / "taken")
    runs = str(modelled_village.folder), str(later_trip.folder)
    done = run_peerwatt("compare", *runs, "--out", out)
    assert done.exit_code == 2
    assert "cannot be written" in done.output


def test_nothing_heavy_is_loaded_to_compare(start_peerwatt, modelled_village, later_trip):
    watched = (
        "import sys\n"
        "from cosim.cli import app\n"
        "try: app(standalone_mode=False)\n"
        "except SystemExit as left: code = left.code\n"
        "heavy = {'pandas', 'bokeh', 'numba', 'mosaik', 'pandapower', 'scipy'} & set(sys.modules)\n"
        "sys.exit(f'loaded {heavy}' if heavy else code)\n"
    )
    process = start_peerwatt(
        *("compare", str(modelled_village.folder), str(later_trip.folder)),
        command=[sys.executable, "-c", watched],
    )
    _, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (1, "")
