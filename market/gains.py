"""Who gains what from a clearing, in exact integers: buyers, sellers, operator and DSO.

A gain is what energy is worth by an order's limit (and the premium that the buyer pays for this
seller, where it names one) less what is paid for it. Transport is a cost: what peers and operator
gain adds up to what the trades are worth less the fees, so none can hide. The most that any trades
of the book could bring is the measure of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from .book import Clearing, Orders, Trade
from .preferences import premium_ticks
from .uniform_price import UniformPrice

__all__ = ["Gains", "benefit_over_tariffs", "best_gain_ueur", "gains_from_trade"]

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Gains:
    """What a clearing brings to whom.

    Attributes
    ----------
    peers : tuple of str
    bought_ueur, sold_ueur : (n_peers,) int64 array
        Worth less price of what a peer bought; price less cost of what it sold; both before
        fees. [µ€]
    fee_ueur : (n_peers,) int64 array
        Transport that it pays the DSO. [µ€]
    subscription_ueur : (n_peers,) int64 array
        What it owes the operator whatever it trades. [µ€]
    surplus_ueur : int
        What buyers pay beyond what sellers get; the operator's. [µ€]
    best_ueur : int
        The most that trades of this book can be worth in all, `best_gain_ueur`. [µ€]
    """

    peers: tuple[str, ...]
    bought_ueur: Ints
    sold_ueur: Ints
    fee_ueur: Ints
    subscription_ueur: Ints
    surplus_ueur: int
    best_ueur: int

    @property
    def peer_ueur(self) -> Ints:
        """What each peer gains, fees and subscription paid. [µ€]"""
        return self.bought_ueur + self.sold_ueur - self.fee_ueur - self.subscription_ueur

    @property
    def operator_ueur(self) -> int:
        """What the operator keeps, or adds where it is negative. [µ€]"""
        return self.surplus_ueur + int(self.subscription_ueur.sum())

    @property
    def dso_ueur(self) -> int:
        """What the DSO is paid. [µ€]"""
        return int(self.fee_ueur.sum())

    @property
    def total_ueur(self) -> int:
        """What the trades are worth less transport; peers and operator share just this. [µ€]"""
        return int(self.peer_ueur.sum()) + self.operator_ueur

    @property
    def efficiency(self) -> float | None:
        """Part of the best that is reached; None where nothing can be gained. [1]"""
        return self.total_ueur / self.best_ueur if self.best_ueur else None

    def __add__(self, other: Gains) -> Gains:
        """Add the gains of two books of the same peers."""
        names = [one.name for one in fields(self)[1:]]
        return Gains(
            self.peers, **{name: getattr(self, name) + getattr(other, name) for name in names}
        )


def gains_from_trade(orders: Orders, clearing: Clearing, trades: Sequence[Trade] = ()) -> Gains:
    """Find what a clearing brings to whom.

    Parameters
    ----------
    orders : Orders
    clearing : Clearing
        Of `orders`.
    trades : sequence of Trade, optional
        Its pairs, from `pair_trades`: they say what transport costs and which buyers got energy
        that they pay a premium for. Without them there are neither fees nor premiums.
    """
    buy, filled = orders.is_buy, clearing.filled_wh
    fee_ueur, premium_ueur = _fees_ueur(orders, clearing, trades), _premiums_ueur(orders, trades)
    worth_ueur = orders.price_ticks * filled + premium_ueur
    money_ueur = clearing.order_money_ueur() + np.where(buy, -1, 1) * _fees_inside(clearing)
    owed = clearing.subscriptions_ueur
    return Gains(
        peers=orders.peers,
        bought_ueur=_by_peer(orders, np.where(buy, worth_ueur - money_ueur, 0)),
        sold_ueur=_by_peer(orders, np.where(buy, 0, money_ueur - worth_ueur)),
        fee_ueur=_by_peer(orders, fee_ueur),
        subscription_ueur=np.zeros(len(orders.peers), dtype=np.int64) if owed is None else owed,
        surplus_ueur=clearing.surplus_ueur,
        best_ueur=best_gain_ueur(orders),
    )


def benefit_over_tariffs(
    orders: Orders,
    clearing: Clearing,
    trades: Sequence[Trade] = (),
    *,
    retail_ticks: int,
    feed_in_ticks: int,
) -> Ints:
    """Find what trading brings each peer over the status quo, fees and subscription paid.

    In the status quo the same energy is bought at the retail and sold at the feed-in tariff, and
    what a limit or a premium says it is worth does not matter.

    Returns
    -------
    (n_peers,) int64 array
        [µ€]
    """
    buy, filled = orders.is_buy, clearing.filled_wh
    money_ueur = clearing.order_money_ueur() + np.where(buy, -1, 1) * _fees_inside(clearing)
    saved_ueur = np.where(
        buy, retail_ticks * filled - money_ueur, money_ueur - feed_in_ticks * filled
    )
    benefit_ueur = _by_peer(orders, saved_ueur - _fees_ueur(orders, clearing, trades))
    owed = clearing.subscriptions_ueur
    return benefit_ueur if owed is None else benefit_ueur - owed


def best_gain_ueur(orders: Orders) -> int:
    """Find the most that trades of a book can bring: its competitive equilibrium. [µ€]

    Buyers' worth less sellers' cost, whoever gets it. The book is for one period.
    """
    filled_wh = UniformPrice().clear(orders).filled_wh
    sign = np.where(orders.is_buy, 1, -1)
    return int((sign * orders.price_ticks) @ filled_wh)


def _fees_inside(clearing: Clearing) -> Ints:
    """What of each order's money in the clearing is transport. [µ€]"""
    trades = clearing.trades
    if trades is None:
        filled = clearing.filled_wh
        return np.zeros_like(filled) if clearing.fee_ticks is None else clearing.fee_ticks * filled
    fees = np.zeros_like(clearing.filled_wh)
    if trades.fee_ticks is not None:
        np.add.at(fees, trades.buy_row, trades.fee_ticks * trades.energy_wh)
    return fees


def _fees_ueur(orders: Orders, clearing: Clearing, trades: Sequence[Trade]) -> Ints:
    """Transport that each order pays: in the clearing, or else the buyer on top of it. [µ€]"""
    inside = _fees_inside(clearing)
    if clearing.fees_ueur or not trades:
        return inside
    _, buy_row, energy_wh, fee_ticks = _columns(orders, trades)
    np.add.at(inside, buy_row, fee_ticks * energy_wh)
    return inside


def _premiums_ueur(orders: Orders, trades: Sequence[Trade]) -> Ints:
    """What each order's trades are worth beyond its limit. [µ€]"""
    worth = np.zeros(len(orders), dtype=np.int64)
    if trades and "prefers" in orders.attributes:
        sell_row, buy_row, energy_wh, _ = _columns(orders, trades)
        np.add.at(worth, buy_row, premium_ticks(orders, sell_row, buy_row) * energy_wh)
    return worth


def _columns(orders: Orders, trades: Sequence[Trade]) -> tuple[Ints, Ints, Ints, Ints]:
    """Rows of the book, energy and fee of trades. [-], [-], [Wh], [µ€/Wh]"""
    told = np.array(
        [(t.sell_order_id, t.buy_order_id, t.energy_wh, t.fee_ticks) for t in trades],
        dtype=np.int64,
    )
    turn = np.argsort(orders.order_id)
    rows = turn[np.searchsorted(orders.order_id, told[:, :2], sorter=turn)]
    return rows[:, 0], rows[:, 1], told[:, 2], told[:, 3]


def _by_peer(orders: Orders, by_order: Ints) -> Ints:
    total = np.zeros(len(orders.peers), dtype=np.int64)
    np.add.at(total, orders.peer_index, by_order)
    return total
