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


@njit(cache=True, nogil=True)
def transport(
    supply: Ints, demand: Ints, cost: Ints, flow: Ints, row_value: Ints, column_value: Ints
) -> None:
    """Move all supply to all demand at least cost: the transport problem, in integers.

    Successive shortest paths with node values, as in the Hungarian method [1]_: first whatever
    fits in each row's cheapest cells, then each round sends what fits along the cheapest way from
    one row to a column that still wants some.

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
    # Which rows flow to a column, for ways back are sought by column; the first `n_users` count.
    users, n_users = np.empty((m, n), np.int64), np.zeros(m, np.int64)
    row_far, column_far = np.empty(n, np.int64), np.empty(m, np.int64)
    row_from, column_from = np.empty(n, np.int64), np.empty(m, np.int64)
    row_seen, column_seen = np.empty(n, np.bool_), np.empty(m, np.bool_)
    for r in range(n):
        row_value[r] = cost[r].min()
        for c in range(m):
            if cost[r, c] == row_value[r] and left[r] > 0 and wanted[c] > 0:
                sent = min(left[r], wanted[c])
                _add(sent, r, c, flow, users, n_users)
                left[r] -= sent
                wanted[c] -= sent
    for start in range(n):
        while left[start] > 0:
            end = _cheapest_way(
                start,
                wanted,
                cost,
                row_value,
                column_value,
                users,
                n_users,
                row_far,
                column_far,
                row_from,
                column_from,
                row_seen,
                column_seen,
            )
            reach = column_far[end]
            for r in range(n):
                if row_seen[r]:
                    row_value[r] += reach - row_far[r]
            for c in range(m):
                if column_seen[c]:
                    column_value[c] -= reach - column_far[c]
            most = min(left[start], wanted[end])
            sent = _send(most, end, flow, users, n_users, row_from, column_from)
            left[start] -= sent
            wanted[end] -= sent


@njit(cache=True, nogil=True)
def _look_on(
    r: int, base: int, cost: Ints, column_value: Ints, column_far: Ints, column_from: Ints
) -> None:
    """See from a row how near columns are; without a branch, so that several are seen at once.

    Columns left behind are never nearer than they were.
    """
    row = cost[r]
    for c in range(column_far.size):
        far = base + row[c] - column_value[c]
        nearer = far < column_far[c]
        column_far[c] = far if nearer else column_far[c]
        column_from[c] = r if nearer else column_from[c]


@njit(cache=True, nogil=True)
def _cheapest_way(
    start: int,
    wanted: Ints,
    cost: Ints,
    row_value: Ints,
    column_value: Ints,
    users: Ints,
    n_users: Ints,
    row_far: Ints,
    column_far: Ints,
    row_from: Ints,
    column_from: Ints,
    row_seen: Bools,
    column_seen: Bools,
) -> int:
    """Find the nearest column that wants energy, forwards along any cell, back along used ones.

    Dijkstra's algorithm on costs less values; a used cell costs nothing, so a row is as far as
    the column it is reached from. Columns equally far are left behind together, for whole costs
    tie often. Returns the column; the way back stands in the `_from` arrays.
    """
    row_seen[:] = False
    column_seen[:] = False
    column_far[:] = _FAR
    row_far[start], row_from[start], row_seen[start] = 0, -1, True
    _look_on(start, -row_value[start], cost, column_value, column_far, column_from)
    near = np.empty(column_far.size, np.int64)
    while True:
        least = _FAR
        for c in range(column_far.size):
            least = min(least, _FAR if column_seen[c] else column_far[c])
        n_near = 0
        for c in range(column_far.size):
            if column_far[c] == least and not column_seen[c]:
                if wanted[c] > 0:
                    return c
                near[n_near] = c
                n_near += 1
        for c in near[:n_near]:
            column_seen[c] = True
            for r in users[c, : n_users[c]]:
                if not row_seen[r]:
                    row_far[r], row_from[r], row_seen[r] = least, c, True
                    _look_on(r, least - row_value[r], cost, column_value, column_far, column_from)


@njit(cache=True, nogil=True)
def _add(sent: int, r: int, c: int, flow: Ints, users: Ints, n_users: Ints) -> None:
    """Let a cell carry more, or less, and keep the list of its column's users."""
    if flow[r, c] == 0:
        users[c, n_users[c]] = r
        n_users[c] += 1
    flow[r, c] += sent
    if flow[r, c] == 0:
        place = 0
        while users[c, place] != r:
            place += 1
        n_users[c] -= 1
        users[c, place] = users[c, n_users[c]]


@njit(cache=True, nogil=True)
def _send(
    most: int,
    end: int,
    flow: Ints,
    users: Ints,
    n_users: Ints,
    row_from: Ints,
    column_from: Ints,
) -> int:
    """Move what fits along a way, up to `most`, and say how much."""
    sent, c = most, end
    while c >= 0:
        r = column_from[c]
        c = row_from[r]
        if c >= 0:
            sent = min(sent, flow[r, c])
    c = end
    while c >= 0:
        r = column_from[c]
        _add(sent, r, c, flow, users, n_users)
        c = row_from[r]
        if c >= 0:
            _add(-sent, r, c, flow, users, n_users)
    return sent


@njit(cache=True, nogil=True)
def overlay(first: Ints, second: Ints, first_at: Ints, second_at: Ints, length: Ints) -> int:
    """Lay two rows of lengths with one sum beside each other, and cut both where either ends.

    Parameters
    ----------
    first, second : (n,), (m,) int64 array
        Not negative, with equal sums.
    first_at, second_at, length : (n + m,) int64 array, written
        Of each common piece: which of the first and of the second it belongs to, and how long it
        is, more than 0.

    Returns
    -------
    int
        How many pieces there are.
    """
    a, b, pieces = 0, 0, 0
    first_left = first[0] if first.size else 0
    second_left = second[0] if second.size else 0
    while a < first.size and b < second.size:
        common = min(first_left, second_left)
        if common > 0:
            first_at[pieces], second_at[pieces], length[pieces] = a, b, common
            pieces += 1
        first_left -= common
        second_left -= common
        if first_left == 0:
            a += 1
            first_left = first[a] if a < first.size else 0
        elif second_left == 0:
            b += 1
            second_left = second[b] if b < second.size else 0
    return pieces
