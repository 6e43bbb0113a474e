"""Compiled inner loops over coalitions: arrays in, arrays out, no object, no exception."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@njit(cache=True, nogil=True)
def shapley_values(worth: Floats, weight: Floats, shares: Floats) -> None:
    """Add up what each member brings to every coalition without it.

    Parameters
    ----------
    worth : (2**n,) float64 array
        By bitmask.
    weight : (n,) float64 array
        Of a coalition that the member joins, by the number of members before it.
    shares : (n,) float64 array, zeros, written
    """
    size = np.zeros(worth.size, dtype=np.int8)
    for coalition in range(1, worth.size):
        size[coalition] = size[coalition >> 1] + (coalition & 1)
    for i in range(shares.size):
        bit = 1 << i
        brings = 0.0
        for high in range(0, worth.size, 2 * bit):
            for coalition in range(high, high + bit):
                brings += weight[size[coalition]] * (worth[coalition | bit] - worth[coalition])
        shares[i] = brings


@njit(cache=True, nogil=True)
def _imbalance_loss(tilt: float, gain_weight: float) -> float:
    return gain_weight * tilt if tilt > 0 else (gain_weight - 1.0) * tilt


@njit(cache=True, nogil=True)
def search_flips(
    penalty: Floats,
    tilt_change: Floats,
    tilt: float,
    gain_weight: float,
    best_loss: float,
    tolerance: float,
    most_nodes: int,
    best: Bools,
) -> tuple[float, bool]:
    """Find which members to flip so that penalties and the imbalance left cost least.

    Depth-first branch and bound. A branch is cut when its penalties, and the cheapest conceivable
    way to undo its imbalance with the members still open, leave nothing to gain. Members that are
    alike stand side by side and are not tried in each other's place.

    Parameters
    ----------
    penalty : (k,) float64 array
        Cost of flipping a member, not negative.
    tilt_change : (k,) float64 array
        What flipping it adds to the imbalance. Members stand in the order in which they are
        tried; the cheapest per unit of imbalance first finds good choices early.
    tilt : float
        Imbalance with nobody flipped; left at t > 0 it costs ``gain_weight·t``, at t < 0
        ``(1 − gain_weight)·|t|``.
    gain_weight : float
        From 0 to 1.
    best_loss : float
        Cost of the best choice known.
    tolerance : float
        Only what costs less by more than this is looked for.
    most_nodes : int
        Branches after which the search gives up.
    best : (k,) bool array
        The best choice known, overwritten by a better one.

    Returns
    -------
    best_loss : float
    complete : bool
        False: it gave up; better choices may exist.
    """
    k = penalty.size
    # Cheapest penalty per unit of imbalance, downwards and upwards, among the members from here.
    down, up = np.full(k + 1, np.inf), np.full(k + 1, np.inf)
    for i in range(k - 1, -1, -1):
        down[i], up[i] = down[i + 1], up[i + 1]
        if tilt_change[i] < 0:
            down[i] = min(down[i], -penalty[i] / tilt_change[i])
        elif tilt_change[i] > 0:
            up[i] = min(up[i], penalty[i] / tilt_change[i])
    flipped = np.zeros(k, dtype=np.bool_)
    tried = np.zeros(k + 1, dtype=np.int8)
    depth, paid, nodes = 0, 0.0, 0
    while depth >= 0:
        if tried[depth] == 0:
            nodes += 1
            if nodes > most_nodes:
                return best_loss, False
            loss = paid + _imbalance_loss(tilt, gain_weight)
            if loss < best_loss:
                best_loss = loss
                best[:depth] = flipped[:depth]
                best[depth:] = False
            if tilt > 0:
                least = paid + tilt * min(gain_weight, down[depth])
            else:
                least = paid - tilt * min(1.0 - gain_weight, up[depth])
            if depth == k or least >= best_loss - tolerance:
                tried[depth] = 2
        if tried[depth] == 2:
            tried[depth] = 0
            depth -= 1
            if depth >= 0 and flipped[depth]:
                flipped[depth] = False
                paid -= penalty[depth]
                tilt -= tilt_change[depth]
            continue
        # First the choice that makes the imbalance smaller, then the other.
        smaller = abs(tilt + tilt_change[depth]) < abs(tilt)
        flip = smaller == (tried[depth] == 0)
        tried[depth] += 1
        if flip and paid + penalty[depth] >= best_loss - tolerance:
            continue
        # Of members that are alike the first ones are flipped.
        if flip and depth > 0 and not flipped[depth - 1]:
            alike = penalty[depth] == penalty[depth - 1]
            if alike and tilt_change[depth] == tilt_change[depth - 1]:
                continue
        flipped[depth] = flip
        if flip:
            paid += penalty[depth]
            tilt += tilt_change[depth]
        depth += 1
        tried[depth] = 0
    return best_loss, True
