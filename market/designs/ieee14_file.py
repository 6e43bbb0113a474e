"""Reads the data of the 14-bus case: ours, and the published set in its CSV form.

Faults are gathered and named with file and line, as an editor counts them.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .ieee14_case import Case
from .problem import DesignError

__all__ = ["COMMUNITY_OF_BUS", "read_published", "read_shipped"]

Floats = NDArray[np.float64]

COMMUNITY_OF_BUS = {**dict.fromkeys((2, 3, 4, 5), 0), **dict.fromkeys((8, 9, 10, 14), 1)} | (
    dict.fromkeys((6, 11, 12, 13), 2)
)
"""C1, C2 and C3 of the paper, from its text and drawing: the published set does not say."""

KINDS = {"wind": "wind", "solar": "pv", "gas": "gas", "coal": "coal"}
INFO_COLUMNS = ("Type", "Energy", "Bus", "Pmin", "Pmax", "a", "b")
PEER_COLUMNS = ("peer", "kind", "bus", "community", "rated_mw", "must", "a", "b", "shape")
HALF_HOUR = timedelta(minutes=30)
TOLD = 20
"""Faults that are told; beyond, they are counted."""


class _Series(NamedTuple):
    """A table of half-hours."""

    moments: list[datetime]
    values: Floats
    lines: list[int]


def read_shipped(folder: Path) -> Case:
    """Read `peers.csv` and `case.parquet`, in the form in which they ship.

    Raises
    ------
    DesignError
        With file, line and column of every fault.
    """
    import pyarrow.parquet as pq

    faults: list[str] = []
    rows = _rows(folder / "peers.csv", PEER_COLUMNS, faults)
    path = folder / "case.parquet"
    try:
        table = pq.ParquetFile(path).read()
    except (OSError, ValueError) as error:
        raise DesignError([*faults, f"{path}: cannot be read: {error}"]) from None
    needed = {row["shape"] for _, row in rows if row["shape"]} | {"time", "price_cents"}
    faults += [f"{path}: no column {c!r}" for c in sorted(needed - set(table.column_names))]
    _leave(faults)
    shapes = {name: table[name].to_numpy() / 1000 for name in needed - {"time", "price_cents"}}
    rated = _numbers(folder / "peers.csv", rows, "rated_mw", faults)
    must = _numbers(folder / "peers.csv", rows, "must", faults)
    a, b = (_numbers(folder / "peers.csv", rows, key, faults) for key in "ab")
    _leave(faults)
    most = np.column_stack(
        [
            mw * shapes[row["shape"]] if row["shape"] else np.full(table.num_rows, mw)
            for (_, row), mw in zip(rows, rated, strict=True)
        ]
    )
    buys = np.array([row["kind"] == "consumer" for _, row in rows])
    return Case(
        start=np.datetime_as_string(table["time"].to_numpy()[0], unit="m"),
        kinds=tuple(row["kind"] for _, row in rows),
        buses=tuple(int(row["bus"]) for _, row in rows),
        community=np.array([int(row["community"].removeprefix("C")) - 1 for _, row in rows]),
        a=a,
        b=b,
        low_mw=np.where(buys, -most, must * most),
        high_mw=np.where(buys, -must * most, most),
        price=table["price_cents"].to_numpy() / 100,
    )


def read_published(folder: Path, info: str = "info.csv") -> Case:
    """Read the published set: `info.csv`, `load_max.csv`, `load_min.csv`, `ren.csv`, `price.csv`.

    Wind and sun are must-take, at the level in `ren.csv`.

    Parameters
    ----------
    folder : Path
    info : str
        Name of the file with the cost table.

    Raises
    ------
    DesignError
        With file and line of every fault: files or columns that are missing, values that are no
        numbers, lengths and moments that do not agree, bounds that are crossed.
    """
    faults: list[str] = []
    path = folder / info
    rows = [
        (line, row)
        for line, row in _rows(path, INFO_COLUMNS, faults)
        if row["Type"].strip().lower() != "grid"
    ]
    kinds = [_kind(path, line, row, faults) for line, row in rows]
    where = [_bus(path, line, row, faults) for line, row in rows]
    a, b = (_numbers(path, rows, key, faults) for key in "ab")
    good = not faults  # else the number of peers says nothing about the other files
    loads = kinds.count("consumer") if good else None
    green = kinds.count("wind") + kinds.count("pv") if good else None
    most = _series(folder / "load_max.csv", loads, 2, faults)
    least = _series(folder / "load_min.csv", loads, 2, faults)
    level = _series(folder / "ren.csv", green, 2, faults)
    price = _series(folder / "price.csv", 1, 1, faults)
    firm = [row for row, kind in zip(rows, kinds, strict=True) if kind in ("gas", "coal")]
    bounds = [_numbers(path, firm, key, faults) for key in ("Pmin", "Pmax")]
    tables = {"load_max": most, "load_min": least, "ren": level, "price": price}
    _same_moments(folder, tables, faults)
    _leave(faults)
    low, high = np.empty((2, len(price.moments), len(rows)))
    bands: tuple[tuple[tuple[str, ...], Floats, Floats], ...] = (
        (("consumer",), -most.values, -least.values),
        (("wind", "pv"), level.values, level.values),
        (("gas", "coal"), bounds[0], bounds[1]),
    )
    for of, one, other in bands:
        columns = [n for n, kind in enumerate(kinds) if kind in of]
        low[:, columns], high[:, columns] = one, other
    _uncrossed(folder / "load_min.csv", least, most, faults)
    _leave(faults)
    return Case(
        start=price.moments[0].isoformat(timespec="minutes"),
        kinds=tuple(kinds),
        buses=tuple(where),
        community=np.array([COMMUNITY_OF_BUS[bus] for bus in where]),
        a=a,
        b=b,
        low_mw=low,
        high_mw=high,
        price=price.values[:, 0],
    )


def _leave(faults: Sequence[str]) -> None:
    if faults:
        more = [f"and {len(faults) - TOLD} more faults"] if len(faults) > TOLD else []
        raise DesignError([*faults[:TOLD], *more])


def _lines(path: Path, faults: list[str]) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows of a CSV file that are not empty, each with the line that it ends on."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file)
            for row in reader:
                if any(cell.strip() for cell in row):
                    yield reader.line_num, row
    except FileNotFoundError:
        faults.append(f"{path}: no such file")
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        faults.append(f"{path}: cannot be read: {error}")


def _rows(
    path: Path, columns: Sequence[str], faults: list[str]
) -> list[tuple[int, dict[str, str]]]:
    """Read a table with a row of names; none where a name is missing."""
    lines = list(_lines(path, faults))
    if not lines:
        if path.is_file():
            faults.append(f"{path}: empty; expected columns {', '.join(columns)}")
        return []
    head = [name.strip() for name in lines[0][1]]
    if missing := [name for name in columns if name not in head]:
        faults.append(
            f"{path}:{lines[0][0]}: no column {', '.join(map(repr, missing))}; "
            f"it has {', '.join(head)}"
        )
        return []
    out = []
    for line, row in lines[1:]:
        if len(row) != len(head):
            faults.append(f"{path}:{line}: {len(row)} cells; expected {len(head)}")
        else:
            out.append((line, dict(zip(head, row, strict=True))))
    return out


def _number(text: str) -> float:
    """Read a finite number; NaN for everything else."""
    try:
        value = float(text)
    except ValueError:
        return math.nan
    return value if math.isfinite(value) else math.nan


def _numbers(
    path: Path, rows: Sequence[tuple[int, dict[str, Any]]], column: str, faults: list[str]
) -> Floats:
    values = [_number(row[column]) for _, row in rows]
    for (line, row), value in zip(rows, values, strict=True):
        if math.isnan(value):
            faults.append(f"{path}:{line}: {column}: {row[column]!r} is no number")
    return np.array(values, dtype=np.float64)


def _kind(path: Path, line: int, row: dict[str, str], faults: list[str]) -> str:
    if row["Type"].strip().lower() == "consumer":
        return "consumer"
    kind = KINDS.get(row["Energy"].strip().lower(), "")
    if not kind:
        faults.append(
            f"{path}:{line}: {row['Type']} of {row['Energy']!r}; expected a consumer, or a "
            "producer of Wind, Solar, Gas or Coal"
        )
    return kind


def _bus(path: Path, line: int, row: dict[str, str], faults: list[str]) -> int:
    bus = _number(row["Bus"])
    if bus not in COMMUNITY_OF_BUS:
        known = ", ".join(map(str, sorted(COMMUNITY_OF_BUS)))
        faults.append(f"{path}:{line}: Bus: {row['Bus']!r} is in no community; expected {known}")
        return 0
    return int(bus)


def _series(path: Path, width: int | None, heads: int, faults: list[str]) -> _Series:
    """Read half-hours: rows of names, then a moment (day/month/year) and values in each."""
    moments: list[datetime] = []
    values: list[list[float]] = []
    lines: list[int] = []
    for number, (line, row) in enumerate(_lines(path, faults)):
        if number < heads:
            found = len(row) - 1
            width = found if width is None else width
            if number == 0 and heads == 2 and found != width:
                faults.append(f"{path}:{line}: {found} peers; expected {width}, as in the costs")
                return _Series([], np.empty((0, width)), [])
            continue
        cells = [_number(cell) for cell in row[1:][:width]]
        cells += [math.nan] * ((width or 0) - len(cells))
        for column, value in enumerate(cells, start=1):
            if math.isnan(value):
                told = repr(row[column]) if column < len(row) else "nothing"
                faults.append(f"{path}:{line}: column {column + 1}: {told} is no number")
        try:
            moments.append(datetime.strptime(row[0].strip(), "%d/%m/%Y %H:%M"))
        except ValueError:
            faults.append(f"{path}:{line}: {row[0]!r} is no moment; expected 01/07/2012 00:30")
            continue
        values.append(cells)
        lines.append(line)
    _every_half_hour(path, moments, lines, faults)
    return _Series(
        moments, np.array(values, dtype=np.float64).reshape(len(values), width or 0), lines
    )


def _every_half_hour(
    path: Path, moments: Sequence[datetime], lines: Sequence[int], faults: list[str]
) -> None:
    for before, after, line in zip(moments, moments[1:], lines[1:], strict=False):
        if after - before != HALF_HOUR:
            faults.append(
                f"{path}:{line}: {after:%d/%m/%Y %H:%M} follows {before:%d/%m/%Y %H:%M}; "
                "expected half an hour later"
            )


def _same_moments(folder: Path, tables: dict[str, _Series], faults: list[str]) -> None:
    """All tables begin alike and have as many rows as the prices."""
    wanted = tables["price"].moments
    for name, table in tables.items():
        path, has = folder / f"{name}.csv", table.moments
        if not has:
            if path.is_file():
                faults.append(f"{path}: no half-hours")
            continue
        if wanted and len(has) != len(wanted):
            faults.append(
                f"{path}:{table.lines[-1]}: {len(has)} half-hours; price.csv has {len(wanted)}"
            )
        if wanted and has[0] != wanted[0]:
            faults.append(
                f"{path}:{table.lines[0]}: begins {has[0]:%d/%m/%Y %H:%M}; price.csv begins "
                f"{wanted[0]:%d/%m/%Y %H:%M}"
            )


def _uncrossed(path: Path, least: _Series, most: _Series, faults: list[str]) -> None:
    for row, column in np.argwhere(least.values > most.values):
        faults.append(
            f"{path}:{least.lines[row]}: column {column + 2}: at least "
            f"{least.values[row, column]:g} MW, but load_max.csv has "
            f"{most.values[row, column]:g}"
        )
