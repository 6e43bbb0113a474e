"""What stored energy is worth at the margin, and the offers that follow from it."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@njit(cache=True, nogil=True)
def _put(value: Floats, width: Floats, n: int, one_value: float, one_width: float) -> int:
    """Insert a piece into a list that falls in value; gives its new length."""
    if one_width <= 0.0:
        return n
    at = n
    while at > 0 and value[at - 1] < one_value:
        value[at] = value[at - 1]
        width[at] = width[at - 1]
        at -= 1
    if at > 0 and value[at - 1] == one_value:
        width[at - 1] += one_width
        for i in range(at, n):
            value[i] = value[i + 1]
            width[i] = width[i + 1]
        return n
    value[at] = one_value
    width[at] = one_width
    return n + 1


@njit(cache=True, nogil=True)
def _cut(value: Floats, width: Floats, n: int, first: float, length: float) -> int:
    """Keep what lies between `first` and `first + length` of a list; gives its new length."""
    kept = 0
    begin = 0.0
    for i in range(n):
        end = begin + width[i]
        inside = min(end, first + length) - max(begin, first)
        if inside > 1e-9:
            value[kept] = value[i]
            width[kept] = inside
            kept += 1
        begin = end
    return kept


@njit(cache=True, nogil=True)
def storage_values(
    ahead_wh: Ints,
    sell_ticks: Floats,
    buy_ticks: Floats,
    efficiency: Floats,
    size_wh: Ints,
    power_wh: Ints,
    final_ticks: float,
    value: Floats,
    width: Floats,
) -> None:
    """Give the marginal value of stored energy, for every level of each store.

    Parameters
    ----------
    ahead_wh : (n, h) int64 array
        Net energy of the periods ahead, injection positive. [Wh]
    sell_ticks, buy_ticks : (h,) float64 array
        Prices in these periods; 0 ≤ sell ≤ buy. [µ€/Wh]
    efficiency : (n,) float64 array
        Round trip. [1]
    size_wh, power_wh : (n,) int64 array
        What a full store gives; the most per period, each way, at the grid side. [Wh]
    final_ticks : float
        What is left after the last period is worth this. [µ€/Wh]
    value, width : (n, 4 h + 2) float64 array, output
        Pieces of the level, from empty upwards: marginal value, falling, and width; a piece of
        width 0 ends the list. [µ€/Wh], [Wh]

    Notes
    -----
    The gain from storage is a linear program in which each period takes energy e out of the store
    (negative: puts it in) at a gain that is concave in e: first less is bought to store (buy/η
    per Wh), then less surplus is stored (sell/η), then need is served (buy), then energy is sold
    (sell). The value of a level is the sup-convolution of these, last period first; that of
    concave piecewise linear functions joins their pieces in falling order [1]_, of which the part
    between empty and full is kept. Slopes are the program's duals.

    References
    ----------
    .. [1] R. T. Rockafellar, "Convex Analysis," Princeton, 1970, Th. 16.4 (infimal convolution
       adds conjugates; unverified).
    """
    n, h = ahead_wh.shape
    for p in range(n):
        held, wide = value[p], width[p]
        count = _put(held, wide, 0, final_ticks, float(size_wh[p]))
        eta, most = efficiency[p], float(power_wh[p])
        for k in range(h):
            t = h - 1 - k
            surplus = min(max(ahead_wh[p, t], 0), most)
            need = min(max(-ahead_wh[p, t], 0), most)
            count = _put(held, wide, count, buy_ticks[t] / eta, eta * (most - surplus))
            count = _put(held, wide, count, sell_ticks[t] / eta, eta * surplus)
            count = _put(held, wide, count, buy_ticks[t], need)
            count = _put(held, wide, count, sell_ticks[t], most - need)
            count = _cut(held, wide, count, eta * most, float(size_wh[p]))
        wide[count:] = 0.0


@njit(cache=True, nogil=True)
def store_pieces(
    value: Floats,
    width: Floats,
    held_wh: Ints,
    give_wh: Ints,
    take_wh: Ints,
    efficiency: Floats,
    peer: Ints,
    taking: Bools,
    worth: Floats,
    energy: Floats,
) -> int:
    """List what moving the meter's energy costs a store, cheapest first, for every peer.

    Parameters
    ----------
    value, width : (n, m) float64 array
        As `storage_values` gives them.
    held_wh, give_wh, take_wh : (n,) int64 array
        Level now, and what the store can give and take in this period. [Wh]
    efficiency : (n,) float64 array
        Round trip. [1]
    peer : (k,) int64 array, output
    taking : (k,) bool array, output
        Whether the piece is energy that the store would take otherwise.
    worth : (k,) float64 array, output
        Value of a Wh at the meter that this piece gives up. [µ€/Wh]
    energy : (k,) float64 array, output
        [Wh]

    Returns
    -------
    int
        Number of pieces; each peer's stand together, and `worth` does not fall among them.
    """
    count = 0
    for p in range(held_wh.size):
        eta, level = efficiency[p], float(held_wh[p])
        for charge in (True, False):
            low = level if charge else level - give_wh[p]
            high = level + eta * take_wh[p] if charge else level
            last = 0
            upto = 0.0
            while last < width.shape[1] and width[p, last] > 0.0:
                upto += width[p, last]
                last += 1
            for back in range(last):
                i = last - 1 - back
                begin = upto - width[p, i]
                inside = min(upto, high) - max(begin, low)
                if inside > 1e-6:
                    peer[count] = p
                    taking[count] = charge
                    worth[count] = eta * value[p, i] if charge else value[p, i]
                    energy[count] = inside / eta if charge else inside
                    count += 1
                upto = begin
    return count
