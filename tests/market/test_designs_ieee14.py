"""The IEEE 14-bus case: optima against an independent solver, orderings, and its files."""

import csv
from pathlib import Path

import numpy as np
import pandapower.networks
import pytest

from market.designs.ieee14 import community, full_p2p, hybrid, solve
from market.designs.ieee14_case import Case, Rules
from market.designs.ieee14_file import read_published, read_shipped
from market.designs.ieee14_summary import orderings, solve_all, trades_of
from market.designs.ieee14_wishes import price_of_preference, wishing
from market.designs.problem import DesignError

SHIPPED = Path(__file__).parents[2] / "scenarios" / "ieee14"
SAMPLE = np.sort(np.random.default_rng(14).choice(17_520, 25, replace=False))


@pytest.fixture(scope="module")
def case():
    return read_shipped(SHIPPED)


@pytest.fixture(scope="module")
def years(case):
    return solve_all(case, Rules())


def tiny(low, high, b, *, price=50.0, a=1.0, communities=None):
    """One period: peers with a cost slope of 1 unless said otherwise."""
    n = len(low)
    return Case(
        start="2012-07-01T00:00",
        kinds=tuple("consumer" if high_mw <= 0 else "gas" for high_mw in high),
        buses=(2,) * n,
        community=np.array(communities or [0] * n),
        a=np.full(n, a),
        b=np.array(b, float),
        low_mw=np.array([low], float),
        high_mw=np.array([high], float),
        price=np.array([price]),
    )


# --- an independent solver on the formulations as they are written, link by link


def best(case, links, tariff):
    """Minimise cost over links (from, to, $/MWh); node n is the grid. Gives minus the cost."""
    piqp = pytest.importorskip("piqp")
    n, m = case.n_peers, len(links)
    best_of = []
    for t in range(len(case)):
        balance = np.zeros((n, n + m))
        balance[:, :n] = np.eye(n)
        cost = np.concatenate([case.b, np.zeros(m)])
        for e, (seller, buyer, gamma) in enumerate(links):
            cost[n + e] = gamma
            if seller < n:
                balance[seller, n + e] = -1
            else:
                cost[n + e] += case.price[t] + tariff
            if buyer < n:
                balance[buyer, n + e] = 1
            else:
                cost[n + e] -= case.price[t] - tariff
        solver = piqp.DenseSolver()
        solver.settings.eps_abs = solver.settings.eps_rel = 1e-10
        solver.setup(
            np.asfortranarray(np.diag(np.concatenate([case.a, np.zeros(m)]))),
            cost,
            np.asfortranarray(balance),
            np.zeros(n),
            x_l=np.concatenate([case.low_mw[t], np.zeros(m)]),
            x_u=np.concatenate([case.high_mw[t], np.full(m, np.inf)]),
        )
        assert solver.solve() == piqp.PIQP_SOLVED
        best_of.append(-solver.result.info.primal_obj)
    return np.array(best_of)


def sides(case):
    consumers = set(case.consumers)
    return [n for n in range(case.n_peers) if n not in consumers], sorted(consumers)


def full_links(case, gamma, wish=lambda seller, buyer: 0.0):
    sellers, buyers = sides(case)
    grid = case.n_peers
    between = [(s, b, gamma + wish(s, b)) for s in sellers for b in buyers]
    out = [(s, grid, gamma) for s in sellers]
    return between + out + [(grid, b, gamma + wish(grid, b)) for b in buyers]


def community_links(case, rules, between):
    """Members' q, α and β, and sales by managers, each as a link from seller to buyer."""
    sellers, buyers = sides(case)
    grid, of = case.n_peers, case.community
    inside = [(s, b, rules.gamma) for s in sellers for b in buyers if of[s] == of[b]]
    across = [
        (s, b, between[of[s], of[b]])
        for s in sellers
        for b in buyers
        if of[s] != of[b] and np.isfinite(between[of[s], of[b]])
    ]
    return inside + across + [(s, grid, 0.0) for s in sellers] + [(grid, b, 0.0) for b in buyers]


@pytest.mark.parametrize("between", [(2.0, 1.0, 1.5), (0.3, 0.2, 0.4), (6.0, 11.0, 5.5)])
def test_all_three_designs_are_as_good_as_an_independent_solvers(case, between):
    # piqp on one variable a link, no groups and no aggregation.
    some, rules = case.periods(SAMPLE), Rules(between=between)
    cost = np.full((3, 3), np.inf)
    found = solve(some, rules, community(some, rules))
    oracle = best(some, community_links(some, rules, cost), rules.tariff)
    np.testing.assert_allclose(found.objective, oracle, rtol=1e-6)
    cost[np.triu_indices(3, 1)] = between
    cost = np.minimum(cost, cost.T)
    found = solve(some, rules, hybrid(some, rules))
    oracle = best(some, community_links(some, rules, cost), rules.tariff)
    np.testing.assert_allclose(found.objective, oracle, rtol=1e-6)
    found = solve(some, rules, full_p2p(some, rules))
    oracle = best(some, full_links(some, rules.gamma), rules.tariff)
    np.testing.assert_allclose(found.objective, oracle, rtol=1e-6)


@pytest.mark.parametrize("premium", [0.7, 5.0, 30.0])
@pytest.mark.parametrize("wish", ["own-community", "green"])
def test_wishes_are_weighed_as_an_independent_solver_weighs_them(case, wish, premium):
    some, rules, poorest = case.periods(SAMPLE), Rules(), 7
    kinds, of = [*some.kinds, "grid"], [*some.community, -1]

    def unmet(seller, buyer):
        met = kinds[seller] in ("wind", "pv") if wish == "green" else of[seller] == of[buyer]
        return 0.0 if met or buyer == poorest else premium

    found = solve(some, rules, wishing(some, rules, wish, premium, poorest))
    oracle = best(some, full_links(some, rules.gamma, unmet), rules.tariff)
    np.testing.assert_allclose(found.objective, oracle, rtol=1e-6)


def test_random_cases_with_costs_of_every_size_agree_with_an_independent_solver():
    rng = np.random.default_rng(7)
    for _ in range(40):
        n = int(rng.integers(6, 14))
        seller = rng.random(n) < 0.5
        room = rng.uniform(0, 30, n)
        least = room * rng.choice([0.0, 0.4, 1.0], n)
        case = Case(
            start="2012-07-01T00:00",
            kinds=tuple(np.where(seller, "gas", "consumer")),
            buses=(2,) * n,
            community=np.concatenate([[0, 1, 2], rng.integers(0, 3, n - 3)]),
            a=10 ** rng.uniform(-2, 1.5, n),
            b=rng.uniform(-20, 150, n),
            low_mw=np.where(seller, least, -room)[None],
            high_mw=np.where(seller, room, -least)[None],
            price=rng.uniform(-30, 120, 1),
        )
        rules = Rules(gamma=1.0, between=tuple(rng.uniform(3, 5, 3)))
        cost = np.zeros((3, 3))
        cost[np.triu_indices(3, 1)] = rules.between
        found = solve(case, rules, hybrid(case, rules)).objective
        oracle = best(case, community_links(case, rules, cost + cost.T), rules.tariff)
        np.testing.assert_allclose(found, oracle, rtol=1e-6, atol=1e-5)


# --- by hand


def test_two_peers_meet_where_the_buyer_pays_gamma_more():
    # By hand: seller's P = s, buyer's P = s + γ − 100; they balance at s = 50 − γ/2.
    rules = Rules(gamma=2.0, between=(5.0, 5.0, 5.0))
    found = solve(pair := tiny([0, -80], [80, 0], [0, 100]), rules, full_p2p(pair, rules))
    assert found.injection_mw[0] == pytest.approx([49.0, -49.0])
    assert found.sell_price[0] == pytest.approx([49.0, 49.0])
    assert found.welfare[0] == pytest.approx(-(49**2) / 2 - 49**2 / 2 + 100 * 49 - 2 * 49)
    assert found.bill(1) == pytest.approx(0.5 * 49 * 51)


def test_without_a_seller_the_grid_sells_at_its_price_and_the_tariff():
    # By hand: marginal worth 100 − x meets 50 + 10 + γ at x = 39.
    rules = Rules(gamma=1.0, between=(5.0, 5.0, 5.0))
    alone = tiny([-80], [0], [100])
    found = solve(alone, rules, full_p2p(alone, rules))
    assert found.import_mw[0] == pytest.approx(39.0)
    assert found.import_cost[0] == pytest.approx(39 * 60)
    assert found.trade_cost[0] == pytest.approx(39)


def test_in_the_hybrid_two_communities_part_by_the_cost_between_them():
    # By hand: a sale costs 2: seller gets s, buyer pays s + 2, s = 100 − s − 2, so s = 49.
    rules = Rules(between=(2.0, 3.0, 3.0))
    three = tiny([0, -80, 0], [80, 0, 0], [0, 100, 0], communities=[0, 1, 2])
    found = solve(three, rules, hybrid(three, rules))
    assert found.flow_mw[0, 0, 1] == pytest.approx(49.0)
    assert found.sell_price[0, 0] == pytest.approx(49.0)
    assert found.sell_price[0, 1] + rules.gamma == pytest.approx(51.0)


def test_a_wish_that_is_not_met_is_not_paid():
    # By hand: the seller is in another community, so the buyer, who minds by 4, uses as if its
    # price were s + γ + 4; s = 100 − s − 4 − γ, so s = 47.5 and it pays 48.5 for each of 47.5 MWh.
    rules = Rules(gamma=1.0, between=(5.0, 5.0, 5.0))
    three = tiny([0, -80, -1], [80, 0, 0], [0, 100, -90], communities=[0, 1, 1])
    found = solve(three, rules, wishing(three, rules, "own-community", 4.0, 2))
    assert found.injection_mw[0] == pytest.approx([47.5, -47.5, 0.0])
    assert found.bill(1) == pytest.approx(0.5 * 47.5 * 48.5)
    assert found.welfare[0] - found.objective[0] == pytest.approx(4 * 47.5)


# --- the whole year


def test_every_ordering_holds_over_the_year_and_in_each_half_hour(years):
    failed = [claim["told"] for claim in orderings(years) if not claim["holds"]]
    assert not failed
    assert len(years["full"].case) == 17_520


def test_a_community_may_win_a_half_hour_by_what_full_p2p_pays_gamma_on(years):
    full, alone = years["full"], years["community"]
    won = alone.welfare - full.welfare
    with_grid = full.rules.gamma * (alone.import_mw + alone.export_mw)
    assert (won <= with_grid + 1e-6).all()
    assert won.max() > 1e-3


def test_imports_go_the_other_way_round(years):
    full, mixed, alone = (years[key].import_mw.sum() for key in ("full", "hybrid", "community"))
    assert full < mixed < alone


def test_the_gap_to_full_p2p_closes_as_trading_between_communities_gets_free(case, years):
    month, gaps = case.periods(slice(0, 1488)), []
    full = years["full"].welfare[:1488].sum()
    for scale in (1.0, 0.1, 0.01):
        rules = Rules(between=(2 * scale, 1 * scale, 1.5 * scale))
        gaps.append(full - solve(month, rules, hybrid(month, rules)).welfare.sum())
    exchange = years["full"].exchange_mw[:1488].sum()
    with_grid = (years["hybrid"].import_mw + years["hybrid"].export_mw)[:1488].sum()
    assert gaps[0] > gaps[1] > gaps[2]
    assert gaps[2] <= 0.02 * exchange
    free = Rules(between=(0.001, 0.001, 0.001))
    gap = full - solve(month, free, hybrid(month, free)).welfare.sum()
    assert abs(gap) <= 0.002 * with_grid


def test_every_peer_keeps_its_bounds_and_every_group_balances(years):
    for year in years.values():
        case, flow, k = year.case, year.flow_mw, year.layout.cost.shape[0]
        assert (year.injection_mw >= case.low_mw).all()
        assert (year.injection_mw <= case.high_mw).all()
        nets = year.injection_mw @ np.eye(k)[year.layout.group]
        out = flow.sum(axis=2)[:, :-1] - flow.sum(axis=1)[:, :-1]
        np.testing.assert_allclose(nets, out, atol=1e-9)
        assert year.astray_mw < 1e-6


def test_a_consumers_partners_sell_it_all_that_it_uses(years):
    for year in years.values():
        bought = sum(trades_of(year, 2).values())
        np.testing.assert_allclose(bought, -year.injection_mw[:, 2], atol=1e-6)


def test_wishes_cost_welfare_and_none_without_a_premium(case):
    month = case.periods(slice(0, 1488))
    for wish in ("own-community", "green"):
        costs = [
            price_of_preference(month, Rules(), wish=wish, premium=p, poorest=7).welfare_lost
            for p in (0.0, 2.0, 8.0)
        ]
        assert abs(costs[0]) < 1e-3
        assert costs[0] < costs[1] < costs[2]


# --- what is wrong is named


def test_costs_that_would_make_a_detour_pay_are_refused():
    with pytest.raises(DesignError, match="way round"):
        Rules(between=(5.0, 1.0, 1.5))
    with pytest.raises(DesignError, match="at least gamma"):
        Rules(gamma=1.0, between=(0.5, 1.0, 1.0))


def test_faults_of_a_case_are_named():
    with pytest.raises(DesignError, match="crossed"):
        tiny([5], [4], [0])
    with pytest.raises(DesignError, match="no number"):
        tiny([0], [4], [np.nan])
    with pytest.raises(DesignError, match=r"expected more than 0"):
        tiny([0], [4], [0], a=0.0)
    with pytest.raises(DesignError, match="both sells and buys"):
        tiny([-1], [4], [0])
    with pytest.raises(DesignError, match="C2: no members"):
        tiny([0, 0], [4, 4], [0, 0], communities=[0, 2])
    with pytest.raises(DesignError, match="peer 12 is no consumer"):
        price_of_preference(read_shipped(SHIPPED), Rules(), wish="green", premium=1, poorest=11)


# --- files


def test_shipped_loads_are_those_of_pandapowers_case14(case):
    net = pandapower.networks.case14()
    loads = {int(bus) + 1: mw for bus, mw in zip(net.load.bus, net.load.p_mw, strict=True)}
    with (SHIPPED / "peers.csv").open(newline="") as file:
        rated = {
            int(r["bus"]): float(r["rated_mw"])
            for r in csv.DictReader(file)
            if r["kind"] == "consumer"
        }
    assert rated == loads
    np.testing.assert_allclose(-case.low_mw.min(axis=0)[:11], list(loads.values()))


def test_the_shipped_case_has_the_papers_shape(case):
    assert (len(case), case.n_peers, len(case.consumers)) == (17_520, 19, 11)
    assert case.moment(17_519) == "2013-06-30T23:30"
    assert np.bincount(case.community).size == 3
    sun = case.high_mw[:, [n for n, kind in enumerate(case.kinds) if kind == "pv"]].sum(axis=1)
    clock = np.arange(17_520) % 48
    assert sun[clock == 24].mean() > 20 * sun[clock == 2].mean()


MOMENTS = ["01/07/2012 00:00", "01/07/2012 00:30", "01/07/2012 01:00"]
INFO = """\ufeffAgent,Type,Energy,Bus,Community,p2p,Pmin,Pmax,a,b
1,Consumer,-,2,1,,-20,0,7,30
2,Consumer,-,9,1,,-20,0,7,30
1,Producer,Wind,8,2,,0,50,0,0
7,Producer,Gas,13,2,,1,20,7.5,34
12,Grid,-,1,,,,,0,50
"""


@pytest.fixture
def published(tmp_path):
    """A set in the published form, of our own making: two loads, a wind farm, a gas engine."""

    def table(name, head, rows):
        lines = [head, *(f"{when},{row}" for when, row in zip(MOMENTS, rows, strict=True))]
        (tmp_path / name).write_text("\ufeff" + "\n".join(lines) + "\n", encoding="utf-8")

    dated = '"Date \n(month/day/year)"'
    table("load_max.csv", f"Agent,1,2\n{dated},Max,Max", ["3,4", "3.5,4", "2,1"])
    table("load_min.csv", f"Agent,1,2\n{dated},Min,Min", ["1,2", "3.5,2", "0,1"])
    table("ren.csv", f"Agent,12\n{dated},Prod", ["5", "6", "7"])
    table("price.csv", f"{dated},Market price,,", ["40,,", "-3.5,,", "60,,"])
    (tmp_path / "info.csv").write_text(INFO, encoding="utf-8")
    return tmp_path


def test_a_set_in_the_published_form_is_read(published):
    case = read_published(published)
    assert case.kinds == ("consumer", "consumer", "wind", "gas")
    assert case.community.tolist() == [0, 1, 1, 2]
    assert case.low_mw.tolist() == [[-3, -4, 5, 1], [-3.5, -4, 6, 1], [-2, -1, 7, 1]]
    assert case.high_mw.tolist() == [[-1, -2, 5, 20], [-3.5, -2, 6, 20], [0, -1, 7, 20]]
    assert case.price.tolist() == [40, -3.5, 60]
    assert case.start == "2012-07-01T00:00"


@pytest.mark.parametrize(
    ("file", "old", "new", "told"),
    [
        ("info.csv", ",Bus,", ",Node,", r"info\.csv:1: no column 'Bus'; it has Agent, Type"),
        ("info.csv", "7,30\n2", "seven,30\n2", r"info\.csv:2: a: 'seven' is no number"),
        ("info.csv", "-,9,", "-,7,", r"info\.csv:3: Bus: '7' is in no community"),
        ("info.csv", "Gas", "Peat", r"info\.csv:5: Producer of 'Peat'"),
        ("load_max.csv", "3.5,4", "3.5,nan", r"load_max\.csv:5: column 3: 'nan' is no number"),
        ("load_max.csv", "3.5,4", "3.5", r"load_max\.csv:5: column 3: nothing is no number"),
        ("load_max.csv", "Agent,1,2", "Agent,1", r"load_max\.csv:1: 1 peers; expected 2"),
        (
            "load_min.csv",
            "00:00,1,2",
            "00:00,1,9",
            r"load_min\.csv:4: column 3: at least 9 MW, but",
        ),
        ("ren.csv", "01/07/2012 01:00,7\n", "", r"ren\.csv:5: 2 half-hours; price.csv has 3"),
        ("ren.csv", "2012 01:00", "2012 02:00", r"ren\.csv:6: .*expected half an hour later"),
        ("price.csv", "01/07/2012 00:30", "noon", r"price\.csv:4: 'noon' is no moment"),
    ],
)
def test_what_is_wrong_in_a_file_is_named_with_its_line(published, file, old, new, told):
    path = published / file
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(DesignError, match=told):
        read_published(published)


def test_all_missing_files_are_named_at_once(tmp_path):
    with pytest.raises(DesignError) as refused:
        read_published(tmp_path)
    names = ("info.csv", "load_max.csv", "load_min.csv", "ren.csv", "price.csv")
    for name in names:
        assert any(f"{name}: no such file" in fault for fault in refused.value.faults)
