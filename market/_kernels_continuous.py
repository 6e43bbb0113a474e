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
# Columns of the log of trades; what is the buyer's stands beside what is the seller's.
LOG_SELL_ID, LOG_BUY_ID, LOG_SELLER, LOG_BUYER, LOG_ENERGY, LOG_PRICE, LOG_TIME, LOG_CAME = range(8)
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
def _wrong(events: Ints, i: int, row: int, rows: Ints, n_peers: int, now: int, gate: int) -> int:
    """Judge event i by itself; `row` is the order of its number or −1."""
    kind, peer, side, energy = events[i, KIND], events[i, PEER], events[i, SIDE], events[i, ENERGY]
    if kind < LIMIT or kind > AMEND:
        return NO_KIND
    if events[i, TIME] < now:
        return BACKWARDS
    if events[i, TIME] >= gate:
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
    if events[i, EXPIRY] <= events[i, TIME]:
        return STALE
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
        money that all orders add up to. [Wh], [µ€]
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
    wh, ueur = totals[0], totals[1]
    for i in range(events.shape[0]):
        at = place(events[i, ORDER_ID], ids, table)
        row = table[at]
        code = _wrong(events, i, row, rows, n_peers, now, gate)
        if code == 0 and events[i, KIND] != CANCEL:
            more_wh = np.float64(events[i, ENERGY])
            more_ueur = more_wh * abs(np.float64(events[i, PRICE]))
            if max(wh + more_wh, ueur + more_ueur) < _LARGEST_SUM:
                wh, ueur = wh + more_wh, ueur + more_ueur
            else:
                code = OVERFLOW
        fault[i] = code
        wrong += code != 0
        now = max(now, events[i, TIME])
        if row < 0 and events[i, KIND] <= MARKET:
            row = n_rows
            n_rows += 1
            table[at], ids[row] = row, events[i, ORDER_ID]
            rows[row, ROW_PRICE] = events[i, PRICE]
            rows[row, ROW_LEFT] = rows[row, ROW_GIVEN] = events[i, ENERGY]
            rows[row, ROW_PEER], rows[row, ROW_SIDE] = events[i, PEER], events[i, SIDE]
            rows[row, ROW_EXPIRY], rows[row, ROW_STATE] = events[i, EXPIRY], OPEN
        target[i] = row
    counts[N_ROWS], counts[NOW] = n_rows, now
    totals[0], totals[1] = wh, ueur
    return wrong


@njit(cache=True, nogil=True)
def _push(heaps: Ints, side: int, size: int, key: int, turn: int) -> None:
    """Add to a side's heap what comes after everything of the same key."""
    i = size
    while i > 0:
        parent = (i - 1) >> 1
        if heaps[side, parent, 0] <= key:
            break
        heaps[side, i, 0], heaps[side, i, 1] = heaps[side, parent, 0], heaps[side, parent, 1]
        i = parent
    heaps[side, i, 0], heaps[side, i, 1] = key, turn


@njit(cache=True, nogil=True)
def _pop(heaps: Ints, side: int, size: int) -> None:
    """Drop the top of a side's heap that has `size` entries left after it."""
    key, turn = heaps[side, size, 0], heaps[side, size, 1]
    i, child = 0, 1
    while child < size:
        first = heaps[side, child, 0]
        if child + 1 < size:
            second = heaps[side, child + 1, 0]
            sooner = heaps[side, child + 1, 1] < heaps[side, child, 1]
            # Which child is better is a coin's throw: arithmetic, not a branch.
            child += (second < first) | ((second == first) & sooner)
            first = min(first, second)
        if key < first or (key == first and turn < heaps[side, child, 1]):
            break
        heaps[side, i, 0], heaps[side, i, 1] = first, heaps[side, child, 1]
        i, child = child, 2 * child + 1
    heaps[side, i, 0], heaps[side, i, 1] = key, turn


@njit(cache=True, nogil=True)
def _note(
    rows: Ints, ids: Ints, log: Ints, n: int, other: int, row: int, energy: int, now: int
) -> None:
    """Write down a trade of a resting order and the one that came."""
    came = rows[row, ROW_SIDE]
    log[n, LOG_SELL_ID + came], log[n, LOG_BUY_ID - came] = ids[row], ids[other]
    log[n, LOG_SELLER + came] = rows[row, ROW_PEER]
    log[n, LOG_BUYER - came] = rows[other, ROW_PEER]
    log[n, LOG_ENERGY], log[n, LOG_PRICE] = energy, rows[other, ROW_PRICE]
    log[n, LOG_TIME], log[n, LOG_CAME] = now, came


@njit(cache=True, nogil=True)
def _take(
    row: int,
    limit_key: int,
    now: int,
    rows: Ints,
    ids: Ints,
    heaps: Ints,
    row_of_turn: Ints,
    log: Ints,
    size: int,
    n_trades: int,
) -> tuple[int, int]:
    """Trade an order against the other side, best first; give that side's size and the trades."""
    left, peer, side = rows[row, ROW_LEFT], rows[row, ROW_PEER], 1 - rows[row, ROW_SIDE]
    while left > 0 and size > 0 and heaps[side, 0, 0] <= limit_key:
        turn = heaps[side, 0, 1]
        other = row_of_turn[turn]
        if rows[other, ROW_TURN] == turn and rows[other, ROW_STATE] == OPEN:
            if rows[other, ROW_EXPIRY] <= now:
                rows[other, ROW_STATE] = EXPIRED
            elif rows[other, ROW_PEER] == peer:
                rows[other, ROW_STATE] = SELF_TRADE
            else:
                traded = min(left, rows[other, ROW_LEFT])
                left -= traded
                rows[other, ROW_LEFT] -= traded
                _note(rows, ids, log, n_trades, other, row, traded, now)
                n_trades += 1
                if rows[other, ROW_LEFT] > 0:
                    break
                rows[other, ROW_STATE] = FILLED
        size -= 1
        _pop(heaps, side, size)
    rows[row, ROW_LEFT] = left
    return size, n_trades


@njit(cache=True, nogil=True)
def _amend(rows: Ints, row: int, price: int, energy: int, expiry: int) -> bool:
    """Change an open order; tell whether it has to queue again."""
    filled = rows[row, ROW_GIVEN] - rows[row, ROW_LEFT]
    again = price != rows[row, ROW_PRICE] or energy > rows[row, ROW_GIVEN]
    rows[row, ROW_PRICE], rows[row, ROW_EXPIRY] = price, expiry
    rows[row, ROW_GIVEN] = max(energy, filled)
    rows[row, ROW_LEFT] = rows[row, ROW_GIVEN] - filled
    if rows[row, ROW_LEFT] == 0:
        rows[row, ROW_STATE] = FILLED
    return bool(again and rows[row, ROW_LEFT] > 0)


@njit(cache=True, nogil=True)
def _change(events: Ints, i: int, rows: Ints, row: int) -> bool:
    """Cancel or amend an order if it is still open; tell whether it has to queue again."""
    if rows[row, ROW_STATE] != OPEN:
        return False
    if rows[row, ROW_EXPIRY] <= events[i, TIME]:
        rows[row, ROW_STATE] = EXPIRED
        return False
    if events[i, KIND] == AMEND:
        return _amend(rows, row, events[i, PRICE], events[i, ENERGY], events[i, EXPIRY])
    rows[row, ROW_STATE] = CANCELLED
    return False


@njit(cache=True, nogil=True)
def match_events(
    events: Ints,
    target: Ints,
    rows: Ints,
    ids: Ints,
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
    rows, ids : (capacity, 8), (capacity,) int64 array
    heaps : (2, capacity, 2) int64 array
        Sellers, then buyers: price (negative for buyers) and turn, the best first.
    row_of_turn : (capacity,) int64 array
        Whose turn it is: a new one whenever an order queues.
    log : (capacity, 8) int64 array
        Trades, appended.
    counts : (6,) int64 array
        The capacity must reach the turns given out so far plus n.
    """
    n_turns, n_trades = counts[N_TURNS], counts[N_TRADES]
    for i in range(events.shape[0]):
        kind, row = events[i, KIND], target[i]
        if kind >= CANCEL and not _change(events, i, rows, row):
            continue
        side = rows[row, ROW_SIDE]
        key = rows[row, ROW_PRICE] * (1 - 2 * side)
        counts[N_BUYS - side], n_trades = _take(
            row,
            2**62 if kind == MARKET else -key,
            events[i, TIME],
            rows,
            ids,
            heaps,
            row_of_turn,
            log,
            counts[N_BUYS - side],
            n_trades,
        )
        if rows[row, ROW_LEFT] == 0:
            rows[row, ROW_STATE] = FILLED
        elif kind != LIMIT and kind != AMEND:
            rows[row, ROW_STATE] = DROPPED
        else:
            rows[row, ROW_TURN], row_of_turn[n_turns] = n_turns, row
            _push(heaps, side, counts[N_SELLS + side], key, n_turns)
            counts[N_SELLS + side] += 1
            n_turns += 1
    counts[N_TURNS], counts[N_TRADES] = n_turns, n_trades
