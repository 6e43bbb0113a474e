"""The hierarchy: by hand, against one pool and a network of calls, and what each level accounts."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from market.book import Order, OrderError, Orders
from market.designs.hierarchy import Groups, balance_levels
from market.designs.hierarchy_market import Hierarchy, group_peers
from market.designs.problem import DesignError
from market.mechanisms.uniform_price import UniformPrice
from market.promises import ClearingError, check_clearing
from market.quick import clear

STREET = [
    Order(0, "west-farm", "sell", 10, 100),
    Order(1, "west-mill", "sell", 30, 60),
    Order(2, "west-anna", "buy", 20, 80),
    Order(3, "east-bert", "buy", 40, 70),
    Order(4, "east-cleo", "buy", 25, 50),
    Order(5, "town-hall", "buy", 15, 40),
]
TWO = {
    "levels": [
        {"name": "region", "members": ["town-*"], "parts": [
            {"name": "west", "members": ["west-*"]},
            {"name": "east", "members": ["east-bert", "east-cleo"]},
        ]}
    ]
}  # fmt: skip


def hierarchy(**options):
    return Hierarchy(Hierarchy.Options(**options))


def test_two_feeders_balance_before_the_region_by_hand():
    # West: 80 of the farm's 100 Wh go to Anna, between 10 (the farm, marginal, filled in part) and
    # the lower of 20 and 10, so at 10. East has no offer. In the region 20 Wh of the farm at 10 and
    # 60 Wh of the mill at 30 meet Bert's 70 at 40, Cleo's 50 at 25 and the hall's 40 at 15: the
    # farm's 20 and the mill's 50 go to Bert, at 30, since the mill is filled in part.
    orders = Orders.of(STREET)
    done = hierarchy(**TWO).balance(orders)
    told = {level.group: level for level in done.levels}
    assert told["west"][2:] == (160, 80, 80, 10)
    assert (told["west"].surplus_up_wh, told["west"].shortage_up_wh) == (80, 0)
    assert told["east"][2:] == (0, 120, 0, None)
    assert told["region"][2:] == (80, 160, 70, 30)
    assert (told["region"].surplus_up_wh, told["region"].shortage_up_wh) == (10, 90)
    assert told["market"][2:] == (10, 90, 0, None)
    assert [level.depth for level in done.levels] == [2, 2, 1, 0]
    clearing = hierarchy(**TWO).clear(orders)
    check_clearing(orders, clearing)
    named = [
        (orders[int(s)].peer, orders[int(b)].peer, int(e), int(p))
        for s, b, e, p in zip(
            clearing.trades.sell_row,
            clearing.trades.buy_row,
            clearing.trades.energy_wh,
            clearing.trades.price_ticks,
            strict=True,
        )
    ]
    assert named == [
        ("west-farm", "west-anna", 80, 10),
        ("west-farm", "east-bert", 20, 30),
        ("west-mill", "east-bert", 50, 30),
    ]


def test_what_stays_inside_costs_welfare_by_hand():
    # One pool of the street sells the farm's 100 Wh and the mill's 20 to Bert's 70 and 50 of Cleo
    # at 25? The mill asks 30, so the farm serves Bert's 70 and Cleo's 30: 70·30 + 30·15 = 2 550.
    # By feeders: 80·10 to Anna, then 20·30 + 50·10 to Bert: 1 900.
    orders = Orders.of(STREET)
    assert clear(orders, UniformPrice()).gains.total_ueur == 2_550
    assert clear(orders, hierarchy(**TWO)).gains.total_ueur == 1_900


@st.composite
def markets(draw):
    """A book with peers on both sides, and a tree of groups over its peers."""
    n = draw(st.integers(1, 8))
    m = draw(st.integers(0, 14))

    def ints(low, high):
        return draw(st.lists(st.integers(low, high), min_size=m, max_size=m))

    orders = Orders(
        peers=[f"peer {i}" for i in range(n)],
        peer_index=ints(0, n - 1),
        is_buy=np.array(draw(st.lists(st.booleans(), min_size=m, max_size=m)), dtype=bool),
        price_ticks=ints(-5, 20),
        energy_wh=ints(1, 50),
        arrival=ints(0, 3),
    )
    g = draw(st.integers(1, 6))
    parent = [-1] + [draw(st.integers(0, i - 1)) for i in range(1, g)]
    group = draw(st.lists(st.integers(0, g - 1), min_size=n, max_size=n))
    return orders, Groups(names=tuple(map(str, range(g))), parent=parent, group=group)


def chain(groups, one):
    """A group and all around it, innermost first."""
    while one >= 0:
        yield one
        one = int(groups.parent[one])


@given(market=markets())
def test_a_trade_is_of_the_innermost_group_that_has_both_and_at_its_price(market):
    orders, groups = market
    done = balance_levels(orders, groups, auction=UniformPrice())
    told = {level.group: level for level in done.levels}
    balanced = dict.fromkeys(told, 0)
    seller = groups.group[orders.peer_index[done.trades.sell_row]]
    buyer = groups.group[orders.peer_index[done.trades.buy_row]]
    for one, other, wh, price in zip(
        seller, buyer, done.trades.energy_wh, done.trades.price_ticks, strict=True
    ):
        around = set(chain(groups, int(one)))
        meet = next(str(group) for group in chain(groups, int(other)) if group in around)
        balanced[meet] += int(wh)
        assert told[meet].price_ticks == price
    assert balanced == {name: level.balanced_wh for name, level in told.items()}


@given(market=markets())
def test_what_comes_to_a_group_is_its_own_and_what_its_parts_pass_up(market):
    orders, groups = market
    done = balance_levels(orders, groups, auction=UniformPrice())
    own = net_of_own_use(orders)
    told = {int(level.group): level for level in done.levels}
    for number, level in told.items():
        mine = groups.group[orders.peer_index] == number
        parts = [told[i] for i in np.flatnonzero(groups.parent == number).tolist()]
        offered = int(own[mine & ~orders.is_buy].sum()) + sum(p.surplus_up_wh for p in parts)
        wanted = int(own[mine & orders.is_buy].sum()) + sum(p.shortage_up_wh for p in parts)
        assert (level.offered_wh, level.wanted_wh) == (offered, wanted)


def net_of_own_use(orders):
    """Energy of each order less what it would trade with its own peer: each peer a market."""
    own = orders.energy_wh.copy()
    for peer in range(len(orders.peers)):
        rows = np.flatnonzero(orders.peer_index == peer)
        own[rows] -= UniformPrice().clear(orders.take(rows)).filled_wh
    return own


@given(market=markets())
def test_in_one_auction_a_group_is_on_one_side_and_nobody_trades_with_itself(market):
    orders, groups = market
    trades = balance_levels(orders, groups, auction=UniformPrice()).trades
    assert (orders.peer_index[trades.sell_row] != orders.peer_index[trades.buy_row]).all()
    sides: dict[tuple[int, int], set[str]] = {}
    for sell, buy in zip(trades.sell_row, trades.buy_row, strict=True):
        around = {side: list(chain(groups, int(groups.group[orders.peer_index[row]])))
                  for side, row in (("sell", sell), ("buy", buy))}  # fmt: skip
        where = next(group for group in around["sell"] if group in around["buy"])
        for side, path in around.items():
            for inside in path[: path.index(where)]:
                sides.setdefault((where, inside), set()).add(side)
    assert all(len(taken) == 1 for taken in sides.values())


@given(market=markets())
def test_it_never_gains_more_than_one_pool_and_as_much_without_groups(market):
    orders, groups = market
    orders = orders.take(np.unique(orders.peer_index, return_index=True)[1])  # one order a peer
    trades = balance_levels(orders, groups, auction=UniformPrice()).trades
    limit = orders.price_ticks
    gained = int((limit[trades.buy_row] - limit[trades.sell_row]) @ trades.energy_wh)
    best = clear(orders, UniformPrice()).gains.total_ueur
    assert gained <= best
    assert clear(orders, Hierarchy()).gains.total_ueur == best
    flat, pool = Hierarchy().clear(orders), UniformPrice().clear(orders)
    assert flat.filled_wh.tolist() == pool.filled_wh.tolist()
    assert flat.price_ticks == pool.price_ticks


@given(market=markets())
def test_groups_without_a_better_partner_outside_lose_nothing(market):
    # Everybody sells at one limit and buys at another: which partner is open, so no level binds,
    # unless a peer's own use takes the place of a trade.
    orders, groups = market
    orders = orders.take(np.unique(orders.peer_index, return_index=True)[1])
    orders = orders.at_limits(np.where(orders.is_buy, 20, 10).astype(np.int64))
    trades = balance_levels(orders, groups, auction=UniformPrice()).trades
    assert trades.energy_wh.sum() == UniformPrice().clear(orders).volume_wh(orders)


@given(market=markets(), k=st.sampled_from([0, 0.25, 1]))
def test_money_and_energy_are_exact(market, k):
    orders, _ = market
    levels = [{"name": "even", "members": [f"peer {i}" for i in range(0, len(orders.peers), 2)]}]
    clearing = hierarchy(levels=levels, k=k).clear(orders)
    check_clearing(orders, clearing)
    assert clearing.surplus_ueur == 0


def test_a_clearing_whose_levels_do_not_add_up_is_refused():
    orders = Orders.of(STREET)
    clearing = hierarchy(**TWO).clear(orders)
    with pytest.raises(ClearingError, match="levels balance 70 Wh together but buyers get 150 Wh"):
        check_clearing(orders, replace(clearing, levels=clearing.levels[2:]))


def test_who_is_in_no_group_stands_beside_the_outermost():
    # By hand: the west and the mill's zone balance first; Dora, in none, meets the rest.
    orders = Orders.of(
        [
            Order(0, "anna", "buy", 20, 10, attributes={"zone": "north"}),
            Order(1, "bert", "sell", 10, 30, attributes={"zone": "north"}),
            Order(2, "dora", "buy", 30, 15),
        ]
    )
    levels = [{"name": "feeder", "zones": ["north"]}]
    done = hierarchy(levels=levels).balance(orders)
    assert [(level.group, level.balanced_wh) for level in done.levels] == [
        ("feeder", 10),
        ("market", 15),
    ]


def test_every_wrong_group_is_named_with_its_remedy():
    orders = Orders.of(STREET)
    with pytest.raises(OrderError) as told:
        hierarchy(
            levels=[
                {"name": "west", "members": ["west-*", "north-*"]},
                {"name": "west", "members": ["west-anna"]},
                {"name": "market", "members": ["town-hall"]},
                {"name": "nobody"},
            ]
        ).clear(orders)
    assert list(told.value.faults) == [
        "group 'market' occurs 2 times; name every group differently, and none 'market'",
        "group 'west' occurs 2 times; name every group differently",
        "group 'nobody' has neither members, zones nor parts; give it some or leave it out",
        "group 'west': no peer 'north-*' among 6 peers to be a member",
        "peer 'west-anna' is in 'west' and 'west'; every peer belongs to one group",
    ]
    with pytest.raises(OrderError, match="one book"):
        hierarchy().clear(Orders.of([Order(0, "a", "buy", 1, 1), Order(1, "b", "sell", 1, 1, 1)]))


def test_groups_that_are_no_tree_are_refused():
    with pytest.raises(DesignError) as told:
        Groups(names=("all", "west"), parent=[-1, 1], group=[0, 2])
    assert list(told.value.faults) == [
        "group 'west' is in group 1; expected one before it, and −1 of the first",
        "peer 1 is in group 2; expected 0 to 1",
    ]
    with pytest.raises(DesignError, match="0 names"):
        Groups(names=(), parent=[], group=[])
    with pytest.raises(DesignError, match="1 peers but the book has 6"):
        balance_levels(
            Orders.of(STREET),
            Groups(names=("all",), parent=[-1], group=[0]),
            auction=UniformPrice(),
        )


def test_a_book_of_nothing_trades_nothing():
    orders = Orders(peers=["a"], peer_index=[], is_buy=[], price_ticks=[], energy_wh=[])
    assert hierarchy().clear(orders).price_ticks is None
    assert group_peers(orders, ()).names == ("market",)
