"""What changed of the contracts and bills that a baseline lists, the first of it first."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from .baseline_lines import Line, bill_lines, read_line, trade_lines
from .baseline_place import BaselineError
from .baseline_text import Baseline, Listing, within
from .compare_record import OpenedRun

__all__ = ["TOLD", "list_changes"]

TOLD = 5
"""Differences of one kind that are told; more are counted."""


def list_changes(old: Baseline, new: Baseline, run: OpenedRun, *, alike: bool) -> list[str]:
    """What changed of contracts and bills, by the period in which it did first."""
    trades, bills = trade_lines(run), bill_lines(run)
    changes = [
        _agreed(_Both.of(old.trades, new.trades, trades), run),
        _outcomes("delivery", _Both.of(old.trades, new.trades, trades), run, old, alike=alike),
        _outcomes("bill", _Both.of(old.bills, new.bills, bills), run, old, alike=alike),
    ]
    return [line for _, lines in sorted(changes, key=lambda change: change[0]) for line in lines]


Change = tuple[int, list[str]]
"""The first period in which something changed, and what did, line by line."""


@dataclass(frozen=True)
class _Both:
    """A list as it was accepted, which may have been cut, and the whole of it now.

    Attributes
    ----------
    cut_in : int or None
        Period within which the accepted list was cut; nothing can be said to be new from there.
    """

    old: Listing
    new: Listing
    ours: Mapping[int, Sequence[Line]]
    theirs: Mapping[int, Sequence[Line]]
    cut_in: int | None

    @classmethod
    def of(cls, old: Listing, new: Listing, lines: Sequence[Line]) -> "_Both":
        ours = _by_period([_read(text, i) for i, text in enumerate(old.lines)])
        cut_in = max(ours, default=0) if old.count > len(old.lines) else None
        return cls(old, new, ours, _by_period(lines), cut_in)

    @property
    def periods(self) -> list[int]:
        """Periods that can be compared."""
        every = sorted(self.ours.keys() | self.theirs.keys())
        return [p for p in every if self.cut_in is None or p <= self.cut_in]

    @property
    def nothing_told(self) -> str:
        """What is said where only the hash shows a difference."""
        return f"after the first {len(self.old.lines)}, which are the same"


def _agreed(both: _Both, run: OpenedRun) -> Change:
    """What was agreed otherwise, the first of it first."""
    old, new = both.old, both.new
    if old.agreed == new.agreed and old.count == new.count:
        return 0, []
    told, first = list[str](), 0
    for period in both.periods:
        first = first if told else period
        told += _of_period(both, period, run)
    told = told or [both.nothing_told]
    counted = f"trades: {old.count} → {new.count}, energy {old.energy_wh} → {new.energy_wh} Wh"
    return first, [f"first trade that changed: {told[0]}", *_few("trades", told[1:]), counted]


def _read(text: str, i: int) -> Line:
    try:
        return read_line(text)
    except ValueError as error:
        raise BaselineError(f"line {i + 1} of the list: {error}") from None


def _by_period(lines: Sequence[Line]) -> dict[int, list[Line]]:
    found: dict[int, list[Line]] = defaultdict(list)
    for line in lines:
        found[line.period].append(line)
    return dict(found)


def _of_period(both: _Both, period: int, run: OpenedRun) -> list[str]:
    """Changes of one period, matched by who trades with whom."""
    old, new = both.ours.get(period, []), both.theirs.get(period, [])
    left: dict[str, list[Line]] = defaultdict(list)
    for line in new:
        left[line.who].append(line)
    where = _where(run, period)
    told = list[str]()
    for line in old:
        match = left[line.who].pop(0) if left[line.who] else None
        if match is None:
            told.append(f"{where}, {line.who}: {line.agreed}, is no more")
        elif match.agreed != line.agreed:
            told.append(f"{where}, {line.who}: {line.agreed} → {match.agreed}")
    if period == both.cut_in:
        return told
    told += [f"{where}, {e.who}: {e.agreed}, is new" for rest in left.values() for e in rest]
    if not told and [line.who for line in old] != [line.who for line in new]:
        told.append(f"{where}: the same in another order")
    return told


def _where(run: OpenedRun, period: int) -> str:
    return f"period {period} ({run.period_begin(period)})"


def _outcomes(what: str, both: _Both, run: OpenedRun, baseline: Baseline, *, alike: bool) -> Change:
    """What became otherwise of what was agreed alike; of bills, also who has none any more."""
    old, new = both.old, both.new
    if (old.outcome, old.agreed, old.count) == (new.outcome, new.agreed, new.count):
        return 0, []
    told, first = list[str](), 0
    for period in both.periods:
        first = first if told else period
        for one, other in _paired(both.ours.get(period, []), both.theirs.get(period, [])):
            lone = one is None or other is None
            if lone and (what == "delivery" or period == both.cut_in):
                continue  # told as a trade that changed, or beyond what is listed
            changed = _outcome_change(one, other, baseline, alike=alike)
            told += [f"{_where(run, period)}, {changed}"] if changed else []
    if not told and alike and old.agreed == new.agreed and both.cut_in is not None:
        told = [both.nothing_told]
    if not told:
        return 0, []
    many = {"delivery": "deliveries", "bill": "bills"}[what]
    return first, [f"first {what} that changed: {told[0]}", *_few(many, told[1:])]


def _paired(old: Sequence[Line], new: Sequence[Line]) -> list[tuple[Line | None, Line | None]]:
    """Match lines that were agreed alike; what has no match stands alone."""
    left: dict[tuple[str, str], list[Line]] = defaultdict(list)
    for line in new:
        left[line.who, line.agreed].append(line)
    pairs = list[tuple[Line | None, Line | None]]()
    for line in old:
        alike = left[line.who, line.agreed]
        pairs.append((line, alike.pop(0) if alike else None))
    return pairs + [(None, line) for rest in left.values() for line in rest]


def _outcome_change(
    one: Line | None, other: Line | None, baseline: Baseline, *, alike: bool
) -> str:
    """Say what became otherwise of one line; nothing if that is the same."""
    if one is None or other is None:
        some = one or other
        return "" if some is None else f"{some.who}: {'is new' if one is None else 'is no more'}"
    if _same_outcome(one, other, baseline, alike=alike):
        return ""
    return f"{one.who}: {_outcome(one)} → {_outcome(other)}"


def _outcome(line: Line) -> str:
    return f"{line.outcome} {line.energy} Wh"


def _same_outcome(one: Line, other: Line, baseline: Baseline, *, alike: bool) -> bool:
    if (one.outcome, one.energy) == (other.outcome, other.energy):
        return True
    if alike:
        return False
    try:
        energies = float(one.energy), float(other.energy)
    except ValueError:
        return False
    if not within(*energies, baseline.elsewhere.energy_wh):
        return False
    amounts = [line.outcome.removesuffix("µ€") for line in (one, other)]
    if all(amount.removeprefix("-").isdigit() for amount in amounts):
        return within(float(amounts[0]), float(amounts[1]), baseline.elsewhere.money_ueur)
    return one.outcome == other.outcome


def _few(many: str, told: Sequence[str]) -> Iterator[str]:
    yield from (f"then {line}" for line in told[: TOLD - 1])
    if len(told) >= TOLD:
        yield f"and {len(told) - TOLD + 1} more {many}"
