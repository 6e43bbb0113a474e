"""The hierarchy as a mechanism of a scenario."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from itertools import count

import numpy as np
from pydantic import BaseModel, Field

from ..book import Clearing, OrderError, Orders
from ..mechanisms._merit import nothing
from ..mechanisms.uniform_price import UniformPrice
from .hierarchy import Balanced, Groups, balance_levels
from .reading import trades_to_clearing

__all__ = ["OUTERMOST", "Hierarchy", "Level", "group_peers"]

OUTERMOST = "market"
"""What the group of all is called."""


class Level(BaseModel, extra="forbid", frozen=True):
    """A group of peers and of groups: a microgrid, a cell, a multi-cell."""

    name: str = Field(description="For messages and the account of each level.")
    members: tuple[str, ...] = Field(
        default=(), description="Peers by name; '*' and '?' match, as in feeder-1-*."
    )
    zones: tuple[str, ...] = Field(
        default=(), description="Peers whose orders say that they are in one of these zones."
    )
    parts: tuple[Level, ...] = Field(
        default=(), description="Groups inside, which balance before this one."
    )


class Hierarchy:
    """Each group balances itself by a call auction and passes the rest up: `balance_levels` [1]_.

    Groups are given by names of peers, patterns of them, or zones; who is in none stands beside
    the outermost groups. Without any it is the call auction at the uniform price, paired. In every
    group one price holds for both sides. What the outermost auction leaves is the supplier's, as
    what finds no partner always is.

    Properties: individually rational; budget balanced; *not* efficient, since what is balanced
    inside is not offered outside; *not* incentive compatible. It looks at neither preferences nor
    network charges: nearness is in the groups.

    Parameters
    ----------
    options : Hierarchy.Options, optional

    References
    ----------
    .. [1] C. Zhang, J. Wu, C. Long and M. Cheng, "Review of existing peer-to-peer energy trading
       projects," Energy Procedia, vol. 105, 2017.
    """

    class Options(BaseModel, extra="forbid", frozen=True):
        """What a scenario may say about it."""

        levels: tuple[Level, ...] = Field(
            default=(), description="The outermost groups; all of them balance one another."
        )
        k: float = Field(
            default=0.5,
            ge=0,
            le=1,
            description="Where in the range of clearing prices each group's price lies: 0 favours "
            "buyers, 1 sellers. [1]",
        )

    def __init__(self, options: Hierarchy.Options | None = None) -> None:
        self._options = options or self.Options()
        self._auction = UniformPrice(UniformPrice.Options(k=self._options.k))

    def clear(self, orders: Orders) -> Clearing:
        """Clear the book of one delivery period.

        Raises
        ------
        OrderError
            When the book holds orders for more than one period, or groups name peers that do not
            exist or twice.
        """
        trades, levels = self.balance(orders)
        cleared = trades_to_clearing(orders, trades) if len(trades) else nothing(orders)
        return replace(cleared, levels=levels)

    def balance(self, orders: Orders) -> Balanced:
        """Give the trades, and what each group balanced and passed up.

        Raises
        ------
        OrderError
            As `clear`.
        """
        groups = group_peers(orders, self._options.levels)
        return balance_levels(orders, groups, auction=self._auction)


def group_peers(orders: Orders, levels: Sequence[Level]) -> Groups:
    """Place the book's peers in the groups that a scenario names.

    Raises
    ------
    OrderError
        With every fault: names that nobody has, patterns and zones that match nobody, peers in two
        groups, groups of one name, groups without anybody.
    """
    found = list(_walk(Level(name=OUTERMOST, parts=tuple(levels)), -1, count()))
    zones = _zones(orders)
    places: list[list[int]] = [[] for _ in orders.peers]
    for number, (_, level) in enumerate(found):
        for peer, name in enumerate(orders.peers):
            if zones[peer] in level.zones or _matches(name, level.members):
                places[peer].append(number)
    names = [level.name for _, level in found]
    if faults := _level_faults(found, orders.peers) + _place_faults(orders.peers, names, places):
        raise OrderError(faults)
    return Groups(
        names=tuple(names),
        parent=np.array([parent for parent, _ in found]),
        group=np.array([place[0] if place else 0 for place in places], dtype=np.int64),
    )


def _walk(level: Level, parent: int, numbers: Iterator[int]) -> Iterator[tuple[int, Level]]:
    """Give every group with the number of the one around it, outer ones first."""
    number = next(numbers)
    yield parent, level
    for part in level.parts:
        yield from _walk(part, number, numbers)


def _matches(name: str, members: Sequence[str]) -> bool:
    return any(name == one or fnmatchcase(name, one) for one in members)


def _zones(orders: Orders) -> list[str | None]:
    """Zone of each peer as its first order tells it."""
    zones: list[str | None] = [None] * len(orders.peers)
    told = orders.attributes.get("zone")
    if told is not None:
        for peer, zone in zip(orders.peer_index.tolist(), told.tolist(), strict=True):
            zones[peer] = zones[peer] or zone
    return zones


def _level_faults(found: Sequence[tuple[int, Level]], peers: Sequence[str]) -> list[str]:
    names = [level.name for _, level in found]
    faults = [
        f"group {name!r} occurs {names.count(name)} times; name every group differently"
        + (f", and none {OUTERMOST!r}" if name == OUTERMOST else "")
        for name in sorted(set(names))
        if names.count(name) > 1
    ]
    faults += [
        f"group {level.name!r} has neither members, zones nor parts; give it some or leave it out"
        for _, level in found[1:]
        if not (level.members or level.zones or level.parts)
    ]
    return faults + [
        f"group {level.name!r}: no peer {one!r} among {len(peers)} peers to be a member"
        for _, level in found
        for one in level.members
        if not any(_matches(name, (one,)) for name in peers)
    ]


def _place_faults(
    peers: Sequence[str], names: Sequence[str], places: Sequence[Sequence[int]]
) -> list[str]:
    return [
        f"peer {peer!r} is in {' and '.join(repr(names[one]) for one in place)}; every peer "
        f"belongs to one group"
        for peer, place in zip(peers, places, strict=True)
        if len(place) > 1
    ]
