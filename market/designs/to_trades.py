"""From an optimiser's outcome to trades in whole Wh: each once, antisymmetric, within bounds."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ._kernels_flow import round_flow
from .problem import Agents, DesignError, Edges, Outcome, injections_wh

__all__ = ["WholeTrades", "round_trades", "to_trades"]

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

_WHOLE = 1e-6
"""What is as near to a whole number counts as one; more than solvers are off. [Wh]"""


class WholeTrades(NamedTuple):
    """Trades of one period, each once.

    Attributes
    ----------
    seller, buyer : (k,) int64 array
        Peers by position.
    energy_wh : (k,) int64 array
        More than 0. [Wh]
    price : (k,) float array
        What the buyer pays the seller. [µ€/Wh]
    """

    seller: Ints
    buyer: Ints
    energy_wh: Ints
    price: Floats


def to_trades(outcome: Outcome, agents: Agents, edges: Edges) -> WholeTrades:
    """Make whole trades of an outcome.

    Every link's energy is rounded up or down so that every peer's injection is its own rounded up
    or down, and within its bounds where these are whole numbers.

    Raises
    ------
    DesignError
        When the outcome has not converged, or whole Wh leave a peer outside its bounds, which
        only bounds that are not whole numbers can do.
    """
    if not outcome.converged:
        raise DesignError(
            [
                f"the outcome has not converged: {outcome.residuals}; what it says is no market "
                f"result: repair it, or let it run on"
            ]
        )
    n = len(agents)
    whole = round_trades(edges.first, edges.second, outcome.trade_wh, n)
    net = injections_wh(edges, whole.astype(np.float64), n)
    wrong = np.flatnonzero((net < agents.low_wh - _WHOLE) | (net > agents.high_wh + _WHOLE))
    if wrong.size:
        raise DesignError(
            [
                f"peer {i}: injects {net[i]:g} Wh in whole trades, outside {agents.low_wh[i]:g} to "
                f"{agents.high_wh[i]:g} Wh; give bounds in whole Wh"
                for i in wrong.tolist()
            ]
        )
    rows = np.flatnonzero(whole)
    forward = whole[rows] > 0
    return WholeTrades(
        seller=np.where(forward, edges.first[rows], edges.second[rows]),
        buyer=np.where(forward, edges.second[rows], edges.first[rows]),
        energy_wh=np.abs(whole[rows]),
        price=outcome.price[rows],
    )


def round_trades(first: Ints, second: Ints, trade_wh: Floats, n: int) -> Ints:
    """Round trades from first to second, of n peers, so that all sums are rounded too. [Wh]"""
    near = np.rint(trade_wh)
    settled = np.where(np.abs(trade_wh - near) <= _WHOLE, near, trade_wh)
    net = np.bincount(first, settled, n) - np.bincount(second, settled, n)
    # One node more takes what each peer injects, rounded with the rest.
    peers = np.arange(n, dtype=np.int64)
    ends = np.append(first, np.full(n, n)).astype(np.int64), np.append(second, peers)
    arcs = np.arange(ends[0].size, dtype=np.int64)
    snapped = np.where(np.abs(net - np.rint(net)) <= _WHOLE, np.rint(net), net)
    flow = np.append(settled, snapped)
    owner = np.append(*ends)
    order = np.argsort(owner, kind="stable")
    start = np.append(0, np.cumsum(np.bincount(owner, minlength=n + 1))).astype(np.int64)
    round_flow(*ends, start, np.append(arcs, -arcs - 1)[order], flow)
    whole: Ints = np.rint(flow[: trade_wh.size]).astype(np.int64)
    return whole
