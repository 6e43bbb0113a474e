"""A plan in whole Wh that keeps every limit: capacities, stocks, equal blocks and least bids."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ._program import Room
from .sites import Incentive

__all__ = ["whole_bid", "whole_moves"]

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

_NEAR_WH = 1e-4
"""What a solver may be below a whole Wh, or off its least bid, and mean it. [Wh]"""


def whole_moves(moved: Floats, most: Ints) -> Ints:
    """Round down, so that no capacity and no stock is overdrawn."""
    return np.minimum(np.floor(moved + _NEAR_WH).astype(np.int64), most)


def whole_bid(moved: Floats, of: Incentive, room: Room) -> Ints:
    """Make an incentive's plan whole, block by block.

    A block's volume is the plan's, rounded down. In each period sites give the plan's whole Wh;
    what is missing then comes one by one from those that gave up most of a Wh, where their room
    allows. A block that cannot be held so is lowered to what can, and left out below the least.

    Returns
    -------
    (n, window) int64 array
        [Wh]
    """
    energy = np.zeros(moved.shape, dtype=np.int64)
    left = getattr(room, of.direction)[:, of.window]
    stock = getattr(room, f"{of.direction}_total").copy()
    for b in range(of.blocks):
        span = slice(b * of.block, (b + 1) * of.block)
        part = _block(moved[:, span], left[:, span], stock, of)
        energy[:, span] = part
        stock -= part.sum(axis=1)
    return energy


def _block(moved: Floats, left: Ints, stock: Ints, of: Incentive) -> Ints:
    """One block: the same volume in each of its periods."""
    part = whole_moves(moved, left)
    if of.site_minimum_wh:
        part *= (part >= of.site_minimum_wh).all(axis=1, keepdims=True)
    target = min(int(np.floor(moved.sum(axis=0).min() + _NEAR_WH)), of.wanted_wh)
    for t in range(part.shape[1]):
        missing = target - int(part[:, t].sum())
        for i in np.argsort(part[:, t] - moved[:, t], kind="stable").tolist():
            if missing > 0 and part[i, t] > 0:
                more = min(missing, left[i, t] - part[i, t], stock[i] - part[i].sum())
                part[i, t] += more
                missing -= int(more)
    volume = int(part.sum(axis=0).min())
    for t in range(part.shape[1]):
        _lower(part[:, t], int(part[:, t].sum()) - volume, of.site_minimum_wh)
    equal = bool((part.sum(axis=0) == volume).all())
    return part if equal and volume >= of.minimum_wh else np.zeros_like(part)


def _lower(column: Ints, surplus: int, least: int) -> None:
    """Take a surplus off where something stays above the least bid of a site."""
    for i in np.argsort(-column, kind="stable"):
        less = min(surplus, max(int(column[i]) - least, 0))
        column[i] -= less
        surplus -= less
