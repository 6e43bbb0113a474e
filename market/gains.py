"""Who gains what from a clearing, in exact integers: buyers, sellers, operator and DSO.

A gain is what energy is worth by an order's limit (and the premium that the buyer pays for this
seller, where it names one) less what is paid for it. Transport is a cost: what peers and operator
gain adds up to what the trades are worth less the fees, so none can hide. The most that any trades
of the book could bring is the measure of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.optimize import linprog

from .book import Clearing, Orders, Trade
from .mechanisms.uniform_price import UniformPrice
from .preferences import allowed, premium_ticks

__all__ = ["LARGEST_PAIRS", "Gains", "benefit_over_tariffs", "best_gain_ueur", "gains_from_trade"]

Ints = NDArray[np.int64]

LARGEST_PAIRS = 250_000
"""Sellers times buyers up to which the best pairs of a book with wishes or charges are sought."""


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
    best_ueur : int or None
        The most that trades of this book can bring, `best_gain_ueur`; None where not known. [µ€]
    """

    peers: tuple[str, ...]
    bought_ueur: Ints
    sold_ueur: Ints
    fee_ueur: Ints
    subscription_ueur: Ints
    surplus_ueur: int
    best_ueur: int | None

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
        """Part of the best that is reached; None where that is nothing or not known. [1]"""
        return self.total_ueur / self.best_ueur if self.best_ueur else None

    def __add__(self, other: Gains) -> Gains:
        """Add the gains of two books of the same peers."""
        known = self.best_ueur is not None and other.best_ueur is not None
        return Gains(
            peers=self.peers,
            bought_ueur=self.bought_ueur + other.bought_ueur,
            sold_ueur=self.sold_ueur + other.sold_ueur,
            fee_ueur=self.fee_ueur + other.fee_ueur,
            subscription_ueur=self.subscription_ueur + other.subscription_ueur,
            surplus_ueur=self.surplus_ueur + other.surplus_ueur,
            best_ueur=(self.best_ueur or 0) + (other.best_ueur or 0) if known else None,
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


def best_gain_ueur(orders: Orders) -> int | None:
    """Find the most that trades of a book can bring: its competitive equilibrium. [µ€]

    Buyers' worth, premiums included, less sellers' cost and transport, whoever gets it. Where
    the book has wishes or charges, which pairs trade matters, and the best of them is a
    transport problem: solved by HiGHS, not by the mechanism that is measured. The book is for one
    period.

    Returns
    -------
    int or None
        None where wishes or charges leave more than `LARGEST_PAIRS` pairs to weigh.
    """
    charged = orders.charges is not None and orders.charges.cap_ticks > 0
    if charged or "prefers" in orders.attributes or "only_preferred" in orders.attributes:
        return _best_pairs_ueur(orders)
    filled_wh = UniformPrice().clear(orders).filled_wh
    sign = np.where(orders.is_buy, 1, -1)
    return int((sign * orders.price_ticks) @ filled_wh)


def _best_pairs_ueur(orders: Orders) -> int | None:
    """Weigh every pair that may trade and gains by it. [µ€]"""
    sells, buys = np.flatnonzero(~orders.is_buy), np.flatnonzero(orders.is_buy)
    if sells.size * buys.size > LARGEST_PAIRS:
        return None
    sell, buy = (rows.ravel() for rows in np.meshgrid(sells, buys, indexing="ij"))
    worth = orders.price_ticks[buy] - orders.price_ticks[sell] + premium_ticks(orders, sell, buy)
    if orders.charges is not None:
        worth -= orders.charges.between(orders.peer_index[sell], orders.peer_index[buy])
    pairs = np.flatnonzero((worth > 0) & allowed(orders, sell, buy))
    if not pairs.size:
        return 0
    columns = np.tile(np.arange(pairs.size), 2)
    rows = np.concatenate([sell[pairs], buy[pairs]])
    shape = (len(orders), pairs.size)
    uses: Any = sparse.csr_array((np.ones(columns.size), (rows, columns)), shape=shape)
    # A vertex of a transport problem in whole Wh is whole, and the simplex method ends in one.
    found = linprog(-worth[pairs], A_ub=uses, b_ub=orders.energy_wh, method="highs-ds")
    return int(worth[pairs] @ np.rint(np.asarray(found.x)).astype(np.int64))


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
