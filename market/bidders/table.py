"""All bidders of a market at one table: each bids for its peers, is held to its promises, and
hears of the clearing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..book import Clearing, Orders
from .protocol import Bidder, BidError, Bids, Learner, Outlook

__all__ = ["Seat", "Table", "check_bids"]

Ints = NDArray[np.int64]
_ARRIVAL = -1
"""What a draw is for: when a peer's orders arrive."""


@dataclass(frozen=True, slots=True, eq=False)
class Seat:
    """A bidder and whom it bids for.

    Attributes
    ----------
    name : str
        As it is named when something is wrong.
    bidder : Bidder
    members : (n,) int64 array
        Positions of its peers, ascending.
    """

    name: str
    bidder: Bidder
    members: Ints


class Table:
    """The bidders of a market; who has no seat does not bid.

    Parameters
    ----------
    peers : sequence of str
        Names of all peers.
    seats : sequence of Seat
        No peer belongs to two of them.
    traits : mapping of str to (n_peers,) sequence, optional
        What orders say by attributes of who gives them (``zone``, ``flexible``, ``curtailed``),
        where their bidder says nothing of it; None for a peer that says nothing.
    smallest_wh : int
        An order for less is not given. [Wh]
    arrive_within : int
        Peers' orders come in the last so many ticks before the gate, each peer's at a moment
        drawn for it and the period, so that over time nobody is first among equals. [ticks]

    Attributes
    ----------
    seats : tuple of Seat
    """

    def __init__(
        self,
        peers: Sequence[str],
        seats: Sequence[Seat],
        *,
        traits: Mapping[str, Sequence[Any]] | None = None,
        smallest_wh: int = 1,
        arrive_within: int = 0,
    ) -> None:
        self._peers, self.seats = tuple(peers), tuple(seats)
        self._smallest_wh, self._within = smallest_wh, arrive_within
        self._traits = {
            name: np.array([*column, None], dtype=object)[:-1]
            for name, column in (traits or {}).items()
            if any(one is not None for one in column)
        }

    @property
    def periods_ahead(self) -> int:
        """How far the bidder that looks furthest looks. [periods]"""
        return max((getattr(s.bidder, "periods_ahead", 0) for s in self.seats), default=0)

    def orders(
        self,
        outlook: Outlook,
        *,
        gate_tick: int = 0,
        first_id: int = 0,
    ) -> Orders:
        """Have everybody bid.

        Parameters
        ----------
        outlook : Outlook
            Of all peers.
        gate_tick : int
            When the book closes; the latest arrival. [ticks]
        first_id : int
            Number of the first order.

        Raises
        ------
        BidError
            A bidder raised, or gave orders that its peers cannot keep; it is named.
        """
        bids = _joined([self._bids(seat, outlook) for seat in self.seats])
        rows = np.flatnonzero(bids.energy_wh >= self._smallest_wh)
        rows = rows[np.argsort(bids.peer_index[rows], kind="stable")]
        peer = bids.peer_index[rows]
        waits = np.floor(outlook.draw(_ARRIVAL) * (self._within + 1)).astype(np.int64)
        said = {name: column[rows] for name, column in bids.attributes.items()}
        for name, column in self._traits.items():
            own = column[peer]
            said[name] = np.where(said[name] == None, own, said[name]) if name in said else own  # noqa: E711 – element by element
        return Orders(
            peers=self._peers,
            peer_index=peer,
            is_buy=bids.is_buy[rows],
            price_ticks=bids.price_ticks[rows],
            energy_wh=bids.energy_wh[rows],
            order_id=first_id + np.arange(rows.size),
            period=outlook.period,
            arrival=gate_tick - waits[peer],
            attributes=said,
        )

    def learn(self, orders: Orders, clearing: Clearing) -> None:
        """Tell every bidder that listens how the book was cleared.

        Raises
        ------
        BidError
            A bidder raised; it is named.
        """
        for seat in self.seats:
            if isinstance(seat.bidder, Learner):
                try:
                    seat.bidder.learn(orders, clearing)
                except Exception as fault:  # whatever a user's own file raises
                    raise _failed(seat, f"{type(fault).__name__}: {fault}") from fault

    def _bids(self, seat: Seat, outlook: Outlook) -> Bids:
        """Have one bidder bid, and count its peers as everybody does."""
        its = outlook.take(seat.members)
        try:
            bids = seat.bidder.bid(its)
        except Exception as fault:  # whatever a user's own file raises
            raise _failed(seat, f"{type(fault).__name__}: {fault}") from fault
        if faults := check_bids(its, bids, [self._peers[i] for i in seat.members.tolist()]):
            raise _failed(seat, *faults)
        return Bids(
            peer_index=seat.members[_whole(bids.peer_index)],
            is_buy=np.asarray(bids.is_buy, dtype=np.bool_),
            price_ticks=_whole(bids.price_ticks),
            energy_wh=_whole(bids.energy_wh),
            attributes=bids.attributes,
        )


def check_bids(outlook: Outlook, bids: Any, names: Sequence[str]) -> list[str]:
    """Say where bids break what every bidder promises.

    Columns are whole numbers of one length, energy is positive, each peer stands on one side,
    and offers or asks for no more than its forecast and its store allow.

    Parameters
    ----------
    outlook : Outlook
    bids : Bids
        What a bidder returned.
    names : sequence of str
        Of the outlook's peers.
    """
    if not isinstance(bids, Bids):
        return [f"bid() returned {type(bids).__name__}, expected market.Bids"]
    return _column_faults(bids, names) or _energy_faults(outlook, bids, names)


def _column_faults(bids: Bids, names: Sequence[str]) -> list[str]:
    peer, is_buy = np.asarray(bids.peer_index), np.asarray(bids.is_buy)
    columns = {
        "peer_index": peer,
        "price_ticks": np.asarray(bids.price_ticks),
        "energy_wh": np.asarray(bids.energy_wh),
    }
    faults = [
        f"column {name} has shape {column.shape} for {peer.size} bids; give one value per bid"
        for name, column in [*columns.items(), ("is_buy", is_buy), *bids.attributes.items()]
        if np.shape(column)[:1] != (peer.size,)
    ]
    if is_buy.size and is_buy.dtype != np.bool_:
        faults.append(f"column is_buy holds {is_buy.dtype}, expected booleans")
    if faults:
        return faults
    known = np.isin(peer, np.arange(len(names)))
    if not known.all():
        return [f"peer {i} is not among {len(names)} peers; count from 0" for i in peer[~known]]
    return [
        f"{name} of {names[int(peer[i])]} is {column[i]}, expected {wanted}"
        for name, wanted in (("price_ticks", "a whole number"), ("energy_wh", "whole Wh above 0"))
        for i in np.flatnonzero(_is_wrong(columns[name], positive=name == "energy_wh")).tolist()
        for column in (columns[name],)
    ]


def _is_wrong(column: NDArray[Any], *, positive: bool) -> NDArray[np.bool_]:
    """Tell which values are no whole numbers that int64 holds, or not above 0."""
    if column.dtype.kind not in "iuf":
        return np.ones(column.size, dtype=np.bool_)
    wrong = ~(np.abs(column.astype(np.float64)) < 2.0**62)
    if column.dtype.kind == "f":
        wrong |= np.floor(column) != column
    return wrong | (column <= 0) if positive else wrong


def _energy_faults(outlook: Outlook, bids: Bids, names: Sequence[str]) -> list[str]:
    is_buy = np.asarray(bids.is_buy, dtype=np.bool_)
    sold_wh, bought_wh = (_by_peer(outlook.n, bids, side) for side in (~is_buy, is_buy))
    faults = [
        f"{names[i]} would sell {sold_wh[i]} Wh and buy {bought_wh[i]} Wh behind one meter; a "
        f"peer stands on one side of a period"
        for i in np.flatnonzero((sold_wh > 0) & (bought_wh > 0)).tolist()
    ]
    most = (
        ("offers", sold_wh, np.maximum(outlook.position_wh, 0)),
        ("asks for", bought_wh, np.maximum(outlook.room_wh - outlook.net_wh, 0)),
    )
    return faults + [
        f"{names[i]} {does} {wanted_wh[i]} Wh, expected at most {limit_wh[i]} Wh: its net is "
        f"{outlook.net_wh[i]} Wh, its store gives {outlook.stored_wh[i]} Wh or takes "
        f"{outlook.room_wh[i]} Wh"
        for does, wanted_wh, limit_wh in most
        for i in np.flatnonzero(wanted_wh > limit_wh).tolist()
    ]


def _by_peer(n: int, bids: Bids, rows: NDArray[np.bool_]) -> Ints:
    total = np.zeros(n, dtype=np.int64)
    np.add.at(total, _whole(bids.peer_index)[rows], _whole(bids.energy_wh)[rows])
    return total


def _whole(column: ArrayLike) -> Ints:
    return np.asarray(column).astype(np.int64)


def _joined(parts: Sequence[Bids]) -> Bids:
    """Put the bids of all seats together; who says nothing of an attribute says None."""
    names = {name: None for part in parts for name in part.attributes}

    def column(name: str) -> NDArray[Any]:
        columns = [
            part.attributes.get(name, np.full(part.energy_wh.size, None, dtype=object))
            for part in parts
        ]
        return np.concatenate(columns)

    empty = np.zeros(0, dtype=np.int64)
    return Bids(
        peer_index=np.concatenate([empty, *(part.peer_index for part in parts)]),
        is_buy=np.concatenate([empty > 0, *(part.is_buy for part in parts)]),
        price_ticks=np.concatenate([empty, *(part.price_ticks for part in parts)]),
        energy_wh=np.concatenate([empty, *(part.energy_wh for part in parts)]),
        attributes={name: column(name) for name in names},
    )


def _failed(seat: Seat, *faults: str) -> BidError:
    return BidError([f"bidder {seat.name}: {fault}" for fault in faults])
