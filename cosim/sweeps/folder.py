"""The folder of a sweep: its plan, one record per finished point, and who works on it.

Only one process writes here, or several that have a part of the points each; a lock says so, and
it dies with its owner, however that ends.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any

from results.folder import write_json

from .plan import Plan
from .points import FORMAT, Recorded

__all__ = ["NoSweep", "SweepFolder", "SweepRunning"]


class SweepRunning(RuntimeError):
    """Somebody else sweeps in this folder; wait for it, or stop it."""


class NoSweep(RuntimeError):
    """A folder holds no sweep that could go on."""


class SweepFolder:
    """Where a sweep is kept.

    Parameters
    ----------
    path : Path
        It is made when the first thing is written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.points, self.kept = path / "points", path / "runs"
        self._plan = path / "plan.json"

    @contextmanager
    def held(self, only: tuple[int, int] | None = None) -> Iterator[Path]:
        """Hold the folder, or one part of its points, and give a scratch folder.

        Raises
        ------
        SweepRunning
            Somebody else does.
        """
        part = "" if only is None else f"-{only[0]}-of-{only[1]}"
        self.points.mkdir(parents=True, exist_ok=True)
        with ExitStack() as open_:
            whole = fcntl.LOCK_EX if only is None else fcntl.LOCK_SH
            lock = open_.enter_context(self._lock("lock", whole, tell=only is None))
            if only is not None:
                lock = open_.enter_context(self._lock(f"lock{part}", fcntl.LOCK_EX, tell=True))
            scratch = self.path / f"scratch{part}"
            shutil.rmtree(scratch, ignore_errors=True)  # of a sweep that was killed
            scratch.mkdir()
            try:
                yield scratch
            finally:
                shutil.rmtree(scratch, ignore_errors=True)
                lock.truncate(0)

    @contextmanager
    def _lock(self, name: str, how: int, *, tell: bool) -> Iterator[IO[str]]:
        with (self.path / name).open("a+", encoding="utf-8") as lock:
            try:
                fcntl.flock(lock, how | fcntl.LOCK_NB)
            except BlockingIOError:
                raise SweepRunning(
                    f"{self.path}: a sweep is under way here, {self._owners()}; "
                    "wait for it or stop it, nothing was started"
                ) from None
            if tell:
                lock.truncate(0)
                lock.write(f"process {os.getpid()} on {socket.gethostname()}")
                lock.flush()
            yield lock

    def _owners(self) -> str:
        said = [lock.read_text("utf-8") for lock in sorted(self.path.glob("lock*"))]
        return ", ".join(text for text in said if text) or "of another process"

    def write_plan(self, plan: Plan) -> None:
        """Note what is asked, unless it is noted already."""
        told = {"format": FORMAT, **plan.plain()}
        if not self._plan.exists() or json.loads(self._plan.read_text("utf-8")) != told:
            write_json(self._plan, told)

    def plan(self) -> Plan:
        """What was asked here.

        Raises
        ------
        NoSweep
            Nothing, or by another version of Peerwatt.
        """
        try:
            told: dict[str, Any] = json.loads(self._plan.read_text("utf-8"))
        except (OSError, ValueError):
            raise NoSweep(f"{self.path}: no sweep is there; expected its plan.json") from None
        if told.pop("format", None) != FORMAT:
            raise NoSweep(f"{self.path}: the sweep was planned by another version of Peerwatt")
        return Plan.of_plain(told)

    def record(self, key: str) -> Recorded | None:
        """What is known of a point, None if nothing."""
        try:
            told: Recorded = json.loads((self.points / f"{key}.json").read_text("utf-8"))
        except (OSError, ValueError):
            return None
        return told if told.get("key") == key else None

    def save(self, record: Recorded) -> None:
        """Keep what became of a point, whole or not at all.

        Raises
        ------
        OSError
            The disk is full, or gone.
        """
        path = self.points / f"{record['key']}.json"
        try:
            write_json(path, record)
        except OSError:
            path.with_name(f"{path.name}.part").unlink(missing_ok=True)
            raise
