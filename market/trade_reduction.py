"""Trade reduction: the least valuable trade is given up so that it can set the prices."""

from __future__ import annotations

from typing import Literal

import numpy as np
from pydantic import BaseModel, Field

from ._merit import Merit, merit_of, nothing, refuse_unequal_lots, serve, two_prices
from .book import Clearing, Orders

__all__ = ["TradeReduction", "reduce_trade"]


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
    if merit.filled_wh[bid] != merit.filled_wh[ask]:
        filled_wh = serve(orders, np.greater(filled_wh, 0))
    return two_prices(orders, filled_wh, int(orders.price_ticks[bid]), int(orders.price_ticks[ask]))
