"""Blocks: flat volumes by hand, and what stands beside the rest, on one side and exactly."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from market.bidders.protocol import Outlook
from market.book import Clearing, Order, Orders
from market.designs.full_p2p_market import FullP2PMarket
from market.mechanisms.uniform_price import UniformPrice
from market.network.charges import uniform_charges
from market.products import (
    block_outlook,
    flat_wh,
    joined,
    on_their_side,
    remaining,
    stand,
)

PEERS = ("anna", "bert", "farm", "mill")
FREE = uniform_charges(len(PEERS), 3)


def test_a_block_is_what_a_peer_has_in_each_of_its_periods():
    # By hand: at least 40 over, at least 10 needed, a change of sides, nothing in one period.
    net = np.array([[90, 40, 60, 70], [-10, -30, -20, -15], [20, -5, 10, 10], [8, 0, 4, 4]])
    assert flat_wh(net).tolist() == [40, -10, 0, 0]


@given(rows=st.lists(st.lists(st.integers(-90, 90), min_size=4, max_size=4), max_size=6))
def test_no_block_is_more_than_any_of_its_periods_can_keep(rows):
    net = np.array(rows, dtype=np.int64).reshape(-1, 4)
    flat = flat_wh(net)
    assert (np.abs(flat)[:, None] <= np.abs(net)).all()
    traded = flat != 0
    assert (np.sign(net[traded]) == np.sign(flat[traded])[:, None]).all()


def test_who_stands_on_one_side_trades_no_block_on_the_other():
    # By hand: of 50 and 60, 30 and 10 stand, so 20 more; who sold 30 of 10 and 20 lacks some,
    # but may not buy; stores are left to the periods' own market.
    outlook = Outlook.plain(
        [50, 10, -40],
        ahead_wh=np.array([[60], [20], [-70]]),
        stored_wh=np.array([500, 500, 500]),
        feed_in_ticks=80,
        retail_ticks=350,
    )
    block = block_outlook(outlook, np.array([[30, 10], [30, 30], [-10, 0]]))
    assert block.net_wh.tolist() == [20, 0, -30]
    assert not block.stored_wh.any()
    assert block.ahead_wh.shape == (3, 0)
    assert remaining(outlook, np.array([30, 30, -10])).net_wh.tolist() == [20, -20, -30]


def book(*rows, period=4, first=10):
    orders = [
        Order(first + i, peer, side, price, energy, period)
        for i, (peer, side, price, energy) in enumerate(rows)
    ]
    return Orders.of(orders, PEERS, charges=FREE)


def test_what_stands_is_in_every_period_of_the_block_and_no_number_twice():
    # By hand: one price of 20 clears 50 of 80 Wh; the dear ask and the low bid trade nothing.
    orders = book(
        ("farm", "sell", 10, 80), ("anna", "buy", 30, 50), ("mill", "sell", 40, 9),
        ("bert", "buy", 5, 9),
    )  # fmt: skip
    clearing = UniformPrice().clear(orders)
    standing = stand("block", range(4, 8), orders, clearing, FREE)
    assert standing.position_wh.tolist() == [-50, 0, 50, 0]
    numbers = []
    for period in standing.periods:
        told, trades = standing.in_period(period)
        assert [(o.peer, o.side, o.energy_wh, o.period) for o in told] == [
            ("farm", "sell", 50, period),
            ("anna", "buy", 50, period),
        ]
        (trade,) = trades
        assert (trade.seller, trade.buyer, trade.energy_wh, trade.fee_ticks) == (
            "farm", "anna", 50, 3,
        )  # fmt: skip
        assert {trade.sell_order_id, trade.buy_order_id} == set(told.order_id.tolist())
        assert trade.price_ticks == clearing.price_ticks
        numbers += told.order_id.tolist()
    assert len(set(numbers)) == len(numbers)
    assert max(numbers) < 10 + 4 * len(orders)


def test_orders_against_what_stands_are_left_out():
    orders = book(
        ("farm", "sell", 10, 8), ("anna", "buy", 30, 5), ("mill", "buy", 40, 9),
        ("bert", "sell", 5, 9),
    )  # fmt: skip
    kept = on_their_side(orders, np.array([-5, -5, 7, 3]))
    assert [(o.peer, o.side) for o in kept] == [("farm", "sell"), ("anna", "buy")]
    assert len(on_their_side(orders, np.zeros(4, dtype=np.int64))) == 4


def test_a_period_is_one_book_of_what_stands_and_what_its_own_market_cleared():
    # By hand: the block's 50 Wh at 10 (the farm's ask is filled in part), then 20 at 24 to 25.
    block = book(("farm", "sell", 10, 80), ("anna", "buy", 30, 50), first=0)
    standing = stand("block", range(4, 6), block, UniformPrice().clear(block), FREE)
    spot = Orders.of(
        [
            Order(7, "farm", "sell", 24, 20, 5, attributes={"origin": "pv"}),
            Order(8, "bert", "buy", 26, 20, 5),
        ],
        PEERS,
        charges=FREE,
    )
    cleared = UniformPrice().clear(spot)
    orders, clearing = joined([standing], 5, spot, cleared)
    assert [(o.peer, o.energy_wh, o.period) for o in orders] == [
        ("farm", 50, 5),
        ("anna", 50, 5),
        ("farm", 20, 5),
        ("bert", 20, 5),
    ]
    assert clearing.filled_wh.tolist() == [50, 50, 20, 20]
    assert clearing.prices().tolist() == [10, 10, 25, 25]
    assert clearing.price_ticks is None
    assert orders[2].attributes["origin"] == "pv"
    assert orders[0].attributes["origin"] is None
    assert joined([], 5, spot, cleared) == (spot, cleared)


def test_a_block_that_nobody_traded_stands_for_nothing():
    orders = book(("farm", "sell", 30, 80), ("anna", "buy", 10, 50))
    standing = stand("block", range(4, 6), orders, UniformPrice().clear(orders), FREE)
    assert not standing.position_wh.any()
    assert standing.in_period(5)[1] == ()
    spot = book(("farm", "sell", 10, 80), ("anna", "buy", 30, 50), period=5, first=20)
    cleared: Clearing = UniformPrice().clear(spot)
    both, clearing = joined([standing], 5, spot, cleared)
    assert (len(both), clearing.price_ticks) == (2, cleared.price_ticks)


@st.composite
def books(draw):
    m = draw(st.integers(1, 10))

    def whole(low, high):
        return draw(st.lists(st.integers(low, high), min_size=m, max_size=m))

    return Orders(
        peers=PEERS,
        # Two who sell and two who buy: behind a meter stands one side.
        peer_index=(index := np.array(whole(0, 3))),
        is_buy=index < 2,
        price_ticks=whole(-5, 30),
        energy_wh=whole(1, 60),
        period=2,
        charges=FREE,
    )


@pytest.mark.parametrize("mechanism", [UniformPrice(), FullP2PMarket()])
@given(orders=books())
def test_trades_of_a_block_add_up_to_its_orders_in_energy_and_money(mechanism, orders):
    clearing = mechanism.clear(orders)
    standing = stand("block", range(2, 5), orders, clearing, FREE)
    told, trades = standing.in_period(4)
    net = dict.fromkeys(PEERS, 0)
    for trade in trades:
        net[trade.seller] += trade.energy_wh
        net[trade.buyer] -= trade.energy_wh
    assert list(net.values()) == standing.position_wh.tolist()
    assert told.energy_wh.sum() == clearing.filled_wh.sum()
    paid = sum(one.price_ticks * one.energy_wh for one in trades)
    money = clearing.order_money_ueur()[orders.is_buy].sum()
    fees = sum(one.fee_ticks * one.energy_wh for one in trades)
    assert paid + (fees if isinstance(mechanism, FullP2PMarket) else 0) == money
