"""The market's vocabulary beyond orders: what clearing a book gives, and what clears it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from .known import MECHANISMS
from .orders import Order, OrderError, Orders, Side

if TYPE_CHECKING:
    from pydantic import BaseModel

    from .designs.account import Account
    from .levels import LevelBalance

__all__ = [
    "MECHANISMS",
    "ClearedTrades",
    "Clearing",
    "Mechanism",
    "Order",
    "OrderError",
    "Orders",
    "Side",
    "Trade",
]

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class ClearedTrades:
    """Who trades with whom at what price, where a mechanism decides that itself; as columns.

    Attributes
    ----------
    sell_row, buy_row : (m,) int64 array
        Rows of the book.
    energy_wh : (m,) int64 array
        More than 0. [Wh]
    price_ticks : (m,) int64 array
        What the buyer pays, without fee. [µ€/Wh]
    receipt_ticks : (m,) int64 array or None
        What the seller gets where the mechanism keeps or adds a difference; None: the same.
        [µ€/Wh]
    fee_ticks : (m,) int64 array or None
        What the buyer pays the grid's owner on top, where the mechanism has taken the book's
        charges into account; None: it has not, and the fee comes later. [µ€/Wh]
    """

    sell_row: Ints
    buy_row: Ints
    energy_wh: Ints
    price_ticks: Ints
    receipt_ticks: Ints | None = None
    fee_ticks: Ints | None = None

    def __len__(self) -> int:
        return self.energy_wh.size

    @property
    def received_ticks(self) -> Ints:
        """What each seller gets. [µ€/Wh]"""
        return self.price_ticks if self.receipt_ticks is None else self.receipt_ticks

    @property
    def paid_ticks(self) -> Ints:
        """What each buyer pays, with a fee that the mechanism has taken into account. [µ€/Wh]"""
        return self.price_ticks if self.fee_ticks is None else self.price_ticks + self.fee_ticks

    @property
    def fees_ueur(self) -> int:
        """What of the buyers' money is the grid owner's. [µ€]"""
        return 0 if self.fee_ticks is None else int(self.fee_ticks @ self.energy_wh)

    def filled_wh(self, n_orders: int) -> Ints:
        """Energy traded by each of the book's orders. [Wh]"""
        return self._by_order(self.energy_wh, self.energy_wh, n_orders)

    def money_ueur(self, n_orders: int) -> Ints:
        """What each of the book's orders pays or gets, exactly. [µ€]"""
        sold, bought = self.received_ticks * self.energy_wh, self.paid_ticks * self.energy_wh
        return self._by_order(sold, bought, n_orders)

    def mean_price_ticks(self, n_orders: int) -> Ints:
        """Mean price of each order, rounded down, so never beyond its limit; else 0. [µ€/Wh]"""
        return self.money_ueur(n_orders) // np.maximum(self.filled_wh(n_orders), 1)

    def _by_order(self, sold: Ints, bought: Ints, n_orders: int) -> Ints:
        total = np.zeros(n_orders, dtype=np.int64)
        np.add.at(total, self.sell_row, sold)
        np.add.at(total, self.buy_row, bought)
        return total


@dataclass(frozen=True, slots=True, eq=False)
class Clearing:
    """What a mechanism decided about a book.

    Attributes
    ----------
    price_ticks : int or None
        The one price of all trades, before fees; None when nothing trades or prices differ.
        [µ€/Wh]
    filled_wh : (n,) int64 array
        Energy traded by each order of the book. [Wh]
    order_price_ticks : (n,) int64 array or None
        What each order pays or receives per Wh, where there is not one price. [µ€/Wh]
    surplus_ueur : int
        What buyers pay beyond what sellers get and fees in the clearing; the operator's, negative
        when it adds. [µ€]
    price_range_ticks : (int, int) or None
        The lowest and the highest price that clear the same trades, where defined. [µ€/Wh]
    trades : ClearedTrades or None
        Who trades with whom, where the mechanism decides it. Then an order may trade at several
        prices: its `order_price_ticks` is the mean, rounded down, and `order_money_ueur` exact.
    dearer_wh : (n,) int64 array or None
        How much of an order's energy trades one tick above its `order_price_ticks`, where its
        money is not a whole number of ticks per Wh. [Wh]
    fee_ticks : (n,) int64 array or None
        Fees per node in the clearing: what of a buyer's `order_price_ticks` is its exit fee, and
        what has been taken from a seller's as its entry fee. [µ€/Wh]
    subscriptions_ueur : (n_peers,) int64 array or None
        What each peer owes the operator in this period, whatever it trades; beside the surplus.
        [µ€]
    levels : tuple of LevelBalance
        What each group balanced and passed up, where the mechanism goes level by level.
    negotiation : Account or None
        How the trades came about, where peers negotiated them.
    """

    price_ticks: int | None
    filled_wh: Ints
    order_price_ticks: Ints | None = None
    surplus_ueur: int = 0
    price_range_ticks: tuple[int, int] | None = None
    trades: ClearedTrades | None = None
    dearer_wh: Ints | None = None
    fee_ticks: Ints | None = None
    subscriptions_ueur: Ints | None = None
    levels: tuple[LevelBalance, ...] = ()
    negotiation: Account | None = None

    def order_money_ueur(self) -> Ints:
        """What each order pays or gets, exactly, fees in the clearing included. [µ€]"""
        if self.trades is not None:
            return self.trades.money_ueur(self.filled_wh.size)
        money: Ints = self.prices() * self.filled_wh
        return money if self.dearer_wh is None else money + self.dearer_wh

    @property
    def fees_ueur(self) -> int:
        """What of the orders' money is the grid owner's. [µ€]"""
        if self.trades is not None:
            return self.trades.fees_ueur
        return 0 if self.fee_ticks is None else int(self.fee_ticks @ self.filled_wh)

    def prices(self) -> Ints:
        """Price of each order per Wh; meaningless for orders that trade nothing. [µ€/Wh]"""
        if self.order_price_ticks is not None:
            return self.order_price_ticks
        return np.full(self.filled_wh.size, self.price_ticks or 0, dtype=np.int64)

    def volume_wh(self, orders: Orders) -> int:
        """Energy that changes hands. [Wh]"""
        return int(self.filled_wh[orders.is_buy].sum())


@dataclass(frozen=True, slots=True)
class Trade:
    """Energy that one peer sells to another.

    Attributes
    ----------
    seller, buyer : str
    energy_wh : int
        [Wh]
    price_ticks : int
        What the buyer pays per Wh, transport excluded. [µ€/Wh]
    fee_ticks : int
        Transport fee of the path. [µ€/Wh]
    sell_order_id, buy_order_id : int
        The orders it comes from.
    receipt_ticks : int or None
        What the seller gets per Wh where the mechanism keeps or adds a difference; None: the
        same as the buyer pays. [µ€/Wh]
    """

    seller: str
    buyer: str
    energy_wh: int
    price_ticks: int
    fee_ticks: int
    sell_order_id: int
    buy_order_id: int
    receipt_ticks: int | None = None


@runtime_checkable
class Mechanism(Protocol):
    """A rule that clears a book; built as ``cls(cls.Options(...))``.

    `Options` is a pydantic model nested in the class, so that a scenario's options are checked
    before anything runs.
    """

    @property
    def Options(self) -> type[BaseModel]:
        """What a scenario may say about it."""
        ...

    def clear(self, orders: Orders) -> Clearing:
        """Decide who trades how much at what price; `orders` are all for one period."""
        ...
