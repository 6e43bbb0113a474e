"""Sellers with price thresholds below which they keep or store their energy."""

from __future__ import annotations

from typing import Annotated, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, Field, model_validator

from .margin import Margin
from .protocol import Bids, Outlook, origins

__all__ = ["Threshold"]

Ints = NDArray[np.int64]
Share = Annotated[float, Field(gt=0, le=1)]


class Threshold:
    """Offer parts of what a peer has, each from its own price on: supply in steps.

    Below a threshold that part is not sold; it stays in the store, or goes to the supplier. Each
    part is an order of its own, so the supply of all such peers rises by steps at the thresholds,
    and its elasticity is theirs. A threshold below the feed-in tariff counts as the tariff:
    nobody sells at a loss. Parts are cut to whole Wh so that they add up to what is offered.
    Purchases are as of `margin`.

    Parameters
    ----------
    options : Threshold.Options
    """

    class Options(BaseModel, extra="forbid", frozen=True):
        """What a scenario may say about it.

        Attributes
        ----------
        steps : dict of int to float
            Threshold to the part of a peer's energy that is sold from there on; parts add up to
            1 at most, and what is missing is never sold. [µ€/Wh] to [1]
        spread : float
            As in `Margin.Options`, for purchases.
        """

        steps: Annotated[dict[int, Share], Field(min_length=1)]
        spread: Annotated[float, Field(ge=0)] = 0.25

        @model_validator(mode="after")
        def _parts_make_at_most_a_whole(self) -> Self:
            total = sum(self.steps.values())
            if total > 1 + 1e-9:
                raise ValueError(f"parts add up to {total:g}, expected 1 at most")
            return self

    def __init__(self, options: Threshold.Options) -> None:
        self._steps = sorted(options.steps.items())
        self._by_margin = Margin(Margin.Options(spread=options.spread))

    def bid(self, outlook: Outlook) -> Bids:
        """Give one order per buyer, and one per threshold and seller."""
        has_wh = outlook.position_wh
        buyers, sellers = np.flatnonzero(has_wh < 0), np.flatnonzero(has_wh > 0)
        asked = self._by_margin.limits(outlook, has_wh < 0)[buyers]
        parts_wh = self._parts_wh(has_wh[sellers])
        limits = np.maximum(
            np.array([ticks for ticks, _ in self._steps]), outlook.worth(False)[sellers, None]
        )
        offers = np.broadcast_to(sellers[:, None], parts_wh.shape)[parts_wh > 0]
        rows = np.concatenate([buyers, offers])
        is_buy = np.arange(rows.size) < buyers.size
        return Bids(
            peer_index=rows,
            is_buy=is_buy,
            price_ticks=np.concatenate([asked, limits[parts_wh > 0]]),
            energy_wh=np.concatenate([-has_wh[buyers], parts_wh[parts_wh > 0]]),
            attributes=origins(is_buy, (outlook.stored_wh > outlook.net_wh)[rows]),
        )

    def _parts_wh(self, has_wh: Ints) -> Ints:
        """Cut each seller's energy at the running sums of the parts. (n, steps) [Wh]"""
        upto = np.cumsum([0.0, *(part for _, part in self._steps)])
        edges_wh = np.floor(np.minimum(upto, 1.0) * has_wh[:, None] + 1e-9).astype(np.int64)
        parts_wh: Ints = np.diff(edges_wh, axis=1)
        return parts_wh
