"""The community's decision as one mixed-integer program: who moves, for neighbours or operators.

Variables of each site and period are what it moves up and down for the inside; of each incentive
what each of its sites moves in each period of the window. Energy is in Wh, money in µ€.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse
from scipy.optimize import Bounds, LinearConstraint, milp

from ..billing.rule import Tariffs
from .sites import Direction, FlexibilityError, Incentive, Sites

__all__ = ["Plan", "Room", "solve"]

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


class Room(NamedTuple):
    """What sites can still move: in each period, (n, periods), and in all, (n,). [Wh]"""

    up: Ints
    down: Ints
    up_total: Ints
    down_total: Ints

    @classmethod
    def of(cls, sites: Sites) -> Room:
        """All that sites have."""
        return cls(sites.up_wh, sites.down_wh, sites.up_total_wh, sites.down_total_wh)

    def less(self, direction: Direction, used: Ints, window: slice = slice(None)) -> Room:
        """Take off what is moved in some periods."""
        name = str(direction)
        left = getattr(self, name).copy()
        left[:, window] -= used
        total = getattr(self, f"{name}_total") - used.sum(axis=1)
        return self._replace(**{name: left, f"{name}_total": total})


class Plan(NamedTuple):
    """What the solver found, not yet in whole Wh.

    Attributes
    ----------
    up, down : (n, periods) float64 array
        Moved for the inside. [Wh]
    moved : list of (n, window) float64 array
        Moved for each incentive. [Wh]
    """

    up: Floats
    down: Floats
    moved: list[Floats]


class _Columns:
    """Variables as they are named, with their cost and bounds."""

    def __init__(self) -> None:
        self.cost: list[Floats] = []
        self.high: list[Floats] = []
        self.whole: list[Floats] = []
        self.count = 0

    def add(
        self, cost: ArrayLike, high: ArrayLike, shape: tuple[int, ...], whole: bool = False
    ) -> Ints:
        """Name variables from 0 to `high`; gives their numbers in the shape."""
        numbers = np.arange(self.count, self.count + int(np.prod(shape))).reshape(shape)
        self.count += numbers.size
        self.cost.append(np.broadcast_to(np.asarray(cost, np.float64), shape).ravel())
        self.high.append(np.broadcast_to(np.asarray(high, np.float64), shape).ravel())
        self.whole.append(np.full(numbers.size, float(whole)))
        return numbers


class _Rows:
    """Constraints low ≤ Ax ≤ high as they are drawn, one row at a time."""

    def __init__(self) -> None:
        self.entries: list[tuple[int, int, float]] = []
        self.low: list[float] = []
        self.high: list[float] = []

    def add(self, terms: Sequence[tuple[Ints | int, float]], low: float, high: float) -> None:
        """Draw one: numbers of variables, each group with its factor."""
        row = len(self.low)
        for numbers, factor in terms:
            self.entries += [(row, int(i), factor) for i in np.ravel(numbers)]
        self.low.append(low)
        self.high.append(high)

    def constraint(self, columns: int) -> LinearConstraint:
        row, column, value = zip(*self.entries, strict=True)
        shape = (len(self.low), columns)
        return LinearConstraint(
            sparse.csr_array((value, (row, column)), shape=shape), self.low, self.high
        )


class _Asked(NamedTuple):
    """The variables of one incentive: what its sites move, (sites, window)."""

    sites: Ints
    moved: Ints


def solve(
    sites: Sites,
    room: Room,
    tariffs: Tariffs,
    incentives: Sequence[Incentive],
    *,
    inside: float,
    outside: float,
) -> Plan:
    """Find what serves the inside and the operators best, each with its weight.

    Parameters
    ----------
    sites : Sites
    room : Room
        What they can move here.
    tariffs : Tariffs
        At which the supplier balances what the community does not exchange inside.
    incentives : sequence of Incentive
    inside, outside : float
        Weight of what the community saves inside, and of what operators bring beyond its cost;
        with a weight of 0 nothing is moved for that side. [1]

    Raises
    ------
    FlexibilityError
        The solver gave no optimum; it says which state it ended in.
    """
    columns, rows = _Columns(), _Rows()
    n, periods = sites.net_wh.shape
    own = {
        "up": columns.add(inside * sites.up_ticks[:, None], room.up * (inside > 0), (n, periods)),
        "down": columns.add(
            inside * sites.down_ticks[:, None], room.down * (inside > 0), (n, periods)
        ),
    }
    _balance(columns, rows, sites, own, tariffs, inside)
    asked = [_ask(columns, rows, sites, room, one, outside) for one in incentives if outside > 0]
    _share_room(rows, room, own, asked, incentives)
    _one_way(columns, rows, room, asked, incentives)
    found = milp(
        np.concatenate(columns.cost),
        integrality=np.concatenate(columns.whole),
        bounds=Bounds(0.0, np.concatenate(columns.high)),
        constraints=rows.constraint(columns.count),
        options={"mip_rel_gap": 0.0},
    )
    if found.x is None or found.status != 0:
        raise FlexibilityError([f"the flexibility program has no optimum: {found.message}"])
    moved = [np.zeros((n, one.periods)) for one in incentives]
    for numbers, mine in zip(asked, moved, strict=False):
        mine[numbers.sites] = found.x[numbers.moved]
    return Plan(found.x[own["up"]], found.x[own["down"]], moved)


def _balance(
    columns: _Columns,
    rows: _Rows,
    sites: Sites,
    own: dict[str, Ints],
    tariffs: Tariffs,
    inside: float,
) -> None:
    """Let the supplier balance each period: Σ net + up − down = export − import."""
    periods = (sites.periods,)
    bought = columns.add(inside * tariffs.retail_ticks, np.inf, periods)
    sold = columns.add(-inside * tariffs.feed_in_ticks, np.inf, periods)
    net = sites.net_wh.sum(axis=0)
    if inside == 0:
        return
    for t in range(sites.periods):
        terms = [(own["up"][:, t], 1.0), (own["down"][:, t], -1.0), (bought[t], 1.0)]
        rows.add([*terms, (sold[t], -1.0)], -net[t], -net[t])


def _ask(
    columns: _Columns,
    rows: _Rows,
    sites: Sites,
    room: Room,
    of: Incentive,
    weight: float,
) -> _Asked:
    """Add one incentive: equal volumes in a block's periods, and nothing below the least bids."""
    mine = np.flatnonzero(sites.of(of.operator))
    most = np.minimum(getattr(room, of.direction)[mine, of.window], of.wanted_wh)
    gain = of.price_ticks - sites.cost_ticks(of.direction)[mine]
    moved = columns.add(-weight * gain[:, None], most, most.shape)
    volume = columns.add(0.0, of.wanted_wh, (of.blocks,))
    for t in range(of.periods):
        rows.add([(moved[:, t], 1.0), (volume[t // of.block], -1.0)], 0.0, 0.0)
    if of.minimum_wh > 0:
        bid = columns.add(0.0, 1.0, (of.blocks,), whole=True)
        for b in range(of.blocks):
            rows.add([(volume[b], 1.0), (bid[b], -float(of.minimum_wh))], 0.0, np.inf)
            rows.add([(volume[b], 1.0), (bid[b], -float(of.wanted_wh))], -np.inf, 0.0)
    if of.site_minimum_wh > 0:
        taken = columns.add(0.0, 1.0, (mine.size, of.blocks), whole=True)
        for i, t in np.ndindex(mine.size, of.periods):
            part = taken[i, t // of.block]
            rows.add([(moved[i, t], 1.0), (part, -float(of.site_minimum_wh))], 0.0, np.inf)
            rows.add([(moved[i, t], 1.0), (part, -float(most[i, t]))], -np.inf, 0.0)
    return _Asked(mine, moved)


def _share_room(
    rows: _Rows,
    room: Room,
    own: dict[str, Ints],
    asked: Sequence[_Asked],
    incentives: Sequence[Incentive],
) -> None:
    """Sell nothing twice: what moves inside and for all operators fits each period and in all."""
    for direction, most, total in (
        ("up", room.up, room.up_total),
        ("down", room.down, room.down_total),
    ):
        shared: dict[tuple[int, int], list[int]] = {
            (i, t): [int(own[direction][i, t])] for i, t in np.ndindex(most.shape)
        }
        for numbers, of in zip(asked, incentives, strict=False):
            if of.direction == direction:
                for (k, t), number in np.ndenumerate(numbers.moved):
                    shared[int(numbers.sites[k]), of.first + t].append(int(number))
        for (i, t), numbers_here in shared.items():
            if len(numbers_here) > 1:
                rows.add([(np.array(numbers_here), 1.0)], -np.inf, float(most[i, t]))
        for i in range(len(most)):
            every = np.concatenate([shared[i, t] for t in range(most.shape[1])])
            rows.add([(every, 1.0)], -np.inf, float(total[i]))


def _one_way(
    columns: _Columns,
    rows: _Rows,
    room: Room,
    asked: Sequence[_Asked],
    incentives: Sequence[Incentive],
) -> None:
    """Have a site move one way for operators in a period: its meter could prove neither of two."""
    ways: dict[tuple[int, int], dict[Direction, list[int]]] = {}
    for numbers, of in zip(asked, incentives, strict=False):
        for (k, t), number in np.ndenumerate(numbers.moved):
            place = int(numbers.sites[k]), of.first + t
            ways.setdefault(place, {}).setdefault(of.direction, []).append(int(number))
    for (i, t), both in ways.items():
        if len(both) == 2:
            up = columns.add(0.0, 1.0, (1,), whole=True)
            most = float(room.up[i, t]), float(room.down[i, t])
            rows.add([(np.array(both["up"]), 1.0), (up, -most[0])], -np.inf, 0.0)
            rows.add([(np.array(both["down"]), 1.0), (up, most[1])], -np.inf, most[1])
