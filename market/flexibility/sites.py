"""What a community has, and what an operator asks: sites with room to move, and an incentive."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ..faulty import Faulty

__all__ = ["Direction", "FlexibilityError", "Incentive", "Sites"]

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

Direction = Literal["up", "down"]

_BY_PERIOD = ("net_wh", "up_wh", "down_wh")
_BY_SITE = ("up_ticks", "down_ticks", "up_total_wh", "down_total_wh")

LARGEST_WH = 10**12
"""What a site may do in a period; sums of money then fit int64. [Wh]"""


class FlexibilityError(Faulty):
    """Sites, incentives, baselines or meters that cannot be worked with; mend what is named."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Sites:
    """The members of a community over the periods of a day; injection is positive.

    *Up* is more injection or less consumption, *down* the opposite. What a site moves for its
    neighbours it cannot move for an operator: both share its capacity and its stock.

    Attributes
    ----------
    names : tuple of str
    operators : tuple of str
        The system operator that each site belongs to; one each, two or more across a border.
    net_wh : (n, periods) int64 array
        Injection without moving. [Wh]
    up_wh, down_wh : (n, periods) int64 array
        The most it can move in each period. [Wh]
    up_ticks, down_ticks : (n,) int64 array
        What moving a Wh costs it; for `down` negative where the energy taken is worth more than
        what taking it costs. [µ€/Wh]
    up_total_wh, down_total_wh : (n,) int64 array
        The most it can move in all periods together: what is stored, what room there is. [Wh]

    Raises
    ------
    FlexibilityError
        With every fault: nobody, names twice, shapes, values that are negative or too large.
    """

    names: tuple[str, ...]
    operators: tuple[str, ...]
    net_wh: Ints
    up_wh: Ints
    down_wh: Ints
    up_ticks: Ints
    down_ticks: Ints
    up_total_wh: Ints
    down_total_wh: Ints

    def __post_init__(self) -> None:
        for name in (*_BY_PERIOD, *_BY_SITE):
            column = np.array(getattr(self, name))
            if column.dtype.kind in "iu":
                column = column.astype(np.int64)
            column.flags.writeable = False
            object.__setattr__(self, name, column)
        if faults := _site_faults(self):
            raise FlexibilityError(faults)

    def __len__(self) -> int:
        return len(self.names)

    @property
    def periods(self) -> int:
        """How many periods there are."""
        return int(self.net_wh.shape[1])

    def capacity_wh(self, direction: Direction) -> Ints:
        """Give the most that each site can move in each period. (n, periods) [Wh]"""
        return self.up_wh if direction == "up" else self.down_wh

    def total_wh(self, direction: Direction) -> Ints:
        """Give the most that each site can move in all. (n,) [Wh]"""
        return self.up_total_wh if direction == "up" else self.down_total_wh

    def cost_ticks(self, direction: Direction) -> Ints:
        """Give what moving a Wh costs each site. (n,) [µ€/Wh]"""
        return self.up_ticks if direction == "up" else self.down_ticks

    def of(self, operator: str) -> Bools:
        """Say which sites belong to an operator. (n,)"""
        return np.array([name == operator for name in self.operators], dtype=np.bool_)


@dataclass(frozen=True, slots=True, kw_only=True)
class Incentive:
    """What an operator offers for moving: price, volume, window, resolution, least bids.

    Attributes
    ----------
    name, operator : str
    direction : {"up", "down"}
        More injection, or less.
    price_ticks : int
        For a Wh delivered; the energy is the operator's, so no supplier bills it. [µ€/Wh]
    wanted_wh : int
        The most it takes in each period, from all sites together. [Wh]
    first, periods : int
        The window: its first period, and how many there are.
    block : int
        Periods of one block of the operator's resolution; a bid is the same in each of them.
    minimum_wh, site_minimum_wh : int
        The least in each period that is a bid: of all sites, and of each of them. [Wh]
    penalty_ticks : int
        For a Wh accepted and not delivered. [µ€/Wh]

    Raises
    ------
    FlexibilityError
        With every fault.
    """

    name: str
    operator: str
    direction: Direction
    price_ticks: int
    wanted_wh: int
    first: int
    periods: int
    block: int = 1
    minimum_wh: int = 0
    site_minimum_wh: int = 0
    penalty_ticks: int = 0

    def __post_init__(self) -> None:
        if faults := _incentive_faults(self):
            raise FlexibilityError(faults)

    @property
    def window(self) -> slice:
        """Its periods."""
        return slice(self.first, self.first + self.periods)

    @property
    def blocks(self) -> int:
        """How many blocks the window has."""
        return self.periods // self.block


def _site_faults(sites: Sites) -> list[str]:
    n = len(sites.names)
    faults = ["a community without sites; give it some"] if not n else []
    faults += [
        f"site {name!r} is named {sites.names.count(name)} times; name each once"
        for name in sorted(set(sites.names))
        if sites.names.count(name) > 1
    ]
    if len(sites.operators) != n:
        faults.append(f"{len(sites.operators)} operators for {n} sites; each belongs to one")
    periods = sites.net_wh.shape[1] if sites.net_wh.ndim == 2 else 0
    shapes = dict.fromkeys(_BY_PERIOD, (n, periods)) | dict.fromkeys(_BY_SITE, (n,))
    for name, shape in shapes.items():
        column = getattr(sites, name)
        if column.shape != shape or column.dtype != np.int64 or not column.size:
            faults.append(
                f"{name} is {column.dtype} {column.shape}, expected whole numbers in the shape "
                f"{shape}"
            )
    return faults or _value_faults(sites)


def _value_faults(sites: Sites) -> list[str]:
    faults = []
    for name in ("net_wh", "up_wh", "down_wh", "up_total_wh", "down_total_wh"):
        column = getattr(sites, name)
        least = -LARGEST_WH if name == "net_wh" else 0
        wrong = (column < least) | (column > LARGEST_WH)
        faults += [
            f"site {sites.names[at[0]]!r}: {name} is {column[tuple(at)]} Wh, expected {least} to "
            f"{LARGEST_WH}"
            for at in np.argwhere(wrong).tolist()
        ]
    return faults


def _incentive_faults(of: Incentive) -> list[str]:
    who = f"incentive {of.name!r}"
    faults = [
        f"{who}: {name} is {getattr(of, name)}, expected {least} or more"
        for name, least in (
            ("wanted_wh", 1),
            ("first", 0),
            ("periods", 1),
            ("block", 1),
            ("minimum_wh", 0),
            ("site_minimum_wh", 0),
            ("penalty_ticks", 0),
        )
        if getattr(of, name) < least
    ]
    if of.direction not in ("up", "down"):
        faults.append(f"{who}: direction is {of.direction!r}, expected 'up' or 'down'")
    if of.block >= 1 and of.periods % of.block:
        faults.append(
            f"{who}: {of.periods} periods are no whole number of blocks of {of.block}; lengthen "
            f"the window or refine the resolution"
        )
    if of.minimum_wh > of.wanted_wh:
        faults.append(
            f"{who}: wants {of.wanted_wh} Wh a period but takes no bid below {of.minimum_wh} Wh"
        )
    return faults
