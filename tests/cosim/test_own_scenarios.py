"""The scenarios that we ship hold as they are, played by the plugin as a CI plays a user's own."""

import subprocess
import sys
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree

import pytest

from cosim.judging import checks_of
from cosim.pytest_plugin import BASELINE, ENDS
from results.baseline_place import baseline_file
from scenarios.document import read
from scenarios.gallery import shipped

ROOT = Path(__file__).parents[2]
FILES = [file for file, _ in shipped()]


@pytest.fixture(scope="module")
def played(tmp_path_factory):
    """Play every shipped scenario once, two at a time, as `make scenarios` does."""
    folder = tmp_path_factory.mktemp("own")
    words = ["-n", "2", "--dist", "loadgroup", "-p", "no:cacheprovider"]
    kept = ["--peerwatt-out", str(folder / "reports"), "--junitxml", str(folder / "junit.xml")]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "scenarios/", *words, *kept],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return folder, done


def expected():
    """Tests that the plugin makes, by scenario."""
    tests = {}
    for file in FILES:
        names = [name for name, _ in checks_of(read(file)[0].plain().get("checks", ()))]
        baseline = [BASELINE] if baseline_file(file).is_file() else []
        tests[file.name] = Counter([ENDS, *names, *baseline])
    return tests


def test_every_check_of_every_shipped_scenario_holds(played):
    _, done = played
    assert done.returncode == 0, done.stdout + done.stderr


def test_there_is_a_test_for_each_scenario_and_check_and_none_is_skipped(played):
    folder, _ = played
    tree = ElementTree.parse(folder / "junit.xml")
    cases = tree.findall(".//testcase")
    assert not tree.findall(".//skipped")
    for file, tests in expected().items():
        stem = f"scenarios.{Path(file).stem}.yaml"
        found = Counter(c.get("name") for c in cases if stem in f"{c.get('classname')}")
        assert found == tests, f"{file}: {[c.attrib for c in cases][:3]}"


def test_each_is_played_once_and_leaves_its_report(played):
    folder, _ = played
    runs = sorted(run.name.rpartition("-")[0] for run in (folder / "reports").iterdir())
    assert runs == sorted(file.stem for file in FILES)
    for run in (folder / "reports").iterdir():
        assert (run / "report.html").stat().st_size > 100_000


def test_key_figures_are_properties_for_a_ci_server(played):
    folder, _ = played
    for case in ElementTree.parse(folder / "junit.xml").findall(".//testcase"):
        figures = {p.get("name") for p in case.findall(".//property")}
        assert ("energy_traded_kwh" in figures) == (case.get("name") == ENDS)
