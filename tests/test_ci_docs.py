"""docs/ci.md and docs/checks.md are promises: what they show is taken from them and run."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

import pytest

from results.checks import CHECKS
from results.checks_page import checks_table
from scenarios.load import load_scenario

ROOT = Path(__file__).parents[1]
TEMPLATE = ROOT / "examples/ci/template"
PAGE = (ROOT / "docs/ci.md").read_text("utf-8")
CHECKS_PAGE = (ROOT / "docs/checks.md").read_text("utf-8")
NEEDS_AN_INDEX = "python3.11 -m venv .venv && . .venv/bin/activate"
"""The one command that is not run: into an environment that is empty, pip would have to fetch."""


class Block(NamedTuple):
    """A code block of a page."""

    language: str
    text: str


def blocks(page):
    return [Block(*found) for found in re.findall(r"```(\w+)\n(.*?)```", page, flags=re.DOTALL)]


def named_file(block):
    """Path that a block's first line gives its file, and the file's text."""
    first, _, rest = block.text.partition("\n")
    found = re.fullmatch(r"# ([\w./]+\.(?:yaml|py))", first)
    return (found[1], rest) if found else None


class Newcomer:
    """Follows a page: writes its files and types its commands, in one folder after the other."""

    def __init__(self, home: Path) -> None:
        self.folder = home
        self.said: list[tuple[str, int, str]] = []

    def follow(self, block: Block) -> None:
        if named := named_file(block):
            (self.folder / named[0]).write_text(named[1], "utf-8")
        elif block.language == "yaml":
            self.change_the_farm(block.text)
        elif block.language == "console":
            for command in block.text.splitlines():
                self.type(command)
        elif block.language == "text":
            self.compare(block.text)

    def change_the_farm(self, line):
        file = self.folder / "scenarios/street.yaml"
        text, changed = re.subn(r"  - \{name: farm.*\n", line, file.read_text("utf-8"))
        assert changed == 1
        file.write_text(text, "utf-8")

    def type(self, command):
        if command == NEEDS_AN_INDEX:
            return
        done = subprocess.run(
            ["bash", "-e", "-c", f"{command}\npwd > {self.folder}/.where"],
            cwd=self.folder,
            env=environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        where = self.folder / ".where"
        if where.exists():
            self.folder = Path(where.read_text().strip())
            where.unlink()
        self.said.append((command, done.returncode, done.stdout + done.stderr))

    def compare(self, shown):
        command, code, said = self.said[-1]
        for line in shown.splitlines():
            assert line in said, f"{command} does not say {line!r}:\n{said}"
        assert code == ("failed" in shown), said


def environment():
    """What a shell has after activating the environment, and no way to an index."""
    who = {
        f"GIT_{role}_{what}": value
        for role in ("AUTHOR", "COMMITTER")
        for what, value in (("NAME", "Newcomer"), ("EMAIL", "newcomer@example.org"))
    }
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, **who, "PATH": path, "PIP_NO_INDEX": "1", "PYTEST_ADDOPTS": ""}


@pytest.fixture(scope="module")
def newcomer(tmp_path_factory):
    """A newcomer who has followed the page to its end, a clone of Peerwatt beside the folder."""
    home = tmp_path_factory.mktemp("newcomer")
    (home / "peerwatt").symlink_to(ROOT)
    newcomer = Newcomer(home)
    for block in blocks(PAGE):
        newcomer.follow(block)
    return newcomer


@pytest.mark.soak
def test_every_command_of_the_page_does_what_it_says(newcomer):
    codes = {(command, code) for command, code, _ in newcomer.said}
    red = "pytest scenarios/ --peerwatt-out reports --junitxml junit.xml"
    assert {(command, code) for command, code in codes if code} == {(red, 1)}
    assert [code for command, code, _ in newcomer.said if command == red] == [1, 0]


@pytest.mark.soak
def test_only_the_command_that_needs_an_index_is_left_out(newcomer):
    typed = [command for command, _, _ in newcomer.said]
    shown = [line for b in blocks(PAGE) if b.language == "console" for line in b.text.splitlines()]
    assert [command for command in shown if command not in typed] == [NEEDS_AN_INDEX]


@pytest.mark.soak
def test_what_the_page_builds_is_the_template(newcomer):
    for file in sorted(TEMPLATE.rglob("*.*")):
        name = file.relative_to(TEMPLATE)
        if name.name != "README.md" and "__pycache__" not in name.parts:
            assert (newcomer.folder / name).read_text("utf-8") == file.read_text("utf-8"), name


@pytest.mark.soak
def test_both_commits_hold_what_the_pipeline_needs_and_nothing_that_it_makes(newcomer):
    listed = subprocess.run(
        ["git", "ls-tree", "-r", "--name-only", "HEAD"],
        cwd=newcomer.folder,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    assert {"requirements.txt", "constraints.txt", "ci/kernels.py"} < set(listed)
    assert {"scenarios/street.yaml", "scenarios/checks.py"} < set(listed)
    assert {".github/workflows/scenarios.yml", ".gitlab-ci.yml"} < set(listed)
    assert not [name for name in listed if name.startswith(("reports", "junit", ".venv"))]


@pytest.mark.soak
def test_junit_says_what_the_page_promises(newcomer):
    tree = ElementTree.parse(newcomer.folder / "junit.xml")
    assert len(tree.findall(".//testcase")) == 10
    figures = {p.get("name") for p in tree.findall(".//property")}
    assert {"energy_traded_kwh", "voltage_highest_pu", "benefit_total_eur"} <= figures


def test_files_that_the_pages_name_are_there():
    for page in (PAGE, CHECKS_PAGE):
        for name in re.findall(r"`((?:docs|examples)/[\w./-]+|Dockerfile)`", page):
            assert (ROOT / name).exists(), name


# docs/checks.md ---------------------------------------------------------------------------------


def test_the_table_of_checks_is_the_codes():
    assert checks_table() in CHECKS_PAGE
    assert all(f"| `{name}` |" in CHECKS_PAGE for name in CHECKS)


def test_the_checks_of_the_page_are_taken_by_a_scenario_and_its_own_judges(tmp_path):
    (asked,) = [b.text for b in blocks(CHECKS_PAGE) if b.language == "yaml"]
    (own,) = [b for b in blocks(CHECKS_PAGE) if b.language == "python"]
    first, _, code = own.text.partition("\n")
    assert first.startswith("# own.py")
    (tmp_path / "own.py").write_text(code)
    street = (TEMPLATE / "scenarios/street.yaml").read_text("utf-8")
    (tmp_path / "street.yaml").write_text(street[: street.index("checks:")] + asked)
    assert len(load_scenario(tmp_path / "street.yaml").scenario.checks) == 4


def test_the_page_lists_what_every_run_is_held_to():
    from cosim.judging import ALWAYS

    (line,) = re.findall(r"Every run is also held to (.*), whatever", CHECKS_PAGE)
    assert set(re.findall(r"`(\w+)`", line)) == set(ALWAYS)
