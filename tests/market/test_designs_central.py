"""What the designs stand on: solvers, pools over many periods, rounding, circles and graphs."""

import networkx as nx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import brentq

from market.designs._kernels_flow import cancel_circles
from market.designs.central import ACCURACY, CentralSolver, best_solver
from market.designs.graphs import all_pairs, is_connected, nearest, random_partners
from market.designs.graphs import given as given_links
from market.designs.pool import Groups, clear_pools, pro_rata
from market.designs.problem import Agents, DesignError, Edges, Outcome, Residuals
from market.designs.to_trades import round_trades, to_trades

SEEDS = range(100)


def flow_problem(seed):
    """A random network: half of the nodes inject, the others pass on."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(2, 12))
    passing = np.arange(2 * n) >= n
    low, high = -rng.uniform(100, 2_000, n), rng.uniform(100, 2_000, n)
    agents = Agents(
        a=np.append(rng.uniform(5e-4, 5e-3, n) * (rng.random(n) < 0.8), np.zeros(n)),
        b=np.append(rng.uniform(-5, 20, n), np.zeros(n)),
        c=np.zeros(2 * n),
        low_wh=np.append(low * (rng.random(n) < 0.7), np.zeros(n)),
        high_wh=np.append(high * (rng.random(n) < 0.7), np.zeros(n)),
    )
    tail, head = (ends.astype(np.int64) for ends in np.nonzero(rng.random((2 * n, 2 * n)) < 0.4))
    return agents, tail, head, rng.uniform(0, 3, tail.size), passing


@pytest.mark.parametrize("seed", SEEDS)
def test_piqp_and_highs_find_the_same_cost(seed):
    pytest.importorskip("piqp")
    pytest.importorskip("highspy")
    agents, tail, head, cost, passing = flow_problem(seed)
    found = [
        CentralSolver(len(agents), tail, head, passing=passing, solver=solver).solve(agents, cost)
        for solver in ("piqp", "highs")
    ]
    assert all(flow.converged for flow in found)
    one, other = (agents.cost_ueur(flow.injection_wh).sum() + cost @ flow.flow_wh for flow in found)
    assert one == pytest.approx(other, rel=1e-6, abs=1e-2)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_flow_balances_at_every_node_and_rises_in_worth_by_its_cost(seed):
    # Kirchhoff's law and the KKT conditions, from what comes back alone.
    agents, tail, head, cost, passing = flow_problem(seed)
    flow = CentralSolver(len(agents), tail, head, passing=passing).solve(agents, cost)
    n, near = len(agents), 1e-5 * max(1.0, float(flow.flow_wh.max(initial=0.0)))
    left = np.bincount(tail, flow.flow_wh, n) - np.bincount(head, flow.flow_wh, n)
    assert left == pytest.approx(flow.injection_wh, abs=near)
    rise = flow.potential[head] - flow.potential[tail]
    assert (rise <= cost + 1e-4).all()
    used = flow.flow_wh > 1
    assert rise[used] == pytest.approx(cost[used], abs=1e-3)
    assert flow.residuals.dual <= 20 * ACCURACY


def test_a_solver_that_is_not_known_is_refused():
    assert best_solver() in ("piqp", "highs")
    with pytest.raises(DesignError, match="no central solver 'simplex'; known: best, piqp, highs"):
        CentralSolver(2, np.array([0]), np.array([1]), solver="simplex")


def test_an_outcome_that_has_not_converged_makes_no_trades():
    agents = Agents(a=[0, 0], b=[1, 2], c=[0, 0], low_wh=[0, -5], high_wh=[5, 0])
    outcome = Outcome(
        trade_wh=np.ones(1),
        price=np.ones(1),
        injection_wh=np.array([1.0, -1.0]),
        welfare_ueur=1.0,
        residuals=Residuals(2.0, 0.5, 1.0),
        converged=False,
    )
    with pytest.raises(DesignError, match=r"has not converged: Residuals\(primal_wh=2.0"):
        to_trades(outcome, agents, Edges.uniform([0], [1], 0.0))


def year(seed, periods=50, n=9, *, linear=False):
    rng = np.random.default_rng(seed)
    kind = rng.integers(0, 3, n)
    a = rng.uniform(5e-4, 5e-3, n) * (0 if linear else 1)
    b = rng.uniform(0, 20, (periods, n))
    low = -rng.uniform(100, 2_000, (periods, n)) * (kind != 0)
    high = rng.uniform(100, 2_000, (periods, n)) * (kind != 1)
    return a, b, low, high


@pytest.mark.parametrize("seed", range(20))
def test_a_pool_is_where_supply_meets_demand(seed):
    # By root finding on the sum of what everybody would do at a price, by scipy.
    a, b, low, high = year(seed)
    found = clear_pools(Groups.pool(9, 0.5, 1.5), a, b, low, high)

    def net(price, t):
        sold = np.clip((price - 0.5 - b[t]) / a, np.maximum(low[t], 0), high[t])
        bought = np.clip((price + 1.5 - b[t]) / a, low[t], np.minimum(high[t], 0))
        return np.where(sold > 0, sold, bought)

    for t in range(len(b)):
        if abs(net(found.price[t, 0], t).sum()) > 1e-6:
            pytest.fail(f"period {t}: {found.price[t]}")
        if net(-100, t).sum() < 0 < net(100, t).sum():
            price = brentq(lambda one, t=t: net(one, t).sum(), -100, 100, xtol=1e-12)
            at_price = net(price, t)
            assert found.injection_wh[t] == pytest.approx(at_price, abs=1e-5)


def test_without_overlap_the_price_is_in_the_middle():
    # By hand: sellers from 10, buyers up to 4.
    found = clear_pools(Groups.pool(2, 0, 0), 0, [[10, 4]], [[0, -5]], [[5, 0]])
    assert found.price.tolist() == [[7]]
    assert found.injection_wh.tolist() == [[0, 0]]


def test_periods_of_a_batch_do_not_know_of_each_other():
    for linear in (False, True):
        a, b, low, high = year(7, linear=linear)
        groups = Groups.pool(9, 1.0, 0.0)
        whole = clear_pools(groups, a, b, low, high)
        for t in (0, 23, 49):
            one = clear_pools(groups, a, b[t], low[t], high[t])
            assert one.injection_wh[0].tolist() == whole.injection_wh[t].tolist()
        assert np.abs(whole.injection_wh.sum(axis=1)).max() < 1e-8
        assert whole.feasible.all()


def test_a_period_without_a_balance_is_marked():
    # By hand: 10 must be sold, 5 are taken at most; then 10 are.
    found = clear_pools(Groups.pool(2, 0, 0), 1, 1, [[10, -5], [10, -10]], [[12, 0], [12, 0]])
    assert found.feasible.tolist() == [False, True]


def test_pools_in_a_pool_trade_for_the_cost_of_the_way():
    # By hand: the first group's seller at 5 serves the second's buyer at 20 over 2 up and 1 down.
    groups = Groups(
        parent=np.array([0, 0, 0]),
        up=np.array([0.0, 2.0, 0.0]),
        down=np.array([0.0, 0.0, 1.0]),
        group=np.array([1, 2]),
        sell_cost=np.zeros(2),
        buy_cost=np.zeros(2),
    )
    found = clear_pools(groups, 0, [[5, 20]], [[0, -30]], [[50, 0]])
    assert found.injection_wh.tolist() == [[30, -30]]
    assert found.exchange_wh.tolist() == [[0, 30, -30]]
    assert found.price.tolist() == [[7, 5, 8]]  # the seller's energy is left over, so its cost


def test_all_faults_of_pools_are_told():
    with pytest.raises(DesignError) as told:
        clear_pools(Groups.pool(2, 0, 0), -1, [[1, np.nan]], [[0, 3]], [[5, 0]])
    assert len(told.value.faults) == 3
    with pytest.raises(DesignError, match="peer 0: selling and buying a Wh costs -1 µ€"):
        clear_pools(Groups.pool(1, -1, 0), 1, 1, 0, 1)


@given(st.lists(st.integers(-50, 50), min_size=2, max_size=8))
def test_a_pro_rata_split_keeps_everybodys_sum(net):
    injection = np.array([*net, -sum(net)], dtype=float)
    trade = pro_rata(injection)
    assert (trade >= 0).all()
    assert trade.sum(axis=1) - trade.sum(axis=0) == pytest.approx(injection, abs=1e-9)


@given(seed=st.integers(0, 10**6))
def test_rounding_keeps_every_trade_and_every_sum_within_one(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(2, 9))
    first, second = all_pairs(n)
    trade = rng.uniform(-5, 5, first.size) * (rng.random(first.size) < 0.7)
    trade[rng.random(trade.size) < 0.3] = 2.0
    whole = round_trades(first, second, trade, n)
    assert (np.abs(whole - trade) < 1).all()
    assert (whole[trade == 2.0] == 2).all()

    def net(of):
        return np.bincount(first, of, n) - np.bincount(second, of, n)

    assert (np.abs(net(whole) - net(trade)) < 1).all()


@given(seed=st.integers(0, 10**6))
def test_without_circles_a_flow_balances_as_before(seed):
    rng = np.random.default_rng(seed)
    n, k = 8, 30
    tail = rng.integers(0, n, k)
    head = (tail + rng.integers(1, n, k)) % n
    flow = rng.integers(0, 5, k).astype(float)
    order = np.argsort(tail, kind="stable")
    start = np.append(0, np.cumsum(np.bincount(tail, minlength=n)))
    left = flow.copy()
    cancel_circles(start, order, head, left, 0.0)

    def net(of):
        return np.bincount(tail, of, n) - np.bincount(head, of, n)

    assert (net(left) == net(flow)).all()
    assert ((left >= 0) & (left <= flow)).all()
    used = np.flatnonzero(left)
    graph = nx.DiGraph(zip(tail[used].tolist(), head[used].tolist(), strict=True))
    assert nx.is_directed_acyclic_graph(graph)


def test_partner_graphs_name_each_link_once():
    # By hand, five peers on a line: each one's nearest is the one before, or after for the first.
    far = np.abs(np.subtract.outer(np.arange(5.0), np.arange(5.0)))
    assert [list(map(int, ends)) for ends in nearest(far, 1)] == [[0, 1, 2, 3], [1, 2, 3, 4]]
    at_one_bus = nearest(np.zeros((1, 1)), 1, [0, 0, 0])
    assert [list(map(int, ends)) for ends in at_one_bus] == [[0, 0], [1, 2]]
    first, second = random_partners(40, 3, 1)
    assert (first < second).all()
    assert np.unique(first * 40 + second).size == first.size
    assert np.bincount(np.append(first, second)).min() >= 3
    again = random_partners(40, 3, 1)
    assert (again[0] == first).all()
    assert (again[1] == second).all()
    assert is_connected(all_pairs(4), 4)
    assert not is_connected(given_links([[2, 0]], 4), 4)


def test_graphs_refuse_what_makes_none():
    with pytest.raises(DesignError, match="expected a square matrix"):
        nearest(np.zeros((2, 3)), 1)
    with pytest.raises(DesignError) as told:
        nearest(np.full((2, 2), np.nan), 0)
    assert len(told.value.faults) == 2
    with pytest.raises(DesignError, match="0 partners each for 5 peers"):
        random_partners(5, 0, 1)
    with pytest.raises(DesignError, match="link 3-9: expected two different peers of 0 to 4"):
        given_links([[3, 9]], 5)
    with pytest.raises(DesignError, match="a link occurs twice"):
        given_links([[0, 1], [1, 0]], 5)
