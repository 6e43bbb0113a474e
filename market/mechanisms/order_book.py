"""A continuous order book: events go in as they come, trades come out as they happen."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..book import OrderError, Orders
from . import _kernels_continuous as k
from . import _kernels_entering as entering
from .order_events import FOREVER, Events, Kind, fault_of
from .order_views import BookTrades, Depth, Levels, OrderStatus, State, depth_of, trades_of

__all__ = ["BookTrades", "Depth", "Levels", "OrderBook", "OrderStatus", "State"]

Ints = NDArray[np.int64]


class OrderBook:
    """The book of one delivery period, matched continuously by price and time.

    An order that comes trades at once with the best-priced orders of the other side, among equal
    prices with the earliest, each at the limit of the order that was there. What is left of a
    limit order queues behind all of its price. An amended order keeps its place when its price
    stays and its size does not grow; else it leaves its place and comes anew. An order is over at
    its expiry, or at the gate. A cancel or an amendment that comes too late, after its order was
    filled, cancelled or has expired, does nothing: its sender could not know.

    **Nobody trades with itself.** An order that would meet its owner's resting order takes that
    order out of the book, whole, and goes on. The later order is what its owner wants now; the
    book never stands crossed, and no other peer loses its place or a better price. (To take out
    the coming order instead would let a peer be held by what it wished before; to leave both would
    cross the book.) The order taken out is told apart by `State.SELF_TRADE`.

    A batch is applied whole or, when anything in it is wrong, not at all. Orders that are over stay
    known until the book is dropped, so that a number cannot come twice.

    Parameters
    ----------
    peers : sequence of str
        Whom the events' `peer` counts in.
    gate : int, optional
        Events must come before this time, and every order is over then.
    capacity : int
        Orders and amendments for which there is room at first; it grows.

    Notes
    -----
    Continuous double auction as in V. L. Smith, "An experimental study of competitive market
    behavior," J. Political Economy, vol. 70, 1962, with the price–time priority of exchanges.
    """

    def __init__(
        self, peers: Sequence[str], *, gate: int | None = None, capacity: int = 1024
    ) -> None:
        self.peers, self.gate = tuple(peers), FOREVER if gate is None else int(gate)
        if len(set(self.peers)) != len(self.peers):
            raise OrderError(["peers are named twice; give every peer its own name"])
        self._counts = np.zeros(6, dtype=np.int64)
        self._counts[k.NOW] = np.iinfo(np.int64).min
        self._totals = np.zeros(2)
        self._rows = np.empty((0, 8), dtype=np.int64)
        self._heaps = np.empty((2, 0, 2), dtype=np.int64)
        self._log = np.empty((0, 8), dtype=np.int64)
        self._grow(max(capacity, 1))

    @property
    def n_trades(self) -> int:
        """How many trades have happened."""
        return int(self._counts[k.N_TRADES])

    @property
    def now(self) -> int:
        """Time of the last event."""
        return int(self._counts[k.NOW])

    def apply(self, events: Events) -> BookTrades:
        """Let a batch of events happen, and give the trades they made.

        Raises
        ------
        OrderError
            With every fault of every event; then nothing of the batch has happened.
        """
        n, before = len(events), self.n_trades
        if max(self._counts[k.N_ROWS], self._counts[k.N_TURNS]) + n > len(self._rows):
            self._grow(2 * (len(self._rows) + n))
        target = self._enter(events)
        k.match_events(
            events.table,
            target,
            self._rows,
            self._heaps,
            self._log,
            self._counts,
        )
        return self.trades(before)

    def submit(
        self, orders: Orders, *, expiry: ArrayLike = FOREVER, kind: ArrayLike = Kind.LIMIT
    ) -> BookTrades:
        """Give the orders of a table in its order, each at its arrival.

        Raises
        ------
        OrderError
            With every fault, or because the orders' peers are not the book's.
        """
        if orders.peers != self.peers:
            raise OrderError(["the orders count in other peers than the book; use the same names"])
        return self.apply(
            Events(
                kind=kind,
                order_id=orders.order_id,
                peer=orders.peer_index,
                is_buy=orders.is_buy,
                price_ticks=orders.price_ticks,
                energy_wh=orders.energy_wh,
                time=orders.arrival,
                expiry=expiry,
            )
        )

    def cancel(self, order_ids: ArrayLike, *, time: int) -> None:
        """Take orders out of the book, on behalf of their owners.

        Raises
        ------
        OrderError
            For numbers that were never given.
        """
        ids = np.atleast_1d(np.asarray(order_ids))
        self.apply(
            Events(kind=Kind.CANCEL, order_id=ids, peer=self._column(ids, k.ROW_PEER), time=time)
        )

    def amend(
        self,
        order_id: int,
        *,
        time: int,
        price_ticks: int | None = None,
        energy_wh: int | None = None,
        expiry: int | None = None,
    ) -> BookTrades:
        """Change what is given of an order, on behalf of its owner; see `Events` for its size.

        Raises
        ------
        OrderError
            For a number that was never given, or a change that makes no order.
        """
        ids = np.array([order_id])
        return self.apply(
            Events(
                kind=Kind.AMEND,
                order_id=ids,
                peer=self._column(ids, k.ROW_PEER),
                is_buy=self._column(ids, k.ROW_SIDE) == 1,
                price_ticks=self._or_as_is(ids, price_ticks, k.ROW_PRICE),
                energy_wh=self._or_as_is(ids, energy_wh, k.ROW_GIVEN),
                time=time,
                expiry=self._or_as_is(ids, expiry, k.ROW_EXPIRY),
            )
        )

    def trades(self, since: int = 0) -> BookTrades:
        """Give the trades from number `since` on, counted from 0."""
        return trades_of(self._log[since : self.n_trades])

    def depth(self, *, now: int | None = None, levels: int | None = None) -> Depth:
        """Tell what stands in the book after the last event, or at a later time `now`.

        `levels` prices of each side are given, or all.
        """
        at = self.now if now is None else max(int(now), self.now)
        standing = 0 if at >= self.gate else int(self._counts[k.N_ROWS])
        return depth_of(self._rows[:standing], at, levels)

    def order(self, order_id: int, *, now: int | None = None) -> OrderStatus:
        """Tell how an order stands after the last event, or at a later time `now`.

        Raises
        ------
        OrderError
            For a number that was never given.
        """
        row = self._find(order_id)
        if row < 0:
            raise OrderError([f"order {order_id}: there is no such order in this book"])
        price, left, given, peer, side, expiry, mark, _ = self._rows[row].tolist()
        at = self.now if now is None else max(int(now), self.now)
        over = mark > 0 and min(expiry, self.gate) <= at
        return OrderStatus(
            state=State.EXPIRED if over else State(-min(mark, 0)),
            peer=self.peers[peer],
            is_buy=side == 1,
            price_ticks=price,
            energy_wh=given,
            filled_wh=given - left,
            expiry=expiry,
        )

    def _enter(self, events: Events) -> NDArray[np.int32]:
        """Give new orders their rows; on any fault leave the book as it was."""
        counts, totals = self._counts.copy(), self._totals.copy()
        target = np.empty(len(events), dtype=np.int32)
        fault = np.zeros(len(events), dtype=np.int8)
        wrong = entering.enter_events(
            events.table,
            self._rows,
            self._table,
            self._counts,
            self._totals,
            len(self.peers),
            self.gate,
            target,
            fault,
        )
        if not wrong:
            return target
        texts = [
            fault_of(
                int(fault[i]),
                events.table[i],
                int(self._rows[target[i], k.ROW_PEER]),
                self.peers,
                self.gate,
            )
            for i in np.flatnonzero(fault)
        ]
        self._counts, self._totals = counts, totals
        self._index()
        raise OrderError(texts)

    def _grow(self, capacity: int) -> None:
        """Make room for so many orders and turns; everything else follows from these."""
        self._rows = _wider(self._rows, (capacity, 8))
        self._log = _wider(self._log, (capacity, 8))
        heaps = np.empty((2, capacity, 2), dtype=np.int64)
        heaps[:, : self._heaps.shape[1]] = self._heaps
        self._heaps = heaps
        self._table = np.empty(1 << (2 * capacity).bit_length(), dtype=np.int32)
        self._index()

    def _index(self) -> None:
        self._table.fill(-1)
        entering.index_ids(self._rows, int(self._counts[k.N_ROWS]), self._table)

    def _find(self, order_id: int) -> int:
        return int(self._table[entering.place(order_id, self._rows, self._table)])

    def _column(self, ids: NDArray[np.generic], column: int) -> Ints:
        """Values of orders by number, 0 for unknown ones."""
        rows = [self._find(int(one)) for one in ids]
        return np.array([self._rows[row, column] if row >= 0 else 0 for row in rows], np.int64)

    def _or_as_is(self, ids: Ints, given: int | None, column: int) -> ArrayLike:
        return self._column(ids, column) if given is None else given


def _wider(old: Ints, shape: tuple[int, ...]) -> Ints:
    new = np.empty(shape, dtype=np.int64)
    new[: len(old)] = old
    return new
