"""What meters showed in settled periods, with the corrections that disputes decided."""

from __future__ import annotations

from typing import Any

from .reading import Record

__all__ = ["corrections", "final_readings"]


def corrections(record: Record) -> dict[tuple[int, str], int]:
    """Readings as disputes decided them, the last decision last; by period and peer. [mWh]"""
    return {
        (row["period"], row["peer"]): row["corrected_milliwh"]
        for row in record.rows("disputes")
        if row["corrected_milliwh"] is not None
    }


def final_readings(record: Record) -> list[dict[str, Any]]:
    """Rows of `meters` in settled periods, as corrected, each with its period's terms."""
    terms = {row["period"]: row for row in record.rows("settlement")}
    decided = corrections(record)
    return [
        terms[row["period"]]
        | row
        | {"net_milliwh": decided.get((row["period"], row["peer"]), row["net_milliwh"])}
        for row in record.rows("meters")
        if row["period"] in terms
    ]
