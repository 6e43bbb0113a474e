"""Asks and bids that may meet, as links between orders, and their trades in whole Wh."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .problem import Edges
from .to_trades import round_trades

__all__ = ["Pairs"]

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


class Pairs(NamedTuple):
    """Asks and bids that may meet.

    Attributes
    ----------
    sells, buys : (s,), (b,) int64 array
        Rows of the book.
    meets : (s, b) bool array
    gamma : (s, b) float array
        What a Wh between them costs, borne by the buyer. [µ€/Wh]
    """

    sells: Ints
    buys: Ints
    meets: Bools
    gamma: Floats

    def gains(self, limit: Ints) -> Bools:
        """Where both limits leave something for the way between."""
        found: Bools = limit[self.buys][None, :] - limit[self.sells][:, None] - self.gamma >= 0
        return self.meets & found

    def edges(self, i: Ints, j: Ints) -> Edges:
        """Links between asks i and bids j, (m,) each."""
        one, other = self.sells[i], self.buys[j]
        turned, cost, free = one > other, self.gamma[i, j], np.zeros(i.size)
        return Edges(
            first=np.minimum(one, other),
            second=np.maximum(one, other),
            gamma_first=np.where(turned, cost, free),
            gamma_second=np.where(turned, free, cost),
        )

    def whole(self, traded: Floats, n: int) -> Ints:
        """Make whole Wh of trades, (s, b), so that each of n orders' sum is its own rounded."""
        i, j = np.nonzero(traded)
        whole = np.zeros(traded.shape, np.int64)
        whole[i, j] = round_trades(self.sells[i], self.buys[j], traded[i, j], n)
        return whole
