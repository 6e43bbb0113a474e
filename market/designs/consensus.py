"""Full P2P by relaxed consensus + innovation: cheap steps instead of exact answers.

After [1]_, whose text was not at hand here, so the equations are from memory and unverified, and
carry no numbers. In each round every peer, for every partner, with x the energies and λ the prices
last offered, x′ and λ′ the partner's:

- price: ``λ ← λ − β (λ − λ′) − α (x + x′)``, consensus on the price and innovation by what the two
  energies lack to cancel;
- bounds: ``ν ← max(0, ν + η (Σx − high))``, and alike below;
- energy: the peer's target for the slot is ``(λ ∓ γ − b − ν)/a``, and it moves there by a share
  ``(|x| + δ)/Σ(|x| + δ)`` of the way from Σx, kept on the slot's side of 0.

Ours differs in three things: steps are in units of each link's stiffness, so that nobody tunes
them; a proximal term beside a keeps linear costs from jumping; and what comes of it is repaired.

References
----------
.. [1] E. Sorin, L. Bobo and P. Pinson, "Consensus-based approach to peer-to-peer electricity
   markets with product differentiation," IEEE Trans. Power Syst., vol. 34, 2019, arXiv 1804.03521.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ._kernels_rci import innovate
from ._slots import make_slots
from .opening import Standing, agreed_stiffness, limits, opening_offers, slot_fees
from .problem import Agents, Edges
from .repair import fit_trades
from .settling import Negotiated, negotiated

__all__ = ["Consensus", "solve_consensus"]

Floats = NDArray[np.float64]


_CARE = 0.5
"""The residuals of inexact answers bound the error less well than ADMM's. [1]"""


@dataclass(frozen=True, eq=False, kw_only=True)
class Consensus:
    """How to negotiate, and when to stop.

    Attributes
    ----------
    tolerance : float
        Relative error of the cost to aim for. [1]
    most_rounds : int
    consensus : float
        β: part of a disagreement of prices that each side gives in, below 0.5. [1]
    innovation : float
        α: what a Wh of disagreement moves the price by, of the link's stiffness. [1]
    bound : float
        η: what a Wh beyond a bound moves its dual by, of the peer's slope. [1]
    share : float
        δ: least share of a slot in its peer's energy, of the mean. [1]
    proximal : float
        Slope that a slot's own energy adds, of the link's stiffness. [1]
    """

    tolerance: float = 1e-3
    most_rounds: int = 20_000
    consensus: float = 0.3
    innovation: float = 0.4
    bound: float = 0.3
    share: float = 1.0
    proximal: float = 1.0


def solve_consensus(
    agents: Agents, edges: Edges, options: Consensus | None = None, *, warm: Standing | None = None
) -> Negotiated:
    """Negotiate full P2P in synchronous rounds of relaxed consensus + innovation.

    Parameters
    ----------
    agents : Agents
    edges : Edges
    options : Consensus, optional
    warm : Standing, optional
        Of an earlier negotiation over the same links.

    Raises
    ------
    DesignError
        When peers and links make no market, or no trades whatever keep all bounds.
    """
    asked, slots = options or Consensus(), make_slots(agents, edges)
    if (agents.low_wh > 0).any() or (agents.high_wh < 0).any():
        fit_trades(slots, np.zeros(len(edges)))  # says who cannot be served, before the rounds
    opening = opening_offers(slots, warm)
    stiff = agreed_stiffness(slots, opening)
    offers = np.stack([opening[:2], np.zeros_like(opening[:2])])
    step = [asked.consensus, asked.innovation, asked.bound, asked.share, asked.proximal]
    seen = np.empty((asked.most_rounds, 3))
    rounds = innovate(
        slots.peers,
        slot_fees(slots),
        slots.start,
        slots.rev,
        offers,
        stiff,
        np.zeros(len(agents)),
        np.array(step),
        limits(slots, _CARE * asked.tolerance),
        seen,
    )
    return negotiated(agents, edges, slots, offers[0], stiff, rounds, seen, exact=False)
