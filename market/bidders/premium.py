"""Buyers that pay more for what they like: an origin, the neighbourhood, a seller by name."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import BaseModel, Field, NonNegativeFloat, NonNegativeInt

from .margin import Margin
from .protocol import Bids, Outlook

__all__ = ["Premium"]


class Premium:
    """Bid by margin, and say whose energy is worth a premium.

    Each order to buy names the premiums (attribute ``prefers``, in the order given, which is the
    rank), and with `only_preferred` trades with nobody else. What a premium does is up to the
    mechanism; one that honours none sees the limit without it. Sales are as of `margin`.

    Parameters
    ----------
    options : Premium.Options
    """

    class Options(BaseModel, extra="forbid", frozen=True):
        """What a scenario may say about it.

        Attributes
        ----------
        premiums : dict of str to int
            Origin, ``local``, ``green`` or a seller's name, best first, to what is paid on top.
            [µ€/Wh]
        only_preferred : bool
            Buy nothing else.
        spread : float
            As in `Margin.Options`.
        """

        premiums: Annotated[dict[str, NonNegativeInt], Field(min_length=1)]
        only_preferred: bool = False
        spread: NonNegativeFloat = 0.25

    def __init__(self, options: Premium.Options) -> None:
        self._options = options
        self._by_margin = Margin(Margin.Options(spread=options.spread))

    def bid(self, outlook: Outlook) -> Bids:
        """Give one order per peer."""
        bids = self._by_margin.bid(outlook)
        prefers = np.full(bids.is_buy.size, None, dtype=object)
        wish = tuple(self._options.premiums.items())
        for row in np.flatnonzero(bids.is_buy).tolist():
            prefers[row] = wish
        only = bids.is_buy & self._options.only_preferred
        said = {**bids.attributes, "prefers": prefers, "only_preferred": only}
        return Bids(bids.peer_index, bids.is_buy, bids.price_ticks, bids.energy_wh, said)
