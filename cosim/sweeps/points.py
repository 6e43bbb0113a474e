"""One point of a sweep: its key, which says all that its numbers depend on, and how it is played.

A point is played to a record that JSON can hold, whatever happens to it; where it is played, in a
pool or on a cluster, is none of its business.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import socket
import sqlite3
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from .. import provenance
from .plan import Combination, Plan, Point, json_text

if TYPE_CHECKING:
    from scenarios.resolve import ResolvedScenario

    from ..run import RunOutcome

__all__ = ["Keep", "Recorded", "Task", "lost", "play_point", "prepared", "ready"]

FORMAT = 1
"""Of records; another number makes every key another."""

Keep = Literal["none", "failed", "all"]
Recorded = dict[str, Any]
"""What is known of a point: key, status, because, checks, metrics, series; wall_s and worker,
which differ from time to time; and `again`, whether the next sweep should try once more.

The status is "passed", "failed" (a check does not hold), "broke" (the run could not go on),
"wrong" (no scenario), "error" (the machine's fault: disk, memory) or "lost" (its workers died).
"""

_ONE_AT_A_TIME = threading.Lock()


@dataclass(frozen=True)
class Task:
    """One run that somebody has to play.

    Attributes
    ----------
    key : str
    scenario : str
        Absolute path.
    values : tuple of (path, value)
    seed : int
    model_devices : bool
    scratch : str or None
        Where the run folder is made and removed; a temporary folder of the machine if None.
    keep : {"none", "failed", "all"}
        Which run folders are moved to `kept`.
    kept : str or None
        Folder of run folders that stay, named after their key.
    """

    key: str
    scenario: str
    values: Combination
    seed: int
    model_devices: bool = True
    scratch: str | None = None
    keep: Keep = "none"
    kept: str | None = None


def prepared(plan: Plan, points: Sequence[Point]) -> list[Task]:
    """Check the scenario of every point, and give each its key.

    Raises
    ------
    ScenarioError
        With every distinct fault once, and the first point that has it.
    """
    from scenarios.faults import Fault, ScenarioError
    from scenarios.load import load_scenario
    from scenarios.overrides import overrides_of

    versions, digests = provenance.versions(), dict[Path, str]()
    found: dict[Fault, list[Combination]] = {}
    files: dict[str, dict[str, str]] = {}
    combinations = {json_text(point.values): point for point in points}
    for told, point in combinations.items():
        overrides = overrides_of(dict(point.values))
        try:
            resolved = load_scenario(plan.scenario, seed=point.seed, overrides=overrides)
        except ScenarioError as error:
            for fault in error.faults:
                found.setdefault(fault, []).append(point.values)
            continue
        files[told] = _digests(resolved, digests)
    if found:
        raise ScenarioError(list(_faults(found, len(combinations))))
    return [_task(plan, point, versions, files[json_text(point.values)]) for point in points]


def _faults(found: Mapping[Any, list[Combination]], of: int) -> Iterator[Any]:
    for fault, at in found.items():
        if len(at) == of or not at[0]:
            yield fault
            continue
        told = ", ".join(f"{path}={json_text(value)}" for path, value in at[0])
        more = f" and in {len(at) - 1} more of {of} combinations" if len(at) > 1 else ""
        yield replace(fault, message=f"{fault.message} (with {told}{more})")


def _task(plan: Plan, point: Point, versions: Mapping[str, str], files: Mapping[str, str]) -> Task:
    said = {
        "format": FORMAT,
        "files": files,
        "values": point.values,
        "seed": point.seed,
        "model_devices": plan.model_devices,
        "versions": versions,
        "portable": os.environ.get("PEERWATT_PORTABLE") == "1",
    }
    text = json.dumps(said, sort_keys=True, default=str)
    key = hashlib.sha256(text.encode()).hexdigest()[:24]
    return Task(key, str(plan.scenario), point.values, point.seed, plan.model_devices)


def _digests(resolved: ResolvedScenario, known: dict[Path, str]) -> dict[str, str]:
    """SHA-256 of the scenario's file and of every file beside it that it names anywhere.

    Networks, profiles, mechanisms and checks of one's own are all named by text, as
    ``grids/street.json``, ``roof.csv:pv_kw`` or ``./night.py:NightAuction``.
    """
    base = resolved.file.parent
    told = {"": resolved.file}
    for text in set(_texts(resolved.scenario.model_dump(mode="json"))):
        for name in (text, text.rpartition(":")[0]):
            if 0 < len(name) < 256 and "\0" not in name and (base / name).is_file():
                told[name] = base / name
    for file in told.values():
        if file not in known:
            known[file] = hashlib.sha256(file.read_bytes()).hexdigest()
    return {name: known[file] for name, file in told.items()}


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, below in value.items():
            yield str(key)
            yield from _texts(below)
    elif isinstance(value, list):
        for below in value:
            yield from _texts(below)


def ready() -> None:
    """Pay what every worker pays once: imports, and the kernels that they load."""
    from models.grid import power_flow  # noqa: F401 - loaded, not used
    from results import reading  # noqa: F401 - loaded, not used

    from .. import run  # noqa: F401 - loaded, not used


def play_point(task: Task) -> Recorded:
    """Play a point; what goes wrong is told in the record rather than raised."""
    began = time.perf_counter()
    with _ONE_AT_A_TIME:  # a cluster's worker may have threads, a run has its process for itself
        try:
            with tempfile.TemporaryDirectory(dir=task.scratch, prefix="run-") as scratch:
                told = _played(task, Path(scratch))
        except OSError as error:  # of the scratch folder itself
            told = _failure("error", error, again=True)
    whole_s = time.perf_counter() - began
    return {"key": task.key, **told, "wall_s": whole_s, "worker": _worker()}


def lost(task: Task, because: str) -> Recorded:
    """Record of a point whose workers died."""
    told = {"status": "lost", "because": because, "again": True}
    return {"key": task.key, **_EMPTY, **told, "wall_s": None, "worker": ""}


_EMPTY: Recorded = {"checks": [], "metrics": {}, "series": {}, "again": False}


def _played(task: Task, scratch: Path) -> Recorded:
    from scenarios.faults import ScenarioError
    from scenarios.overrides import overrides_of

    from ..run import RunBroken, run_scenario

    try:
        outcome = run_scenario(
            task.scenario,
            out=scratch,
            seed=task.seed,
            overrides=overrides_of(dict(task.values)),
            model_devices=task.model_devices,
            report=False,
        )
        told = _of_outcome(outcome)
    except ScenarioError as error:
        told = _failure("wrong", error)
    except RunBroken as error:
        told = _failure("broke", error)
    except (OSError, MemoryError, sqlite3.OperationalError) as error:
        told = _failure("error", error, again=True)
    except Exception as error:  # whatever a mechanism or a check of a user's own raises
        told = _failure("broke", error, named=True)
    told["because"] = told["because"].replace(str(scratch), "…")
    try:
        _keep(task, scratch, told)
    except OSError as error:
        told["because"] = f"{told['because']}; its folder was not kept: {error}".lstrip("; ")
    return told


def _of_outcome(outcome: RunOutcome) -> Recorded:
    from results.reading import Record
    from results.sweep_series import sampled

    if outcome.status != "finished":
        stopped = {"status": "error", "because": f"the run was {outcome.status}", "again": True}
        return {**_EMPTY, **stopped}
    failed = [verdict for verdict in outcome.verdicts if not verdict.passed]
    return {
        "status": "passed" if outcome.passed else "failed",
        "because": "; ".join(f"{verdict.name}: {verdict.worst}" for verdict in failed),
        "checks": [
            {"name": one.name, "passed": one.passed, "value": _number(one.value)}
            for one in outcome.verdicts
        ],
        "metrics": {metric.key: _number(metric.value) for metric in outcome.metrics},
        "series": sampled(Record(outcome.folder)),
        "again": False,
    }


def _number(value: Any) -> float | None:
    """A number as JSON has it: none where it is not finite."""
    return None if value is None or value - value != 0 else float(value)


def _failure(
    status: str, error: BaseException, *, again: bool = False, named: bool = False
) -> Recorded:
    text = " ".join(str(error).split()) or type(error).__name__
    because = f"{type(error).__name__}: {text}" if named else text
    return {**_EMPTY, "status": status, "because": because, "again": again}


def _keep(task: Task, scratch: Path, told: Recorded) -> None:
    """Move the run folder to where it stays, if it is to stay."""
    if task.kept is None or task.keep == "none":
        return
    if task.keep == "failed" and told["status"] == "passed":
        return
    for folder in scratch.iterdir():
        kept = Path(task.kept) / task.key
        shutil.rmtree(kept, ignore_errors=True)
        kept.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(folder, kept)


def _worker() -> str:
    return f"{socket.gethostname()}:{os.getpid()}"
