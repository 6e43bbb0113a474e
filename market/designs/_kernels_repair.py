"""Compiled search for trades within all bounds near given ones: arrays in, arrays out."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@njit(cache=True, nogil=True)
def push_home(
    start: Ints,
    rev: Ints,
    owner: Ints,
    least: Floats,
    low: Floats,
    high: Floats,
    slack: float,
    trade: Floats,
    net: Floats,
    reached: Ints,
) -> int:
    """Move trades until every peer's net injection is within its bounds.

    What a peer injects too much goes along the shortest way over links to one that has room, as in
    the search for a greatest flow by shortest ways [1]_; what it injects too little comes alike.
    Where there is no way no trades whatever keep all bounds.

    Parameters
    ----------
    start : (n + 1,) int64 array
        Where each peer's slots begin.
    rev, owner : (s,) int64 array
        Other end and peer of each slot.
    least : (s,) float array
        Least trade of each slot: 0 where it only sells, −∞ where it may buy; its greatest is minus
        the least of the other end. [Wh]
    low, high : (n,) float array
        [Wh]
    slack : float
        By how much a bound may be missed. [Wh]
    trade : (s,) float array
        Energy given over each slot, minus that of the other end; changed. [Wh]
    net : (n,) float array
        Takes the injections. [Wh]
    reached : (n,) int64 array
        Where it fails: 1 for the peers among whom the energy stays.

    Returns
    -------
    int
        The peer that cannot be helped, or −1.

    References
    ----------
    .. [1] J. Edmonds and R. M. Karp, "Theoretical improvements in algorithmic efficiency for
       network flow problems," J. ACM, vol. 19, 1972.
    """
    n, crumb = start.size - 1, 1e-3 * slack  # rounding must not count as room
    for i in range(n):
        net[i] = 0.0
        for j in range(start[i], start[i + 1]):
            net[i] += trade[j]
    came = np.empty(n, dtype=np.int64)
    queue = np.empty(n, dtype=np.int64)
    for i in range(n):
        while net[i] > high[i] + slack or net[i] < low[i] - slack:
            sign = 1.0 if net[i] > high[i] else -1.0
            goal = _search(
                start, rev, owner, least, low, high, crumb, trade, net, i, sign, came, queue
            )
            if goal < 0:
                for k in range(n):
                    reached[k] = came[k] >= -1
                return i
            much = net[i] - high[i] if sign > 0.0 else low[i] - net[i]
            much = min(much, high[goal] - net[goal] if sign > 0.0 else net[goal] - low[goal])
            at = goal
            while at != i:
                j = came[at]
                down = j if sign > 0.0 else rev[j]
                much = min(much, trade[down] - least[down])
                at = owner[j]
            at = goal
            while at != i:
                j = came[at]
                trade[j] -= sign * much
                trade[rev[j]] = -trade[j]
                at = owner[j]
            net[i] -= sign * much
            net[goal] += sign * much
    return -1


@njit(cache=True, nogil=True)
def _search(
    start: Ints,
    rev: Ints,
    owner: Ints,
    least: Floats,
    low: Floats,
    high: Floats,
    crumb: float,
    trade: Floats,
    net: Floats,
    source: int,
    sign: float,
    came: Ints,
    queue: Ints,
) -> int:
    """Find the nearest peer with room; `came` takes the slots by which peers are reached.

    −1 marks the source, −2 who was not reached.
    """
    came[:] = -2
    came[source] = -1
    queue[0] = source
    head, tail = 0, 1
    while head < tail:
        here = queue[head]
        head += 1
        for j in range(start[here], start[here + 1]):
            q = rev[j]
            there = owner[q]
            give = trade[j] - least[j] if sign > 0.0 else trade[q] - least[q]
            if came[there] != -2 or give <= crumb:
                continue
            came[there] = j
            room = high[there] - net[there] if sign > 0.0 else net[there] - low[there]
            if room > crumb:
                return int(there)
            queue[tail] = there
            tail += 1
    return -1
