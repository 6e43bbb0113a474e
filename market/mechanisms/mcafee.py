"""McAfee's double auction: one price from the first orders left out, or else one trade less."""

from __future__ import annotations

from ..book import Clearing, Orders
from ._merit import Merit, merit_of, refuse_unequal_lots
from .trade_reduction import TradeReduction, reduce_trade

__all__ = ["McAfee"]


class McAfee:
    """Let the first bid and ask that do not trade set the price, if that suits those that do.

    The trades that gain most are found first, as in `UniformPrice`. The mean of the first bid
    and the first ask left out, rounded down to a whole tick, is the price of all trades when it
    lies within the last ask's and the last bid's limits. Otherwise, and when nothing is left out
    on a side, the last trade is given up as in `TradeReduction`, which leaves the operator a
    surplus [1]_. Rounding changes no claim: the price depends on the same orders, and stays
    within their limits.

    Where orders are not equal, what is left out begins with the first Wh that finds no partner.
    An order filled in part is thus the first left out of its side as well as the last that
    trades, the mean usually lies beyond it, and the trade is reduced.

    Properties: individually rational; weakly budget balanced; efficient where the mean fits, else
    one trade less. Incentive compatible where every peer gives one order and all are of one size,
    which ``lots: equal`` enforces; ``lots: any`` takes every book and drops the claim, for the
    reasons given in `TradeReduction`. It honours limits only: no origin, no partner.

    Parameters
    ----------
    options : McAfee.Options, optional

    References
    ----------
    .. [1] R. P. McAfee, "A dominant strategy double auction," J. Econ. Theory, vol. 56, 1992.
    """

    Options = TradeReduction.Options

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
        merit = merit_of(orders)
        price_ticks = _price_from_outside(orders, merit)
        if price_ticks is None:
            return reduce_trade(orders, merit)
        return Clearing(price_ticks=price_ticks, filled_wh=merit.filled_wh)


def _price_from_outside(orders: Orders, merit: Merit) -> int | None:
    if merit.last_bid is None or merit.last_ask is None:
        return None
    if merit.next_bid_ticks is None or merit.next_ask_ticks is None:
        return None
    mean_ticks = (merit.next_bid_ticks + merit.next_ask_ticks) // 2
    lowest, highest = orders.price_ticks[[merit.last_ask, merit.last_bid]].tolist()
    return mean_ticks if lowest <= mean_ticks <= highest else None
