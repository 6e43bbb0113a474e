"""Plays a search: the last value of a range for which all checks hold."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from results.sweep_table import RAN

from .find import Found, Question, find
from .plan import Plan, Point
from .points import Keep, Recorded, Task, play_point, prepared, ready
from .pool import PlayPoint
from .sweep import SweepOutcome, Watch, session, write_results

__all__ = ["run_search"]


def run_search(
    plan: Plan,
    out: Path,
    *,
    workers: int | None = None,
    scheduler: str | None = None,
    keep: Keep = "none",
    watch: Watch | None = None,
    play: PlayPoint = play_point,
    begin: Callable[[], None] | None = ready,
    metrics: Sequence[str] = (),
) -> tuple[SweepOutcome, Found]:
    """Look for what `plan.find` asks, or go on looking; parameters as of `sweep.run_sweep`.

    Raises
    ------
    ScenarioError, SweepRunning, PoolBroken, NoScheduler
        As `run_sweep` does.
    """
    question = Question(**(plan.find or {}))
    fixed = tuple((path, axis[0]) for path, axis in plan.axes.items() if isinstance(axis, tuple))

    def points_at(values: Sequence[float]) -> list[Point]:
        told = [int(value) if question.whole else value for value in values]
        pairs = itertools.product(told, plan.seeds)
        return [
            Point(i, ((question.path, value), *fixed), seed)
            for i, (value, seed) in enumerate(pairs)
        ]

    prepared(plan, points_at([question.easy, question.hard]))
    how: dict[str, Any] = {"workers": workers, "scheduler": scheduler}
    how |= {"keep": keep, "watch": watch, "play": play, "begin": begin}
    with session(plan, out, **how) as made:
        known: dict[float, list[tuple[Point, Task, Recorded]]] = {}

        def evaluate(values: Sequence[float]) -> list[list[bool | None]]:
            points = points_at(values)
            tasks = prepared(plan, points)
            rows = list(zip(points, tasks, made.play(tasks), strict=True))
            each = len(plan.seeds)
            for i, value in enumerate(values):
                known[value] = rows[i * each : (i + 1) * each]
            return [[_answer(record) for *_, record in known[value]] for value in values]

        found = find(question, evaluate)
        rows = [row for value in sorted(known) for row in known[value]]
        points = [replace(point, index=index) for index, (point, *_) in enumerate(rows)]
        tasks, records = [task for _, task, _ in rows], [record for *_, record in rows]
        told = found.plain(plan.seeds)
        write_results(made.folder.path, plan, points, tasks, records, metrics=metrics, found=told)
        outcome = SweepOutcome(made.folder.path, points, records, made.found_before, made.unsaved)
        return outcome, found


def _answer(record: Recorded) -> bool | None:
    """Whether the checks hold; not in a run that broke, and nobody knows of one that was lost."""
    return record["status"] == "passed" if record["status"] in RAN else None
