"""The community: by hand, against its printed equations in another solver, and its faults."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from market.book import Order, Orders
from market.designs.community import Community
from market.designs.community_market import CommunityMarket
from market.designs.nested import solve_design
from market.designs.problem import Agents, DesignError
from market.promises import check_clearing
from market.quick import clear

SEEDS = range(100)


def peers(*rows):
    """Peers from rows of a, b, low and high."""
    a, b, low, high = np.array(rows, dtype=float).T
    return Agents(a=a, b=b, c=np.zeros_like(a), low_wh=low, high_wh=high)


def random_members(rng, n):
    kind = rng.integers(0, 3, n)
    return Agents(
        a=rng.uniform(5e-4, 5e-3, n) * (rng.random(n) < 0.8),
        b=rng.uniform(0, 20, n),
        c=rng.uniform(0, 5, n),
        low_wh=np.where(kind == 0, 0, -np.rint(rng.uniform(100, 2_000, n))),
        high_wh=np.where(kind == 1, 0, np.rint(rng.uniform(100, 2_000, n))),
    )


def random_community(seed):
    """Members with weights of their own in every other community, and mostly a market."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(2, 15))
    size = () if seed % 2 else n
    market = {"import_price": rng.uniform(10, 18), "export_price": rng.uniform(2, 10)}
    community = Community(
        members=np.arange(n),
        transaction=float(rng.choice([0.0, 0.5, 2.0])),
        gamma_import=rng.uniform(0, 3, size),
        gamma_export=rng.uniform(0, 3, size),
        **(market if rng.random() < 0.8 else {}),
    )
    return random_members(rng, n), community


def by_equations(agents, community):
    """Minimise over p, q⁺, q⁻, α, β as printed: p + q + α − β = 0 and Σ q = 0; by piqp."""
    piqp = pytest.importorskip("piqp")
    n, one, none = len(agents), np.eye(len(agents)), np.zeros(len(agents))
    knows = community.import_price is not None
    scale, most = 1e3, np.inf if knows else 0.0
    total = np.concatenate([none, none + 1, none - 1, none, none])
    balance = np.vstack([np.hstack([one, one, -one, one, -one]), total])
    imported = (community.import_price or 0) + community.gamma_import
    exported = community.gamma_export - (community.export_price or 0)
    trade = np.full(n, community.transaction)
    solver = piqp.DenseSolver()
    for name in ("eps_abs", "eps_rel", "eps_duality_gap_abs", "eps_duality_gap_rel"):
        setattr(solver.settings, name, 1e-9)
    solver.setup(
        np.asfortranarray(np.diag(np.append(agents.a * scale, np.zeros(4 * n)))),
        np.concatenate([agents.b, trade, trade, imported, exported]),
        np.asfortranarray(balance),
        np.zeros(n + 1),
        None,
        None,
        None,
        np.concatenate([agents.low_wh / scale, np.zeros(4 * n)]),
        np.concatenate([agents.high_wh / scale, np.full(2 * n, np.inf), np.full(2 * n, most)]),
    )
    assert solver.solve() == piqp.PIQP_SOLVED
    return float(solver.result.info.primal_obj * scale + agents.c.sum())


def test_members_serve_each_other_first_and_the_manager_imports_the_rest():
    # By hand: 60 Wh cost 5 inside and 0.5 a side; the buyer's other 40 Wh cost 12 and a weight of
    # 1. So Σ costs = 60·5 + 60·2·0.5 + 40·13 − 100·20 = −1120, and the last Wh makes the price:
    # inside, a buyer gives up 13 − 0.5.
    agents = peers((0, 5, 0, 60), (0, 20, -100, 0))
    community = Community(
        members=[0, 1], transaction=0.5, gamma_import=1.0, import_price=12, export_price=4
    )
    for solver in ("best", "piqp", "highs"):
        pytest.importorskip({"piqp": "piqp", "highs": "highspy"}.get(solver, "numpy"))
        outcome = solve_design(agents, community, solver=solver)
        assert outcome.injection_wh == pytest.approx([60, -100], abs=1e-4)
        assert outcome.inside_wh == pytest.approx([-60, 60], abs=1e-4)
        assert outcome.import_wh == pytest.approx([0, 40], abs=1e-4)
        assert outcome.welfare_ueur == pytest.approx(1_120, rel=1e-6)
        assert outcome.import_cost_ueur == pytest.approx(480, rel=1e-6)
        assert outcome.price == pytest.approx([12.5], rel=1e-6)
        assert outcome.traded_wh[0] == pytest.approx([0, 60, 0], abs=1e-4)
        assert outcome.traded_wh[2] == pytest.approx([0, 40, 0], abs=1e-4)


def test_a_surplus_is_exported_and_signs_are_those_of_the_equation():
    # By hand: 100 Wh at cost 1, 30 wanted inside, 70 exported at 4. With p + q + α + β = 0, as a
    # report prints it, the seller's balance could not hold.
    agents = peers((0, 1, 0, 100), (0, 20, -30, 0))
    community = Community(members=[0, 1], import_price=12, export_price=4)
    outcome = solve_design(agents, community)
    assert outcome.export_wh == pytest.approx([70, 0])
    balance = outcome.injection_wh + outcome.inside_wh + outcome.import_wh - outcome.export_wh
    assert balance == pytest.approx([0, 0])
    assert outcome.export_revenue_ueur == pytest.approx(280)
    assert outcome.welfare_ueur == pytest.approx(-100 + 30 * 20 + 280)


@pytest.mark.parametrize("seed", SEEDS)
def test_cost_is_that_of_the_printed_equations_in_another_solver(seed):
    agents, community = random_community(seed)
    outcome = solve_design(agents, community)
    cost = by_equations(agents, community)
    assert outcome.converged
    assert -outcome.welfare_ueur == pytest.approx(cost, rel=1e-6, abs=1e-2)


@pytest.mark.parametrize("seed", SEEDS)
def test_every_member_balances_and_so_does_the_inside(seed):
    agents, community = random_community(seed)
    outcome = solve_design(agents, community)
    near = 1e-6 * max(1.0, float(np.abs(outcome.injection_wh).max()))
    balance = outcome.injection_wh + outcome.inside_wh + outcome.import_wh - outcome.export_wh
    assert np.abs(balance).max() <= near
    assert abs(outcome.inside_wh.sum()) <= near * len(agents)
    assert min(outcome.import_wh.min(), outcome.export_wh.min()) >= 0
    assert outcome.market_import_wh.sum() == pytest.approx(outcome.import_wh.sum(), abs=near)
    assert outcome.market_export_wh.sum() == pytest.approx(outcome.export_wh.sum(), abs=near)
    sold = outcome.traded_wh.sum(axis=1) - outcome.traded_wh.sum(axis=0)
    assert sold[:-1] == pytest.approx(outcome.injection_wh, abs=10 * near)


def test_a_member_that_must_sell_more_than_anybody_takes_is_named():
    agents = peers((0, 1, 50, 100), (0, 20, -30, 0))
    with pytest.raises(DesignError, match="peer 0: must inject 50 to 100 Wh, but 20 Wh"):
        solve_design(agents, Community(members=[0, 1]))


def test_a_community_of_nobody_and_other_faults_are_refused():
    with pytest.raises(DesignError, match="a community without members"):
        Community(members=[])
    with pytest.raises(DesignError, match="peer 1 is named 2 times"):
        Community(members=[1, 1])
    with pytest.raises(DesignError, match="give both import_price and export_price"):
        Community(members=[0], import_price=3.0)
    with pytest.raises(DesignError, match="would earn without bound"):
        Community(members=[0], import_price=3.0, export_price=5.0)
    with pytest.raises(DesignError, match="would earn without bound"):
        Community(members=[0], gamma_import=-1.0)
    with pytest.raises(DesignError, match="a transaction costs -1 µ€/Wh"):
        Community(members=[0], transaction=-1.0)
    with pytest.raises(DesignError, match="gamma_import has shape"):
        Community(members=[0], gamma_import=np.zeros(2))
    agents = peers((0, 1, 0, 100), (0, 20, -30, 0))
    with pytest.raises(DesignError) as told:
        solve_design(agents, Community(members=[0, 5]))
    assert len(told.value.faults) == 2  # 5 does not exist, 1 belongs nowhere


def test_a_tariff_keeps_from_the_community_what_pays_more_outside():
    # By hand: at an import price of 20 the buyer does not take the seller's energy at 25.
    orders = Orders.of([
        Order(1, "farm", "sell", 25, 100),
        Order(2, "mill", "sell", 15, 40),
        Order(3, "anna", "buy", 30, 100),
    ])  # fmt: skip
    told = CommunityMarket.Options(import_ticks=20, export_ticks=5)
    clearing = CommunityMarket(told).clear(orders)
    check_clearing(orders, clearing)
    assert clearing.filled_wh.tolist() == [0, 40, 40]
    assert clearing.price_ticks == 20
    plain = CommunityMarket().clear(orders)
    assert plain.filled_wh.tolist() == [60, 40, 100]
    assert plain.price_ticks == 25


def test_prices_that_are_swapped_are_refused():
    with pytest.raises(ValueError, match="are they swapped"):
        CommunityMarket.Options(import_ticks=5, export_ticks=20)
    with pytest.raises(ValueError, match="or neither"):
        CommunityMarket.Options(import_ticks=5)


@given(
    rows=st.lists(
        st.tuples(st.integers(0, 3), st.booleans(), st.integers(-20, 60), st.integers(1, 50)),
        min_size=2,
        max_size=9,
    ),
    cost=st.integers(0, 3),
)
def test_every_promise_holds_and_what_transactions_cost_is_the_operators(rows, cost):
    peer, is_buy, price, energy = (list(column) for column in zip(*rows, strict=True))
    book = Orders(
        peers=[f"peer {i}" for i in range(4)],
        peer_index=peer,
        is_buy=is_buy,
        price_ticks=price,
        energy_wh=energy,
    )
    done = clear(book, CommunityMarket(CommunityMarket.Options(transaction_ticks=cost)))
    sold = sum(period.clearing.volume_wh(period.orders) for period in done.periods.values())
    assert done.surplus_ueur == 2 * cost * sold
