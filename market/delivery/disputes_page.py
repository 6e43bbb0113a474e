"""What the page on disputes prints from the code: states, rules, limits and methods."""

from __future__ import annotations

from .disputes import RULES, TRANSITIONS
from .disputes_evidence import LIMITS_PERMILLE, SUBSTITUTES

__all__ = ["limits_table", "rules_table", "states_table", "substitutes_table"]


def states_table() -> str:
    """Every state and where it leads; Markdown."""
    rows = [
        f"| {state.value} | {' or '.join(to.value for to in goals) or 'the end'} |"
        for state, goals in TRANSITIONS.items()
    ]
    return "\n".join(["| state | then |", "|---|---|", *rows])


def rules_table() -> str:
    """Rules in the order in which they are tried; Markdown."""
    rows = [f"| {name} | {when} | {then} |" for name, (when, then) in RULES.items()]
    return "\n".join(["| rule | holds when | outcome |", "|---|---|---|", *rows])


def limits_table() -> str:
    """Permissible errors of the classes; Markdown."""
    rows = [f"| {name} | {limit / 10:g} % |" for name, limit in LIMITS_PERMILLE.items()]
    return "\n".join(["| class | error of a period's energy |", "|---|--:|", *rows])


def substitutes_table() -> str:
    """Methods for a reading that is not there, in the order in which they are taken; Markdown."""
    rows = [f"| `{name}` | {what} |" for name, what in SUBSTITUTES.items()]
    return "\n".join(["| method | value |", "|---|---|", *rows])
