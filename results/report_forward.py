"""What was traded ahead, in blocks."""

from __future__ import annotations

from .reading import Record
from .report_words import count, kwh

__all__ = ["forward_sentence"]


def forward_sentence(record: Record) -> str:
    """Say how much stood before the periods' own gates, by product."""
    told = []
    rows = record.rows("forward")
    for product in dict.fromkeys(row["product"] for row in rows):
        blocks = [row for row in rows if row["product"] == product]
        volume = sum(row["volume_wh"] * row["periods"] for row in blocks)
        told.append(f"{kwh(1000 * volume)} in {count(len(blocks), 'block')} of {product!r}")
    return f"Of it were traded ahead: {'; '.join(told)}." if told else ""
