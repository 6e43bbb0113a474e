"""Pools within pools, thousands of periods at once: the fast exact path of all three designs.

Where what a trade costs is a sum of what its seller and its buyer pay, nobody cares with whom it
trades, and bilateral trades are a pool with a wedge: one price, from which each side takes its own
cost. Groups of peers with a wedge to the group above make a tree of pools. Marginal costs are
lines, so what a group sells at a price is known in closed form and the outcome is exact.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._kernels_pool import clear_tree
from .problem import DesignError

__all__ = ["Groups", "Pooled", "clear_pools", "pro_rata"]

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


class Groups(NamedTuple):
    """Who pools with whom, and what passing a boundary costs.

    Attributes
    ----------
    parent : (g,) int64 array
        Group above each; parents come before children, the first is the outermost (its own entry
        is not looked at).
    up, down : (g,) float array
        Cost of a Wh that the group sells into its parent's pool, and that it buys there. [µ€/Wh]
    group : (n,) int64 array
        The group whose pool each peer trades in.
    sell_cost, buy_cost : (n,) float array
        What a Wh sold to the pool, and bought from it, costs the peer. [µ€/Wh]
    """

    parent: Ints
    up: Floats
    down: Floats
    group: Ints
    sell_cost: Floats
    buy_cost: Floats

    @classmethod
    def pool(cls, n: int, sell_cost: ArrayLike, buy_cost: ArrayLike) -> Groups:
        """Put n peers in one pool. [µ€/Wh]"""
        return cls(
            parent=np.zeros(1, np.int64),
            up=np.zeros(1),
            down=np.zeros(1),
            group=np.zeros(n, np.int64),
            sell_cost=np.broadcast_to(np.asarray(sell_cost, np.float64), n),
            buy_cost=np.broadcast_to(np.asarray(buy_cost, np.float64), n),
        )


class Pooled(NamedTuple):
    """What pools give in t periods.

    Attributes
    ----------
    price : (t, g) float array
        Of each group's pool: a seller gets it less its cost, a buyer pays it and its cost. Where
        several prices clear, the middle, or what is nearest to the parent's. [µ€/Wh]
    injection_wh : (t, n) float array
        [Wh]
    exchange_wh : (t, g) float array
        What each group sells to its parent's, negative where it buys. [Wh]
    feasible : (t,) bool array
        False where bounds leave no balance; what is given then is no market result.
    """

    price: Floats
    injection_wh: Floats
    exchange_wh: Floats
    feasible: NDArray[np.bool_]


def clear_pools(
    groups: Groups, a: ArrayLike, b: ArrayLike, low_wh: ArrayLike, high_wh: ArrayLike
) -> Pooled:
    """Clear every period.

    Peers of equal marginal cost share what is left to them in proportion to what they could do.

    Parameters
    ----------
    groups : Groups
    a, b, low_wh, high_wh : (t, n) float array
        As in `Agents`; what broadcasts to that is fine. [µ€/Wh²], [µ€/Wh], [Wh], [Wh]

    Raises
    ------
    DesignError
        With every fault: negative a, bounds crossed, no numbers, wedges below 0, wrong groups.
    """
    given = np.broadcast_arrays(*np.atleast_2d(a, b, low_wh, high_wh))
    columns = [np.ascontiguousarray(column, dtype=np.float64) for column in given]
    if faults := _group_faults(groups, columns[0].shape[1]) or _column_faults(columns):
        raise DesignError(faults)
    (periods, n), g = columns[0].shape, groups.parent.size
    peers = np.argsort(groups.group, kind="stable").astype(np.int64)
    members = np.searchsorted(groups.group[peers], np.arange(g + 1)).astype(np.int64)
    price, exchange = np.zeros((periods, g)), np.zeros((periods, g))
    injection = np.zeros((periods, n))
    cost, intercept, low, high = columns
    feasible = clear_tree(
        np.array(groups.parent, np.int64),
        np.array(groups.up, np.float64),
        np.array(groups.down, np.float64),
        members,
        peers,
        np.array(groups.sell_cost, np.float64),
        np.array(groups.buy_cost, np.float64),
        _places(groups.parent, np.diff(members)),
        cost,
        intercept,
        low,
        high,
        price,
        injection,
        exchange,
    )
    return Pooled(price, injection, exchange, feasible)


def pro_rata(injection_wh: Floats) -> Floats:
    """Let each seller serve every buyer in proportion to what it buys.

    Which seller serves whom is open in a pool. This split treats all alike, and nobody's trades
    change when others are named in another order.

    Parameters
    ----------
    injection_wh : (n,) float array
        Sums to 0. [Wh]

    Returns
    -------
    (n, n) float array
        From seller (row) to buyer (column). [Wh]
    """
    sold, bought = np.maximum(injection_wh, 0.0), np.maximum(-injection_wh, 0.0)
    total = max(float(sold.sum()), float(bought.sum()))
    return np.outer(sold, bought / total) if total else np.zeros((sold.size, sold.size))


def _places(parent: Ints, members: Ints) -> Ints:
    """Where each group's pieces begin: two a peer, and twice what children have."""
    size = 2 * members
    for child in range(parent.size - 1, 0, -1):
        size[parent[child]] += 2 * size[child]
    return np.append(0, np.cumsum(size)).astype(np.int64)


def _group_faults(groups: Groups, n: int) -> list[str]:
    g = groups.parent.size
    shapes = [column.shape for column in groups]
    if shapes != [(g,)] * 3 + [(n,)] * 3 or not g:
        return [f"groups have columns of shapes {shapes}, expected three of ({g},), three ({n},)"]
    faults = []
    if not ((groups.parent[1:] >= 0) & (groups.parent[1:] < np.arange(1, g))).all():
        faults.append("a group's parent does not come before it; number groups from the outermost")
    if n and not 0 <= groups.group.min() <= groups.group.max() < g:
        faults.append(f"peers are in groups {groups.group.min()} to {groups.group.max()} of {g}")
    for name, wedge in (
        ("group", groups.up[1:] + groups.down[1:]),
        ("peer", groups.sell_cost + groups.buy_cost),
    ):
        faults += [
            f"{name} {i + (name == 'group')}: selling and buying a Wh costs {wedge[i]:g} µ€, "
            f"expected 0 or more; trading back and forth would earn without bound"
            for i in np.flatnonzero(~(wedge >= 0)).tolist()
        ]
    return faults


def _column_faults(columns: list[Floats]) -> list[str]:
    a, _, low, high = columns
    wrong = {
        "a negative a": a < 0,
        "bounds crossed": low > high,
        "a value that is no finite number": ~np.isfinite(sum(columns)),
    }
    return [
        f"peer {peers[0]}, period {periods[0]}: {what} (in {periods.size} cases)"
        for what, where in wrong.items()
        for periods, peers in [np.nonzero(where)]
        if periods.size
    ]
