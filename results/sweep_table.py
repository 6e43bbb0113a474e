"""The tables of a sweep: a row per point with all its figures, samples over time, and timing.

The first two are the same bytes whoever played the points, in whatever order, in however many
attempts; what differs from time to time is in the third.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from .sweep_series import SERIES
from .tables import write_table

__all__ = ["NOT_RUN", "RAN", "SweepRow", "write_sweep_tables"]

RAN = ("passed", "failed", "broke")
"""Status of a point that says something of the scenario rather than of the machine."""

NOT_RUN: Mapping[str, Any] = {
    "status": "not run",
    "because": "",
    "checks": [],
    "metrics": {},
    "series": {},
}

_WHOLE, _REAL, _TEXT, _TRUTH = pa.int64(), pa.float64(), pa.string(), pa.bool_()


@dataclass(frozen=True)
class SweepRow:
    """One point and what became of it.

    Attributes
    ----------
    index : int
    key : str
        Content hash of all that its numbers depend on.
    values : mapping
        Every varied path with its value.
    seed : int
    record : mapping
        status, because, checks (name, passed, value), metrics, series, wall_s, worker.
    """

    index: int
    key: str
    values: Mapping[str, Any]
    seed: int
    record: Mapping[str, Any]


def write_sweep_tables(folder: Path, rows: Sequence[SweepRow]) -> None:
    """Write `sweep.parquet`, `series.parquet` and `sweep-timing.parquet`.

    `sweep.parquet` has `index`, `key`, a column per varied path, `seed`, `status`, `passed` (null
    for a point that could not be run), `failed_checks`, `because`, a column per metric, and
    `worst_<check>`, the worst value that a check saw.
    """
    columns = dict(_columns(rows))
    schema = pa.schema([pa.field(name, kind) for name, (kind, _) in columns.items()])
    values = {name: column for name, (_, column) in columns.items()}
    write_table(folder, "sweep", values, schema=schema)
    names = ["at_s", *SERIES]
    schema = pa.schema([pa.field("index", _WHOLE), *(pa.field(name, _REAL) for name in names)])
    write_table(folder, "series", _samples(rows, names), schema=schema)
    timing: dict[str, list[Any]] = {
        "index": [row.index for row in rows],
        "wall_s": [row.record.get("wall_s") for row in rows],
        "worker": [row.record.get("worker", "") for row in rows],
    }
    kinds = zip(timing, (_WHOLE, _REAL, _TEXT), strict=True)
    schema = pa.schema([pa.field(name, kind) for name, kind in kinds])
    write_table(folder, "sweep-timing", timing, schema=schema)


def _columns(rows: Sequence[SweepRow]) -> Iterator[tuple[str, tuple[Any, list[Any]]]]:
    """Names, types and values of the columns, in their order."""
    yield "index", (_WHOLE, [row.index for row in rows])
    yield "key", (_TEXT, [row.key for row in rows])
    for path in dict.fromkeys(path for row in rows for path in row.values):
        yield path, _typed([row.values.get(path) for row in rows])
    yield "seed", (_WHOLE, [row.seed for row in rows])
    yield "status", (_TEXT, [row.record["status"] for row in rows])
    yield "passed", (_TRUTH, [_passed(row) for row in rows])
    yield "failed_checks", (_TEXT, [", ".join(_failed(row)) for row in rows])
    yield "because", (_TEXT, [row.record["because"] for row in rows])
    figures = [_figures(row) for row in rows]
    for name in sorted({name for row in figures for name in row}):  # as on disk, so in memory
        yield name, (_REAL, [row.get(name) for row in figures])


def _passed(row: SweepRow) -> bool | None:
    status = row.record["status"]
    return status == "passed" if status in RAN else None


def _failed(row: SweepRow) -> list[str]:
    return [check["name"] for check in row.record["checks"] if not check["passed"]]


def _figures(row: SweepRow) -> dict[str, float | None]:
    worst = {f"worst_{check['name']}": check["value"] for check in row.record["checks"]}
    return {**row.record["metrics"], **worst}


def _typed(values: list[Any]) -> tuple[Any, list[Any]]:
    """Type of a varied value: numbers stay numbers, what is mixed or has parts becomes text."""
    kinds = {type(value) for value in values if value is not None}
    if kinds == {bool}:
        return _TRUTH, values
    if kinds == {int}:
        return _WHOLE, values
    if kinds and kinds <= {int, float}:
        return _REAL, [None if value is None else float(value) for value in values]
    return _TEXT, [value if isinstance(value, str) else _text(value) for value in values]


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False, default=str)


def _samples(rows: Sequence[SweepRow], names: Sequence[str]) -> dict[str, list[Any]]:
    columns: dict[str, list[Any]] = {name: [] for name in ("index", *names)}
    for row in rows:
        series = row.record["series"]
        size = len(series.get("at_s", ()))
        columns["index"] += [row.index] * size
        for name in names:
            columns[name] += series.get(name, [None] * size)
    return columns
