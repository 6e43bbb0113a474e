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
def split_by_energy(net: Ints, side: int, part: int, whole: int, total: int, shares: Ints) -> None:
    """Split a total over the members of one side, by energy and largest remainder.

    Parameters
    ----------
    net : (n,) int64 array
        Injection positive; at most 2**53 in sum. [mWh]
    side : int
        1: those who inject; -1: those who draw.
    part, whole : int
        A member's exact share is |net| · part / whole, and is below 2**51; 0 < whole < 2**61.
    total : int
        What the shares add up to: the sum of the exact ones, moved by less than 1.
    shares : (n,) int64 array, written at the members of that side
        Each the exact share rounded down, or one more; ties to the earlier.
    """
    shift = 0
    while whole >> (shift + _BUCKET_BITS):
        shift += 1
    remainder = np.empty(net.size, np.int64)
    in_bucket = np.zeros(2**_BUCKET_BITS, np.int64)
    left, scale = np.int64(total), part / whole
    for i in range(net.size):
        weight = net[i] * side
        if weight > 0:
            # The float is off by two at most. Its remainder is right although the products may
            # wrap around, because the difference fits.
            share = np.int64(np.floor(weight * scale))
            rest = np.int64(
                np.uint64(weight) * np.uint64(part) - np.uint64(share) * np.uint64(whole)
            )
            while rest < 0:
                share -= 1
                rest += whole
            while rest >= whole:
                share += 1
                rest -= whole
            shares[i], remainder[i] = share, rest
            in_bucket[rest >> shift] += 1
            left -= share
        else:
            remainder[i] = -1
    if left > 0:
        _round_up(remainder, in_bucket, shift, left, shares)


@njit(cache=True, nogil=True)
def _round_up(remainder: Ints, in_bucket: Ints, shift: int, left: np.int64, shares: Ints) -> None:
    """Add one to the `left` shares of largest remainder, ties to the earlier."""
    bucket = in_bucket.size - 1
    while in_bucket[bucket] < left:
        left -= in_bucket[bucket]
        bucket -= 1
    close = np.empty(in_bucket[bucket], np.int64)
    found = 0
    for rest in remainder:
        if rest >= 0 and rest >> shift == bucket:
            close[found] = rest
            found += 1
    close.sort()
    threshold = close[found - left]
    tied = left - np.sum(close > threshold)
    for i in range(remainder.size):
        if remainder[i] > threshold:
            shares[i] += 1
        elif remainder[i] == threshold and tied > 0:
            shares[i] += 1
            tied -= 1
