"""The vocabulary of bidding: what peers know at a gate, what they bid, and who makes the one of
the other.

An energy manager says what its peer can give or needs, and later delivers; a bidder decides at
which price that is offered. One bidder serves all its peers at once, as arrays.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Protocol, Self, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._luck import Keys, scatter, uniform
from ..faulty import Faulty

if TYPE_CHECKING:
    from pydantic import BaseModel

    from ..book import Clearing, Orders

__all__ = ["BIDDERS", "BidError", "Bidder", "Bids", "Learner", "Outlook"]

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

#: Names a scenario may use for a bidder, and where each is found.
BIDDERS: Mapping[str, str] = MappingProxyType(
    {
        "margin": "market.bidders.margin:Margin",
        "premium": "market.bidders.premium:Premium",
        "price_taking": "market.bidders.truthful:PriceTaking",
        "storage_aware": "market.bidders.storage:StorageAware",
        "threshold": "market.bidders.threshold:Threshold",
        "truthful": "market.bidders.truthful:Truthful",
        "zero_intelligence": "market.bidders.zero_intelligence:ZeroIntelligence",
        "zero_intelligence_plus": "market.bidders.zip:ZeroIntelligencePlus",
    }
)


class BidError(Faulty):
    """A bidder raised or broke a promise that every bidder makes; mend the bidder."""


def _unsaid() -> Any:
    return np.empty(0)


@dataclass(frozen=True, eq=False, kw_only=True)
class Outlook:
    """What n peers know when a book closes; energy at the meter, injection positive.

    Attributes
    ----------
    period : int
        Delivery period that is traded.
    feed_in_ticks, retail_ticks : int
        What the supplier pays and asks. [µ€/Wh]
    fee_cap_ticks : int
        The highest transport fee there is; buyers pay it on top of their limit. [µ€/Wh]
    net_wh : (n,) int64 array
        Net energy that is forecast, less what caution holds back, without storage. [Wh]
    stored_wh, room_wh : (n,) int64 array
        What the store could give and take in this period. [Wh]
    efficiency : (n,) float64 array
        Round trip of the store, grid side to grid side. [1]
    ahead_wh : (n, h) int64 array
        Net energy forecast for the periods that follow; h may be 0. [Wh]
    held_wh, size_wh : (n,) int64 array, optional
        What the store could give in all, now and if it were full. Left out: `stored_wh`, and
        that with what `room_wh` would add. [Wh]
    power_wh : (n,) int64 array, optional
        The most that it gives or takes in a period; left out, as much as it could now. [Wh]
    margin : (n,) float64 array, optional
        How far a peer's limits lie from its own worth, as part of the span between the tariffs,
        where somebody has said so; else 0. [1]
    worth_ticks : (n,) int64 array, optional
        What a Wh is worth to each peer; left out, what the supplier would pay or ask. [µ€/Wh]
    keys : (n,) uint64 array, optional
        Each peer's source of luck; left out, its position's.
    place : (n,) int64 array, optional
        Position of each peer among all that `Orders.peers` names; left out, 0 … n−1.
    """

    period: int
    feed_in_ticks: int
    retail_ticks: int
    fee_cap_ticks: int = 0
    net_wh: Ints
    stored_wh: Ints
    room_wh: Ints
    efficiency: Floats
    ahead_wh: Ints
    held_wh: Ints = field(default_factory=_unsaid)
    size_wh: Ints = field(default_factory=_unsaid)
    power_wh: Ints = field(default_factory=_unsaid)
    margin: Floats = field(default_factory=_unsaid)
    worth_ticks: Ints | None = None
    keys: Keys = field(default_factory=_unsaid)
    place: Ints = field(default_factory=_unsaid)

    def __post_init__(self) -> None:
        """Fill in what was left out."""
        n, room_wh = self.net_wh.size, self.room_wh
        added_wh = (self.efficiency * room_wh).astype(np.int64)
        self._default("held_wh", self.stored_wh)
        self._default("size_wh", self.held_wh + added_wh)
        self._default("power_wh", np.maximum(self.stored_wh, room_wh))
        self._default("margin", np.zeros(n))
        self._default("place", np.arange(n))
        self._default("keys", scatter(np.arange(n, dtype=np.uint64), 0))

    def _default(self, name: str, value: NDArray[Any]) -> None:
        if getattr(self, name).size != value.size:
            object.__setattr__(self, name, value)

    @classmethod
    def plain(cls, net_wh: ArrayLike, **more: Any) -> Self:
        """Make one of net energies, for peers without storage unless `more` says otherwise."""
        net = np.asarray(net_wh, dtype=np.int64)
        nothing = np.zeros_like(net)
        said: dict[str, Any] = {
            "period": 0,
            "stored_wh": nothing,
            "room_wh": nothing,
            "efficiency": np.ones(net.size),
            "ahead_wh": np.zeros((net.size, 0), dtype=np.int64),
        }
        return cls(net_wh=net, **{**said, **more})

    @property
    def n(self) -> int:
        """Number of peers."""
        return self.net_wh.size

    @property
    def position_wh(self) -> Ints:
        """What a peer has to sell, storage included; negative, what it needs. [Wh]"""
        return self.net_wh + self.stored_wh

    @property
    def top_ticks(self) -> int:
        """What a buyer can pay at most without loss, transport excluded. [µ€/Wh]"""
        return self.retail_ticks - self.fee_cap_ticks

    def worth(self, is_buy: ArrayLike) -> Ints:
        """What a Wh is worth to each peer on a side: the limit at which it gains nothing.

        Returns
        -------
        (n,) int64 array
            [µ€/Wh]
        """
        if self.worth_ticks is not None:
            return self.worth_ticks
        sides = np.broadcast_to(np.asarray(is_buy), self.n)
        return np.where(sides, self.top_ticks, self.feed_in_ticks).astype(np.int64)

    def room_to_trade(self, is_buy: ArrayLike) -> Ints:
        """How far a limit can move from the worth before it passes the other tariff. [µ€/Wh]"""
        sides, worth = np.asarray(is_buy), self.worth(is_buy)
        apart = np.where(sides, worth - self.feed_in_ticks, self.top_ticks - worth)
        return np.maximum(apart, 0).astype(np.int64)

    def draw(self, what: int = 0) -> Floats:
        """Draw from [0, 1) for each peer: by its key, the period, and what the draw is for.

        Returns
        -------
        (n,) float64 array
        """
        if what == 0:
            return uniform(self.keys, self.period)
        return uniform(scatter(self.keys, self.period), what)

    def trait(self, what: int) -> Floats:
        """Draw from [0, 1) for each peer, the same in every period. (n,)"""
        return uniform(scatter(self.keys, -1), what)

    def take(self, rows: ArrayLike) -> Outlook:
        """Give the outlook of some of the peers."""
        index = np.asarray(rows)
        arrays = {
            one.name: value[index]
            for one in fields(self)
            if isinstance(value := getattr(self, one.name), np.ndarray)
        }
        return replace(self, **arrays)


@dataclass(frozen=True, eq=False)
class Bids:
    """What peers want to trade; a peer may give several orders, all on one side.

    Attributes
    ----------
    peer_index : (m,) int64 array
        Position in the outlook.
    is_buy : (m,) bool array
    price_ticks : (m,) int64 array
        Lowest price of a seller, highest of a buyer. [µ€/Wh]
    energy_wh : (m,) int64 array
        At most this much is traded. [Wh]
    attributes : mapping of str to (m,) array
        What else mechanisms may want to know of an order.
    """

    peer_index: Ints
    is_buy: Bools
    price_ticks: Ints
    energy_wh: Ints
    attributes: Mapping[str, NDArray[Any]] = field(default_factory=dict)

    @classmethod
    def one_each(cls, outlook: Outlook, limit_ticks: ArrayLike) -> Self:
        """Offer or ask for all that each peer has or needs, in one order at its limit.

        A sale's `origin` is that of its larger part, and it discharges a store where that is
        ``storage``.
        """
        wanted_wh = outlook.position_wh
        rows = np.flatnonzero(wanted_wh)
        from_store = outlook.stored_wh > outlook.net_wh
        is_buy = wanted_wh[rows] < 0
        return cls(
            peer_index=rows,
            is_buy=is_buy,
            price_ticks=np.broadcast_to(np.asarray(limit_ticks, dtype=np.int64), outlook.n)[rows],
            energy_wh=np.abs(wanted_wh[rows]),
            attributes=origins(is_buy, from_store[rows]),
        )


def origins(is_buy: Bools, from_store: Bools) -> dict[str, NDArray[Any]]:
    """Say of each order where its energy comes from, and whether it moves a store.

    Parameters
    ----------
    is_buy, from_store : (m,) bool array
        Side, and whether a sale discharges a store.
    """
    origin = np.where(from_store, "storage", "pv").astype(object)
    origin[is_buy] = None
    return {"origin": origin, "storage": from_store & ~is_buy}


@runtime_checkable
class Bidder(Protocol):
    """Makes orders of what peers know; built as ``cls(cls.Options(...))``.

    One that looks further than the period that is traded says how far in an attribute
    `periods_ahead`; one that learns is a `Learner`.
    """

    @property
    def Options(self) -> type[BaseModel]:
        """What a scenario may say about it."""
        ...

    def bid(self, outlook: Outlook) -> Bids:
        """Decide what the peers offer and ask for; called once a gate, always for the same."""
        ...


@runtime_checkable
class Learner(Bidder, Protocol):
    """A bidder that hears how its market cleared."""

    def learn(self, orders: Orders, clearing: Clearing) -> None:
        """Hear how the book that it last bid into was cleared; comes before the next gate.

        The book holds everybody's orders; those of its own peers have the `peer_index` that
        `Outlook.place` gives.
        """
        ...
