"""The kernel that says who sells to whom, once the prices of the 14-bus case's groups are known."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

TIGHT = 1e-9
"""Prices nearer than this to a bound count as on it. [$/MWh]"""


@njit(cache=True, nogil=True)
def _find_way(source: int, has: Floats, wants: Floats, way: Bools, flow: Floats, came: Ints) -> int:
    """Breadth first from a seller that has energy left to a buyer that wants some; -1 if none."""
    n = has.size
    came[:] = -2
    queue = np.empty(2 * n, dtype=np.int64)
    queue[0], head, tail = source, 0, 1
    came[source] = -1
    while head < tail:
        at = queue[head]
        head += 1
        for other in range(n):
            if at < n and way[at, other] and came[n + other] == -2:
                came[n + other] = at
                if wants[other] > 0.0:
                    return n + other
                queue[tail] = n + other
                tail += 1
            elif at >= n and flow[other, at - n] > 0.0 and came[other] == -2:
                came[other] = at
                queue[tail] = other
                tail += 1
    return -1


@njit(cache=True, nogil=True)
def _carry(has: Floats, wants: Floats, way: Bools, flow: Floats) -> None:
    """Send what each seller has to buyers over open ways: augmenting paths, exact for few nodes.

    The grid is the last node on either side; what it has and wants is without limit.
    """
    n = has.size
    came = np.empty(2 * n, dtype=np.int64)
    for source in range(n):
        while has[source] > 0.0:
            end = _find_way(source, has, wants, way, flow, came)
            if end < 0:
                break
            amount, at = min(has[source], wants[end - n]), end
            while came[at] != -1:
                if at < n:
                    amount = min(amount, flow[at, came[at] - n])
                at = came[at]
            at = end
            while came[at] != -1:
                if at >= n:
                    flow[came[at], at - n] += amount
                else:
                    flow[at, came[at] - n] -= amount
                at = came[at]
            has[source] -= amount
            wants[end - n] -= amount


@njit(cache=True, nogil=True)
def send(
    net: Floats, price: Floats, lowest: Floats, highest: Floats, cost: Floats, flow: Floats
) -> float:
    """Say who sells to whom, groups and grid, along ways whose prices differ by their cost.

    Whatever rounding leaves over, the grid takes or gives, so that every group balances exactly.
    """
    n = net.size
    has, wants = np.zeros(n + 1), np.zeros(n + 1)
    way = np.zeros((n + 1, n + 1), dtype=np.bool_)
    for c in range(n):
        has[c], wants[c] = max(net[c], 0.0), max(-net[c], 0.0)
        for d in range(n):
            way[c, d] = c != d and abs(price[d] - price[c] - cost[c, d]) <= 1e3 * TIGHT
        way[c, n] = price[c] - lowest[c] <= 1e3 * TIGHT
        way[n, c] = highest[c] - price[c] <= 1e3 * TIGHT
    wants[n] = has.sum()
    has[n] = 2.0 * wants[:n].sum()
    _carry(has, wants, way, flow)
    astray = 0.0
    for c in range(n):
        flow[c, n] += has[c]
        flow[n, c] += wants[c]
        astray = max(astray, has[c], wants[c])
    return astray
