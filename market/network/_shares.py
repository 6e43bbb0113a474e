"""Sharing out what flows between pools among the orders in them, without sorting pairs.

Both sides of a market are laid out as lines of energy, pool after pool, and cut where the other
side's pieces end.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ._kernels_pairing import overlay
from ._pools import inner_energy, inverse, summed

__all__ = ["Cells", "Side", "share_out"]

Ints = NDArray[np.int64]


class Side(NamedTuple):
    """Parts of orders that one side brings, by pool, then by peer.

    Attributes
    ----------
    pool, peer : (m,) int64 array
        Ascending by pool and, inside one, by peer; both sides number alike.
    energy_wh : (m,) int64 array
        More than 0. [Wh]
    """

    pool: Ints
    peer: Ints
    energy_wh: Ints


class Cells(NamedTuple):
    """What flows from sellers' to buyers' pools, each pair of pools once. [-], [-], [Wh]"""

    sell_pool: Ints
    buy_pool: Ints
    energy_wh: Ints


class _Line(NamedTuple):
    """Pieces of parts in a row. [-], [Wh]"""

    part: Ints
    energy_wh: Ints


def share_out(sells: Side, buys: Side, cells: Cells) -> tuple[Ints, Ints, Ints]:
    """Say which part of the sellers serves which part of the buyers with how much.

    In each pool what stays inside comes first. Nobody serves itself, given pools of
    `_pools.pools_of`.

    Returns
    -------
    sell_part, buy_part, energy_wh : (k,) int64 array
        Positions in the two sides, and more than 0. [Wh]
    """
    sell_line, buy_line = _lines(sells, buys, cells)
    leaves = cells.sell_pool != cells.buy_pool
    by_seller = np.lexsort((cells.buy_pool, leaves, cells.sell_pool))
    by_buyer = np.lexsort((cells.sell_pool, leaves, cells.buy_pool))
    cell, bought, bought_wh = _overlay(cells.energy_wh[by_buyer], buy_line.energy_wh)
    served = np.argsort(inverse(by_seller)[by_buyer[cell]], kind="stable")
    sold, piece, energy_wh = _overlay(sell_line.energy_wh, bought_wh[served])
    return sell_line.part[sold], buy_line.part[bought[served[piece]]], energy_wh


def _overlay(first_wh: Ints, second_wh: Ints) -> tuple[Ints, Ints, Ints]:
    """Lay two rows of lengths with one sum side by side: their common pieces, by position."""
    first_at, second_at, energy_wh = np.empty((3, first_wh.size + second_wh.size), dtype=np.int64)
    n = overlay(first_wh, second_wh, first_at, second_at, energy_wh)
    return first_at[:n], second_at[:n], energy_wh[:n]


def _lines(sells: Side, buys: Side, cells: Cells) -> tuple[_Line, _Line]:
    """Lay out both sides by pool, rearranged where a peer could meet itself."""
    inner = np.flatnonzero(cells.sell_pool == cells.buy_pool)
    pools, stays_wh = cells.sell_pool[inner].tolist(), cells.energy_wh[inner].tolist()
    stays = dict(zip(pools, stays_wh, strict=True))
    buying = np.zeros(int(sells.peer.max(initial=-1)) + 1, dtype=np.bool_)
    buying[buys.peer[buys.peer < buying.size]] = True
    mixed = sorted(stays.keys() & set(sells.pool[buying[sells.peer]].tolist()))
    if not mixed:
        return _as_brought(sells), _as_brought(buys)
    sold, bought = zip(*(_apart(sells, buys, pool, stays[pool]) for pool in mixed), strict=True)
    return _line(sells, mixed, sold), _line(buys, mixed, bought)


def _as_brought(side: Side) -> _Line:
    return _Line(np.arange(side.pool.size), side.energy_wh)


def _line(side: Side, mixed: list[int], rearranged: Sequence[_Line]) -> _Line:
    """Put rearranged pools among the others."""
    as_it_is = np.flatnonzero(~np.isin(side.pool, mixed))
    part = np.concatenate([as_it_is, *(line.part for line in rearranged)])
    energy_wh = np.concatenate([side.energy_wh[as_it_is], *(x.energy_wh for x in rearranged)])
    order = np.argsort(side.pool[part], kind="stable")
    return _Line(part[order], energy_wh[order])


def _apart(sells: Side, buys: Side, pool: int, inner_wh: int) -> tuple[_Line, _Line]:
    """Lay out one pool so that, of what stays inside, nobody stands beside itself."""
    sold, bought = (np.flatnonzero(side.pool == pool) for side in (sells, buys))
    peers = np.union1d(sells.peer[sold], buys.peer[bought])
    who = [np.searchsorted(peers, side.peer[at]) for side, at in ((sells, sold), (buys, bought))]
    sold_wh, bought_wh = sells.energy_wh[sold], buys.energy_wh[bought]
    selling, buying, shift = inner_energy(
        summed(sold_wh, who[0], peers.size), summed(bought_wh, who[1], peers.size), inner_wh
    )
    return (
        _inner_first(sold, sold_wh, who[0], selling, 0),
        _inner_first(bought, bought_wh, who[1], buying, shift),
    )


def _inner_first(part: Ints, energy_wh: Ints, peer: Ints, inner_wh: Ints, shift: int) -> _Line:
    """Lay out first what stays inside, turned by `shift`, and then what leaves or comes in."""
    before_wh = np.cumsum(energy_wh) - energy_wh
    before_wh -= before_wh[np.searchsorted(peer, peer)]
    stays_wh = np.clip(inner_wh[peer] - before_wh, 0, energy_wh)
    total_wh = int(stays_wh.sum())
    cut = -shift % total_wh
    piece, half, piece_wh = _overlay(stays_wh, np.array([cut, total_wh - cut]))
    turned = np.argsort(half == 0, kind="stable")
    leaves = np.flatnonzero(energy_wh > stays_wh)
    return _Line(
        np.concatenate([part[piece[turned]], part[leaves]]),
        np.concatenate([piece_wh[turned], (energy_wh - stays_wh)[leaves]]),
    )
