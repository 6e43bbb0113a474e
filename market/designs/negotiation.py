"""Full P2P negotiated message by message over a network that delays, loses and falls silent.

`Table` has the talk until the gate; here is what holds then.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np

from .admm import Admm
from .opening import Standing
from .problem import Agents, DesignError, Edges, Outcome, injections_wh, welfare_ueur
from .repair import primal_residual_wh
from .settling import conclude
from .table import Table
from .talk import Network, Record, Talk, Terms

__all__ = ["Network", "Record", "Talk", "Terms", "negotiate_over"]


def negotiate_over(
    network: Network,
    agents: Agents,
    edges: Edges,
    options: Admm | None = None,
    *,
    terms: Terms | None = None,
    warm: Standing | None = None,
    last: Outcome | None = None,
    record: tuple[int, ...] = (),
) -> Talk:
    """Negotiate full P2P by ADMM, message by message, until offers agree or the gate closes.

    Over a network without jitter, loss and silence the offers, round by round, are those of
    `solve_admm`, bit for bit. Otherwise peers answer with the last offers they know; ADMM in this
    form keeps its fixed points whatever is lost or late. A peer that falls silent is held to its
    last offers, as far as its bounds allow.

    Parameters
    ----------
    network : Network
    agents : Agents
    edges : Edges
    options : Admm, optional
        ``most_rounds`` ends the talk too.
    terms : Terms, optional
    warm : Standing, optional
        Of an earlier negotiation over the same links.
    last : Outcome, optional
        The last contracts, over the same links; needed where terms fall back to them.
    record : tuple of int
        Peers whose inboxes to keep.

    Raises
    ------
    DesignError
        When peers and links make no market, no trades whatever keep all bounds, or the last
        contracts are wanted and missing or beyond today's bounds.
    """
    table = Table(
        network, agents, edges, options or Admm(), terms or Terms(), warm, frozenset(record)
    )
    table.run()
    return _concluded(table, agents, edges, last)


def _concluded(table: Table, agents: Agents, edges: Edges, last: Outcome | None) -> Talk:
    """Take what stands at the gate, and what the terms make of it."""
    standing, terms = table.standing(), table.terms
    outcome = conclude(
        agents,
        edges,
        table.slots,
        table.offers()[0],
        standing,
        converged=table.has_agreed or not table.seats,
        rounds=max((record.round for record in table.records), default=0),
        messages=table.post.sent,
    )
    result: Literal["agreed", "repaired", "last"] = "agreed" if table.has_agreed else "repaired"
    if not outcome.converged and terms.at_gate == "last":
        outcome, result = _held_over(agents, edges, outcome, last), "last"
    return Talk(
        outcome=outcome,
        standing=standing,
        records=tuple(table.records),
        result=result,
        ended_s=float(table.env.now),
        lost=table.post.lost,
        inboxes=table.inboxes,
    )


def _held_over(agents: Agents, edges: Edges, today: Outcome, last: Outcome | None) -> Outcome:
    """The last contracts at today's costs."""
    if last is None or last.trade_wh.shape != today.trade_wh.shape:
        raise DesignError(
            ["no agreement by the gate, and no last contracts over these links to fall back to"]
        )
    missed = primal_residual_wh(agents, edges, last.trade_wh)
    if missed > 1e-6 * max(1.0, float(np.abs(agents.high_wh - agents.low_wh).max())):
        raise DesignError(
            [
                f"no agreement by the gate, and the last contracts miss today's bounds by "
                f"{missed:g} Wh; repair the offers instead (at_gate: repair)"
            ]
        )
    return replace(
        today,
        trade_wh=last.trade_wh,
        price=last.price,
        injection_wh=injections_wh(edges, last.trade_wh, len(agents)),
        welfare_ueur=welfare_ueur(agents, edges, last.trade_wh),
    )
