"""Orders and books of them: what peers wish, immutable and valid once built.

A price tick is 1 µ€/Wh and energy is whole Wh, so a payment is an exact integer of µ€. A book is
a sequence of orders to whoever reads it and a table of columns to whoever computes with it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import _faults
from .faulty import Faulty

if TYPE_CHECKING:
    from .network.charges import Charges

__all__ = ["Order", "OrderError", "Orders", "Side"]

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
Side = Literal["buy", "sell"]


class OrderError(Faulty):
    """Orders that no mechanism can clear; mend or drop the ones named."""


@dataclass(frozen=True, slots=True)
class Order:
    """A wish to buy or sell energy in one delivery period.

    Attributes
    ----------
    order_id : int
        Unique in its book.
    peer : str
        Who gives the order.
    side : {"buy", "sell"}
    price_ticks : int
        The most a buyer pays or the least a seller takes. [µ€/Wh]
    energy_wh : int
        At most this much is traded. [Wh]
    period : int
        Delivery period it is for.
    arrival : int
        When it came, in any unit that grows; earlier wins among equal prices, then the smaller
        ``order_id``.
    attributes : mapping
        What a mechanism beyond price and energy wants to know (quality, partner, ...).
    """

    order_id: int
    peer: str
    side: Side
    price_ticks: int
    energy_wh: int
    period: int = 0
    arrival: int = 0
    attributes: Mapping[str, Any] = field(default_factory=dict)


class Orders(Sequence[Order]):
    """A book: orders as rows of int64 columns, immutable and valid once built.

    Parameters
    ----------
    peers : sequence of str
        The peers that ``peer_index`` counts in.
    peer_index, price_ticks, energy_wh : (n,) array of whole numbers
        As in `Order`. [-], [µ€/Wh], [Wh]
    is_buy : (n,) array of bool
    order_id : (n,) array of whole numbers, optional
        Defaults to 0 … n−1.
    period, arrival : whole number or (n,) array of them, optional
    attributes : mapping of name to (n,) array or list, optional
        Extra columns for mechanisms that want them.
    charges : Charges, optional
        What trades between these peers are charged, for mechanisms that take it into account.

    Raises
    ------
    OrderError
        With every fault of every order.
    """

    def __init__(
        self,
        *,
        peers: Sequence[str],
        peer_index: ArrayLike,
        is_buy: ArrayLike,
        price_ticks: ArrayLike,
        energy_wh: ArrayLike,
        order_id: ArrayLike | None = None,
        period: ArrayLike = 0,
        arrival: ArrayLike = 0,
        attributes: Mapping[str, ArrayLike] | None = None,
        charges: Charges | None = None,
    ) -> None:
        n = np.size(np.asarray(peer_index))
        given: dict[str, ArrayLike] = {
            "order_id": np.arange(n) if order_id is None else order_id,
            "peer_index": peer_index,
            "price_ticks": price_ticks,
            "energy_wh": energy_wh,
            "period": period if np.ndim(period) else np.full(n, period),
            "arrival": arrival if np.ndim(arrival) else np.full(n, arrival),
        }
        columns = {name: np.asarray(column) for name, column in given.items()}
        extra = {name: _faults.own_column(values) for name, values in (attributes or {}).items()}
        faults = _faults.shape_faults({**columns, **extra}, n)
        if faults:
            raise OrderError(faults)
        names = tuple(peers)
        whole = _faults.whole_columns(columns, faults)
        buys = _faults.side_column(is_buy, n, faults)
        faults += _faults.book_faults(whole, buys, names)
        if charges is not None:
            faults += _faults.charge_faults(charges, whole["energy_wh"], len(names))
        if faults:
            raise OrderError(faults)
        self._fill(names, whole, buys, extra, charges)

    def _fill(
        self,
        peers: tuple[str, ...],
        whole: Mapping[str, Ints],
        is_buy: Bools,
        attributes: Mapping[str, NDArray[Any]],
        charges: Charges | None,
    ) -> None:
        for column in (*whole.values(), is_buy, *attributes.values()):
            column.flags.writeable = False
        self.peers = peers
        self.order_id = whole["order_id"]
        self.peer_index = whole["peer_index"]
        self.price_ticks = whole["price_ticks"]
        self.energy_wh = whole["energy_wh"]
        self.period = whole["period"]
        self.arrival = whole["arrival"]
        self.is_buy = is_buy
        self.attributes = MappingProxyType(dict(attributes))
        self.charges = charges

    @classmethod
    def of(
        cls,
        orders: Iterable[Order],
        peers: Sequence[str] | None = None,
        *,
        charges: Charges | None = None,
    ) -> Orders:
        """Build a book from single orders; `peers` defaults to their names, sorted.

        Raises
        ------
        OrderError
            With every fault of every order.
        """
        rows = list(orders)
        names = tuple(sorted({str(row.peer) for row in rows})) if peers is None else tuple(peers)
        position = {name: i for i, name in enumerate(names)}
        faults = [
            _faults.side_fault(row.order_id, row.peer, row.side)
            for row in rows
            if row.side not in ("buy", "sell")
        ]
        faults += [
            _faults.peer_fault(row.order_id, row.peer, names)
            for row in rows
            if row.peer not in position
        ]
        extra = {name: None for row in rows for name in row.attributes}
        try:
            book = cls(
                peers=names,
                order_id=_faults.as_given([row.order_id for row in rows]),
                peer_index=[position.get(row.peer, 0) for row in rows],
                is_buy=[row.side == "buy" for row in rows],
                price_ticks=_faults.as_given([row.price_ticks for row in rows]),
                energy_wh=_faults.as_given([row.energy_wh for row in rows]),
                period=_faults.as_given([row.period for row in rows]),
                arrival=_faults.as_given([row.arrival for row in rows]),
                attributes={
                    name: _faults.as_given([row.attributes.get(name) for row in rows])
                    for name in extra
                },
                charges=charges,
            )
        except OrderError as error:
            raise OrderError([*faults, *error.faults]) from None
        if faults:
            raise OrderError(faults)
        return book

    def __len__(self) -> int:
        return self.order_id.size

    @overload
    def __getitem__(self, index: int) -> Order: ...
    @overload
    def __getitem__(self, index: slice) -> Orders: ...
    def __getitem__(self, index: int | slice) -> Order | Orders:
        if isinstance(index, slice):
            return self.take(np.arange(len(self))[index])
        return Order(
            order_id=int(self.order_id[index]),
            peer=self.peers[self.peer_index[index]],
            side="buy" if self.is_buy[index] else "sell",
            price_ticks=int(self.price_ticks[index]),
            energy_wh=int(self.energy_wh[index]),
            period=int(self.period[index]),
            arrival=int(self.arrival[index]),
            attributes={name: column[index] for name, column in self.attributes.items()},
        )

    def __iter__(self) -> Iterator[Order]:
        return (self[i] for i in range(len(self)))

    def __repr__(self) -> str:
        buys = int(self.is_buy.sum())
        return f"Orders({buys} buy, {len(self) - buys} sell, {len(self.peers)} peers)"

    def take(self, rows: ArrayLike) -> Orders:
        """Give the book of these rows (positions or a mask), in this order."""
        index = np.asarray(rows)
        if index.dtype != np.bool_:
            index = index.astype(np.int64)
        book = object.__new__(Orders)
        whole = {name: getattr(self, name)[index] for name in _WHOLE}
        extra = {name: column[index] for name, column in self.attributes.items()}
        book._fill(self.peers, whole, self.is_buy[index], extra, self.charges)
        if np.unique(book.order_id).size != len(book):
            raise OrderError(["a row was taken twice; take every order at most once"])
        return book

    def at_limits(self, price_ticks: Ints) -> Orders:
        """Give the same book with other limits. [µ€/Wh]"""
        return self._changed(price_ticks, self.charges)

    def with_charges(self, charges: Charges | None) -> Orders:
        """Give the same book with other charges between its peers.

        Raises
        ------
        OrderError
            When they do not fit the peers, or would overflow.
        """
        if charges is not None:
            faults = _faults.charge_faults(charges, self.energy_wh, len(self.peers))
            if faults:
                raise OrderError(faults)
        return self._changed(self.price_ticks, charges)

    def _changed(self, price_ticks: Ints, charges: Charges | None) -> Orders:
        book = object.__new__(Orders)
        whole = {name: getattr(self, name) for name in _WHOLE} | {"price_ticks": price_ticks}
        book._fill(self.peers, whole, self.is_buy, self.attributes, charges)
        return book

    def for_period(self, period: int) -> Orders:
        """Give the book of the orders for one delivery period."""
        return self.take(self.period == period)

    @cached_property
    def periods(self) -> tuple[int, ...]:
        """The delivery periods that occur, ascending."""
        if len(self) and (self.period == self.period[0]).all():
            return (int(self.period[0]),)
        return tuple(np.unique(self.period).tolist())

    @cached_property
    def turn(self) -> NDArray[np.intp]:
        """Rows by arrival, then by order number; mostly they stand so already."""
        came, number = self.arrival, self.order_id
        tied = came[1:] == came[:-1]
        if ((came[1:] > came[:-1]) | (tied & (number[1:] > number[:-1]))).all():
            return np.arange(len(self))
        return np.lexsort((number, came))

    @cached_property
    def side_wh(self) -> tuple[int, int]:
        """Energy asked for by buyers and offered by sellers. [Wh]"""
        total, bought = int(self.energy_wh.sum()), int(self.energy_wh[self.is_buy].sum())
        return bought, total - bought


_WHOLE = ("order_id", "peer_index", "price_ticks", "energy_wh", "period", "arrival")
