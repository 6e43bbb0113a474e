"""From trades that nearly fit to trades that do: the last step of every negotiation."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ._kernels_repair import push_home
from ._slots import Slots, make_slots
from .problem import Agents, DesignError, Edges, Outcome, injections_wh, welfare_ueur

__all__ = ["fit_trades", "primal_residual_wh", "repair"]

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

_SLACK = 1e-9
"""By how much of the greatest bound a repaired injection may miss its own. [1]"""


def repair(outcome: Outcome, agents: Agents, edges: Edges) -> Outcome:
    """Make an outcome feasible by changing its trades as little as few shortest ways do.

    Trades against a link's direction are dropped. Then each injection outside its bounds is led
    along the shortest way over links to a peer with room. The price of a link stays: it is what
    its ends had agreed on. An outcome that is feasible stays as it is.

    Parameters
    ----------
    outcome : Outcome
    agents : Agents
    edges : Edges

    Returns
    -------
    Outcome
        Feasible within 1e-9 of the greatest bound; ``residuals.primal_wh`` is the greater of the
        outcome's own and what was missed here before the repair. [Wh]

    Raises
    ------
    DesignError
        When no trades whatever keep all bounds.
    """
    slots = make_slots(agents, edges)
    missed = primal_residual_wh(agents, edges, outcome.trade_wh)
    trade = fit_trades(slots, outcome.trade_wh)
    worst = max(outcome.residuals.primal_wh, missed)
    return replace(
        outcome,
        trade_wh=trade,
        injection_wh=injections_wh(edges, trade, len(agents)),
        welfare_ueur=welfare_ueur(agents, edges, trade),
        residuals=outcome.residuals._replace(primal_wh=worst),
    )


def primal_residual_wh(agents: Agents, edges: Edges, trade_wh: Floats) -> float:
    """Most that a bound or a link's direction is missed by. [Wh]"""
    slots = make_slots(agents, edges)
    at = slots.at_ends(trade_wh)
    backwards = np.where(slots.sells, 0.0, at) - np.where(slots.buys, 0.0, at)
    dead = np.delete(trade_wh, slots.link)
    net = injections_wh(edges, trade_wh, len(agents))
    return float(
        max(
            backwards.max(initial=0.0),
            np.abs(dead).max(initial=0.0),
            (net - agents.high_wh).max(initial=0.0),
            (agents.low_wh - net).max(initial=0.0),
        )
    )


def fit_trades(slots: Slots, trade_wh: Floats) -> Floats:
    """Find trades within all bounds near given ones, (m,). [Wh]

    Raises
    ------
    DesignError
        When there are none, with the peers among whom the energy stays.
    """
    at = slots.at_ends(np.nan_to_num(trade_wh))
    at = np.clip(at, np.where(slots.buys, -np.inf, 0.0), np.where(slots.sells, np.inf, 0.0))
    least = np.where(slots.buys, -np.inf, 0.0)
    low, high = slots.peers[:, 2].copy(), slots.peers[:, 3].copy()
    net, reached = np.zeros_like(low), np.zeros(low.size, np.int64)
    slack = _SLACK * slots.cap_wh.max(initial=0.0)
    stuck = push_home(
        slots.start, slots.rev, slots.owner, least, low, high, slack, at, net, reached
    )
    if stuck >= 0:
        raise DesignError([_no_way(slots, stuck, float(net[stuck]), np.flatnonzero(reached))])
    out = np.zeros_like(trade_wh)
    out[slots.link] = at[slots.first]
    return out


def _no_way(slots: Slots, peer: int, net_wh: float, among: Ints) -> str:
    low, high = slots.peers[peer, 2:]
    missing = max(net_wh - high, low - net_wh)
    named = ", ".join(map(str, among[:10].tolist())) + (", ..." if among.size > 10 else "")
    verb = "take" if net_wh < low else "give"
    return (
        f"peer {peer}: must inject {low:g} to {high:g} Wh, but {missing:g} Wh of it find nobody to "
        f"{verb} them; peers {named} have no room and no partners beyond: widen a bound there, or "
        f"link them to others"
    )
