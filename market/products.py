"""Forward products: blocks of several delivery periods, cleared before each period's own market.

A block is one volume for all of its periods, flat, so a peer offers or asks for what its forecast
shows in every one of them: the smallest surplus, or the smallest need; who changes sides within it
trades no block. Once cleared, the block's trades stand in each of its periods. What a period's own
market, the real-time one, still trades is the rest: forecast less what stands. A peer stands on one
side of a period, so who sold a block sells at most more in it and who bought buys at most more;
what the block was too much is no order but a deviation, which settlement deals with as with any.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .bidders.protocol import Outlook
from .book import Clearing, Orders, Trade
from .network.charges import Charges
from .network.pairing import pair_trades

__all__ = ["Standing", "block_outlook", "flat_wh", "joined", "on_their_side", "remaining", "stand"]

Ints = NDArray[np.int64]


def flat_wh(net_wh: Ints) -> Ints:
    """What each peer can give, or needs, in every period of a block.

    Parameters
    ----------
    net_wh : (n, k) int64 array
        Net energy forecast for each period, injection positive. [Wh]

    Returns
    -------
    (n,) int64 array
        The least of a surplus, the least of a need (negative), 0 where the sign changes. [Wh]
    """
    least, most = net_wh.min(axis=1), net_wh.max(axis=1)
    return np.asarray(np.where(least > 0, least, np.where(most < 0, most, 0)), dtype=np.int64)


def block_outlook(outlook: Outlook, standing_wh: Ints) -> Outlook:
    """What peers know of a block: its flat volume, without store, as if it were one period.

    Parameters
    ----------
    outlook : Outlook
        Of its first period; what is ahead are its other periods and no more.
    standing_wh : (n, k) int64 array
        What already stands in each period. [Wh]
    """
    net = np.column_stack([outlook.net_wh, outlook.ahead_wh]) - standing_wh
    flat, nothing = flat_wh(net), np.zeros(outlook.n, dtype=np.int64)
    sold, bought = (standing_wh > 0).any(axis=1), (standing_wh < 0).any(axis=1)
    flat[(sold & (flat < 0)) | (bought & (flat > 0))] = 0
    return replace(
        outlook,
        net_wh=flat,
        stored_wh=nothing,
        room_wh=nothing,
        held_wh=nothing,
        size_wh=nothing,
        power_wh=nothing,
        ahead_wh=np.zeros((outlook.n, 0), dtype=np.int64),
    )


def remaining(outlook: Outlook, standing_wh: Ints) -> Outlook:
    """What peers know of a period in which (n,) energy stands already: the rest. [Wh]"""
    return replace(outlook, net_wh=outlook.net_wh - standing_wh)


def on_their_side(orders: Orders, standing_wh: Ints) -> Orders:
    """Leave out orders of peers who stand on the other side; `standing_wh` is (n_peers,). [Wh]"""
    stands = standing_wh[orders.peer_index]
    return orders.take(np.where(orders.is_buy, stands <= 0, stands >= 0))


@dataclass(frozen=True, eq=False, kw_only=True)
class Standing:
    """What of a product's block was traded, and stands in each of its periods.

    Attributes
    ----------
    product : str
    periods : range
        Delivery periods of the block.
    orders : Orders
        Those that trade, with the energy that they trade; of the first period.
    prices_ticks : (n,) int64 array
        What each of them pays or gets, on average rounded down. [µ€/Wh]
    trades : tuple of Trade
        Of each period.
    numbered : int
        From a period's order to the same order of the next one: how many the block's book had.
    """

    product: str
    periods: range
    orders: Orders
    prices_ticks: Ints
    trades: tuple[Trade, ...]
    numbered: int

    @property
    def position_wh(self) -> Ints:
        """What each peer has sold, less what it has bought, in each period. [Wh]"""
        orders, position = self.orders, np.zeros(len(self.orders.peers), dtype=np.int64)
        np.add.at(
            position,
            orders.peer_index,
            np.where(orders.is_buy, -orders.energy_wh, orders.energy_wh),
        )
        return position

    def in_period(self, period: int) -> tuple[Orders, tuple[Trade, ...]]:
        """Orders and trades as those of a period of the block, with numbers of their own.

        A block of k periods and a book of n orders takes k · n numbers.
        """
        later = self.periods.index(period) * self.numbered
        orders = self.orders
        moved = Orders(
            peers=orders.peers,
            peer_index=orders.peer_index,
            is_buy=orders.is_buy,
            price_ticks=orders.price_ticks,
            energy_wh=orders.energy_wh,
            order_id=orders.order_id + later,
            period=period,
            arrival=orders.arrival,
            attributes=orders.attributes,
            charges=orders.charges,
        )
        trades = [
            replace(
                one,
                sell_order_id=one.sell_order_id + later,
                buy_order_id=one.buy_order_id + later,
            )
            for one in self.trades
        ]
        return moved, tuple(trades)


def stand(
    product: str, periods: range, orders: Orders, clearing: Clearing, charges: Charges
) -> Standing:
    """Have a block's clearing stand: who trades with whom, at what price, in each of its periods.

    Raises
    ------
    PairingError
        When somebody has to trade with itself.
    """
    filled = clearing.filled_wh
    trading = np.flatnonzero(filled > 0)
    kept = orders.take(trading)
    return Standing(
        product=product,
        periods=periods,
        orders=_with_energy(kept, filled[trading]),
        prices_ticks=clearing.prices()[trading],
        trades=tuple(pair_trades(clearing, orders, charges)),
        numbered=len(orders),
    )


def joined(
    standing: Sequence[Standing], period: int, orders: Orders, clearing: Clearing
) -> tuple[Orders, Clearing]:
    """Put what stands in a period and what its own market cleared into one book and one clearing.

    The clearing says what every order trades at which price; who trades with whom is told by the
    two lists of trades.
    """
    if not standing:
        return orders, clearing
    books = [one.in_period(period)[0] for one in standing]
    filled = np.concatenate([*(book.energy_wh for book in books), clearing.filled_wh])
    prices = np.concatenate([*(one.prices_ticks for one in standing), clearing.prices()])
    used = np.unique(prices[filled > 0])
    return _together([*books, orders]), Clearing(
        price_ticks=int(used[0]) if used.size == 1 else None,
        filled_wh=filled,
        order_price_ticks=None if used.size == 1 else prices,
        surplus_ueur=clearing.surplus_ueur,
        subscriptions_ueur=clearing.subscriptions_ueur,
        levels=clearing.levels,
        negotiation=clearing.negotiation,
    )


def _with_energy(orders: Orders, energy_wh: Ints) -> Orders:
    return _together([orders], energy_wh)


def _together(books: Sequence[Orders], energy_wh: Ints | None = None) -> Orders:
    """One book of several, of the same peers; what an order does not say is None."""
    last = books[-1]

    def column(name: str) -> NDArray[Any]:
        return np.concatenate([getattr(book, name) for book in books])

    names = dict.fromkeys(name for book in books for name in book.attributes)
    return Orders(
        peers=last.peers,
        peer_index=column("peer_index"),
        is_buy=column("is_buy"),
        price_ticks=column("price_ticks"),
        energy_wh=column("energy_wh") if energy_wh is None else energy_wh,
        order_id=column("order_id"),
        period=column("period"),
        arrival=column("arrival"),
        attributes={name: _said(books, name) for name in names},
        charges=last.charges,
    )


def _said(books: Sequence[Orders], name: str) -> NDArray[Any]:
    unsaid: Mapping[int, NDArray[Any]] = {
        i: np.full(len(book), None, dtype=object) for i, book in enumerate(books)
    }
    told = [book.attributes.get(name, unsaid[i]) for i, book in enumerate(books)]
    return np.concatenate([np.asarray(one, dtype=object) for one in told])
