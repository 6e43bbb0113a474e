"""The order book against a slow and obvious one, and against rules that hold for every stream."""

from collections import defaultdict

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from market.book import Orders
from market.mechanisms.continuous import ContinuousAuction
from market.mechanisms.order_book import OrderBook, State
from market.mechanisms.order_events import FOREVER, Events, Kind
from market.promises import check_clearing

PEERS = ["anna", "bert", "cleo"]


class ListBook:
    """Price–time priority as one would do it by hand: a list of orders, searched every time."""

    def __init__(self):
        self.queue, self.orders, self.trades = [], {}, []

    def happen(self, kind, number, peer, buys, price, energy, time, expiry):
        for order in list(self.queue):
            if order["expiry"] <= time:
                self.leave(order, State.EXPIRED)
        if kind in (Kind.CANCEL, Kind.AMEND):
            order = self.orders[number]
            if order["state"] == State.OPEN:
                self.change(kind, order, price, energy, time, expiry)
            return
        order = {
            "number": number,
            "peer": peer,
            "buys": buys,
            "price": price,
            "given": energy,
            "filled": 0,
            "expiry": expiry,
            "state": State.OPEN,
        }
        self.orders[number] = order
        self.come(order, kind, time)

    def change(self, kind, order, price, energy, time, expiry):
        if kind == Kind.CANCEL:
            self.leave(order, State.CANCELLED)
            return
        keeps_place = price == order["price"] and energy <= order["given"]
        order.update(price=price, given=max(energy, order["filled"]), expiry=expiry)
        if order["given"] == order["filled"]:
            self.leave(order, State.FILLED)
        elif not keeps_place:
            self.queue.remove(order)
            self.come(order, Kind.LIMIT, time)

    def come(self, order, kind, time):
        while order["filled"] < order["given"]:
            best = self.best_for(order, kind)
            if best is None:
                break
            if best["peer"] == order["peer"]:
                self.leave(best, State.SELF_TRADE)
                continue
            energy = min(order["given"] - order["filled"], best["given"] - best["filled"])
            pair = (order, best) if best["buys"] else (best, order)
            self.trades.append(
                (pair[0]["number"], pair[1]["number"], energy, best["price"], time, order["buys"])
            )
            for one in pair:
                one["filled"] += energy
            if best["filled"] == best["given"]:
                self.leave(best, State.FILLED)
        if order["filled"] == order["given"]:
            order["state"] = State.FILLED
        elif kind == Kind.LIMIT:
            self.queue.append(order)
        else:
            order["state"] = State.DROPPED

    def best_for(self, order, kind):
        """The best price, and among equals the first in the queue."""
        others = [other for other in self.queue if other["buys"] != order["buys"]]
        if kind != Kind.MARKET and order["buys"]:
            others = [other for other in others if other["price"] <= order["price"]]
        elif kind != Kind.MARKET:
            others = [other for other in others if other["price"] >= order["price"]]
        if order["buys"]:
            return min(others, key=lambda other: other["price"], default=None)
        return max(others, key=lambda other: other["price"], default=None)

    def leave(self, order, state):
        self.queue.remove(order)
        order["state"] = state

    def depth(self, buys):
        levels = defaultdict(lambda: [0, 0])
        for order in self.queue:
            if order["buys"] == buys:
                levels[order["price"]][0] += order["given"] - order["filled"]
                levels[order["price"]][1] += 1
        return [(price, *levels[price]) for price in sorted(levels, reverse=buys)]


PRICE = st.integers(-4, 4) | st.sampled_from([-(10**9), 10**9])
STEPS = st.lists(
    st.tuples(
        st.sampled_from([*[Kind.LIMIT] * 6, Kind.IMMEDIATE, Kind.MARKET, Kind.CANCEL, Kind.AMEND]),
        st.integers(0, 2),
        st.booleans(),
        PRICE,
        st.integers(1, 9) | st.integers(1, 10**9),
        st.integers(0, 2),
        st.sampled_from([FOREVER, FOREVER, 1, 2, 5]),
        st.integers(0, 10**6),
    ),
    max_size=40,
)


def stream_of(steps):
    """Valid events of free choices: cancels and amendments name orders that were given."""
    told, owner, time = [], {}, -3
    for kind, peer, buys, price, energy, pause, life, pick in steps:
        time += pause
        expiry = life if life == FOREVER else time + life
        number = 1000 - 7 * len(told)
        if kind in (Kind.CANCEL, Kind.AMEND):
            if not owner:
                continue
            number = sorted(owner)[pick % len(owner)]
            peer, buys = owner[number]
        owner[number] = (peer, buys)
        told.append((kind, number, peer, buys, price, energy, time, expiry))
    return told


def events_of(told):
    names = ("kind", "order_id", "peer", "is_buy", "price_ticks", "energy_wh", "time", "expiry")
    columns = dict(zip(names, zip(*told, strict=True), strict=True))
    return Events(**{name: np.array(column) for name, column in columns.items()})


def rows(trades):
    return list(
        zip(
            trades.sell_order_id.tolist(),
            trades.buy_order_id.tolist(),
            trades.energy_wh.tolist(),
            trades.price_ticks.tolist(),
            trades.time.tolist(),
            trades.buyer_came.tolist(),
            strict=True,
        )
    )


def levels(side):
    return list(zip(*(column.tolist() for column in side), strict=True))


@given(steps=STEPS, cuts=st.lists(st.integers(0, 40), max_size=3))
def test_trades_states_and_depth_are_those_of_the_slow_book(steps, cuts):
    told, slow = stream_of(steps), ListBook()
    for event in told:
        slow.happen(*event)

    book, batches = OrderBook(PEERS, capacity=2), []
    for first, last in zip([0, *sorted(cuts)], [*sorted(cuts), len(told)], strict=True):
        if told[first:last]:
            batches += rows(book.apply(events_of(told[first:last])))

    assert batches == rows(book.trades()) == slow.trades
    for number, order in slow.orders.items():
        seen = book.order(number)
        assert (seen.state, seen.filled_wh) == (order["state"], order["filled"])
    bids, asks = book.depth()
    assert levels(bids) == slow.depth(buys=True)
    assert levels(asks) == slow.depth(buys=False)


@given(steps=STEPS)
def test_energy_balances_and_nobody_trades_beyond_its_limit_or_with_itself(steps):
    told = [event for event in stream_of(steps) if event[0] in (Kind.LIMIT, Kind.IMMEDIATE)]
    if not told:
        return
    book = OrderBook(PEERS)
    trades, limit = book.apply(events_of(told)), {event[1]: event[4] for event in told}
    for sell, buy, energy, price, _, _ in rows(trades):
        assert energy > 0
        assert limit[sell] <= price <= limit[buy]
    assert (trades.seller != trades.buyer).all()
    filled = [book.order(event[1]) for event in told]
    bought = sum(order.filled_wh for order in filled if order.is_buy)
    sold = sum(order.filled_wh for order in filled if not order.is_buy)
    assert bought == sold == trades.energy_wh.sum()
    bids, asks = book.depth()
    if bids.price_ticks.size and asks.price_ticks.size:
        assert bids.price_ticks[0] < asks.price_ticks[0]


@given(steps=STEPS, data=st.data())
def test_the_auction_at_a_gate_gives_the_slow_books_trades_whatever_the_rows_order(steps, data):
    told = [event for event in stream_of(steps) if event[0] == Kind.LIMIT]
    slow = ListBook()
    for event in sorted(told, key=lambda event: (event[6], event[1])):
        slow.happen(*event)
    turned = data.draw(st.permutations(told))
    orders = Orders(
        peers=PEERS,
        order_id=[event[1] for event in turned],
        peer_index=np.array([event[2] for event in turned], dtype=np.int64),
        is_buy=[event[3] for event in turned],
        price_ticks=[event[4] for event in turned],
        energy_wh=[event[5] for event in turned],
        arrival=np.array([event[6] for event in turned], dtype=np.int64),
        attributes={"expiry": np.array([event[7] for event in turned], dtype=np.int64)},
    )

    clearing = ContinuousAuction().clear(orders)

    check_clearing(orders, clearing)
    trades = clearing.trades
    if trades is None:
        assert slow.trades == []
        return
    seen = zip(
        orders.order_id[trades.sell_row].tolist(),
        orders.order_id[trades.buy_row].tolist(),
        trades.energy_wh.tolist(),
        trades.price_ticks.tolist(),
        strict=True,
    )
    assert list(seen) == [trade[:4] for trade in slow.trades]
