"""The continuous order book, by hand."""

import numpy as np
import pytest

from market.book import Order, OrderError, Orders
from market.mechanisms.order_book import OrderBook, State
from market.mechanisms.order_events import FOREVER, Events, Kind

PEERS = ["anna", "bert", "cleo", "dora"]
ANNA, BERT, CLEO, DORA = range(4)


def buy(number, peer, price, energy, *, time=0, kind=Kind.LIMIT, expiry=FOREVER):
    return Events(
        kind=kind,
        order_id=number,
        peer=peer,
        is_buy=True,
        price_ticks=price,
        energy_wh=energy,
        time=time,
        expiry=expiry,
    )


def sell(number, peer, price, energy, *, time=0, kind=Kind.LIMIT, expiry=FOREVER):
    return Events(
        kind=kind,
        order_id=number,
        peer=peer,
        price_ticks=price,
        energy_wh=energy,
        time=time,
        expiry=expiry,
    )


def cancel(number, peer, *, time=0):
    return Events(kind=Kind.CANCEL, order_id=number, peer=peer, time=time)


def book_of(*events, **options):
    book = OrderBook(PEERS, **options)
    book.apply(Events.joined(events))
    return book


def told(trades):
    """Seller's and buyer's number, energy and price of each trade."""
    columns = (trades.sell_order_id, trades.buy_order_id, trades.energy_wh, trades.price_ticks)
    return list(zip(*(column.tolist() for column in columns), strict=True))


def test_the_best_price_goes_first_and_then_the_earliest_each_at_its_own_price():
    # By hand: 250 Wh wanted up to 30; 20 before 25, among the two at 25 number 4 was there first.
    book = book_of(sell(4, ANNA, 25, 100), sell(2, BERT, 25, 100), sell(3, CLEO, 20, 100))
    trades = book.apply(buy(9, DORA, 30, 250, time=7))
    assert told(trades) == [(3, 9, 100, 20), (4, 9, 100, 25), (2, 9, 50, 25)]
    assert trades.buyer_came.all()
    assert trades.time.tolist() == [7, 7, 7]
    assert [PEERS[i] for i in trades.seller] == ["cleo", "anna", "bert"]
    assert [PEERS[i] for i in trades.buyer] == ["dora"] * 3


def test_the_rest_of_a_limit_order_stands_in_the_book():
    book = book_of(sell(1, ANNA, 10, 100), buy(2, BERT, 15, 250), buy(3, CLEO, 15, 40))
    bids, asks = book.depth()
    assert (bids.price_ticks.tolist(), bids.energy_wh.tolist()) == ([15], [190])
    assert bids.orders.tolist() == [2]
    assert asks.price_ticks.size == 0
    assert told(book.apply(sell(4, DORA, 0, 160))) == [(4, 2, 150, 15), (4, 3, 10, 15)]


def test_depth_gives_as_many_prices_as_asked_the_best_first():
    book = book_of(*(buy(i, ANNA, i, 10) for i in range(1, 6)), sell(9, BERT, 50, 3))
    bids, asks = book.depth(levels=2)
    assert bids.price_ticks.tolist() == [5, 4]
    assert asks.price_ticks.tolist() == [50]


def test_market_orders_take_any_price_and_drop_the_rest():
    book = book_of(sell(1, ANNA, -5, 10), sell(2, BERT, 4_000, 10))
    trades = book.apply(buy(3, CLEO, 0, 30, kind=Kind.MARKET))
    assert told(trades) == [(1, 3, 10, -5), (2, 3, 10, 4_000)]
    assert book.order(3).state is State.DROPPED
    assert book.order(3).filled_wh == 20
    assert told(book.apply(sell(4, DORA, -9_000, 10))) == []


def test_immediate_orders_keep_to_their_limit_and_drop_the_rest():
    book = book_of(sell(1, ANNA, 10, 10), sell(2, BERT, 20, 10))
    trades = book.apply(buy(3, CLEO, 15, 30, kind=Kind.IMMEDIATE))
    assert told(trades) == [(1, 3, 10, 10)]
    assert book.depth().bids.price_ticks.size == 0


def test_a_cancelled_order_trades_no_more():
    book = book_of(sell(1, ANNA, 10, 100), buy(2, BERT, 10, 30))
    book.cancel([1], time=1)
    assert book.order(1).state is State.CANCELLED
    assert book.order(1).filled_wh == 30
    assert told(book.apply(buy(3, CLEO, 10, 10, time=1))) == []


def test_a_cancel_that_comes_too_late_does_nothing():
    book = book_of(sell(1, ANNA, 10, 30), buy(2, BERT, 10, 30), cancel(1, ANNA))
    assert book.order(1).state is State.FILLED


def test_a_smaller_amended_order_keeps_its_place():
    # By hand: number 1 stays before number 2 with the 40 Wh that it is now.
    book = book_of(sell(1, ANNA, 10, 100), sell(2, BERT, 10, 100))
    book.amend(1, time=1, energy_wh=40)
    assert told(book.apply(buy(3, CLEO, 10, 60, time=2))) == [(1, 3, 40, 10), (2, 3, 20, 10)]


@pytest.mark.parametrize("change", [{"energy_wh": 101}, {"price_ticks": 9}])
def test_a_larger_or_repriced_order_goes_behind_its_equals(change):
    book = book_of(sell(1, ANNA, 10, 100), sell(2, BERT, 10, 100), sell(4, DORA, 9, 1))
    book.amend(1, time=1, **change)
    if "price_ticks" in change:
        assert told(book.apply(buy(3, CLEO, 10, 2, time=2))) == [(4, 3, 1, 9), (1, 3, 1, 9)]
    else:
        assert told(book.apply(buy(3, CLEO, 10, 2, time=2))) == [(4, 3, 1, 9), (2, 3, 1, 10)]


def test_an_order_amended_to_cross_trades_at_once_at_the_other_sides_price():
    book = book_of(sell(1, ANNA, 10, 100), buy(2, BERT, 5, 60))
    trades = book.amend(2, time=3, price_ticks=12)
    assert told(trades) == [(1, 2, 60, 10)]
    assert trades.buyer_came.all()


def test_an_amended_size_counts_what_has_traded():
    # By hand: 30 of 100 Wh are sold; 50 in all leaves 20, and 20 in all leaves nothing.
    book = book_of(sell(1, ANNA, 10, 100), buy(2, BERT, 10, 30))
    book.amend(1, time=1, energy_wh=50)
    assert book.depth().asks.energy_wh.tolist() == [20]
    book.amend(1, time=2, energy_wh=20)
    assert (book.order(1).state, book.order(1).filled_wh) == (State.FILLED, 30)
    assert told(book.apply(buy(3, CLEO, 10, 10, time=2))) == []


def test_an_order_trades_before_its_expiry_and_not_at_it():
    early = book_of(sell(1, ANNA, 10, 5, expiry=8), buy(2, BERT, 10, 5, time=7))
    late = book_of(sell(1, ANNA, 10, 5, expiry=8), buy(2, BERT, 10, 5, time=8))
    assert (early.n_trades, late.n_trades) == (1, 0)
    assert late.order(1).state is State.EXPIRED


def test_the_gate_ends_every_order_and_refuses_what_comes_later():
    book = book_of(sell(1, ANNA, 10, 5), gate=100)
    assert book.depth(now=99).asks.energy_wh.tolist() == [5]
    assert book.depth(now=100).asks.energy_wh.size == 0
    assert book.order(1, now=100).state is State.EXPIRED
    with pytest.raises(OrderError, match=r"order 2: time 100 is not before the gate at 100; send"):
        book.apply(buy(2, BERT, 10, 5, time=100))


def test_an_owners_resting_order_makes_way_and_the_next_trades():
    # By hand: anna buys; her own offer at 10 is taken out, bert's at 11 trades.
    book = book_of(sell(1, ANNA, 10, 100), sell(2, BERT, 11, 100), sell(3, ANNA, 12, 100))
    assert told(book.apply(buy(4, ANNA, 11, 50))) == [(2, 4, 50, 11)]
    assert book.order(1).state is State.SELF_TRADE
    assert book.order(3).state is State.OPEN


def test_trades_stream_out_batch_by_batch():
    book = book_of(sell(1, ANNA, 10, 100))
    first, second = book.apply(buy(2, BERT, 10, 30)), book.apply(buy(3, CLEO, 10, 30))
    assert told(first) + told(second) == told(book.trades())
    assert told(book.trades(since=1)) == told(second)
    assert len(first) == 1


def test_a_table_of_orders_can_be_given():
    orders = Orders.of(
        [Order(1, "anna", "sell", 10, 5, arrival=3), Order(2, "bert", "buy", 10, 5, arrival=4)],
        PEERS,
    )
    assert told(OrderBook(PEERS).submit(orders)) == [(1, 2, 5, 10)]
    with pytest.raises(OrderError, match="other peers"):
        OrderBook(["anna", "bert"]).submit(orders)


def test_events_join_to_nothing_and_nothing_happens():
    assert len(OrderBook(PEERS).apply(Events.joined([]))) == 0


FAULTS = [
    (buy(1, BERT, 9, 1), r"order 1: the number is taken; number every order once"),
    (cancel(77, BERT), r"order 77: there is no such order; it must be given before"),
    (cancel(1, BERT), r"order 1: it is an order of 'anna', not of 'bert'; only its owner"),
    (buy(1, ANNA, 9, 1, kind=Kind.AMEND), r"order 1: an order keeps its side; cancel it"),
    (sell(1, ANNA, 9, 0, kind=Kind.AMEND), r"order 1: energy is 0 Wh, expected more than 0"),
    (buy(5, 4, 9, 1), r"order 5: peer 4 is not among 4 peers; count from 0"),
    (buy(5, -1, 9, 1), r"order 5: peer -1 is not among 4 peers"),
    (buy(5, BERT, 9, -1), r"order 5: energy is -1 Wh, expected more than 0; drop the order"),
    (buy(5, BERT, 9, 1, kind=9), r"order 5: kind 9 is none of LIMIT \(0\), .*AMEND \(4\)"),
    (buy(5, BERT, 9, 1, time=-1), r"order 5: time -1 lies before an earlier event; sort"),
    (buy(5, BERT, 9, 1, expiry=0), r"order 5: it expires at 0, not after its time 0; give"),
    (buy(5, BERT, 2**40, 2**30), r"order 5: with it the book adds up to more Wh or µ€ than int64"),
    (buy(5, BERT, -(2**63), 1), r"order 5: with it the book adds up"),
    (buy(5, BERT, 0, 2**62), r"order 5: with it the book adds up"),
]


@pytest.mark.parametrize(("wrong", "text"), FAULTS)
def test_a_wrong_event_is_named_and_nothing_of_its_batch_happens(wrong, text):
    book = book_of(sell(1, ANNA, 10, 100))
    batch = Events.joined([buy(2, BERT, 10, 30), wrong, buy(3, CLEO, 10, 30)])

    with pytest.raises(OrderError, match=text) as caught:
        book.apply(batch)

    assert len(caught.value.faults) == 1
    assert book.n_trades == 0
    assert book.depth().asks.energy_wh.tolist() == [100]
    # The numbers of the refused batch are free again, and the book goes on.
    with pytest.raises(OrderError, match="order 2: there is no such order"):
        book.order(2)
    assert told(book.apply(buy(2, BERT, 10, 30))) == [(1, 2, 30, 10)]


def test_all_faults_of_a_batch_are_told_together():
    batch = Events.joined([buy(1, ANNA, 1, 0), cancel(7, ANNA), buy(2, 9, 1, 1)])
    with pytest.raises(OrderError) as caught:
        OrderBook(PEERS).apply(batch)
    assert len(caught.value.faults) == 3


@pytest.mark.parametrize("column", ["price_ticks", "energy_wh", "time", "expiry", "peer"])
def test_what_is_no_whole_number_is_refused(column):
    columns = {"order_id": [3, 4], "peer": 0, "energy_wh": 1, column: [1, np.nan]}
    with pytest.raises(OrderError, match=f"order 4: {column} is nan, expected a whole number"):
        Events(**columns)


def test_columns_of_other_lengths_and_sides_that_are_no_booleans_are_refused():
    with pytest.raises(OrderError, match="column energy_wh has shape"):
        Events(order_id=[1, 2], peer=0, energy_wh=[1, 2, 3])
    with pytest.raises(OrderError, match="is_buy must hold"):
        Events(order_id=[1, 2], peer=0, energy_wh=1, is_buy=1)
    with pytest.raises(OrderError, match="named twice"):
        OrderBook(["anna", "anna"])


def test_far_apart_and_negative_numbers_are_found_again():
    # Numbers that share their low bits, as some systems give them.
    numbers = [-(2**63), -1, 0, 2**63 - 1, *(i << 40 for i in range(1, 500))]
    book = OrderBook(PEERS, capacity=1)
    book.apply(Events(order_id=numbers, peer=ANNA, price_ticks=5, energy_wh=1))
    book.cancel(numbers[:-1], time=0)
    assert book.depth().asks.orders.tolist() == [1]
    assert book.order(499 << 40).state is State.OPEN
