"""Compiled inner loops of the continuous double auction: events in, trades out.

A book is a set of arrays that only grow. An order keeps one row for life; each side has a binary
heap of (price, turn), best first, in which an order that was cancelled, amended or has expired is
left lying and is dropped when it comes to the top. A trade always finishes one of its two orders,
so there are never more trades than orders and no array can run over inside a kernel.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

# Kinds of event, as in `order_book.Kind`.
LIMIT, IMMEDIATE, MARKET, CANCEL, AMEND = range(5)
# Columns of an event.
KIND, ORDER_ID, PEER, SIDE, PRICE, ENERGY, TIME, EXPIRY = range(8)
# Columns of an order's row; side is 1 for a buyer.
ROW_PRICE, ROW_LEFT, ROW_GIVEN, ROW_PEER, ROW_SIDE, ROW_EXPIRY, ROW_TURN, ROW_STATE = range(8)
# Columns of the log of trades; the first two are rows of orders.
LOG_RESTING, LOG_INCOMING, LOG_ENERGY, LOG_PRICE, LOG_TIME = range(5)
# What the book counts: rows, turns given out, trades, heap sizes of sellers and buyers, last time.
N_ROWS, N_TURNS, N_TRADES, N_SELLS, N_BUYS, NOW = range(6)
# States of an order, as in `order_book.State`.
OPEN, FILLED, CANCELLED, EXPIRED, SELF_TRADE, DROPPED = range(6)
# What can be wrong with an event; 0 is nothing.
NO_KIND, NO_PEER, NO_SIDE, NO_ENERGY, TWICE, UNKNOWN, NOT_OWNER, TURNED = range(1, 9)
BACKWARDS, CLOSED, STALE, OVERFLOW = range(9, 13)

_LARGEST_SUM = 2.0**62
_SCATTER = np.uint64(0x9E3779B97F4A7C15)


@njit(cache=True, nogil=True)
def place(order_id: int, ids: Ints, table: Ints) -> np.int64:
    """Find where the table keeps a number, or the free place where it belongs.

    Eight neighbouring numbers lie beside each other, for the cache; the eights are scattered.
    """
    mask = table.size - 1
    eight = (np.uint64(order_id) >> np.uint64(3)) * _SCATTER
    at = ((np.int64(eight >> np.uint64(32)) << 3) | (order_id & 7)) & mask
    while table[at] >= 0 and ids[table[at]] != order_id:
        at = (at + 1) & mask
    return at


@njit(cache=True, nogil=True)
def index_ids(ids: Ints, n: int, table: Ints) -> None:
    """Fill an empty table (−1 everywhere, a power of two above 2 n) with the first n numbers."""
    for row in range(n):
        table[place(ids[row], ids, table)] = row


@njit(cache=True, nogil=True)
def _wrong(
    event: Ints, row: int, rows: Ints, totals: Floats, n_peers: int, now: int, gate: int
) -> int:
    """Judge one event; `row` is the order of that number or −1. Sums grow in `totals`."""
    kind, peer, side, energy = event[KIND], event[PEER], event[SIDE], event[ENERGY]
    if kind < LIMIT or kind > AMEND:
        return NO_KIND
    if event[TIME] < now:
        return BACKWARDS
    if event[TIME] >= gate:
        return CLOSED
    if kind >= CANCEL:
        if row < 0:
            return UNKNOWN
        if rows[row, ROW_PEER] != peer:
            return NOT_OWNER
        if kind == CANCEL:
            return 0
        if rows[row, ROW_SIDE] != side:
            return TURNED
    elif row >= 0:
        return TWICE
    if peer < 0 or peer >= n_peers:
        return NO_PEER
    if side != 0 and side != 1:
        return NO_SIDE
    if energy <= 0:
        return NO_ENERGY
    if event[EXPIRY] <= event[TIME]:
        return STALE
    price = 0.0 if kind == MARKET else abs(np.float64(event[PRICE]))
    total_wh, total_ueur = totals[side, 0] + energy, totals[side, 1] + energy * price
    if max(total_wh, total_ueur) >= _LARGEST_SUM:
        return OVERFLOW
    totals[side, 0], totals[side, 1] = total_wh, total_ueur
    return 0


@njit(cache=True, nogil=True)
def enter_events(
    events: Ints,
    rows: Ints,
    ids: Ints,
    table: Ints,
    counts: Ints,
    totals: Floats,
    n_peers: int,
    gate: int,
    target: Ints,
    fault: Ints,
) -> int:
    """Give every new order a row and judge every event, without matching anything.

    Parameters
    ----------
    events : (n, 8) int64 array
        In the order in which they happen.
    rows, ids, table, counts, totals : arrays
        The book: rows and numbers of orders, where to find a number, counters, and energy and
        money given so far by side. [Wh], [µ€]
    n_peers, gate : int
        Peers are counted below the first; times must lie before the second.
    target, fault : (n,) int64 array, written
        Row of each event's order, and what is wrong with it or 0.

    Returns
    -------
    int
        How many events are wrong. If any, the caller takes `counts` and `totals` back to what
        they were and fills `table` again; no order has been touched.
    """
    n_rows, now, wrong = counts[N_ROWS], counts[NOW], 0
    for i in range(events.shape[0]):
        event = events[i]
        at = place(event[ORDER_ID], ids, table)
        row = table[at]
        fault[i] = _wrong(event, row, rows, totals, n_peers, now, gate)
        wrong += fault[i] != 0
        now = max(now, event[TIME])
        if row < 0 and event[KIND] <= MARKET:
            row = n_rows
            n_rows += 1
            table[at], ids[row] = row, event[ORDER_ID]
            rows[row, ROW_PRICE] = event[PRICE]
            rows[row, ROW_LEFT] = rows[row, ROW_GIVEN] = event[ENERGY]
            rows[row, ROW_PEER], rows[row, ROW_SIDE] = event[PEER], event[SIDE]
            rows[row, ROW_EXPIRY], rows[row, ROW_STATE] = event[EXPIRY], OPEN
        target[i] = row
    counts[N_ROWS], counts[NOW] = n_rows, now
    return wrong


@njit(cache=True, nogil=True)
def _push(heap: Ints, size: int, key: int, turn: int) -> None:
    """Add what comes after everything of the same key."""
    i = size
    while i > 0:
        parent = (i - 1) >> 1
        if heap[parent, 0] <= key:
            break
        heap[i, 0], heap[i, 1] = heap[parent, 0], heap[parent, 1]
        i = parent
    heap[i, 0], heap[i, 1] = key, turn


@njit(cache=True, nogil=True)
def _pop(heap: Ints, size: int) -> None:
    """Drop the top of a heap that has `size` entries left after it."""
    key, turn = heap[size, 0], heap[size, 1]
    i, child = 0, 1
    while child < size:
        if child + 1 < size:
            other = heap[child + 1, 0]
            child += other < heap[child, 0] or (
                other == heap[child, 0] and heap[child + 1, 1] < heap[child, 1]
            )
        if key < heap[child, 0] or (key == heap[child, 0] and turn < heap[child, 1]):
            break
        heap[i, 0], heap[i, 1] = heap[child, 0], heap[child, 1]
        i, child = child, 2 * child + 1
    heap[i, 0], heap[i, 1] = key, turn


@njit(cache=True, nogil=True)
def _take(
    row: int,
    limit_key: int,
    now: int,
    rows: Ints,
    heap: Ints,
    size: int,
    row_of_turn: Ints,
    log: Ints,
    n_trades: int,
) -> tuple[int, int]:
    """Trade an order against the other side, best first; give that side's size and the trades."""
    left, peer = rows[row, ROW_LEFT], rows[row, ROW_PEER]
    while left > 0 and size > 0 and heap[0, 0] <= limit_key:
        turn = heap[0, 1]
        other = row_of_turn[turn]
        resting = rows[other]
        if resting[ROW_TURN] == turn and resting[ROW_STATE] == OPEN:
            if resting[ROW_EXPIRY] <= now:
                resting[ROW_STATE] = EXPIRED
            elif resting[ROW_PEER] == peer:
                resting[ROW_STATE] = SELF_TRADE
            else:
                traded = min(left, resting[ROW_LEFT])
                left -= traded
                resting[ROW_LEFT] -= traded
                log[n_trades, LOG_RESTING], log[n_trades, LOG_INCOMING] = other, row
                log[n_trades, LOG_ENERGY], log[n_trades, LOG_TIME] = traded, now
                log[n_trades, LOG_PRICE] = resting[ROW_PRICE]
                n_trades += 1
                if resting[ROW_LEFT] > 0:
                    break
                resting[ROW_STATE] = FILLED
        size -= 1
        _pop(heap, size)
    rows[row, ROW_LEFT] = left
    return size, n_trades


@njit(cache=True, nogil=True)
def _amend(event: Ints, order: Ints) -> bool:
    """Change an open order; tell whether it has to queue again."""
    filled = order[ROW_GIVEN] - order[ROW_LEFT]
    again = event[PRICE] != order[ROW_PRICE] or event[ENERGY] > order[ROW_GIVEN]
    order[ROW_PRICE], order[ROW_EXPIRY] = event[PRICE], event[EXPIRY]
    order[ROW_GIVEN] = max(event[ENERGY], filled)
    order[ROW_LEFT] = order[ROW_GIVEN] - filled
    if order[ROW_LEFT] == 0:
        order[ROW_STATE] = FILLED
    return bool(again and order[ROW_LEFT] > 0)


@njit(cache=True, nogil=True)
def _change(event: Ints, order: Ints) -> bool:
    """Cancel or amend an order if it is still open; tell whether it has to queue again."""
    if order[ROW_STATE] != OPEN:
        return False
    if order[ROW_EXPIRY] <= event[TIME]:
        order[ROW_STATE] = EXPIRED
        return False
    if event[KIND] == AMEND:
        return _amend(event, order)
    order[ROW_STATE] = CANCELLED
    return False


@njit(cache=True, nogil=True)
def match_events(
    events: Ints,
    target: Ints,
    rows: Ints,
    heaps: Ints,
    row_of_turn: Ints,
    log: Ints,
    counts: Ints,
) -> None:
    """Let events happen that `enter_events` found good.

    Parameters
    ----------
    events, target : (n, 8), (n,) int64 array
        As in `enter_events`.
    rows : (capacity, 8) int64 array
    heaps : (2, capacity, 2) int64 array
        Sellers, then buyers: price (negative for buyers) and turn, the best first.
    row_of_turn : (capacity,) int64 array
        Whose turn it is: a new one whenever an order queues.
    log : (capacity, 5) int64 array
        Trades, appended.
    counts : (6,) int64 array
        The capacity must reach the turns given out so far plus n.
    """
    n_turns, n_trades = counts[N_TURNS], counts[N_TRADES]
    for i in range(events.shape[0]):
        event, row = events[i], target[i]
        kind, order = event[KIND], rows[row]
        if kind >= CANCEL and not _change(event, order):
            continue
        side = order[ROW_SIDE]
        key = order[ROW_PRICE] * (1 - 2 * side)
        against = heaps[1 - side]
        counts[N_BUYS - side], n_trades = _take(
            row,
            2**62 if kind == MARKET else -key,
            event[TIME],
            rows,
            against,
            counts[N_BUYS - side],
            row_of_turn,
            log,
            n_trades,
        )
        if order[ROW_LEFT] == 0:
            order[ROW_STATE] = FILLED
        elif kind != LIMIT and kind != AMEND:
            order[ROW_STATE] = DROPPED
        else:
            order[ROW_TURN], row_of_turn[n_turns] = n_turns, row
            _push(heaps[side], counts[N_SELLS + side], key, n_turns)
            counts[N_SELLS + side] += 1
            n_turns += 1
    counts[N_TURNS], counts[N_TRADES] = n_turns, n_trades
