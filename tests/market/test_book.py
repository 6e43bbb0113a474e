"""Orders and books: what they hold, and that every fault is told at once."""

import numpy as np
import pytest
from pydantic import BaseModel

import market
from market.book import (
    MECHANISMS,
    ClearedTrades,
    Clearing,
    Mechanism,
    Order,
    OrderError,
    Orders,
)
from market.mechanisms.uniform_price import UniformPrice
from market.network.charges import uniform_charges
from market.promises import ClearingError, check_clearing

BID = Order(7, "anna", "buy", 30, 200, period=2, arrival=1)
ASK = Order(9, "bert", "sell", -10, 300, period=2, arrival=4)


def test_a_book_is_a_sequence_of_the_orders_it_was_made_of():
    book = Orders.of([BID, ASK])
    assert list(book) == [BID, ASK]
    assert book[-1] == ASK
    assert list(book[1:]) == [ASK]
    assert book.peers == ("anna", "bert")
    assert book.side_wh == (200, 300)
    assert book.periods == (2,)


def test_columns_and_single_orders_make_the_same_book():
    columns = Orders(
        peers=["anna", "bert"],
        order_id=[7, 9],
        peer_index=[0, 1],
        is_buy=[True, False],
        price_ticks=[30, -10],
        energy_wh=[200, 300],
        period=2,
        arrival=[1, 4],
    )
    assert list(columns) == list(Orders.of([BID, ASK]))


def test_a_book_cannot_be_changed():
    given = np.array([30, -10])
    book = Orders(
        peers=["anna"], peer_index=[0, 0], is_buy=[True, False], price_ticks=given, energy_wh=[1, 1]
    )
    given[0] = 99
    assert book.price_ticks.tolist() == [30, -10]
    with pytest.raises(ValueError, match="read-only"):
        book.price_ticks[0] = 5


def test_an_empty_book_is_a_book():
    book = Orders.of([])
    assert len(book) == 0
    assert book.periods == ()
    assert book.side_wh == (0, 0)


def test_attributes_travel_with_their_orders():
    green = Order(1, "anna", "buy", 30, 200, attributes={"quality": "green"})
    book = Orders.of([green, Order(2, "bert", "sell", 10, 5)])
    assert book.attributes["quality"].tolist() == ["green", None]
    assert book.take([1, 0])[1] == green


def test_orders_of_one_period_are_picked_out():
    later = Order(10, "anna", "buy", 30, 200, period=3)
    book = Orders.of([BID, later, ASK])
    assert book.periods == (2, 3)
    assert list(book.for_period(2)) == [BID, ASK]
    assert len(book.for_period(5)) == 0


def test_a_row_is_not_taken_twice():
    with pytest.raises(OrderError, match="taken twice"):
        Orders.of([BID, ASK]).take([0, 0])


def test_every_fault_of_every_order_is_told_at_once():
    orders = [
        Order(1, "anna", "buy", float("nan"), 100),
        Order(2, "anna", "bid", 30, 100),
        Order(3, "ana", "sell", 10, -5),
        Order(4, "bert", "sell", 2.5, 0),
        Order(4, "bert", "sell", 10, 10),
        Order(5, "bert", "sell", 10, 2**70),
    ]
    with pytest.raises(OrderError) as caught:
        Orders.of(orders, peers=["anna", "bert"])
    assert caught.value.faults == (
        "order 2 of 'anna': side is 'bid', expected 'buy' or 'sell'; energy is positive on both "
        "sides",
        "order 3: no peer 'ana' among 2 peers; nearest names: anna",
        "order 1: price_ticks is nan, expected a whole number within int64; round it before it is "
        "sent",
        "order 4: price_ticks is 2.5, expected a whole number within int64; round it before it is "
        "sent",
        "order 5: energy_wh is 1180591620717411303424, expected a whole number within int64; "
        "round it before it is sent",
        "order 3: energy is -5 Wh, expected more than 0; drop the order or turn its side",
        "order 4: energy is 0 Wh, expected more than 0; drop the order or turn its side",
        "order 4: the number occurs 2 times; number every order once",
    )


@pytest.mark.parametrize(
    ("price_ticks", "energy_wh", "unit"), [(1, 2**62, "Wh"), (2**40, 2**30, "µ€")]
)
def test_sums_that_int64_cannot_hold_are_refused(price_ticks, energy_wh, unit):
    with pytest.raises(OrderError, match=f"order 6: the sell side adds up to .* {unit}"):
        Orders.of([BID, Order(6, "bert", "sell", price_ticks, energy_wh)])


def test_columns_of_the_wrong_shape_are_refused():
    with pytest.raises(OrderError) as caught:
        Orders(
            peers=["anna", "anna"],
            peer_index=[0, 1],
            is_buy=[1, 0],
            price_ticks=[1, 2, 3],
            energy_wh=[1, 1],
        )
    assert caught.value.faults == (
        "column price_ticks has shape (3,) for 2 orders; give one value per order",
    )
    with pytest.raises(OrderError) as caught:
        Orders(
            peers=["anna", "anna"],
            peer_index=[0, 7],
            is_buy=[1, 0],
            price_ticks=[1, 2],
            energy_wh=[1.0, 1.0],
        )
    assert caught.value.faults == (
        "column is_buy must hold 2 booleans, not int64 (2,)",
        "peers named twice: anna; give every peer its own name",
        "order 1: peer 7 is not among 2 peers; count from 0",
    )


class Matchmaker:
    """A mechanism of somebody else's."""

    class Options(BaseModel):
        pass

    def clear(self, orders: Orders) -> Clearing:
        return Clearing(price_ticks=None, filled_wh=np.zeros(len(orders), dtype=np.int64))


def test_any_class_with_options_and_clear_is_a_mechanism():
    assert isinstance(Matchmaker(), Mechanism)
    assert isinstance(UniformPrice(), Mechanism)
    assert not isinstance(object(), Mechanism)


def test_every_known_name_leads_to_a_mechanism():
    from importlib import import_module

    for path in MECHANISMS.values():
        module, name = path.split(":")
        cls = getattr(import_module(module), name)
        made = cls(cls.Options())
        assert isinstance(made, Mechanism) or callable(getattr(made, "share", None))


def test_every_public_name_of_the_folder_can_be_fetched():
    assert all(getattr(market, name) is not None for name in market.__all__)
    with pytest.raises(AttributeError, match="no attribute 'bazaar'"):
        _ = market.bazaar


def clearing(filled_wh, **other):
    return Clearing(filled_wh=np.array(filled_wh, dtype=np.int64), **other)


def test_a_clearing_that_keeps_its_promises_passes():
    book = Orders.of([BID, ASK])
    check_clearing(book, clearing([200, 200], price_ticks=10))
    # By hand: the buyer pays 30, the seller gets 0: 200 Wh x 30 stay with the operator.
    check_clearing(
        book,
        clearing(
            [200, 200], price_ticks=None, order_price_ticks=np.array([30, 0]), surplus_ueur=6_000
        ),
    )


@pytest.mark.parametrize(
    ("broken", "told"),
    [
        (clearing([100, 200], price_ticks=10), "buyers get 100 Wh but sellers give 200 Wh"),
        (clearing([201, 201], price_ticks=10), "order 7 of 'anna': filled 201 Wh of 200 Wh"),
        (clearing([200, 200], price_ticks=31), "order 7 of 'anna': trades at 31 ticks beyond"),
        (clearing([200, 200], price_ticks=-11), "order 9 of 'bert': trades at -11 ticks beyond"),
        (clearing([200, 200], price_ticks=None), "no price is given"),
        (clearing([200], price_ticks=10), "expected int64"),
        (
            clearing([200, 200], price_ticks=30, dearer_wh=np.array([1, 0]), surplus_ueur=1),
            "order 7 of 'anna': trades at 31 ticks beyond",
        ),
        (
            clearing([200, 200], price_ticks=10, dearer_wh=np.array([201, 0]), surplus_ueur=201),
            "order 7 of 'anna': 201 Wh of 200 Wh are one tick dearer",
        ),
        (
            clearing([200, 200], price_ticks=10, dearer_wh=np.array([0, -1]), surplus_ueur=1),
            "order 9 of 'bert': -1 Wh of 200 Wh are one tick dearer",
        ),
        (
            clearing([200, 200], price_ticks=10, dearer_wh=np.array([7, 3])),
            "buyers pay 4 µ€ more than sellers get",
        ),
        (
            clearing([200, 200], price_ticks=10, subscriptions_ueur=np.array([0])),
            r"subscriptions_ueur is int64 \(1,\), expected int64 \(2,\)",
        ),
        (
            clearing([0, 0], price_ticks=None, subscriptions_ueur=np.array([5, -3])),
            "'bert' owes a subscription of -3 µ€, expected 0 or more",
        ),
        (
            clearing([200, 200], price_ticks=10, surplus_ueur=1),
            "buyers pay 0 µ€ more than sellers get, fees apart, declared were 1 µ€",
        ),
    ],
)
def test_a_broken_promise_is_named(broken, told):
    with pytest.raises(ClearingError, match=told):
        check_clearing(Orders.of([BID, ASK]), broken)


def one_trade(energy_wh=200, price=20, **other):
    return ClearedTrades(
        sell_row=np.array([1]),
        buy_row=np.array([0]),
        energy_wh=np.array([energy_wh]),
        price_ticks=np.array([price]),
        **{name: np.array([value]) for name, value in other.items()},
    )


def test_money_of_a_mechanisms_own_trades_is_told_apart():
    # By hand: the buyer pays 200 x (20 + 4), the seller gets 200 x 17, the grid's owner 200 x 4
    # and the operator 200 x 3.
    book = Orders.of([BID, ASK], charges=uniform_charges(2, 4))
    told = clearing(
        [200, 200],
        price_ticks=None,
        order_price_ticks=np.array([24, 17]),
        surplus_ueur=600,
        trades=one_trade(receipt_ticks=17, fee_ticks=4),
    )
    check_clearing(book, told)
    assert told.order_money_ueur().tolist() == [4_800, 3_400]
    assert told.fees_ueur == 800


@pytest.mark.parametrize(
    ("trades", "other", "told"),
    [
        (one_trade(fee_ticks=11), {}, "which pays 31 ticks; expected .* -10 to 30 ticks"),
        (one_trade(receipt_ticks=-11), {"surplus_ueur": 6_200}, "200 Wh at -11 ticks"),
        (one_trade(fee_ticks=3), {}, "the fee is 3 ticks, by the book's charges 4 ticks"),
        (one_trade(energy_wh=150), {}, "filled 200 Wh but its trades add up to 150 Wh"),
        (one_trade(), {"order_price_ticks": np.array([20, 19])}, "its price is 19 ticks but the"),
        (one_trade(receipt_ticks=17), {}, "buyers pay 600 µ€ more than sellers get"),
        (one_trade(), {"dearer_wh": np.array([0, 0])}, "where trades have their own prices"),
        (one_trade(), {"fee_ticks": np.array([0, 0])}, "where trades carry their own"),
    ],
)
def test_a_broken_promise_of_a_trade_is_named(trades, other, told):
    book = Orders.of([BID, ASK], charges=uniform_charges(2, 4))
    with pytest.raises(ClearingError, match=told):
        check_clearing(
            book, clearing([200, 200], **({"price_ticks": 20, "trades": trades} | other))
        )


def test_fees_without_charges_are_refused():
    told = clearing([200, 200], price_ticks=20, trades=one_trade(fee_ticks=3))
    with pytest.raises(ClearingError, match="the book brings no charges"):
        check_clearing(Orders.of([BID, ASK]), told)


def test_charges_travel_with_their_book():
    charges = uniform_charges(2, 4)
    book = Orders.of([BID, ASK], charges=charges)
    for part in (book.take([1]), book.for_period(2), book[:1], book.at_limits(book.price_ticks)):
        assert part.charges is charges
    assert book.with_charges(None).charges is None
    assert list(book.with_charges(uniform_charges(2, 9))) == list(book)


def test_a_book_with_other_limits_is_otherwise_the_same():
    book = Orders.of([BID, ASK]).at_limits(np.array([3, 4]))
    assert book.price_ticks.tolist() == [3, 4]
    assert [order.energy_wh for order in book] == [200, 300]


def test_charges_that_do_not_fit_a_book_are_refused():
    for made in (
        lambda charges: Orders.of([BID, ASK], charges=charges),
        lambda charges: Orders.of([BID, ASK]).with_charges(charges),
    ):
        with pytest.raises(OrderError) as caught:
            made(uniform_charges(3, 2**60))
        peers, sums = caught.value.faults
        assert peers == "the charges know the places of 3 peers, the book has 2"
        assert sums.startswith("a fee of 1152921504606846976 ticks on all the book's energy")


def test_turns_go_by_arrival_and_then_by_number():
    rows = [(5, 1), (2, 1), (9, 0)]
    book = Orders.of(Order(i, "anna", "buy", 1, 1, arrival=came) for i, came in rows)
    assert book.turn.tolist() == [2, 1, 0]
    assert book.take([2, 1, 0]).turn.tolist() == [0, 1, 2]
