"""What call auctions share: the trades of the uniform price, where they end, and two prices."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..book import Clearing, OrderError, Orders
from ._kernels_auctions import find_margin, price_replacement, spread_rest
from .uniform_price import UniformPrice

__all__ = [
    "Merit",
    "merit_of",
    "nothing",
    "peer_prices",
    "refuse_unequal_lots",
    "two_prices",
    "worth_of_place",
]

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Merit:
    """The trades that gain most, and the orders at their end.

    Attributes
    ----------
    filled_wh : (n,) int64 array
        [Wh]
    last_bid, last_ask : int or None
        Row of the last order that trades; None: nothing trades.
    next_bid_ticks, next_ask_ticks : int or None
        Limit of the first Wh that finds no partner, which is the last order's own where that is
        filled in part; None: all is traded. [µ€/Wh]
    """

    filled_wh: Ints
    last_bid: int | None
    last_ask: int | None
    next_bid_ticks: int | None
    next_ask_ticks: int | None


def merit_of(orders: Orders) -> Merit:
    """Serve bids from the highest and asks from the lowest limit, as long as they cross.

    Raises
    ------
    OrderError
        When the book holds orders for more than one period.
    """
    filled_wh = UniformPrice().clear(orders).filled_wh
    last_bid, last_ask, next_bid, next_ask = find_margin(
        orders.price_ticks,
        orders.energy_wh,
        orders.is_buy,
        orders.arrival,
        orders.order_id,
        filled_wh,
    )
    return Merit(
        filled_wh=filled_wh,
        last_bid=None if last_bid < 0 else int(last_bid),
        last_ask=None if last_ask < 0 else int(last_ask),
        next_bid_ticks=None if next_bid < 0 else int(orders.price_ticks[next_bid]),
        next_ask_ticks=None if next_ask < 0 else int(orders.price_ticks[next_ask]),
    )


def nothing(orders: Orders) -> Clearing:
    """Give the clearing in which nothing trades and there is no price."""
    return Clearing(price_ticks=None, filled_wh=np.zeros(len(orders), dtype=np.int64))


def two_prices(orders: Orders, filled_wh: Ints, paid_ticks: int, received_ticks: int) -> Clearing:
    """Give the clearing in which all buyers pay one price and all sellers get another."""
    volume_wh = int(filled_wh[orders.is_buy].sum())
    if volume_wh == 0:
        return nothing(orders)
    if paid_ticks == received_ticks:
        return Clearing(price_ticks=paid_ticks, filled_wh=filled_wh)
    return Clearing(
        price_ticks=None,
        filled_wh=filled_wh,
        order_price_ticks=np.where(orders.is_buy, paid_ticks, received_ticks),
        surplus_ueur=(paid_ticks - received_ticks) * volume_wh,
    )


def worth_of_place(
    wanted_wh: Ints, price_ticks: Ints, energy_wh: Ints, peer: Ints, *, highest_first: bool
) -> Ints:
    """Add up, for every peer, what the listed energy of the others is worth in its place.

    Parameters
    ----------
    wanted_wh : (n_peers,) int64 array
        [Wh]
    price_ticks, energy_wh, peer : (m,) int64 array
        The list; energy that is 0 counts nothing. [µ€/Wh], [Wh], [-]
    highest_first : bool
        Whether the dearest or the cheapest of it stands in first.

    Returns
    -------
    (n_peers,) int64 array
        [µ€]
    """
    listed = np.flatnonzero(energy_wh)
    rank = listed[np.argsort(price_ticks[listed])]
    rank = np.ascontiguousarray(rank[::-1] if highest_first else rank)
    worth_ueur = np.zeros_like(wanted_wh)
    price_replacement(wanted_wh, rank, price_ticks, energy_wh, peer, worth_ueur)
    return worth_ueur


def peer_prices(orders: Orders, filled_wh: Ints, money_ueur: Ints) -> tuple[Ints, Ints]:
    """Turn the money of each peer into a price per Wh and the Wh that are one tick dearer.

    Parameters
    ----------
    orders : Orders
    filled_wh : (n,) int64 array
        Energy traded by each order, of one side only. [Wh]
    money_ueur : (n_peers,) int64 array
        What each peer pays or gets for all of it. [µ€]

    Returns
    -------
    price_ticks, dearer_wh : (n,) int64 array
        Energy times price, and the dearer Wh, sum to each peer's money exactly; its earliest
        orders bear the rest. [µ€/Wh], [Wh]
    """
    traded_wh, dearer_wh = np.zeros_like(money_ueur), np.zeros_like(filled_wh)
    np.add.at(traded_wh, orders.peer_index, filled_wh)
    ticks, rest_wh = np.divmod(money_ueur, np.maximum(traded_wh, 1))
    spread_rest(rest_wh, orders.turn, orders.peer_index, filled_wh, dearer_wh)
    return ticks[orders.peer_index], dearer_wh


def refuse_unequal_lots(orders: Orders) -> None:
    """Raise unless every peer gives one order, and all are of one size.

    Raises
    ------
    OrderError
        Naming every order that is not its peer's first, or not of the first order's size.
    """
    first = np.zeros(len(orders), dtype=np.bool_)
    first[np.unique(orders.peer_index, return_index=True)[1]] = True
    odd = np.zeros(len(orders), dtype=np.bool_)
    odd[1:] = orders.energy_wh[1:] != orders.energy_wh[:1]
    faults = [
        f"order {orders.order_id[i]} of {orders.peers[orders.peer_index[i]]!r}: "
        + (
            f"{orders.energy_wh[i]} Wh where the book's lot is {orders.energy_wh[0]} Wh; give "
            f"one lot per peer, or clear with lots: any"
            if first[i]
            else "its peer's second; give one lot per peer, or clear with lots: any"
        )
        for i in np.flatnonzero(odd | ~first).tolist()
    ]
    if faults:
        raise OrderError(faults)
