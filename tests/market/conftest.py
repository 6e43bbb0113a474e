"""Villages that several tests of the designs draw, and what an independent solver says of them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import piqp
import pytest
from scipy import sparse

from market.designs.problem import Agents, Edges, directions

Draw = Callable[..., tuple[Agents, Edges]]
Judge = Callable[[Agents, Edges], float | None]


@pytest.fixture(scope="session")
def village() -> Draw:
    """Give a function that draws sellers, buyers and prosumers on a random graph, by seed.

    Costs lie over four decades and some are linear, shares of γ go below 0, also on links between
    prosumers, and every fifth village has small must-runs. A `tame` one has slopes within a decade
    and none of these, as villages in the literature.
    """
    return _draw


@pytest.fixture(scope="session")
def welfare_by_piqp() -> Judge:
    """Give a function that solves with trades split into both directions; None: infeasible."""
    return _by_piqp


def _draw(seed: int, *, tame: bool = False) -> tuple[Agents, Edges]:
    rng = np.random.default_rng(seed)
    n = int(rng.integers(2, 60))
    role = rng.choice(3, n, p=[[0.4, 0.4, 0.2], [0.2, 0.2, 0.6], [0.5, 0.5, 0.0]][seed % 3])
    cap = rng.uniform(0.5, 1000, n) if seed % 2 and not tame else rng.uniform(20, 100, n)
    low, high = np.where(role == 0, 0, -cap), np.where(role == 1, 0, cap * rng.uniform(0.5, 1, n))
    first, second = np.triu_indices(n, 1)
    held = rng.random(first.size) < rng.uniform(2, 10) / n
    first, second = first[held], second[held]
    if seed % 5 == 0 and not tame:
        linked = np.isin(np.arange(n), [*first[role[first] + role[second] == 1], *second])
        must = (rng.random(n) < 0.05) & linked & (role == 1)
        high = np.where(must, 0.01 * low, high)
    a, fixed = rng.uniform(0.05, 0.5, n), np.zeros(n)
    if not tame:
        a *= 10.0 ** rng.integers(-3, 2, n)
        a[rng.random(n) < 0.2] = 0
    spans = [(5, 20), (10, 35), (5, 35)] if tame else [(50, 200), (100, 350), (50, 350)]
    b = np.array([rng.uniform(*spans[r]) for r in role])
    mine, other = rng.uniform(*((0, 2) if tame else (-5, 20)), (2, first.size))
    if not tame:
        other = np.where(mine + other < 0, 1 - mine, other)
        fixed = rng.uniform(0, 5, n)
    agents = Agents(a=a, b=b, c=fixed, low_wh=low, high_wh=high)
    return agents, Edges(first=first, second=second, gamma_first=mine, gamma_second=other)


def _by_piqp(agents: Agents, edges: Edges) -> float | None:
    n, m = len(agents), len(edges)
    there, back = directions(agents, edges)
    rows = np.append(edges.first, edges.second)
    meets = sparse.csc_matrix((np.repeat([1.0, -1.0], m), (rows, np.tile(np.arange(m), 2))), (n, m))
    solver = piqp.SparseSolver()
    solver.settings.eps_abs, solver.settings.eps_rel = 1e-9, 1e-10
    solver.setup(
        sparse.block_diag([sparse.csc_matrix((2 * m, 2 * m)), sparse.diags(agents.a)]).tocsc(),
        np.concatenate([edges.gamma, edges.gamma, agents.b]),
        sparse.hstack([meets, -meets, -sparse.eye(n)]).tocsc(),
        np.zeros(n),
        None,
        None,
        None,
        np.append(np.zeros(2 * m), agents.low_wh),
        np.concatenate([np.where(there, 1e6, 0), np.where(back, 1e6, 0), agents.high_wh]),
    )
    if solver.solve() != piqp.PIQP_SOLVED:
        return None
    return -float(solver.result.info.primal_obj + agents.c.sum())
