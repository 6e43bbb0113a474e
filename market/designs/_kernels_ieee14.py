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

from ._kernels_ieee14_ways import TIGHT, send

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

MOST_ROUNDS = 200
"""Rounds after which a period counts as not solved; the 14-bus case takes three at most."""


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
    """Move each set of groups that gains to where it gains no more; say whether one did.

    Large sets come first: groups whose prices are tied closely must go a long way together, each
    alone would creep. Single ones come last: those that are free end exactly.
    """
    moved = False
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
        moved = True
    return moved


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
    """Move sets of groups until none gains; give the rounds, or -1 where they did not end."""
    for rounds in range(MOST_ROUNDS):
        if not _improve(
            a, b, low, high, starts, lowest, highest, cost, gamma, tolerance, sets, price
        ):
            return rounds
    return -1


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
        Every set of groups as the bits of a number, large sets first.

    Returns
    -------
    injection : (t, n) float64 array
        [MW]
    price : (t, k) float64 array
        What sellers get inside each group; buyers there pay γ more. [$/MWh]
    flow : (t, k + 1, k + 1) float64 array
        Sales from group to group; the last is the grid. [MW]
    rounds : (t,) int64 array
        Rounds of the search, -1 where it did not end.
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
        astray[t] = send(net, price[t], floor, roof, between, flow[t])
    return injection, price, flow, rounds, astray
