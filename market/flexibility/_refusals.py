"""Why there is no bid: too little, too dear, or worth more elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ._program import Room
from .sites import Incentive, Sites

__all__ = ["Refusal", "refusals"]

Ints = NDArray[np.int64]


class Refusal(NamedTuple):
    """A block of an incentive to which nobody, or one site, bids nothing, and why.

    `site` is empty where it is the whole community.
    """

    incentive: str
    block: int
    site: str
    reason: str


def refusals(
    sites: Sites, room: Room, incentives: Sequence[Incentive], bids: Sequence[Ints]
) -> Iterator[Refusal]:
    """Give a reason for every block without a bid, and for every site below the least bid.

    Parameters
    ----------
    sites : Sites
    room : Room
        What was left for operators when they were answered.
    incentives, bids : sequences
        What was asked, and the answers.
    """
    for of, bid in zip(incentives, bids, strict=True):
        mine = sites.of(of.operator)
        for b in range(of.blocks):
            span = slice(of.first + b * of.block, of.first + (b + 1) * of.block)
            left = getattr(room, of.direction)[:, span].min(axis=1)
            left = np.minimum(left, getattr(room, f"{of.direction}_total") // of.block)
            for i in np.flatnonzero(mine & (left > 0) & (left < of.site_minimum_wh)).tolist():
                reason = f"{left[i]} Wh a period left, below its least bid of {of.site_minimum_wh}"
                yield Refusal(of.name, b, sites.names[i], reason)
            if not bid[:, b * of.block : (b + 1) * of.block].any():
                yield Refusal(of.name, b, "", _reason(sites, of, left * mine))


def _reason(sites: Sites, of: Incentive, left: Ints) -> str:
    """Say why a community bids nothing for a block in which sites have this much left."""
    bidding = left >= max(of.site_minimum_wh, 1)
    most, cost = int(left[bidding].sum()), sites.cost_ticks(of.direction)
    if not left.any():
        return f"no site of {of.operator} has anything left to move"
    if not bidding.any():
        return f"no site of {of.operator} can move its least bid of {of.site_minimum_wh} Wh"
    if most < of.minimum_wh:
        return f"its sites can move {most} Wh a period, below the least bid of {of.minimum_wh}"
    cheapest = int(cost[bidding].min())
    if cheapest >= of.price_ticks:
        return f"moving costs {cheapest} ticks or more, the incentive pays {of.price_ticks}"
    affordable = int(left[bidding & (cost < of.price_ticks)].sum())
    if affordable < of.minimum_wh:
        return (
            f"{affordable} Wh a period are worth its price, below the least bid of {of.minimum_wh}"
        )
    return "what could be moved is worth more in other blocks, incentives or inside"
