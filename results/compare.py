"""Compares two recorded runs: where they part first, by how much, and what they were made from.

Two runs are the same when every order, contract, meter, account and signal of one is that of the
other, bit for bit. How long they took and where does not count.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from .compare_record import CompareError, OpenedRun, open_run
from .compare_settings import Setting, making_changes, scenario_changes
from .compare_tables import TableChange, column_remarks, event_change, table_changes
from .compare_ticks import SignalChange, comparable, place_notes, signal_changes

__all__ = ["CompareError", "Comparison", "Divergence", "MetricChange", "compare_runs"]


@dataclass(frozen=True, slots=True)
class Divergence:
    """Where two runs part first.

    Attributes
    ----------
    tick : int
        From the start of the physics; negative before it.
    clock : str
        Time of day.
    what : str
        The table or signal.
    where : str
        Period and peer, or bus; may be empty.
    a, b : str
        What each run says there.
    also : tuple of str
        What else parts at the same tick.
    """

    tick: int
    clock: str
    what: str
    where: str
    a: str
    b: str
    also: tuple[str, ...] = ()

    def told(self) -> str:
        """Say it in one line."""
        place = f", {self.where}" if self.where else ""
        return f"{self.clock} (tick {self.tick}), {self.what}{place}: {self.a} → {self.b}"


@dataclass(frozen=True, slots=True)
class MetricChange:
    """One key figure of both runs; None for a run that does not have it."""

    key: str
    label: str
    unit: str
    a: float | None
    b: float | None

    @property
    def difference(self) -> float | None:
        """Second less first, in `unit`."""
        return None if self.a is None or self.b is None else self.b - self.a


@dataclass(frozen=True)
class Comparison:
    """Two runs, compared.

    Attributes
    ----------
    first : Divergence or None
        None when they are the same as far as both were recorded.
    notes : list of str
        What could not be compared, or only one of them has, in words; then they are not the same.
    metrics, tables, signals, scenario, making
        Everything that differs; of the metrics also what does not.
    remarks : list of str
        Columns that only one has, as when another version wrote it; they make no difference.
    """

    a: OpenedRun
    b: OpenedRun
    first: Divergence | None
    notes: list[str] = field(default_factory=list)
    metrics: list[MetricChange] = field(default_factory=list)
    tables: list[TableChange] = field(default_factory=list)
    signals: list[SignalChange] = field(default_factory=list)
    scenario: list[Setting] = field(default_factory=list)
    making: list[Setting] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)

    @property
    def same(self) -> bool:
        """Whether nothing that was recorded differs."""
        changed = any(metric.a != metric.b for metric in self.metrics)
        return self.first is None and not self.notes and not changed


def compare_runs(a: Path, b: Path) -> Comparison:
    """Compare two run folders.

    Raises
    ------
    CompareError
        One of them is no run, or a file of it cannot be read.
    """
    runs = open_run(a), open_run(b)
    events = event_change(*runs)
    tables = [*([events] if events else []), *table_changes(*runs)]
    signals = signal_changes(*runs)
    return Comparison(
        *runs,
        _first(runs, tables, signals),
        _notes(runs),
        _metrics(runs),
        sorted(tables, key=lambda change: (change.tick, change.rank)),
        signals,
        scenario_changes(runs[0].manifest, runs[1].manifest),
        making_changes(runs[0].manifest, runs[1].manifest),
        column_remarks(*runs),
    )


def _notes(runs: tuple[OpenedRun, OpenedRun]) -> list[str]:
    """What is amiss with one of them; what both lack alike is no difference."""
    notes = [
        f"{label}: {gap}"
        for label, run, other in (("A", *runs), ("B", *runs[::-1]))
        for gap in run.gaps
        if gap not in other.gaps
    ]
    why = comparable(*runs)
    if why and runs[0].ticks.num_rows:
        notes.append(f"signals were not compared tick by tick: {why}")
    return notes + place_notes(*runs)


def _first(
    runs: tuple[OpenedRun, OpenedRun],
    tables: Sequence[TableChange],
    signals: Sequence[SignalChange],
) -> Divergence | None:
    """The earliest of all; of those at one tick the one that causes the others."""
    found: list[tuple[int, int, int, Divergence]] = []
    clock = runs[0].clock
    for change in tables:
        told = Divergence(change.tick, clock(change.tick), change.table, change.where, *change.told)
        found.append((change.tick, change.rank, 0, told))
    for signal in signals:
        values = f"{signal.values[0]:.9g}", f"{signal.values[1]:.9g}"
        if values[0] == values[1]:
            values = repr(signal.values[0]), repr(signal.values[1])
        told = Divergence(signal.tick, clock(signal.tick), signal.column, signal.place, *values)
        found.append((signal.tick, TICKS_RANK, signal.rank, told))
    if not found:
        return None
    found.sort(key=lambda one: one[:3])
    tick, *_, first = found[0]
    also = tuple(one[3].what for one in found[1:] if one[0] == tick)
    return Divergence(first.tick, first.clock, first.what, first.where, first.a, first.b, also)


TICKS_RANK = 5
"""Signals come after what was agreed at the same tick, before what became of it."""


def _metrics(runs: tuple[OpenedRun, OpenedRun]) -> list[MetricChange]:
    """Key figures of both, in the order in which the runs tell them."""
    one, other = (run.figures for run in runs)
    return [
        MetricChange(
            key,
            (one.get(key) or other[key]).label,
            (one.get(key) or other[key]).unit,
            *(figures[key].value if key in figures else None for figures in (one, other)),
        )
        for key in dict.fromkeys([*one, *other])
    ]
