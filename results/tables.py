"""The small tables of a run folder: which columns they have, and how they get to disk.

Money is int64 micro-euro, contracts and orders are int64 Wh, meters and tokens int64 mWh.
A table without rows keeps its columns, and one set of rows always gives the same bytes.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

__all__ = ["NEVER_IN_FORCE", "SCHEMAS", "TableError", "read_table", "write_table"]


class TableError(ValueError):
    """Rows do not fit their table; mend whoever made them."""


def _schema(
    whole: str,
    *,
    text: str = "",
    maybe: str = "",
    maybe_text: str = "",
    real: str = "",
    maybe_real: str = "",
) -> Any:
    """Schema of int64, string and float columns, those that may be missing nullable."""
    kinds = [(whole, pa.int64(), False), (text, pa.string(), False)]
    kinds += [(maybe, pa.int64(), True), (maybe_text, pa.string(), True)]
    kinds += [(real, pa.float64(), False), (maybe_real, pa.float64(), True)]
    return pa.schema(
        [
            pa.field(name, kind, nullable=nullable)
            for names, kind, nullable in kinds
            for name in names.split()
        ]
    )


SCHEMAS: Mapping[str, Any] = {
    "periods": _schema(
        "period gate_tick volume_wh offers_wh requests_wh",
        maybe="price_ticks retail_ticks feed_in_ticks lpd_sell_ticks lpd_buy_ticks",
    ),
    "orders": _schema("order_id period price_ticks energy_wh arrival filled_wh", text="peer side"),
    "contracts": _schema(
        "contract_id period energy_wh price_ticks fee_ticks",
        text="seller buyer",
        maybe="collateral_seller_ueur collateral_buyer_ueur delivered_milliwh accepted_milliwh "
        "shed_milliwh served_milliwh paid_ueur received_ueur fee_ueur owed_seller_ueur "
        "owed_buyer_ueur borne_fund_ueur borne_lpd_ueur called_at_tick receipt_ticks",
        maybe_text="fate covered_by state",
    ),
    "contract_steps": _schema("contract_id tick", text="step by result"),
    "signatures": _schema("envelope contract_id", text="signer signed signature public_key"),
    "covers": _schema(
        "period energy_milliwh",
        text="kind party",
        maybe="cover_id contract_id called_tick start_tick end_tick planned_milliwh price_ticks "
        "fee_ticks cost_ueur",
        maybe_text="direction",
    ),
    "settlement": _schema(
        "period", maybe="closed_tick losses_milliwh lpd_stock_ticks", maybe_text="residual rule"
    ),
    "claims": _schema("period contract_id amount_ueur", text="debtor bearer of"),
    "meters": _schema("period net_milliwh shed_milliwh", text="peer"),
    "rows": _schema(
        "period energy_milliwh", text="peer kind", maybe="contract_id", maybe_text="party"
    ),
    "bills": _schema(
        "period net_milliwh inside_milliwh receives_ueur status_quo_ueur", text="peer"
    ),
    "rule_prices": _schema("period", text="name", real="price_ticks"),
    "remarks": _schema("period", text="remark"),
    "subscriptions": _schema("period amount_ueur", text="peer"),
    "postings": _schema("tick period contract_id amount_ueur", text="reason debit credit"),
    "disputes": _schema(
        "dispute_id period raised_tick decided_tick read_milliwh claimed_milliwh",
        text="peer state rule because",
        maybe="corrected_milliwh imbalance_milliwh tolerance_milliwh",
        maybe_text="method signature",
    ),
    "absent": _schema("period", text="peer"),
    "curtailments": _schema("period curtailed_milliwh shed_milliwh credited_milliwh", text="peer"),
    "operator": _schema("tick light tap capped shed dark", real="theta_max hot_spot_c aged_s"),
    "admission": _schema("period asked_wh admitted_wh", text="seller buyer reason"),
    "flexibility": _schema(
        "period bid_wh price_ticks penalty_ticks reference_milliwh metered_milliwh "
        "delivered_milliwh earned_ueur penalty_ueur",
        text="call peer operator direction reason",
    ),
    "levels": _schema(
        "period depth offered_wh wanted_wh balanced_wh", text="level", maybe="price_ticks"
    ),
    "negotiation": _schema("period round sent lost", real="primal dual", maybe_real="time_s gap"),
    "forward": _schema(
        "period periods gate_tick offers_wh requests_wh volume_wh trades",
        text="product",
        maybe="price_ticks",
    ),
    "accounts": _schema("balance_ueur", text="account role"),
    "messages": _schema(
        "sequence size_bytes sent_tick deadline_tick attempts copies",
        text="kind sender receiver why",
        maybe="arrived_tick",
    ),
    "appliances": _schema(
        "", text="peer kind", real="low_c high_c lowest_c highest_c outside_s drawn_kwh"
    ),
    "charging": _schema(
        "arrival_tick departure_tick has_left", text="peer", real="wanted_kwh charged_kwh"
    ),
    "ageing": _schema("", text="peer", real="full_cycles deepest_cycle life_used"),
    "tokens": _schema(
        "period", text="peer", maybe="minted_milliwh burned_milliwh expired_milliwh live_milliwh"
    ),
}
"""Arrow schemas of the known tables; rows may bring further columns, kept after these."""


NEVER_IN_FORCE = frozenset({"cancelled", "refused", "expired"})
"""States of contracts that move neither energy nor money."""


def write_table(
    folder: Path,
    name: str,
    rows: Iterable[Mapping[str, Any]] | Mapping[str, Sequence[Any]],
    *,
    schema: Any = None,
) -> Path:
    """Write `name`.parquet from rows, or from whole columns.

    Parameters
    ----------
    folder : Path
        The run folder.
    name : str
        One of `SCHEMAS`, or any name when `schema` is given.
    rows : iterable of mappings, or mapping of sequences
        One mapping per row, or one sequence per column. A nullable column may be left out;
        columns that the schema does not know follow the known ones, their types inferred.

    Raises
    ------
    TableError
        A value is missing or of another kind than its column; nothing was written.
    """
    schema = SCHEMAS[name] if schema is None else schema
    columns = dict(rows) if isinstance(rows, Mapping) else _columns(rows, schema)
    size = len(next(iter(columns.values()), ()))
    arrays = [_array(name, field, columns.pop(field.name, None), size) for field in schema]
    table = pa.table(arrays, schema=schema)
    for extra, values in columns.items():
        table = table.append_column(extra, pa.array(list(values)))
    path = folder / f"{name}.parquet"
    part = path.with_suffix(".part")
    pq.write_table(table, part, compression="zstd")
    part.replace(path)
    return path


def read_table(folder: Path, name: str) -> Any:
    """Read a small table as a `pyarrow.Table`; of a run that left none, its empty schema."""
    path = folder / f"{name}.parquet"
    if path.exists() or name not in SCHEMAS:
        return pq.ParquetFile(path).read()  # pq.read_table imports pandas
    return pa.Table.from_batches([], schema=SCHEMAS[name])  # empty_table imports pandas


def _columns(rows: Iterable[Mapping[str, Any]], schema: Any) -> dict[str, list[Any]]:
    table = list(rows)
    names = dict.fromkeys(name for row in table for name in row)
    names.update(dict.fromkeys(schema.names))
    return {name: [row.get(name) for row in table] for name in names}


def _array(table: str, field: Any, values: Sequence[Any] | None, size: int) -> Any:
    column = [None] * size if values is None else list(values)
    if not field.nullable and None in column:
        raise TableError(
            f"{table}, row {column.index(None)}: {field.name} is missing; expected {field.type}"
        )
    if pa.types.is_integer(field.type):
        _refuse_fractions(table, field, column)
    try:
        return pa.array(column, type=field.type)
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise TableError(f"{table}.{field.name}: {error}; expected {field.type}") from None


def _refuse_fractions(table: str, field: Any, column: list[Any]) -> None:
    """Refuse what Arrow would cut off without a word."""
    for i, value in enumerate(column):
        if isinstance(value, float) and not value.is_integer():
            raise TableError(f"{table}, row {i}: {field.name} is {value}; expected {field.type}")
