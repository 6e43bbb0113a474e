"""The manager as leader: it sets two prices, and members with quadratic utility follow.

A follower with cost ``C(P) = a/2 P² + b P`` (minus the utility of consuming, for a buyer) injects
``P = clip((β − b)/a, 0, high)`` at the buying price β, or draws ``clip((σ − b)/a, low, 0)`` at the
selling price σ ≥ β: the KKT conditions of its quadratic program in closed form. The leader earns

    ``Π(β, σ) = σ·D(σ) − β·S(β) − r·max(D − S, 0) + f·max(S − D, 0)``

with the supplier's retail price r and feed-in f, and keeps ``f ≤ β ≤ σ ≤ r`` [1]_. Prices are
whole ticks, so the leader's choices are finitely many. Supply depends on β alone and demand on σ
alone: n responses at each tick, then every pair is looked at. The best is exact; there is nothing
between two ticks.

References
----------
.. [1] N. Liu, X. Yu, C. Wang and J. Wang, "Energy sharing management for microgrids with PV
   prosumers: a Stackelberg game approach," IEEE Trans. Ind. Informat., vol. 13, 2017 (the setting;
   unverified).
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..billing.rule import Tariffs
from ..designs.problem import Agents
from .sites import FlexibilityError

__all__ = ["LARGEST_TICKS", "Lead", "follow", "follower_residual", "lead", "leader_profit"]

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

Balancing = Literal["supplier", "inside"]

LARGEST_TICKS = 4_000
"""Prices that a leader may choose from; their pairs fit memory. [1]"""


class Lead(NamedTuple):
    """What a leader sets, and what its followers do.

    Attributes
    ----------
    buy_ticks, sell_ticks : int
        β and σ. [µ€/Wh]
    profit_ueur : float
        [µ€]
    injection_wh : (n,) float64 array
        [Wh]
    """

    buy_ticks: int
    sell_ticks: int
    profit_ueur: float
    injection_wh: Floats


def follow(agents: Agents, buy_ticks: float, sell_ticks: float) -> Floats:
    """Give every follower's best injection at two prices, buying at most selling. (n,) [Wh]

    Who is indifferent trades in full: the leader could win it over by next to nothing.
    """
    return _offered(agents, buy_ticks) + _wanted(agents, sell_ticks)


def follower_residual(
    agents: Agents, injection_wh: Floats, buy_ticks: float, sell_ticks: float
) -> float:
    """Say by how much followers miss their KKT conditions at most. [µ€/Wh]

    At an injection above 0 a Wh is worth β, below 0 σ, and at 0 anything between. Where that
    exceeds the marginal cost the upper bound must hold, where it falls short the lower one.
    """
    marginal = agents.marginal(injection_wh)
    low = np.where(injection_wh > 0, buy_ticks, np.where(injection_wh < 0, sell_ticks, buy_ticks))
    high = np.where(injection_wh > 0, buy_ticks, sell_ticks)
    above = np.where(injection_wh >= agents.high_wh, 0.0, np.maximum(low - marginal, 0.0))
    below = np.where(injection_wh <= agents.low_wh, 0.0, np.maximum(marginal - high, 0.0))
    return float(np.maximum(above, below).max(initial=0.0))


def leader_profit(
    agents: Agents,
    tariffs: Tariffs,
    buy_ticks: int,
    sell_ticks: int,
    balancing: Balancing = "supplier",
) -> float:
    """Say what the leader earns at two prices. [µ€]"""
    supply = float(_offered(agents, buy_ticks).sum())
    demand = -float(_wanted(agents, sell_ticks).sum())
    prices = np.array([buy_ticks]), np.array([sell_ticks])
    profit = _profits(*prices, np.array([supply]), np.array([demand]), tariffs, balancing)
    return float(profit[0, 0])


def lead(
    agents: Agents,
    tariffs: Tariffs,
    *,
    balancing: Balancing = "supplier",
    ticks: Ints | None = None,
) -> Lead:
    """Find the leader's best prices.

    Parameters
    ----------
    agents : Agents
        The followers.
    tariffs : Tariffs
        Between which the leader stays.
    balancing : {"supplier", "inside"}
        Whether it buys what is missing and sells what is left at the tariffs, or passes on only
        what both sides have and earns nothing on the rest.
    ticks : (m,) int64 array, optional
        The prices to choose from, rising; every tick between the tariffs unless given.

    Returns
    -------
    Lead
        Of those with the largest profit the one that passes on most, then sells cheapest, then
        buys dearest.

    Raises
    ------
    FlexibilityError
        There are more than `LARGEST_TICKS` prices to choose from.
    """
    told = np.arange(tariffs.feed_in_ticks, tariffs.retail_ticks + 1) if ticks is None else ticks
    if told.size > LARGEST_TICKS:
        raise FlexibilityError(
            [
                f"a leader between {tariffs.feed_in_ticks} and {tariffs.retail_ticks} ticks has "
                f"{told.size} prices, expected at most {LARGEST_TICKS}; narrow the tariffs"
            ]
        )
    supply = np.array([_offered(agents, price).sum() for price in told.tolist()])
    demand = -np.array([_wanted(agents, price).sum() for price in told.tolist()])
    profit = _profits(told, told, supply, demand, tariffs, balancing)
    profit[told[:, None] > told] = -np.inf
    best = profit >= profit.max() - 1e-12 * max(1.0, abs(float(profit.max())))
    rows, columns = np.nonzero(best)
    passed = np.minimum(supply[rows], demand[columns])
    pick = np.lexsort((-told[rows], told[columns], -passed))[0]
    i, j = rows[pick], columns[pick]
    injection = follow(agents, told[i], told[j])
    return Lead(int(told[i]), int(told[j]), float(profit[i, j]), injection)


def _profits(
    buy: Ints, sell: Ints, supply: Floats, demand: Floats, tariffs: Tariffs, balancing: Balancing
) -> Floats:
    """What the leader earns at every pair of prices. (buy, sell) [µ€]"""
    if balancing == "inside":
        return np.asarray((sell - buy[:, None]) * np.minimum(supply[:, None], demand))
    missing = demand - supply[:, None]
    market = np.where(missing > 0, tariffs.retail_ticks, tariffs.feed_in_ticks) * missing
    return np.asarray(sell * demand - (buy * supply)[:, None] - market)


def _at(agents: Agents, price: float, low: Floats, high: Floats) -> Floats:
    """Where the marginal cost meets a price, within bounds. [Wh]"""
    with np.errstate(divide="ignore", invalid="ignore"):
        inside = (price - agents.b) / agents.a
    return np.where(agents.a > 0, np.clip(np.nan_to_num(inside), low, high), 0.0)


def _offered(agents: Agents, price: float) -> Floats:
    low, high = np.maximum(agents.low_wh, 0.0), np.maximum(agents.high_wh, 0.0)
    linear = np.where(price >= agents.b, high, low)
    return np.where(agents.a > 0, _at(agents, price, low, high), linear)


def _wanted(agents: Agents, price: float) -> Floats:
    low, high = np.minimum(agents.low_wh, 0.0), np.minimum(agents.high_wh, 0.0)
    linear = np.where(price <= agents.b, low, high)
    return np.where(agents.a > 0, _at(agents, price, low, high), linear)
