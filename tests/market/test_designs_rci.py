"""Full P2P by relaxed consensus + innovation, beside HiGHS and the hand."""

from __future__ import annotations

import numpy as np
import piqp
import pytest
from scipy import sparse

from market.designs.admm import solve_admm
from market.designs.consensus import Consensus, solve_consensus
from market.designs.problem import Agents, DesignError, Edges, directions
from market.designs.repair import primal_residual_wh


def village(seed: int) -> tuple[Agents, Edges]:
    """Sellers, buyers and prosumers whose slopes are within a decade, as in the literature."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(2, 60))
    role = rng.choice(3, n, p=[[0.4, 0.4, 0.2], [0.2, 0.2, 0.6], [0.5, 0.5, 0.0]][seed % 3])
    cap = rng.uniform(20, 100, n)
    first, second = np.triu_indices(n, 1)
    held = rng.random(first.size) < rng.uniform(2, 10) / n
    first, second = first[held], second[held]
    mine, other = rng.uniform(0, 2, (2, first.size))
    agents = Agents(
        a=rng.uniform(0.05, 0.5, n),
        b=np.array([rng.uniform(*[(5, 20), (10, 35), (5, 35)][r]) for r in role]),
        c=np.zeros(n),
        low_wh=np.where(role == 0, 0, -cap),
        high_wh=np.where(role == 1, 0, cap),
    )
    return agents, Edges(first=first, second=second, gamma_first=mine, gamma_second=other)


def welfare_by_piqp(agents: Agents, edges: Edges) -> float:
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
        np.concatenate([np.where(there, 1e5, 0), np.where(back, 1e5, 0), agents.high_wh]),
    )
    assert solver.solve() == piqp.PIQP_SOLVED
    return -float(solver.result.info.primal_obj)


@pytest.mark.parametrize("decade", range(10))
def test_a_hundred_villages_are_worth_what_piqp_says_within_1e_3(decade):
    for seed in range(10 * decade, 10 * decade + 10):
        agents, edges = village(seed)
        best = welfare_by_piqp(agents, edges)
        outcome = solve_consensus(agents, edges).outcome
        assert outcome.converged
        assert abs(best - outcome.welfare_ueur) <= 1e-3 * best + 1e-5
        assert primal_residual_wh(agents, edges, outcome.trade_wh) <= 1e-6


def test_two_peers_meet_where_the_hand_says():
    # By hand: 10 + P + 1 = p at the seller, 40 − P − 2 = p at the buyer: P = 13.5 Wh, p = 24.5.
    agents = Agents(
        a=np.ones(2),
        b=np.array([10.0, 40.0]),
        c=np.zeros(2),
        low_wh=np.array([0.0, -100.0]),
        high_wh=np.array([100.0, 0.0]),
    )
    edges = Edges(
        first=np.array([0]),
        second=np.array([1]),
        gamma_first=np.array([1.0]),
        gamma_second=np.array([2.0]),
    )
    outcome = solve_consensus(agents, edges, Consensus(tolerance=1e-6)).outcome
    assert outcome.trade_wh == pytest.approx([13.5], rel=1e-3)
    assert outcome.price == pytest.approx([24.5], rel=1e-3)


def test_prices_are_those_that_admm_finds_where_something_is_traded():
    agents, edges = village(5)
    one, other = solve_consensus(agents, edges).outcome, solve_admm(agents, edges).outcome
    traded = np.minimum(np.abs(one.trade_wh), np.abs(other.trade_wh)) > 1
    assert traded.sum() > 3
    assert one.price[traded] == pytest.approx(other.price[traded], rel=0.02)


def test_too_few_rounds_are_said_and_what_is_returned_is_feasible():
    agents, edges = village(4)
    result = solve_consensus(agents, edges, Consensus(most_rounds=20))
    assert not result.outcome.converged
    assert result.progress.primal.size == 19
    assert np.isinf(result.outcome.residuals.gap_ueur)
    assert primal_residual_wh(agents, edges, result.outcome.trade_wh) <= 1e-6


def test_a_warm_start_takes_fewer_rounds():
    agents, edges = village(7)
    cold = solve_consensus(agents, edges)
    warm = solve_consensus(agents, edges, warm=cold.standing)
    assert warm.outcome.converged
    assert warm.outcome.rounds < cold.outcome.rounds


def test_who_cannot_be_served_is_named():
    agents, edges = village(4)
    greedy = Agents(
        a=agents.a,
        b=agents.b,
        c=agents.c,
        low_wh=np.where(np.arange(len(agents)) == edges.first[0], 1e6, agents.low_wh),
        high_wh=np.where(np.arange(len(agents)) == edges.first[0], 2e6, agents.high_wh),
    )
    with pytest.raises(DesignError, match=rf"peer {edges.first[0]}: must inject"):
        solve_consensus(greedy, edges)
