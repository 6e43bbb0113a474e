"""What a continuous order book can be asked: its trades, its depth, and how an order stands."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from . import _kernels_continuous as k

__all__ = ["BookTrades", "Depth", "Levels", "OrderStatus", "State", "depth_of", "trades_of"]

Ints = NDArray[np.int64]


class State(IntEnum):
    """What has become of an order."""

    OPEN = k.OPEN  #: in the book
    FILLED = k.FILLED  #: all traded, or amended down to what had traded
    CANCELLED = k.CANCELLED  #: by its owner
    EXPIRED = k.EXPIRED  #: its time is over
    SELF_TRADE = k.SELF_TRADE  #: taken out because its owner came from the other side
    DROPPED = k.DROPPED  #: what an immediate or market order could not trade at once


@dataclass(frozen=True, slots=True, eq=False)
class BookTrades:
    """Trades in the order in which they happened, as columns.

    Attributes
    ----------
    sell_order_id, buy_order_id : (n,) int64 array
    seller, buyer : (n,) int64 array
        Positions among the book's peers.
    energy_wh, price_ticks : (n,) int64 array
        [Wh], the limit of the order that was there first [µ€/Wh]
    time : (n,) int64 array
    buyer_came : (n,) bool array
        The buyer's order came to the seller's, not the other way round.
    """

    sell_order_id: Ints
    buy_order_id: Ints
    seller: Ints
    buyer: Ints
    energy_wh: Ints
    price_ticks: Ints
    time: Ints
    buyer_came: NDArray[np.bool_]

    def __len__(self) -> int:
        return self.time.size


class Levels(NamedTuple):
    """One side of a book, its best price first."""

    price_ticks: Ints  #: [µ€/Wh]
    energy_wh: Ints  #: [Wh]
    orders: Ints  #: how many orders stand there


class Depth(NamedTuple):
    """What stands in a book."""

    bids: Levels
    asks: Levels


class OrderStatus(NamedTuple):
    """One order as it stands."""

    state: State
    peer: str
    is_buy: bool
    price_ticks: int
    energy_wh: int  #: as given or last amended [Wh]
    filled_wh: int  #: [Wh]
    expiry: int


def trades_of(log: Ints) -> BookTrades:
    """Read the rows of a log of trades, which nobody writes again."""
    log.flags.writeable = False
    return BookTrades(
        sell_order_id=log[:, k.LOG_SELL_ID],
        buy_order_id=log[:, k.LOG_BUY_ID],
        seller=log[:, k.LOG_SELLER],
        buyer=log[:, k.LOG_BUYER],
        energy_wh=log[:, k.LOG_ENERGY],
        price_ticks=log[:, k.LOG_PRICE],
        time=log[:, k.LOG_TIME],
        buyer_came=log[:, k.LOG_CAME] == 1,
    )


def depth_of(rows: Ints, at: int, most: int | None) -> Depth:
    """Add up the orders that stand at a time, `most` prices of each side or all."""
    rows = rows[(rows[:, k.ROW_MARK] > 0) & (rows[:, k.ROW_EXPIRY] > at)]
    buys = rows[:, k.ROW_SIDE] == 1
    return Depth(_levels(rows[buys], -1, most), _levels(rows[~buys], 1, most))


def _levels(rows: Ints, sign: int, most: int | None) -> Levels:
    """Add up the orders of one side by price."""
    keys, place, orders = np.unique(
        sign * rows[:, k.ROW_PRICE], return_inverse=True, return_counts=True
    )
    energy_wh = np.zeros(keys.size, dtype=np.int64)
    np.add.at(energy_wh, place, rows[:, k.ROW_LEFT])
    return Levels(sign * keys[:most], energy_wh[:most], orders.astype(np.int64)[:most])
