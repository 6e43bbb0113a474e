"""Compiled inner loops of the market: arrays in, arrays out, no object, no exception."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

_FAR = np.int64(2**62)


@njit(cache=True, nogil=True)
def reach_of_book(tick: Ints, is_buy: Bools) -> tuple[np.int64, np.int64]:
    """Find the lowest ask and the highest bid; nothing outside of them can trade. [ticks]"""
    lowest_ask, highest_bid = _FAR, -_FAR
    for i in range(tick.size):
        ask = _FAR if is_buy[i] else tick[i]
        bid = tick[i] if is_buy[i] else -_FAR
        lowest_ask = min(lowest_ask, ask)
        highest_bid = max(highest_bid, bid)
    return lowest_ask, highest_bid


@njit(cache=True, nogil=True)
def _match_bins(bid_wh: Ints, ask_wh: Ints) -> tuple[int, int, int, int, int, int]:
    """Match energy per bin, highest bids with lowest asks, until they no longer cross.

    Returns the marginal bins, the range of clearing prices in bins, and what the marginal bins
    get where they are not all filled, else −1; the first is −1 when nothing crosses.
    """
    b, a, last_bid, last_ask = bid_wh.size - 2, 1, -1, -1
    bid_got, ask_got = 0, 0
    while True:
        while b > 0 and bid_wh[b] == 0:
            b -= 1
        while a < ask_wh.size - 1 and ask_wh[a] == 0:
            a += 1
        if b < a:
            break
        traded = min(bid_wh[b], ask_wh[a])
        bid_got = traded + (bid_got if b == last_bid else 0)
        ask_got = traded + (ask_got if a == last_ask else 0)
        bid_wh[b] -= traded
        ask_wh[a] -= traded
        last_bid, last_ask = b, a
    # b and a now stand at the first energy that found no partner.
    bid_share = bid_got if b == last_bid else -1
    ask_share = ask_got if a == last_ask else -1
    return last_bid, last_ask, max(last_ask, b), min(last_bid, a), bid_share, ask_share


@njit(cache=True, nogil=True)
def _share(
    tick: Ints,
    energy_wh: Ints,
    is_buy: Bools,
    turn: Ints,
    order_id: Ints,
    buying: bool,
    marginal: int,
    share_wh: int,
    filled_wh: Ints,
) -> bool:
    """Share energy among the orders of one side at one tick, by row; tell if that was in turn."""
    in_turn, before = True, -1
    for i in range(tick.size):
        if tick[i] != marginal or is_buy[i] != buying:
            continue
        filled_wh[i] = min(energy_wh[i], share_wh)
        share_wh -= filled_wh[i]
        if before >= 0:
            later = turn[before] > turn[i]
            in_turn &= not later and (turn[before] < turn[i] or order_id[before] < order_id[i])
        before = i
    return in_turn


@njit(cache=True, nogil=True)
def clear_uniform(
    tick: Ints,
    energy_wh: Ints,
    is_buy: Bools,
    turn: Ints,
    order_id: Ints,
    lowest_ask: int,
    highest_bid: int,
    filled_wh: Ints,
) -> tuple[int, int, int, int, int, int, bool, bool]:
    """Match one sealed book at one price, by adding up energy per tick instead of sorting.

    Parameters
    ----------
    tick, energy_wh : (n,) int64 array
        Limit and size of each order, in any order. [ticks], [Wh]
    is_buy : (n,) bool array
    turn, order_id : (n,) int64 array
        Among equal limits the lower turn is served first, then the lower number.
    lowest_ask, highest_bid : int
        From `reach_of_book`, `lowest_ask` ≤ `highest_bid`. [ticks]
    filled_wh : (n,) int64 array, written
        Energy traded by each order. [Wh]

    Returns
    -------
    last_bid, last_ask : int
        Tick of the marginal order that trades, per side. [ticks]
    low, high : int
        Least and greatest price at which exactly these trades clear: rejected orders and
        unfilled rests bound it as well as filled ones. [ticks]
    bid_share, ask_share : int
        Energy that orders at the marginal tick get together, per side; −1 where they are all
        filled, so that nobody's turn matters. [Wh]
    any_trade : bool
        False: nothing crosses, the rest means nothing.
    in_turn : bool
        False: a marginal tick was shared by row because its rows do not stand in turn; the
        caller shares it again.
    """
    width = highest_bid - lowest_ask + 1
    # Two spare bins take the bids below and the asks above everything that can trade. Sides are
    # told apart by arithmetic: a branch on a random side costs more than all the rest.
    side_wh = np.zeros(2 * (width + 2), dtype=np.int64)
    bid_wh, ask_wh = side_wh[: width + 2], side_wh[width + 2 :]
    for i in range(tick.size):
        place = min(max(tick[i] - lowest_ask, -1), width) + 1
        side_wh[place + (width + 2) * (1 - np.int64(is_buy[i]))] += energy_wh[i]

    last_bid, last_ask, low, high, bid_share, ask_share = _match_bins(bid_wh, ask_wh)
    if last_bid < 0:
        filled_wh[:] = 0
        return 0, 0, 0, 0, -1, -1, False, True
    offset = lowest_ask - 1
    last_bid, last_ask = last_bid + offset, last_ask + offset

    bid_floor = last_bid if bid_share < 0 else last_bid + 1
    ask_roof = last_ask if ask_share < 0 else last_ask - 1
    for i in range(tick.size):
        trades = (tick[i] >= bid_floor) & is_buy[i] | (tick[i] <= ask_roof) & (not is_buy[i])
        filled_wh[i] = energy_wh[i] * np.int64(trades)
    in_turn = True
    if bid_share >= 0:
        in_turn &= _share(
            tick, energy_wh, is_buy, turn, order_id, True, last_bid, bid_share, filled_wh
        )
    if ask_share >= 0:
        in_turn &= _share(
            tick, energy_wh, is_buy, turn, order_id, False, last_ask, ask_share, filled_wh
        )
    return last_bid, last_ask, low + offset, high + offset, bid_share, ask_share, True, in_turn
