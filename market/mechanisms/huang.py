"""Huang's multi-unit double auction: the price setters stay out, the longer side is rationed."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel

from ..book import Clearing, Orders
from ._merit import merit_of, nothing, two_prices

__all__ = ["Huang", "ration"]

Ints = NDArray[np.int64]


class Huang:
    """Strike out the marginal orders, let them set the prices, and ration the longer side evenly.

    The trades that gain most are found first, as in `UniformPrice`. The last bid and the last ask
    among them trade nothing; the other buyers pay that bid's limit and the other sellers get that
    ask's, and the difference is the operator's surplus. Where the two sides left differ in
    energy, each order of the longer bears an equal part of the gap; an order smaller than its
    part trades nothing, and the others share the rest [1]_. In whole Wh, those that came last
    bear one Wh more. What an order gets thus does not depend on its own limit as long as it
    trades, which a cut from the worst limit on, as in `TradeReduction`, would break.

    Properties: individually rational; weakly budget balanced; not efficient, the price setters
    stay out. Incentive compatible in prices where every peer gives one order: misreporting energy
    can pay (an order announced larger is rationed less), and so can splitting it. It honours
    limits only: no origin, no partner.

    Parameters
    ----------
    options : Huang.Options, optional

    References
    ----------
    .. [1] P. Huang, A. Scheller-Wolf and K. Sycara, "Design of a multi-unit double auction
       e-market," Computational Intelligence, vol. 18, no. 4, 2002.
    """

    class Options(BaseModel, extra="forbid", frozen=True):
        """It has none."""

    def __init__(self, options: Huang.Options | None = None) -> None:
        self._options = options or self.Options()

    def clear(self, orders: Orders) -> Clearing:
        """Clear the book of one delivery period.

        Raises
        ------
        OrderError
            When the book holds orders for more than one period.
        """
        merit = merit_of(orders)
        bid, ask = merit.last_bid, merit.last_ask
        if bid is None or ask is None:
            return nothing(orders)
        filled_wh = merit.filled_wh.copy()
        filled_wh[[bid, ask]] = 0
        buy = orders.is_buy
        bought_wh, sold_wh = int(filled_wh[buy].sum()), int(filled_wh[~buy].sum())
        longer = buy if bought_wh > sold_wh else ~buy
        rows = np.flatnonzero(longer & (filled_wh > 0))
        rows = rows[np.lexsort((orders.order_id[rows], orders.arrival[rows]))]
        filled_wh[rows] = ration(filled_wh[rows], min(bought_wh, sold_wh))
        prices = orders.price_ticks[[bid, ask]].tolist()
        return two_prices(orders, filled_wh, *prices)


def ration(wanted_wh: Ints, total_wh: int) -> Ints:
    """Cut all quantities by the same amount, none below 0, until they add up to the total.

    Parameters
    ----------
    wanted_wh : (n,) int64 array
        Positive, in the order in which odd Wh are kept. [Wh]
    total_wh : int
        From 0 up to the sum. [Wh]

    Returns
    -------
    (n,) int64 array
        [Wh]
    """
    gap_wh = int(wanted_wh.sum()) - total_wh
    if gap_wh == 0:
        return wanted_wh
    ascending = np.sort(wanted_wh)
    n = ascending.size
    before_wh = np.cumsum(ascending) - ascending
    # Cutting everything by the size of one order closes this much; the last that does not close
    # more than the gap tells which orders are cut whole.
    closed_wh = before_wh + ascending * np.arange(n, 0, -1)
    whole = int(np.searchsorted(closed_wh, gap_wh, side="right"))
    if whole == n:
        return np.zeros_like(wanted_wh)
    cut_wh = (gap_wh - int(before_wh[whole])) // (n - whole)
    left_wh = np.maximum(wanted_wh - cut_wh, 0)
    odd_wh = int(left_wh.sum()) - total_wh
    left_wh[np.flatnonzero(left_wh)[left_wh[left_wh > 0].size - odd_wh :]] -= 1
    return left_wh
