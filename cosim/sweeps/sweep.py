"""Plays a sweep from its plan to its tables and its report, however often it is interrupted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from results.folder import write_json
from results.sweep_table import NOT_RUN, SweepRow, write_sweep_tables

from .. import provenance
from .dask import DaskPool
from .folder import SweepFolder
from .plan import Plan, Point, part_of
from .points import Keep, Recorded, Task, play_point, prepared, ready
from .pool import Players, PlayPoint, Pool, cores

__all__ = [
    "SWEEPS",
    "Session",
    "SweepOutcome",
    "Watch",
    "collect",
    "run_sweep",
    "session",
    "write_results",
]

SWEEPS = Path("results/sweeps")
"""Where sweeps are kept unless told otherwise, below the working folder."""

Watch = Callable[[int, int, Recorded | None], None]
"""Told (points done, points in all, the record that has come last)."""

_CODES = {"passed": 0, "failed": 1}
BROKE = 3


@dataclass(frozen=True)
class SweepOutcome:
    """How a sweep ended.

    Attributes
    ----------
    folder : Path
    points : list of Point
        That were asked for, in the order of the plan.
    records : list of dict
        One per point.
    found_before : int
        How many of them an earlier sweep had finished.
    unsaved : list of str
        Why records could not be written, if the disk is full; the next sweep plays those again.
    """

    folder: Path
    points: list[Point]
    records: list[Recorded]
    found_before: int = 0
    unsaved: list[str] = field(default_factory=list)

    @property
    def counts(self) -> Mapping[str, int]:
        """How many points there are of each status."""
        return Counter(record["status"] for record in self.records)

    @property
    def exit_code(self) -> int:
        """0 all passed, 1 a check failed, 3 a point could not be run or not be kept."""
        codes = [_CODES.get(record["status"], BROKE) for record in self.records]
        return max([*codes, BROKE if self.unsaved else 0], default=0)


class Session:
    """Plays points into a folder that nobody else has; see `session`."""

    def __init__(
        self,
        folder: SweepFolder,
        start: Callable[[], Players],
        *,
        scratch: Path | None,
        keep: Keep,
        watch: Watch | None,
    ) -> None:
        self.folder = folder
        self.found_before, self.unsaved = 0, list[str]()
        self._start, self._scratch, self._keep = start, scratch, keep
        self._watch = watch or (lambda *_: None)
        self._open = ExitStack()
        self._pool: Players | None = None
        self._records: dict[str, Recorded] = {}

    def play(self, tasks: Sequence[Task]) -> list[Recorded]:
        """Give the record of every task; what is known already is not played again."""
        unknown = {task.key: task for task in tasks if not self._knows(task.key)}
        times = Counter(task.key for task in tasks)
        done = sum(times[key] for key in times.keys() - unknown.keys())
        self.found_before += done
        self._watch(done, len(tasks), None)
        for record in self._played(list(unknown.values())):
            self._records[record["key"]] = record
            self._save(record)
            done += times[record["key"]]
            self._watch(done, len(tasks), record)
        return [self._records[task.key] for task in tasks]

    def _knows(self, key: str) -> bool:
        """Whether a point is finished; the machine's faults are tried again by the next sweep."""
        if key not in self._records:
            record = self.folder.record(key)
            if record is not None and not record["again"]:
                self._records[key] = record
        return key in self._records

    def _played(self, tasks: Sequence[Task]) -> Iterator[Recorded]:
        if not tasks:
            return
        if self._pool is None:
            self._pool = self._open.enter_context(self._start())
        scratch = None if self._scratch is None else str(self._scratch)
        kept = str(self.folder.kept)
        placed = [replace(task, scratch=scratch, keep=self._keep, kept=kept) for task in tasks]
        for _, record in self._pool.played(placed):
            yield record

    def _save(self, record: Recorded) -> None:
        try:
            self.folder.save(record)
        except OSError as error:
            self.unsaved.append(f"{record['key']}: {error.strerror or error}")

    def close(self, *failure: Any) -> None:
        """Let the workers go, at once if something failed."""
        self._open.__exit__(*(failure or (None, None, None)))


@contextmanager
def session(
    plan: Plan,
    out: Path,
    *,
    workers: int | None = None,
    scheduler: str | None = None,
    only: tuple[int, int] | None = None,
    keep: Keep = "none",
    watch: Watch | None = None,
    play: PlayPoint = play_point,
    begin: Callable[[], None] | None = ready,
) -> Iterator[Session]:
    """Hold a sweep's folder, and play points into it; parameters as of `run_sweep`.

    Workers are started when the first point has to be played.
    """
    folder = SweepFolder(out.resolve())
    count = workers or cores()
    with folder.held(only) as scratch:
        folder.write_plan(plan)

        def start() -> Players:
            if scheduler is None:
                return Pool(play, count, begin=begin)
            return DaskPool(play, scheduler, workers=count, scratch=scratch)

        here = scratch if scheduler in (None, "local") else None  # another machine has its own
        made = Session(folder, start, scratch=here, keep=keep, watch=watch)
        with ExitStack() as open_:
            open_.push(lambda *failure: made.close(*failure))
            yield made


def run_sweep(
    plan: Plan,
    out: Path,
    *,
    workers: int | None = None,
    scheduler: str | None = None,
    only: tuple[int, int] | None = None,
    keep: Keep = "none",
    watch: Watch | None = None,
    play: PlayPoint = play_point,
    begin: Callable[[], None] | None = ready,
    metrics: Sequence[str] = (),
) -> SweepOutcome:
    """Play a sweep, or go on with it; a point that is finished is never played again.

    Parameters
    ----------
    plan : Plan
    out : Path
        Folder of the sweep. Called again with the same folder, the sweep goes on; another plan
        takes from it the points that both have.
    workers : int, optional
        Worker processes; as many as there are cores unless given.
    scheduler : str, optional
        Dask's scheduler, ``tcp://...``, or "local" for a Dask cluster on this machine.
    only : (int, int), optional
        Play one part of the points, (which, of how many) counted from 1, and leave the tables to
        `collect`.
    keep : {"none", "failed", "all"}
        Which run folders are kept, below `runs`.
    watch : callable, optional
    play, begin : callable
        How a worker plays a point, and what it does before its first one.
    metrics : sequence of str
        What the report draws; it chooses unless told.

    Raises
    ------
    ScenarioError
        The scenario is at fault, with some values at least; nothing was run.
    SweepRunning
        Another sweep is under way in the folder.
    PoolBroken, NoScheduler
        There is nobody to play.
    """
    points = part_of(plan.all_points(), only)
    tasks = prepared(plan, points)
    how: dict[str, Any] = {"workers": workers, "scheduler": scheduler, "only": only}
    how |= {"keep": keep, "watch": watch, "play": play, "begin": begin}
    with session(plan, out, **how) as made:
        records = made.play(tasks)
        if only is None:
            write_results(made.folder.path, plan, points, tasks, records, metrics=metrics)
        return SweepOutcome(made.folder.path, points, records, made.found_before, made.unsaved)


def collect(out: Path, *, metrics: Sequence[str] = ()) -> SweepOutcome:
    """Write tables and report of what a folder has; points that are missing are told as such.

    Raises
    ------
    NoSweep, SweepRunning, ScenarioError
        No sweep is there, one is under way, or its scenario has gone.
    """
    folder = SweepFolder(out.resolve())
    plan = folder.plan()
    points = plan.all_points()
    tasks = prepared(plan, points)
    with folder.held():
        records = [folder.record(task.key) or {"key": task.key, **NOT_RUN} for task in tasks]
        write_results(folder.path, plan, points, tasks, records, metrics=metrics)
    known = sum(record["status"] != NOT_RUN["status"] for record in records)
    return SweepOutcome(folder.path, points, records, known)


def write_results(
    folder: Path,
    plan: Plan,
    points: Sequence[Point],
    tasks: Sequence[Task],
    records: Sequence[Recorded],
    *,
    metrics: Sequence[str] = (),
    found: Mapping[str, Any] | None = None,
) -> None:
    """Write the tables, what they are about, and the report."""
    rows = [
        SweepRow(point.index, task.key, dict(point.values), point.seed, record)
        for point, task, record in zip(points, tasks, records, strict=True)
    ]
    write_sweep_tables(folder, rows)
    about = {
        **plan.plain(),
        "command": provenance.command(),
        "versions": provenance.versions(),
        "machine": provenance.machine(),
        "metrics": list(metrics),
        "found": found,
    }
    write_json(folder / "sweep.json", about)
    from results.report_sweep import write_sweep_report

    write_sweep_report(folder)
