"""Compiled inner loops of rule-based pricing: arrays in, arrays out, no object, no exception."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

Ints = NDArray[np.int64]

_BUCKET_BITS = 11


@njit(cache=True, nogil=True)
def supply_and_demand(net: Ints, limit: int) -> tuple[int, int]:
    """Add up what is injected and what is drawn.

    Parameters
    ----------
    net : (n,) int64 array
        Injection positive. [mWh]
    limit : int
        Largest sum that counts; at most 2**61. [mWh]

    Returns
    -------
    supply, demand : int
        Both at least 0; (-1, -1) when one of them is beyond the limit. [mWh]
    """
    supply, demand = 0, 0
    for value in net:
        if value > limit or value < -limit:
            return -1, -1
        if value > 0:
            supply += value
        else:
            demand -= value
        if supply > limit or demand > limit:
            return -1, -1
    return supply, demand


@njit(cache=True, nogil=True)
def bill_each(net: Ints, retail: int, feed_in: int, receives: Ints) -> int:
    """Bill every member by itself, rounded half up.

    Parameters
    ----------
    net : (n,) int64 array
        Injection positive. [mWh]
    retail, feed_in : int
        [µ€/Wh]
    receives : (n,) int64 array, written
        [µ€]

    Returns
    -------
    int
        Their sum. [µ€]
    """
    total = 0
    for i in range(net.size):
        price = feed_in if net[i] > 0 else retail
        receives[i] = (price * net[i] + 500) // 1000
        total += receives[i]
    return total


@njit(cache=True, nogil=True)
def split_by_side(net: Ints, part: Ints, whole: Ints, total: Ints, shares: Ints, key: Ints) -> None:
    """Split a total over those who inject, and one over those who draw, by energy.

    Every share is the exact one rounded down, or one more where the remainder is among the
    largest of its side, ties to the earlier.

    Parameters
    ----------
    net : (n,) int64 array
        Injection positive; at most 2**50 in sum. [mWh]
    part, whole : (2,) int64 array
        Of those who inject and of those who draw: a member's exact share is |net| · part / whole,
        and is within ±2**51; 0 < whole < 2**61.
    total : (2,) int64 array
        What the shares of a side add up to: the sum of the exact ones, moved by less than 1.
    shares : (n,) int64 array, written
    key : (n,) int64 array, written
        Room to work in.
    """
    left, scale, shift = total.copy(), part / whole, np.zeros(2, np.int64)
    in_bucket = np.zeros((2, 2**_BUCKET_BITS), np.int64)
    for which in range(2):
        while whole[which] >> (shift[which] + _BUCKET_BITS):
            shift[which] += 1
    for i in range(net.size):
        if net[i] == 0:
            shares[i], key[i] = 0, -1
            continue
        side, weight = np.int64(net[i] < 0), abs(net[i])
        # The float is off by two at most. Its remainder is right although the products may wrap
        # around, because the difference fits.
        share = np.int64(np.floor(weight * scale[side]))
        rest = np.int64(
            np.uint64(weight) * np.uint64(part[side]) - np.uint64(share) * np.uint64(whole[side])
        )
        while rest < 0:
            share -= 1
            rest += whole[side]
        while rest >= whole[side]:
            share += 1
            rest -= whole[side]
        shares[i], key[i] = share, 2 * rest + side
        in_bucket[side, rest >> shift[side]] += 1
        left[side] -= share
    if left[0] > 0 or left[1] > 0:
        _round_up(key, in_bucket, shift, left, shares)


@njit(cache=True, nogil=True)
def _round_up(key: Ints, in_bucket: Ints, shift: Ints, left: Ints, shares: Ints) -> None:
    """Add one to the `left` shares of largest remainder on each side, ties to the earlier."""
    bucket = np.zeros(2, np.int64)
    for side in range(2):
        b = in_bucket.shape[1] - 1
        while b >= 0 and in_bucket[side, b] <= left[side]:
            left[side] -= in_bucket[side, b]
            b -= 1
        bucket[side] = b
    room = max(in_bucket[0, bucket[0]], in_bucket[1, bucket[1]]) if left.any() else 0
    close, found = np.empty((2, room), np.int64), np.zeros(2, np.int64)
    for i in range(key.size):
        if key[i] >= 0:
            side = key[i] & 1
            b = (key[i] >> 1) >> shift[side]
            if b > bucket[side]:
                shares[i] += 1
            elif b == bucket[side] and left[side] > 0:
                close[side, found[side]] = i
                found[side] += 1
    for side in range(2):
        if left[side] > 0:
            rows = close[side, : found[side]]
            order = np.argsort(-key[rows], kind="mergesort")
            for i in rows[order[: left[side]]]:
                shares[i] += 1
