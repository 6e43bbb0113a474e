"""Full P2P by relaxed consensus + innovation, beside HiGHS and the hand."""

from __future__ import annotations

import numpy as np
import pytest

from market.designs.admm import solve_admm
from market.designs.consensus import Consensus, solve_consensus
from market.designs.problem import Agents, DesignError, Edges
from market.designs.repair import primal_residual_wh


@pytest.mark.parametrize("decade", range(10))
def test_a_hundred_villages_are_worth_what_piqp_says_within_1e_3(village, welfare_by_piqp, decade):
    for seed in range(10 * decade, 10 * decade + 10):
        agents, edges = village(seed, tame=True)
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


def test_prices_are_those_that_admm_finds_where_something_is_traded(village):
    agents, edges = village(5, tame=True)
    one, other = solve_consensus(agents, edges).outcome, solve_admm(agents, edges).outcome
    traded = np.minimum(np.abs(one.trade_wh), np.abs(other.trade_wh)) > 1
    assert traded.sum() > 3
    assert one.price[traded] == pytest.approx(other.price[traded], rel=0.02)


def test_too_few_rounds_are_said_and_what_is_returned_is_feasible(village):
    agents, edges = village(4, tame=True)
    result = solve_consensus(agents, edges, Consensus(most_rounds=20))
    assert not result.outcome.converged
    assert result.progress.primal.size == 19
    assert np.isinf(result.outcome.residuals.gap_ueur)
    assert primal_residual_wh(agents, edges, result.outcome.trade_wh) <= 1e-6


def test_a_warm_start_takes_fewer_rounds(village):
    agents, edges = village(7, tame=True)
    cold = solve_consensus(agents, edges)
    warm = solve_consensus(agents, edges, warm=cold.standing)
    assert warm.outcome.converged
    assert warm.outcome.rounds < cold.outcome.rounds


def test_who_cannot_be_served_is_named(village):
    agents, edges = village(4, tame=True)
    greedy = Agents(
        a=agents.a,
        b=agents.b,
        c=agents.c,
        low_wh=np.where(np.arange(len(agents)) == edges.first[0], 1e6, agents.low_wh),
        high_wh=np.where(np.arange(len(agents)) == edges.first[0], 2e6, agents.high_wh),
    )
    with pytest.raises(DesignError, match=rf"peer {edges.first[0]}: must inject"):
        solve_consensus(greedy, edges)
