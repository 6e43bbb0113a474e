"""What is recorded of a negotiation: its rounds as rows, and what came of it for the log."""

from __future__ import annotations

from typing import Any

from market.designs.account import Account

__all__ = ["negotiation_rows", "negotiation_told"]


def negotiation_rows(period: int, account: Account | None) -> list[dict[str, Any]]:
    """One row per round for the table ``negotiation``."""
    return [{"period": period, **step._asdict()} for step in (account.steps if account else ())]


def negotiation_told(account: Account) -> dict[str, Any]:
    """What came of it, by name."""
    return {
        "solver": account.solver,
        "result": account.result,
        "rounds": account.rounds,
        "messages": account.messages,
        "lost": account.lost,
        "missed_wh": account.missed_wh,
        "gap": account.gap,
        "silent": list(account.silent),
    }
