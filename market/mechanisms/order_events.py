"""What can happen to a continuous order book, as one table of whole numbers, and what can be
wrong with it.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import _faults
from ..book import OrderError, Orders
from . import _kernels_continuous as k
from . import _kernels_entering as entering

__all__ = ["FOREVER", "Events", "Kind", "fault_of"]

Ints = NDArray[np.int64]

#: Expiry of an order that stays until it is filled or cancelled.
FOREVER = int(np.iinfo(np.int64).max)


class Kind(IntEnum):
    """What an event does."""

    LIMIT = k.LIMIT  #: trade at the limit or better, and queue with the rest
    IMMEDIATE = k.IMMEDIATE  #: trade at the limit or better, and drop the rest
    MARKET = k.MARKET  #: trade at any price, and drop the rest
    CANCEL = k.CANCEL  #: take an order out of the book
    AMEND = k.AMEND  #: change an order's price, size or expiry


class Events:
    """Events in the order in which they happen, as rows of eight int64 columns.

    Every column is one value per event, or one value for all.

    Parameters
    ----------
    kind : Kind or (n,) array of them
    order_id : (n,) array of whole numbers
        A new number, or the order to cancel or amend.
    peer : whole number or (n,) array
        Position of the order's owner among the book's peers, counted from 0.
    is_buy : bool or (n,) array of bool
        Means nothing in a cancel; an amended order keeps its side.
    price_ticks : whole number or (n,) array
        Limit; means nothing in a market order or a cancel. [µ€/Wh]
    energy_wh : whole number or (n,) array
        Size, more than 0; means nothing in a cancel. An amended order's new size counts what it
        has already traded, so that a trade on the way cannot make it trade more than wished. [Wh]
    time : whole number or (n,) array
        In any unit; never falls.
    expiry : whole number or (n,) array, optional
        The order trades before this time, not at it. Unless given: `FOREVER`.

    Raises
    ------
    OrderError
        With every value that is no whole number.
    """

    def __init__(
        self,
        *,
        kind: ArrayLike = Kind.LIMIT,
        order_id: ArrayLike,
        peer: ArrayLike,
        is_buy: ArrayLike = False,
        price_ticks: ArrayLike = 0,
        energy_wh: ArrayLike = 0,
        time: ArrayLike = 0,
        expiry: ArrayLike = FOREVER,
    ) -> None:
        numbers = np.atleast_1d(np.asarray(order_id))
        given = {
            "kind": kind,
            "order_id": numbers,
            "peer": peer,
            "price_ticks": price_ticks,
            "energy_wh": energy_wh,
            "time": time,
            "expiry": expiry,
        }
        n = numbers.size
        columns = {name: _spread(np.asarray(value), n) for name, value in given.items()}
        faults = _faults.shape_faults(columns, n)
        if faults:
            raise OrderError(faults)
        whole = _faults.whole_columns(columns, faults)
        side = _faults.side_column(_spread(np.asarray(is_buy), n), n, faults)
        if faults:
            raise OrderError(faults)
        whole["price_ticks"][whole["kind"] == Kind.MARKET] = 0
        self.table = _table(whole, side)

    def __len__(self) -> int:
        return len(self.table)

    @classmethod
    def in_turn(cls, orders: Orders, turn: NDArray[np.intp], kind: Ints, expiry: Ints) -> Events:
        """Give a book's orders, each at its arrival, in this turn and numbered by their rows."""
        made = object.__new__(cls)
        columns = {
            "kind": kind,
            "order_id": np.arange(len(orders)),
            "peer": orders.peer_index,
            "price_ticks": orders.price_ticks,
            "energy_wh": orders.energy_wh,
            "time": orders.arrival,
            "expiry": expiry,
        }
        whole = {name: column[turn] for name, column in columns.items()}
        made.table = _table(whole, orders.is_buy[turn])
        return made

    @classmethod
    def joined(cls, parts: Iterable[Events]) -> Events:
        """Give the events of several batches one after another."""
        made = object.__new__(cls)
        made.table = np.concatenate([np.empty((0, 8), np.int64), *(p.table for p in parts)])
        return made


def _spread(column: NDArray[np.generic], n: int) -> NDArray[np.generic]:
    return column if column.ndim else np.broadcast_to(column, n)


def _table(whole: dict[str, Ints], side: NDArray[np.bool_]) -> Ints:
    table = np.empty((side.size, 8), dtype=np.int64)
    table[:, k.KIND], table[:, k.ORDER_ID] = whole["kind"], whole["order_id"]
    table[:, k.PEER], table[:, k.SIDE] = whole["peer"], side
    table[:, k.PRICE], table[:, k.ENERGY] = whole["price_ticks"], whole["energy_wh"]
    table[:, k.TIME], table[:, k.EXPIRY] = whole["time"], whole["expiry"]
    return table


_TEXTS = {
    entering.NO_KIND: "kind {kind} is none of {kinds}; use market.mechanisms.order_events.Kind",
    entering.NO_PEER: "peer {peer} is not among {n_peers} peers; count from 0",
    entering.NO_SIDE: "side {side} is neither 0 (sell) nor 1 (buy)",
    entering.NO_ENERGY: "energy is {energy} Wh, expected more than 0; drop the order, turn its "
    "side, or cancel it",
    entering.TWICE: "the number is taken; number every order once, or amend that order",
    entering.UNKNOWN: "there is no such order; it must be given before it is cancelled or amended",
    entering.NOT_OWNER: "it is an order of {owner}, not of {name}; only its owner may change it",
    entering.TURNED: "an order keeps its side; cancel it and give a new one",
    entering.BACKWARDS: "time {time} lies before an earlier event; sort events by time",
    entering.CLOSED: "time {time} is not before the gate at {gate}; send it for a later period",
    entering.STALE: "it expires at {expiry}, not after its time {time}; give a later expiry",
    entering.OVERFLOW: "with it the book adds up to more Wh or µ€ than int64 can sum "
    "({largest:.3g}); check its units",
}


def fault_of(code: int, event: Ints, owner: int, peers: tuple[str, ...], gate: int) -> str:
    """Say what is wrong with an event, by the code that the kernel gave it."""
    kind, order_id, peer, side, _, energy, time, expiry = event.tolist()
    known = 0 <= peer < len(peers)
    return f"order {order_id}: " + _TEXTS[code].format(
        kind=kind,
        kinds=", ".join(f"{one.name} ({one.value})" for one in Kind),
        peer=peer,
        n_peers=len(peers),
        side=side,
        energy=energy,
        owner=repr(peers[owner]) if 0 <= owner < len(peers) else f"peer {owner}",
        name=repr(peers[peer]) if known else f"peer {peer}",
        time=time,
        gate=gate,
        expiry=expiry,
        largest=_faults.LARGEST_SUM,
    )
