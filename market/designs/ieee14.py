"""The IEEE 14-bus case of Sousa et al.: 19 peers in three communities, the grid at bus 1, a year.

Peers either sell or buy, so each of the three designs [1]_ is a market of groups (see
`_kernels_ieee14`), solved exactly, period by period:

- *full P2P*: one group; every trade, with the grid too, costs γ;
- *community*: three groups, each with the grid through its manager; trades inside cost γ;
- *hybrid*: as community, and managers sell to one another at a cost per pair.

References
----------
.. [1] T. Sousa, T. Soares, P. Pinson, F. Moret, T. Baroche and E. Sorin, "Peer-to-peer and
   community-based markets: a comprehensive review," Renew. Sustain. Energy Rev., vol. 104, 2019.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ._kernels_ieee14 import clear_groups
from .ieee14_case import STEP_H, Case, Rules
from .problem import DesignError

__all__ = [
    "DESIGNS",
    "Layout",
    "Year",
    "community",
    "full_p2p",
    "hybrid",
    "solve",
]

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

TOLERANCE_MW = 1e-9
"""Imbalance at which the search of a period ends. [MW]"""


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
    rounds : (t,) int64 array
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
    rounds: Ints = field(repr=False)
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
        """What a consumer pays over all periods, by position. [$]

        In money: energy that it does not wish for seems dearer to it by the wish, which it does
        not pay. Of such energy it buys its share of what its group does.
        """
        group = self.layout.group[consumer]
        used = -self.injection_mw[:, consumer]
        of_group = -np.minimum(self.injection_mw[:, self.layout.group == group], 0.0).sum(axis=1)
        share = np.divide(used, of_group, out=np.zeros_like(used), where=of_group > 0)
        unpaid = share * (self.flow_mw[:, :, group] @ self.layout.wished[:, group])
        price = self.sell_price[:, consumer] + self.layout.gamma
        return float((price * used - unpaid).sum() * STEP_H)

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
    sets = sorted(range(1, 1 << k), key=lambda bits: (-bits.bit_count(), bits))
    injection, price, flow, rounds, astray = clear_groups(
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
    if (failed := np.flatnonzero((rounds < 0) | (astray > 1e3 * TOLERANCE_MW))).size:
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
        rounds=rounds,
        astray_mw=float(astray.max(initial=0.0)),
    )
