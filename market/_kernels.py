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
def _goes_before(i: int, j: int, turn: Ints, order_id: Ints) -> bool:
    if i < 0 or turn[i] < turn[j]:
        return True
    return bool(turn[i] == turn[j] and order_id[i] < order_id[j])


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

    b, a, last_bid, last_ask = width, 1, -1, -1
    bid_got, ask_got = 0, 0
    while True:
        while b > 0 and bid_wh[b] == 0:
            b -= 1
        while a <= width and ask_wh[a] == 0:
            a += 1
        if b < a:
            break
        traded = min(bid_wh[b], ask_wh[a])
        bid_got = traded + (bid_got if b == last_bid else 0)
        ask_got = traded + (ask_got if a == last_ask else 0)
        bid_wh[b] -= traded
        ask_wh[a] -= traded
        last_bid, last_ask = b, a

    if last_bid < 0:
        filled_wh[:] = 0
        return 0, 0, 0, 0, -1, -1, False, True
    # b and a now stand at the first energy that found no partner.
    low, high = max(last_ask, b), min(last_bid, a)
    bid_share = bid_got if b == last_bid else -1
    ask_share = ask_got if a == last_ask else -1
    offset = lowest_ask - 1
    last_bid, last_ask = last_bid + offset, last_ask + offset
    low, high = low + offset, high + offset

    bid_floor = last_bid if bid_share < 0 else last_bid + 1
    ask_roof = last_ask if ask_share < 0 else last_ask - 1
    for i in range(tick.size):
        trades = (tick[i] >= bid_floor) & is_buy[i] | (tick[i] <= ask_roof) & (not is_buy[i])
        filled_wh[i] = energy_wh[i] * np.int64(trades)
    in_turn = True
    bid_rest, ask_rest = max(bid_share, 0), max(ask_share, 0)
    bid_before, ask_before = -1, -1
    if bid_share >= 0 or ask_share >= 0:
        for i in range(tick.size):
            if (tick[i] != last_bid) & (tick[i] != last_ask):
                continue
            if is_buy[i] and tick[i] == last_bid and bid_share >= 0:
                filled_wh[i] = min(energy_wh[i], bid_rest)
                bid_rest -= filled_wh[i]
                in_turn &= _goes_before(bid_before, i, turn, order_id)
                bid_before = i
            elif not is_buy[i] and tick[i] == last_ask and ask_share >= 0:
                filled_wh[i] = min(energy_wh[i], ask_rest)
                ask_rest -= filled_wh[i]
                in_turn &= _goes_before(ask_before, i, turn, order_id)
                ask_before = i
    return last_bid, last_ask, low, high, bid_share, ask_share, True, in_turn


@njit(cache=True, nogil=True)
def transport(
    supply: Ints, demand: Ints, cost: Ints, flow: Ints, row_value: Ints, column_value: Ints
) -> None:
    """Move all supply to all demand at least cost: the transport problem, in integers.

    Successive shortest paths with node values, as in the Hungarian method [1]_: each round sends
    what fits along the cheapest way from one row to a column that still wants some.

    Parameters
    ----------
    supply, demand : (n,), (m,) int64 array
        Not negative, with equal sums.
    cost : (n, m) int64 array
    flow : (n, m) int64 array, zeros, written
    row_value, column_value : (n,), (m,) int64 array, zeros, written
        Their sum never exceeds a cell's cost and equals it where something flows, which proves
        the flow optimal.

    References
    ----------
    .. [1] R. Jonker and A. Volgenant, "A shortest augmenting path algorithm for dense and sparse
       linear assignment problems," Computing, vol. 38, 1987.
    """
    n, m = cost.shape
    left, wanted = supply.copy(), demand.copy()
    row_far, column_far = np.empty(n, np.int64), np.empty(m, np.int64)
    row_from, column_from = np.empty(n, np.int64), np.empty(m, np.int64)
    row_seen, column_seen = np.empty(n, np.bool_), np.empty(m, np.bool_)
    waiting = np.empty(n, np.int64)
    for i in range(n):
        if m > 0:
            row_value[i] = cost[i].min()
    for start in range(n):
        while left[start] > 0:
            row_seen[:] = False
            column_seen[:] = False
            column_far[:] = _FAR
            row_far[start], row_from[start], row_seen[start] = 0, -1, True
            waiting[0] = start
            n_waiting = 1
            end = -1
            while end < 0:
                for w in range(n_waiting):
                    r = waiting[w]
                    base = row_far[r] - row_value[r]
                    for c in range(m):
                        far = base + cost[r, c] - column_value[c]
                        if far < column_far[c] and not column_seen[c]:
                            column_far[c], column_from[c] = far, r
                nearest = -1
                for c in range(m):
                    if not column_seen[c] and (nearest < 0 or column_far[c] < column_far[nearest]):
                        nearest = c
                column_seen[nearest] = True
                if wanted[nearest] > 0:
                    end = nearest
                n_waiting = 0
                for r in range(n):
                    if flow[r, nearest] > 0 and not row_seen[r]:
                        row_seen[r] = True
                        row_far[r], row_from[r] = column_far[nearest], nearest
                        waiting[n_waiting] = r
                        n_waiting += 1

            reach = column_far[end]
            for r in range(n):
                if row_seen[r] and row_far[r] < reach:
                    row_value[r] += reach - row_far[r]
            for c in range(m):
                if column_seen[c]:
                    column_value[c] -= reach - column_far[c]

            sent = min(left[start], wanted[end])
            c = end
            while True:
                r = column_from[c]
                if row_from[r] < 0:
                    break
                c = row_from[r]
                sent = min(sent, flow[r, c])
            c = end
            while True:
                r = column_from[c]
                flow[r, c] += sent
                c = row_from[r]
                if c < 0:
                    break
                flow[r, c] -= sent
            left[start] -= sent
            wanted[end] -= sent
