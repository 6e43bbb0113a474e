"""The table of a contract's states as docs/transaction-loop.md shows it."""

from __future__ import annotations

from .life_states import TRANSITIONS, Cause, Transition

__all__ = ["transitions_table"]

_HEAD = (
    "| step | a contract that is | and | becomes | by | effect |",
    "| --- | --- | --- | --- | --- | --- |",
)


def transitions_table() -> str:
    """Print every transition; what has no effect in any state stands in one line.

    States with the same cause, end and effect share a line.
    """
    lines: dict[tuple[str, ...], list[Transition]] = {}
    for row in TRANSITIONS:
        then = "the same" if row.cause is Cause.STRAY else row.then.value
        key = (row.step, row.cause.value, then, row.by, row.effect)
        lines.setdefault(key, []).append(row)
    return "\n".join((*_HEAD, *(_line(key, rows) for key, rows in lines.items())))


def _line(key: tuple[str, ...], rows: list[Transition]) -> str:
    step, cause, then, by, effect = key
    anything = rows[0].cause is Cause.STRAY
    states = "in any state" if anything else ", ".join(row.now.value for row in rows)
    return f"| {step} | {states} | {cause} | {then} | {by} | {effect} |"
