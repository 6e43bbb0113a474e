"""Accounts of negotiations, from what the solvers tell."""

from __future__ import annotations

from collections.abc import Iterable

from .account import Account, Step, missed_part
from .settling import Negotiated
from .talk import Talk

__all__ = ["of_rounds", "of_talk"]


def of_talk(talk: Talk, silent: Iterable[str], greatest_ueur: float | None) -> Account:
    """Tell how a talk over a network went, each round beside the greatest welfare. [µ€]"""
    steps = [
        Step(
            time_s=one.time_s,
            round=one.round,
            primal=one.primal,
            dual=one.dual,
            gap=missed_part(one.welfare_ueur, greatest_ueur),
            sent=one.sent,
            lost=one.lost,
        )
        for one in talk.records
    ]
    residuals = talk.outcome.residuals
    return Account(
        solver="negotiation",
        result=talk.result,
        missed_wh=residuals.primal_wh,
        apart=residuals.dual,
        gap=None,
        silent=tuple(silent),
        rounds=talk.outcome.rounds,
        messages=talk.outcome.messages,
        lost=talk.lost,
        steps=tuple(steps),
    )


def of_rounds(solver: str, found: Negotiated) -> Account:
    """Tell how synchronous rounds went, in which everybody speaks to every partner."""
    outcome, seen = found.outcome, found.progress
    each = outcome.messages // (outcome.rounds + 1)
    steps = [
        Step(None, k, primal, dual, None, each * (k + 1), 0)
        for k, (primal, dual) in enumerate(
            zip(seen.primal.tolist(), seen.dual.tolist(), strict=True), 1
        )
    ]
    return Account(
        solver=solver,
        result="agreed" if outcome.converged else "repaired",
        missed_wh=outcome.residuals.primal_wh,
        apart=outcome.residuals.dual,
        gap=None,
        silent=(),
        rounds=outcome.rounds,
        messages=outcome.messages,
        lost=0,
        steps=tuple(steps),
    )
