"""The 14-bus case within line limits: against DC OPF on angles link by link, and its orderings."""

import csv
from pathlib import Path

import numpy as np
import pytest

from market.designs.ieee14 import DESIGNS, community, full_p2p, hybrid, solve
from market.designs.ieee14_case import Rules
from market.designs.ieee14_file import read_shipped
from market.designs.ieee14_network import constrain, network_summary, read_lines
from market.designs.network import Network
from market.designs.problem import DesignError
from models.grid.power_flow import Grid
from models.grid.ptdf import ptdf
from models.grid.sources import made_net

SHIPPED = Path(__file__).parents[2] / "scenarios/ieee14"
RULES = Rules()


@pytest.fixture(scope="module")
def net():
    return made_net("pandapower:case14")


@pytest.fixture(scope="module")
def ends(net):
    lines = zip(net.line.from_bus + 1, net.line.to_bus + 1, strict=True)
    trafos = zip(net.trafo.hv_bus + 1, net.trafo.lv_bus + 1, strict=True)
    return [(int(one), int(other)) for one, other in [*lines, *trafos]]


@pytest.fixture(scope="module")
def case():
    return read_shipped(SHIPPED)


def rows(case, net, ends, limit):
    factors = ptdf(Grid.from_net(net))[:, np.array(case.buses) - 1]
    factors[np.abs(factors) < 1e-12] = 0.0
    names = tuple(f"{one}-{other}" for one, other in ends)
    return Network(names=names, factors=factors, low=-limit, high=limit)


@pytest.fixture(scope="module")
def held(case, net, ends):
    """The half-hours around two that the limits bind in, in all three designs."""
    limit = read_lines(SHIPPED / "lines.csv", ends)
    year = solve(case, RULES, full_p2p(case, RULES))
    lines = rows(case, net, ends, limit)
    beyond = (np.abs(year.injection_mw @ lines.factors.T) > limit).any(axis=1)
    some = case.periods(np.flatnonzero(beyond)[::80].tolist())
    return {
        key: constrain(solve(some, RULES, design(some, RULES)), lines)
        for key, design in DESIGNS.items()
    }


def opf(case, links, ends, net, limit, t):
    """Least cost of one period with a variable a link and an angle a bus, by piqp, dense.

    Susceptances come from pandapower's tables: x of lines in ohm, vk of transformers, and tap.
    """
    piqp = pytest.importorskip("piqp")
    n, m, buses = case.n_peers, len(links), 14
    kv = net.bus.vn_kv.to_numpy()
    x = [
        row.x_ohm_per_km * row.length_km / row.parallel / (kv[row.from_bus] ** 2 / net.sn_mva)
        for row in net.line.itertuples()
    ]
    for row in net.trafo.itertuples():
        reactance = np.sqrt(row.vk_percent**2 - row.vkr_percent**2) / 100 * net.sn_mva / row.sn_mva
        ratio = row.vn_hv_kv / row.vn_lv_kv * kv[row.lv_bus] / kv[row.hv_bus]
        tap = 1 + (0 if np.isnan(row.tap_pos) else row.tap_pos - row.tap_neutral) * (
            0 if np.isnan(row.tap_step_percent) else row.tap_step_percent / 100
        )
        x.append(reactance * ratio * tap)
    incidence = np.zeros((len(ends), buses))
    for branch, (one, other) in enumerate(ends):
        incidence[branch, one - 1], incidence[branch, other - 1] = 1, -1
    flow = incidence / np.array(x)[:, None]
    # Variables: injections of the peers and the grid, links, angles.
    size = n + 1 + m + buses
    balance, cost = np.zeros((n + 1 + buses + 1, size)), np.zeros(size)
    cost[:n] = case.b
    balance[: n + 1, : n + 1] = np.eye(n + 1)
    for e, (seller, buyer, gamma) in enumerate(links):
        cost[n + 1 + e] = gamma
        if seller == n:
            cost[n + 1 + e] += case.price[t] + RULES.tariff
        if buyer == n:
            cost[n + 1 + e] -= case.price[t] - RULES.tariff
        balance[seller, n + 1 + e] -= 1
        balance[buyer, n + 1 + e] += 1
    at = [*(bus - 1 for bus in case.buses), 0]
    balance[n + 1 + np.array(at), np.arange(n + 1)] = 1
    balance[n + 1 : n + 1 + buses, n + 1 + m :] = -incidence.T @ flow
    balance[-1, n + 1 + m] = 1  # the reference's angle
    solver = piqp.DenseSolver()
    for name in ("eps_abs", "eps_rel", "eps_duality_gap_abs", "eps_duality_gap_rel"):
        setattr(solver.settings, name, 1e-9)
    free = np.full(buses, np.inf)
    solver.setup(
        np.asfortranarray(np.diag(np.concatenate([case.a, np.zeros(size - n)]))),
        cost,
        np.asfortranarray(balance),
        np.zeros(len(balance)),
        np.asfortranarray(np.hstack([np.zeros((len(ends), n + 1 + m)), flow])),
        -limit,
        limit,
        np.concatenate([case.low_mw[t], [-np.inf], np.zeros(m), -free]),
        np.concatenate([case.high_mw[t], [np.inf], np.full(m, np.inf), free]),
    )
    assert solver.solve() == piqp.PIQP_SOLVED
    return -solver.result.info.primal_obj


def links_of(case, key):
    """Who may sell to whom and what it costs, as each design is written; the grid is number n."""
    grid, of = case.n_peers, case.community
    buyers = case.consumers
    sellers = [i for i in range(grid) if i not in set(buyers)]
    cost = np.full((3, 3), np.inf if key == "community" else RULES.gamma)
    if key == "hybrid":
        cost[0, 1] = cost[1, 0] = RULES.between[0]
        cost[0, 2] = cost[2, 0] = RULES.between[1]
        cost[1, 2] = cost[2, 1] = RULES.between[2]
    np.fill_diagonal(cost, RULES.gamma)
    pairs = [(s, b, cost[of[s], of[b]]) for s in sellers for b in buyers]
    outside = RULES.gamma if key == "full" else 0.0
    out = [(s, grid, outside) for s in sellers] + [(grid, b, outside) for b in buyers]
    return [pair for pair in pairs if np.isfinite(pair[2])] + out


@pytest.mark.parametrize("key", DESIGNS)
def test_each_design_is_as_good_as_dc_power_flow_on_angles_allows(held, ends, net, key):
    found = held[key]
    case, limit = found.held.case, found.network.high
    for t in range(0, len(case), 3):
        best = opf(case, links_of(case, key), ends, net, limit, t)
        assert found.held.objective[t] == pytest.approx(best, rel=1e-6)


def test_no_line_is_overloaded_and_only_what_was_is_solved_again(held):
    for found in held.values():
        flow = np.abs(found.held.injection_mw @ found.network.factors.T)
        assert (flow <= found.network.high + 1e-5).all()
        same = np.setdiff1d(np.arange(len(found.free.case)), found.periods)
        assert (found.held.injection_mw[same] == found.free.injection_mw[same]).all()
        free = np.abs(found.free.injection_mw @ found.network.factors.T)
        assert (free[found.periods] > found.network.high).any(axis=1).all()


def test_limits_cost_welfare_and_the_three_keep_their_order(held):
    full, mixed, apart = (held[key].held for key in DESIGNS)
    for found in held.values():
        assert (found.free.welfare - found.held.welfare >= -1e-4).all()
        assert found.rent.min() >= -1e-3
    slack = RULES.gamma * (mixed.import_mw + mixed.export_mw)
    assert (full.welfare - mixed.welfare + slack >= -1e-4).all()
    assert (mixed.welfare - apart.welfare >= -1e-4).all()


def test_peers_between_their_bounds_are_paid_what_their_last_mwh_costs(held):
    for found in held.values():
        year, case = found.held, found.held.case
        for t in found.periods.tolist():
            p = year.injection_mw[t]
            inner = np.minimum(p - case.low_mw[t], case.high_mw[t] - p) > 1e-3
            buys = np.isin(np.arange(case.n_peers), case.consumers)
            paid = year.sell_price[t] + np.where(buys, year.layout.gamma, 0.0)
            assert paid[inner] == pytest.approx((case.a * p + case.b)[inner], abs=2e-3)


def test_without_limits_in_the_way_nothing_is_solved_again(case, net, ends):
    some = case.periods(list(range(0, 200, 10)))
    wide = rows(some, net, ends, np.full(20, 1e3))
    year = solve(some, RULES, hybrid(some, RULES))
    found = constrain(year, wide)
    assert not found.periods.size
    assert found.welfare_lost == pytest.approx(0, abs=1e-9)


def test_what_no_injection_can_keep_is_named_with_moment_and_line(case, net, ends):
    some = case.periods(list(range(100, 110)))
    year = solve(some, RULES, community(some, RULES))
    with pytest.raises(DesignError, match=r"half-hour from .*: network: .* takes 1-2 beyond"):
        constrain(year, rows(some, net, ends, np.full(20, 0.5)))


def test_the_summary_tells_lines_that_bind(held):
    told = network_summary(held)
    assert [one["name"] for one in told["designs"]] == ["full P2P", "hybrid", "community"]
    first = told["designs"][0]
    assert first["binding"]
    assert sum(one["half_hours"] for one in first["binding"].values()) >= first["half_hours"]
    assert first["welfare_lost"] > 0


def test_every_fault_of_the_table_of_limits_is_named(tmp_path, ends):
    path = tmp_path / "lines.csv"
    shipped = list(csv.reader((SHIPPED / "lines.csv").read_text("utf-8").splitlines()))
    shipped[1][3], shipped[2][1], shipped[3][3] = "-4", "7", "much"
    path.write_text("\n".join(map(",".join, shipped)), encoding="utf-8")
    with pytest.raises(DesignError) as told:
        read_lines(path, ends)
    assert list(told.value.faults) == [
        f"{path}:2: limit_mw is -4; expected 0 or more",
        f"{path}:3: no branch between buses 7 and 5",
        f"{path}:4: expected numbers in from, to and limit_mw",
        f"{path}: no limit for the branch between buses 1 and 2",
        f"{path}: no limit for the branch between buses 1 and 5",
        f"{path}: no limit for the branch between buses 2 and 3",
    ]
    with pytest.raises(DesignError, match="cannot be read"):
        read_lines(tmp_path / "none.csv", ends)
