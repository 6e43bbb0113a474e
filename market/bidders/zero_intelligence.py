"""Traders that know nothing but what energy is worth to them."""

from __future__ import annotations

import numpy as np
from pydantic import BaseModel

from .protocol import Bids, Outlook

__all__ = ["ZeroIntelligence"]


class ZeroIntelligence:
    """Draw each limit evenly between the own worth and the other tariff, never at a loss.

    The constrained zero-intelligence trader (ZI-C) of [1]_: its allocations are nearly efficient
    in a double auction although it neither remembers nor learns, so what is gained beyond it is
    owed to cleverness and not to the rules. The other tariff of a seller is what a buyer can pay
    at most, the retail price less the highest fee. One order per peer.

    Parameters
    ----------
    options : ZeroIntelligence.Options, optional

    References
    ----------
    .. [1] D. K. Gode and S. Sunder, "Allocative efficiency of markets with zero-intelligence
       traders," J. Political Economy, vol. 101, 1993 (the paper's budget constraint; unverified).
    """

    class Options(BaseModel, extra="forbid", frozen=True):
        """What a scenario may say about it: nothing."""

    def __init__(self, options: ZeroIntelligence.Options | None = None) -> None:
        self._options = options or self.Options()

    def bid(self, outlook: Outlook) -> Bids:
        """Give one order per peer."""
        is_buy = outlook.position_wh < 0
        steps = outlook.room_to_trade(is_buy) + 1
        away_ticks = np.floor(outlook.draw(1) * steps).astype(np.int64)
        return Bids.one_each(
            outlook, outlook.worth(is_buy) + np.where(is_buy, -away_ticks, away_ticks)
        )
