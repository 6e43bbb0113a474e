"""TraDER: the worked example, the line of generators, zones, and an obvious matching beside it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from market.book import Order, Orders
from market.mechanisms.trader import Trader
from market.mechanisms.uniform_price import UniformPrice
from market.network.charges import zonal_charges
from market.promises import check_clearing


def book(*rows, charges=None):
    """Rows of (peer, side, price, energy, zone), in order of arrival; all can trade."""
    return Orders.of(
        (
            Order(
                i,
                peer,
                side,
                price,
                energy,
                arrival=i,
                attributes={"zone": zone, "curtailed" if side == "sell" else "flexible": True},
            )
            for i, (peer, side, price, energy, zone) in enumerate(rows)
        ),
        charges=charges,
    )


def example(first_ask=-30):
    return book(
        ("a", "sell", first_ask, 100, "core"),
        ("b", "sell", -50, 200, "core"),
        ("heater", "buy", -20, 150, "core"),
        ("store", "buy", -40, 200, "core"),
    )


def told(clearing):
    trades = clearing.trades
    columns = trades.sell_row, trades.buy_row, trades.energy_wh, trades.price_ticks
    return list(zip(*(column.tolist() for column in columns), strict=True))


def test_the_worked_example():
    # By hand, in the docstring: prices are negative, so generators pay.
    orders = example()
    clearing = Trader().clear(orders)
    check_clearing(orders, clearing)
    assert told(clearing) == [(0, 2, 100, -20), (1, 2, 50, -20), (1, 3, 150, -40)]
    # a pays 2 000 µ€ and b 7 000 µ€; the heater gets 3 000 µ€ and the store 6 000 µ€.
    assert clearing.order_money_ueur().tolist() == [-2000, -7000, -3000, -6000]


def test_the_next_in_line_that_does_not_agree_holds_up_those_behind_it():
    # The uniform price would let b trade, whose limit is lower.
    orders = example(first_ask=0)
    assert not Trader().clear(orders).filled_wh.any()
    assert UniformPrice().clear(orders).filled_wh[1] > 0


def test_generators_come_back_in_the_order_in_which_they_were_connected():
    # By hand: b was connected first, so the 350 Wh of demand go to its 200 Wh, then to a.
    clearing = Trader(Trader.Options(connected=("b", "a"))).clear(example())
    assert told(clearing) == [(1, 2, 150, -20), (1, 3, 50, -40)]
    named = Trader(Trader.Options(connected=("b",))).clear(example())
    assert told(named) == told(clearing)


def test_demand_elsewhere_relieves_no_constraint():
    orders = book(("wind", "sell", -50, 100, "north"), ("heater", "buy", 100, 100, "south"))
    assert not Trader().clear(orders).filled_wh.any()
    assert UniformPrice().clear(orders).filled_wh.all()


def test_a_book_without_zones_is_one_and_in_one_with_zones_the_unplaced_stay_out():
    nowhere = book(("wind", "sell", 0, 10, None), ("heater", "buy", 0, 10, None))
    assert Trader().clear(nowhere).filled_wh.all()
    some = book(
        ("wind", "sell", 0, 10, None), ("heater", "buy", 0, 10, None), ("store", "buy", 0, 1, "x")
    )
    assert not Trader().clear(some).filled_wh.any()


@pytest.mark.parametrize(("curtailed", "flexible"), [(True, False), (False, True), (None, True)])
def test_ordinary_orders_do_not_trade(curtailed, flexible):
    orders = Orders.of(
        [
            Order(0, "wind", "sell", 0, 10, attributes={"curtailed": curtailed}),
            Order(1, "heater", "buy", 9, 10, attributes={"flexible": flexible}),
        ]
    )
    assert not Trader().clear(orders).filled_wh.any()


def test_demand_pays_its_limit_with_the_charge_of_the_path_in_it():
    # By hand: −20 less a fee of 4 leaves the generator −24, and its limit is just that.
    rows = ("wind", "sell", -24, 10, "core"), ("heater", "buy", -20, 10, "core")
    clearing = Trader().clear(book(*rows, charges=zonal_charges(["p", "q"], 0, 4)))
    assert (clearing.price_ticks, clearing.trades.fee_ticks.tolist()) == (-24, [4])
    assert not Trader().clear(book(*rows, charges=zonal_charges(["p", "q"], 0, 5))).filled_wh.any()


@st.composite
def exchanges(draw):
    rows = []
    for _ in range(draw(st.integers(0, 10))):
        rows.append(
            (
                draw(st.sampled_from("abcdef")),
                draw(st.sampled_from(["buy", "sell"])),
                draw(st.integers(-5, 5)),
                draw(st.integers(1, 9)),
                draw(st.sampled_from(["n", "s", None])),
            )
        )
    places = draw(st.lists(st.sampled_from("xy"), min_size=6, max_size=6))
    peers = len({row[0] for row in rows})
    charges = zonal_charges(places[:peers], 0, draw(st.integers(0, 3))) if peers else None
    return book(*rows, charges=charges)


def obvious(orders, connected):
    """The line and the merit order as one would do them by hand."""
    left = orders.energy_wh.tolist()
    zone = orders.attributes["zone"] if len(orders) else []
    placed = any(one is not None for one in zone)
    trades = []
    for where in sorted({one for one in zone if one is not None}) if placed else [None]:
        here = [i for i in range(len(orders)) if zone[i] == where]
        names = [orders.peers[i] for i in orders.peer_index]
        line = sorted(
            (i for i in here if not orders.is_buy[i]),
            key=lambda i: (connected.index(names[i]) if names[i] in connected else 99, i),
        )
        merit = sorted(
            (i for i in here if orders.is_buy[i]), key=lambda i: (-orders.price_ticks[i], i)
        )
        for ask in line:
            for bid in merit:
                fee = int(orders.charges.between(orders.peer_index[ask], orders.peer_index[bid]))
                price = int(orders.price_ticks[bid]) - fee
                energy = min(left[ask], left[bid])
                if energy and names[ask] != names[bid] and price >= orders.price_ticks[ask]:
                    left[ask] -= energy
                    left[bid] -= energy
                    trades.append((ask, bid, energy, price))
            if left[ask]:
                break
    return trades


@given(orders=exchanges(), connected=st.permutations("abcdef"), named=st.integers(0, 6))
def test_the_exchange_does_what_one_would_do_by_hand(orders, connected, named):
    line = connected[:named]
    clearing = Trader(Trader.Options(connected=tuple(line))).clear(orders)
    check_clearing(orders, clearing)
    expected = obvious(orders, line)
    if not expected:
        assert not clearing.filled_wh.any()
        return
    assert sorted(told(clearing)) == sorted(expected)


@given(orders=exchanges())
def test_in_every_zone_the_released_stand_before_the_curtailed(orders):
    clearing = Trader().clear(orders)
    zone = orders.attributes.get("zone", np.empty(0))
    for where in {one for one in zone if one is not None}:
        rows = np.flatnonzero((zone == where) & ~orders.is_buy)
        full = clearing.filled_wh[rows] == orders.energy_wh[rows]
        begun = clearing.filled_wh[rows] > 0
        assert (full[:-1] | ~begun[1:]).all()
