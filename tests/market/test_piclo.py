"""Piclo: the worked example, ranks and locality, and stability against all pairs of a book."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from market.book import Order, Orders
from market.mechanisms.piclo import Piclo
from market.mechanisms.uniform_price import UniformPrice
from market.network.charges import zonal_charges
from market.preferences import allowed, premium_ticks, rank
from market.promises import check_clearing

WISHES = [
    (),
    (("local", 0),),
    (("pv", 2), ("local", 0)),
    (("gen1", 3),),
    (("green", 0), ("gen0", 9)),
]


def book(*rows, charges=None):
    """Rows of (peer, side, price, energy, attributes), in order of arrival."""
    return Orders.of(
        (
            Order(i, peer, side, price, energy, arrival=i, attributes=said)
            for i, (peer, side, price, energy, said) in enumerate(rows)
        ),
        charges=charges,
    )


def told(orders, clearing):
    trades = clearing.trades
    name = [orders.peers[i] for i in orders.peer_index]
    return [
        (name[s], name[b], int(energy), int(price))
        for s, b, energy, price in zip(
            trades.sell_row, trades.buy_row, trades.energy_wh, trades.price_ticks, strict=True
        )
    ]


def example():
    return book(
        ("wind", "sell", 200, 300, {"origin": "wind"}),
        ("roof", "sell", 250, 200, {"origin": "pv", "zone": "street"}),
        ("anna", "buy", 300, 250, {"zone": "street", "prefers": (("local", 0),)}),
        ("bert", "buy", 300, 300, {"prefers": (("wind", 0),)}),
    )


def test_the_worked_example():
    # By hand, in the docstring.
    orders = example()
    clearing = Piclo().clear(orders)
    check_clearing(orders, clearing)
    assert told(orders, clearing) == [
        ("roof", "anna", 200, 250),
        ("wind", "anna", 50, 200),
        ("wind", "bert", 250, 200),
    ]


def test_every_generator_gets_its_posted_price_which_one_price_for_all_cannot_give():
    orders = example()
    for mechanism, keeps in ((Piclo(), True), (UniformPrice(), False)):
        clearing = mechanism.clear(orders)
        sold = (clearing.filled_wh > 0) & ~orders.is_buy
        assert sold.sum() == 2
        assert bool((clearing.prices()[sold] == orders.price_ticks[sold]).all()) is keeps


@pytest.mark.parametrize(
    ("near", "fee", "taken"),
    [("street", (0, 0), "dear"), (None, (0, 0), "cheap"), (None, (1, 30), "dear")],
    ids=["its own zone first", "the cheaper", "the shorter path first"],
)
def test_among_equal_ranks_the_near_come_first_then_the_cheap(near, fee, taken):
    # By hand: buyer and the dear seller share a place; the premium does not matter here.
    charges = zonal_charges(["a", "b", "a"], *fee)
    orders = book(
        ("buyer", "buy", 300, 100, {"zone": "street"}),
        ("cheap", "sell", 100, 100, {}),
        ("dear", "sell", 200, 100, {"zone": near}),
        charges=charges,
    )
    assert [seller for seller, *_ in told(orders, Piclo().clear(orders))] == [taken]


def test_a_premium_lets_a_buyer_pay_beyond_its_limit_for_what_it_named_only():
    # By hand: limit 100, 20 more for wind: wind at 120 is taken, coal at 101 is not.
    orders = book(
        ("buyer", "buy", 100, 100, {"prefers": (("wind", 20),)}),
        ("mill", "sell", 120, 60, {"origin": "wind"}),
        ("plant", "sell", 101, 60, {"origin": "coal"}),
    )
    assert told(orders, Piclo().clear(orders)) == [("mill", "buyer", 60, 120)]


def test_a_buyer_pays_its_limit_at_most_fee_included():
    charges = zonal_charges(["a", "b"], 0, 11)
    rows = ("buyer", "buy", 110, 5, {}), ("plant", "sell", 100, 5, {})
    assert not Piclo().clear(book(*rows, charges=charges)).filled_wh.any()
    assert Piclo().clear(book(*rows)).filled_wh.all()


def test_who_comes_first_chooses_first_and_a_lottery_draws_it_anew_every_period():
    def first_served(period, seed):
        rows = [Order(0, "gen", "sell", 1, 5, period)]
        rows += [Order(1 + i, f"home{i}", "buy", 2, 5, period, arrival=i) for i in range(4)]
        orders = Orders.of(rows)
        clearing = Piclo(Piclo.Options(seed=seed)).clear(orders)
        return int(np.flatnonzero(clearing.filled_wh[1:])[0])

    assert {first_served(period, None) for period in range(20)} == {0}
    drawn = [first_served(period, 3) for period in range(200)]
    # A fair lottery gives each of four 50 of 200; 25 is four standard deviations off.
    assert np.bincount(drawn, minlength=4).min() > 25
    assert drawn == [first_served(period, 3) for period in range(200)]


@st.composite
def village(draw):
    """Generators of few kinds and buyers with few lists of wishes, so that there are many ties."""
    rows = []
    for i in range(draw(st.integers(1, 5))):
        said = {"origin": draw(st.sampled_from(["pv", "chp"])), "zone": draw(st.sampled_from("ew"))}
        price, energy = draw(st.integers(-3, 3)), draw(st.integers(1, 5))
        rows.append((f"gen{i % 3}", "sell", price, energy, said))
    for i in range(draw(st.integers(1, 5))):
        said = {
            "prefers": draw(st.sampled_from(WISHES)),
            "zone": draw(st.sampled_from(["e", "w", None])),
            "only_preferred": draw(st.booleans()),
        }
        price, energy = draw(st.integers(-3, 5)), draw(st.integers(1, 5))
        rows.append((draw(st.sampled_from([f"home{i}", "gen1"])), "buy", price, energy, said))
    peers = {row[0] for row in rows}
    zones = draw(st.lists(st.sampled_from("xy"), min_size=len(peers), max_size=len(peers)))
    charges = draw(st.none() | st.just(zonal_charges(zones, 0, 1)))
    return book(*draw(st.permutations(rows)), charges=charges)


def liking(orders, sell, buy):
    """How a buyer likes an offer, less is better, and its cost; without the kernel."""
    zone = orders.attributes["zone"]
    seller, buyer = orders.peer_index[sell], orders.peer_index[buy]
    fee = 0 if orders.charges is None else int(orders.charges.between(seller, buyer))
    cost = int(orders.price_ticks[sell]) + fee
    far = zone[buy] is None or zone[sell] != zone[buy]
    place = int(np.flatnonzero(orders.turn == sell)[0])
    return (int(rank(orders, sell, buy)), far, fee, cost, place), cost


@given(orders=village())
def test_no_buyer_and_generator_would_both_rather_have_each_other(orders):
    # Stability by its definition, for all pairs. Generators would rather serve earlier buyers.
    clearing = Piclo().clear(orders)
    flow = np.zeros((len(orders), len(orders)), dtype=np.int64)
    trades = clearing.trades
    if trades is not None:
        np.add.at(flow, (trades.sell_row, trades.buy_row), trades.energy_wh)
    for buy in np.flatnonzero(orders.is_buy):
        for sell in np.flatnonzero(~orders.is_buy):
            like, cost = liking(orders, sell, buy)
            limit = orders.price_ticks[buy] + premium_ticks(orders, sell, buy)
            if not allowed(orders, sell, buy) or cost > limit:
                assert flow[sell, buy] == 0
                continue
            short = clearing.filled_wh[buy] < orders.energy_wh[buy]
            worse = any(
                liking(orders, other, buy)[0] > like for other in np.flatnonzero(flow[:, buy])
            )
            unsold = clearing.filled_wh[sell] < orders.energy_wh[sell]
            later = np.flatnonzero(flow[sell]) > buy  # rows stand in order of arrival
            assert not ((short or worse) and (unsold or later.any()))


@given(orders=village(), data=st.data())
def test_ranking_untruthfully_gains_nothing(orders, data):
    # What a buyer gets first, by its true ranks, is never better under other ranks.
    buy = int(data.draw(st.sampled_from(np.flatnonzero(orders.is_buy).tolist())))
    truth = orders.attributes["prefers"][buy]
    prefers = orders.attributes["prefers"].copy()
    # The same names and premiums in another order: what it may have stays the same.
    prefers[buy] = tuple(data.draw(st.permutations(truth)))
    rows = [
        Order(
            o.order_id,
            o.peer,
            o.side,
            o.price_ticks,
            o.energy_wh,
            0,
            o.arrival,
            {**o.attributes, "prefers": prefers[i]},
        )
        for i, o in enumerate(orders)
    ]
    lied = Orders.of(rows, orders.peers, charges=orders.charges)

    def got(clearing):
        """Wh for each place in the buyer's true liking, the best first."""
        trades = clearing.trades
        if trades is None:
            return []
        mine = trades.buy_row == buy
        parts = zip(trades.sell_row[mine].tolist(), trades.energy_wh[mine].tolist(), strict=True)
        return sorted((liking(orders, sell, buy)[0], -energy) for sell, energy in parts)

    honest, other = got(Piclo().clear(orders)), got(Piclo().clear(lied))
    assert sum(e for _, e in honest) <= sum(e for _, e in other)
    # At every depth of its liking the honest buyer has at least as much.
    for like in {one for one, _ in honest + other}:
        assert sum(e for one, e in honest if one <= like) <= sum(
            e for one, e in other if one <= like
        )
