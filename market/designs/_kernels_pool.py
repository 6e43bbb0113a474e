"""The kernel of pools within pools: what each group would sell at each price, added up exactly.

What a group sells at a price is a curve that rises by *pieces*: from price ``start`` to ``end`` by
an amount, at once where the two are equal (a linear cost). A sum of curves is all their pieces;
passing through a wedge moves pieces of sale up and pieces of purchase down. So pools nested to any
depth need no search but for the piece in which a curve meets what it should sell.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

ROUNDING = 1e-12
"""What sums of energies, relative to their size, may be apart and count as equal. [1]"""


@njit(cache=True, nogil=True)
def _rise(
    price: float, after: bool, start: Floats, end: Floats, amount: Floats, first: int, last: int
) -> float:
    """How much pieces first to last have risen at a price, a jump there taken or not."""
    total = 0.0
    for k in range(first, last):
        if price > start[k] or (price == start[k] and start[k] == end[k]):
            if price >= end[k] and (after or price > end[k] or start[k] < end[k]):
                total += amount[k]
            elif start[k] < end[k]:
                total += amount[k] * (price - start[k]) / (end[k] - start[k])
    return total


@njit(cache=True, nogil=True)
def _meet(
    wanted: float,
    base: float,
    near: float,
    start: Floats,
    end: Floats,
    amount: Floats,
    first: int,
    last: int,
) -> tuple[float, bool, float, bool, float, float, float, bool]:
    """Find where a curve meets an amount.

    Returns
    -------
    low, low_after, high, high_after : float, bool, float, bool
        Two prices, and whether jumps there are taken, between which the curve is a line that
        meets it.
    share : float
        How far between them. [1]
    least, most : float
        The prices at which it is met. [µ€/Wh]
    fits : bool
        False where the curve meets it nowhere; then the nearest end is given.
    """
    n = 2 * (last - first)
    if n == 0:
        return 0.0, True, 0.0, True, 0.0, -np.inf, np.inf, abs(base - wanted) <= near
    turns = np.empty(n)
    for k in range(last - first):
        turns[2 * k], turns[2 * k + 1] = start[first + k], end[first + k]
    turns.sort()
    if base >= wanted - near:  # met before anything rises, or passed
        fits = base <= wanted + near
        return turns[0], False, turns[0], False, 0.0, -np.inf, turns[0], fits
    below, i = -1, n
    while i - below > 1:  # the first turn after which the curve has reached it
        middle = (below + i) // 2
        if base + _rise(turns[middle], True, start, end, amount, first, last) >= wanted - near:
            i = middle
        else:
            below = middle
    if i == n:
        return turns[-1], True, turns[-1], True, 0.0, turns[-1], np.inf, False
    here = turns[i]
    after = base + _rise(here, True, start, end, amount, first, last)
    before = base + _rise(here, False, start, end, amount, first, last)
    if after - wanted <= near:  # met here, and on until another piece rises
        most = np.inf
        for k in range(first, last):
            if end[k] > here:
                most = min(most, max(start[k], here))
        return here, True, here, True, 0.0, here, most, True
    if before <= wanted:
        share = (wanted - before) / (after - before)
        return here, False, here, True, share, here, here, True
    prior = turns[i - 1]
    risen = base + _rise(prior, True, start, end, amount, first, last)
    share = min(max((wanted - risen) / (before - risen), 0.0), 1.0)
    price = prior + share * (here - prior)
    return prior, True, here, False, share, price, price, True


@njit(cache=True, nogil=True)
def _put(
    lower: float,
    upper: float,
    size: float,
    who: int,
    k: int,
    start: Floats,
    end: Floats,
    amount: Floats,
    owner: Ints,
) -> int:
    """Write one piece, unless it is nothing; give the next free place."""
    if size <= 0.0:
        return k
    start[k], end[k], amount[k], owner[k] = lower, upper, size, who
    return k + 1


@njit(cache=True, nogil=True)
def _put_peer(
    a: float,
    b: float,
    low: float,
    high: float,
    sell: float,
    buy: float,
    who: int,
    k: int,
    start: Floats,
    end: Floats,
    amount: Floats,
    owner: Ints,
) -> int:
    """Write the pieces of a peer: purchases below zero, sales above."""
    slope = a if a * (high - low) > ROUNDING * max(1.0, abs(b)) else 0.0
    if low < 0.0:
        top = min(high, 0.0)
        lower, upper = b + slope * low - buy, b + slope * top - buy
        k = _put(lower, upper, top - low, who, k, start, end, amount, owner)
    if high > 0.0:
        foot = max(low, 0.0)
        lower, upper = b + slope * foot + sell, b + slope * high + sell
        k = _put(lower, upper, high - foot, who, k, start, end, amount, owner)
    return k


@njit(cache=True, nogil=True)
def _put_group(
    base: float,
    near: float,
    up: float,
    down: float,
    who: int,
    first: int,
    last: int,
    k: int,
    start: Floats,
    end: Floats,
    amount: Floats,
    owner: Ints,
) -> int:
    """Write a group's pieces as its parent sees them: purchases cheaper, sales dearer."""
    total = base
    for j in range(first, last):
        total += amount[j]
    if base >= 0.0 or total <= 0.0:
        shift = up if base >= 0.0 else -down
        for j in range(first, last):
            k = _put(start[j] + shift, end[j] + shift, amount[j], who, k, start, end, amount, owner)
        return k
    low, low_after, high, high_after, share, _, _, _ = _meet(
        0.0, base, near, start, end, amount, first, last
    )
    for j in range(first, last):
        one = _rise(low, low_after, start, end, amount, j, j + 1)
        other = _rise(high, high_after, start, end, amount, j, j + 1)
        bought = one + share * (other - one)
        part = min(max(bought / amount[j], 0.0), 1.0)
        turn = start[j] + part * (end[j] - start[j])
        sold = amount[j] - bought
        if sold <= ROUNDING * amount[j]:
            bought, sold, turn = amount[j], 0.0, end[j]
        elif bought <= ROUNDING * amount[j]:
            bought, sold, turn = 0.0, amount[j], start[j]
        k = _put(start[j] - down, turn - down, bought, who, k, start, end, amount, owner)
        k = _put(turn + up, end[j] + up, sold, who, k, start, end, amount, owner)
    return k


@njit(cache=True, nogil=True)
def _gather(
    parent: Ints,
    up: Floats,
    down: Floats,
    members: Ints,
    peers: Ints,
    sell: Floats,
    buy: Floats,
    place: Ints,
    a: Floats,
    b: Floats,
    low: Floats,
    high: Floats,
    base: Floats,
    near: Floats,
    last: Ints,
    start: Floats,
    end: Floats,
    amount: Floats,
    owner: Ints,
) -> None:
    """Write every group's curve, from the innermost out: least sale, rounding, and pieces."""
    base[:], near[:], last[:] = 0.0, 0.0, place[:-1]
    for g in range(parent.size - 1, -1, -1):
        for j in range(members[g], members[g + 1]):
            i = peers[j]
            base[g] += low[i]
            near[g] += ROUNDING * max(abs(low[i]), abs(high[i]))
            last[g] = _put_peer(
                a[i], b[i], low[i], high[i], sell[i], buy[i], i, last[g], start, end, amount, owner
            )
        if g > 0:
            over, who = parent[g], low.size + g
            last[over] = _put_group(
                base[g], near[g], up[g], down[g], who, place[g], last[g], last[over],
                start, end, amount, owner,
            )  # fmt: skip
            base[over] += base[g]
            near[over] += near[g]


@njit(cache=True, nogil=True)
def _hand_out(
    parent: Ints,
    up: Floats,
    down: Floats,
    place: Ints,
    low: Floats,
    base: Floats,
    near: Floats,
    last: Ints,
    start: Floats,
    end: Floats,
    amount: Floats,
    owner: Ints,
    price: Floats,
    injection: Floats,
    exchange: Floats,
) -> bool:
    """Say from the outermost in what each group and peer sells; False where there is no balance."""
    fits, n = True, low.size
    injection[:], exchange[:] = low, base
    exchange[0] = 0.0
    for g in range(parent.size):
        one, one_after, other, other_after, share, least, most, fit = _meet(
            exchange[g], base[g], near[g], start, end, amount, place[g], last[g]
        )
        fits = fits and fit
        price[g] = _agree(g, exchange[g], near[g], parent, up, down, least, most, price)
        for k in range(place[g], last[g]):
            less = _rise(one, one_after, start, end, amount, k, k + 1)
            more = _rise(other, other_after, start, end, amount, k, k + 1)
            if owner[k] < n:
                injection[owner[k]] += less + share * (more - less)
            else:
                exchange[owner[k] - n] += less + share * (more - less)
    return fits


@njit(cache=True, nogil=True)
def _agree(
    g: int,
    wanted: float,
    near: float,
    parent: Ints,
    up: Floats,
    down: Floats,
    least: float,
    most: float,
    price: Floats,
) -> float:
    """Choose among a group's possible prices: the middle, or nearest to what its parent's says."""
    if g > 0:
        told = price[parent[g]]
        if wanted > near:
            told -= up[g]
        elif wanted < -near:
            told += down[g]
        return float(min(max(told, least), most))
    if np.isinf(least):
        return 0.0 if np.isinf(most) else most
    return least if np.isinf(most) else 0.5 * (least + most)


@njit(cache=True, nogil=True)
def clear_tree(
    parent: Ints,
    up: Floats,
    down: Floats,
    members: Ints,
    peers: Ints,
    sell: Floats,
    buy: Floats,
    place: Ints,
    a: Floats,
    b: Floats,
    low: Floats,
    high: Floats,
    price: Floats,
    injection: Floats,
    exchange: Floats,
) -> Bools:
    """Clear pools within pools, period by period, exactly.

    Parameters
    ----------
    parent : (g,) int64 array
        Group above each; the first group is the outermost, and parents come before children.
    up, down : (g,) float64 array
        Cost of a Wh that a group sells to its parent's, and buys from it; their sum is not
        negative. [µ€/Wh]
    members : (g + 1,) int64 array
        Where each group's peers begin in `peers`.
    peers : (n,) int64 array
        Peers group by group.
    sell, buy : (n,) float64 array
        Cost to each peer of a Wh sold to its group, and bought; the sum not negative. [µ€/Wh]
    place : (g + 1,) int64 array
        Where each group's pieces begin; as many as there can be.
    a, b, low, high : (t, n) float64 array
        As in `Agents`. [µ€/Wh²], [µ€/Wh], [Wh], [Wh]
    price, exchange : (t, g) float64 array, written
        Of each group's pool; what it sells to its parent's. [µ€/Wh], [Wh]
    injection : (t, n) float64 array, written
        [Wh]

    Returns
    -------
    (t,) bool array
        False where must-run energy finds no way; then the nearest to a balance is given.
    """
    groups, room = parent.size, place[-1]
    start, end = np.empty(room), np.empty(room)
    amount, owner = np.empty(room), np.empty(room, np.int64)
    last, base, near = np.empty(groups, np.int64), np.empty(groups), np.empty(groups)
    fits = np.ones(b.shape[0], np.bool_)
    for t in range(b.shape[0]):
        _gather(
            parent, up, down, members, peers, sell, buy, place, a[t], b[t], low[t], high[t],
            base, near, last, start, end, amount, owner,
        )  # fmt: skip
        fits[t] = _hand_out(
            parent, up, down, place, low[t], base, near, last, start, end, amount, owner,
            price[t], injection[t], exchange[t],
        )  # fmt: skip
    return fits
