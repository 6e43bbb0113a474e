"""Bidders without guile: one says what energy is worth to it, one takes any price."""

from __future__ import annotations

import numpy as np
from pydantic import BaseModel, NonNegativeInt

from ._storage_curve import expected_tariffs, storage_orders
from .protocol import Bids, Outlook

__all__ = ["PriceTaking", "Truthful"]


class Truthful:
    """Offer and ask at what a Wh is worth, so that nothing is gained by the limit itself.

    Need is worth the retail price less the highest fee, surplus the feed-in tariff, and what a
    store holds its marginal value: what it will save or earn at the tariffs in the periods ahead.
    A peer with storage so gives several orders. It offers what it holds and asks for what it
    needs, and does not buy to store (`storage_aware` does).

    Parameters
    ----------
    options : Truthful.Options, optional
    """

    class Options(BaseModel, extra="forbid", frozen=True):
        """What a scenario may say about it.

        Attributes
        ----------
        periods_ahead : int
            How far it looks ahead to value what is stored. [periods]
        """

        periods_ahead: NonNegativeInt = 24

    def __init__(self, options: Truthful.Options | None = None) -> None:
        self._options = options or self.Options()

    @property
    def periods_ahead(self) -> int:
        """How far it looks. [periods]"""
        return self._options.periods_ahead

    def bid(self, outlook: Outlook) -> Bids:
        """Give an order for every step of a peer's value."""
        middle_ticks = (outlook.feed_in_ticks + outlook.top_ticks) / 2
        return storage_orders(
            outlook, expected_tariffs(outlook), around_ticks=middle_ticks, charging=False
        )


class PriceTaking:
    """Trade at any price at which the supplier is not better: all energy, at the tariffs.

    What a store could give goes like the rest, at the feed-in tariff.

    Parameters
    ----------
    options : PriceTaking.Options, optional
    """

    class Options(BaseModel, extra="forbid", frozen=True):
        """What a scenario may say about it: nothing."""

    def __init__(self, options: PriceTaking.Options | None = None) -> None:
        self._options = options or self.Options()

    def bid(self, outlook: Outlook) -> Bids:
        """Give one order per peer."""
        is_buy = outlook.position_wh < 0
        limit_ticks = np.where(is_buy, outlook.top_ticks, outlook.feed_in_ticks)
        return Bids.one_each(outlook, limit_ticks)
