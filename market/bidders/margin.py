"""The bidder of a scenario that names none: a peer wants part of the span between the tariffs."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, NonNegativeFloat

from .protocol import Bids, Outlook

__all__ = ["Margin"]

Ints = NDArray[np.int64]


class Margin:
    """Ask for a margin on top of what a Wh is worth, and all that a peer has in one order.

    The margin is the peer's own (`Outlook.margin`), as part of the span between the worth and the
    other tariff, and sways a little from period to period. Limits are rounded to the peer's
    favour, so nobody trades at a loss.

    Parameters
    ----------
    options : Margin.Options, optional
    """

    class Options(BaseModel, extra="forbid", frozen=True):
        """What a scenario may say about it.

        Attributes
        ----------
        spread : float
            How far a margin moves from period to period, relative to it. [1]
        """

        spread: NonNegativeFloat = 0.25

    def __init__(self, options: Margin.Options | None = None) -> None:
        self._options = options or self.Options()

    def bid(self, outlook: Outlook) -> Bids:
        """Give one order per peer."""
        return Bids.one_each(outlook, self.limits(outlook, outlook.position_wh < 0))

    def limits(self, outlook: Outlook, is_buy: NDArray[np.bool_]) -> Ints:
        """Give each peer's limit on a side. (n,) [µ€/Wh]"""
        sway = 1.0 + self._options.spread * (2.0 * outlook.draw() - 1.0)
        part = np.clip(outlook.margin * sway, 0.0, 1.0)
        margin_ticks = np.ceil(part * outlook.room_to_trade(is_buy)).astype(np.int64)
        return outlook.worth(is_buy) + np.where(is_buy, -margin_ticks, margin_ticks)
