"""Full P2P, solved as peers would: rounds of offers between partners, by ADMM with edge consensus.

Each link has one ρ, which its two ends balance from what both see, so nobody tunes it. See
`negotiation` for the same over a network that delays and loses messages.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ._kernels_admm import negotiate
from ._slots import Slots, make_slots
from .messages import Manner, Offer, Private
from .problem import Agents, Edges, Outcome, Residuals, injections_wh, welfare_ueur
from .repair import fit_trades

__all__ = ["Admm", "Negotiated", "Progress", "Standing", "openings", "solve_admm"]

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

_IDLE = 0.01
"""Part of a peer's greatest energy by which prices count on links where nothing is offered. [1]"""

_NOTHING = 1e-9
"""Where nothing is traded: disagreement allowed, in terms of what the peers could trade. [1]"""


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


@dataclass(frozen=True, eq=False, kw_only=True)
class Progress:
    """How offers came to agree, round by round.

    Attributes
    ----------
    primal : (k,) float array
        Energies that disagree, relative to what was allowed; 1 is enough. [1]
    dual : (k,) float array
        Prices that disagree, likewise. [1]
    cost_ueur : (k,) float array
        Of the offers, before repair. [µ€]
    """

    primal: Floats
    dual: Floats
    cost_ueur: Floats


@dataclass(frozen=True, eq=False, kw_only=True)
class Negotiated:
    """What came of a negotiation.

    Attributes
    ----------
    outcome : Outcome
        Repaired, so feasible whether or not the offers agreed; `Outcome.converged` says if they
        did. ``residuals``: most that two ends of a link disagree in energy and in price before the
        repair, and the cost less the lower bound that the last offers prove.
    standing : Standing
    progress : Progress
    """

    outcome: Outcome
    standing: Standing
    progress: Progress


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
        asked.manner.relaxation,
        asked.manner.first_balance,
        asked.manner.growth,
        limits(slots, asked.tolerance),
        seen,
    )
    converged = rounds < asked.most_rounds
    seen = seen[1 : rounds + converged].copy()
    standing = settle(edges, slots, offers[0], stiff[0])
    outcome = conclude(
        agents, edges, slots, offers[0], standing, converged=converged, rounds=rounds
    )
    return Negotiated(
        outcome=outcome,
        standing=standing,
        progress=Progress(primal=seen[:, 0], dual=seen[:, 1], cost_ueur=seen[:, 2]),
    )


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
        known = stiff > 0
        opening[:, known] = np.stack([slots.at_ends(warm.trade_wh), price, stiff])[:, known]
    return opening


def agreed_stiffness(slots: Slots, opening: Floats) -> Floats:
    """ρ on which the two ends of each link agree: the geometric mean, (s,). [µ€/Wh²]"""
    rho: Floats = np.sqrt(opening[2] * opening[2][slots.rev])
    return rho


def _same_at_ends(slots: Slots, of_link: Floats) -> Floats:
    out = np.zeros(slots.rev.size)
    out[slots.first] = out[slots.second] = of_link[slots.link]
    return out


def settle(edges: Edges, slots: Slots, offers: Floats, stiffness: Floats) -> Standing:
    """Take the middle of the two ends' last offers, energy and price."""
    trade, price, rho = (np.zeros(len(edges)) for _ in range(3))
    energy, sees = offers
    trade[slots.link] = 0.5 * (energy[slots.first] - energy[slots.second])
    price[slots.link] = 0.5 * (sees[slots.first] + sees[slots.second])
    rho[slots.link] = np.sqrt(stiffness[slots.first] * stiffness[slots.second])
    return Standing(trade_wh=trade, price=price, stiffness=rho)


def conclude(
    agents: Agents,
    edges: Edges,
    slots: Slots,
    offers: Floats,
    standing: Standing,
    *,
    converged: bool,
    rounds: int,
    messages: int | None = None,
    exact: bool = True,
) -> Outcome:
    """Repair what was agreed on, and judge it.

    Without `messages` everybody sent an opening and an offer per round to every partner. Where
    answers are not `exact`, offers prove no lower bound, and the gap is infinite.
    """
    trade = fit_trades(slots, standing.trade_wh)
    injection = injections_wh(edges, trade, len(agents))
    welfare = welfare_ueur(agents, edges, trade)
    return Outcome(
        trade_wh=trade,
        price=_contract_prices(agents, edges, slots, standing, injection, trade),
        injection_wh=injection,
        welfare_ueur=welfare,
        residuals=_residuals(agents, slots, offers, -welfare if exact else np.inf),
        converged=converged,
        rounds=rounds,
        messages=slots.rev.size * (rounds + 1) if messages is None else messages,
    )


def _contract_prices(
    agents: Agents, edges: Edges, slots: Slots, standing: Standing, injection: Floats, trade: Floats
) -> Floats:
    """Undo the even share of γ on links of free sign; a link without use has no price but a guess.

    Where nothing can flow the price is the middle of the two marginal costs.
    """
    marginal = agents.marginal(injection)
    price = 0.5 * (marginal[edges.first] + marginal[edges.second])
    extra = edges.gamma_first[slots.link] - slots.gamma[slots.first]
    price[slots.link] = standing.price[slots.link] + extra * np.sign(trade[slots.link])
    return price


def _residuals(agents: Agents, slots: Slots, offers: Floats, cost_ueur: float) -> Residuals:
    """Judge the last offers: how far ends are apart, and how much better an outcome could be.

    An offer's price is a subgradient of its peer's cost at the offer's energy. So for offers x at
    prices λ no feasible trades t cost less than f(x) plus the sum over links of
    ``(λ₁ − λ₂)t − λ₁x₁ − λ₂x₂``, and a trade is at most what its ends, or on links of free sign all
    peers, can give and take.
    """
    energy, sees = offers
    x, y, p, q = energy[slots.first], energy[slots.second], sees[slots.first], sees[slots.second]
    net = np.asarray(np.bincount(slots.owner, energy, len(agents)), dtype=np.float64)
    paid = float(agents.cost_ueur(net).sum() + slots.gamma @ np.abs(energy))
    there, back = _greatest(agents, slots)
    least = np.minimum((p - q) * there, -(p - q) * back)
    bound = paid + float((least - p * x - q * y).sum())
    return Residuals(
        primal_wh=float(np.abs(x + y).max(initial=0.0)),
        dual=float(np.abs(p - q).max(initial=0.0)),
        gap_ueur=cost_ueur - bound,
    )


def _greatest(agents: Agents, slots: Slots) -> tuple[Floats, Floats]:
    """Most that can flow over each held link, there and back, without going in circles. [Wh]"""
    give, take = np.maximum(agents.high_wh, 0), np.maximum(-agents.low_wh, 0)
    both = (give > 0) & (take > 0)
    give, take = np.where(both, give.sum(), give), np.where(both, take.sum(), take)
    one, other = slots.owner[slots.first], slots.owner[slots.second]
    sells, buys = slots.sells[slots.first], slots.buys[slots.first]
    there = np.where(sells, np.minimum(give[one], take[other]), 0.0)
    return there, np.where(buys, np.minimum(give[other], take[one]), 0.0)
