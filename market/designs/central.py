"""The one door to a QP solver: energy flows over one-way arcs between nodes with convex costs.

Full P2P, community and hybrid all are such a flow problem: peers inject, managers pass on, and an
arc carries energy one way for a cost. A link of free sign is two arcs. What a solver returns is
judged here, by the optimality conditions, whatever it says of itself.
"""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from ._highs import Scaled, solve_by_highs
from ._infeasible import refuse_infeasible
from .network import Network
from .problem import Agents, DesignError, Residuals

__all__ = ["ACCURACY", "CentralSolver", "Flow", "Solver", "best_solver"]

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

Solver = Literal["best", "piqp", "highs"]

ACCURACY = 1e-6
"""Residuals, relative to the problem's size, above which a result is none. [1]"""

_NONE: Floats = np.zeros(0)

_ASKED = 1e-9
"""What solvers are asked for, on scaled numbers. [1]"""


class Flow(NamedTuple):
    """What flows where, and what energy is worth at each node.

    Attributes
    ----------
    flow_wh : (k,) float array
        Over each arc, 0 or more. [Wh]
    injection_wh : (n,) float array
        Of each node. [Wh]
    potential : (n,) float array
        Dual of a node's balance, positive for a good: what one Wh more there is worth. At a node
        between its bounds it is the marginal cost; along an arc in use it rises by the arc's
        cost. [µ€/Wh]
    residuals : Residuals
        Before anything is repaired.
    converged : bool
    shadow : (r,) float array
        Dual of each of the network's rows, see `network.Congestion`. A node between its bounds has
        a marginal cost of its potential and the network's component there.
    """

    flow_wh: Floats
    injection_wh: Floats
    potential: Floats
    residuals: Residuals
    converged: bool
    shadow: Floats = _NONE


def best_solver() -> Literal["piqp", "highs"]:
    """Name what is installed and fastest: piqp (the extra ``piqp``), else HiGHS."""
    return "piqp" if find_spec("piqp") else "highs"


class CentralSolver:
    """Solves flow problems over the same arcs again and again.

    The pattern of the matrices is made once; with piqp so is its symbolic factorisation, which is
    what a warm solve saves.

    Parameters
    ----------
    n : int
        How many nodes there are.
    tail, head : (k,) int array
        Where each arc comes from and goes to.
    passing : (n,) bool array, optional
        Nodes that inject nothing, ever, and only pass on.
    solver : {"best", "piqp", "highs"}
        "best" is `best_solver`'s.
    network : Network, optional
        Limits on what the first nodes inject together.

    Raises
    ------
    DesignError
        When the solver named is unknown or not installed.
    """

    def __init__(
        self,
        n: int,
        tail: Ints,
        head: Ints,
        *,
        passing: NDArray[np.bool_] | None = None,
        solver: Solver = "best",
        network: Network | None = None,
    ) -> None:
        self.solver, self.network = _judged(solver), network
        self.tail, self.head = tail, head
        self._own = np.arange(n) if passing is None else np.flatnonzero(~passing)
        arcs = np.arange(tail.size)
        self._out = sparse.csr_matrix(
            (
                np.repeat([1.0, -1.0], tail.size),
                (np.append(tail, head), np.append(arcs, arcs)),
            ),
            shape=(n, tail.size),
        )
        own = sparse.eye(n, format="csc")[:, self._own]
        self._balance = sparse.csc_matrix(sparse.hstack([own, -self._out]))
        self._hessian = sparse.csc_matrix(sparse.eye(self._balance.shape[1]))
        size = self._own.size + tail.size
        self._rows = None if network is None else _rows(network, n, self._own, size)
        none, limits = np.zeros((3, size)), np.zeros((2, 0 if network is None else len(network)))
        self._blank = Scaled(none[0], none[1], none[2], np.full(size, np.inf), *limits)
        self._piqp: Any = None

    def solve(self, agents: Agents, cost: Floats) -> Flow:
        """Find the cheapest flow.

        Parameters
        ----------
        agents : Agents
            The nodes; those that only pass on have bounds of 0.
        cost : (k,) float array
            Of each arc. [µ€/Wh]

        Raises
        ------
        DesignError
            When no flow meets all bounds, with the nodes that cannot; or costs have no least.
        """
        energy, price = sizes = _sizes(agents, cost)
        scaled = self._scaled(agents, cost, energy, price)
        if self.solver == "piqp":
            x, dual, shadow = self._by_piqp(scaled)
        else:
            x, dual, shadow = solve_by_highs(scaled, self._balance, self._rows, _ASKED)
        own = self._own.size
        injection = np.zeros(len(agents))
        injection[self._own] = x[:own] * energy
        if self.network is not None:
            least, most = self.network.reach(agents)
            pressing = np.where(shadow > 0, most > self.network.high, least < self.network.low)
            shadow = np.where(pressing, shadow * price / self.network.size, 0.0)
        flow = self._judge(agents, cost, x[own:] * energy, injection, dual * price, shadow, sizes)
        if not flow.converged:
            refuse_infeasible(agents, self._out, ACCURACY * energy, self.network)
        return flow

    def _scaled(self, agents: Agents, cost: Floats, energy: float, price: float) -> Scaled:
        qp, own, k = self._blank, self._own, self._own.size
        qp.hessian[:k] = agents.a[own] * (energy / price)
        qp.cost[:k], qp.cost[k:] = agents.b[own] / price, cost / price
        qp.low[:k], qp.high[:k] = agents.low_wh[own] / energy, agents.high_wh[own] / energy
        if self.network is not None:
            size = self.network.size * energy
            # What cannot be reached is no limit, but solvers like a finite number better.
            far = 2 * (np.abs(self.network.reach(agents)).max(axis=0) + size)
            qp.least[:] = np.maximum(self.network.low, -far) / size
            qp.most[:] = np.minimum(self.network.high, far) / size
        return qp

    def _by_piqp(self, qp: Scaled) -> tuple[Floats, Floats, Floats]:
        self._hessian.data[:] = qp.hessian
        limits = (None, None) if self._rows is None else (qp.least, qp.most)
        if self._piqp is None:
            made = import_module("piqp").SparseSolver()
            for limit in ("eps_abs", "eps_rel", "eps_duality_gap_abs", "eps_duality_gap_rel"):
                setattr(made.settings, limit, _ASKED)
            zero = np.zeros(self._balance.shape[0])
            made.setup(
                self._hessian, qp.cost, self._balance, zero, self._rows, *limits, qp.low, qp.high
            )
            self._piqp = made
        else:
            made = self._piqp
            made.update(self._hessian, qp.cost, None, None, None, *limits, qp.low, qp.high)
        made.solve()
        found = made.result
        shadow = np.array(found.z_u) - np.array(found.z_l) if limits[0] is not None else _NONE
        return np.array(found.x), -np.array(found.y), shadow

    def _judge(
        self,
        agents: Agents,
        cost: Floats,
        flow: Floats,
        injection: Floats,
        potential: Floats,
        shadow: Floats,
        sizes: tuple[float, float],
    ) -> Flow:
        """Hold what came back to the optimality conditions."""
        energy, price = sizes
        held = np.clip(injection, agents.low_wh, agents.high_wh)
        astray = np.append(injection - self._out @ flow, injection - held)
        worth_there, pressed = potential, 0.0
        if self.network is not None:
            peers = self.network.factors.shape[1]
            worth_there = potential.copy()
            worth_there[:peers] += self.network.congestion(shadow).component
            astray = np.append(astray, self.network.excess_wh(held))
            pressed = _slack(self.network, shadow, held)
        primal = float(max(np.abs(astray).max(initial=0.0), (-flow).max(initial=0.0)))
        reduced = cost + potential[self.tail] - potential[self.head]
        nodes = _shortfall(agents, held, worth_there)
        dual = float((-reduced).max(initial=0.0))
        gap = pressed + float(nodes.sum() + np.abs(flow) @ np.maximum(reduced, 0.0))
        worth = max(float(np.abs(agents.cost_ueur(held) - agents.c).sum()), energy * price)
        near = max(primal / energy, dual / price, gap / worth) <= ACCURACY  # False for NaN
        return Flow(
            flow_wh=np.maximum(flow, 0.0),
            injection_wh=held,
            potential=potential,
            residuals=Residuals(primal, dual, gap),
            converged=bool(near),
            shadow=shadow,
        )


def _rows(network: Network, n: int, own: Ints, size: int) -> sparse.csc_matrix:
    """Give the network's rows over a problem's variables, each brought to a factor of 1 at most."""
    factors = np.zeros((len(network), n))
    factors[:, : network.factors.shape[1]] = network.factors / network.size[:, None]
    flows = sparse.csc_matrix((len(network), size - own.size))
    return sparse.csc_matrix(sparse.hstack([sparse.csc_matrix(factors[:, own]), flows]))


def _slack(network: Network, shadow: Floats, injection: Floats) -> float:
    """What duals of rows that do not bind would be paid for. [µ€]"""
    limit = np.where(shadow > 0, network.high, network.low)
    pressing = shadow != 0
    left = (limit - network.loads(injection))[pressing]
    return float(np.maximum(shadow[pressing] * left, 0.0).sum())


def _judged(solver: Solver) -> Literal["piqp", "highs"]:
    if solver == "best":
        solver = best_solver()
    package = {"piqp": "piqp", "highs": "highspy"}.get(solver)
    if package is None:
        raise DesignError([f"no central solver {solver!r}; known: best, piqp, highs"])
    if find_spec(package) is None:
        raise DesignError(
            [f"the central solver {solver} needs the package {package}: pip install {package}"]
        )
    return solver


def _sizes(agents: Agents, cost: Floats) -> tuple[float, float]:
    """What energies and prices of this problem are like, to scale by. [Wh], [µ€/Wh]"""
    price = max(float(np.abs(agents.b).max(initial=0.0)), float(np.abs(cost).max(initial=0.0)))
    widest = np.maximum(np.abs(agents.low_wh), np.abs(agents.high_wh))
    price = price or float((agents.a * widest).max(initial=0.0)) or 1.0
    # Where the marginal cost would leave all prices behind, bounds say nothing of what is traded.
    held = np.maximum(np.maximum(agents.low_wh, -agents.high_wh), 0.0)
    likely = np.maximum(np.minimum(widest, price / np.maximum(agents.a, 1e-300)), held)
    return float(likely.max(initial=0.0)) or 1.0, price


def _shortfall(agents: Agents, injection: Floats, potential: Floats) -> Floats:
    """How far each node's injection is from the best it could do at its own price. [µ€]"""
    with np.errstate(divide="ignore", invalid="ignore"):
        wanted = (potential - agents.b) / agents.a
    edge = np.where(potential >= agents.b, agents.high_wh, agents.low_wh)
    best = np.where(agents.a > 0, np.clip(wanted, agents.low_wh, agents.high_wh), edge)
    loss = agents.cost_ueur(injection) - potential * injection
    return np.asarray(loss - (agents.cost_ueur(best) - potential * best), dtype=np.float64)
