"""Where the signals of two runs part: the first tick that differs, and by how much they part most.

Only what both runs recorded is compared, tick by tick, bus by bus and peer by peer, bit for bit.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from .compare_record import OpenedRun

__all__ = ["SignalChange", "comparable", "place_notes", "signal_changes"]

CAUSES = ("pv_kw", "load_kw", "battery_kw", "response_kw", "shed_kw", "p_kw", "vm_pu")
"""Signals in the order of cause and effect: of those that part at one tick the first is told."""

ROWS_AT_ONCE = 4096


@dataclass(frozen=True, slots=True)
class SignalChange:
    """One column of the tick table that differs.

    Attributes
    ----------
    column, place : str
        The place is a bus or a peer; empty for what the feeder has one of.
    tick : int
        First tick at which it differs.
    values : (float, float)
        There, in the first and in the second run.
    largest : float
        Largest difference, second less first, wherever that is; NaN if one run has a gap there.
    largest_place : str
    largest_tick : int
    """

    column: str
    place: str
    tick: int
    values: tuple[float, float]
    largest: float
    largest_place: str
    largest_tick: int

    @property
    def rank(self) -> int:
        """Order among signals that part at the same tick."""
        return CAUSES.index(self.column) if self.column in CAUSES else len(CAUSES)


def comparable(a: OpenedRun, b: OpenedRun) -> str:
    """Say why the ticks of two runs cannot be set side by side; empty if they can."""
    if not a.ticks.num_rows or not b.ticks.num_rows:
        return "one of them has no tick"
    if a.dt_s != b.dt_s:
        return f"their ticks are {a.dt_s:g} s and {b.dt_s:g} s long"
    return ""


def place_notes(a: OpenedRun, b: OpenedRun) -> list[str]:
    """Say which buses and peers, ticks and columns only one of them has."""
    notes = []
    for what, one, other in (("buses", a.buses, b.buses), ("peers", a.peers, b.peers)):
        notes += _only(what, list(one), list(other))
    notes += _only("signals", a.ticks.column_names, b.ticks.column_names)
    if a.ticks.num_rows != b.ticks.num_rows:
        notes.append(f"ticks recorded: {a.ticks.num_rows} in A, {b.ticks.num_rows} in B")
    if a.ticks.num_rows and b.ticks.num_rows and a.start != b.start:
        notes.append(f"A begins at {_when(a)}, B at {_when(b)}; clock times below are A's")
    return notes


def signal_changes(a: OpenedRun, b: OpenedRun) -> list[SignalChange]:
    """Every signal that both recorded and that differs, the earliest first."""
    if comparable(a, b) or a.same_bytes(b, "ticks.parquet"):
        return []
    ticks, at_a, at_b = _common_ticks(a.tick, b.tick)
    if not ticks.size:
        return []
    found = []
    for column in a.ticks.column_names:
        if column == "tick" or not b.has(column) or _kind(a, column) != _kind(b, column):
            continue
        change = _signal_change(column, (a, b), ticks, (at_a, at_b))
        if change is not None:
            found.append(change)
    return sorted(found, key=lambda change: (change.tick, change.rank))


Rows = npt.NDArray[np.intp] | slice


def _common_ticks(
    a: npt.NDArray[np.int64], b: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.int64], Rows, Rows]:
    if a[0] == b[0] and np.array_equal(a[: b.size], b[: a.size]):
        both = slice(0, min(a.size, b.size))
        return a[both], both, both
    return np.intersect1d(a, b, return_indices=True)


def _kind(run: OpenedRun, column: str) -> str:
    kind = run.ticks.schema.field(column).type
    if pa.types.is_fixed_size_list(kind):
        return "list"
    return "scalar" if pa.types.is_floating(kind) or pa.types.is_integer(kind) else str(kind)


def _signal_change(
    column: str,
    runs: tuple[OpenedRun, OpenedRun],
    ticks: npt.NDArray[np.int64],
    rows: tuple[Rows, Rows],
) -> SignalChange | None:
    kind = _kind(runs[0], column)
    if kind not in ("list", "scalar"):
        return None
    read = [run.values(column) if kind == "list" else run.scalar(column)[:, None] for run in runs]
    one, other = (values[at] for values, at in zip(read, rows, strict=True))
    names: tuple[str, ...] = ("",)
    if kind == "list":
        named = runs[0].names(column), runs[1].names(column)
        names = named[0]
        if named[0] != named[1]:
            theirs = {name: i for i, name in enumerate(named[1])}
            names = tuple(name for name in named[0] if name in theirs)
            one = one[:, [i for i, name in enumerate(named[0]) if name in theirs]]
            other = other[:, [theirs[name] for name in names]]
    return _first_and_largest(column, one, other, ticks, names)


def _first_and_largest(
    column: str,
    one: npt.NDArray[Any],
    other: npt.NDArray[Any],
    ticks: npt.NDArray[np.int64],
    names: tuple[str, ...],
) -> SignalChange | None:
    """Go through pieces that stay in the cache, from the first that differs."""
    first: tuple[int, int] | None = None
    largest, place = -1.0, (0, 0)
    for start in range(0, len(one), ROWS_AT_ONCE):
        x, y = one[start : start + ROWS_AT_ONCE], other[start : start + ROWS_AT_ONCE]
        if np.array_equal(x, y):
            continue
        with np.errstate(invalid="ignore"):
            gap = np.abs(np.subtract(y, x, dtype=np.float64))
        lone = np.isnan(x) != np.isnan(y)
        gap[np.isnan(gap)] = 0.0
        gap[(x == y)] = 0.0  # infinities of one sign
        gap[lone] = np.inf
        if not gap.any():
            continue
        if first is None:
            row = int(gap.any(axis=1).argmax())
            first = start + row, int(gap[row].argmax())
        row, at = divmod(int(gap.argmax()), gap.shape[1])
        if gap[row, at] > largest:
            largest, place = float(gap[row, at]), (start + row, at)
    if first is None:
        return None
    here = (float(one[first]), float(other[first]))
    by = float(other[place]) - float(one[place])
    return SignalChange(
        column,
        names[first[1]],
        int(ticks[first[0]]),
        here,
        by,
        names[place[1]],
        int(ticks[place[0]]),
    )


def _only(what: str, one: list[str], other: list[str]) -> list[str]:
    notes = []
    for label, mine, theirs in (("A", one, other), ("B", other, one)):
        lone = [name for name in mine if name not in set(theirs)]
        if lone:
            more = f" and {len(lone) - 5} more" if len(lone) > 5 else ""
            notes.append(f"{what} only in {label}: {', '.join(lone[:5])}{more}")
    return notes


def _when(run: OpenedRun) -> str:
    return f"{run.start:%Y-%m-%d %H:%M:%S}" if run.start else "no recorded time"
