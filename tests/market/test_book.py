"""Orders and books: what they hold, and that every fault is told at once."""

import numpy as np
import pytest
from pydantic import BaseModel

import market
from market.book import MECHANISMS, Clearing, Mechanism, Order, OrderError, Orders
from market.promises import ClearingError, check_clearing
from market.uniform_price import UniformPrice

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
            clearing([200, 200], price_ticks=10, surplus_ueur=1),
            "buyers pay 0 µ€ more than sellers get, fees apart, declared were 1 µ€",
        ),
    ],
)
def test_a_broken_promise_is_named(broken, told):
    with pytest.raises(ClearingError, match=told):
        check_clearing(Orders.of([BID, ASK]), broken)
