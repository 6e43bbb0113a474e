"""A pool in which a community shares its surplus, stores first, as in the sonnenCommunity."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, Field

from ..book import Clearing, Orders
from ..delivery.rules import apportion
from ._platform import flags, refuse_periods

__all__ = ["SonnenCommunity"]

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


class SonnenCommunity:
    """Pool what members have to spare, fill their stores with it, and share the rest.

    There is one price, set by the platform; who asks more, or bids less, stays away this period.
    An order with ``storage`` charges (buy) or discharges (sell) a store. First what a member both
    offers and wants stays behind its own meter and is not traded. Then

    1. members' surplus fills members' stores;
    2. what surplus is left serves the other needs;
    3. stores discharge for needs that are still open, never to charge other stores.

    Whenever one side is longer, it is shared by what each order has or wants, to whole Wh by
    largest remainder, ties to the order that came first, then the smaller order number.

    *From the pilot* (sonnen, Germany, since 2016): surplus goes to a virtual pool of the members,
    stores included, at one price set by the company: "community electricity from 23 cents per
    kWh" [1]_, the default here. *Left out*: the flat rate with its free quantity for members whose
    battery serves the grid, the feed-in tariff that surplus is paid by law, monthly fees, the
    trade of the rest at the exchange [2]_, and members' storage as a virtual power plant. That
    stores come before needs, and discharge last, is our rule; the pilot's is unverified.

    Properties: individually rational; budget balanced; not efficient, a member's limit does not
    decide how much it gets; not incentive compatible, to announce more is to be given more. Pooled
    energy has no origin: ``prefers`` is not honoured, and who is ``only_preferred`` stays away.
    The book's charges are not looked at: they come with the pairing.

    *Example.* At 230 ticks, two roofs have 600 and 300 Wh to spare. A battery wants 400 Wh, two
    households want 300 and 600 Wh, another battery offers 100 Wh. The battery is filled, 400 Wh;
    500 Wh of surplus and the 100 Wh from the other battery go to the households, which want
    900 Wh: 200 and 400 Wh. A uniform price would have served who bids most, wherever it puts the
    energy.

    Parameters
    ----------
    options : SonnenCommunity.Options, optional

    References
    ----------
    .. [1] sonnen, "Häufig gestellte Fragen" (community electricity from 23 cents per kWh),
       https://sonnen.de/haeufig-gestellte-fragen/.
    .. [2] sonnen, "sonnenFlat direkt", https://sonnen.de/haeufig-gestellte-fragen/sonnenflat-direkt/.
    """

    class Options(BaseModel, extra="forbid", frozen=True):
        """What a scenario may say about it."""

        price_ticks: int = Field(
            default=230, description="The pool's price, for who gives and who takes. [µ€/Wh]"
        )

    def __init__(self, options: SonnenCommunity.Options | None = None) -> None:
        self._price_ticks = (options or self.Options()).price_ticks

    def clear(self, orders: Orders) -> Clearing:
        """Clear the book of one delivery period.

        Raises
        ------
        OrderError
            When the book holds orders for more than one period, or a ``storage`` or
            ``only_preferred`` that is neither true nor false.
        """
        refuse_periods(orders)
        storage, buy = flags(orders, "storage"), orders.is_buy
        accepts = np.where(
            buy,
            (orders.price_ticks >= self._price_ticks) & ~flags(orders, "only_preferred"),
            orders.price_ticks <= self._price_ticks,
        )
        pooled_wh = np.where(accepts, orders.energy_wh, 0)
        pooled_wh -= _behind_the_meter(orders, pooled_wh, storage)
        filled_wh = _share(orders, pooled_wh, storage)
        price = self._price_ticks if filled_wh.any() else None
        return Clearing(price_ticks=price, filled_wh=filled_wh)


def _share(orders: Orders, pooled_wh: Ints, storage: Bools) -> Ints:
    """Fill stores from surplus, serve needs from what is left, then from stores. [Wh]"""
    surplus, stored = ~orders.is_buy & ~storage, ~orders.is_buy & storage
    charging, needs = orders.is_buy & storage, orders.is_buy & ~storage
    surplus_wh, need_wh = int(pooled_wh[surplus].sum()), int(pooled_wh[needs].sum())
    to_stores = min(surplus_wh, int(pooled_wh[charging].sum()))
    to_needs = min(surplus_wh - to_stores, need_wh)
    from_stores = min(int(pooled_wh[stored].sum()), need_wh - to_needs)
    filled_wh = np.zeros_like(pooled_wh)
    for part, total_wh in (
        (surplus, to_stores + to_needs),
        (charging, to_stores),
        (needs, to_needs + from_stores),
        (stored, from_stores),
    ):
        rows = orders.turn[part[orders.turn]]
        filled_wh[rows] = apportion(total_wh, pooled_wh[rows].tolist())
    return filled_wh


def _behind_the_meter(orders: Orders, pooled_wh: Ints, storage: Bools) -> Ints:
    """What each order keeps at home because its member offers and wants energy at once. [Wh]

    As in the pool, surplus is used before what is stored, and stores are filled first.
    """
    buy, peer = orders.is_buy, orders.peer_index
    both_wh = np.zeros((2, len(orders.peers)), dtype=np.int64)
    np.add.at(both_wh, (buy.astype(np.int64), peer), pooled_wh)
    home_wh = both_wh.min(axis=0)
    kept_wh = np.zeros_like(pooled_wh)
    for side in (buy, ~buy):
        rows = orders.turn[side[orders.turn]]
        rows = rows[np.lexsort((storage[rows] != buy[rows], peer[rows]))]
        before_wh = np.cumsum(pooled_wh[rows]) - pooled_wh[rows]
        before_wh -= before_wh[np.searchsorted(peer[rows], peer[rows])]
        kept_wh[rows] = np.clip(home_wh[peer[rows]] - before_wh, 0, pooled_wh[rows])
    return kept_wh
