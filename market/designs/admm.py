"""Full P2P, solved as peers would: rounds of offers between partners, by ADMM with edge consensus.

Each link has one ρ, which its two ends balance from what both see, so nobody tunes it. See
`negotiation` for the same over a network that delays and loses messages.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ._kernels_admm import negotiate
from ._slots import make_slots
from .messages import Manner
from .opening import Standing, agreed_stiffness, limits, opening_offers, slot_fees
from .problem import Agents, Edges
from .repair import fit_trades
from .settling import Negotiated, negotiated

__all__ = ["Admm", "Negotiated", "solve_admm"]


@dataclass(frozen=True, eq=False, kw_only=True)
class Admm:
    """How to negotiate, and when to stop.

    Attributes
    ----------
    tolerance : float
        Relative error of the cost to aim for. The rounds stop when what still disagrees (prices
        times energies, and energies times what peers would earn by wider bounds) is worth about
        that part of the cost, and energies disagree by less than 8 times that part of what is
        traded. The factors are such that a hundred random instances keep it. [1]
    most_rounds : int
    manner : Manner
    """

    tolerance: float = 1e-4
    most_rounds: int = 5000
    manner: Manner = field(default_factory=Manner)


def solve_admm(
    agents: Agents, edges: Edges, options: Admm | None = None, *, warm: Standing | None = None
) -> Negotiated:
    """Negotiate full P2P in synchronous rounds.

    Over-relaxed ADMM in which a link's two ends agree on energy and price; each peer's answer is
    exact. It stops when the offers agree, by what peers see of them; no reference is asked.

    Parameters
    ----------
    agents : Agents
    edges : Edges
    options : Admm, optional
    warm : Standing, optional
        Of an earlier negotiation over the same links, whose costs and bounds may have been others.

    Raises
    ------
    DesignError
        When peers and links make no market, or no trades whatever keep all bounds.
    """
    asked, slots = options or Admm(), make_slots(agents, edges)
    manner = asked.manner
    if (agents.low_wh > 0).any() or (agents.high_wh < 0).any():
        fit_trades(slots, np.zeros(len(edges)))  # says who cannot be served, before the rounds
    opening = opening_offers(slots, warm)
    rho = agreed_stiffness(slots, opening)
    offers, stiff = np.stack([opening[:2], opening[:2]]), np.stack([rho, 1.0 / rho])
    seen = np.empty((asked.most_rounds, 3))
    rounds = negotiate(
        slots.peers,
        slot_fees(slots),
        slots.start,
        slots.rev,
        offers,
        stiff,
        slots.peers[:, 1].copy(),
        manner.relaxation,
        manner.first_balance if warm is None else manner.warm_balance,
        manner.growth,
        limits(slots, asked.tolerance),
        seen,
    )
    return negotiated(agents, edges, slots, offers[0], stiff[0], rounds, seen)
