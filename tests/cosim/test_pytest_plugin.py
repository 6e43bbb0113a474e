"""Scenarios as tests: what pytest collects, what it says, and that nothing is played twice."""

import subprocess
import sys
import textwrap

import pytest

from cosim.pytest_plugin import is_scenario

pytest_plugins = ["pytester"]


@pytest.fixture
def project(pytester, write_village):
    """A repository with a scenario of one short period."""

    def checked(*checks):
        return write_village(pytester.path, checks=list(checks), tags=["noon"])

    return checked


def run(pytester, *arguments):
    return pytester.runpytest_inprocess(
        "--peerwatt-model-devices", "-p", "no:cacheprovider", "-p", "no:benchmark", *arguments
    )


def test_a_scenario_has_a_test_per_check_and_is_played_once(pytester, project):
    project("compliant_party_whole", {"voltage_band": {"low_pu": 0.8, "high_pu": 1.2}})
    runs = pytester.path / "kept"
    result = run(pytester, "-v", "--peerwatt-out", "kept", "--junitxml", "junit.xml")
    result.assert_outcomes(passed=8)
    result.stdout.fnmatch_lines(
        ["*village.yaml::ends PASSED*", "*village.yaml::compliant_party_whole PASSED*"]
    )
    assert len(list(runs.glob("village-*/report.html"))) == 1
    assert 'name="energy_traded_kwh" value="' in (pytester.path / "junit.xml").read_text()


def test_a_check_that_fails_says_what_where_and_by_how_much_in_one_line(pytester, project):
    project({"voltage_band": {"low_pu": 1.3, "high_pu": 1.4}})
    result = run(pytester, "-k", "voltage_band")
    result.assert_outcomes(failed=1, deselected=6)
    line = next(one for one in result.outlines if one.startswith("voltage_band: "))
    assert "p.u. at" in line
    assert "(bound 1.3 p.u.)" in line
    assert line.endswith("report.html")


def test_a_check_that_raises_is_broken_and_the_others_still_judge(pytester, project):
    pytester.makepyfile(own="def angry(record):\n    raise KeyError('no such table')\n")
    project("./own.py:angry")
    result = run(pytester)
    result.assert_outcomes(failed=1, passed=6)
    result.stdout.fnmatch_lines(["*the check broke: KeyError: 'no such table'*"])


def test_a_scenario_at_fault_is_a_failing_test_that_names_the_line(pytester):
    pytester.makefile(".yaml", bad="scenario: bad\ntime: {start: noon}\ngrid: {}\npeers: []\n")
    result = run(pytester)
    assert result.parseoutcomes()["failed"] >= 1
    assert "errors" not in result.parseoutcomes()
    result.stdout.fnmatch_lines(["*bad.yaml:2:*time.start*"])


def test_scenarios_are_chosen_by_tag(pytester, project):
    project()
    assert run(pytester, "-m", "noon", "--co", "-q").parseoutcomes()["tests"] == 6
    run(pytester, "-m", "not noon", "--co", "-q").assert_outcomes(deselected=6)


def test_a_test_of_ones_own_looks_at_the_results_of_any_variant(pytester, project):
    project()
    pytester.makepyfile(
        test_own=textwrap.dedent("""
            def test_the_mill_costs_more_when_collateral_is_high(peerwatt_run):
                plain = peerwatt_run("village.yaml")
                dear = peerwatt_run("village.yaml", {"settlement.collateral_percent": 90})
                again = peerwatt_run("village.yaml", {"settlement.collateral_percent": 90})
                assert plain.passed and dear.passed
                assert again is dear
                assert plain.metric("energy_traded_kwh") == dear.metric("energy_traded_kwh") > 0
                held = "collateral_seller_ueur"
                contracts = plain.tables["contracts"], dear.tables["contracts"]
                assert contracts[0][held].sum() < contracts[1][held].sum()
            """)
    )
    run(pytester, "test_own.py").assert_outcomes(passed=1)


@pytest.mark.soak
def test_workers_share_one_run(pytester, project):
    project()
    result = run(pytester, "-n", "2", "--peerwatt-out", "kept")
    result.assert_outcomes(passed=6)
    assert len(list((pytester.path / "kept").iterdir())) == 1


@pytest.mark.parametrize(
    ("text", "scenario"),
    [
        ("scenario: a\npeers: []\n", True),
        ("# note\nscenario: a\ngrid: {}\n", True),
        ("scenario:\n  name: default\nplatforms: []\n", False),
        ("services:\n  scenario: a\n  grid: b\n", False),
        ("", False),
    ],
)
def test_other_peoples_yaml_is_left_alone(tmp_path, text, scenario):
    file = tmp_path / "a.yaml"
    file.write_text(text)
    assert is_scenario(file) is scenario


def test_nothing_heavy_is_imported_where_there_are_no_scenarios(tmp_path):
    (tmp_path / "test_nothing.py").write_text(
        "import sys\n\n\ndef test_light():\n"
        "    heavy = {'numpy', 'pydantic', 'yaml', 'mosaik', 'pandapower', 'typer'}\n"
        "    assert not heavy & set(sys.modules)\n"
    )
    plain = [sys.executable, "-m", "pytest", "-q", "-p", "no:hypothesispytest", str(tmp_path)]
    done = subprocess.run(
        [*plain, "-p", "no:benchmark", "-p", "no:cacheprovider"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=False,
    )
    assert "1 passed" in done.stdout, done.stdout
