"""MUDA: two halves of the market, each traded at the price that the other half has made."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, Field

from ..book import Clearing, Orders
from ._merit import merit_of, nothing, peer_prices, worth_of_place
from .uniform_price import UniformPrice

__all__ = ["Muda", "halves"]

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


class Muda:
    """Split the peers by lot, price each half, and trade each half at the other's price.

    Multi-Unit Double Auction, its Vickrey variant [1]_. A coin per peer, from the seed, the
    period and the peer's name, puts all its orders into one half, so neither what it says nor who
    else is there moves it. The price of a half is the middle of the range at which it would clear
    by itself, rounded down to a whole tick: between its highest bid and lowest ask when nothing
    crosses, and at its best limit when it has one side only; a half without orders makes no price
    and the other does not trade.

    At the other half's price, the side that offers less energy trades all of it at that price.
    Of the longer side, the best limits trade, and each peer pays beyond the price what it keeps
    the others of its side from gaining: for as many Wh as it trades, the best limits of theirs
    left out. These extra payments are the operator's surplus. Where a peer's money is not a whole
    number of ticks per Wh, some of its Wh are one tick dearer (``dearer_wh``), so it is exact.

    Properties: individually rational; weakly budget balanced (strictly but for the extra
    payments); not efficient, halves do not trade with one another; incentive compatible, the
    lots being drawn, for peers on one side whose marginal value falls with energy, which separate
    orders say, to the µ€. One identity per peer. It honours limits only: no origin, no partner.

    Parameters
    ----------
    options : Muda.Options, optional

    References
    ----------
    .. [1] E. Segal-Halevi, A. Hassidim and Y. Aumann, "MUDA: a truthful multi-unit double-auction
       mechanism," AAAI, 2018 (arXiv 1712.06848).
    """

    class Options(BaseModel, extra="forbid", frozen=True):
        """What a scenario may say about it."""

        seed: int = Field(default=0, ge=0, description="Root of the lots that split it. [-]")

    def __init__(self, options: Muda.Options | None = None) -> None:
        self._seed = (options or self.Options()).seed

    def clear(self, orders: Orders) -> Clearing:
        """Clear the book of one delivery period.

        Raises
        ------
        OrderError
            When the book holds orders for more than one period.
        """
        if UniformPrice().clear(orders).price_ticks is None:
            return nothing(orders)
        drawn = halves(orders.peers, self._seed, orders.periods[0])
        left = drawn[orders.peer_index]
        told = _Told(*np.zeros((3, len(orders)), dtype=np.int64))
        prices = [_own_price(orders.take(half)) for half in (left, ~left)]
        for half, other_ticks in zip((left, ~left), reversed(prices), strict=True):
            if other_ticks is not None:
                _trade(orders, half, other_ticks, told)
        if not told.filled_wh.any():
            return nothing(orders)
        money_ueur = told.price_ticks * told.filled_wh + told.dearer_wh
        return Clearing(
            price_ticks=None,
            filled_wh=told.filled_wh,
            order_price_ticks=told.price_ticks,
            surplus_ueur=int(np.where(orders.is_buy, money_ueur, -money_ueur).sum()),
            dearer_wh=told.dearer_wh,
        )


class _Told(NamedTuple):
    """Columns of the clearing while it is made. [Wh], [µ€/Wh], [Wh]"""

    filled_wh: Ints
    price_ticks: Ints
    dearer_wh: Ints


def halves(peers: Sequence[str], seed: int, period: int) -> Bools:
    """Draw for every peer whether it belongs to the left half.

    The lowest bit of a BLAKE2b hash of seed, period and name: a generator keyed by peer, without
    the cost of building one for each.
    """
    key = hashlib.blake2b(f"{seed} {period} ".encode(), digest_size=1)
    drawn = np.empty(len(peers), dtype=np.bool_)
    for i, peer in enumerate(peers):
        one = key.copy()
        one.update(peer.encode())
        drawn[i] = one.digest()[0] % 2
    return drawn


def _own_price(orders: Orders) -> int | None:
    """Middle of the range of prices at which these orders clear by themselves. [µ€/Wh]"""
    merit = merit_of(orders)
    floors = [] if merit.next_bid_ticks is None else [merit.next_bid_ticks]
    roofs = [] if merit.next_ask_ticks is None else [merit.next_ask_ticks]
    if merit.last_bid is not None and merit.last_ask is not None:
        floors.append(int(orders.price_ticks[merit.last_ask]))
        roofs.append(int(orders.price_ticks[merit.last_bid]))
    if not floors and not roofs:
        return None
    low = max(floors) if floors else min(roofs)
    return (low + (min(roofs) if roofs else low)) // 2


def _trade(orders: Orders, half: Bools, price_ticks: int, told: _Told) -> None:
    """Trade one half at a given price, writing what its orders get and pay."""
    willing = np.where(
        orders.is_buy, orders.price_ticks >= price_ticks, orders.price_ticks <= price_ticks
    )
    rows = np.flatnonzero(half & willing)
    book = orders.take(rows)
    filled = UniformPrice().clear(book).filled_wh
    told.filled_wh[rows] = filled
    told.price_ticks[rows] = price_ticks
    for side in (book.is_buy, ~book.is_buy):
        if (filled[side] < book.energy_wh[side]).any() and filled.any():
            longer, longer_wh = book.take(side), filled[side]
            money_ueur = _vickrey_money(longer, longer_wh, price_ticks)
            ticks, dearer_wh = peer_prices(longer, longer_wh, money_ueur)
            told.price_ticks[rows[side]], told.dearer_wh[rows[side]] = ticks, dearer_wh


def _vickrey_money(orders: Orders, filled_wh: Ints, price_ticks: int) -> Ints:
    """What peers of the longer side pay: the best limits left out, else the given price. [µ€]"""
    traded_wh = np.zeros(len(orders.peers), dtype=np.int64)
    np.add.at(traded_wh, orders.peer_index, filled_wh)
    return worth_of_place(
        traded_wh,
        np.append(orders.price_ticks, price_ticks),
        np.append(orders.energy_wh - filled_wh, filled_wh.sum()),
        np.append(orders.peer_index, -1),
        highest_first=bool(orders.is_buy[0]),
    )
