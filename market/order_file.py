"""Orders from a CSV or Parquet file: all of them, or none and every fault with its line.

One row is one order. Prices and energies are read as exact decimals, so what the file says is what
the market clears; a value finer than a price tick or a watt-hour is refused instead of rounded.
"""

from __future__ import annotations

import csv
import difflib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .book import OrderError, Orders

__all__ = ["LARGEST_TICKS", "Fault", "OrderFileError", "read_orders"]

LARGEST_TICKS = 10**9
"""Prices in a file lie within this on both sides of zero: 1 €/Wh is a slip of the unit. [µ€/Wh]"""
_LARGEST_WHOLE = 2**62
_OWN = "attribute:"
_TRUTH = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


@dataclass(frozen=True, slots=True, order=True)
class Fault:
    """One fault of an order file; `line` is 0 where it is the whole file's."""

    file: str
    line: int
    column: str
    message: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        return ": ".join(part for part in (place, self.column, self.message) if part)


class OrderFileError(ValueError):
    """An order file that cannot be cleared; nothing of it was.

    Attributes
    ----------
    faults : tuple of Fault
        Everything that is wrong, in the order of the file.
    """

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(sorted(set(faults)))
        super().__init__("\n".join(map(str, self.faults)))


def read_orders(file: str | Path, *, open_from: int | None = None) -> Orders:
    """Read a book from a file; it may hold orders for several periods.

    Parameters
    ----------
    file : path
        CSV with a line of names on top, or Parquet (name ending in ``.parquet``). Columns:
        ``peer``; ``side`` (buy or sell); ``price_ticks`` [µ€/Wh] or ``price_eur_per_kwh``;
        ``energy_wh`` or ``energy_kwh``; and, each optional, ``order_id`` (else the line),
        ``period`` (else 0), ``arrival`` (else as the lines stand), the attributes ``origin``,
        ``zone``, ``prefers`` (``"pv:20;anna:35"``: names in rank order, each with its premium
        [µ€/Wh], 0 where none is said), ``only_preferred``, ``storage``, ``curtailed``,
        ``flexible``, ``expiry``, ``immediate``, and any ``attribute:<name>`` for a mechanism of
        one's own, handed to it as text. An empty cell of an attribute says nothing.
    open_from : int, optional
        The first period whose gate is still open; orders for an earlier one are refused.

    Returns
    -------
    Orders
        In the order of the file; peers by name.

    Raises
    ------
    OrderFileError
        With every fault of every line.
    """
    file = Path(file)
    table = _read(file)
    table.judge_names()
    told = _columns(table, open_from)
    if table.faults:
        raise OrderFileError(table.faults)
    try:
        return Orders(**told)
    except OrderError as error:
        raise OrderFileError(Fault(str(file), 0, "", one) for one in error.faults) from None


@dataclass
class _Table:
    """A file's cells by column, and the faults found in them."""

    file: str
    lines: Sequence[int]
    cells: Mapping[str, Sequence[object]]
    faults: list[Fault] = field(default_factory=list)

    def fault(self, row: int, column: str, message: str) -> None:
        self.faults.append(Fault(self.file, self.lines[row], column, message))

    def judge_names(self) -> None:
        """Note columns that are missing, unknown, or say one thing twice."""
        for either in _NEEDED:
            found = [name for name in either if name in self.cells]
            if len(found) != 1:
                wanted = " or ".join(either)
                said = f"both {' and '.join(found)} are there" if found else "no such column"
                self.faults.append(
                    Fault(self.file, 1, wanted, f"{said}; expected one of them" if found else said)
                )
        for name in self.cells:
            if name not in _KNOWN and not name.startswith(_OWN):
                near = difflib.get_close_matches(name, _KNOWN, n=1, cutoff=0.7)
                hint = f"is it {near[0]}?" if near else f"a mechanism's own is {_OWN}{name}"
                self.faults.append(Fault(self.file, 1, name, f"no such column; {hint}"))

    def read(self, name: str, parse: Callable[[str], Any], *, empty: object = ...) -> list[Any]:
        """Parse a column; a cell that cannot be is noted and stands as `empty`.

        Equal cells are parsed once. Without `empty`, a cell without a value is a fault.
        """
        seen: dict[str, Any] = {}
        values = []
        for row, cell in enumerate(self.cells[name]):
            text = "" if cell is None else str(cell).strip()
            if text not in seen:
                seen[text] = _parsed(text, parse, empty)
            value = seen[text]
            if isinstance(value, _Wrong):
                self.fault(row, name, str(value))
                value = None
            values.append(value)
        return values


class _Wrong(ValueError):
    """What is wrong with a cell and what was expected."""


def _parsed(text: str, parse: Callable[[str], Any], empty: object) -> Any:
    if not text and empty is not ...:
        return empty
    try:
        return parse(text)
    except _Wrong as wrong:
        return wrong


def _read(file: Path) -> _Table:
    try:
        return _read_parquet(file) if file.suffix == ".parquet" else _read_csv(file)
    except OSError as error:
        reason = error.strerror or str(error)
        message = f"cannot be read ({reason}); expected a CSV or Parquet file of orders"
    except (UnicodeDecodeError, csv.Error) as error:
        message = f"is no CSV in UTF-8 ({error}); expected one order per line"
    except ValueError as error:  # pyarrow's own errors are ValueErrors
        message = f"is no Parquet file ({str(error).splitlines()[0]}); expected one order per row"
    raise OrderFileError([Fault(str(file), 0, "", message)]) from None


def _read_csv(file: Path) -> _Table:
    faults = []
    with file.open(encoding="utf-8-sig", newline="") as text:
        reader = csv.reader(text)
        names = [name.strip() for name in next(reader, [])]
        lines, rows = [], []
        for row in reader:
            if not row:
                continue
            if len(row) != len(names):
                message = f"{len(row)} cells under {len(names)} names; expected one for each"
                faults.append(Fault(str(file), reader.line_num, "", message))
                continue
            lines.append(reader.line_num)
            rows.append(row)
    faults += [
        Fault(str(file), 1, name, "the column occurs twice; keep one of them")
        for name in sorted({name for name in names if names.count(name) > 1})
    ]
    cells: dict[str, Sequence[object]] = dict.fromkeys(names, ())
    cells |= dict(zip(names, zip(*rows, strict=True), strict=True)) if rows else {}
    return _Table(str(file), lines, cells, faults)


def _read_parquet(file: Path) -> _Table:
    import pyarrow.parquet as pq

    found = pq.read_table(file)
    cells = {name: found.column(name).to_pylist() for name in found.column_names}
    return _Table(str(file), range(1, found.num_rows + 1), cells)


def _columns(table: _Table, open_from: int | None) -> dict[str, Any]:
    """Read every column that is there, as `Orders` wants them."""
    names = table.read("peer", _name) if "peer" in table.cells else []
    sides = table.read("side", _side) if "side" in table.cells else []
    peers = sorted({name for name in names if name is not None})
    position = {name: i for i, name in enumerate(peers)}
    told: dict[str, Any] = {
        "peers": peers,
        "peer_index": [position.get(name, 0) for name in names],
        "is_buy": np.array(sides, dtype=np.bool_),
        "price_ticks": _either(table, "price_ticks", _ticks, "price_eur_per_kwh", _eur_per_kwh),
        "energy_wh": _either(table, "energy_wh", _wh, "energy_kwh", _kwh),
        "order_id": _numbers(table, "order_id", list(table.lines)),
        "period": _numbers(table, "period", [0] * len(table.lines)),
        "arrival": _numbers(table, "arrival", list(range(len(table.lines)))),
        "attributes": {
            name.removeprefix(_OWN): _objects(
                table.read(name, _ATTRIBUTES.get(name, str), empty=None)
            )
            for name in table.cells
            if name in _ATTRIBUTES or name.startswith(_OWN)
        },
    }
    _judge_ids(table, told["order_id"])
    _judge_periods(table, told["period"], open_from)
    return told


def _either(
    table: _Table,
    name: str,
    parse: Callable[[str], int],
    other: str,
    parse_other: Callable[[str], int],
) -> list[Any]:
    if name in table.cells:
        return table.read(name, parse)
    return table.read(other, parse_other) if other in table.cells else []


def _numbers(table: _Table, name: str, otherwise: list[int]) -> list[Any]:
    return table.read(name, _whole) if name in table.cells else otherwise


def _objects(values: list[Any]) -> NDArray[Any]:
    return np.fromiter(values, dtype=object, count=len(values))


def _judge_ids(table: _Table, ids: list[int | None]) -> None:
    first: dict[int, int] = {}
    for row, number in enumerate(ids):
        if number is not None and first.setdefault(number, row) != row:
            line = table.lines[first[number]]
            message = f"second order {number}, the first is in line {line}; number every order once"
            table.fault(row, "order_id", message)


def _judge_periods(table: _Table, periods: list[int | None], open_from: int | None) -> None:
    for row, period in enumerate(periods):
        if period is not None and open_from is not None and period < open_from:
            message = (
                f"the gate of period {period} has closed; drop the order or move it to period "
                f"{open_from} or later"
            )
            table.fault(row, "period", message)


def _name(text: str) -> str:
    if not text:
        raise _Wrong("is empty; expected a peer's name")
    return text


def _side(text: str) -> bool:
    if text not in ("buy", "sell"):
        raise _Wrong(f"{text!r} is no side; expected buy or sell, energy is positive on both")
    return text == "buy"


def _decimal(text: str, wanted: str) -> Decimal:
    try:
        number = Decimal(text)
    except InvalidOperation:
        number = Decimal("nan")
    if not number.is_finite():
        raise _Wrong(f"is {text!r}; expected {wanted}" if text else f"is empty; expected {wanted}")
    return number


def _whole(text: str) -> int:
    number = _decimal(text, "a whole number")
    if number % 1 or abs(number) >= _LARGEST_WHOLE:
        raise _Wrong(f"is {text}; expected a whole number below 2^62")
    return int(number)


def _price(text: str, unit: str, ticks_per_unit: int) -> int:
    number = _decimal(text, f"a price in {unit}")
    if abs(number) * ticks_per_unit > LARGEST_TICKS:
        raise _Wrong(f"{text} {unit} is beyond the tick range of ±{LARGEST_TICKS} ticks of 1 µ€/Wh")
    if number * ticks_per_unit % 1:
        step = Decimal(1) / ticks_per_unit
        raise _Wrong(f"{text} {unit} is finer than a price tick; expected steps of {step} {unit}")
    return int(number * ticks_per_unit)


def _energy(text: str, unit: str, wh_per_unit: int) -> int:
    number = _decimal(text, f"energy in {unit}")
    if number <= 0:
        raise _Wrong(f"{text} {unit} is not more than 0; drop the order or turn its side")
    if number * wh_per_unit >= _LARGEST_WHOLE:
        raise _Wrong(f"{text} {unit} is more than int64 can sum; check its unit")
    if number * wh_per_unit % 1:
        raise _Wrong(f"{text} {unit} is finer than 1 Wh; expected whole Wh")
    return int(number * wh_per_unit)


def _ticks(text: str) -> int:
    return _price(text, "µ€/Wh", 1)


def _eur_per_kwh(text: str) -> int:
    return _price(text, "€/kWh", 1000)


def _wh(text: str) -> int:
    return _energy(text, "Wh", 1)


def _kwh(text: str) -> int:
    return _energy(text, "kWh", 1000)


def _truth(text: str) -> bool:
    if text.lower() not in _TRUTH:
        raise _Wrong(f"is {text!r}; expected true or false")
    return _TRUTH[text.lower()]


def _prefers(text: str) -> tuple[tuple[str, int], ...]:
    named = []
    for part in text.split(";"):
        name, colon, premium = part.strip().partition(":")
        if not name.strip():
            raise _Wrong(f"{text!r} names nobody in {part!r}; expected as in pv:20;anna:35")
        named.append((name.strip(), _premium(premium.strip()) if colon else 0))
    return tuple(named)


def _premium(text: str) -> int:
    ticks = _ticks(text)
    if ticks < 0:
        raise _Wrong(f"a premium of {ticks} µ€/Wh is negative; expected 0 or more")
    return ticks


_ATTRIBUTES: Mapping[str, Callable[[str], Any]] = {
    "origin": str,
    "zone": str,
    "prefers": _prefers,
    "only_preferred": _truth,
    "storage": _truth,
    "curtailed": _truth,
    "flexible": _truth,
    "expiry": _whole,
    "immediate": _truth,
}
_NEEDED = (
    ("peer",),
    ("side",),
    ("price_ticks", "price_eur_per_kwh"),
    ("energy_wh", "energy_kwh"),
)
_KNOWN = (
    *(name for either in _NEEDED for name in either),
    "order_id",
    "period",
    "arrival",
    *_ATTRIBUTES,
)
