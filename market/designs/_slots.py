"""Peers' ends of their links, in a row per peer: the form in which distributed solvers work."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .problem import Agents, DesignError, Edges, check_problem, directions

__all__ = ["Slots", "make_slots"]

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False, kw_only=True)
class Slots:
    """The ends of the links over which something can flow.

    Attributes
    ----------
    peers : (n, 4) float array
        a, b, least and greatest injection of each peer. [µ€/Wh²], [µ€/Wh], [Wh], [Wh]
    start : (n + 1,) int64 array
        Where each peer's slots begin; within a peer they go by partner.
    owner, rev : (s,) int64 array
        Whose each slot is, and the link's other end.
    link : (k,) int64 array
        The links that are held: all but those between two who only sell or only buy.
    first, second : (k,) int64 array
        The slots of each held link's ends.
    gamma : (s,) float array
        Each side's share as it is negotiated. Where a link of free sign has one share below 0, both
        sides take the mean: a peer's own problem would not be convex with the share alone.
    sells, buys : (s,) bool array
        What the slot can do.
    cap_wh : (n,) float array
        Greatest injection or withdrawal. [Wh]
    """

    peers: Floats
    start: Ints
    owner: Ints
    rev: Ints
    link: Ints
    first: Ints
    second: Ints
    gamma: Floats
    sells: NDArray[np.bool_]
    buys: NDArray[np.bool_]
    cap_wh: Floats

    def at_ends(self, of_link: Floats) -> Floats:
        """Give each slot its link's value, with the other sign at the second end."""
        out = np.zeros(self.rev.size)
        out[self.first], out[self.second] = of_link[self.link], -of_link[self.link]
        return out


def make_slots(agents: Agents, edges: Edges) -> Slots:
    """Lay links out by peer.

    Raises
    ------
    DesignError
        When peers and links make no market, or a peer that must trade has nobody to trade with.
    """
    check_problem(agents, edges)
    n, (there, back) = len(agents), directions(agents, edges)
    link = np.flatnonzero(there | back)
    there, back = there[link], back[link]
    mine, other = edges.first[link], edges.second[link]
    owner, partner = np.append(mine, other), np.append(other, mine)
    order = np.argsort(owner * n + partner, kind="stable")
    place = np.empty_like(order)
    place[order] = np.arange(order.size)
    first, second = place[: link.size], place[link.size :]
    rev = np.empty_like(order)
    rev[first], rev[second] = second, first
    start = np.append(0, np.cumsum(np.bincount(owner, minlength=n))).astype(np.int64)
    _check_company(agents, np.diff(start))
    return Slots(
        peers=np.stack([agents.a, agents.b, agents.low_wh, agents.high_wh], axis=1),
        start=start,
        owner=owner[order],
        rev=rev,
        link=link,
        first=first,
        second=second,
        gamma=np.append(*_shares(edges, link, there & back))[order],
        sells=np.append(there, back)[order],
        buys=np.append(back, there)[order],
        cap_wh=np.maximum(np.abs(agents.low_wh), np.abs(agents.high_wh)),
    )


def _shares(edges: Edges, link: Ints, free: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    one, other = edges.gamma_first[link], edges.gamma_second[link]
    even = free & (np.minimum(one, other) < 0)
    mean = 0.5 * (one + other)
    return np.where(even, mean, one), np.where(even, mean, other)


def _check_company(agents: Agents, partners: Ints) -> None:
    low, high = agents.low_wh, agents.high_wh
    alone = np.flatnonzero((partners == 0) & ((low > 0) | (high < 0))).tolist()
    if alone:
        raise DesignError(
            [
                f"peer {i}: must inject {low[i]:g} to {high[i]:g} Wh but has no partner who could "
                f"take the other side; link it or widen its bounds to 0"
                for i in alone
            ]
        )
