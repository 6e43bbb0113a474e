"""Negotiated full P2P beside piqp on the same sparse graphs: ten partners for every seller."""

from __future__ import annotations

import numpy as np
import piqp
import pytest
from scipy import sparse

from market.designs.admm import solve_admm
from market.designs.consensus import solve_consensus
from market.designs.problem import Agents, Edges


def street(n: int, partners: int = 10) -> tuple[Agents, Edges]:
    rng = np.random.default_rng(1)
    half = n // 2
    degree = min(partners, half)
    first = np.repeat(np.arange(half), degree)
    second = half + np.concatenate([rng.choice(half, degree, replace=False) for _ in range(half)])
    cap, sells = rng.uniform(20, 100, 2 * half), np.arange(2 * half) < half
    agents = Agents(
        a=rng.uniform(0.05, 0.5, 2 * half),
        b=np.where(sells, rng.uniform(10, 30, 2 * half), rng.uniform(30, 60, 2 * half)),
        c=np.zeros(2 * half),
        low_wh=np.where(sells, 0, -cap),
        high_wh=np.where(sells, cap, 0),
    )
    mine, other = rng.uniform(0, 2, (2, first.size))
    return agents, Edges(first=first, second=second, gamma_first=mine, gamma_second=other)


def tomorrow(agents: Agents) -> Agents:
    """Costs differ by up to 2 %, bounds by up to 5 %."""
    rng = np.random.default_rng(2)

    def vary(column, part):
        return column * (1 + rng.uniform(-part, part, column.size))

    return Agents(
        a=vary(agents.a, 0.02),
        b=vary(agents.b, 0.02),
        c=agents.c,
        low_wh=vary(agents.low_wh, 0.05),
        high_wh=vary(agents.high_wh, 0.05),
    )


def by_piqp(agents: Agents, edges: Edges) -> float:
    n, m = len(agents), len(edges)
    rows = np.append(edges.first, edges.second)
    meets = sparse.csc_matrix((np.repeat([1.0, -1.0], m), (rows, np.tile(np.arange(m), 2))), (n, m))
    solver = piqp.SparseSolver()
    solver.setup(
        sparse.block_diag([sparse.csc_matrix((m, m)), sparse.diags(agents.a)]).tocsc(),
        np.append(edges.gamma, agents.b),
        sparse.hstack([meets, -sparse.eye(n)]).tocsc(),
        np.zeros(n),
        None,
        None,
        None,
        np.append(np.zeros(m), agents.low_wh),
        np.append(np.full(m, 1e5), agents.high_wh),
    )
    assert solver.solve() == piqp.PIQP_SOLVED
    return -float(solver.result.info.primal_obj)


SIZES = [19, 100, 300, 1000]


@pytest.mark.parametrize("n", SIZES)
def test_bench_admm_cold(benchmark, n):
    agents, edges = street(n)
    best = by_piqp(agents, edges)
    solve_admm(agents, edges)

    outcome = benchmark(solve_admm, agents, edges).outcome

    benchmark.extra_info["rounds"] = outcome.rounds
    assert outcome.welfare_ueur == pytest.approx(best, rel=1e-4)


@pytest.mark.parametrize("n", SIZES)
def test_bench_admm_warm(benchmark, n):
    agents, edges = street(n)
    before, today = solve_admm(agents, edges).standing, tomorrow(agents)

    outcome = benchmark(solve_admm, today, edges, warm=before).outcome

    benchmark.extra_info["rounds"] = outcome.rounds
    assert outcome.welfare_ueur == pytest.approx(by_piqp(today, edges), rel=1e-4)


@pytest.mark.soak
@pytest.mark.parametrize("n", SIZES)
def test_bench_consensus_innovation(benchmark, n):
    agents, edges = street(n)
    solve_consensus(agents, edges)

    outcome = benchmark(solve_consensus, agents, edges).outcome

    benchmark.extra_info["rounds"] = outcome.rounds
    assert outcome.welfare_ueur == pytest.approx(by_piqp(agents, edges), rel=1e-3)


@pytest.mark.parametrize("n", SIZES)
def test_bench_piqp(benchmark, n):
    agents, edges = street(n)

    assert benchmark(by_piqp, agents, edges) > 0
