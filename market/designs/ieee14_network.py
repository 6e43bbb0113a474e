"""The 14-bus case with limits on its lines: the three designs in the DC network.

The paper leaves the network out. With limits on lines a group no longer has one price, so the
periods in which the unconstrained optimum overloads a line are solved once more by the general
solver, one node a peer and two a group, with the lines as rows (`network.line_limits`). All other
periods stand as they are: an optimum that keeps limits is the optimum with them.

Sales meet purchases in a group at γ; between groups and with the grid they cost what the layout
says. The grid is at the reference, bus 1, and whatever it takes or gives flows there.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .central import CentralSolver, Flow, Solver
from .ieee14 import Layout, Year
from .ieee14_case import STEP_H, Case, Rules
from .network import Network
from .problem import Agents, DesignError

__all__ = ["Constrained", "constrain", "network_summary", "read_lines"]

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

PRICED = 1e-4
"""Shadow price above which a line binds. [$/MWh]"""


@dataclass(frozen=True, eq=False, kw_only=True)
class Constrained:
    """A design's year within the limits of the lines, beside the one without.

    Attributes
    ----------
    free, held : Year
        Without limits and with them; `held`'s sell prices are nodal.
    network : Network
        Rows are lines. [MW]
    periods : (m,) int64 array
        Those in which a limit was in the way.
    shadow : (m, lines) float array
        What one MW more of a line would be worth in each of them, signed by its direction.
        [$/MWh]
    """

    free: Year
    held: Year
    network: Network
    periods: Ints
    shadow: Floats

    @property
    def welfare_lost(self) -> float:
        """By the limits, over all periods. [$]"""
        return float((self.free.welfare - self.held.welfare).sum() * STEP_H)

    @cached_property
    def rent(self) -> Floats:
        """What the lines' owner keeps in each period of `periods`. [$/h]"""
        flow = self.held.injection_mw[self.periods] @ self.network.factors.T
        return np.asarray((self.shadow * flow).sum(axis=1))

    @property
    def binding(self) -> dict[str, tuple[int, float]]:
        """Lines that bind: in how many half-hours, and their mean price in those. [-], [$/MWh]"""
        size = np.abs(self.shadow)
        priced = size > PRICED
        return {
            name: (int(times), float(size[priced[:, line], line].mean()))
            for line, (name, times) in enumerate(
                zip(self.network.names, priced.sum(axis=0), strict=True)
            )
            if times
        }

    @property
    def relieved_mwh(self) -> float:
        """Energy beyond limits that would have flowed without them, line by line. [MWh]"""
        flow = np.abs(self.free.injection_mw[self.periods] @ self.network.factors.T)
        return float(np.maximum(flow - self.network.high, 0.0).sum() * STEP_H)


def constrain(year: Year, network: Network, *, solver: Solver = "best") -> Constrained:
    """Hold a design's year to the limits of the lines.

    Parameters
    ----------
    year : Year
        The design's optimum without limits.
    network : Network
        Factors of the case's peers to lines, and limits. [MW]
    solver : {"best", "piqp", "highs"}

    Raises
    ------
    DesignError
        A period in which no injections within the peers' bounds keep the limits, with its lines;
        or one that the solver did not solve.
    """
    flow = year.injection_mw @ network.factors.T
    beyond = np.maximum(flow - network.high, network.low - flow) > 0
    periods = np.flatnonzero(beyond.any(axis=1))
    wiring = _Wiring(year.case, year.layout)
    central = CentralSolver(
        wiring.nodes, wiring.tail, wiring.head, passing=wiring.passing, network=network,
        solver=solver,
    )  # fmt: skip
    injection, price = year.injection_mw.copy(), year.sell_price.copy()
    sales, shadow = year.flow_mw.copy(), np.zeros((periods.size, len(network)))
    for row, t in enumerate(periods.tolist()):
        found = _solved(central, wiring, year.case, year.rules, t)
        injection[t], sales[t] = found.injection_wh[: year.case.n_peers], wiring.sales(found)
        congestion = network.congestion(found.shadow)
        price[t] = found.potential[: year.case.n_peers] + congestion.component
        price[t] -= np.where(wiring.sells, 0.0, year.layout.gamma)
        shadow[row] = found.shadow
    held = replace(year, injection_mw=injection, sell_price=price, flow_mw=sales)
    return Constrained(free=year, held=held, network=network, periods=periods, shadow=shadow)


def _solved(central: CentralSolver, wiring: _Wiring, case: Case, rules: Rules, t: int) -> Flow:
    try:
        found = central.solve(wiring.agents(case, rules, t), wiring.cost)
    except DesignError as error:
        raise DesignError(
            [f"half-hour from {case.moment(t)}: {one}" for one in error.faults]
        ) from None
    if not found.converged:
        raise DesignError(
            [f"half-hour from {case.moment(t)}: not solved within the lines: {found.residuals}"]
        )
    return found


class _Wiring:
    """Nodes and arcs of a layout: peers, the grid that sells and buys, each group's two sides."""

    def __init__(self, case: Case, layout: Layout) -> None:
        n, k = case.n_peers, layout.cost.shape[0]
        self.sells = (case.high_mw > 0).any(axis=0)
        self._n, self._k = n, k
        self.nodes = n + 2 + 2 * k
        self.passing = np.arange(self.nodes) >= n + 2
        peers, out, into = np.arange(n), n + 2 + layout.group, n + 2 + k + layout.group
        one, other = np.nonzero(np.isfinite(layout.cost) | np.eye(k, dtype=bool))
        within = one == other
        groups = np.arange(k)
        self.tail = np.concatenate(
            [np.where(self.sells, peers, into), n + 2 + one, np.full(k, n), n + 2 + groups]
        ).astype(np.int64)
        self.head = np.concatenate(
            [
                np.where(self.sells, out, peers),
                n + 2 + k + other,
                n + 2 + k + groups,
                np.full(k, n + 1),
            ]
        ).astype(np.int64)
        between = np.where(within, layout.gamma, layout.cost[one, other])
        self.cost = np.concatenate([np.zeros(n), between, layout.dearer, layout.less])
        self._one, self._other, self._within = one, other, within

    def agents(self, case: Case, rules: Rules, t: int) -> Agents:
        """Peers and grid of a period; in MW and $/MWh, which the solver does not mind."""
        most = float(np.maximum(np.abs(case.low_mw[t]), np.abs(case.high_mw[t])).sum())
        none = np.zeros(2 * self._k)
        return Agents(
            a=np.concatenate([case.a, [0.0, 0.0], none]),
            b=np.concatenate(
                [case.b, [case.price[t] + rules.tariff, case.price[t] - rules.tariff], none]
            ),
            c=np.zeros(self.nodes),
            low_wh=np.concatenate([case.low_mw[t], [0.0, -most], none]),
            high_wh=np.concatenate([case.high_mw[t], [most, 0.0], none]),
        )

    def sales(self, found: Flow) -> Floats:
        """Sales from group to group, the last being the grid, (k + 1, k + 1). [MW]"""
        n, k, m = self._n, self._k, self._one.size
        flow = found.flow_wh
        sales = np.zeros((k + 1, k + 1))
        sales[self._one, self._other] = np.where(self._within, 0.0, flow[n : n + m])
        sales[-1, :-1], sales[:-1, -1] = flow[n + m : n + m + k], flow[n + m + k :]
        return sales


def read_lines(path: Path, ends: Sequence[tuple[int, int]]) -> Floats:
    """Read the limit of each branch from a table of line, from, to and limit_mw.

    Parameters
    ----------
    path : Path
    ends : sequence of (int, int)
        Buses that each branch is between, as the network has them.

    Returns
    -------
    (branches,) float array
        [MW]

    Raises
    ------
    DesignError
        With file and line of every fault: branches that there are not or are missing, limits that
        are no numbers of 0 or more.
    """
    place = {frozenset(pair): branch for branch, pair in enumerate(ends)}
    limit, faults = np.full(len(ends), np.nan), list[str]()
    try:
        with path.open(encoding="utf-8-sig", newline="") as text:
            rows = list(csv.DictReader(text))
    except OSError as error:
        raise DesignError([f"{path}: cannot be read: {error.strerror}"]) from None
    for number, row in enumerate(rows, start=2):
        try:
            pair, mw = frozenset((int(row["from"]), int(row["to"]))), float(row["limit_mw"])
        except (KeyError, TypeError, ValueError):
            faults.append(f"{path}:{number}: expected numbers in from, to and limit_mw")
            continue
        if pair not in place:
            faults.append(f"{path}:{number}: no branch between buses {row['from']} and {row['to']}")
        elif not mw >= 0 or math.isinf(mw):
            faults.append(f"{path}:{number}: limit_mw is {mw:g}; expected 0 or more")
        else:
            limit[place[pair]] = mw
    faults += [
        f"{path}: no limit for the branch between buses {ends[i][0]} and {ends[i][1]}"
        for i in np.flatnonzero(np.isnan(limit)).tolist()
    ]
    if faults:
        raise DesignError(faults)
    return limit


def network_summary(found: Mapping[str, Constrained]) -> dict[str, Any]:
    """What is told of the three designs within the limits of the lines."""
    lines = next(iter(found.values())).network
    return {
        "limits_mw": dict(zip(lines.names, lines.high.tolist(), strict=True)),
        "designs": [
            {
                "name": one.held.layout.name,
                "half_hours": int(one.periods.size),
                "welfare": float(one.held.welfare.sum() * STEP_H),
                "welfare_lost": one.welfare_lost,
                "rent": float(one.rent.sum() * STEP_H),
                "relieved_mwh": one.relieved_mwh,
                "binding": {
                    name: {"half_hours": times, "mean_price": price}
                    for name, (times, price) in one.binding.items()
                },
            }
            for one in found.values()
        ],
    }
