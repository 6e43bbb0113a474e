"""`peerwatt baseline` and the test that a scenario with a baseline has."""

import shutil

import pytest

pytest_plugins = ["pytester"]


@pytest.fixture
def project(tmp_path, modelled_village, village_file):
    """A folder with the short village, and a run of it."""
    shutil.copy(village_file, tmp_path / "village.yaml")
    return tmp_path / "village.yaml", modelled_village.folder


def test_accept_twice_gives_the_same_bytes_and_check_says_as_expected(run_peerwatt, project):
    scenario, run = project
    file = scenario.with_name("village.baseline.yaml")
    done = run_peerwatt("baseline", "accept", str(run), "--scenario", str(scenario))
    assert done.exit_code == 0
    assert f"{file}: accepted; " in done.output
    first = file.read_bytes()
    done = run_peerwatt("baseline", "accept", str(run), "--scenario", str(scenario))
    assert f"{file}: unchanged; " in done.output
    assert file.read_bytes() == first
    done = run_peerwatt("baseline", "check", str(run), "--scenario", str(scenario))
    assert (done.exit_code, done.output) == (0, f"{file}: as expected\n")
    shown = run_peerwatt("baseline", "show", str(scenario))
    assert shown.exit_code == 0
    assert "voltage_lowest_pu" in shown.output
    assert "p0 " in shown.output


def test_a_scenario_is_played_and_a_difference_is_shown(run_peerwatt, project):
    scenario, run = project
    run_peerwatt("baseline", "accept", str(run), "--scenario", str(scenario))
    how = str(scenario), "--model-devices", "--quiet"
    same = run_peerwatt("baseline", "check", *how, "--exact")
    assert (same.exit_code, same.output.splitlines()) == (
        0,
        [f"{scenario.with_name('village.baseline.yaml')}: as expected"],
    )
    scenario.write_text(scenario.read_text("utf-8").replace("seed: 12", "seed: 13"), "utf-8")
    out = scenario.parent / "runs"
    other = run_peerwatt("baseline", "check", *how, "--out", str(out))
    assert other.exit_code == 1
    lines = other.output.splitlines()
    assert lines[0].endswith("not as expected")
    assert lines[1] == "  seed: 12 → 13"
    assert lines[2].startswith("  first trade that changed: period 0 (12:00), ")
    assert any("leaves its band first at 12:0" in line for line in lines)
    assert "  changed since the baseline was accepted: village.yaml" in lines
    (page,) = out.glob("*/baseline.html")
    assert lines[-1] == str(page)
    assert '<svg class="overlay"' in page.read_text("utf-8")


def test_wrong_input_is_told_with_what_to_do(run_peerwatt, project, tmp_path):
    scenario, run = project
    done = run_peerwatt("baseline", "check", str(scenario), str(tmp_path / "no"))
    assert done.exit_code == 2
    file = scenario.with_name("village.baseline.yaml")
    assert f"{file}: there is no baseline yet; accept one by: peerwatt baseline accept" in (
        done.output
    )
    assert "no: neither a run folder nor a scenario" in done.output
    assert run_peerwatt("baseline", "show", str(scenario)).exit_code == 2
    file.write_text("format: [", "utf-8")
    done = run_peerwatt("baseline", "check", str(run), "--scenario", str(scenario))
    assert done.exit_code == 2
    assert f"{file}:2:1: " in done.output
    # What somebody edited is not overwritten because it cannot be read.
    done = run_peerwatt("baseline", "accept", str(run), "--scenario", str(scenario))
    assert (done.exit_code, file.read_text("utf-8")) == (2, "format: [")


def test_a_run_of_an_edited_scenario_is_not_accepted(run_peerwatt, project):
    scenario, run = project
    scenario.write_text(scenario.read_text("utf-8") + "# another\n", "utf-8")
    done = run_peerwatt("baseline", "accept", str(run), "--scenario", str(scenario))
    assert done.exit_code == 2
    assert "has been edited since this run; play it anew" in done.output


def test_pytest_holds_a_scenario_against_its_baseline(
    pytester, run_peerwatt, write_village, modelled_village
):
    scenario = write_village(pytester.path)
    run_peerwatt("baseline", "accept", str(modelled_village.folder), "--scenario", str(scenario))
    plain = "--peerwatt-model-devices", "-p", "no:cacheprovider", "-p", "no:benchmark"

    def tests(*arguments):
        return pytester.runpytest_inprocess(*plain, *arguments)

    listed = tests("--co", "-q").parseoutcomes()["tests"]
    without = tests("--co", "-q", "--peerwatt-no-baseline").parseoutcomes()["tests"]
    assert listed == without + 1
    tests("-k", "baseline", "--peerwatt-out", "kept").assert_outcomes(
        passed=1, deselected=listed - 1
    )
    scenario.write_text(scenario.read_text("utf-8").replace("p_kwp: 30", "p_kwp: 29"), "utf-8")
    result = tests("-k", "baseline", "--peerwatt-out", "kept")
    result.assert_outcomes(failed=1, deselected=listed - 1)
    result.stdout.fnmatch_lines(["baseline: first trade that changed: period 0 (12:00), *"])
    line = next(one for one in result.outlines if one.startswith("baseline: "))
    assert line.endswith("baseline.html")
    assert len(list((pytester.path / "kept").glob("*/baseline.html"))) == 1
