"""Compiled inner loops of the call auctions: arrays in, arrays out, no object, no exception."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


@njit(cache=True, nogil=True)
def _worse(i: int, j: int, price: Ints, is_buy: Bools, turn: Ints, order_id: Ints) -> bool:
    """Tell whether order i is served after order j of its side; any order is after none (−1)."""
    if j < 0:
        return True
    if price[i] != price[j]:
        return bool((price[i] < price[j]) == is_buy[i])
    if turn[i] != turn[j]:
        return bool(turn[i] > turn[j])
    return bool(order_id[i] > order_id[j])


@njit(cache=True, nogil=True)
def find_margin(
    price: Ints, energy_wh: Ints, is_buy: Bools, turn: Ints, order_id: Ints, filled_wh: Ints
) -> tuple[int, int, int, int]:
    """Find where the trades of a book end, on both sides.

    Parameters
    ----------
    price, energy_wh : (n,) int64 array
        Limit and size of each order, in any order. [ticks], [Wh]
    is_buy : (n,) bool array
    turn, order_id : (n,) int64 array
        Among equal limits the lower turn is served first, then the lower number.
    filled_wh : (n,) int64 array
        Energy traded by each order, the best of each side first. [Wh]

    Returns
    -------
    last_bid, last_ask : int
        Row of the order that is served last among those that trade; −1: none trades.
    next_bid, next_ask : int
        Row of the order with the first energy that finds no partner; −1: all is traded.
    """
    last_bid, last_ask, next_bid, next_ask = -1, -1, -1, -1
    for i in range(price.size):
        last, beyond = (last_bid, next_bid) if is_buy[i] else (last_ask, next_ask)
        if filled_wh[i] > 0 and _worse(i, last, price, is_buy, turn, order_id):
            last = i
        if filled_wh[i] < energy_wh[i] and (
            beyond < 0 or not _worse(i, beyond, price, is_buy, turn, order_id)
        ):
            beyond = i
        if is_buy[i]:
            last_bid, next_bid = last, beyond
        else:
            last_ask, next_ask = last, beyond
    return last_bid, last_ask, next_bid, next_ask


@njit(cache=True, nogil=True)
def price_replacement(
    wanted_wh: Ints, rank: Ints, price: Ints, energy_wh: Ints, peer: Ints, worth: Ints
) -> None:
    """Add up what others would put in each peer's place, the best of theirs first.

    Parameters
    ----------
    wanted_wh : (n_peers,) int64 array
        Energy of each peer to put a price on; what the listed energy of the other peers does
        not cover counts nothing. [Wh]
    rank : (m,) int64 array
        Rows of the list, the first to stand in first.
    price, energy_wh, peer : (m,) int64 array
        The list: limit, energy and owner. [ticks], [Wh], [-]
    worth : (n_peers,) int64 array, written
        [µ€]
    """
    for owner in range(wanted_wh.size):
        left, total = wanted_wh[owner], 0
        for row in rank:
            if left == 0:
                break
            if peer[row] != owner:
                taken = min(left, energy_wh[row])
                total += taken * price[row]
                left -= taken
        worth[owner] = total


@njit(cache=True, nogil=True)
def spread_rest(rest: Ints, turn: Ints, peer: Ints, filled_wh: Ints, dearer_wh: Ints) -> None:
    """Share out what each peer's money is beyond whole ticks per Wh: one tick on so many Wh.

    Parameters
    ----------
    rest : (n_peers,) int64 array, zeros afterwards
        Wh of each peer that are one tick dearer, at most what it trades. [Wh]
    turn : (n,) int64 array
        Rows in the turn in which they bear it.
    peer, filled_wh : (n,) int64 array
        [-], [Wh]
    dearer_wh : (n,) int64 array, written
        [Wh]
    """
    for row in turn:
        dearer_wh[row] = min(rest[peer[row]], filled_wh[row])
        rest[peer[row]] -= dearer_wh[row]
