"""A bidder that looks ahead: what its store holds goes to who pays more than it will be worth."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import BaseModel, Field, NonNegativeInt

from ..book import Clearing, Orders
from ._storage_curve import Expected, expected_tariffs, storage_orders
from .protocol import Bids, Outlook

__all__ = ["StorageAware"]

Share = Annotated[float, Field(ge=0, le=1)]


class StorageAware:
    """Bid the marginal value of stored energy, from forecasts and prices of the periods ahead.

    The value follows from a linear program: how the store would best be used until the horizon,
    at expected prices. With one period ahead it is a closed form: stored energy that can be
    bought again at p is sold above p / η only, and energy is bought to be stored only below
    η · v, where v is its value then, and both net of the highest fee. With more periods the values
    are the program's duals. Value falls with the level of the store, so a peer gives several
    orders. Surplus is sold only above what it is worth when stored.

    Prices ahead lie between the tariffs and the mean price of the market so far: `trust` says how
    much. The market's expected price also says on which side a peer stands that could trade on
    both. A cleared price changes what all peers of this bidder expect.

    Parameters
    ----------
    options : StorageAware.Options, optional
    """

    class Options(BaseModel, extra="forbid", frozen=True):
        """What a scenario may say about it.

        Attributes
        ----------
        periods_ahead : int
            How far it looks. [periods]
        trust : float
            Part of the energy ahead that is reckoned to trade in the market; the rest at the
            tariffs. [1]
        memory : float
            Weight of the past against the last price in the mean. [1]
        final_ticks : int, optional
            What is stored after the horizon is worth this; left out, what a sale then brings.
            [µ€/Wh]
        """

        periods_ahead: NonNegativeInt = 24
        trust: Share = 0.5
        memory: Share = 0.7
        final_ticks: NonNegativeInt | None = None

    def __init__(self, options: StorageAware.Options | None = None) -> None:
        self._options = options or self.Options()
        self._mean_ticks: float | None = None

    @property
    def periods_ahead(self) -> int:
        """How far it looks. [periods]"""
        return self._options.periods_ahead

    def bid(self, outlook: Outlook) -> Bids:
        """Give an order for every step of a peer's value."""
        middle_ticks = (outlook.feed_in_ticks + outlook.top_ticks) / 2
        around_ticks = middle_ticks if self._mean_ticks is None else self._mean_ticks
        return storage_orders(
            outlook, self._expected(outlook), around_ticks=around_ticks, charging=True
        )

    def learn(self, orders: Orders, clearing: Clearing) -> None:
        """Take the mean price of what was traded into the expectation."""
        bought = orders.is_buy & (clearing.filled_wh > 0)
        if not bought.any():
            return
        mean_ticks = float(
            np.average(clearing.prices()[bought], weights=clearing.filled_wh[bought])
        )
        before = mean_ticks if self._mean_ticks is None else self._mean_ticks
        self._mean_ticks = self._options.memory * before + (1 - self._options.memory) * mean_ticks

    def _expected(self, outlook: Outlook) -> Expected:
        """Move the tariffs towards the market's mean price."""
        at_tariffs, trust = expected_tariffs(outlook), self._options.trust
        if self._mean_ticks is None:
            sell, buy = at_tariffs.sell_ticks, at_tariffs.buy_ticks
        else:
            gets = np.maximum(at_tariffs.sell_ticks, self._mean_ticks)
            pays = np.minimum(at_tariffs.buy_ticks, self._mean_ticks + outlook.fee_cap_ticks)
            sell = (1 - trust) * at_tariffs.sell_ticks + trust * gets
            buy = (1 - trust) * at_tariffs.buy_ticks + trust * pays
        given = self._options.final_ticks
        final_ticks = at_tariffs.final_ticks if given is None else float(given)
        return Expected(sell, np.maximum(sell, buy), final_ticks)
