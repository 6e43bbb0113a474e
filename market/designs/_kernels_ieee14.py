"""The kernel of the 14-bus case: groups of peers that trade inside, among each other and outside.

A group's peers trade with one another for γ; a group sells to another for a cost per pair, and to
the grid or buys from it at prices of its own. One group is full P2P, groups that reach only the
grid are communities, groups that reach one another are the hybrid.

The dual of that market has one price per group, what its sellers get: minimise Σ_c Φ_c(s_c), where
Φ_c' = N_c is the group's net injection when its sellers get s_c and its buyers pay s_c + γ. A sale
from c to d costs cost_cd where one inside d costs γ, so s_d + γ ≤ s_c + cost_cd; the grid bounds
each price. Such a function is L♮-convex, so a point is optimal exactly when no set of groups gains
by moving up or down together [1]_; the kernel moves the set that gains most until none does.

References
----------
.. [1] K. Murota, *Discrete Convex Analysis*, SIAM, 2003, ch. 7 (L♮-convex functions).
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

TIGHT = 1e-9
"""Prices nearer than this to a bound count as on it. [$/MWh]"""

MOST_MOVES = 1000
"""Moves after which a period counts as not solved; the 14-bus case takes a dozen at most."""


@njit(cache=True, nogil=True)
def _inject(
    a: float, b: float, low: float, high: float, price: float, gamma: float
) -> tuple[float, float]:
    """Give one peer's injection and its slope where sellers get `price`, buyers pay γ more."""
    if low == high:
        return low, 0.0
    power = slope = 0.0
    if price > b:
        power, slope = (price - b) / a, 1.0 / a
    elif price + gamma < b:
        power, slope = (price + gamma - b) / a, 1.0 / a
    if power <= low:
        return low, 0.0
    if power >= high:
        return high, 0.0
    return power, slope


@njit(cache=True, nogil=True)
def _net(
    a: Floats,
    b: Floats,
    low: Floats,
    high: Floats,
    first: int,
    last: int,
    price: float,
    gamma: float,
) -> tuple[float, float]:
    """Sum the injections of peers first to last, and their slopes."""
    total = slope = 0.0
    for n in range(first, last):
        one, rise = _inject(a[n], b[n], low[n], high[n], price, gamma)
        total += one
        slope += rise
    return total, slope


@njit(cache=True, nogil=True)
def _room(
    chosen: int, up: bool, price: Floats, lowest: Floats, highest: Floats, cost: Floats
) -> float:
    """Say how far a set of groups can move together before a bound or another group stops it."""
    n = price.size
    room = np.inf
    for c in range(n):
        if not (chosen >> c) & 1:
            continue
        room = min(room, highest[c] - price[c] if up else price[c] - lowest[c])
        for d in range(n):
            if not (chosen >> d) & 1:
                slack = cost[d, c] + price[d] - price[c] if up else cost[c, d] + price[c] - price[d]
                room = min(room, slack)
    return room


@njit(cache=True, nogil=True)
def _pull(
    chosen: int,
    up: bool,
    shift: float,
    a: Floats,
    b: Floats,
    low: Floats,
    high: Floats,
    starts: Ints,
    price: Floats,
    gamma: float,
) -> tuple[float, float]:
    """Slope of the dual, and its own slope, after a set of groups has moved by `shift`."""
    sign = 1.0 if up else -1.0
    total = slope = 0.0
    for c in range(price.size):
        if (chosen >> c) & 1:
            moved = price[c] + sign * shift
            net, rise = _net(a, b, low, high, starts[c], starts[c + 1], moved, gamma)
            total += net
            slope += rise
    return sign * total, slope


@njit(cache=True, nogil=True)
def _step(
    chosen: int,
    up: bool,
    room: float,
    tolerance: float,
    a: Floats,
    b: Floats,
    low: Floats,
    high: Floats,
    starts: Ints,
    price: Floats,
    gamma: float,
) -> float:
    """Say how far to move a set of groups: to the end of its room or to where it gains no more.

    Newton's method kept inside a bracket: the slope is piecewise linear, so it ends exactly.
    """
    if _pull(chosen, up, room, a, b, low, high, starts, price, gamma)[0] <= 0.0:
        return room
    below, above, shift = 0.0, room, 0.0
    for _ in range(100):
        pull, slope = _pull(chosen, up, shift, a, b, low, high, starts, price, gamma)
        if abs(pull) <= tolerance:
            break
        if pull < 0.0:
            below = shift
        else:
            above = shift
        aimed = shift - pull / slope if slope > 0.0 else -1.0
        shift = aimed if below < aimed < above else 0.5 * (below + above)
        if above - below <= 1e-15 * (1.0 + above):
            break
    return shift


@njit(cache=True, nogil=True)
def _improve(
    a: Floats,
    b: Floats,
    low: Floats,
    high: Floats,
    starts: Ints,
    lowest: Floats,
    highest: Floats,
    cost: Floats,
    gamma: float,
    tolerance: float,
    sets: Ints,
    price: Floats,
) -> bool:
    """Move the first set of groups that gains to where it gains no more; say whether one did."""
    for chosen in sets:
        pull = _pull(chosen, True, 0.0, a, b, low, high, starts, price, gamma)[0]
        if abs(pull) <= tolerance:
            continue
        up = pull < 0.0
        room = _room(chosen, up, price, lowest, highest, cost)
        if room <= TIGHT:
            continue
        shift = _step(chosen, up, room, tolerance, a, b, low, high, starts, price, gamma)
        for c in range(price.size):
            if (chosen >> c) & 1:
                price[c] += shift if up else -shift
        return True
    return False


@njit(cache=True, nogil=True)
def _settle_prices(
    a: Floats,
    b: Floats,
    low: Floats,
    high: Floats,
    starts: Ints,
    lowest: Floats,
    highest: Floats,
    cost: Floats,
    gamma: float,
    tolerance: float,
    sets: Ints,
    price: Floats,
) -> int:
    """Move sets of groups until none gains; give the moves, or -1 where they did not end.

    Small sets come first: groups that are free of one another then take one move each.
    """
    for rounds in range(MOST_MOVES):
        if not _improve(
            a, b, low, high, starts, lowest, highest, cost, gamma, tolerance, sets, price
        ):
            return rounds
    return -1


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
def _flows(
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


@njit(cache=True, nogil=True)
def clear_groups(
    a: Floats,
    b: Floats,
    low: Floats,
    high: Floats,
    starts: Ints,
    lowest: Floats,
    highest: Floats,
    cost: Floats,
    gamma: float,
    tolerance: float,
    sets: Ints,
) -> tuple[Floats, Floats, Floats, Ints, Floats]:
    """Clear every period of a market of groups, exactly.

    Parameters
    ----------
    a, b : (n,) float64 array
        Marginal cost a P + b of injecting P, peers in the order of their groups; a > 0 wherever
        the bounds differ. [$/MWh per MW], [$/MWh]
    low, high : (t, n) float64 array
        Bounds on injection. [MW]
    starts : (k + 1,) int64 array
        Where each group's peers begin, and n.
    lowest, highest : (t, k) float64 array
        What the grid pays and asks at each group; no lowest exceeds any highest less γ. [$/MWh]
    cost : (k, k) float64 array
        Cost of selling from group to group, γ or more, inf where they do not meet. A way round
        by a third group costs at least γ more than the direct one. [$/MWh]
    gamma : float
        Cost of a trade inside a group. [$/MWh]
    tolerance : float
        Imbalance that ends the search. [MW]
    sets : (2**k - 1,) int64 array
        Every set of groups as the bits of a number, small sets first.

    Returns
    -------
    injection : (t, n) float64 array
        [MW]
    price : (t, k) float64 array
        What sellers get inside each group; buyers there pay γ more. [$/MWh]
    flow : (t, k + 1, k + 1) float64 array
        Sales from group to group; the last is the grid. [MW]
    rounds : (t,) int64 array
        Moves of the search, -1 where it did not end.
    astray : (t,) float64 array
        What the prices leave unbalanced, before the grid takes it. [MW]
    """
    steps, n = low.shape
    k = starts.size - 1
    injection, price = np.zeros((steps, n)), np.zeros((steps, k))
    flow = np.zeros((steps, k + 1, k + 1))
    rounds, astray = np.zeros(steps, dtype=np.int64), np.zeros(steps)
    between, net = cost - gamma, np.empty(k)
    for t in range(steps):
        floor, roof = lowest[t], highest[t] - gamma
        price[t] = floor.max()  # the same for all, so no group is too far from another
        rounds[t] = _settle_prices(
            a, b, low[t], high[t], starts, floor, roof, between, gamma, tolerance, sets, price[t]
        )
        for c in range(k):
            net[c] = 0.0
            for i in range(starts[c], starts[c + 1]):
                one = _inject(a[i], b[i], low[t, i], high[t, i], price[t, c], gamma)[0]
                injection[t, i] = one
                net[c] += one
        astray[t] = _flows(net, price[t], floor, roof, between, flow[t])
    return injection, price, flow, rounds, astray
