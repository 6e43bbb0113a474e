"""What each level of a hierarchical market balanced, and what it passed up."""

from __future__ import annotations

from typing import Any

from .reading import Record
from .report_words import ct, percent

__all__ = ["LEVEL_HEADS", "level_rows", "levels_sentence"]

LEVEL_HEADS = (
    "Group",
    "Balanced inside [kWh]",
    "Offers passed up [kWh]",
    "Needs passed up [kWh]",
    "Price [ct/kWh]",
)


def level_rows(record: Record) -> list[list[str]]:
    """One row per group over all periods, the outermost first."""
    found: dict[str, list[dict[str, Any]]] = {}
    for row in record.rows("levels"):
        found.setdefault(row["level"], []).append(row)
    return [_row(name, found[name]) for name in reversed(found)]


def levels_sentence(record: Record) -> str:
    """Say how much of the energy was balanced within the outermost market's parts."""
    rows = record.rows("levels")
    total = sum(row["balanced_wh"] for row in rows)
    if not total:
        return ""
    inside = sum(row["balanced_wh"] for row in rows if row["depth"])
    return (
        f"The groups balanced {percent(inside, total)} of what was traded by themselves; the rest "
        f"was passed up to the market of all."
    )


def _row(name: str, rows: list[dict[str, Any]]) -> list[str]:
    balanced = sum(row["balanced_wh"] for row in rows)
    offers = sum(row["offered_wh"] for row in rows) - balanced
    needs = sum(row["wanted_wh"] for row in rows) - balanced
    prices = [row["price_ticks"] for row in rows if row["price_ticks"] is not None]
    price = " to ".join(map(ct, sorted({min(prices), max(prices)}))) if prices else ""
    indent = "\u2003" * rows[0]["depth"]
    told = (f"{wh / 1000:.2f}" for wh in (balanced, offers, needs))
    return [f"{indent}{name}", *told, price]
