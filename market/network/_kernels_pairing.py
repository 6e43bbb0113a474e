"""Compiled inner loops of the pairing: arrays in, arrays out, no object, no exception."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

_FAR = np.int64(2**62)


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
