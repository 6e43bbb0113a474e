"""Compiled entry to a continuous order book: every event is judged before anything is matched, so
that a batch is taken whole or not at all.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from ._kernels_continuous import (
    AMEND,
    CANCEL,
    ENERGY,
    EXPIRY,
    KIND,
    LIMIT,
    MARKET,
    N_ROWS,
    NOW,
    OPEN,
    ORDER_ID,
    PEER,
    PRICE,
    ROW_EXPIRY,
    ROW_GIVEN,
    ROW_ID,
    ROW_LEFT,
    ROW_MARK,
    ROW_PEER,
    ROW_PRICE,
    ROW_SIDE,
    SIDE,
    TIME,
)

Ints = NDArray[np.int64]
Table = NDArray[np.int32]
Codes = NDArray[np.int8]
Floats = NDArray[np.float64]

# What can be wrong with an event; 0 is nothing.
NO_KIND, NO_PEER, NO_SIDE, NO_ENERGY, TWICE, UNKNOWN, NOT_OWNER, TURNED = range(1, 9)
BACKWARDS, CLOSED, STALE, OVERFLOW = range(9, 13)

_LARGEST_SUM = 2.0**62
_SCATTER = np.uint64(0x9E3779B97F4A7C15)


@njit(cache=True, nogil=True)
def place(order_id: int, rows: Ints, table: Table) -> np.int64:
    """Find where the table keeps a number, or the free place where it belongs.

    Eight neighbouring numbers lie beside each other, for the cache; the eights are scattered.
    """
    mask = table.size - 1
    eight = (np.uint64(order_id) >> np.uint64(3)) * _SCATTER
    at = ((np.int64(eight >> np.uint64(32)) << 3) | (order_id & 7)) & mask
    while table[at] >= 0 and rows[table[at], ROW_ID] != order_id:
        at = (at + 1) & mask
    return at


@njit(cache=True, nogil=True)
def index_ids(rows: Ints, n: int, table: Table) -> None:
    """Fill an empty table (−1 everywhere, a power of two above 2 n) with the first n orders."""
    for row in range(n):
        table[place(rows[row, ROW_ID], rows, table)] = row


@njit(cache=True, nogil=True)
def _wrong(
    kind: int,
    peer: int,
    side: int,
    energy: int,
    time: int,
    expiry: int,
    row: int,
    rows: Ints,
    n_peers: int,
    now: int,
    gate: int,
) -> int:
    """Judge an event by itself; `row` is the order of its number or −1."""
    if kind < LIMIT or kind > AMEND:
        return NO_KIND
    if time < now:
        return BACKWARDS
    if time >= gate:
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
    if expiry <= time:
        return STALE
    return 0


@njit(cache=True, nogil=True)
def enter_events(
    events: Ints,
    rows: Ints,
    table: Table,
    counts: Ints,
    totals: Floats,
    n_peers: int,
    gate: int,
    target: Table,
    fault: Codes,
) -> int:
    """Give every new order a row and judge every event, without matching anything.

    Parameters
    ----------
    events : (n, 8) int64 array
        In the order in which they happen.
    rows, table, counts, totals : arrays
        The book: orders, where to find a number, counters, and energy and money that all orders
        add up to. [Wh], [µ€]
    n_peers, gate : int
        Peers are counted below the first; times must lie before the second.
    target : (n,) int32 array, written
        Row of each event's order.
    fault : (n,) int8 array, written
        What is wrong with each event; 0 before, and where nothing is.

    Returns
    -------
    int
        How many events are wrong. If any, the caller takes `counts` and `totals` back to what
        they were and fills `table` again; no order has been touched.
    """
    n_rows, now, wrong = counts[N_ROWS], counts[NOW], 0
    wh, ueur = totals[0], totals[1]
    for i in range(events.shape[0]):
        # Read once into registers: the compiler cannot know that the writes below leave events be.
        kind, number, peer, side = (
            events[i, KIND],
            events[i, ORDER_ID],
            events[i, PEER],
            events[i, SIDE],
        )
        price, energy, time, expiry = (
            events[i, PRICE],
            events[i, ENERGY],
            events[i, TIME],
            events[i, EXPIRY],
        )
        at = place(number, rows, table)
        row = int(table[at])
        code = _wrong(kind, peer, side, energy, time, expiry, row, rows, n_peers, now, gate)
        if code == 0 and kind != CANCEL:
            more_wh = np.float64(energy)
            more_ueur = more_wh * abs(np.float64(price))
            if max(wh + more_wh, ueur + more_ueur) < _LARGEST_SUM:
                wh, ueur = wh + more_wh, ueur + more_ueur
            else:
                code = OVERFLOW
        if code != 0:
            fault[i] = code
            wrong += 1
        now = max(now, time)
        if row < 0 and kind <= MARKET:
            row = n_rows
            n_rows += 1
            table[at] = row
            rows[row, ROW_PRICE] = price
            rows[row, ROW_LEFT] = rows[row, ROW_GIVEN] = energy
            rows[row, ROW_PEER], rows[row, ROW_SIDE] = peer, side
            rows[row, ROW_EXPIRY], rows[row, ROW_MARK] = expiry, -OPEN
            rows[row, ROW_ID] = number
        target[i] = row
    counts[N_ROWS], counts[NOW] = n_rows, now
    totals[0], totals[1] = wh, ueur
    return wrong
