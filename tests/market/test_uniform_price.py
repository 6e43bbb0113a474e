"""The call auction, against hand-worked books, a slow reference and a linear program."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from scipy.optimize import linprog

from market.book import Order, OrderError, Orders
from market.mechanisms.uniform_price import UniformPrice
from market.promises import check_clearing


def book(bids, asks):
    """Book of (price, energy) pairs, bids first, each side in order of arrival."""
    rows = [("buy", *bid) for bid in bids] + [("sell", *ask) for ask in asks]
    return Orders.of(
        Order(i, f"peer {i}", side, price, energy, arrival=i)
        for i, (side, price, energy) in enumerate(rows)
    )


def unit_book(bids, asks):
    return book([(price, 1) for price in bids], [(price, 1) for price in asks])


def gain(orders, clearing):
    """What trade adds: worth to buyers minus worth to sellers. [µ€]"""
    worth = np.where(orders.is_buy, orders.price_ticks, -orders.price_ticks)
    return int(worth @ clearing.filled_wh)


def test_average_mechanism_of_the_textbook():
    # Published (lecture notes, HS Mittweida): 2 trades, any price in 85 to 90, the average 87.5;
    # in whole ticks 87. The gain of 25 is (100 - 80) + (90 - 85) by hand.
    orders = unit_book([100, 90, 80, 70, 60], [80, 85, 95, 100, 110])
    clearing = UniformPrice().clear(orders)
    assert clearing.filled_wh.tolist() == [1, 1, 0, 0, 0, 1, 1, 0, 0, 0]
    assert clearing.price_range_ticks == (85, 90)
    assert clearing.price_ticks == 87
    assert clearing.volume_wh(orders) == 2
    assert gain(orders, clearing) == 25


@pytest.mark.parametrize(("k", "price"), [(0, 85), (0.2, 86), (0.5, 87), (0.99, 89), (1, 90)])
def test_k_says_where_in_the_range_the_price_lies(k, price):
    # By hand: floor(85 + 5 k).
    orders = unit_book([100, 90, 80], [80, 85, 95])
    assert UniformPrice(UniformPrice.Options(k=k)).clear(orders).price_ticks == price


def test_rejected_orders_bound_the_price():
    # By hand: one trade, 100 against 10; the rejected bid of 60 would buy below 60 and the
    # rejected ask of 70 sell above 70.
    clearing = UniformPrice().clear(unit_book([100, 60], [10, 70]))
    assert clearing.price_range_ticks == (60, 70)
    assert clearing.price_ticks == 65


def test_an_order_filled_in_part_sets_the_price():
    # By hand: 300 Wh are offered up to 20 ticks; the second bid takes the 100 Wh that are left.
    clearing = UniformPrice().clear(book([(40, 200), (30, 200)], [(10, 100), (20, 200)]))
    assert clearing.filled_wh.tolist() == [200, 100, 100, 200]
    assert clearing.price_ticks == 30


def test_equal_prices_are_served_by_arrival_and_then_by_number():
    # By hand: 250 Wh for three bids of 100 Wh; number 5 came first, 2 goes before 8.
    orders = Orders.of(
        [
            Order(8, "a", "buy", 30, 100, arrival=4),
            Order(2, "b", "buy", 30, 100, arrival=4),
            Order(5, "c", "buy", 30, 100, arrival=3),
            Order(1, "d", "sell", 10, 250, arrival=9),
        ]
    )
    assert UniformPrice().clear(orders).filled_wh.tolist() == [50, 100, 100, 250]


def test_equal_limits_trade():
    clearing = UniformPrice().clear(unit_book([50], [50]))
    assert clearing.price_ticks == 50
    assert clearing.filled_wh.tolist() == [1, 1]


def test_prices_below_zero_occur():
    # By hand: floor of (-20 - 5) / 2 = -12.5.
    assert UniformPrice().clear(unit_book([-5], [-20])).price_ticks == -13


@pytest.mark.parametrize(("bids", "asks"), [([], []), ([10], []), ([], [10]), ([10, 9], [11, 12])])
def test_a_market_where_nothing_crosses_has_no_price(bids, asks):
    clearing = UniformPrice().clear(unit_book(bids, asks))
    assert clearing.price_ticks is None
    assert not clearing.filled_wh.any()


def test_prices_far_apart_clear_like_prices_side_by_side():
    # By hand: as the textbook's, each price times ten thousand million.
    far = 10**10
    orders = unit_book(
        [far * p for p in (100, 90, 80, 70, 60)], [far * p for p in (80, 85, 95, 100, 110)]
    )
    clearing = UniformPrice().clear(orders)
    assert clearing.price_range_ticks == (85 * far, 90 * far)
    assert clearing.price_ticks == 875 * far // 10
    assert clearing.filled_wh.tolist() == [1, 1, 0, 0, 0, 1, 1, 0, 0, 0]


def test_a_book_of_two_periods_is_refused():
    orders = Orders.of([Order(1, "a", "buy", 5, 1, 0), Order(2, "b", "sell", 5, 1, 1)])
    with pytest.raises(OrderError, match="periods 0, 1 in one book"):
        UniformPrice().clear(orders)


@pytest.mark.parametrize("wrong", [{"k": 1.5}, {"k": -0.1}, {"kay": 0.5}])
def test_options_out_of_range_are_refused(wrong):
    with pytest.raises(ValidationError):
        UniformPrice.Options(**wrong)


ORDERS = st.builds(
    lambda rows, numbers: Orders.of(
        Order(number, f"peer {number % 4}", side, price, energy, arrival=arrival)
        for (side, price, energy, arrival), number in zip(rows, numbers, strict=False)
    ),
    st.lists(
        st.tuples(
            st.sampled_from(["buy", "sell"]),
            st.integers(-8, 8) | st.integers(-(10**9), 10**9),
            st.integers(1, 12),
            st.integers(0, 3),
        ),
        max_size=14,
    ),
    st.permutations(range(14)),
)


@given(orders=ORDERS, k=st.sampled_from([0.0, 0.3, 0.5, 1.0]))
def test_every_clearing_keeps_the_promises_of_a_mechanism(orders, k):
    clearing = UniformPrice(UniformPrice.Options(k=k)).clear(orders)
    check_clearing(orders, clearing)
    assert (clearing.price_ticks is None) == (clearing.volume_wh(orders) == 0)
    if clearing.price_ticks is not None:
        low, high = clearing.price_range_ticks
        assert low <= clearing.price_ticks <= high
        better = np.where(
            orders.is_buy,
            orders.price_ticks > clearing.price_ticks,
            orders.price_ticks < clearing.price_ticks,
        )
        assert (clearing.filled_wh[better] == orders.energy_wh[better]).all()


def slow_reference(orders):
    """Sort single watt-hours, match them one by one, and look at the next ones for the range."""
    turn = sorted(orders, key=lambda order: (order.arrival, order.order_id))
    bids = [o for o in sorted(turn, key=lambda o: -o.price_ticks) if o.side == "buy"]
    asks = [o for o in sorted(turn, key=lambda o: o.price_ticks) if o.side == "sell"]
    bids = [order for order in bids for _ in range(order.energy_wh)]
    asks = [order for order in asks for _ in range(order.energy_wh)]
    pairs = zip(bids, asks, strict=False)
    n = sum(bid.price_ticks >= ask.price_ticks for bid, ask in pairs)
    filled = dict.fromkeys((order.order_id for order in orders), 0)
    for order in bids[:n] + asks[:n]:
        filled[order.order_id] += 1
    if n == 0:
        return list(filled.values()), None
    low = max(order.price_ticks for order in asks[n - 1 : n] + bids[n : n + 1])
    high = min(order.price_ticks for order in bids[n - 1 : n] + asks[n : n + 1])
    return list(filled.values()), (low, high)


@given(orders=ORDERS)
def test_fills_and_range_are_those_of_a_slow_reference(orders):
    filled, price_range = slow_reference(orders)
    clearing = UniformPrice().clear(orders)
    assert clearing.filled_wh.tolist() == filled
    assert clearing.price_range_ticks == price_range
    if price_range is not None:
        assert clearing.price_ticks == sum(price_range) // 2


@given(orders=ORDERS, data=st.data())
def test_the_order_of_the_rows_makes_no_difference(orders, data):
    rows = data.draw(st.permutations(range(len(orders))))
    straight, shuffled = (UniformPrice().clear(o) for o in (orders, orders.take(rows)))
    assert shuffled.filled_wh.tolist() == straight.filled_wh[rows].tolist()
    assert shuffled.price_ticks == straight.price_ticks


@settings(max_examples=15)
@given(seed=st.integers(0, 2**32 - 1))
def test_the_gain_is_that_of_the_linear_program(seed):
    # Independent: HiGHS maximises welfare over fills, and its balance's dual is a clearing price.
    rng = np.random.default_rng(seed)
    n = 60
    orders = Orders(
        peers=["all"],
        peer_index=np.zeros(n, int),
        is_buy=rng.random(n) < 0.5,
        price_ticks=rng.integers(-100, 400, n),
        energy_wh=rng.integers(1, 3_000, n),
        arrival=rng.integers(0, 5, n),
    )
    clearing = UniformPrice().clear(orders)
    sign = np.where(orders.is_buy, 1, -1)
    optimum = linprog(
        -sign * orders.price_ticks,
        A_eq=sign[None, :],
        b_eq=[0],
        bounds=np.column_stack([np.zeros(n), orders.energy_wh]),
    )
    assert gain(orders, clearing) == pytest.approx(-optimum.fun, rel=1e-12)
    if clearing.price_range_ticks is not None:
        low, high = clearing.price_range_ticks
        assert low - 1e-6 <= -optimum.eqlin.marginals[0] <= high + 1e-6
