"""Compiled inner loops of the continuous double auction: events in, trades out.

A book is a set of arrays that only grow. An order keeps one row for life, of 64 bytes, so that all
there is to know of it is one line of the cache. Each side has a binary heap, best first, whose
entries hold a price and a mark: the turn in which the order came, and its row. The order keeps the
mark of its one entry that counts; where it was cancelled, filled, amended or has expired, what is
left lying in the heap bears no order's mark, and is dropped when it comes to the top. A trade
always finishes one of its two orders, so there are never more trades than orders and no array can
run over inside a kernel.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Table = NDArray[np.int32]

# The layout of the tables. `_kernels_entering` is compiled with it too, and numba keeps what it
# compiled until that file changes: who changes a number here touches both.
# Kinds of event, as in `order_events.Kind`.
LIMIT, IMMEDIATE, MARKET, CANCEL, AMEND = range(5)
# Columns of an event.
KIND, ORDER_ID, PEER, SIDE, PRICE, ENERGY, TIME, EXPIRY = range(8)
# Columns of an order's row. Side is 1 for a buyer. Mark is more than 0 while the order queues, else
# its state, negative.
ROW_PRICE, ROW_LEFT, ROW_GIVEN, ROW_PEER, ROW_SIDE, ROW_EXPIRY, ROW_MARK, ROW_ID = range(8)
# Columns of the log of trades; what is the buyer's stands beside what is the seller's.
LOG_SELL_ID, LOG_BUY_ID, LOG_SELLER, LOG_BUYER, LOG_ENERGY, LOG_PRICE, LOG_TIME, LOG_CAME = range(8)
# What the book counts: rows, turns given out, trades, heap sizes of sellers and buyers, last time.
N_ROWS, N_TURNS, N_TRADES, N_SELLS, N_BUYS, NOW = range(6)
# States of an order, as in `order_views.State`.
OPEN, FILLED, CANCELLED, EXPIRED, SELF_TRADE, DROPPED = range(6)
# A mark is turn · 2^31 + row, so marks are in turn and there is room for 2^31 rows and 2^32 turns.
_ROW_BITS = 31
_ROW = 2**_ROW_BITS - 1


@njit(cache=True, nogil=True)
def _push(heaps: Ints, side: int, size: int, key: int, mark: int) -> None:
    """Add to a side's heap what comes after everything of the same key."""
    i = size
    while i > 0:
        parent = (i - 1) >> 1
        if heaps[side, parent, 0] <= key:
            break
        heaps[side, i, 0], heaps[side, i, 1] = heaps[side, parent, 0], heaps[side, parent, 1]
        i = parent
    heaps[side, i, 0], heaps[side, i, 1] = key, mark


@njit(cache=True, nogil=True)
def _pop(heaps: Ints, side: int, size: int) -> None:
    """Drop the top of a side's heap that has `size` entries left after it."""
    key, mark = heaps[side, size, 0], heaps[side, size, 1]
    i, child = 0, 1
    while child < size:
        first = heaps[side, child, 0]
        if child + 1 < size:
            second = heaps[side, child + 1, 0]
            sooner = heaps[side, child + 1, 1] < heaps[side, child, 1]
            # Which child is better is a coin's throw: arithmetic, not a branch.
            child += (second < first) | ((second == first) & sooner)
            first = min(first, second)
        if key < first or (key == first and mark < heaps[side, child, 1]):
            break
        heaps[side, i, 0], heaps[side, i, 1] = first, heaps[side, child, 1]
        i, child = child, 2 * child + 1
    heaps[side, i, 0], heaps[side, i, 1] = key, mark


# The next three are asked to be inlined: as calls, they made matching a quarter slower.


@njit(cache=True, nogil=True, inline="always")
def _note(rows: Ints, log: Ints, n: int, other: int, row: int, energy: int, now: int) -> None:
    """Write down a trade of a resting order and the one that came."""
    came = rows[row, ROW_SIDE]
    log[n, LOG_SELL_ID + came] = rows[row, ROW_ID]
    log[n, LOG_BUY_ID - came] = rows[other, ROW_ID]
    log[n, LOG_SELLER + came] = rows[row, ROW_PEER]
    log[n, LOG_BUYER - came] = rows[other, ROW_PEER]
    log[n, LOG_ENERGY], log[n, LOG_PRICE] = energy, rows[other, ROW_PRICE]
    log[n, LOG_TIME], log[n, LOG_CAME] = now, came


@njit(cache=True, nogil=True, inline="always")
def _take(
    row: int,
    limit_key: int,
    now: int,
    rows: Ints,
    heaps: Ints,
    log: Ints,
    size: int,
    n_trades: int,
) -> tuple[int, int]:
    """Trade an order against the other side, best first; give that side's size and the trades."""
    left, peer, side = rows[row, ROW_LEFT], rows[row, ROW_PEER], 1 - rows[row, ROW_SIDE]
    while left > 0 and size > 0 and heaps[side, 0, 0] <= limit_key:
        mark = heaps[side, 0, 1]
        other = mark & _ROW
        if rows[other, ROW_MARK] == mark:
            if rows[other, ROW_EXPIRY] <= now:
                rows[other, ROW_MARK] = -EXPIRED
            elif rows[other, ROW_PEER] == peer:
                rows[other, ROW_MARK] = -SELF_TRADE
            else:
                there = rows[other, ROW_LEFT]
                traded = min(left, there)
                left -= traded
                rows[other, ROW_LEFT] = there - traded
                _note(rows, log, n_trades, other, row, traded, now)
                n_trades += 1
                if there > traded:
                    break
                rows[other, ROW_MARK] = -FILLED
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
        rows[row, ROW_MARK] = -FILLED
    return bool(again and rows[row, ROW_LEFT] > 0)


@njit(cache=True, nogil=True, inline="always")
def _change(events: Ints, i: int, rows: Ints, row: int) -> bool:
    """Cancel or amend an order if it is still open; tell whether it has to queue again."""
    if rows[row, ROW_MARK] < 0:
        return False
    if rows[row, ROW_EXPIRY] <= events[i, TIME]:
        rows[row, ROW_MARK] = -EXPIRED
        return False
    if events[i, KIND] == AMEND:
        return _amend(rows, row, events[i, PRICE], events[i, ENERGY], events[i, EXPIRY])
    rows[row, ROW_MARK] = -CANCELLED
    return False


@njit(cache=True, nogil=True)
def match_events(
    events: Ints,
    target: Table,
    rows: Ints,
    heaps: Ints,
    log: Ints,
    counts: Ints,
) -> None:
    """Let events happen that `_kernels_entering.enter_events` found good.

    Parameters
    ----------
    events, target : (n, 8) int64, (n,) int32 array
        As `enter_events` took and gave them.
    rows : (capacity, 8) int64 array
    heaps : (2, capacity, 2) int64 array
        Sellers, then buyers: price (negative for buyers) and mark, the best first.
    log : (capacity, 8) int64 array
        Trades, appended.
    counts : (6,) int64 array
        The capacity must reach the turns given out so far plus n.
    """
    n_turns, n_trades = counts[N_TURNS], counts[N_TRADES]
    for i in range(events.shape[0]):
        kind, row = events[i, KIND], int(target[i])
        if kind >= CANCEL and not _change(events, i, rows, row):
            continue
        side = rows[row, ROW_SIDE]
        key = rows[row, ROW_PRICE] * (1 - 2 * side)
        counts[N_BUYS - side], n_trades = _take(
            row,
            2**62 if kind == MARKET else -key,
            events[i, TIME],
            rows,
            heaps,
            log,
            counts[N_BUYS - side],
            n_trades,
        )
        if rows[row, ROW_LEFT] == 0:
            rows[row, ROW_MARK] = -FILLED
        elif kind != LIMIT and kind != AMEND:
            rows[row, ROW_MARK] = -DROPPED
        else:
            n_turns += 1
            rows[row, ROW_MARK] = (n_turns << _ROW_BITS) | row
            _push(heaps, side, counts[N_SELLS + side], key, rows[row, ROW_MARK])
            counts[N_SELLS + side] += 1
    counts[N_TURNS], counts[N_TRADES] = n_turns, n_trades
