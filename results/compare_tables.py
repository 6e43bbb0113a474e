"""Where the tables of two runs part: the first row that differs, and when it came to be.

A row has its moment: an order and a contract belong to the gate of their period, what was
delivered to its end. So the earliest of all differences is where two runs parted.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from .compare_record import OpenedRun
from .tables import SCHEMAS

__all__ = ["MISSING", "TableChange", "column_remarks", "event_change", "row_words", "table_changes"]

Row = Mapping[str, Any]
Moment = Callable[[Row], int]

MISSING = "–"
"""Said of what only the other run has."""

OUTCOME = frozenset(
    (
        *("fate", "state", "covered_by", "delivered_milliwh", "accepted_milliwh", "shed_milliwh"),
        *("served_milliwh", "paid_ueur", "received_ueur", "fee_ueur", "owed_seller_ueur"),
        *("owed_buyer_ueur", "borne_fund_ueur", "borne_lpd_ueur", "called_at_tick"),
    )
)
"""Columns of a contract that are known only when it is settled."""

AT_GATE = ("orders", "periods", "admission", "contracts")
"""Tables whose rows come to be at the gate of their period, in the order of their making."""

COLUMNS_TOLD = 5


@dataclass(frozen=True, slots=True)
class TableChange:
    """The first row in which a table differs.

    Attributes
    ----------
    table : str
        Its name; "contracts" is what was agreed, "fates" what became of it.
    rows : (int, int)
        Rows in the first and in the second run.
    tick : int
        When the first row that differs came to be.
    rank : int
        Order among tables at the same tick: what comes first causes the rest.
    where : str
        Which row.
    told : (str, str)
        What differs of it in each run, in words.
    """

    table: str
    rows: tuple[int, int]
    tick: int
    rank: int
    where: str
    told: tuple[str, str]


def table_changes(a: OpenedRun, b: OpenedRun) -> list[TableChange]:
    """Every table that differs, by its first row that does."""
    changes = []
    for name in _names(a, b):
        if a.same_bytes(b, f"{name}.parquet") or a.table(name).equals(b.table(name)):
            continue
        columns = [c for c in a.table(name).column_names if c in b.table(name).column_names]
        if name == "contracts":
            agreed = [column for column in columns if column not in OUTCOME]
            found = [_change(name, agreed, (a, b)), _fate_change(columns, (a, b))]
        else:
            found = [_change(name, columns, (a, b))]
        changes += [change for change in found if change is not None]
    return changes


def event_change(a: OpenedRun, b: OpenedRun) -> TableChange | None:
    """Give the first event that differs, if one does."""
    rows = a.events, b.events
    for i in range(max(map(len, rows))):
        one, other = (events[i] if i < len(events) else None for events in rows)
        if one != other:
            tick = min(int(event["tick"]) for event in (one, other) if event is not None)
            told = [
                _event(event) if event is not None and event["tick"] == tick else MISSING
                for event in (one, other)
            ]
            counts = len(rows[0]), len(rows[1])
            return TableChange("events", counts, tick, _rank("events"), "", (told[0], told[1]))
    return None


def column_remarks(a: OpenedRun, b: OpenedRun) -> list[str]:
    """Name the columns that a table of only one run has, as when another version wrote it."""
    return [
        f"only {label} has {name}.{column}"
        for name in _names(a, b)
        if a.table(name).num_rows and b.table(name).num_rows
        for label, one, other in (("A", a, b), ("B", b, a))
        for column in one.table(name).column_names
        if column not in other.table(name).column_names
    ]


def row_words(table: str, row: Row) -> str:
    """Say a row of orders or contracts; of another table, which row it is."""
    if table == "orders":
        return f"{row['peer']} {row['side']}s {row['energy_wh']} Wh at {row['price_ticks']} ticks"
    if table == "contracts":
        return f"{row['seller']}→{row['buyer']} {row['energy_wh']} Wh at {row['price_ticks']} ticks"
    return _identity_words(table, row)


def _names(a: OpenedRun, b: OpenedRun) -> list[str]:
    """List every table that one of them has, the known ones first."""
    found = {path.stem for run in (a, b) for path in run.folder.glob("*.parquet")}
    return [*SCHEMAS, *sorted(found - SCHEMAS.keys() - {"ticks"})]


def _change(
    name: str, columns: Sequence[str], runs: tuple[OpenedRun, OpenedRun]
) -> TableChange | None:
    """Find the first row that differs in some columns."""
    sides = [_by_period(_rows(run.table(name), columns)) for run in runs]
    for period in sorted(sides[0].keys() | sides[1].keys()):
        ours, theirs = (side.get(period, []) for side in sides)
        if ours != theirs:
            return _told(name, name, _first_difference(name, ours, theirs), runs)
    return None


def _fate_change(columns: Sequence[str], runs: tuple[OpenedRun, OpenedRun]) -> TableChange | None:
    """Find the first contract that both runs agreed alike and that came out differently."""
    theirs: dict[tuple[Any, ...], list[Row]] = {}
    for row in _rows(runs[1].table("contracts"), columns):
        theirs.setdefault(_agreement(row), []).append(row)
    ours = _rows(runs[0].table("contracts"), columns)
    for row in sorted(ours, key=lambda row: int(row["period"])):
        alike = theirs.get(_agreement(row))
        other = alike.pop(0) if alike else None
        if other is not None and _outcome(row) != _outcome(other):
            return _told("fates", "contracts", (row, other), runs)
    return None


def _agreement(row: Row) -> tuple[Any, ...]:
    return tuple(row[key] for key in ("period", "seller", "buyer", "energy_wh", "price_ticks"))


def _outcome(row: Row) -> dict[str, Any]:
    return {key: value for key, value in row.items() if key in OUTCOME}


def _told(
    told: str,
    name: str,
    pair: tuple[Row | None, Row | None],
    runs: tuple[OpenedRun, OpenedRun],
) -> TableChange:
    counts = runs[0].table(name).num_rows, runs[1].table(name).num_rows
    tick = min(
        _moment(told, run)(row) for run, row in zip(runs, pair, strict=True) if row is not None
    )
    where, words = _words(name, *pair)
    return TableChange(told, counts, tick, _rank(told), where, words)


def _rows(table: Any, columns: Sequence[str]) -> list[Row]:
    chosen = table.select([column for column in columns if column in table.column_names])
    rows: list[Row] = chosen.to_pylist()
    return rows


def _by_period(rows: Iterable[Row]) -> dict[int, list[Row]]:
    found: dict[int, list[Row]] = {}
    for row in rows:
        period = row.get("period")
        found.setdefault(-1 if period is None else period, []).append(row)
    return found


def _first_difference(
    name: str, ours: Sequence[Row], theirs: Sequence[Row]
) -> tuple[Row | None, Row | None]:
    """The first rows that differ; None for a run that has no such row."""
    i = next(
        (i for i, pair in enumerate(zip(ours, theirs, strict=False)) if pair[0] != pair[1]),
        min(len(ours), len(theirs)),
    )
    one = ours[i] if i < len(ours) else None
    other = theirs[i] if i < len(theirs) else None
    if one is None or other is None or _identity(name, one) == _identity(name, other):
        return one, other
    if _identity(name, one) not in {_identity(name, row) for row in theirs[i:]}:
        return one, None
    if _identity(name, other) not in {_identity(name, row) for row in ours[i:]}:
        return None, other
    return one, other


def _identity(name: str, row: Row) -> tuple[Any, ...]:
    """What a row is about: peers, kinds, names."""
    known = SCHEMAS.get(name)
    keys = row.keys() if known is None else known.names
    texts = [k for k in keys if known is None or pa.types.is_string(known.field(k).type)]
    return tuple(
        row.get(key)
        for key in texts
        if isinstance(row.get(key), str) and key not in OUTCOME and key != "remark"
    )


def _identity_words(name: str, row: Row) -> str:
    return ", ".join(map(str, _identity(name, row)))


def _moment(table: str, run: OpenedRun) -> Moment:
    """When a row of a table came to be, by its period."""
    length = run.manifest.get("ticks_per_period") or 0
    gates = {row["period"]: row["gate_tick"] for row in run.rows("periods")}
    closed = {row["period"]: row["closed_tick"] for row in run.rows("settlement")}

    def at(row: Row) -> int:
        period = row.get("period")
        if period is None:
            return run.end_tick
        if table in AT_GATE:
            return int(gates.get(period, period * length))
        if table == "covers" and row.get("called_tick") is not None:
            return int(row["called_tick"])
        ended = closed.get(period)
        return int((period + 1) * length if ended is None else ended)

    return at


def _rank(table: str) -> int:
    order = (*AT_GATE, "events", "ticks", "covers", "meters", "fates")
    return order.index(table) if table in order else len(order)


def _words(name: str, one: Row | None, other: Row | None) -> tuple[str, tuple[str, str]]:
    """Which row differs, and what each run says of it."""
    some = one if one is not None else other
    assert some is not None
    period = some.get("period")
    where = [] if period is None else [f"period {period}"]
    if one is None or other is None or _identity(name, one) != _identity(name, other):
        told = [MISSING if row is None else _whole(name, row) for row in (one, other)]
        return ", ".join(where), (told[0], told[1])
    keys = list(dict.fromkeys([*one, *other]))
    differing = [key for key in keys if one.get(key, MISSING) != other.get(key, MISSING)]
    shown = sorted(differing, key=lambda key: key.endswith("_id"))[:COLUMNS_TOLD]
    return ", ".join([*where, *filter(None, [_identity_words(name, some)])]), (
        _values(one, shown),
        _values(other, shown),
    )


def _whole(name: str, row: Row) -> str:
    if name in ("orders", "contracts"):
        return row_words(name, row)
    told = [
        str(_plain(row[key])) if isinstance(row[key], str) else f"{key} {row[key]}" for key in row
    ]
    return ", ".join(told[: COLUMNS_TOLD + 1])


def _values(row: Row, keys: Sequence[str]) -> str:
    return ", ".join(f"{key} {_plain(row.get(key))}" for key in keys)


def _plain(value: Any) -> Any:
    return MISSING if value is None else value


def _event(event: Row) -> str:
    more = ", ".join(f"{k} {v}" for k, v in event.items() if k not in ("tick", "kind"))
    return f"{event['kind']}{': ' if more else ''}{more}"
