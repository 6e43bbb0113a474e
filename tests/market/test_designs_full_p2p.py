"""Full P2P: by hand, against another formulation in another solver, and where it degenerates."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from market.book import Order, OrderError, Orders
from market.designs.full_p2p import FullP2P, is_pool, solve_full_p2p
from market.designs.full_p2p_market import FullP2PMarket
from market.designs.graphs import all_pairs, random_partners
from market.designs.problem import Agents, DesignError, Edges, directions, welfare_ueur
from market.designs.to_trades import to_trades
from market.network.charges import distance_charges, uniform_charges
from market.promises import check_clearing
from market.quick import clear

SEEDS = range(120)


def peers(*rows):
    """Peers from rows of a, b, low and high."""
    a, b, low, high = np.array(rows, dtype=float).T
    return Agents(a=a, b=b, c=np.zeros_like(a), low_wh=low, high_wh=high)


def random_market(seed, *, linear=0.2):
    """Sellers, buyers and prosumers on a sparse graph, with preferences on one-way links."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(2, 20))
    kind = rng.integers(0, 3, n)
    a = rng.uniform(5e-4, 5e-3, n) * (rng.random(n) >= linear)
    agents = Agents(
        a=a,
        b=rng.uniform(0, 20, n),
        c=rng.uniform(0, 5, n),
        low_wh=np.where(kind == 0, 0, -np.rint(rng.uniform(100, 2_000, n))),
        high_wh=np.where(kind == 1, 0, np.rint(rng.uniform(100, 2_000, n))),
    )
    first, second = random_partners(n, 3, seed)
    both = (kind[first] == 2) & (kind[second] == 2)
    gamma = rng.uniform(-2, 3, (2, first.size))
    gamma[:, both] = np.abs(gamma[:, both])
    edges = Edges(first=first, second=second, gamma_first=gamma[0], gamma_second=gamma[1])
    return agents, edges


def by_reciprocity(agents, edges):
    """Solve the formulation as it is printed, one variable per peer and partner, by piqp.

    Sales and purchases of each side are variables of their own; what one sells to the other is
    what that one buys. Returns the cost and the duals of reciprocity, positive for a good.
    """
    piqp = pytest.importorskip("piqp")
    there, back = directions(agents, edges)
    ways = [(e, i, j) for e, (i, j) in enumerate(zip(edges.first, edges.second, strict=True))]
    arcs = [(e, i, j, edges.gamma_first[e], edges.gamma_second[e]) for e, i, j in ways if there[e]]
    arcs += [(e, j, i, edges.gamma_second[e], edges.gamma_first[e]) for e, i, j in ways if back[e]]
    n, k = len(agents), len(arcs)
    sums = np.zeros((n, 2 * k))
    cost = np.zeros(2 * k)
    for x, (_, seller, buyer, own, others) in enumerate(arcs):
        sums[seller, x], sums[buyer, k + x] = 1, -1
        cost[[x, k + x]] = own, others
    scale = 1e3  # kWh
    solver = piqp.DenseSolver()
    for name in ("eps_abs", "eps_rel", "eps_duality_gap_abs", "eps_duality_gap_rel"):
        setattr(solver.settings, name, 1e-9)
    solver.setup(
        np.asfortranarray(sums.T @ (agents.a[:, None] * sums) * scale),
        sums.T @ agents.b + cost,
        np.asfortranarray(np.hstack([np.eye(k), -np.eye(k)])),
        np.zeros(k),
        np.asfortranarray(sums),
        agents.low_wh / scale,
        agents.high_wh / scale,
        np.zeros(2 * k),
        np.full(2 * k, np.inf),
    )
    assert solver.solve() == piqp.PIQP_SOLVED
    found = scale * solver.result.x
    injection = sums @ found
    price = np.full(len(edges), np.nan)
    for x, (e, *_) in enumerate(arcs):
        if found[x] > 1:
            price[e] = -solver.result.y[x]
    return float(agents.cost_ueur(injection).sum() + cost @ found), price


def test_two_peers_meet_where_marginal_costs_do():
    # By hand: 0.02 P + 10 + 4 = 50 − 0.02 P at 900 Wh; the seller's share of γ is 3, so the price
    # is 0.02 · 900 + 10 + 3 = 31, which leaves the buyer 50 − 18 − 1 = 31; welfare 36 · 900 / 2.
    agents = peers((0.02, 10, 0, 2_000), (0.02, 50, -2_000, 0))
    edges = Edges(first=[0], second=[1], gamma_first=[3.0], gamma_second=[1.0])
    for solver in ("best", "piqp", "highs"):
        pytest.importorskip({"piqp": "piqp", "highs": "highspy"}.get(solver, "numpy"))
        outcome = solve_full_p2p(agents, edges, solver=solver)
        assert outcome.trade_wh == pytest.approx([900], rel=1e-6)
        assert outcome.price == pytest.approx([31], rel=1e-6)
        assert outcome.welfare_ueur == pytest.approx(16_200, rel=1e-6)


def test_a_preference_beats_a_cheaper_seller():
    # By hand: the second seller asks 4 more, but the buyer would pay 5 more for it.
    agents = peers((0, 10, 0, 100), (0, 14, 0, 100), (0, 30, -100, 0))
    edges = Edges(first=[0, 1], second=[2, 2], gamma_first=[0, 0], gamma_second=[0, -5])
    outcome = solve_full_p2p(agents, edges)
    assert outcome.trade_wh == pytest.approx([0, 100], abs=1e-4)
    assert outcome.welfare_ueur == pytest.approx(2_100, rel=1e-6)


@pytest.mark.parametrize("seed", SEEDS)
def test_cost_is_that_of_the_printed_formulation_in_another_solver(seed):
    agents, edges = random_market(seed)
    cost, _ = by_reciprocity(agents, edges)
    outcome = solve_full_p2p(agents, edges)
    assert outcome.converged
    assert -outcome.welfare_ueur == pytest.approx(cost, rel=1e-6, abs=1e-2)
    assert outcome.welfare_ueur == welfare_ueur(agents, edges, outcome.trade_wh)


@pytest.mark.parametrize("seed", SEEDS)
def test_an_outcome_is_feasible_after_its_repair(seed):
    agents, edges = random_market(seed)
    outcome = solve_full_p2p(agents, edges)
    there, back = directions(agents, edges)
    near = 1e-6
    assert (outcome.injection_wh >= agents.low_wh - near).all()
    assert (outcome.injection_wh <= agents.high_wh + near).all()
    assert (outcome.trade_wh[~there] <= near).all()
    assert (outcome.trade_wh[~back] >= -near).all()
    assert outcome.residuals.primal_wh < 1e-3


@pytest.mark.parametrize("seed", SEEDS)
def test_prices_are_the_duals_of_reciprocity_where_these_are_unique(seed):
    # With curved costs, the price of a link in use is unique if an end is between its bounds.
    agents, edges = random_market(seed, linear=0.0)
    _, price = by_reciprocity(agents, edges)
    outcome = solve_full_p2p(agents, edges)
    wide = (outcome.injection_wh > agents.low_wh + 1) & (outcome.injection_wh < agents.high_wh - 1)
    known = np.isfinite(price) & (wide[edges.first] | wide[edges.second])
    known &= np.abs(outcome.trade_wh) > 1
    assert outcome.price[known] == pytest.approx(price[known], abs=1e-4)


@pytest.mark.parametrize("seed", SEEDS)
def test_marginal_costs_and_prices_meet_at_every_peer(seed):
    # The KKT conditions, from the outcome alone: what a seller between its bounds gets is its
    # marginal cost and its share; at a bound it would sell more, or less, if it could.
    agents, edges = random_market(seed)
    outcome = solve_full_p2p(agents, edges)
    marginal = agents.marginal(outcome.injection_wh)
    for e in np.flatnonzero(np.abs(outcome.trade_wh) > 1):
        sells = outcome.trade_wh[e] > 0
        for peer, share, sign in (
            (edges.first[e], edges.gamma_first[e], 1 if sells else -1),
            (edges.second[e], edges.gamma_second[e], -1 if sells else 1),
        ):
            worth = outcome.price[e] - sign * share
            if outcome.injection_wh[peer] < agents.high_wh[peer] - 1:
                assert marginal[peer] >= worth - 1e-2
            if outcome.injection_wh[peer] > agents.low_wh[peer] + 1:
                assert marginal[peer] <= worth + 1e-2


@given(seed=st.integers(0, 10**6), gamma=st.sampled_from([0.0, 1.0, 4.0]), ties=st.booleans())
def test_a_pool_with_a_wedge_is_full_p2p_with_one_gamma(seed, gamma, ties):
    agents, _ = random_market(seed)
    if ties:
        agents = Agents(
            a=agents.a,
            b=np.rint(agents.b / 4),
            c=agents.c,
            low_wh=agents.low_wh,
            high_wh=agents.high_wh,
        )
    edges = Edges.uniform(*all_pairs(len(agents)), gamma)
    assert is_pool(agents, edges)
    pool, solved = solve_full_p2p(agents, edges), FullP2P(agents, edges).solve(agents)
    assert pool.converged
    assert solved.converged
    assert pool.welfare_ueur == pytest.approx(solved.welfare_ueur, rel=1e-6, abs=1e-2)
    assert pool.residuals.primal_wh < 1e-6


def test_what_is_no_pool_is_known():
    agents = peers((1, 1, 0, 5), (1, 2, 0, 5), (1, 3, -5, 0))
    whole = Edges.uniform(*all_pairs(3), 2.0)
    assert is_pool(agents, whole)
    assert is_pool(agents, Edges.uniform([0, 1], [2, 2], 2.0))  # sellers need not meet
    assert not is_pool(agents, Edges.uniform([0], [2], 2.0))
    assert not is_pool(
        agents, Edges(first=[0, 1], second=[2, 2], gamma_first=[1, 1], gamma_second=[1, 2])
    )


def test_a_solver_is_used_again_for_other_costs_and_bounds():
    agents, edges = random_market(3)
    again = FullP2P(agents, edges)
    again.solve(agents)
    other = Agents(
        a=agents.a + 1e-3,
        b=agents.b[::-1],
        c=agents.c,
        low_wh=0.5 * agents.low_wh,
        high_wh=0.7 * agents.high_wh,
    )
    warm, fresh = again.solve(other), FullP2P(other, edges).solve(other)
    assert warm.welfare_ueur == pytest.approx(fresh.welfare_ueur, rel=1e-6)
    turned = Agents(
        a=agents.a, b=agents.b, c=agents.c, low_wh=-agents.high_wh, high_wh=-agents.low_wh
    )
    with pytest.raises(DesignError, match="changed sides"):
        again.solve(turned)


def test_bounds_that_nobody_can_meet_name_the_peer():
    agents = peers((1, 1, 50, 60), (1, 9, -20, 0))
    with pytest.raises(DesignError, match="peer 0: must inject 50 to 60 Wh, but 30 Wh"):
        solve_full_p2p(agents, Edges.uniform([0], [1], 1.0), solver="best")
    for solver in ("piqp", "highs"):
        pytest.importorskip({"piqp": "piqp", "highs": "highspy"}[solver])
        with pytest.raises(DesignError, match="peer 0: must inject 50 to 60 Wh, but 30 Wh"):
            solve_full_p2p(agents, Edges.uniform([0], [1], 1.0), solver=solver)


def test_an_isolated_peer_stays_at_home_if_it_can():
    agents = peers((0.1, 1, 0, 50), (0.1, 9, -20, 0), (0.1, 0, 0, 50))
    edges = Edges.uniform([0], [1], 1.0)
    assert solve_full_p2p(agents, edges).injection_wh[2] == 0
    forced = peers((0.1, 1, 0, 50), (0.1, 9, -20, 0), (0.1, 0, 10, 50))
    with pytest.raises(DesignError, match="peer 2: must inject 10 to 50 Wh"):
        solve_full_p2p(forced, edges)


def test_among_sellers_only_nothing_is_traded():
    agents = peers((0.1, 1, 0, 50), (0.1, 2, 0, 50))
    outcome = solve_full_p2p(agents, Edges.uniform([0], [1], 1.0))
    assert outcome.converged
    assert outcome.trade_wh.tolist() == [0]
    assert outcome.welfare_ueur == 0


def test_without_any_cost_any_trade_is_as_good_and_welfare_is_zero():
    agents = peers((0, 0, 0, 50), (0, 0, -50, 0))
    outcome = solve_full_p2p(agents, Edges.uniform([0], [1], 0.0))
    assert outcome.converged
    assert outcome.welfare_ueur == 0


def test_sellers_of_equal_cost_share_in_proportion_to_what_they_have():
    # By hand: 30 Wh are wanted of 20 and 40.
    agents = peers((0, 5, 0, 20), (0, 5, 0, 40), (0, 9, -30, 0))
    outcome = solve_full_p2p(agents, Edges.uniform([0, 1], [2, 2], 0.0))
    assert outcome.injection_wh == pytest.approx([10, 20, -30])
    assert outcome.price == pytest.approx([5, 5])


def test_a_link_between_prosumers_must_not_earn_by_itself():
    agents = peers((1, 1, -5, 5), (1, 2, -5, 5), (1, 0, 0, 5))
    edges = Edges(first=[0, 0], second=[1, 2], gamma_first=[-3, -3], gamma_second=[1, 1])
    with pytest.raises(DesignError, match=r"link 0-1: gamma adds up to -2 .* lower the preference"):
        solve_full_p2p(agents, edges)


def test_all_faults_of_peers_and_links_are_told_at_once():
    with pytest.raises(DesignError) as told:
        peers((-1, 1, 0, 5), (1, 2, 9, 5))
    assert [fault[:6] for fault in told.value.faults] == ["peer 0", "peer 1"]
    with pytest.raises(DesignError, match="peer 1: b is nan"):
        peers((1, 1, 0, 5), (1, np.nan, 0, 5))
    with pytest.raises(DesignError, match="link 0-1 is named 2 times"):
        Edges.uniform([0, 0], [1, 1], 0.0)
    with pytest.raises(DesignError, match="link 1-0: expected first < second"):
        Edges.uniform([1], [0], 0.0)
    with pytest.raises(DesignError, match="link 0-7: expected peers 0 to 1"):
        solve_full_p2p(peers((1, 1, 0, 5), (1, 1, -5, 0)), Edges.uniform([0], [7], 0.0))


@pytest.mark.parametrize("seed", SEEDS)
def test_whole_trades_keep_all_bounds_and_stay_within_one_wh(seed):
    agents, edges = random_market(seed)
    outcome = solve_full_p2p(agents, edges)
    trades = to_trades(outcome, agents, edges)
    n = len(agents)
    whole, told = np.zeros((n, n)), np.zeros((n, n))
    whole[trades.seller, trades.buyer] = trades.energy_wh
    told[edges.first, edges.second] = outcome.trade_wh
    assert np.count_nonzero(whole) == trades.energy_wh.size
    assert np.abs((whole - whole.T) - (told - told.T)).max() < 1
    net = whole.sum(axis=1) - whole.sum(axis=0)
    assert ((net >= agents.low_wh) & (net <= agents.high_wh)).all()
    assert (trades.energy_wh > 0).all()


def street(**more):
    """Two sellers and two buyers on a line of buses, a bus apart."""
    orders = [
        Order(1, "farm", "sell", 10, 100),
        Order(2, "mill", "sell", 12, 100),
        Order(3, "anna", "buy", 30, 80),
        Order(4, "bert", "buy", 25, 80),
    ]
    return Orders.of(orders, ["farm", "anna", "mill", "bert"], **more)


def line_charges(ticks_per_ohm=3.0):
    far = np.abs(np.subtract.outer(np.arange(4.0), np.arange(4.0)))
    return distance_charges(far, np.arange(4), ticks_per_ohm=ticks_per_ohm)


def test_orders_trade_with_whom_the_way_is_cheap():
    # By hand: farm to anna and mill to bert cost 3 each, and so does mill to anna; farm to bert
    # costs 9. Farm serves anna whole, mill bert whole.
    book = street(charges=line_charges())
    clearing = FullP2PMarket().clear(book)
    check_clearing(book, clearing)
    trades = clearing.trades
    rows = zip(trades.sell_row, trades.buy_row, trades.energy_wh, trades.fee_ticks, strict=True)
    assert sorted(tuple(map(int, row)) for row in rows) == [(0, 2, 80, 3), (1, 3, 80, 3)]


def test_partners_may_be_near_drawn_or_given():
    near = FullP2PMarket(FullP2PMarket.Options(partners={"nearest": 1}))
    with pytest.raises(OrderError, match="charge by distance"):
        near.clear(street())
    assert near.clear(street(charges=line_charges())).filled_wh.sum() > 0
    drawn = FullP2PMarket(FullP2PMarket.Options(partners={"random": 1, "seed": 4}))
    check_clearing(street(), drawn.clear(street()))
    only = FullP2PMarket(FullP2PMarket.Options(partners={"links": [["mill", "anna"]]}))
    assert only.clear(street()).filled_wh.tolist() == [0, 80, 80, 0]
    wrong = FullP2PMarket(FullP2PMarket.Options(partners={"links": [["mill", "carl"]]}))
    with pytest.raises(OrderError, match="no peer 'carl'"):
        wrong.clear(street())


def test_a_transaction_cost_is_the_operators():
    # By hand: limits are 10 and 12 below 25, so 160 Wh trade, and 2 µ€ of each are kept.
    clearing = FullP2PMarket(FullP2PMarket.Options(transaction_ticks=2)).clear(street())
    check_clearing(street(), clearing)
    assert clearing.surplus_ueur == 320


def test_a_slope_makes_an_order_quadratic():
    # By hand: 10 + x/10 = 30 − x/10 at 100 Wh and 20 µ€/Wh.
    orders = [
        Order(1, "farm", "sell", 10, 500, attributes={"slope": 0.1}),
        Order(2, "anna", "buy", 30, 500, attributes={"slope": 0.1}),
    ]
    clearing = FullP2PMarket().clear(Orders.of(orders))
    assert clearing.filled_wh.tolist() == [100, 100]
    assert clearing.price_ticks == 20
    as_text = Order(1, "farm", "sell", 10, 500, attributes={"slope": "0.1"})  # an order file's
    assert FullP2PMarket().clear(Orders.of([as_text, orders[1]])).filled_wh.tolist() == [100, 100]
    for slope in (-0.1, "steep", True, float("nan")):
        wrong = Order(1, "farm", "sell", 10, 500, attributes={"slope": slope})
        with pytest.raises(OrderError, match=r"order 1: slope is .*, expected a number of 0 or"):
            FullP2PMarket().clear(Orders.of([wrong, orders[1]]))


@st.composite
def books(draw):
    n = draw(st.integers(2, 9))
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    far = np.abs(np.subtract.outer(np.arange(4.0), np.arange(4.0)))
    prefers = np.full(n, None, dtype=object)
    is_buy = rng.random(n) < 0.5
    for i in np.flatnonzero(is_buy & (rng.random(n) < 0.3)):
        prefers[i] = (("peer 0", int(rng.integers(0, 20))),)
    return Orders(
        peers=[f"peer {i}" for i in range(4)],
        peer_index=rng.integers(0, 4, n),
        is_buy=is_buy,
        price_ticks=rng.integers(-20, 60, n),
        energy_wh=rng.integers(1, 50, n),
        attributes={"prefers": prefers},
        charges=draw(
            st.sampled_from([
                None,
                uniform_charges(4, 3),
                distance_charges(far, np.arange(4), ticks_per_ohm=4.0),
            ])
        ),
    )  # fmt: skip


@given(book=books())
def test_no_linear_book_could_gain_more_and_every_promise_holds(book):
    # The most that can be gained is from a linear program over pairs, by HiGHS, in `gains`.
    done = clear(book, FullP2PMarket())
    assert done.gains.total_ueur == done.gains.best_ueur
