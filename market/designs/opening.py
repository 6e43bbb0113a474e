"""How a negotiation begins: what each peer opens with, and by what all know that it is over."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ._slots import Slots, make_slots
from .messages import Offer, Private
from .problem import Agents, Edges

__all__ = [
    "Standing",
    "agreed_stiffness",
    "limits",
    "opening_offers",
    "openings",
    "slot_fees",
]

Floats = NDArray[np.float64]

_IDLE = 0.01
"""Part of a peer's greatest energy by which prices count on links where nothing is offered. [1]"""

_NOTHING = 1e-9
"""Where nothing is traded: disagreement allowed, in terms of what the peers could trade. [1]"""


@dataclass(frozen=True, eq=False, kw_only=True)
class Standing:
    """Where a negotiation stands per link, to start the next one from.

    Attributes
    ----------
    trade_wh : (m,) float array
        From first to second. [Wh]
    price : (m,) float array
        [µ€/Wh]
    stiffness : (m,) float array
        ρ; 0 where the link was not negotiated. [µ€/Wh²]
    """

    trade_wh: Floats
    price: Floats
    stiffness: Floats


def openings(agents: Agents, edges: Edges, warm: Standing | None = None) -> list[Private]:
    """Tell each peer what it knows before the first word is said, one entry per peer.

    Parameters
    ----------
    agents : Agents
    edges : Edges
    warm : Standing, optional
        Of an earlier negotiation over the same links.
    """
    slots = make_slots(agents, edges)
    offers, fees = opening_offers(slots, warm), slot_fees(slots)
    partner, said = slots.owner[slots.rev].tolist(), offers.T.tolist()
    return [
        Private(
            name=i,
            cost=tuple(slots.peers[i].tolist()),
            partners=tuple(partner[begin:end]),
            fees=np.ascontiguousarray(fees[:, begin:end]),
            opening=tuple(Offer(*one) for one in said[begin:end]),
            warm=warm is not None,
        )
        for i, (begin, end) in enumerate(zip(slots.start, slots.start[1:], strict=False))
    ]


def slot_fees(slots: Slots) -> Floats:
    """Per slot γ, γ to sell, γ to buy and the energy that counts where nothing is offered."""
    idle = _IDLE * slots.cap_wh / np.maximum(np.diff(slots.start), 1)
    return np.stack(
        [
            slots.gamma,
            np.where(slots.sells, slots.gamma, np.inf),
            np.where(slots.buys, slots.gamma, np.inf),
            idle[slots.owner],
        ]
    )


def limits(slots: Slots, tolerance: float) -> Floats:
    """Write down when the rounds stop, as `_kernels_admm.negotiate` has it."""
    a, b = slots.peers[:, 0], slots.peers[:, 1]
    # A tick and a Wh beside, so that no costs and no bounds leave something to be below.
    value = 1.0 + float(((1.0 + np.abs(b) + a * slots.cap_wh) * slots.cap_wh).sum())
    return np.array(
        [
            8 * tolerance,
            _NOTHING * (1.0 + float(slots.cap_wh.sum())),
            1.4 * tolerance,
            _NOTHING * value,
        ]
    )


def opening_offers(slots: Slots, warm: Standing | None) -> Floats:
    """Energy, price and stiffness that each slot opens with, (3, s).

    A peer opens with nothing at its marginal cost, and with a ρ of its own: the slope of its cost
    plus a tenth of its price over its whole energy. That is a guess of how prices answer to
    energies, right within a power of ten or two, and balancing does the rest.
    """
    a, b, cap = slots.peers[:, 0], slots.peers[:, 1], slots.cap_wh
    rho = a + (1.0 + 0.1 * np.abs(b)) / np.where(cap > 0, cap, 1.0)
    opening = np.stack([np.zeros_like(b), b, rho])[:, slots.owner]
    if warm is not None:
        price, stiff = (_same_at_ends(slots, column) for column in (warm.price, warm.stiffness))
        before = np.stack([slots.at_ends(warm.trade_wh), price, stiff])
        opening = np.where(stiff > 0, before, opening)
    return opening


def agreed_stiffness(slots: Slots, opening: Floats) -> Floats:
    """ρ on which the two ends of each link agree: the geometric mean, (s,). [µ€/Wh²]"""
    rho: Floats = np.sqrt(opening[2] * opening[2][slots.rev])
    return rho


def _same_at_ends(slots: Slots, of_link: Floats) -> Floats:
    out = np.zeros(slots.rev.size)
    out[slots.first] = out[slots.second] = of_link[slots.link]
    return out
