"""Network limits inside the designs: by hand, against DC OPF on angles, and pandapower's own."""

import numpy as np
import pytest

from market.designs.community import Community
from market.designs.full_p2p import FullP2P, solve_full_p2p
from market.designs.graphs import all_pairs
from market.designs.hybrid import Cell
from market.designs.nested import solve_design
from market.designs.network import Network, line_limits, voltage_limits
from market.designs.problem import Agents, DesignError, Edges

SOLVERS = ["piqp", "highs"]
NEAR = 1e-4


def peers(*rows):
    """Peers from rows of a, b, low and high."""
    a, b, low, high = np.array(rows, dtype=float).T
    return Agents(a=a, b=b, c=np.zeros_like(a), low_wh=low, high_wh=high)


def everybody(agents, gamma=0.0):
    return Edges.uniform(*all_pairs(len(agents)), gamma)


# --- by hand


@pytest.mark.parametrize("solver", ["best", "piqp", "highs"])
def test_two_buses_part_in_price_where_the_line_is_full(solver):
    # By hand: at A a Wh costs 10, at B 30, and B's buyer takes 100 Wh at up to 50. The line carries
    # 60 Wh an hour, so 40 come from B's own plant: 30 there, 10 at A; the line's last Wh is worth
    # 20, and its owner keeps 60 · 20. Welfare is 100 · 50 − 60 · 10 − 40 · 30.
    pytest.importorskip("highspy" if solver == "highs" else "piqp")
    agents = peers((0, 10, 0, 200), (0, 30, 0, 200), (0, 50, -100, 0))
    line = line_limits([[1.0, 0.0, 0.0]], [0.06], hours=1.0, names=["A-B"])
    outcome = solve_full_p2p(agents, everybody(agents), network=line, solver=solver)
    assert outcome.converged
    assert outcome.injection_wh == pytest.approx([60, 40, -100], abs=NEAR)
    assert outcome.welfare_ueur == pytest.approx(3_200, rel=1e-6)
    assert outcome.congestion.shadow == pytest.approx([20], rel=1e-5)
    assert outcome.congestion.component == pytest.approx([-20, 0, 0], abs=NEAR)
    assert outcome.congestion.rent_ueur(outcome.injection_wh) == pytest.approx(1_200, rel=1e-5)
    assert outcome.price[1] == pytest.approx(30, rel=1e-5)  # link 0-2, at the buyer
    wide = line_limits([[1.0, 0.0, 0.0]], [0.2], hours=1.0)
    free = solve_full_p2p(agents, everybody(agents), network=wide, solver=solver)
    assert free.welfare_ueur == pytest.approx(4_000, rel=1e-6)
    assert free.congestion.shadow == pytest.approx([0], abs=NEAR)


@pytest.mark.parametrize("solver", ["piqp", "highs"])
def test_a_voltage_limits_what_is_fed_in_at_the_end_of_a_feeder(solver):
    # By hand: 0.002 p.u. per kW and 0.008 p.u. of room are 4 kW, 1 000 Wh of a quarter-hour.
    pytest.importorskip("highspy" if solver == "highs" else "piqp")
    agents = peers((0, 10, 0, 3_000), (0, 30, 0, 3_000), (0, 50, -2_000, 0))
    held = voltage_limits(
        [[0.002, 0.0, 0.0]], [1.042], low_pu=0.95, high_pu=1.05, hours=0.25, names=["end"]
    )
    community = Community(members=[0, 1, 2], transaction=1.0)
    outcome = solve_design(agents, community, network=held, solver=solver)
    assert outcome.injection_wh == pytest.approx([1_000, 1_000, -2_000], abs=0.01)
    # What a Wh is worth at the feeder's end is 20 less, for 0.002/250 p.u. each.
    assert outcome.congestion.component == pytest.approx([-20, 0, 0], abs=NEAR)
    assert outcome.congestion.shadow == pytest.approx([20 * 250 / 0.002], rel=1e-5)
    low = solve_design(
        agents,
        community,
        network=voltage_limits([[0, 0, 0.001]], [1.0], low_pu=0.996, high_pu=1.1, hours=0.25),
    )
    assert low.injection_wh[2] == pytest.approx(-1_000, abs=0.01)
    assert low.congestion.shadow[0] < 0


def test_a_hybrid_keeps_a_line_between_its_communities():
    agents = peers((0, 5, 0, 60), (0, 20, -100, 0))
    parts = (Community(members=[0]), Community(members=[1]))
    line = line_limits([[0.5, -0.5]], [0.025], hours=1.0)
    outcome = solve_design(agents, Cell(parts=parts, between=3.0), network=line)
    assert outcome.injection_wh == pytest.approx([25, -25], abs=NEAR)
    assert outcome.welfare_ueur == pytest.approx(25 * (20 - 5 - 3), rel=1e-6)
    # The line's two ends part by 12; each bears half of it.
    assert outcome.congestion.component == pytest.approx([-6, 6], abs=NEAR)


def test_what_no_injection_can_keep_is_named_with_the_line():
    agents = peers((0, 10, 50, 50), (0, 30, -50, -50))
    with pytest.raises(DesignError, match="takes west beyond its limits, -20 to 20, by 30"):
        solve_full_p2p(
            agents,
            everybody(agents),
            network=line_limits([[1.0, 0.0]], [0.02], hours=1.0, names=["west"]),
        )


def test_rows_that_are_none_are_refused():
    with pytest.raises(DesignError) as told:
        Network(names=("a", "b"), factors=[[1.0], [np.nan]], low=[2, 0], high=[1, 1])
    assert list(told.value.faults) == [
        "network: a factor of b is no finite number",
        "network: a is limited to 2 to 1; expected a lower limit below an upper",
    ]
    with pytest.raises(DesignError, match="expected one row of factors"):
        Network(names=("a",), factors=[1.0], low=[0], high=[1])


# --- against DC optimal power flow on bus angles, assembled here


def meshed(rng, buses):
    """A connected meshed network: ends, susceptances and the Laplacian."""
    ends = [(int(rng.integers(0, i)), i) for i in range(1, buses)]
    extra = rng.integers(0, buses, (buses, 2))
    ends += [(int(min(p)), int(max(p))) for p in extra if p[0] != p[1]]
    one, other = np.array(ends).T
    b = rng.uniform(1, 10, one.size)
    incidence = np.zeros((one.size, buses))
    incidence[np.arange(one.size), one], incidence[np.arange(one.size), other] = 1, -1
    return incidence, b, incidence.T @ (b[:, None] * incidence)


def dc_opf(agents, bus, incidence, b, laplacian, limit):
    """Cost, injections and bus prices, with angles as variables and no factors, by HiGHS."""
    highspy = pytest.importorskip("highspy")
    n, buses = len(agents), laplacian.shape[0]
    place = np.zeros((buses, n))
    place[bus, np.arange(n)] = 1
    rows = np.block([[place, -laplacian], [np.zeros((b.size, n)), b[:, None] * incidence]])
    highs = highspy.Highs()
    highs.silent()
    model = highspy.HighsModel()
    lp, hessian = model.lp_, model.hessian_
    lp.num_row_, lp.num_col_ = rows.shape
    free = np.full(buses, np.inf)
    free[0] = 0
    lp.col_cost_ = np.append(agents.b, np.zeros(buses))
    lp.col_lower_, lp.col_upper_ = (
        np.append(agents.low_wh, -free),
        np.append(agents.high_wh, free),
    )
    lp.row_lower_ = np.append(np.zeros(buses), -limit)
    lp.row_upper_ = np.append(np.zeros(buses), limit)
    lp.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
    lp.a_matrix_.start_ = np.arange(rows.shape[0] + 1) * rows.shape[1]
    lp.a_matrix_.index_ = np.tile(np.arange(rows.shape[1]), rows.shape[0])
    lp.a_matrix_.value_ = rows.ravel()
    hessian.dim_ = rows.shape[1]
    hessian.format_ = highspy.HessianFormat.kTriangular
    hessian.start_ = np.append(np.arange(n + 1), np.full(buses, n)).astype(np.int32)
    hessian.index_, hessian.value_ = np.arange(n, dtype=np.int32), agents.a
    highs.passModel(model)
    highs.run()
    assert highs.getModelStatus() == highspy.HighsModelStatus.kOptimal
    found = highs.getSolution()
    return (
        float(highs.getInfo().objective_function_value),
        np.array(found.col_value)[:n],
        np.array(found.row_dual)[:buses],
    )


@pytest.mark.parametrize("seed", range(60))
def test_a_free_pool_under_line_limits_is_dc_optimal_power_flow(seed):
    rng = np.random.default_rng(seed)
    buses, n = int(rng.integers(2, 9)), int(rng.integers(4, 14))
    incidence, b, laplacian = meshed(rng, buses)
    sells = rng.random(n) < 0.5
    size = rng.uniform(100, 1_000, n)
    agents = Agents(
        a=rng.uniform(0.005, 0.05, n),
        b=np.where(sells, rng.uniform(5, 30, n), rng.uniform(20, 60, n)),
        c=np.zeros(n),
        low_wh=np.where(sells, 0.0, -size),
        high_wh=np.where(sells, size, 0.0),
    )
    bus = rng.integers(0, buses, n)
    ptdf = (b[:, None] * incidence) @ np.linalg.pinv(laplacian)
    ptdf -= ptdf[:, :1]  # withdrawn at bus 0
    limit = rng.uniform(20, 300, b.size)
    line = line_limits(ptdf[:, bus], limit / 1_000, hours=1.0)
    cost, injection, price = dc_opf(agents, bus, incidence, b, laplacian, limit)
    for solver in ("best", "highs"):
        outcome = solve_full_p2p(agents, everybody(agents), network=line, solver=solver)
        assert outcome.converged
        assert -outcome.welfare_ueur == pytest.approx(cost, rel=1e-6, abs=1e-2)
        assert outcome.injection_wh == pytest.approx(injection, abs=1e-2)
        assert (np.abs(line.loads(outcome.injection_wh)) <= limit + 1e-2).all()
        assert outcome.congestion.rent_ueur(outcome.injection_wh) >= -1e-2
        # HiGHS's bus prices, up to the sign of its duals, at every peer between its bounds.
        inner = np.minimum(injection - agents.low_wh, agents.high_wh - injection) > 1
        marginal = agents.marginal(outcome.injection_wh)
        assert marginal[inner] == pytest.approx(np.abs(price[bus][inner]), abs=1e-2)


@pytest.mark.parametrize("seed", range(30))
def test_prices_of_trades_and_of_the_network_add_up_to_the_marginal_cost(seed):
    # With a γ of its own on each link and lines that bind: KKT from what comes back alone.
    rng = np.random.default_rng(100 + seed)
    buses, n = int(rng.integers(2, 6)), int(rng.integers(4, 10))
    incidence, b, laplacian = meshed(rng, buses)
    sells = np.arange(n) % 2 == 0
    size = rng.uniform(100, 1_000, n)
    agents = Agents(
        a=rng.uniform(0.005, 0.05, n),
        b=np.where(sells, rng.uniform(5, 20, n), rng.uniform(30, 60, n)),
        c=np.zeros(n),
        low_wh=np.where(sells, 0.0, -size),
        high_wh=np.where(sells, size, 0.0),
    )
    one, other = all_pairs(n)
    edges = Edges(
        first=one,
        second=other,
        gamma_first=rng.uniform(0, 2, one.size),
        gamma_second=rng.uniform(0, 2, one.size),
    )
    ptdf = (b[:, None] * incidence) @ np.linalg.pinv(laplacian)
    bus = rng.integers(0, buses, n)
    line = line_limits(ptdf[:, bus], rng.uniform(0.01, 0.1, b.size), hours=1.0)
    outcome = FullP2P(agents, edges, network=line).solve(agents)
    assert outcome.converged
    marginal = agents.marginal(outcome.injection_wh)
    inner = np.minimum(outcome.injection_wh - agents.low_wh, agents.high_wh - outcome.injection_wh)
    used = np.abs(outcome.trade_wh) > 1
    for k in np.flatnonzero(used).tolist():
        seller, buyer = (one[k], other[k]) if outcome.trade_wh[k] > 0 else (other[k], one[k])
        mine, theirs = (
            (edges.gamma_first[k], edges.gamma_second[k])
            if seller == one[k]
            else (edges.gamma_second[k], edges.gamma_first[k])
        )
        component = outcome.congestion.component
        if inner[seller] > 1:
            gets = outcome.price[k] - mine + component[seller]
            assert gets == pytest.approx(marginal[seller], abs=1e-2)
        if inner[buyer] > 1:
            pays = outcome.price[k] + theirs + component[buyer]
            assert pays == pytest.approx(marginal[buyer], abs=1e-2)
