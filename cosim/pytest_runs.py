"""Runs that tests share: a session plays each scenario once, in whichever process is first."""

from __future__ import annotations

import fcntl
import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["DoesNotHold", "Played", "Runs"]


class DoesNotHold(AssertionError):
    """A scenario did not come to its end, or one of its checks does not hold."""


@dataclass(frozen=True)
class Played:
    """A scenario that was played.

    Attributes
    ----------
    folder : Path or None
        The run folder; None when the input was wrong and nothing was run.
    because : str
        Why it did not come to its end; empty if it did.
    verdicts : list of dict
        As in `verdict.json`: name, passed, worst, value, bound, unit, broken.
    metrics : dict
        Key figures by name: value, unit, note, and `told`, the value in words.
    """

    folder: Path | None
    because: str = ""
    verdicts: list[dict[str, Any]] = field(default_factory=list)
    metrics: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def passed(self) -> bool:
        """It came to its end and every check holds."""
        return not self.because and all(verdict["passed"] for verdict in self.verdicts)

    @property
    def report(self) -> Path | None:
        """The report, to be opened in a browser."""
        return None if self.folder is None else self.folder / "report.html"

    def metric(self, name: str) -> float | None:
        """Value of a key figure, in its own unit."""
        value: float | None = self.metrics[name]["value"]
        return value

    @cached_property
    def tables(self) -> Mapping[str, pd.DataFrame]:
        """The recorded tables by name, each read when it is asked for."""
        return _Tables(self.folder)

    def hold(self, position: int) -> None:
        """Raise unless the run ended (−1) and, for a check's position, that check holds.

        Raises
        ------
        DoesNotHold
            With what, where and by how much in one line.
        """
        if self.because:
            raise DoesNotHold(self.because)
        if position < 0:
            return
        verdict = self.verdicts[position]
        if not verdict["passed"]:
            raise DoesNotHold(
                f"{verdict['name']}: {verdict['worst']}{_bound(verdict)}; see {self.report}"
            )

    def hold_baseline(self, file: Path) -> None:
        """Raise unless the run ended and is as a baseline expects.

        Raises
        ------
        DoesNotHold
            With what changed first in the first line, and the page with the curves of both.
        """
        from results.baseline import BaselineError, check

        self.hold(-1)
        assert self.folder is not None  # or it would not have ended
        page = self.folder / "baseline.html"
        try:
            held = check(self.folder, file, page=page)
        except BaselineError as error:
            raise DoesNotHold(str(error)) from None
        if not held.same:
            first, *others = held.differences
            raise DoesNotHold("\n".join([f"baseline: {first}; see {page}", *others, *held.notes]))


def _bound(verdict: Mapping[str, Any]) -> str:
    if verdict["bound"] is None or verdict["broken"]:
        return ""
    return f" (bound {verdict['bound']:g} {verdict['unit']}".rstrip() + ")"


class _Tables(Mapping[str, "pd.DataFrame"]):
    """Recorded tables as pandas frames."""

    def __init__(self, folder: Path | None) -> None:
        found = [] if folder is None else folder.glob("*.parquet")
        self._folder, self._names = folder, sorted(path.stem for path in found)

    def __getitem__(self, name: str) -> pd.DataFrame:
        from results.tables import read_table

        if self._folder is None or name not in self._names:
            raise KeyError(f"no table {name!r}; there are: {', '.join(self._names) or 'none'}")
        frame: pd.DataFrame = read_table(self._folder, name).to_pandas()
        return frame

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


class Runs:
    """What a session has played.

    Parameters
    ----------
    shared : Path
        Folder that every process of the session sees; what was played is noted there.
    out : Path, optional
        Where run folders are made; below `shared` unless given.
    model_devices : bool
        Play devices by models.
    """

    def __init__(self, shared: Path, *, out: Path | None, model_devices: bool) -> None:
        self._notes = shared / "peerwatt"
        self._out, self._model_devices = out or self._notes / "runs", model_devices
        self._played: dict[str, Played] = {}

    def play(self, file: Path, overrides: Mapping[str, Any], *, seed: int | None) -> Played:
        """Play a scenario unless it has been played like this, here or in another process."""
        told = json.dumps([str(file.resolve()), dict(overrides), seed], sort_keys=True, default=str)
        if told not in self._played:
            key = hashlib.sha256(told.encode()).hexdigest()[:16]
            with self._turn(key) as note:
                if not note.exists():
                    self._play(file, overrides, seed, note)
                self._played[told] = _of_note(note)
        return self._played[told]

    @contextmanager
    def _turn(self, key: str) -> Iterator[Path]:
        """Wait until no other process plays the same."""
        self._notes.mkdir(parents=True, exist_ok=True)
        with (self._notes / f"{key}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield self._notes / f"{key}.json"

    def _play(self, file: Path, overrides: Mapping[str, Any], seed: int | None, note: Path) -> None:
        from results.folder import write_json
        from scenarios.faults import ScenarioError
        from scenarios.overrides import overrides_of

        from .run import RunBroken, run_scenario

        folder, because = None, ""
        try:
            outcome = run_scenario(
                file,
                out=self._out,
                seed=seed,
                overrides=overrides_of(overrides),
                model_devices=self._model_devices,
            )
            folder = str(outcome.folder)
            if outcome.status != "finished":
                because = f"{file}: the run was {outcome.status}"
        except ScenarioError as error:
            because = str(error)
        except RunBroken as error:
            folder, because = str(error.folder), f"{file}: the run broke: {error}"
        write_json(note, {"folder": folder, "because": because})


def _of_note(note: Path) -> Played:
    told = json.loads(note.read_text("utf-8"))
    if told["folder"] is None or told["because"]:
        return Played(told["folder"] and Path(told["folder"]), told["because"])
    folder = Path(told["folder"])
    verdict = json.loads((folder / "verdict.json").read_text("utf-8"))
    return Played(folder, "", verdict["checks"], verdict["metrics"])
