"""The discriminatory call auction: everybody that trades gets its own price."""

from __future__ import annotations

import numpy as np
from pydantic import BaseModel

from ..book import Clearing, Orders
from ._merit import nothing
from .uniform_price import UniformPrice

__all__ = ["PayAsBid"]


class PayAsBid:
    """Clear as much as crosses; every buyer pays its bid and every seller gets its ask.

    Who trades is as in `UniformPrice`, ties included. The whole gain of the trades is the
    operator's surplus: this is the auction whose price is what was said [1]_, so peers gain by
    shading what they say, not by trading.

    Properties: individually rational; the surplus is never negative, so weakly budget balanced;
    efficient for what was said; *not* incentive compatible. It honours limits only: no origin, no
    partner.

    Parameters
    ----------
    options : PayAsBid.Options, optional

    References
    ----------
    .. [1] P. Klemperer, "Auction theory: a guide to the literature," J. Econ. Surveys, vol. 13,
       1999 (discriminatory auction).
    """

    class Options(BaseModel, extra="forbid", frozen=True):
        """It has none."""

    def __init__(self, options: PayAsBid.Options | None = None) -> None:
        self._options = options or self.Options()

    def clear(self, orders: Orders) -> Clearing:
        """Clear the book of one delivery period.

        Raises
        ------
        OrderError
            When the book holds orders for more than one period.
        """
        told = UniformPrice().clear(orders)
        if told.price_ticks is None:
            return nothing(orders)
        worth_ticks = np.where(orders.is_buy, orders.price_ticks, -orders.price_ticks)
        return Clearing(
            price_ticks=None,
            filled_wh=told.filled_wh,
            order_price_ticks=orders.price_ticks,
            surplus_ueur=int(worth_ticks @ told.filled_wh),
        )
