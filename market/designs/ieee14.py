"""The IEEE 14-bus case of Sousa et al.: 19 peers in three communities, the grid at bus 1, a year.

The case is in the paper's units, MW and $/MWh, with injection positive. Its peers either sell or
buy, so each of the three designs [1]_ is a market of groups (see `_kernels_ieee14`) that is solved
exactly, period by period:

- *full P2P*: one group; every trade, with the grid too, costs γ;
- *community*: three groups, each with the grid through its manager; trades inside cost γ;
- *hybrid*: as community, and managers sell to one another at a cost per pair.

References
----------
.. [1] T. Sousa, T. Soares, P. Pinson, F. Moret, T. Baroche and E. Sorin, "Peer-to-peer and
   community-based markets: a comprehensive review," Renew. Sustain. Energy Rev., vol. 104, 2019.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ._kernels_ieee14 import clear_groups
from .problem import DesignError

__all__ = [
    "DESIGNS",
    "STEP_H",
    "Case",
    "Layout",
    "Rules",
    "Year",
    "community",
    "full_p2p",
    "hybrid",
    "solve",
]

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

STEP_H = 0.5
"""Length of a period. [h]"""

TOLERANCE_MW = 1e-9
"""Imbalance at which the search of a period ends. [MW]"""


@dataclass(frozen=True, eq=False, kw_only=True)
class Case:
    """Peers, their costs and bounds, and the market price, over periods of half an hour.

    Attributes
    ----------
    start : str
        When the first period begins, as ISO 8601.
    kinds : (n,) tuple of str
        "consumer", "wind", "pv", "gas" or "coal".
    buses : (n,) tuple of int
    community : (n,) int64 array
        Position of each peer's community, from 0.
    a, b : (n,) float array
        Cost a/2 P² + b P of injecting P. [$/MWh per MW], [$/MWh]
    low_mw, high_mw : (t, n) float array
        Bounds on injection. [MW]
    price : (t,) float array
        Market price π. [$/MWh]

    Raises
    ------
    DesignError
        With every fault.
    """

    start: str
    kinds: tuple[str, ...]
    buses: tuple[int, ...]
    community: Ints
    a: Floats
    b: Floats
    low_mw: Floats
    high_mw: Floats
    price: Floats

    def __post_init__(self) -> None:
        for name in ("a", "b", "low_mw", "high_mw", "price"):
            object.__setattr__(self, name, np.ascontiguousarray(getattr(self, name), np.float64))
        object.__setattr__(self, "community", np.asarray(self.community, np.int64))
        if faults := _case_faults(self):
            raise DesignError(faults)

    def __len__(self) -> int:
        return self.price.size

    @property
    def n_peers(self) -> int:
        """Without the grid."""
        return len(self.kinds)

    @property
    def consumers(self) -> list[int]:
        """Positions of those who only buy."""
        return [n for n, kind in enumerate(self.kinds) if kind == "consumer"]

    def periods(self, chosen: slice | Sequence[int]) -> Case:
        """The same case over some of its periods, whose start is that of the first of them."""
        rows = np.arange(len(self))[chosen]
        return Case(
            start=self.moment(int(rows[0]) if rows.size else 0),
            kinds=self.kinds,
            buses=self.buses,
            community=self.community,
            a=self.a,
            b=self.b,
            low_mw=self.low_mw[rows],
            high_mw=self.high_mw[rows],
            price=self.price[rows],
        )

    def at(self, moment: str) -> int:
        """The period that begins at a moment, ISO 8601; a DesignError if it is not in the case."""
        minutes = (np.datetime64(moment) - np.datetime64(self.start)) / np.timedelta64(1, "m")
        period = minutes / (60 * STEP_H)
        if period != int(period) or not 0 <= period < len(self):
            reach = f"{self.start} to {self.moment(len(self) - 1)}"
            raise DesignError([f"{moment}: no half-hour of the case; it has {reach}"])
        return int(period)

    def moment(self, period: int) -> str:
        """When a period begins, ISO 8601."""
        return str(np.datetime64(self.start, "m") + np.timedelta64(30, "m") * period)


def _case_faults(case: Case) -> list[str]:
    """Everything that keeps a case from being solved, one line each."""
    n, t = len(case.kinds), case.price.size
    wanted = {
        "buses": (len(case.buses), n),
        "community": (case.community.shape, (n,)),
        "a": (case.a.shape, (n,)),
        "b": (case.b.shape, (n,)),
        "low_mw": (case.low_mw.shape, (t, n)),
        "high_mw": (case.high_mw.shape, (t, n)),
    }
    faults = [
        f"{key}: {has}; expected {want}" for key, (has, want) in wanted.items() if has != want
    ]
    if faults:
        return faults
    for name in ("a", "b", "low_mw", "high_mw", "price"):
        for place in np.argwhere(~np.isfinite(getattr(case, name)))[:5]:
            faults.append(f"{name}{place.tolist()}: no number")
    for t_, n_ in np.argwhere(case.low_mw > case.high_mw)[:5]:
        low, high = case.low_mw[t_, n_], case.high_mw[t_, n_]
        faults.append(f"period {t_}, peer {n_ + 1}: bounds {low:g} to {high:g} MW are crossed")
    for n_ in np.flatnonzero((case.a <= 0) & (case.low_mw < case.high_mw).any(axis=0)):
        faults.append(
            f"peer {n_ + 1}: a = {case.a[n_]:g} $/MWh per MW, but its injection is free; "
            "expected more than 0, 1e-6 for a cost that is linear for all purposes"
        )
    for n_ in np.flatnonzero((case.low_mw < 0).any(axis=0) & (case.high_mw > 0).any(axis=0)):
        faults.append(f"peer {n_ + 1}: both sells and buys; expected bounds of one sign")
    missing = set(range(int(case.community.max(initial=-1)) + 1)) - set(case.community.tolist())
    faults += [f"community C{c + 1}: no members" for c in sorted(missing)]
    return faults


@dataclass(frozen=True, kw_only=True)
class Rules:
    """What trading costs in the case, as the paper has it.

    Attributes
    ----------
    tariff : float
        What the grid asks above the market price and pays below it. [$/MWh]
    gamma : float
        Cost of a trade between peers, once per traded MWh. [$/MWh]
    between : tuple of float
        Cost of a sale between communities C1–C2, C1–C3, C2–C3, in the hybrid; the paper gives the
        three numbers, which pair has which is our reading. [$/MWh]

    Raises
    ------
    DesignError
        Costs with which a detour or a round trip would pay; what to change.
    """

    tariff: float = 10.0
    gamma: float = 0.001
    between: tuple[float, float, float] = (2.0, 1.0, 1.5)

    def __post_init__(self) -> None:
        faults = []
        if not np.isfinite([self.tariff, self.gamma, *self.between]).all():
            faults.append("tariff, gamma, between: expected numbers")
        if not 0 <= self.gamma <= self.tariff:
            faults.append(f"gamma: {self.gamma:g} $/MWh; expected 0 to the tariff, {self.tariff:g}")
        if min(self.between) < self.gamma:
            faults.append(
                f"between: {min(self.between):g} $/MWh; expected at least gamma, {self.gamma:g}: "
                "below it, peers of one community would trade by way of another"
            )
        longest = max(self.between)
        if longest + self.gamma > sum(self.between) - longest + 1e-12:
            faults.append(
                f"between: {longest:g} $/MWh exceeds the way round by the third community less "
                f"gamma, {sum(self.between) - longest - self.gamma:g}; lower it to that"
            )
        if faults:
            raise DesignError(faults)


@dataclass(frozen=True, eq=False, kw_only=True)
class Layout:
    """How a design puts peers into groups, and what trades between groups and grid cost.

    Attributes
    ----------
    name : str
    group : (n,) int64 array
        Each peer's group, from 0.
    cost : (k, k) float array
        Of a sale from group to group, inf where there is none. [$/MWh]
    dearer : (k,) float array
        What buying from the grid costs above its price. [$/MWh]
    less : (k,) float array
        What selling to the grid costs. [$/MWh]
    gamma : float
        Of a sale inside a group. [$/MWh]
    wished : (k + 1, k + 1) float array
        How much of each cost, the grid last, is a wish rather than money. [$/MWh]
    """

    name: str
    group: Ints
    cost: Floats
    dearer: Floats
    less: Floats
    gamma: float
    wished: Floats

    @cached_property
    def order(self) -> Ints:
        """Peers, group by group."""
        return np.argsort(self.group, kind="stable")

    @cached_property
    def starts(self) -> Ints:
        """Where each group begins in that order, and its length."""
        k = self.cost.shape[0]
        return np.searchsorted(self.group[self.order], np.arange(k + 1)).astype(np.int64)


def full_p2p(case: Case, rules: Rules) -> Layout:
    """Everybody trades with everybody, and with the grid as with a peer."""
    gamma = np.full(1, rules.gamma)
    return Layout(
        name="full P2P",
        group=np.zeros(case.n_peers, np.int64),
        cost=np.zeros((1, 1)),
        dearer=gamma,
        less=gamma,
        gamma=rules.gamma,
        wished=np.zeros((2, 2)),
    )


def community(case: Case, rules: Rules) -> Layout:
    """Communities trade inside; their managers know only the grid."""
    k = int(case.community.max()) + 1
    cost = np.full((k, k), np.inf)
    return _of_communities("community", case, rules, cost)


def hybrid(case: Case, rules: Rules) -> Layout:
    """Communities trade inside; their managers know the grid and one another."""
    k = int(case.community.max()) + 1
    if k != 3:
        raise DesignError([f"{k} communities; expected the case's three for the hybrid"])
    cost = np.zeros((3, 3))
    cost[np.triu_indices(3, 1)] = rules.between
    return _of_communities("hybrid", case, rules, cost + cost.T)


def _of_communities(name: str, case: Case, rules: Rules, cost: Floats) -> Layout:
    k = cost.shape[0]
    return Layout(
        name=name,
        group=case.community,
        cost=cost,
        dearer=np.zeros(k),
        less=np.zeros(k),
        gamma=rules.gamma,
        wished=np.zeros((k + 1, k + 1)),
    )


DESIGNS = {"full": full_p2p, "hybrid": hybrid, "community": community}
"""The paper's three, in the order of its tables."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Year:
    """What a design makes of a case: exact optima, period by period.

    Attributes
    ----------
    case, rules, layout
        What was solved.
    injection_mw : (t, n) float array
        Peers in the case's order. [MW]
    sell_price : (t, n) float array
        What each peer would get for one MWh more; a buyer pays γ more. [$/MWh]
    flow_mw : (t, k + 1, k + 1) float array
        Sales from group to group; the last is the grid. [MW]
    moves : (t,) int64 array
        Of the search.
    astray_mw : float
        Most that any period was out of balance before the grid took it. [MW]
    """

    case: Case
    rules: Rules
    layout: Layout
    injection_mw: Floats
    sell_price: Floats
    flow_mw: Floats
    moves: Ints = field(repr=False)
    astray_mw: float

    @cached_property
    def import_mw(self) -> Floats:
        """Bought from the grid, (t,). [MW]"""
        return np.asarray(self.flow_mw[:, -1, :-1].sum(axis=1))

    @cached_property
    def export_mw(self) -> Floats:
        """Sold to the grid, (t,). [MW]"""
        return np.asarray(self.flow_mw[:, :-1, -1].sum(axis=1))

    @cached_property
    def load_mw(self) -> Floats:
        """Consumed, (t,). [MW]"""
        return np.asarray(-np.minimum(self.injection_mw, 0.0).sum(axis=1))

    @cached_property
    def import_cost(self) -> Floats:
        """Paid to the grid, (t,). [$/h]"""
        return np.asarray((self.case.price + self.rules.tariff) * self.import_mw)

    @cached_property
    def export_revenue(self) -> Floats:
        """Got from the grid, (t,). [$/h]"""
        return np.asarray((self.case.price - self.rules.tariff) * self.export_mw)

    @cached_property
    def inside_mw(self) -> Floats:
        """Traded inside each group, (t, k). [MW]"""
        k = self.layout.cost.shape[0]
        sold = _sum_by(np.maximum(self.injection_mw, 0.0), self.layout.group, k)
        outside = self.flow_mw[:, :-1, :].sum(axis=2)
        return np.asarray(np.maximum(sold - outside, 0.0))

    @cached_property
    def exchange_mw(self) -> Floats:
        """Traded between communities, (t,); where the design leaves it open, the least. [MW]"""
        nets = _sum_by(self.injection_mw, self.case.community, self.case.community.max() + 1)
        surplus, deficit = np.maximum(nets, 0.0).sum(1), np.maximum(-nets, 0.0).sum(1)
        if self.layout.name == "full P2P":
            return np.asarray(np.minimum(surplus, deficit))
        return np.asarray(self.flow_mw[:, :-1, :-1].sum(axis=(1, 2)))

    @cached_property
    def trade_cost(self) -> Floats:
        """What trading itself costs, in money: γ and costs between groups, (t,). [$/h]"""
        costs = np.zeros(self.flow_mw.shape[1:])
        costs[:-1, :-1] = np.where(np.isfinite(self.layout.cost), self.layout.cost, 0.0)
        costs[:-1, -1], costs[-1, :-1] = self.layout.less, self.layout.dearer
        money = (self.flow_mw * (costs - self.layout.wished)).sum(axis=(1, 2))
        return np.asarray(money + self.layout.gamma * self.inside_mw.sum(axis=1))

    @cached_property
    def welfare(self) -> Floats:
        """Worth of consumption less cost of production, of trading and of the grid, (t,). [$/h]"""
        cost = ((0.5 * self.case.a * self.injection_mw + self.case.b) * self.injection_mw).sum(1)
        return np.asarray(-cost - self.trade_cost - self.import_cost + self.export_revenue)

    @cached_property
    def objective(self) -> Floats:
        """What the design maximises: welfare less unmet wishes, (t,). [$/h]"""
        return np.asarray(self.welfare - (self.flow_mw * self.layout.wished).sum(axis=(1, 2)))

    def bill(self, consumer: int) -> float:
        """What a consumer pays over all periods, by position. [$]"""
        price = self.sell_price[:, consumer] + self.layout.gamma
        return float(-(price * self.injection_mw[:, consumer]).sum() * STEP_H)

    def energy_mwh(self, consumer: int) -> float:
        """What a consumer uses over all periods, by position. [MWh]"""
        return float(-self.injection_mw[:, consumer].sum() * STEP_H)


def _sum_by(values: Floats, group: Ints, k: int) -> Floats:
    """Sum columns by group, (t, k)."""
    return np.asarray(values @ np.eye(k)[group])


def solve(case: Case, rules: Rules, layout: Layout) -> Year:
    """Solve every period of a case in a design, exactly.

    Raises
    ------
    DesignError
        A period whose search did not end; it never comes out as a result.
    """
    order, k = layout.order, layout.cost.shape[0]
    sets = sorted(range(1, 1 << k), key=lambda bits: (bits.bit_count(), bits))
    injection, price, flow, moves, astray = clear_groups(
        np.where(case.a[order] > 0, case.a[order], 1.0),
        case.b[order],
        np.ascontiguousarray(case.low_mw[:, order]),
        np.ascontiguousarray(case.high_mw[:, order]),
        layout.starts,
        (case.price - rules.tariff)[:, None] - layout.less,
        (case.price + rules.tariff)[:, None] + layout.dearer,
        layout.cost,
        layout.gamma,
        TOLERANCE_MW,
        np.array(sets, np.int64),
    )
    if (failed := np.flatnonzero((moves < 0) | (astray > 1e3 * TOLERANCE_MW))).size:
        worst = failed[astray[failed].argmax()]
        raise DesignError(
            [
                f"{layout.name}: {failed.size} of {len(case)} periods were not solved, worst "
                f"period {worst} with {astray[worst]:.3g} MW out of balance; are costs a below "
                "1e-6 $/MWh per MW?"
            ]
        )
    return Year(
        case=case,
        rules=rules,
        layout=layout,
        injection_mw=injection[:, np.argsort(order)],
        sell_price=price[:, layout.group],
        flow_mw=flow,
        moves=moves,
        astray_mw=float(astray.max(initial=0.0)),
    )
