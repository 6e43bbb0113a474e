"""The hybrid: by hand, pools against the QP on random trees, and how it stands to the other two."""

from dataclasses import replace

import numpy as np
import pytest

from market.book import Order, OrderError, Orders
from market.designs._trees import as_groups, halves
from market.designs.community import Community
from market.designs.community_market import HybridMarket
from market.designs.full_p2p import solve_full_p2p
from market.designs.graphs import all_pairs
from market.designs.hybrid import Cell, units
from market.designs.nested import solve_design
from market.designs.problem import Agents, DesignError, Edges
from market.promises import check_clearing
from market.quick import clear

SEEDS = range(120)


def peers(*rows):
    """Peers from rows of a, b, low and high."""
    a, b, low, high = np.array(rows, dtype=float).T
    return Agents(a=a, b=b, c=np.zeros_like(a), low_wh=low, high_wh=high)


def random_peers(rng, n):
    kind = rng.integers(0, 3, n)
    return Agents(
        a=rng.uniform(5e-4, 5e-3, n) * (rng.random(n) < 0.8),
        b=np.rint(rng.uniform(0, 20, n)) if rng.random() < 0.5 else rng.uniform(0, 20, n),
        c=rng.uniform(0, 5, n),
        low_wh=np.where(kind == 0, 0, -np.rint(rng.uniform(100, 2_000, n))),
        high_wh=np.where(kind == 1, 0, np.rint(rng.uniform(100, 2_000, n))),
    )


def random_tree(rng, members, depth, *, alike):
    """A tree of cells and communities over these peers; costs alike make it pools in pools."""
    market = {}
    if rng.random() < 0.5:
        market = {
            "import_price": float(rng.integers(10, 20)),
            "export_price": float(rng.integers(2, 10)),
        }
    if depth == 0 or members.size < 3:
        weights = [float(rng.integers(0, 3)) if alike else rng.uniform(0, 3, members.size)] * 2
        cost = float(rng.choice([0, 0.5]))
        return Community(
            members=members,
            transaction=cost,
            gamma_import=weights[0],
            gamma_export=weights[1],
            **market,
        )
    cuts = np.sort(rng.choice(np.arange(1, members.size), 2, replace=False))
    groups = np.split(members, cuts)
    own = groups.pop(0) if rng.random() < 0.5 else members[:0]
    size = own.size + len(groups)
    table = np.triu(rng.uniform(0, 3, (size, size)), 1)
    return Cell(
        members=own,
        parts=tuple(random_tree(rng, group, depth - 1, alike=alike) for group in groups),
        between=float(rng.integers(0, 3)) if alike else table + table.T,
        outside=float(rng.choice([0, 1])),
        **market,
    )


def test_two_communities_trade_when_the_way_between_is_worth_it():
    # By hand: a Wh costs 5 in one, is worth 20 in the other, and 3 on the way and 1 of weight on
    # each side of it; 60 Wh go over. The buyers' pool then pays the last Wh's worth, 20.
    agents = peers((0, 5, 0, 60), (0, 20, -100, 0))
    parts = (
        Community(members=[0], gamma_export=1.0),
        Community(members=[1], gamma_import=1.0),
    )
    for solver in ("best", "piqp", "highs"):
        pytest.importorskip({"piqp": "piqp", "highs": "highspy"}.get(solver, "numpy"))
        outcome = solve_design(agents, Cell(parts=parts, between=3.0), solver=solver)
        assert outcome.across_wh[0] == pytest.approx(np.array([[0, 60], [0, 0]]), abs=1e-4)
        assert outcome.welfare_ueur == pytest.approx(60 * (20 - 5 - 3 - 2), rel=1e-6)
        assert outcome.worth == pytest.approx([15, 20], rel=1e-6)
    dear = solve_design(agents, Cell(parts=parts, between=14.0))
    assert dear.welfare_ueur == 0


def test_a_building_in_a_neighbourhood_in_a_cell():
    # By hand: the cell's own peer sells at 5 to a flat that pays 20: 2 in the cell, 1 into the
    # neighbourhood, 0.5 into the building, so 11.5 are gained of each of 40 Wh.
    agents = peers((0, 5, 0, 60), (0, 20, -40, 0), (0, 1, 0, 0))
    building = Community(members=[1], gamma_import=0.5)
    neighbourhood = Cell(members=[2], parts=(building,), between=4.0, outside=1.0)
    cell = Cell(members=[0], parts=(neighbourhood,), between=2.0)
    for solver in ("best", "highs"):
        pytest.importorskip("highspy" if solver == "highs" else "numpy")
        outcome = solve_design(agents, cell, solver=solver)
        assert outcome.welfare_ueur == pytest.approx(40 * 11.5, rel=1e-6)
        assert outcome.traded_wh[0, 1] == pytest.approx(40, abs=1e-4)


@pytest.mark.parametrize("seed", SEEDS)
def test_pools_in_pools_give_what_the_qp_gives(seed):
    rng = np.random.default_rng(seed)
    agents = random_peers(rng, int(rng.integers(3, 16)))
    tree = random_tree(rng, np.arange(len(agents)), int(rng.integers(0, 4)), alike=seed % 3 > 0)
    best = solve_design(agents, tree)
    solved = solve_design(agents, tree, solver="piqp" if pytest.importorskip("piqp") else "highs")
    assert best.converged
    assert solved.converged
    assert best.welfare_ueur == pytest.approx(solved.welfare_ueur, rel=1e-6, abs=1e-2)
    for outcome in (best, solved):
        near = 1e-5 * max(1.0, float(np.abs(outcome.injection_wh).max()))
        balance = outcome.injection_wh + outcome.inside_wh + outcome.import_wh - outcome.export_wh
        assert np.abs(balance).max() <= near
        sold = outcome.traded_wh.sum(axis=1) - outcome.traded_wh.sum(axis=0)
        assert sold[:-1] == pytest.approx(outcome.injection_wh, abs=near)


def test_many_random_trees_are_pools():
    # Otherwise the test above compares the QP with itself.
    trees = 0
    for seed in SEEDS:
        rng = np.random.default_rng(seed)
        n = int(rng.integers(3, 16))
        random_peers(rng, n)
        tree = random_tree(rng, np.arange(n), int(rng.integers(0, 4)), alike=seed % 3 > 0)
        trees += as_groups(tree, n) is not None
    assert trees > len(SEEDS) // 3


def test_three_costs_between_three_are_always_sums_of_two():
    # By hand: 0.75 + 1.25 = 2, 0.75 + 0.25 = 1, 1.25 + 0.25 = 1.5.
    table = np.array([[0, 2, 1], [2, 0, 1.5], [1, 1.5, 0]])
    assert halves(table) == pytest.approx([0.75, 1.25, 0.25])
    four = np.full((4, 4), 2.0)
    four[0, 1] = four[1, 0] = 3.0
    assert halves(four) is None


@pytest.mark.parametrize("seed", SEEDS)
def test_full_p2p_gains_at_least_what_the_hybrid_does_and_that_what_communities_do(seed):
    """Orderings on random markets of three communities and a grid that buys and sells.

    Stated tolerances, besides rounding: full P2P pays γ on trade with the grid, which a manager
    does not, so a community may win by γ times that energy, as may the hybrid; the hybrid loses at
    most its cost between communities on what full P2P exchanges between them.
    """
    rng = np.random.default_rng(seed)
    n, gamma, apart = 12, 0.001, 2.0
    agents = random_peers(rng, n)
    community = np.repeat([0, 1, 2], 4)
    prices = {"import_price": 16.0, "export_price": 4.0}
    most = float(np.abs([agents.low_wh, agents.high_wh]).sum())
    grid = peers((0, 16, 0, most), (0, 4, -most, 0))
    names = ("a", "b", "c", "low_wh", "high_wh")
    joined = Agents(**{k: np.append(getattr(agents, k), getattr(grid, k)) for k in names})
    full = solve_full_p2p(joined, Edges.uniform(*all_pairs(n + 2), gamma))
    parts = tuple(
        Community(members=np.flatnonzero(community == k), transaction=gamma / 2, **prices)
        for k in range(3)
    )
    hybrid = solve_design(agents, Cell(parts=parts, between=apart))
    alone = sum(
        solve_design(
            Agents(**{k: getattr(agents, k)[part.members] for k in names}),
            replace(part, members=np.arange(4)),
        ).welfare_ueur
        for part in parts
    )
    trade = np.zeros((n + 2, n + 2))
    first, second = all_pairs(n + 2)
    trade[first, second] = full.trade_wh
    between = np.abs(trade[:n, :n])[community[:, None] != community].sum()
    with_grid = np.abs(full.injection_wh[n:]).sum()
    rounding = 1e-6 * abs(full.welfare_ueur) + 1e-2
    traded = float(hybrid.market_import_wh.sum() + hybrid.market_export_wh.sum())
    assert hybrid.welfare_ueur >= alone - rounding
    assert full.welfare_ueur >= hybrid.welfare_ueur - gamma * traded - rounding
    assert hybrid.welfare_ueur >= full.welfare_ueur - apart * between - rounding
    assert with_grid <= traded + gamma * most + apart * most


def test_the_gap_to_full_p2p_closes_as_costs_between_vanish():
    rng = np.random.default_rng(5)
    agents = random_peers(rng, 12)
    full = solve_full_p2p(agents, Edges.uniform(*all_pairs(12), 0.0)).welfare_ueur
    parts = tuple(Community(members=np.arange(4 * k, 4 * k + 4)) for k in range(3))
    gaps = [
        full - solve_design(agents, Cell(parts=parts, between=cost)).welfare_ueur
        for cost in (4.0, 2.0, 1.0, 0.1, 0.0)
    ]
    assert gaps == sorted(gaps, reverse=True)
    assert gaps[0] > 1
    assert gaps[-1] == pytest.approx(0, abs=1e-6 * full)


def test_a_tree_that_does_not_fit_says_all_that_is_wrong():
    with pytest.raises(DesignError, match="neither members nor parts"):
        Cell()
    with pytest.raises(DesignError, match="below 0 or no finite number"):
        Cell(members=[0, 1], between=-1.0)
    with pytest.raises(DesignError, match=r"between has shape \(3, 3\)"):
        Cell(members=[0, 1], between=np.zeros((3, 3)))
    with pytest.raises(DesignError, match="outside is nan"):
        Cell(members=[0, 1], outside=float("nan"))
    agents = peers((0, 5, 0, 60), (0, 20, -40, 0))
    with pytest.raises(DesignError) as told:
        solve_design(agents, Cell(members=[0], parts=(Community(members=[0, 2]),)))
    assert len(told.value.faults) == 3  # 2 does not exist, 0 is in two, 1 in none


def test_units_walk_cells_before_their_parts():
    inner = Community(members=[0])
    middle = Cell(parts=(inner,))
    outer = Cell(members=[1], parts=(middle,))
    assert list(units(outer)) == [outer, middle, inner]


BOOK = Orders.of(
    [
        Order(1, "farm", "sell", 10, 100),
        Order(2, "anna", "buy", 30, 40),
        Order(3, "mill", "sell", 12, 100),
        Order(4, "bert", "buy", 25, 80),
    ],
    ["anna", "bert", "farm", "mill"],
)


def market(**more):
    return HybridMarket(
        HybridMarket.Options(
            communities=[
                {"name": "west", "members": ["farm", "anna"]},
                {"name": "east", "members": ["mill", "bert"]},
            ],
            **more,
        )
    )


def test_communities_trade_inside_where_the_way_between_is_dear():
    # By hand: with 3 between, farm's 60 Wh left over cost 13 in the east, where mill asks 12.
    dear, cheap = market(between_ticks=3).clear(BOOK), market().clear(BOOK)
    for clearing in (dear, cheap):
        check_clearing(BOOK, clearing)
    assert dear.filled_wh.tolist() == [40, 40, 80, 80]
    assert cheap.filled_wh.tolist() == [100, 40, 20, 80]
    one = market(between_ticks=3, pairs=[("west", "east", 1)]).clear(BOOK)
    check_clearing(BOOK, one)
    assert one.filled_wh.tolist() == [100, 40, 20, 80]
    assert one.surplus_ueur == 60  # the way's cost


def test_who_is_in_no_community_trades_for_itself():
    told = HybridMarket.Options(communities=[{"name": "west", "members": ["farm", "anna"]}])
    done = clear(BOOK, HybridMarket(told))
    assert done.gains.total_ueur == done.gains.best_ueur


def test_nested_communities_in_a_scenario():
    inner = {"name": "house", "members": ["farm", "anna"], "outside_ticks": 2}
    told = HybridMarket.Options(
        communities=[{"name": "west", "parts": [inner], "outside_ticks": 1}], between_ticks=2
    )
    clearing = HybridMarket(told).clear(BOOK)
    check_clearing(BOOK, clearing)
    # By hand: out of the house and the west and over to bert costs 5, so farm's Wh cost 15 there,
    # mill's 14.
    assert clearing.filled_wh.tolist() == [40, 40, 80, 80]
    assert clearing.surplus_ueur == 160  # the way from mill to bert


def test_communities_of_unknown_or_doubled_peers_are_refused():
    def refused(*parts, **more):
        told = HybridMarket.Options(communities=parts, **more)
        with pytest.raises(OrderError) as error:
            HybridMarket(told).clear(BOOK)
        return "\n".join(error.value.faults)

    west = {"name": "west", "members": ["farm", "carl"]}
    assert "no peer 'carl'" in refused(west)
    assert "'farm' is in 2" in refused({"name": "a", "members": ["farm", "farm"]})
    assert "pairs name 'south'" in refused(
        {"name": "west", "members": ["farm"]}, pairs=[("west", "south", 1)]
    )
    assert "'west' occurs 2 times" in refused(
        {"name": "west", "members": ["farm"]}, {"name": "west", "members": ["anna"]}
    )
