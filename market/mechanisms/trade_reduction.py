"""Trade reduction: the least valuable trade is given up so that it can set the prices."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, Field

from ..book import Clearing, Orders
from ._merit import Merit, merit_of, nothing, refuse_unequal_lots, two_prices

__all__ = ["TradeReduction", "reduce_trade"]

Ints = NDArray[np.int64]


class TradeReduction:
    """Drop the last bid and the last ask that would trade; they set the prices of the rest.

    The trades that gain most are found first, as in `UniformPrice`. Then the last order of each
    side is struck out. The buyers that are left pay the struck bid's limit, and the sellers get
    the struck ask's; the difference is the operator's surplus [1]_.

    A struck order sets a price and trades nothing, however large it is. Where orders are not
    equal, its two sides may leave different energy behind; the longer side is then cut from its
    worst limit on, the latest arrival first.

    Properties: individually rational; weakly budget balanced; not efficient, it gives up one
    trade. Incentive compatible where every peer gives one order and all are of one size, which
    ``lots: equal`` enforces. With ``lots: any`` every book is taken and the claim is dropped: a
    peer's small order may set the price of its large one, and a limit beyond one's own moves an
    order away from the cut. It honours limits only: no origin, no partner.

    Parameters
    ----------
    options : TradeReduction.Options, optional

    References
    ----------
    .. [1] R. P. McAfee, "A dominant strategy double auction," J. Econ. Theory, vol. 56, 1992.
    """

    class Options(BaseModel, extra="forbid", frozen=True):
        """What a scenario may say about it."""

        lots: Literal["any", "equal"] = Field(
            default="any",
            description="Which books are taken: any, or only those with one equal lot per peer, "
            "in which nobody gains by misreporting. [-]",
        )

    def __init__(self, options: TradeReduction.Options | None = None) -> None:
        self._lots = (options or self.Options()).lots

    def clear(self, orders: Orders) -> Clearing:
        """Clear the book of one delivery period.

        Raises
        ------
        OrderError
            When the book holds orders for more than one period, or lots that are not equal
            where they must be.
        """
        if self._lots == "equal":
            refuse_unequal_lots(orders)
        return reduce_trade(orders, merit_of(orders))


def reduce_trade(orders: Orders, merit: Merit) -> Clearing:
    """Give up the last bid and the last ask of these trades, and price the rest with them."""
    bid, ask = merit.last_bid, merit.last_ask
    if bid is None or ask is None:
        return nothing(orders)
    filled_wh = merit.filled_wh.copy()
    filled_wh[[bid, ask]] = 0
    buy = orders.is_buy
    bought_wh, sold_wh = int(filled_wh[buy].sum()), int(filled_wh[~buy].sum())
    if bought_wh != sold_wh:
        longer = buy if bought_wh > sold_wh else ~buy
        _cut(orders, longer & (filled_wh > 0), min(bought_wh, sold_wh), filled_wh)
    return two_prices(orders, filled_wh, int(orders.price_ticks[bid]), int(orders.price_ticks[ask]))


def _cut(orders: Orders, side: NDArray[np.bool_], total_wh: int, filled_wh: Ints) -> None:
    """Leave this much to the orders of one side, the best limits first, ties in turn."""
    rows = np.flatnonzero(side)
    cost_ticks = np.where(orders.is_buy[rows], -orders.price_ticks[rows], orders.price_ticks[rows])
    rank = np.argsort(cost_ticks)
    rows, cost_ticks = rows[rank], cost_ticks[rank]
    # Only the limit at which the total is reached is shared, so only there turns matter.
    last = int(np.searchsorted(np.cumsum(filled_wh[rows]), total_wh))
    start, end = np.searchsorted(cost_ticks, cost_ticks[last] + np.arange(2)).tolist()
    tied = rows[start:end]
    rows[start:end] = tied[np.lexsort((orders.order_id[tied], orders.arrival[tied]))]
    wanted_wh = filled_wh[rows]
    filled_wh[rows] = np.clip(total_wh + wanted_wh - np.cumsum(wanted_wh), 0, wanted_wh)
