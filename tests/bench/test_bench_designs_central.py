"""How fast the designs are solved exactly, beside bare piqp, clarabel and osqp in one run."""

import numpy as np
import pytest
from scipy import sparse

from market.designs.community import Community
from market.designs.full_p2p import FullP2P, solve_full_p2p
from market.designs.hybrid import Cell
from market.designs.nested import solve_design
from market.designs.pool import Groups, clear_pools
from market.designs.problem import Agents, Edges
from market.designs.to_trades import to_trades


def market(n, partners=None, seed=1):
    """Half producers, half consumers, each producer linked with all or some of the consumers."""
    rng = np.random.default_rng(seed)
    half = n // 2
    sells = np.arange(n) < half
    most = np.rint(rng.uniform(500, 2_000, n))
    agents = Agents(
        a=rng.uniform(5e-4, 5e-3, n),
        b=np.where(sells, rng.uniform(0, 10, n), rng.uniform(5, 20, n)),
        c=np.zeros(n),
        low_wh=np.where(sells, 0, -most),
        high_wh=np.where(sells, most, 0),
    )
    if partners is None:
        first, second = (x.ravel() for x in np.mgrid[:half, half:n])
    else:
        named = [rng.choice(np.arange(half, n), partners, replace=False) for _ in range(half)]
        first, second = np.repeat(np.arange(half), partners), np.concatenate(named)
    gamma = rng.uniform(0, 2, (2, first.size))
    return agents, Edges(first=first, second=second, gamma_first=gamma[0], gamma_second=gamma[1])


SIZES = {"19 dense": (19, None), "100 x 10": (100, 10), "1000 x 10": (1_000, 10)}


def matrices(agents, edges):
    """The flow problem in kWh for a bare solver: peers' injections, then trades."""
    n, k = len(agents), len(edges)
    out = sparse.csc_matrix(
        (np.repeat([1.0, -1.0], k), (np.append(edges.first, edges.second), np.tile(range(k), 2))),
        shape=(n, k),
    )
    return (
        sparse.csc_matrix(sparse.diags_array(np.append(agents.a * 1e3, np.zeros(k)))),
        np.append(agents.b, edges.gamma),
        sparse.csc_matrix(sparse.hstack([sparse.eye(n), -out])),
        np.append(agents.low_wh / 1e3, np.zeros(k)),
        np.append(agents.high_wh / 1e3, np.full(k, np.inf)),
    )


def by_piqp(hessian, cost, balance, low, high):
    piqp = pytest.importorskip("piqp")
    solver = piqp.SparseSolver()
    zero = np.zeros(balance.shape[0])
    solver.setup(hessian, cost, balance, zero, None, None, None, low, high)
    solver.solve()
    return np.array(solver.result.x)


def by_clarabel(hessian, cost, balance, low, high):
    clarabel = pytest.importorskip("clarabel")
    n, wide = balance.shape[0], np.flatnonzero(np.isfinite(high))
    one = sparse.eye(cost.size, format="csc")
    rows = sparse.csc_matrix(sparse.vstack([balance, -one, one[wide]]))
    right = np.concatenate([np.zeros(n), -low, high[wide]])
    cones = [clarabel.ZeroConeT(n), clarabel.NonnegativeConeT(right.size - n)]
    settings = clarabel.DefaultSettings()
    settings.verbose = False
    return np.array(clarabel.DefaultSolver(hessian, cost, rows, right, cones, settings).solve().x)


def by_osqp(hessian, cost, balance, low, high):
    osqp = pytest.importorskip("osqp")
    zero = np.zeros(balance.shape[0])
    rows = sparse.csc_matrix(sparse.vstack([balance, sparse.eye(cost.size)]))
    solver = osqp.OSQP()
    solver.setup(
        hessian, cost, rows, np.append(zero, low), np.append(zero, high),
        verbose=False, eps_abs=1e-5, eps_rel=1e-5, max_iter=20_000,
    )  # fmt: skip
    return solver.solve(raise_error=False).x


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("solver", [by_piqp, by_clarabel, by_osqp], ids=lambda s: s.__name__)
def test_bench_bare_solver(benchmark, solver, size):
    benchmark.group = f"full P2P {size}"
    given = matrices(*market(*SIZES[size]))
    found = benchmark(solver, *given)
    assert np.isfinite(found).all()


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("solver", ["piqp", pytest.param("highs", marks=pytest.mark.soak)])
def test_bench_full_p2p_cold(benchmark, solver, size):
    pytest.importorskip({"piqp": "piqp", "highs": "highspy"}[solver])
    benchmark.group = f"full P2P {size}"
    agents, edges = market(*SIZES[size])
    solve_full_p2p(agents, edges, solver=solver)
    outcome = benchmark.pedantic(
        solve_full_p2p, (agents, edges), {"solver": solver}, rounds=1 if "1000" in size else 10
    )
    assert outcome.converged


@pytest.mark.parametrize("size", SIZES)
def test_bench_full_p2p_warm(benchmark, size):
    # Another gate: the same links, other costs.
    pytest.importorskip("piqp")
    benchmark.group = f"full P2P {size}"
    agents, edges = market(*SIZES[size])
    solver = FullP2P(agents, edges, solver="piqp")
    solver.solve(agents)
    outcome = benchmark(solver.solve, agents)
    assert outcome.converged


def test_bench_full_p2p_as_a_pool(benchmark):
    benchmark.group = "full P2P 19 dense"
    agents, edges = market(19)
    same = Edges.uniform(edges.first, edges.second, 1.0)
    solve_full_p2p(agents, same)
    assert benchmark(solve_full_p2p, agents, same).converged


@pytest.mark.parametrize("groups", [1, 4])
def test_bench_a_year_of_pools(benchmark, groups):
    benchmark.group = "17 520 periods of 19 peers"
    periods, n = 17_520, 19
    rng = np.random.default_rng(1)
    sells = np.arange(n) % 2 == 0
    b = rng.uniform(0, 20, (periods, n))
    most = rng.uniform(500, 2_000, (periods, n))
    a = rng.uniform(5e-4, 5e-3, n)
    tree = Groups.pool(n, 0.5, 0.5)
    if groups > 1:
        tree = tree._replace(
            parent=np.zeros(groups, np.int64),
            up=np.full(groups, 1.0),
            down=np.full(groups, 1.0),
            group=1 + np.arange(n) % (groups - 1),
        )
    given = tree, a, b, np.where(sells, 0, -most), np.where(sells, most, 0)
    clear_pools(*given)
    assert benchmark(clear_pools, *given).feasible.all()


@pytest.mark.parametrize("solver", ["best", "piqp"])
def test_bench_hybrid(benchmark, solver):
    pytest.importorskip("piqp")
    benchmark.group = "hybrid of three communities, 19 peers"
    agents, _ = market(19)
    parts = tuple(Community(members=np.arange(k, 19, 3), transaction=0.1) for k in range(3))
    design = Cell(parts=parts, between=np.array([[0, 2, 1], [2, 0, 1.5], [1, 1.5, 0]]))
    solve_design(agents, design, solver=solver)
    assert benchmark(solve_design, agents, design, solver=solver).converged


@pytest.mark.parametrize("size", SIZES)
def test_bench_whole_trades(benchmark, size):
    benchmark.group = "whole Wh"
    agents, edges = market(*SIZES[size])
    outcome = solve_full_p2p(agents, edges)
    to_trades(outcome, agents, edges)
    assert benchmark(to_trades, outcome, agents, edges).energy_wh.sum() > 0
