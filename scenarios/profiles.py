"""Profiles as tables of quarter hours: the SimBench extract that is shipped, and users' own files.

A user's file is CSV or Parquet with a column ``time`` that carries its zone, evenly spaced, and
columns whose names end with their unit: ``_kw`` and ``_w`` are power, ``_pu`` is a factor of a
rated power. A value holds for the interval that begins at its time.
"""

import datetime as dt
import fnmatch
import functools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
from numpy.typing import NDArray

from .rules import nearest

Floats = NDArray[np.float64]
Kind = Literal["load", "pv"]

QUARTER_S = 900
SHIPPED = Path(__file__).parent / "profiles"
FULL_LOAD_H = {
    "G1-A": 1505.3,
    "G1-B": 1766.3,
    "G1-C": 1321.4,
    "G2-A": 3833.9,
    "G3-A": 3717.3,
    "G4-A": 2810.3,
    "G4-B": 2748.5,
    "G5-A": 2171.0,
    "G6-A": 1934.0,
    "H0-A": 1222.1,
    "H0-B": 775.6,
    "H0-C": 1031.2,
    "H0-G": 611.0,
    "H0-L": 496.0,
    "L1-A": 2183.1,
    "L2-A": 2990.0,
}
"""Energy of SimBench's year 2016 per rated power: the sum of all 35 136 quarter hours. [h]"""
_FACTORS = {"kw": 1.0, "w": 1e-3, "pu": 1.0}


class ProfileError(ValueError):
    """A profile cannot be used; the message says why."""


@dataclass(frozen=True)
class Profile:
    """One column of a source.

    Attributes
    ----------
    source, name : str
        Where it is from, as in the scenario; its name there.
    unit : {"kw", "pu"}
        Power, or a factor of a rated power.
    full_load_h : float or None
        Energy of a year per rated power, where it is known. [h]
    """

    source: str
    name: str
    unit: Literal["kw", "pu"]
    full_load_h: float | None = None

    def __str__(self) -> str:
        return f"{self.source}:{self.name}"


@dataclass(frozen=True)
class Table:
    """Evenly spaced columns; a value holds for the interval that begins at its time."""

    start_s: int
    step_s: int
    n_rows: int
    columns: Any
    """Arrow table; its columns become numbers when they are asked for."""

    @property
    def end_s(self) -> int:
        return self.start_s + self.step_s * self.n_rows

    def holds(self, start_s: int, end_s: int) -> bool:
        return self.start_s <= start_s and end_s <= self.end_s

    def column(self, name: str) -> Floats:
        """Values of a column, in kW where its name says that they are power."""
        return _numbers(self.columns.column(name), name)

    def quarters(self, column: str, start_s: int, end_s: int) -> Floats:
        """Mean of every quarter hour from `start_s` to `end_s`, both whole quarter hours."""
        values = self.column(column)
        if self.step_s > QUARTER_S:
            values = np.repeat(values, self.step_s // QUARTER_S)
        elif self.step_s < QUARTER_S:
            per_quarter = QUARTER_S // self.step_s
            whole = values.size - values.size % per_quarter
            values = values[:whole].reshape(-1, per_quarter).mean(axis=1)
        first = (start_s - self.start_s) // QUARTER_S
        return values[first : first + (end_s - start_s) // QUARTER_S]


class ProfileSource:
    """All profiles of one source.

    Parameters
    ----------
    name : str
        As in the scenario, before the colon: ``simbench``, or a file.
    tables : sequence
        Stretches of time, one per file.
    """

    def __init__(self, name: str, tables: Sequence[Table]) -> None:
        self.name = name
        self._tables = tuple(tables)
        names: list[str] = tables[0].columns.column_names
        self._columns = {column: _profile(name, column) for column in names}

    def matches(self, pattern: str, kind: Kind) -> tuple[Profile, ...]:
        """Return the profiles that a pattern names, in alphabetical order.

        Raises
        ------
        ProfileError
            There is none.
        """
        usable = {p.name: p for c, p in self._columns.items() if p and _serves(self.name, c, kind)}
        found = tuple(usable[n] for n in sorted(usable) if fnmatch.fnmatchcase(n, pattern))
        if not found:
            known = nearest(pattern, usable, at_most=20)
            raise ProfileError(f"no {kind} profile {pattern!r} in {self.name!r}; {known}")
        return found

    def check(self, profiles: Iterable[Profile], start: dt.datetime, end: dt.datetime) -> None:
        """Check that profiles have no gap between two instants.

        Raises
        ------
        ProfileError
            The source does not reach so far, or a value is missing.
        """
        start_s, end_s = _quarters_around(start, end)
        table = self._table(start_s, end_s)
        for profile in profiles:
            values = table.quarters(self._column(profile), start_s, end_s)
            missing = np.flatnonzero(~np.isfinite(values))
            if missing.size:
                at_s = start_s + QUARTER_S * int(missing[0])
                at = dt.datetime.fromtimestamp(at_s, start.tzinfo).isoformat()
                raise ProfileError(
                    f"{str(profile)!r} has {missing.size} quarter hours without a value, the "
                    f"first at {at}; expected none in the time that is played"
                )

    def quarters(self, profile: Profile, start: dt.datetime, end: dt.datetime) -> Floats:
        """Mean of every quarter hour that touches the time from `start` to `end`. [kW] or [1]"""
        start_s, end_s = _quarters_around(start, end)
        return self._table(start_s, end_s).quarters(self._column(profile), start_s, end_s)

    def _table(self, start_s: int, end_s: int) -> Table:
        for table in self._tables:
            if table.holds(start_s, end_s):
                return table
        spans = " and ".join(f"{_utc(t.start_s)} to {_utc(t.end_s)}" for t in self._tables)
        raise ProfileError(
            f"{self.name!r} holds {spans}; expected it to reach from {_utc(start_s)} to "
            f"{_utc(end_s)}, which includes the market's first gate"
        )

    def _column(self, profile: Profile) -> str:
        return next(c for c, known in self._columns.items() if known == profile)


def open_source(name: str, base: Path) -> ProfileSource:
    """Open a source of profiles.

    Parameters
    ----------
    name : str
        ``simbench`` for the shipped extract, or a CSV or Parquet file.
    base : Path
        Folder of the scenario.

    Raises
    ------
    ProfileError
        It cannot be read, has no zone, or is unevenly spaced.
    """
    if name == "simbench":
        return _shipped()
    return ProfileSource(name, [read_table(base / name, name)])


def split(reference: str) -> tuple[str, str]:
    """Split ``source:name`` of a scenario.

    Raises
    ------
    ProfileError
        There is no colon in it.
    """
    source, colon, pattern = reference.rpartition(":")
    if not colon or not source or not pattern:
        raise ProfileError(f"{reference!r} names no profile; expected source:name")
    return source, pattern


@functools.cache
def _shipped() -> ProfileSource:
    files = sorted(SHIPPED.glob("simbench-*.parquet"))
    return ProfileSource("simbench", [read_table(file, file.name) for file in files])


def read_table(file: Path, shown: str) -> Table:
    """Read a CSV or Parquet file with a column ``time``; `shown` is how messages call it.

    Raises
    ------
    ProfileError
        It cannot be read, has no zone, or is unevenly spaced.
    """
    try:
        table = _arrow(file)
    except FileNotFoundError:
        raise ProfileError(f"no file {shown!r}; expected CSV or Parquet") from None
    except (OSError, pa.ArrowException) as error:
        reason = str(error).splitlines()[0]
        raise ProfileError(f"{shown!r} cannot be read: {reason}; expected CSV or Parquet") from None
    if "time" not in table.column_names:
        raise ProfileError(f"{shown!r} has no column 'time'; expected one that carries its zone")
    times_s = _seconds(table.column("time"), shown)
    step_s = _step(times_s, shown)
    return Table(int(times_s[0]), step_s, times_s.size, table.drop_columns(["time"]))


def _arrow(file: Path) -> Any:
    if file.suffix == ".parquet":
        return pyarrow.parquet.ParquetFile(file).read()  # read_table would import pandas
    as_text = pyarrow.csv.ConvertOptions(column_types={"time": pa.string()})
    return pyarrow.csv.read_csv(file, convert_options=as_text)


def _seconds(column: Any, shown: str) -> NDArray[np.int64]:
    expected = "expected times with their zone, such as 2016-06-14T11:45:00+02:00"
    if pa.types.is_timestamp(column.type):
        if column.type.tz is None:
            raise ProfileError(f"times of {shown!r} have no zone; {expected}")
        stamps = column.cast(pa.timestamp("s", "UTC"), safe=False).cast(pa.int64())
        return np.array(stamps.to_pylist(), dtype=np.int64)
    try:
        moments = [dt.datetime.fromisoformat(text) for text in column.to_pylist()]
    except (TypeError, ValueError):
        raise ProfileError(f"times of {shown!r} cannot be read; {expected}") from None
    if any(moment.tzinfo is None for moment in moments):
        raise ProfileError(f"times of {shown!r} have no zone; {expected}")
    return np.array([int(moment.timestamp()) for moment in moments], dtype=np.int64)


def _step(times_s: NDArray[np.int64], shown: str) -> int:
    if times_s.size < 2:
        raise ProfileError(f"{shown!r} has {times_s.size} rows; expected two at least")
    steps = np.diff(times_s)
    step_s = int(steps[0])
    uneven = np.flatnonzero(steps != step_s)
    if uneven.size:
        row = int(uneven[0]) + 1
        gap_s = int(steps[row - 1])
        raise ProfileError(
            f"{shown!r} has a gap: {_utc(int(times_s[row]))} follows {gap_s} s after the row "
            f"before; expected every {step_s} s"
        )
    if step_s <= 0 or (QUARTER_S % step_s and step_s % QUARTER_S) or times_s[0] % QUARTER_S:
        raise ProfileError(
            f"{shown!r} has a row every {step_s} s from {_utc(int(times_s[0]))}; expected steps "
            "that divide a quarter hour, or are made of them, from a full one on"
        )
    return step_s


def _numbers(column: Any, name: str) -> Floats:
    if not (pa.types.is_floating(column.type) or pa.types.is_integer(column.type)):
        return np.full(len(column), np.nan)
    values = np.array(column.to_pylist(), dtype=np.float64)  # to_numpy would import pandas
    return values * _FACTORS.get(name.rpartition("_")[2], 1.0)


def _profile(source: str, column: str) -> Profile | None:
    """Tell which profile a column is; None for one that is none, such as reactive power."""
    if source == "simbench":
        if column.endswith("_qload"):
            return None
        name = column.removesuffix("_pload")
        return Profile(source, name, "pu", FULL_LOAD_H.get(name))
    unit = column.rpartition("_")[2]
    if unit not in _FACTORS:
        return None
    return Profile(source, column, "pu" if unit == "pu" else "kw")


def _serves(source: str, column: str, kind: Kind) -> bool:
    return source != "simbench" or (kind == "pv") == column.startswith("PV")


def _quarters_around(start: dt.datetime, end: dt.datetime) -> tuple[int, int]:
    first = int(start.timestamp()) // QUARTER_S
    last = -(-int(np.ceil(end.timestamp())) // QUARTER_S)
    return first * QUARTER_S, last * QUARTER_S


def _utc(at_s: int) -> str:
    return dt.datetime.fromtimestamp(at_s, dt.UTC).strftime("%Y-%m-%d %H:%M UTC")
