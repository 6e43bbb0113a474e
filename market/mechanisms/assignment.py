"""Fees per pair and preferences inside the clearing: the assignment game with energies."""

from __future__ import annotations

from fractions import Fraction
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, Field

from ..book import ClearedTrades, Clearing, OrderError, Orders
from ..network._kernels_pairing import transport
from ..network.least_fee import prove_optimal
from ..preferences import allowed, premium_ticks
from ._merit import nothing

__all__ = ["LARGEST_PAIRS", "Assignment", "pair_gains"]

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

#: More pairs of a bid and an ask than this are refused; so many take a second or two.
LARGEST_PAIRS = 1_000_000

_DEAREST = 2**40
"""Sums along a way through all pairs stay far inside int64. [µ€/Wh]"""

_FAR = 2**61


class Assignment:
    """Find the trades that gain most after fees and with preferences, at prices nobody leaves.

    A pair of an ask and a bid gains the bid's limit, plus the premium that the buyer would pay for
    energy of this seller, less the ask's limit and the fee from one to the other (the book's
    `Charges`). The trades chosen have the greatest total gain of all [1]_: a transport problem
    with free disposal, whole Wh, proven optimal by its dual values in integers. Fees are thus part
    of the clearing, not a consequence of it: a pair whose fee eats its gain does not trade.

    The dual values are prices: each ask sells at one price, and its buyers pay that and the fee.
    Every limit holds, fee and premium included, and the result is *stable*: no seller and buyer
    would both rather trade with each other than as they do. Prices that do this form a lattice.
    With ``k = 0`` they are best for all buyers at once, with ``k = 1`` for all sellers at once,
    and in between ``floor(low + k · (high − low))`` of every seller, stable too.

    Without fees and preferences the total gain is that of `UniformPrice`, and its price is among
    the prices. Pairs that gain nothing may or may not trade. The buyers' money is the sellers' and
    the grid owner's: there is no surplus.

    Properties: individually rational; budget balanced; efficient, fees and premiums included;
    *not* incentive compatible (with ``k = 0`` for buyers of one Wh it is, on their side [1]_ [2]_).
    It honours preferences, `only_preferred` and pair charges. The size is that of all pairs, so it
    is for a village, not for a city: see `LARGEST_PAIRS`.

    Parameters
    ----------
    options : Assignment.Options, optional

    References
    ----------
    .. [1] L. S. Shapley and M. Shubik, "The assignment game I: the core," Int. J. Game Theory,
       vol. 1, 1971.
    .. [2] H. B. Leonard, "Elicitation of honest preferences for the assignment of individuals to
       positions," J. Political Economy, vol. 91, 1983 (unverified).
    """

    class Options(BaseModel, extra="forbid", frozen=True):
        """What a scenario may say about it."""

        k: float = Field(
            default=0.5,
            ge=0,
            le=1,
            description="Where between the stable prices best for buyers (0) and best for sellers "
            "(1) the prices lie. [1]",
        )

    def __init__(self, options: Assignment.Options | None = None) -> None:
        self._k = Fraction(str((options or self.Options()).k))

    def clear(self, orders: Orders) -> Clearing:
        """Clear the book of one delivery period.

        Raises
        ------
        OrderError
            When the book holds orders for more than one period, more than `LARGEST_PAIRS` pairs,
            wishes that cannot be read, or limits beyond 2^40 ticks.
        """
        sells, buys = _in_turn(orders)
        if faults := _book_faults(orders, sells.size * buys.size):
            raise OrderError(faults)
        if not sells.size or not buys.size:
            return nothing(orders)
        best = _most_gain(orders, sells, buys)
        if not best.flow_wh[:-1, :-1].any():
            return nothing(orders)
        return _priced(orders, sells, buys, best, self._k)


def _book_faults(orders: Orders, pairs: int) -> list[str]:
    faults = []
    if len(orders.periods) > 1:
        named = ", ".join(map(str, orders.periods))
        faults.append(
            f"orders for periods {named} in one book; clear each orders.for_period(period)"
        )
    if pairs > LARGEST_PAIRS:
        faults.append(
            f"asks and bids make {pairs} pairs, more than {LARGEST_PAIRS}; clear them by "
            f"uniform_price and pair by least fee"
        )
    return faults + [
        f"order {orders.order_id[i]}: a limit of {orders.price_ticks[i]} ticks is beyond "
        f"{_DEAREST}; check its unit"
        for i in np.flatnonzero(np.abs(orders.price_ticks) > _DEAREST).tolist()
    ]


def pair_gains(orders: Orders, sell_rows: Ints, buy_rows: Ints) -> Ints:
    """What each Wh gains that these sellers sell to these buyers, fee and premium included.

    Parameters
    ----------
    orders : Orders
    sell_rows, buy_rows : int64 array
        Rows of the book, broadcast against each other.

    Returns
    -------
    int64 array
        −1 for pairs that may not trade. [µ€/Wh]
    """
    limit, peer, charges = orders.price_ticks, orders.peer_index, orders.charges
    gain = limit[buy_rows] - limit[sell_rows] + premium_ticks(orders, sell_rows, buy_rows)
    if charges is not None:
        gain = gain - charges.between(peer[sell_rows], peer[buy_rows])
    return np.where(allowed(orders, sell_rows, buy_rows), gain, -1)


class _Best(NamedTuple):
    """The trades that gain most, and their dual values; the last row and column take the rest.

    Attributes
    ----------
    flow_wh : (n + 1, m + 1) int64 array
        [Wh]
    cost : (n + 1, m + 1) int64 array
        Minus the gain. [µ€/Wh]
    seller, buyer : (n + 1,), (m + 1,) int64 array
        Minus the gain of each side per Wh; the last are 0. [µ€/Wh]
    """

    flow_wh: Ints
    cost: Ints
    seller: Ints
    buyer: Ints


def _in_turn(orders: Orders) -> tuple[Ints, Ints]:
    """Rows of asks and bids, the best limits first, ties by turn."""
    turn, buy = orders.turn, orders.is_buy
    asks, bids = turn[~buy[turn]], turn[buy[turn]]
    asks = asks[np.argsort(orders.price_ticks[asks], kind="stable")]
    return asks, bids[np.argsort(-orders.price_ticks[bids], kind="stable")]


def _most_gain(orders: Orders, sells: Ints, buys: Ints) -> _Best:
    """Solve the transport problem in which what is not traded goes to nobody for nothing."""
    supply, demand = orders.energy_wh[sells], orders.energy_wh[buys]
    supply, demand = np.append(supply, demand.sum()), np.append(demand, supply.sum())
    cost = np.zeros((supply.size, demand.size), dtype=np.int64)
    cost[:-1, :-1] = -pair_gains(orders, sells[:, None], buys[None, :])
    flow_wh = np.zeros_like(cost)
    seller, buyer = np.zeros(supply.size, np.int64), np.zeros(demand.size, np.int64)
    transport(supply, demand, cost, flow_wh, seller, buyer)
    # Nobody's gain with nobody is 0, so the duals are measured from there.
    nobody = seller[-1]
    best = _Best(flow_wh, cost, seller - nobody, buyer + nobody)
    prove_optimal(flow_wh, supply, demand, cost, best.seller, best.buyer)
    return best


def _priced(orders: Orders, sells: Ints, buys: Ints, best: _Best, k: Fraction) -> Clearing:
    """Make trades at prices between those best for buyers and those best for sellers."""
    low, high = (orders.price_ticks[sells] - dual[:-1] for dual in _extreme_duals(best))
    share = np.array([int(k * spread) for spread in (high - low).tolist()], dtype=np.int64)
    i, j = np.nonzero(best.flow_wh[:-1, :-1])
    sell_row, buy_row = sells[i], buys[j]
    fee_ticks = None
    if orders.charges is not None:
        peer = orders.peer_index
        fee_ticks = orders.charges.between(peer[sell_row], peer[buy_row])
    trades = ClearedTrades(
        sell_row=sell_row,
        buy_row=buy_row,
        energy_wh=best.flow_wh[i, j],
        price_ticks=(low + share)[i],
        fee_ticks=fee_ticks,
    )
    one_price = fee_ticks is None and bool((trades.price_ticks == trades.price_ticks[0]).all())
    n = len(orders)
    return Clearing(
        price_ticks=int(trades.price_ticks[0]) if one_price else None,
        filled_wh=trades.filled_wh(n),
        order_price_ticks=None if one_price else trades.mean_price_ticks(n),
        trades=trades,
    )


def _extreme_duals(best: _Best) -> tuple[Ints, Ints]:
    """Sellers' dual values that are best for buyers, and those best for sellers.

    Dual values are held apart by differences only: of seller and buyer by the pair's cost, the
    more so where something flows. So the greatest and the least of each are shortest ways from and
    to nobody, whose value is 0, in what the values at hand leave free.
    """
    free = best.cost - best.seller[:, None] - best.buyer
    used = best.flow_wh > 0
    up, down = _shortest(free.T, used.T), _shortest(free, used)
    return best.seller + up[1], best.seller - down[0]


def _shortest(free: Ints, used: NDArray[np.bool_]) -> tuple[Ints, Ints]:
    """Shortest ways from the last row and column: along any cell, and back along used ones.

    Returns
    -------
    near, far : (n,), (m,) int64 array
        Ways to rows and to columns; going back costs nothing. [µ€/Wh]
    """
    near, far = np.full(free.shape[0], _FAR), np.full(free.shape[1], _FAR)
    near[-1] = 0
    while True:
        reached = (near[:, None] + free).min(axis=0)
        if (reached == far).all():
            return near, far
        far = reached
        near = np.where(used, far, _FAR).min(axis=1)
        near[-1] = 0
