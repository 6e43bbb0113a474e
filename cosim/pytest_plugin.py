"""Scenarios as tests: ``pytest scenarios/`` plays each scenario once and has a test per check.

pytest loads this in every project where Peerwatt is installed, so nothing is imported here that
costs anything; a YAML file counts as a scenario by its keys alone, before it is parsed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from .pytest_runs import Played, Runs

__all__ = ["ScenarioFile", "ScenarioTest"]

_SCENARIO = re.compile(rb"^scenario[ \t]*:", re.MULTILINE)
_WORLD = re.compile(rb"^(grid|peers)[ \t]*:", re.MULTILINE)
_RUNS = pytest.StashKey["Runs"]()

ENDS = "ends"
"""The test that a scenario comes to its end; its key figures are that test's properties."""

BASELINE = "baseline"
"""The test that a run is as the baseline beside its scenario expects."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Give the options."""
    group = parser.getgroup("peerwatt", "scenarios as tests")
    group.addoption(
        "--peerwatt-out",
        metavar="DIR",
        default=None,
        help="where run folders and reports are kept; pytest's temporary folder unless given",
    )
    group.addoption(
        "--peerwatt-model-devices",
        action="store_true",
        help="play devices by models, without emulators",
    )
    group.addoption(
        "--peerwatt-no-baseline",
        action="store_true",
        help="hold no scenario against the baseline beside it",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Register the mark that every test of a scenario has."""
    config.addinivalue_line("markers", "peerwatt: a check of a scenario, played by Peerwatt")


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> ScenarioFile | None:
    """Take YAML files that are scenarios."""
    if file_path.suffix not in (".yaml", ".yml") or not is_scenario(file_path):
        return None
    file: ScenarioFile = ScenarioFile.from_parent(parent, path=file_path)
    return file


def is_scenario(file: Path) -> bool:
    """Whether a YAML file has the keys of a scenario at its top."""
    try:
        text = file.read_bytes()
    except OSError:
        return False
    return bool(_SCENARIO.search(text) and _WORLD.search(text))


@pytest.fixture(scope="session")
def peerwatt_run(request: pytest.FixtureRequest) -> Callable[..., Played]:
    """Play a scenario once and look at what came out.

    ``peerwatt_run("street.yaml", {"market.mechanism": "vcg"}, seed=3)`` gives a
    `cosim.pytest_runs.Played`; the same call again does not play it again. A path that is not
    absolute is looked for below pytest's root folder.
    """
    runs, root = _runs(request.config), request.config.rootpath

    def play(
        scenario: str | Path, overrides: dict[str, Any] | None = None, *, seed: int | None = None
    ) -> Played:
        return runs.play(root / scenario, overrides or {}, seed=seed)

    return play


def _runs(config: pytest.Config) -> Runs:
    """Give what has been played in this session."""
    if _RUNS not in config.stash:
        from .pytest_runs import Runs

        out = config.getoption("peerwatt_out")
        config.stash[_RUNS] = Runs(
            shared_folder(config),
            out=None if out is None else config.invocation_params.dir / out,
            model_devices=config.getoption("peerwatt_model_devices"),
        )
    return config.stash[_RUNS]


def shared_folder(config: pytest.Config) -> Path:
    """Folder of this session that all workers of pytest-xdist see."""
    base: Path = config._tmp_path_factory.getbasetemp()  # type: ignore[attr-defined]
    return base.parent if hasattr(config, "workerinput") else base


class ScenarioFile(pytest.File):
    """A scenario: a test that it comes to its end, and one per check."""

    def collect(self) -> Iterator[ScenarioTest]:
        names, tags = self._asked()
        for tag in tags:
            self.config.addinivalue_line("markers", f"{tag}: a scenario's tag")
        for position, name in enumerate([ENDS, *_numbered(names)]):
            test: ScenarioTest = ScenarioTest.from_parent(self, name=name, position=position - 1)
            yield self._marked(test, tags)
        if self._baseline().is_file() and not self.config.getoption("peerwatt_no_baseline"):
            held: BaselineTest = BaselineTest.from_parent(
                self, name=BASELINE, position=-1, baseline=self._baseline()
            )
            yield self._marked(held, tags)

    def _marked(self, test: ScenarioTest, tags: Iterable[str]) -> ScenarioTest:
        for mark in ("peerwatt", *tags):
            test.add_marker(mark)
        # With --dist loadgroup one worker takes all of a scenario's tests.
        if self.config.pluginmanager.hasplugin("xdist"):
            test.add_marker(pytest.mark.xdist_group(str(self.path)))
        return test

    def _baseline(self) -> Path:
        from results.baseline_place import baseline_file

        return baseline_file(self.path)

    def _asked(self) -> tuple[list[str], list[str]]:
        """Names of the checks, and the scenario's tags; none of a file that is at fault."""
        from scenarios.document import read
        from scenarios.faults import ScenarioError

        from .judging import checks_of

        try:
            told = read(self.path)[0].plain()
            return [name for name, _ in checks_of(told.get("checks", ()))], _tags(told)
        except (ScenarioError, AttributeError, TypeError, ValueError, StopIteration):
            return [], []  # the test that it ends will say what is wrong, and where


def _tags(told: dict[str, Any]) -> list[str]:
    tags = told.get("tags", ())
    return [tag for tag in tags if isinstance(tag, str) and tag.isidentifier()]


def _numbered(names: Iterable[str]) -> Iterator[str]:
    """Tell apart checks that are asked for twice, with different options."""
    seen: dict[str, int] = {}
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        yield name if seen[name] == 1 else f"{name}-{seen[name]}"


class ScenarioTest(pytest.Item):
    """That a run ends, or that one check holds of it.

    Parameters
    ----------
    position : int
        Of its check among those of the run; −1 for the run's end.
    """

    def __init__(self, *, position: int, **given: Any) -> None:
        super().__init__(**given)
        self._position = position

    def runtest(self) -> None:
        """Play the scenario unless it has been played, and look at the verdict."""
        played = _runs(self.config).play(self.path, {}, seed=None)
        if self._position < 0:
            self.user_properties += [(key, one["told"]) for key, one in played.metrics.items()]
        played.hold(self._position)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """Say in one line what did not hold, where and by how much."""
        from .pytest_runs import DoesNotHold

        if isinstance(excinfo.value, DoesNotHold):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """Name the test in pytest's report."""
        return self.path, None, f"{self.path.name}: {self.name}"


class BaselineTest(ScenarioTest):
    """That a run is as its baseline expects.

    Parameters
    ----------
    baseline : Path
        The baseline's file.
    """

    def __init__(self, *, baseline: Path, **given: Any) -> None:
        super().__init__(**given)
        self._baseline = baseline

    def runtest(self) -> None:
        """Play the scenario unless it has been played, and hold the run against the baseline."""
        _runs(self.config).play(self.path, {}, seed=None).hold_baseline(self._baseline)
