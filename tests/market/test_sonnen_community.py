"""The sonnenCommunity's pool: the worked example, who is served first, and fair shares."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from market.book import Order, Orders
from market.mechanisms.sonnen_community import SonnenCommunity
from market.mechanisms.uniform_price import UniformPrice
from market.network.charges import uniform_charges
from market.network.pairing import pair_trades
from market.promises import check_clearing

POOL = SonnenCommunity(SonnenCommunity.Options(price_ticks=230))


def book(*rows):
    """Rows of (peer, side, price, energy, storage), in order of arrival."""
    return Orders.of(
        Order(i, peer, side, price, energy, arrival=i, attributes={"storage": storage})
        for i, (peer, side, price, energy, storage) in enumerate(rows)
    )


def example():
    return book(
        ("roof1", "sell", 80, 600, None),
        ("roof2", "sell", 80, 300, None),
        ("battery", "buy", 240, 400, True),
        ("home1", "buy", 350, 300, None),
        ("home2", "buy", 350, 600, None),
        ("other battery", "sell", 200, 100, True),
    )


def test_the_worked_example():
    # By hand, in the docstring.
    orders = example()
    clearing = POOL.clear(orders)
    check_clearing(orders, clearing)
    assert clearing.filled_wh.tolist() == [600, 300, 400, 200, 400, 100]
    assert clearing.price_ticks == 230


def test_a_store_that_bids_less_is_filled_before_a_household_that_bids_more():
    # The uniform price serves the households (350) first and leaves the battery (240) the rest.
    orders = example()
    battery = 2
    assert POOL.clear(orders).filled_wh[battery] == orders.energy_wh[battery]
    assert UniformPrice().clear(orders).filled_wh[battery] < orders.energy_wh[battery]


def test_the_price_is_the_platforms_whatever_the_limits():
    low = book(("roof", "sell", 0, 10, None), ("home", "buy", 300, 10, None))
    high = book(("roof", "sell", 200, 10, None), ("home", "buy", 900, 10, None))
    assert POOL.clear(low).price_ticks == POOL.clear(high).price_ticks == 230
    assert UniformPrice().clear(low).price_ticks != UniformPrice().clear(high).price_ticks


@pytest.mark.parametrize(
    ("price", "side", "trades"),
    [(230, "sell", True), (231, "sell", False), (230, "buy", True), (229, "buy", False)],
)
def test_who_does_not_accept_the_price_stays_away(price, side, trades):
    other = ("other", "buy" if side == "sell" else "sell", 230, 10, None)
    assert POOL.clear(book(("anna", side, price, 10, None), other)).filled_wh.all() == trades


def test_stores_never_charge_stores():
    orders = book(("full", "sell", 0, 100, True), ("empty", "buy", 300, 100, True))
    clearing = POOL.clear(orders)
    assert not clearing.filled_wh.any()
    assert clearing.price_ticks is None


def test_stores_discharge_only_for_what_surplus_leaves_open():
    # By hand: 70 Wh of surplus, 100 Wh of needs: 30 Wh from a store of 90.
    orders = book(
        ("store", "sell", 0, 90, True),
        ("roof", "sell", 0, 70, None),
        ("home", "buy", 300, 100, None),
    )
    assert POOL.clear(orders).filled_wh.tolist() == [30, 70, 100]


def test_what_a_member_offers_and_wants_at_once_stays_behind_its_meter():
    # By hand: of anna's 100 Wh of surplus 60 go to her own battery; 40 to bert.
    orders = book(
        ("anna", "sell", 0, 100, None),
        ("anna", "buy", 300, 60, True),
        ("bert", "buy", 300, 90, None),
    )
    assert POOL.clear(orders).filled_wh.tolist() == [40, 0, 40]


def test_who_wants_only_preferred_energy_stays_away():
    orders = Orders.of(
        [
            Order(0, "roof", "sell", 0, 10, attributes={"origin": "pv"}),
            Order(
                1,
                "home",
                "buy",
                300,
                10,
                attributes={"prefers": (("pv", 0),), "only_preferred": True},
            ),
        ]
    )
    assert not POOL.clear(orders).filled_wh.any()


members = st.tuples(
    st.sampled_from(["anna", "bert", "cleo", "dora", "emil"]),
    st.sampled_from(["buy", "sell"]),
    st.integers(228, 232),
    st.integers(1, 30) | st.just(10**15),
    st.sampled_from([True, False, None]),
)


@given(rows=st.lists(members, max_size=10))
def test_the_pool_is_shared_by_its_rules_to_the_watt_hour(rows):
    # Sums by the three rules on what each member has or wants in the end, with Python's integers.
    orders = book(*rows)
    clearing = POOL.clear(orders)
    check_clearing(orders, clearing)
    filled = clearing.filled_wh
    accepts = np.where(orders.is_buy, orders.price_ticks >= 230, orders.price_ticks <= 230)
    assert not filled[~accepts].any()

    # What stays behind a meter: the lesser of what a peer has and wants, from surplus and for
    # stores first.
    pool = {(kind, stores): {} for kind in ("sell", "buy") for stores in (True, False)}
    for peer in {row[0] for row in rows}:
        mine = [i for i, row in enumerate(rows) if row[0] == peer and accepts[i]]
        sides = {side: [i for i in mine if rows[i][1] == side] for side in ("sell", "buy")}
        home = min(sum(rows[i][3] for i in side) for side in sides.values())
        for side, first in (("sell", False), ("buy", True)):
            left = home
            for i in sorted(sides[side], key=lambda i: (bool(rows[i][4]) != first, i)):
                kept = min(left, rows[i][3])
                left -= kept
                pool[side, bool(rows[i][4])][i] = rows[i][3] - kept
    surplus, stored = pool["sell", False], pool["sell", True]
    charging, needs = pool["buy", True], pool["buy", False]
    to_stores = min(sum(surplus.values()), sum(charging.values()))
    to_needs = min(sum(surplus.values()) - to_stores, sum(needs.values()))
    from_stores = min(sum(stored.values()), sum(needs.values()) - to_needs)
    for part, total in (
        (surplus, to_stores + to_needs),
        (charging, to_stores),
        (needs, to_needs + from_stores),
        (stored, from_stores),
    ):
        assert sum(int(filled[i]) for i in part) == total
        for i, weight in part.items():  # nobody is a whole Wh off its part
            assert abs(int(filled[i]) * sum(part.values()) - total * weight) < max(
                sum(part.values()), 1
            )


@given(rows=st.lists(members, max_size=10))
def test_what_was_pooled_can_be_paired_without_anybody_serving_itself(rows):
    orders = book(*rows)
    charges = uniform_charges(len(orders.peers), 1)
    trades = pair_trades(POOL.clear(orders), orders, charges)
    assert all(trade.seller != trade.buyer for trade in trades)
