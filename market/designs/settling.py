"""How a negotiation ends: the middle of the last offers, repaired to trades and judged."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ._slots import Slots
from .opening import Standing
from .problem import Agents, Edges, Outcome, Residuals, injections_wh, welfare_ueur
from .repair import fit_trades

__all__ = ["Negotiated", "Progress", "conclude", "negotiated", "settle"]

Floats = NDArray[np.float64]


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


def negotiated(
    agents: Agents,
    edges: Edges,
    slots: Slots,
    offers: Floats,
    stiffness: Floats,
    rounds: int,
    seen: Floats,
    *,
    exact: bool = True,
) -> Negotiated:
    """Settle what synchronous rounds came to.

    Parameters
    ----------
    agents, edges, slots
        The market.
    offers : (2, s) float array
        The last ones. [Wh], [µ€/Wh]
    stiffness : (s,) float array
        [µ€/Wh²]
    rounds : int
        That were played; offers agreed unless these are as many as `seen` has rows.
    seen : (most rounds, 3) float array
        As `Progress` has it, by round; the opening is the first.
    exact : bool
        As `conclude` has it.
    """
    converged = rounds < len(seen)
    seen = seen[1 : rounds + converged].copy()
    standing = settle(edges, slots, offers, stiffness)
    return Negotiated(
        outcome=conclude(
            agents, edges, slots, offers, standing, converged=converged, rounds=rounds, exact=exact
        ),
        standing=standing,
        progress=Progress(primal=seen[:, 0], dual=seen[:, 1], cost_ueur=seen[:, 2]),
    )


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
