"""What `peerwatt type-test` files; on disk while it is played, so that no end of it loses it."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from hil.typetest.steps import Step, Trial
    from models.inverters.standards import Profile

RECORD, PAGE = "type-test.json", "type-test.html"
UNFINISHED = "not finished"
WRITE_EVERY_S = 5.0
"""A record of thousands of samples is not written after every step of a simulated second. [s]"""

SIGNS = {"passed": "passed      ", "failed": "FAILED      ", "not testable": "not testable"}


class TypeTestRecord:
    """Record of one test: whole at the end, or so far and without a verdict.

    Parameters
    ----------
    folder : Path
    full : bool
    """

    def __init__(self, folder: Path, full: bool) -> None:
        self.folder, self.full = folder, full
        self._head: dict[str, Any] = {}
        self._trials: list[Trial] = []
        self._written_s = -math.inf

    def begin(self, profile: Profile, about: Mapping[str, str]) -> None:
        """Note who is tested, by what."""
        from importlib.metadata import version

        self._head = {
            "about": dict(about),
            "standard": {
                "name": profile.name,
                "title": f"{profile.standard}, {profile.edition}: {profile.title}",
            },
            "full": self.full,
            "when": datetime.now(UTC).isoformat(timespec="seconds"),
            "version": version("peerwatt"),
        }

    def tell(self, trial: Trial, step: Step) -> None:
        """Say what a step found, and keep it."""
        because = f": {step.because}" if step.because else ""
        typer.echo(f"{SIGNS[step.verdict]}  {trial.key}, {step.name}{because}")
        if not any(trial is one for one in self._trials):
            self._trials.append(trial)
        if time.monotonic() - self._written_s > WRITE_EVERY_S:
            self._write_unfinished("still running, or killed")

    def break_off(self, because: str) -> str:
        """Leave what there is, never as a verdict; say where it is."""
        if not self._trials:
            return "nothing was written"
        self._write_unfinished(because)
        return f"what was found so far: {self.folder / RECORD}"

    def finish(self, trials: Sequence[Trial]) -> None:
        """Leave the record and the page."""
        from hil.typetest.steps import worst
        from results.report_typetest import write_typetest_report

        verdict = worst(trial.verdict for trial in trials)
        found = self._write(verdict, [trial.as_dict() for trial in trials])
        write_typetest_report(found, self.folder / PAGE)

    def _write_unfinished(self, because: str) -> None:
        """Write what was played; nobody knows whether the last procedure was at its end."""
        *done, last = [trial.as_dict() for trial in self._trials]
        self._write(UNFINISHED, [*done, last | {"verdict": UNFINISHED}], because=because)
        self._written_s = time.monotonic()

    def _write(self, verdict: str, trials: list[dict[str, Any]], **more: str) -> dict[str, Any]:
        from results.folder import write_json

        found = {**self._head, "verdict": verdict, **more, "trials": trials}
        self.folder.mkdir(parents=True, exist_ok=True)
        write_json(self.folder / RECORD, found)
        return found
