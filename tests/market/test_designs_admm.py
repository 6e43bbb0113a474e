"""Full P2P negotiated in rounds by ADMM, beside piqp and HiGHS."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, reject
from hypothesis import strategies as st
from scipy.optimize import linprog

from market.designs.admm import Admm, Negotiated, solve_admm
from market.designs.problem import (
    Agents,
    DesignError,
    Edges,
    directions,
    injections_wh,
    welfare_ueur,
)
from market.designs.repair import primal_residual_wh, repair


def people(*rows: tuple[float, float, float, float]) -> Agents:
    a, b, low, high = np.array(rows, dtype=float).T
    return Agents(a=a, b=b, c=np.zeros(len(rows)), low_wh=low, high_wh=high)


def links(*rows: tuple[int, int, float, float]) -> Edges:
    first, second, mine, other = np.array(rows, dtype=float).reshape(-1, 4).T
    return Edges(
        first=first.astype(int), second=second.astype(int), gamma_first=mine, gamma_second=other
    )


def assert_feasible(agents: Agents, edges: Edges, result: Negotiated) -> None:
    outcome = result.outcome
    slack = 1e-6 * max(1.0, float(np.abs([agents.low_wh, agents.high_wh]).max(initial=0)))
    assert primal_residual_wh(agents, edges, outcome.trade_wh) <= slack
    assert outcome.injection_wh == pytest.approx(
        injections_wh(edges, outcome.trade_wh, len(agents)), abs=slack
    )
    assert outcome.welfare_ueur == pytest.approx(welfare_ueur(agents, edges, outcome.trade_wh))


@pytest.mark.parametrize("decade", range(10))
def test_a_hundred_villages_are_worth_what_piqp_says_within_1e_4(village, welfare_by_piqp, decade):
    for seed in range(10 * decade, 10 * decade + 10):
        agents, edges = village(seed)
        best = welfare_by_piqp(agents, edges)
        if best is None:
            with pytest.raises(DesignError, match="must inject"):
                solve_admm(agents, edges)
            continue
        result = solve_admm(agents, edges)
        gained = best + agents.c.sum()
        assert result.outcome.converged
        assert abs(best - result.outcome.welfare_ueur) <= 1e-4 * gained + 1e-6
        assert_feasible(agents, edges, result)


@pytest.mark.parametrize("seed", range(20))
def test_linear_costs_are_worth_what_highs_says(village, seed):
    agents, edges = village(seed)
    agents = Agents(
        a=0 * agents.a, b=agents.b, c=agents.c, low_wh=agents.low_wh, high_wh=agents.high_wh
    )
    there, back = directions(agents, edges)
    n, m = len(agents), len(edges)
    meets = np.zeros((n, m))
    meets[edges.first, np.arange(m)], meets[edges.second, np.arange(m)] = 1, -1
    program = linprog(
        np.concatenate([edges.gamma, edges.gamma, agents.b]),
        A_eq=np.hstack([meets, -meets, -np.eye(n)]),
        b_eq=np.zeros(n),
        bounds=[
            *((0, None if way else 0) for way in np.append(there, back)),
            *zip(agents.low_wh, agents.high_wh, strict=True),
        ],
        method="highs",
    )
    result = solve_admm(agents, edges)
    assert result.outcome.converged
    assert (
        abs(result.outcome.welfare_ueur + program.fun + agents.c.sum())
        <= 1e-4 * -program.fun + 1e-6
    )
    assert_feasible(agents, edges, result)


def test_two_peers_meet_where_the_hand_says():
    # By hand: 10 + P + 1 = p at the seller, 40 − P − 2 = p at the buyer: P = 13.5 Wh, p = 24.5.
    agents = people((1, 10, 0, 100), (1, 40, -100, 0))
    outcome = solve_admm(agents, links((0, 1, 1, 2)), Admm(tolerance=1e-9)).outcome
    assert outcome.trade_wh == pytest.approx([13.5], abs=1e-4)
    assert outcome.price == pytest.approx([24.5], abs=1e-3)
    assert outcome.welfare_ueur == pytest.approx(13.5 * 27 - 13.5**2, rel=1e-8)


def test_each_side_bears_its_own_share_of_gamma_between_prosumers():
    # By hand: shares of −1 and 3 cost 2 a Wh. 10 + P − 1 = 40 − P − 3 = p: P = 14, p = 23.
    agents = people((1, 10, -100, 100), (1, 40, -100, 100))
    outcome = solve_admm(agents, links((0, 1, -1, 3)), Admm(tolerance=1e-9)).outcome
    assert outcome.trade_wh == pytest.approx([14], abs=1e-4)
    assert outcome.price == pytest.approx([23], abs=1e-3)


def test_a_prosumer_carries_what_others_trade():
    # By hand: 0 and 2 trade by way of 1 alone, who gains nothing: 10 + P + 4 = 40 − P, P = 13.
    agents = people((1, 10, 0, 100), (1000, 25, -1e-6, 1e-6), (1, 40, -100, 0))
    outcome = solve_admm(agents, links((0, 1, 1, 1), (1, 2, 1, 1)), Admm(tolerance=1e-8)).outcome
    assert outcome.trade_wh == pytest.approx([13, 13], abs=1e-3)


@pytest.mark.parametrize(
    ("agents", "edges"),
    [
        (people((1, 10, 0, 100), (1, 20, 0, 50)), links((0, 1, 0, 0))),
        (people((1, 10, 0, 100), (1, 10, -50, 0)), links((0, 1, 1, 1))),
        (people((0, 0, 0, 100), (0, 0, -50, 0)), links((0, 1, 1, 1))),
        (people((1, 10, 0, 0), (1, 90, 0, 0)), links((0, 1, 0, 0))),
        (people((1, 10, 0, 100), (1, 90, -50, 0)), links()),
    ],
    ids=["all sellers", "equal costs", "zero cost", "no room", "no links"],
)
def test_where_nothing_gains_nothing_trades(agents, edges):
    outcome = solve_admm(agents, edges).outcome
    assert outcome.converged
    assert np.abs(outcome.trade_wh).max(initial=0) <= 1e-6
    assert outcome.welfare_ueur == pytest.approx(0, abs=1e-4)
    assert np.isfinite(outcome.price).all()


def test_zero_cost_against_a_value_trades_what_there_is():
    outcome = solve_admm(people((0, 0, 0, 80), (0, 30, -50, 0)), links((0, 1, 0, 0))).outcome
    assert outcome.trade_wh == pytest.approx([50], rel=1e-4)


def test_an_isolated_peer_that_must_trade_is_named():
    agents = people((1, 10, 5, 100), (1, 40, -50, 0), (1, 10, 0, 100))
    with pytest.raises(DesignError, match=r"peer 0: must inject 5 to 100 Wh but has no partner"):
        solve_admm(agents, links((1, 2, 0, 0)))


def test_bounds_that_no_trades_keep_are_named_with_who_has_no_room():
    agents = people(
        (1, 10, 70, 100), (1, 40, -50, 0), (1, 40, -10, 0), (1, 40, -90, 0), (1, 9, 0, 9)
    )
    with pytest.raises(DesignError, match=r"peer 0: .* 10 Wh .*peers 0, 1, 2 have no room"):
        solve_admm(agents, links((0, 1, 0, 0), (0, 2, 0, 0), (3, 4, 0, 0)))


def test_too_few_rounds_are_said_and_what_is_returned_is_feasible(village):
    agents, edges = village(3)
    result = solve_admm(agents, edges, Admm(most_rounds=7))
    outcome = result.outcome
    assert not outcome.converged
    assert outcome.rounds == 7
    assert outcome.residuals.primal_wh > 1
    assert result.progress.primal[-1] > 1
    assert_feasible(agents, edges, result)


def test_the_gap_that_offers_prove_holds(village, welfare_by_piqp):
    for seed in (2, 3, 4, 7, 8):
        agents, edges = village(seed)
        for rounds in (20, 5000):
            outcome = solve_admm(agents, edges, Admm(most_rounds=rounds)).outcome
            best = welfare_by_piqp(agents, edges)
            assert best is not None
            assert best - outcome.welfare_ueur <= outcome.residuals.gap_ueur + 1e-6 * abs(best)


def test_a_warm_start_takes_fewer_rounds_to_the_same_accuracy(village, welfare_by_piqp):
    rounds = []
    for seed in (1, 2, 4, 7, 8):
        agents, edges = village(seed)
        before = solve_admm(agents, edges)
        rng = np.random.default_rng(seed)

        def vary(column, part, rng=rng):
            return column * (1 + rng.uniform(-part, part, column.size))

        today = Agents(
            a=vary(agents.a, 0.02),
            b=vary(agents.b, 0.02),
            c=agents.c,
            low_wh=vary(agents.low_wh, 0.05),
            high_wh=vary(agents.high_wh, 0.05),
        )
        cold, warm = (solve_admm(today, edges, warm=at) for at in (None, before.standing))
        best = welfare_by_piqp(today, edges)
        assert best is not None
        assert abs(best - warm.outcome.welfare_ueur) <= 1e-4 * (best + agents.c.sum())
        rounds.append((cold.outcome.rounds, warm.outcome.rounds))
    cold_sum, warm_sum = np.sum(rounds, axis=0)
    assert warm_sum < 0.8 * cold_sum


def ring(n: int, near: bool) -> tuple[Agents, Edges]:
    """Half sellers, half buyers; ten partners each, nearest neighbours or by lot."""
    rng = np.random.default_rng(n)
    half = n // 2
    first = np.repeat(np.arange(half), 10)
    hop = np.tile(np.arange(10), half)
    second = half + (first + hop) % half
    if not near:
        second = half + np.concatenate([rng.choice(half, 10, replace=False) for _ in range(half)])
    cap = rng.uniform(20, 100, n)
    sells = np.arange(n) < half
    agents = Agents(
        a=rng.uniform(0.05, 0.5, n),
        b=np.where(sells, rng.uniform(10, 30, n), rng.uniform(30, 60, n)),
        c=np.zeros(n),
        low_wh=np.where(sells, 0, -cap),
        high_wh=np.where(sells, cap, 0),
    )
    mine, other = rng.uniform(0, 2, (2, first.size))
    return agents, Edges(first=first, second=second, gamma_first=mine, gamma_second=other)


def test_rounds_do_not_grow_with_random_graphs_and_at_most_linearly_with_neighbours():
    rounds = {
        near: [solve_admm(*ring(n, near)).outcome.rounds for n in (100, 300, 1000, 3000)]
        for near in (False, True)
    }
    assert max(rounds[False]) <= 2 * min(rounds[False]), rounds
    assert rounds[True][3] <= 30 * rounds[True][0], rounds


@given(st.integers(0, 10_000), st.floats(0, 0.5))
def test_repair_keeps_every_bound_and_leaves_what_fits(village, seed, noise):
    agents, edges = village(3 * seed + 2)
    rng = np.random.default_rng(seed)
    try:
        fits = solve_admm(agents, edges, Admm(most_rounds=3)).outcome
    except DesignError:
        reject()  # drawn without trades that keep all bounds, as when who must buy has no partner
    assert repair(fits, agents, edges).trade_wh == pytest.approx(fits.trade_wh, abs=1e-9)
    shaken = fits.trade_wh + noise * rng.normal(0, 100, len(edges))
    spoilt = type(fits)(**{**vars(fits), "trade_wh": shaken})
    mended = repair(spoilt, agents, edges)
    assert primal_residual_wh(agents, edges, mended.trade_wh) <= 1e-6
    assert mended.residuals.primal_wh >= primal_residual_wh(agents, edges, shaken)
