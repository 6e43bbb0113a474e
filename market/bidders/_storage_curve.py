"""From the marginal value of stored energy to the orders of a peer: a curve of prices over the
energy at its meter, of which the part on one side of zero is offered.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ._kernels_bidding import storage_values, store_pieces
from .protocol import Bids, Outlook

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

_NEARLY = 1e-6
"""Prices and energies that differ by less are the same. [µ€/Wh], [Wh]"""


@dataclass(frozen=True, eq=False)
class Expected:
    """Prices that somebody reckons with in the h periods ahead; sell is never above buy.

    Attributes
    ----------
    sell_ticks, buy_ticks : (h,) float64 array
        [µ€/Wh]
    final_ticks : float
        Worth of what a store holds after them. [µ€/Wh]
    """

    sell_ticks: Floats
    buy_ticks: Floats
    final_ticks: float


def expected_tariffs(outlook: Outlook) -> Expected:
    """Reckon with the supplier's prices, and with selling at the end what is left."""
    sell, periods = float(outlook.feed_in_ticks), outlook.ahead_wh.shape[1]
    return Expected(np.full(periods, sell), np.full(periods, float(outlook.retail_ticks)), sell)


@dataclass(frozen=True, eq=False)
class StoreValues:
    """Marginal value of stored energy by level, a row per peer; see `storage_values`.

    Attributes
    ----------
    value_ticks, width_wh : (n, m) float64 array
        Pieces from empty upwards; a width of 0 ends a row. [µ€/Wh], [Wh]
    """

    value_ticks: Floats
    width_wh: Floats

    def at(self, level_wh: Floats) -> Floats:
        """Give what one more Wh is worth at a level; 0 in a full store. (n,) [µ€/Wh]"""
        edges = np.cumsum(self.width_wh, axis=1)
        column = (edges <= level_wh[:, None] + _NEARLY).sum(axis=1)
        inside = column < (self.width_wh > 0).sum(axis=1)
        rows = np.arange(column.size)
        return np.where(inside, self.value_ticks[rows, np.minimum(column, edges.shape[1] - 1)], 0.0)


def values_of(outlook: Outlook, expected: Expected) -> StoreValues:
    """Value the stores after the period that is traded.

    Energy is never valued for being destroyed: a sale below 0 counts as none.
    """
    n, periods = outlook.ahead_wh.shape
    value, width = np.zeros((n, 4 * periods + 2)), np.zeros((n, 4 * periods + 2))
    sell_ticks = np.maximum(expected.sell_ticks, 0.0)
    storage_values(
        np.ascontiguousarray(outlook.ahead_wh),
        sell_ticks,
        np.maximum(expected.buy_ticks, sell_ticks),
        outlook.efficiency,
        outlook.size_wh,
        outlook.power_wh,
        max(expected.final_ticks, 0.0),
        value,
        width,
    )
    return StoreValues(value, width)


@dataclass(frozen=True, eq=False)
class _Curve:
    """Pieces of energy at the meters, each peer's from most withdrawn to most injected.

    Columns: peer, what a Wh is worth there, energy at its two ends, and whether the store would
    take that energy otherwise, or give it.
    """

    peer: Ints
    worth_ticks: Floats
    begin_wh: Ints
    end_wh: Ints
    takes: Bools
    gives: Bools


def storage_orders(
    outlook: Outlook, expected: Expected, *, around_ticks: float, charging: bool
) -> Bids:
    """Offer what peers have and need in steps of what it is worth to keep or to store it.

    Parameters
    ----------
    outlook : Outlook
    expected : Expected
        Prices ahead, which value the stores.
    around_ticks : float
        Price that puts a peer on the side on which it would trade at it; who would not trade
        stands where it would without storage. [µ€/Wh]
    charging : bool
        Whether storing is an alternative: then surplus is not sold below what it is worth when
        stored, and energy is bought to be stored.
    """
    curve = _curve(outlook, expected, charging=charging)
    bought_wh = np.minimum(curve.end_wh, 0) - np.minimum(curve.begin_wh, 0)
    sold_wh = np.maximum(curve.end_wh, 0) - np.maximum(curve.begin_wh, 0)
    pays = np.floor(curve.worth_ticks - outlook.fee_cap_ticks + _NEARLY)
    pays = np.minimum(pays, outlook.worth(True)[curve.peer]).astype(np.int64)
    asks = np.ceil(curve.worth_ticks - _NEARLY)
    asks = np.maximum(asks, outlook.worth(False)[curve.peer]).astype(np.int64)
    sells = _sellers(
        outlook,
        _total(outlook.n, curve.peer, sold_wh, asks <= around_ticks),
        _total(outlook.n, curve.peer, bought_wh, pays >= around_ticks),
    )[curve.peer]
    rows = np.flatnonzero(np.where(sells, sold_wh, bought_wh) > 0)
    is_buy = ~sells[rows]
    origin = np.where(curve.gives[rows], "storage", "pv").astype(object)
    origin[is_buy] = None
    return Bids(
        peer_index=curve.peer[rows],
        is_buy=is_buy,
        price_ticks=np.where(is_buy, pays[rows], asks[rows]),
        energy_wh=np.where(is_buy, bought_wh[rows], sold_wh[rows]),
        attributes={
            "origin": origin,
            "storage": np.where(is_buy, curve.takes[rows], curve.gives[rows]),
        },
    )


def _curve(outlook: Outlook, expected: Expected, *, charging: bool) -> _Curve:
    """Lay out the pieces of every peer, those without storage at both ends."""
    take_wh = outlook.room_wh if charging else np.zeros_like(outlook.room_wh)
    peer, takes, worth, energy_wh = _pieces(outlook, values_of(outlook, expected), take_wh)
    first_wh = outlook.net_wh - take_wh
    upto = np.cumsum(energy_wh)
    before = np.concatenate([[0.0], upto])[np.searchsorted(peer, peer)]
    end_wh = np.rint(first_wh[peer] + upto - before).astype(np.int64)
    begin_wh = np.rint(first_wh[peer] + upto - energy_wh - before).astype(np.int64)
    spilt, short = np.flatnonzero(first_wh > 0), np.flatnonzero(outlook.position_wh < 0)
    zero = np.zeros_like(spilt), np.zeros_like(short)
    served = outlook.worth(True) + outlook.fee_cap_ticks
    return _Curve(
        peer=np.concatenate([spilt, peer, short]),
        worth_ticks=np.concatenate([outlook.worth(False)[spilt], worth, served[short]]),
        begin_wh=np.concatenate([zero[0], begin_wh, outlook.position_wh[short]]),
        end_wh=np.concatenate([first_wh[spilt], end_wh, zero[1]]),
        takes=np.concatenate([zero[0] > 0, takes, zero[1] > 0]),
        gives=np.concatenate([zero[0] > 0, ~takes, zero[1] > 0]),
    )


def _pieces(
    outlook: Outlook, values: StoreValues, take_wh: Ints
) -> tuple[Ints, Bools, Floats, Floats]:
    """List what the stores can move; columns as `store_pieces` fills them."""
    most = 2 * int((values.width_wh > 0).sum())
    peer, taking = np.zeros(most, dtype=np.int64), np.zeros(most, dtype=np.bool_)
    worth, energy_wh = np.zeros(most), np.zeros(most)
    count = store_pieces(
        values.value_ticks,
        values.width_wh,
        outlook.held_wh,
        outlook.stored_wh,
        take_wh,
        outlook.efficiency,
        peer,
        taking,
        worth,
        energy_wh,
    )
    return peer[:count], taking[:count], worth[:count], energy_wh[:count]


def _total(n: int, peer: Ints, energy_wh: Ints, counts: Bools) -> Floats:
    return np.bincount(peer, weights=energy_wh * counts, minlength=n).astype(np.float64)


def _sellers(outlook: Outlook, would_sell_wh: Floats, would_buy_wh: Floats) -> Bools:
    idle = (would_sell_wh <= 0) & (would_buy_wh <= 0)
    sells: Bools = np.where(idle, outlook.net_wh > 0, would_sell_wh > 0)
    return sells
