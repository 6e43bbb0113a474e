"""Who of an island is shed first: by class, then by what its last bids were willing to pay."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

import numpy as np
from numpy.typing import NDArray

from market.book import Clearing, Orders

from .box import FloatArray

__all__ = ["SheddingOrder"]

Ints = NDArray[np.int64]
Conclude = Callable[[int, int, Orders, Clearing], FloatArray | None]


class SheddingOrder:
    """Hears the bids of every gate, and hands the order over when their period begins.

    Critical peers are spared. Of the rest, who bids least is shed first, and before them who does
    not bid to buy at all; ties in the order of peers.

    Parameters
    ----------
    peers : sequence of str
        In the order of all arrays.
    spared : collection of str
        Who is never shed.
    ticks_per_period : int
    """

    def __init__(
        self, peers: Sequence[str], spared: Collection[str], *, ticks_per_period: int
    ) -> None:
        self._peers, self._ticks_per_period = peers, ticks_per_period
        self._open = [i for i, peer in enumerate(peers) if peer not in spared]
        self._orders: dict[int, Ints] = {}

    def hearing(self, conclude: Conclude) -> Conclude:
        """Give `conclude` with an ear: it notes the bids and then concludes."""

        def hear(tick: int, period: int, orders: Orders, clearing: Clearing) -> FloatArray | None:
            self._orders[period * self._ticks_per_period] = self.order_of(orders)
            return conclude(tick, period, orders, clearing)

        return hear

    def order_of(self, orders: Orders) -> Ints:
        """Positions of the peers that may be shed, the first to go first."""
        highest: dict[str, int] = {}
        for order in orders:
            if order.side == "buy":
                best = highest.get(order.peer, order.price_ticks)
                highest[order.peer] = max(best, order.price_ticks)
        nobody = min(highest.values(), default=0) - 1
        ranked = sorted(self._open, key=lambda i: highest.get(self._peers[i], nobody))
        return np.array(ranked, dtype=np.int64)

    def due(self, tick: int) -> Ints | None:
        """Give the order of a period that begins with this tick, if bids were heard for it."""
        return self._orders.pop(tick, None)
