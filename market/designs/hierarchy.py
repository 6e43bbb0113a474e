"""The hierarchy: microgrids, cells and multi-cells balance level by level and pass the rest up.

Peers are in groups, and groups in groups, to any depth: premises in a microgrid, microgrids in a
cell (a distribution feeder), cells in a region [1]_. From the innermost outwards every group holds
a call auction of what its members, and the groups in it, have not traded yet; what finds no partner
there is its residual, which goes one level up. So energy is balanced as near to where it is made
and used as limits allow, each group has a price of its own, and that costs welfare: a trade inside
stands although somebody outside would have paid more.

Three things follow, and tests hold them. What a group passes up no longer crosses, so in an auction
above it sells or buys, never both. Hence the level of a trade is the innermost group that has both
sides. And one group of all is the call auction at the uniform price.

The review gives the sizes and that each balances before the next; the auction within each level
and its price are a choice made here (unverified against the paper's own words).

References
----------
.. [1] C. Zhang, J. Wu, C. Long and M. Cheng, "Review of existing peer-to-peer energy trading
   projects," Energy Procedia, vol. 105, 2017.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..book import ClearedTrades, Orders
from ..levels import LevelBalance
from ..mechanisms.uniform_price import UniformPrice
from .problem import DesignError

__all__ = ["Balanced", "Groups", "balance_levels"]

Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False, kw_only=True)
class Groups:
    """Who is in which group, and which group in which.

    Attributes
    ----------
    names : tuple of str
        The outermost group first, every group before those inside it.
    parent : (g,) int64 array
        Group around each group; −1 of the outermost.
    group : (n,) int64 array
        Innermost group of each peer.

    Raises
    ------
    DesignError
        With every fault: no group, parents that do not come before, peers in groups there are not.
    """

    names: tuple[str, ...]
    parent: Ints
    group: Ints

    def __post_init__(self) -> None:
        object.__setattr__(self, "parent", _column(self.parent))
        object.__setattr__(self, "group", _column(self.group))
        if faults := _group_faults(self):
            raise DesignError(faults)

    @property
    def depth(self) -> Ints:
        """How many groups are around each. [-]"""
        depth = np.zeros(len(self.names), dtype=np.int64)
        for one in range(1, depth.size):
            depth[one] = depth[self.parent[one]] + 1
        return depth


class Balanced(NamedTuple):
    """Trades of all levels, and each group's account of itself, innermost groups first."""

    trades: ClearedTrades
    levels: tuple[LevelBalance, ...]


def balance_levels(orders: Orders, groups: Groups, *, auction: UniformPrice) -> Balanced:
    """Balance every group from the innermost outwards, and pass up what is left.

    A peer on both sides is the innermost level of all: what it would sell to itself is taken out
    of its orders, and traded by nobody. Within an auction the cheapest offers serve the highest
    bids, which pairs m orders in fewer than m trades.

    Parameters
    ----------
    orders : Orders
        Of one delivery period.
    groups : Groups
        Of the book's peers.
    auction : UniformPrice
        What clears each group.

    Raises
    ------
    DesignError
        When groups and book are not of the same peers.
    OrderError
        When the book holds orders for more than one period.
    """
    if groups.group.size != len(orders.peers):
        raise DesignError(
            [f"groups are of {groups.group.size} peers but the book has {len(orders.peers)}"]
        )
    left = orders.energy_wh - _own_use(orders, auction)
    at = groups.group[orders.peer_index]
    depth, trades, levels = groups.depth, [], []
    for one in range(len(groups.names) - 1, -1, -1):
        rows = np.flatnonzero((at == one) & (left > 0))
        filled, price = _call(orders, rows, left[rows], auction)
        buys = orders.is_buy[rows]
        offered, wanted = int(left[rows][~buys].sum()), int(left[rows][buys].sum())
        done = int(filled[buys].sum())
        levels.append(
            LevelBalance(groups.names[one], int(depth[one]), offered, wanted, done, price)
        )
        left[rows] -= filled
        if price is not None:
            trades.append(_pairs(orders, rows, filled, price))
        at[at == one] = groups.parent[one]
    return Balanced(_joined(trades), tuple(levels))


def _call(
    orders: Orders, rows: NDArray[np.intp], energy_wh: Ints, auction: UniformPrice
) -> tuple[Ints, int | None]:
    """Clear these rows with what is left of them; what each trades, and the price."""
    cleared = auction.clear(
        Orders(
            peers=orders.peers,
            order_id=orders.order_id[rows],
            peer_index=orders.peer_index[rows],
            is_buy=orders.is_buy[rows],
            price_ticks=orders.price_ticks[rows],
            energy_wh=energy_wh,
            period=orders.period[rows],
            arrival=orders.arrival[rows],
        )
    )
    return cleared.filled_wh, cleared.price_ticks


def _own_use(orders: Orders, auction: UniformPrice) -> Ints:
    """Give what each order would trade with its own peer. [Wh]"""
    used = np.zeros(len(orders), dtype=np.int64)
    n = len(orders.peers)
    buying = np.bincount(orders.peer_index[orders.is_buy], minlength=n)
    selling = np.bincount(orders.peer_index[~orders.is_buy], minlength=n)
    for peer in np.flatnonzero((buying > 0) & (selling > 0)).tolist():
        rows = np.flatnonzero(orders.peer_index == peer)
        used[rows], _ = _call(orders, rows, orders.energy_wh[rows], auction)
    return used


def _pairs(
    orders: Orders, rows: NDArray[np.intp], filled_wh: Ints, price_ticks: int
) -> ClearedTrades:
    """Pair what one auction traded, the cheapest offers with the highest bids."""
    turn = np.empty(len(orders), dtype=np.int64)
    turn[orders.turn] = np.arange(len(orders))
    limit = np.where(orders.is_buy[rows], -orders.price_ticks[rows], orders.price_ticks[rows])
    merit = np.lexsort((turn[rows], limit))
    rows, filled_wh = rows[merit], filled_wh[merit]
    buys = orders.is_buy[rows]
    sold, bought = np.cumsum(filled_wh[~buys]), np.cumsum(filled_wh[buys])
    ends = np.union1d(sold, bought)
    ends = ends[ends > 0]
    return ClearedTrades(
        sell_row=rows[~buys][np.searchsorted(sold, ends)],
        buy_row=rows[buys][np.searchsorted(bought, ends)],
        energy_wh=np.diff(ends, prepend=0),
        price_ticks=np.full(ends.size, price_ticks, dtype=np.int64),
    )


def _joined(parts: Sequence[ClearedTrades]) -> ClearedTrades:
    none = np.empty(0, dtype=np.int64)
    names = ("sell_row", "buy_row", "energy_wh", "price_ticks")
    return ClearedTrades(
        *(np.concatenate([none, *(getattr(part, name) for part in parts)]) for name in names)
    )


def _column(values: ArrayLike) -> Ints:
    column = np.array(values, dtype=np.int64)
    column.flags.writeable = False
    return column


def _group_faults(groups: Groups) -> list[str]:
    g, parent = len(groups.names), groups.parent
    if not g or parent.shape != (g,) or groups.group.ndim != 1:
        return [f"groups: {g} names and parents of shape {parent.shape}; expected one of each"]
    before = (parent >= 0) & (parent < np.arange(g))
    before[0] = parent[0] == -1
    faults = [
        f"group {groups.names[i]!r} is in group {parent[i]}; expected one before it, and −1 of "
        f"the first"
        for i in np.flatnonzero(~before).tolist()
    ]
    wrong = (groups.group < 0) | (groups.group >= g)
    return faults + [
        f"peer {i} is in group {groups.group[i]}; expected 0 to {g - 1}"
        for i in np.flatnonzero(wrong).tolist()
    ]
