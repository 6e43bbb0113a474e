"""Orders as the peers of a design, and its trades as those of the orders.

Each order is a peer of its own with a linear cost, its limit, up to its energy. An order with the
attribute ``slope`` has a quadratic one: a seller's limit is for its first Wh and every further Wh
costs ``slope`` more; a buyer's is for its first Wh and every further one is worth that less.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..book import ClearedTrades, Clearing, OrderError, Orders

__all__ = ["LARGEST_PAIRS", "PRICED", "read_agents", "refuse_books", "trades_to_clearing"]

from .problem import Agents

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

LARGEST_PAIRS = 250_000
"""Asks times bids above which a book is refused; so many take a second or more."""

PRICED = 1e-6
"""What a solver's prices may be below a whole tick and count as it. [µ€/Wh]"""


def read_agents(orders: Orders) -> Agents:
    """Read each order as a peer.

    Raises
    ------
    OrderError
        With every order whose slope is no number of 0 or more. [µ€/Wh²]
    """
    n, energy, buys = len(orders), orders.energy_wh.astype(np.float64), orders.is_buy
    return Agents(
        a=_slopes(orders),
        b=orders.price_ticks.astype(np.float64),
        c=np.zeros(n),
        low_wh=np.where(buys, -energy, 0.0),
        high_wh=np.where(buys, 0.0, energy),
    )


def refuse_books(orders: Orders) -> None:
    """Refuse what no design can clear.

    Raises
    ------
    OrderError
        Orders for more than one period, or more than `LARGEST_PAIRS` pairs.
    """
    faults = []
    if len(orders.periods) > 1:
        named = ", ".join(map(str, orders.periods))
        faults.append(
            f"orders for periods {named} in one book; clear each orders.for_period(period)"
        )
    bids = int(orders.is_buy.sum())
    if (pairs := bids * (len(orders) - bids)) > LARGEST_PAIRS:
        faults.append(
            f"asks and bids make {pairs} pairs, more than {LARGEST_PAIRS}; clear them by "
            f"uniform_price and pair by least fee"
        )
    if faults:
        raise OrderError(faults)


def trades_to_clearing(orders: Orders, trades: ClearedTrades) -> Clearing:
    """Make a clearing of trades; what buyers pay beyond sellers and fees is the operator's."""
    n = len(orders)
    kept = (trades.price_ticks - trades.received_ticks) @ trades.energy_wh
    price = trades.price_ticks
    single = bool(price.size) and trades.fee_ticks is None and trades.receipt_ticks is None
    one_price = single and bool((price == price[0]).all())
    return Clearing(
        price_ticks=int(price[0]) if one_price else None,
        filled_wh=trades.filled_wh(n),
        order_price_ticks=None if one_price else trades.mean_price_ticks(n),
        surplus_ueur=int(kept),
        trades=trades if len(trades) else None,
    )


def _number(told: object) -> float:
    """Read a number, which an order file has as text; else NaN."""
    try:
        return np.nan if isinstance(told, bool) else float(told)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return np.nan


def _slopes(orders: Orders) -> Floats:
    column = orders.attributes.get("slope")
    if column is None:
        return np.zeros(len(orders))
    slopes, faults = np.zeros(len(orders)), []
    for i, told in enumerate(column.tolist()):
        if told is None or told == "":
            continue
        slopes[i] = _number(told)
        if not 0 <= slopes[i] < np.inf:
            faults.append(
                f"order {orders.order_id[i]}: slope is {told!r}, expected a number of 0 or more "
                f"µ€/Wh²; a falling marginal cost has no market price"
            )
    if faults:
        raise OrderError(faults)
    return slopes
