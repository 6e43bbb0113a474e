"""Fees per node inside the clearing: contracts with the clearing house pay entry and exit."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .orders import Orders

__all__ = ["node_fees"]

Ints = NDArray[np.int64]


def node_fees(orders: Orders) -> Ints | None:
    """Give each order's fee: entry at a seller's node, exit at a buyer's; None: no such charges.

    Returns
    -------
    (n,) int64 array or None
        [µ€/Wh]
    """
    charges = orders.charges
    if charges is None or charges.entry_ticks is None or charges.exit_ticks is None:
        return None
    place = charges.place[orders.peer_index]
    return np.where(orders.is_buy, charges.exit_ticks[place], charges.entry_ticks[place])
