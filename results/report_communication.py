"""How messages fared in a run: by kind, by party, and what came too late or never."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .reading import Record
from .report_words import count, join

__all__ = ["AMISS_ROWS", "communication_section"]

AMISS_ROWS = 500
"""Rows of the table of messages that did not come in time; the rest is left to the table."""

WHY = {
    "late": "arrived too late",
    "lost": "lost on the way",
    "outage": "link down",
    "busy": "radio had to be silent",
}
"""Why a message did not come in time, in words."""

EFFECT = {
    "offer": "did not take part in the gate",
    "schedule": "its receiver went on as it knew",
    "alarm": "nobody was called to cover",
    "reading": "settled without it",
}
"""What follows when a message of a kind does not come in time."""

Rows = Sequence[Mapping[str, Any]]


def communication_section(record: Record) -> dict[str, Any] | None:
    """Everything that the page says of messages; None where all arrive at once."""
    rows = record.rows("messages")
    if not rows:
        return None
    amiss = [row for row in rows if row["why"] != "arrived"]
    return {
        "told": _told(record, rows, amiss),
        "kinds": [_line(record, kind, of) for kind, of in _by(rows, "kind").items()],
        "amiss": [_amiss(record, row) for row in amiss[:AMISS_ROWS]],
        "left_out": max(0, len(amiss) - AMISS_ROWS),
    }


def _by(rows: Rows, column: str) -> dict[str, Rows]:
    found: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for row in rows:
        found[row[column]].append(row)
    return dict(found)


def _told(record: Record, rows: Rows, amiss: Rows) -> list[str]:
    whys = [f"{len(of)} {WHY[why]}" for why, of in _by(amiss, "why").items()]
    told = [f"{count(len(rows), 'message')} sent; {_of_them(whys)}."]
    if alarms := [row for row in rows if row["kind"] == "alarm"]:
        slowest = max(alarms, key=lambda row: _delay_s(record, row))
        if slowest["arrived_tick"] is None:
            told.append(f"An alarm of {slowest['sender']} never arrived.")
        else:
            told.append(
                f"The slowest alarm, of {slowest['sender']} at "
                f"{record.clock(slowest['sent_tick'])}, took {_delay_s(record, slowest):.1f} s."
            )
    return told


def _of_them(whys: Sequence[str]) -> str:
    return join(list(whys)) if whys else "all came in time"


def _delay_s(record: Record, row: Mapping[str, Any]) -> float:
    if row["arrived_tick"] is None:
        return float("inf")
    return float((row["arrived_tick"] - row["sent_tick"]) * record.dt_s)


def _line(record: Record, kind: str, rows: Rows) -> dict[str, Any]:
    taken_s = [_delay_s(record, row) for row in rows if row["why"] == "arrived"]
    return {
        "kind": kind.replace("_", " "),
        "sent": len(rows),
        "missed": len(rows) - len(taken_s),
        "attempts": sum(row["attempts"] for row in rows) / len(rows),
        "copies": sum(row["copies"] for row in rows),
        "mean_s": float(np.mean(taken_s)) if taken_s else None,
        "p95_s": float(np.quantile(taken_s, 0.95)) if taken_s else None,
    }


def _amiss(record: Record, row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **row,
        "sent": record.clock(row["sent_tick"]),
        "said": WHY[row["why"]],
        "effect": EFFECT.get(row["kind"], "not heard"),
    }
