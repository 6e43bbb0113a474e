"""The continuous double auction at a gate: orders meet one by one, as they came."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel

from ..book import ClearedTrades, Clearing, OrderError, Orders
from .order_book import OrderBook
from .order_events import FOREVER, Events, Kind

__all__ = ["ContinuousAuction"]

Ints = NDArray[np.int64]


class ContinuousAuction:
    """Let a period's orders meet one after another, each trade at the price that was there first.

    Orders come by arrival, then by order number, to an `OrderBook`, whose rules hold: price–time
    priority, partial fills, and no trade of a peer with itself. One order may trade at several
    prices, so the clearing carries its `trades`; they name who trades with whom, and fees follow
    from that. Each trade's price lies between both limits, so nobody loses who bids net of the
    highest fee, and there is no surplus [1]_.

    An order's attribute ``expiry`` (in the unit of arrivals) ends it before the gate; its
    attribute ``immediate`` (true or false) drops what it cannot trade when it comes. Partner and
    origin preferences are not honoured. Which of two orders comes first matters: unlike a call
    auction's, the result changes with the arrivals.

    Parameters
    ----------
    options : ContinuousAuction.Options, optional

    References
    ----------
    .. [1] V. L. Smith, "An experimental study of competitive market behavior," J. Political
       Economy, vol. 70, 1962.
    """

    class Options(BaseModel, extra="forbid", frozen=True):
        """What a scenario may say about it: nothing; its rules are those of `OrderBook`."""

    def __init__(self, options: ContinuousAuction.Options | None = None) -> None:
        self._options = options or self.Options()

    def clear(self, orders: Orders) -> Clearing:
        """Clear the book of one delivery period.

        Raises
        ------
        OrderError
            When the book holds orders for more than one period, or one that expires before it
            comes.
        """
        if len(orders.periods) > 1:
            named = ", ".join(map(str, orders.periods))
            raise OrderError(
                [f"orders for periods {named} in one book; clear each orders.for_period(period)"]
            )
        trades = _meet(orders)
        if not len(trades):
            return Clearing(price_ticks=None, filled_wh=np.zeros(len(orders), dtype=np.int64))
        price = trades.price_ticks
        one_price = bool((price == price[0]).all())
        return Clearing(
            price_ticks=int(price[0]) if one_price else None,
            filled_wh=trades.filled_wh(len(orders)),
            order_price_ticks=None if one_price else trades.mean_price_ticks(len(orders)),
            trades=trades,
        )


def _meet(orders: Orders) -> ClearedTrades:
    """Match orders in their turn; inside the book they are numbered by their rows."""
    expiry, kind = _expiry(orders), _kind(orders)
    turn = orders.turn
    book = OrderBook(orders.peers, capacity=len(orders))
    made = book.apply(Events.in_turn(orders, turn, kind, expiry))
    return ClearedTrades(
        sell_row=made.sell_order_id,
        buy_row=made.buy_order_id,
        energy_wh=made.energy_wh,
        price_ticks=made.price_ticks,
    )


def _expiry(orders: Orders) -> Ints:
    given = orders.attributes.get("expiry")
    if given is None:
        return np.full(len(orders), FOREVER)
    faults, expiry = [], np.full(len(orders), FOREVER)
    for i, value in enumerate(given.tolist()):
        if value is None:
            continue
        if not isinstance(value, int) or not orders.arrival[i] < value <= FOREVER:
            faults.append(
                f"order {orders.order_id[i]}: expiry is {value!r}, expected a whole number after "
                f"its arrival at {orders.arrival[i]}; leave it away for an order until the gate"
            )
        else:
            expiry[i] = value
    if faults:
        raise OrderError(faults)
    return expiry


def _kind(orders: Orders) -> Ints:
    given = orders.attributes.get("immediate")
    if given is None:
        return np.full(len(orders), int(Kind.LIMIT))
    faults = [
        f"order {orders.order_id[i]}: immediate is {value!r}, expected true or false"
        for i, value in enumerate(given.tolist())
        if value is not None and not isinstance(value, bool)
    ]
    if faults:
        raise OrderError(faults)
    return np.where(given.astype(np.bool_), int(Kind.IMMEDIATE), int(Kind.LIMIT))
