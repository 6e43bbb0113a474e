"""The continuous double auction as a scenario's mechanism, by hand."""

import numpy as np
import pytest

from market.book import MECHANISMS, ClearedTrades, Clearing, Mechanism, Order, OrderError, Orders
from market.mechanisms.continuous import ContinuousAuction
from market.mechanisms.uniform_price import UniformPrice
from market.network.pairing import pair_trades
from market.promises import ClearingError, check_clearing

#: Cleo's 150 Wh meet anna's offer at 10 and half of bert's at 20.
TWO_PRICES = [
    Order(1, "anna", "sell", 10, 100, arrival=1),
    Order(2, "bert", "sell", 20, 100, arrival=2),
    Order(3, "cleo", "buy", 31, 150, arrival=3),
]


def test_an_order_may_trade_at_several_prices_and_its_money_is_exact():
    # By hand: 100 Wh at 10 and 50 Wh at 20 are 2 000 µ€, in the mean 13.3 ticks.
    orders = Orders.of(TWO_PRICES)
    clearing = ContinuousAuction().clear(orders)
    check_clearing(orders, clearing)
    assert clearing.price_ticks is None
    assert clearing.filled_wh.tolist() == [100, 50, 150]
    assert clearing.order_money_ueur().tolist() == [1_000, 1_000, 2_000]
    assert clearing.order_price_ticks.tolist() == [10, 20, 13]
    assert clearing.surplus_ueur == 0


def test_trades_keep_their_partners_and_prices_and_get_the_fee_of_their_path():
    orders = Orders.of(TWO_PRICES)
    fees = np.arange(9, dtype=np.int64).reshape(3, 3)
    trades = pair_trades(ContinuousAuction().clear(orders), orders, fees)
    told = [
        (t.seller, t.buyer, t.energy_wh, t.price_ticks, t.fee_ticks, t.sell_order_id)
        for t in trades
    ]
    # By hand: the fee from anna (0) to cleo (2) is 2, from bert (1) it is 5.
    assert told == [("anna", "cleo", 100, 10, 2, 1), ("bert", "cleo", 50, 20, 5, 2)]
    assert all(t.buy_order_id == 3 and t.receipt_ticks is None for t in trades)


def test_arrival_decides_where_the_call_auction_would_not_look():
    # By hand: 40 meets 10 only because it came before 50; the call auction would serve 50.
    orders = Orders.of(
        [
            Order(1, "a", "sell", 10, 5, arrival=1),
            Order(2, "b", "buy", 40, 5, arrival=2),
            Order(3, "c", "buy", 50, 5, arrival=3),
        ]
    )
    clearing = ContinuousAuction().clear(orders)
    assert clearing.filled_wh.tolist() == [5, 5, 0]
    assert clearing.price_ticks == 10
    assert UniformPrice().clear(orders).filled_wh.tolist() == [5, 0, 5]


def test_orders_of_one_arrival_come_by_their_numbers():
    # By hand: number 1 rests at 40, so that number 2 gets 40 for what it would give at 10.
    orders = Orders.of([Order(2, "a", "sell", 10, 5), Order(1, "b", "buy", 40, 5)])
    assert ContinuousAuction().clear(orders).price_ticks == 40


def test_expired_and_immediate_orders_do_not_rest():
    orders = Orders.of(
        [
            Order(1, "a", "sell", 10, 5, arrival=1, attributes={"expiry": 3}),
            Order(2, "b", "sell", 20, 5, arrival=2, attributes={"immediate": True}),
            Order(3, "c", "sell", 30, 5, arrival=2),
            Order(4, "d", "buy", 40, 9, arrival=3),
        ]
    )
    assert ContinuousAuction().clear(orders).filled_wh.tolist() == [0, 0, 5, 5]


@pytest.mark.parametrize("orders", [[], TWO_PRICES[:2]])
def test_nothing_crosses_and_there_is_no_price(orders):
    clearing = ContinuousAuction().clear(Orders.of(orders))
    assert clearing.price_ticks is None
    assert clearing.trades is None
    assert not clearing.filled_wh.any()


@pytest.mark.parametrize("expiry", [1, 0, 2.5, "soon", 2**70])
def test_an_expiry_that_is_no_time_after_the_arrival_is_named(expiry):
    order = Order(7, "a", "sell", 10, 5, arrival=1, attributes={"expiry": expiry})
    with pytest.raises(OrderError, match=r"order 7: expiry is .*, expected a whole number after"):
        ContinuousAuction().clear(Orders.of([order]))


def test_what_is_neither_immediate_nor_not_is_named():
    order = Order(7, "a", "sell", 10, 5, attributes={"immediate": "yes"})
    with pytest.raises(OrderError, match=r"order 7: immediate is 'yes', expected true or false"):
        ContinuousAuction().clear(Orders.of([order]))


def test_orders_for_two_periods_are_refused():
    with pytest.raises(OrderError, match="orders for periods 0, 1 in one book"):
        ContinuousAuction().clear(
            Orders.of([Order(1, "a", "sell", 1, 1), Order(2, "b", "buy", 1, 1, period=1)])
        )


def test_it_is_a_mechanism_that_scenarios_know_by_name():
    assert isinstance(ContinuousAuction(), Mechanism)
    assert MECHANISMS["continuous"] == "market.mechanisms.continuous:ContinuousAuction"


def cleared(sell, buy, energy, price, filled):
    columns = (np.array(column, dtype=np.int64) for column in (sell, buy, energy, price))
    trades = ClearedTrades(*columns)
    return Clearing(None, np.array(filled), trades.mean_price_ticks(3), trades=trades)


@pytest.mark.parametrize(
    ("broken", "told"),
    [
        (cleared([2], [0], [5], [15], [5, 0, 5]), "not sellers' and buyers' of the book"),
        (cleared([0], [2], [5], [9], [5, 0, 5]), "order 1 .* at 9 ticks .* expected .* 10 to 31"),
        (cleared([0], [2], [5], [32], [5, 0, 5]), "at 32 ticks"),
        (cleared([0], [2], [0], [12], [0, 0, 0]), "sells 0 Wh"),
        (cleared([0], [2], [5], [12], [6, 0, 6]), "filled 6 Wh but its trades add up to 5 Wh"),
    ],
)
def test_a_mechanism_whose_own_trades_are_wrong_is_told_so(broken, told):
    with pytest.raises(ClearingError, match=told):
        check_clearing(Orders.of(TWO_PRICES), broken)
