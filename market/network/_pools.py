"""Peers at one place, taken together: what a pairing by place needs so that nobody meets itself.

All at one place pay the same fees, so a transport problem between places is as good as one between
peers, and much smaller. Only a peer that both sells and buys may be in the way: energy that stays
inside its pool must find somebody else.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Pools", "inner_energy", "inverse", "pools_of", "summed"]

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


class Pools(NamedTuple):
    """Which pool each peer is in, pools in the order of their first name.

    Attributes
    ----------
    of_peer : (n_peers,) int64 array
    place : (n_pools,) int64 array
        Where each pool is.
    single : (n_pools,) bool array
        Of one peer, which sells and buys more than those around it could take from and give it.
    """

    of_peer: Ints
    place: Ints
    single: Bools


def summed(values: Ints, index: Ints, size: int) -> Ints:
    """Sum values by index, exactly."""
    total = np.zeros(size, dtype=np.int64)
    np.add.at(total, index, values)
    return total


def pools_of(sold_wh: Ints, bought_wh: Ints, rank: Ints, place: Ints, n_places: int) -> Pools:
    """Pool peers by place, and give those a pool of their own that would be left to themselves.

    What stays inside a pool is at most the lesser of what it sells and buys. Whatever part of
    that stays, everybody finds somebody else if nobody sells and buys together more than the
    greater of the two. At most one peer of a pool does; without it the rest is judged again.

    Parameters
    ----------
    sold_wh, bought_wh : (n_peers,) int64 array
        [Wh]
    rank : (n_peers,) int64 array
        Place of each peer's name among all names.
    place : (n_peers,) int64 array
    n_places : int
    """
    of_peer, homes = place.copy(), [np.arange(n_places)]
    n_pools = n_places
    both = np.flatnonzero((sold_wh > 0) & (bought_wh > 0))
    while both.size:
        sides = (summed(side, of_peer, n_pools) for side in (sold_wh, bought_wh))
        alone = (sold_wh + bought_wh)[both] > np.maximum(*sides)[of_peer[both]]
        if not alone.any():
            break
        moved, both = both[alone], both[~alone]
        homes.append(place[moved])
        of_peer[moved] = np.arange(n_pools, n_pools + moved.size)
        n_pools += moved.size
    trades = sold_wh + bought_wh > 0
    first = np.full(n_pools, rank.size)
    np.minimum.at(first, of_peer[trades], rank[trades])
    order = np.argsort(first, kind="stable")
    return Pools(inverse(order)[of_peer], np.concatenate(homes)[order], order >= n_places)


def inverse(order: NDArray[np.intp]) -> Ints:
    """Where each row stands in an order of rows."""
    position = np.empty(order.size, dtype=np.int64)
    position[order] = np.arange(order.size)
    return position


def inner_energy(sold_wh: Ints, bought_wh: Ints, inner_wh: int) -> tuple[Ints, Ints, int]:
    """Say who of a pool trades how much inside it so that nobody has to trade with itself.

    Parameters
    ----------
    sold_wh, bought_wh : (n,) int64 array
        Of each peer of the pool; a pool of `pools_of`. [Wh]
    inner_wh : int
        Energy that stays in the pool. [Wh]

    Returns
    -------
    selling, buying : (n,) int64 array
        Each sums to `inner_wh`; no peer's two parts are together more than it. [Wh]
    shift : int
        Laid around a circle of `inner_wh` in the same order, buyers this far behind sellers, no
        peer stands beside itself. [Wh]

    Notes
    -----
    Peer i then sells over [A_i, A_i + x_i) and buys over [B_i + d, B_i + d + y_i), with A and B
    the sums before it. It does not meet itself if A_i + x_i − B_i ≤ d ≤ inner + A_i − B_i − y_i.
    The greatest left side (of i) is never above the least right side (of j): their difference is
    the energy sold by those between i and j, both ends included, less that bought by those
    strictly between, or the other way round, so at most `inner_wh`; and for i = j it is x_i + y_i.
    """
    selling, buying = (_first(inner_wh, side) for side in (sold_wh, bought_wh))
    largest = int((selling + buying).argmax())
    excess = int(selling[largest] + buying[largest]) - inner_wh
    for part, side in ((selling, sold_wh), (buying, bought_wh)):
        if excess > 0:
            spare = side - part
            spare[largest] = 0
            moved = min(excess, int(spare.sum()))
            part += _first(moved, spare)
            part[largest] -= moved
            excess -= moved
    both = (selling > 0) & (buying > 0)
    behind = np.cumsum(selling) - (np.cumsum(buying) - buying)
    return selling, buying, int(behind[both].max(initial=-inner_wh)) if both.any() else 0


def _first(total_wh: int, energy_wh: Ints) -> Ints:
    """Take energy from the first on, up to a total. [Wh]"""
    before = np.cumsum(energy_wh) - energy_wh
    taken: Ints = np.clip(total_wh - before, 0, energy_wh)
    return taken
