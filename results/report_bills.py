"""The bills of all peers on the page, the public bill beside them, and what reconciles the two."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .bill_words import reconciliation_sentences
from .bills import Bill, bills, by_peer, columns_of, costs_of, reconciled, summed
from .reading import Record

__all__ = ["PERIOD_ROWS", "bills_section"]

PERIOD_ROWS = 1500
"""Rows of bills by period; beyond, the rest is left to `peerwatt bills`."""


def bills_section(record: Record) -> dict[str, Any] | None:
    """Everything that the page says of bills; None where nothing was booked."""
    if not record.table("postings").num_rows or not record.rows("settlement"):
        return None
    every = bills(record)
    costs = costs_of(record)
    of_peers = [bill for bill in every if bill.account != "lpd"]
    peers = by_peer(of_peers)
    named = columns_of(peers)
    by_period = [bill for bill in of_peers if bill.amounts_ueur]
    return {
        "told": reconciliation_sentences(reconciled(record, every, costs), costs),
        "heads": [name.capitalize() for name in named],
        "peers": _rows(peers, named),
        "sum": _rows([summed(peers, "All peers")], named)[0],
        "periods": [
            {"from": record.period_begin(bill.period or 0), **row}
            for bill, row in zip(
                by_period[:PERIOD_ROWS], _rows(by_period[:PERIOD_ROWS], named), strict=True
            )
        ],
        "left_out": max(0, len(by_period) - PERIOD_ROWS),
        "disputes": _disputes(record),
    }


def _rows(of: Sequence[Bill], named: Sequence[str]) -> list[dict[str, Any]]:
    return [
        {
            "peer": bill.peer,
            "net_milliwh": bill.net_milliwh,
            "amounts": [bill.column_ueur(name) for name in named],
            "total_ueur": bill.total_ueur,
            "public_ueur": bill.public_ueur,
            "refund_ueur": bill.refund_ueur,
            "private_ueur": bill.private_ueur,
            "gain_ueur": bill.gain_ueur,
        }
        for bill in of
    ]


def _disputes(record: Record) -> list[dict[str, Any]]:
    """Readings that were contested, with the time of the period."""
    return [{**row, "span": record.period_span(row["period"])} for row in record.rows("disputes")]
