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
FIRST = {"failures"}
"""Played with every commit, beside the village, which the README plays; the others in soak."""


@pytest.fixture(scope="module", params=["first", pytest.param("others", marks=pytest.mark.soak)])
def files(request):
    """Scenarios that are played together."""
    return [file for file in FILES if (file.stem in FIRST) == (request.param == "first")]


@pytest.fixture(scope="module")
def played(tmp_path_factory, files):
    """Play them once, two at a time, as `make scenarios` does with all."""
    folder = tmp_path_factory.mktemp("own")
    words = ["-n", "2", "--dist", "loadgroup", "-p", "no:cacheprovider"]
    kept = ["--peerwatt-out", str(folder / "reports"), "--junitxml", str(folder / "junit.xml")]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *map(str, files), *words, *kept],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return folder, done


def expected(files):
    """Tests that the plugin makes, by scenario."""
    tests = {}
    for file in files:
        names = [name for name, _ in checks_of(read(file)[0].plain().get("checks", ()))]
        baseline = [BASELINE] if baseline_file(file).is_file() else []
        tests[file.name] = Counter([ENDS, *_numbered(names), *baseline])
    return tests


def _numbered(names):
    """A check that stands there again says so."""
    return [
        name if names[:i].count(name) == 0 else f"{name}-{names[:i].count(name) + 1}"
        for i, name in enumerate(names)
    ]


def test_every_check_of_every_shipped_scenario_holds(played):
    _, done = played
    assert done.returncode == 0, done.stdout + done.stderr


def test_there_is_a_test_for_each_scenario_and_check_and_none_is_skipped(played, files):
    folder, _ = played
    tree = ElementTree.parse(folder / "junit.xml")
    cases = tree.findall(".//testcase")
    assert not tree.findall(".//skipped")
    for file, tests in expected(files).items():
        stem = f"scenarios.{Path(file).stem}.yaml"
        found = Counter(c.get("name") for c in cases if stem in f"{c.get('classname')}")
        assert found == tests, f"{file}: {[c.attrib for c in cases][:3]}"


def test_each_is_played_once_and_leaves_its_report(played, files):
    folder, _ = played
    runs = sorted(run.name.rpartition("-")[0] for run in (folder / "reports").iterdir())
    assert runs == sorted(file.stem for file in files)
    for run in (folder / "reports").iterdir():
        assert (run / "report.html").stat().st_size > 100_000


def test_key_figures_are_properties_for_a_ci_server(played):
    folder, _ = played
    for case in ElementTree.parse(folder / "junit.xml").findall(".//testcase"):
        figures = {p.get("name") for p in case.findall(".//property")}
        assert ("energy_traded_kwh" in figures) == (case.get("name") == ENDS)
