"""Pair charges and preferences inside the clearing, against HiGHS and by definition stable."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import linprog
from scipy.sparse import eye, kron, vstack

from market.book import Order, OrderError, Orders
from market.mechanisms.assignment import Assignment, pair_gains
from market.mechanisms.uniform_price import UniformPrice
from market.mechanisms.vcg import VickreyClarkeGroves
from market.network.charges import Charges, uniform_charges
from market.network.pairing import pair_trades
from market.promises import check_clearing


def with_k(k):
    return Assignment(Assignment.Options(k=k))


# By hand: near sells 10 Wh at 10 and far 10 Wh at 8; home buys 10 Wh at 20. To home it costs 1
# from near and 6 from far.
NEAR_AND_FAR = Orders.of(
    [
        Order(1, "far", "sell", 8, 10),
        Order(2, "near", "sell", 10, 10),
        Order(3, "home", "buy", 20, 10),
    ],
    peers=["far", "near", "home"],
    charges=Charges(np.array([[0, 0, 6], [0, 0, 1], [0, 0, 0]]), np.arange(3)),
)


def test_the_pair_that_gains_most_after_fees_trades():
    # By hand: near gains 20 - 10 - 1 = 9 with home, far only 20 - 8 - 6 = 6, so near trades. home
    # could turn to far and gain 6, so near gets at most 3 of the 9: 10 to 13.
    for k, price in ((0, 10), (0.5, 11), (1, 13)):
        clearing = with_k(k).clear(NEAR_AND_FAR)
        check_clearing(NEAR_AND_FAR, clearing)
        (trade,) = pair_trades(clearing, NEAR_AND_FAR, NEAR_AND_FAR.charges)
        assert (trade.seller, trade.energy_wh) == ("near", 10)
        assert (trade.price_ticks, trade.fee_ticks, trade.receipt_ticks) == (price, 1, None)
        assert clearing.order_price_ticks.tolist() == [0, price, price + 1]
    # The uniform price does not see the fee, and takes the lower ask.
    assert UniformPrice().clear(NEAR_AND_FAR).filled_wh.tolist() == [10, 0, 10]


def test_a_premium_moves_the_trade_and_may_lift_the_price_above_the_limit():
    # By hand: home would pay 14 more for hydro, which far sells: far gains 20 there, near 9. home
    # could take 9 from near, so far gets 0 to 11 of its 20: 8 to 19, and home pays 14 to 25.
    orders = Orders.of(
        [
            Order(1, "far", "sell", 8, 10, attributes={"origin": "hydro"}),
            Order(2, "near", "sell", 10, 10),
            Order(3, "home", "buy", 20, 10, attributes={"prefers": (("hydro", 14),)}),
        ],
        peers=["far", "near", "home"],
        charges=NEAR_AND_FAR.charges,
    )
    for k, price in ((0, 8), (1, 19)):
        clearing = with_k(k).clear(orders)
        check_clearing(orders, clearing)
        assert clearing.filled_wh.tolist() == [10, 0, 10]
        assert clearing.order_price_ticks.tolist() == [price, 0, price + 6]


def test_who_trades_with_nobody_else_stays_alone():
    orders = Orders.of(
        [
            Order(1, "a", "sell", 1, 10),
            Order(
                2, "b", "buy", 50, 10, attributes={"prefers": (("c", 0),), "only_preferred": True}
            ),
        ]
    )
    assert not Assignment().clear(orders).filled_wh.any()


def test_a_fee_that_eats_the_gain_keeps_a_pair_apart():
    orders = Orders.of([Order(1, "a", "sell", 10, 5), Order(2, "b", "buy", 14, 5)])
    assert Assignment().clear(orders.with_charges(uniform_charges(2, 3))).filled_wh.all()
    clearing = Assignment().clear(orders.with_charges(uniform_charges(2, 5)))
    assert clearing.price_ticks is None
    assert not clearing.filled_wh.any()


def test_what_it_cannot_clear_is_refused_at_once():
    orders = Orders.of([Order(1, "a", "buy", 2**41, 1, 0), Order(2, "b", "sell", 5, 1, 1)])
    with pytest.raises(OrderError) as caught:
        Assignment().clear(orders)
    periods, limit = caught.value.faults
    assert "periods 0, 1 in one book" in periods
    assert limit.startswith("order 1: a limit of 2199023255552 ticks is beyond")
    many = Orders(
        peers=["a", "b"],
        peer_index=np.arange(2_200) % 2,
        is_buy=np.arange(2_200) % 2 == 0,
        price_ticks=np.full(2_200, 5),
        energy_wh=np.full(2_200, 1),
    )
    with pytest.raises(OrderError, match="make 1210000 pairs, more than 1000000; clear them by"):
        Assignment().clear(many)


NAMES = ("anna", "bert", "cleo", "dora", "emil", "finn")


@st.composite
def books(draw, largest_wh=12):
    """Up to eleven orders of six peers at three places; some buyers have wishes."""
    orders = []
    for i in range(draw(st.integers(0, 11))):
        side = draw(st.sampled_from(["buy", "sell"]))
        attributes = {}
        if side == "sell":
            attributes["origin"] = draw(st.sampled_from(["pv", "wind", "grid", None]))
        elif draw(st.booleans()):
            wish = st.tuples(st.sampled_from(["green", "grid", *NAMES]), st.integers(0, 15))
            attributes["prefers"] = tuple(
                draw(st.lists(wish, max_size=2, unique_by=lambda w: w[0]))
            )
            attributes["only_preferred"] = draw(st.booleans())
        orders.append(
            Order(
                i,
                draw(st.sampled_from(NAMES)),
                side,
                draw(st.integers(-10, 40)),
                draw(st.integers(1, largest_wh)),
                arrival=draw(st.integers(0, 2)),
                attributes=attributes,
            )
        )
    fees = draw(st.lists(st.integers(0, 12), min_size=9, max_size=9))
    place = draw(st.lists(st.integers(0, 2), min_size=6, max_size=6))
    charges = Charges(np.array(fees).reshape(3, 3), np.array(place))
    return Orders.of(orders, peers=NAMES, charges=draw(st.sampled_from([charges, None])))


def gains_slowly(orders, sell, buy):
    """What a pair gains per Wh, from its words; None where it may not trade."""
    ask, bid = orders[sell], orders[buy]
    if ask.peer == bid.peer:
        return None
    origin, wishes = ask.attributes.get("origin"), bid.attributes.get("prefers") or ()
    kinds = {ask.peer, origin} | ({"green"} if origin in ("pv", "wind") else set())
    worth = [ticks for name, ticks in wishes if name in kinds]
    if bid.attributes.get("only_preferred") and not worth:
        return None
    fee = 0
    if orders.charges is not None:
        fee = int(orders.charges.between(NAMES.index(ask.peer), NAMES.index(bid.peer)))
    return bid.price_ticks + max(worth, default=0) - ask.price_ticks - fee


def most_gain(orders, sells, buys):
    """The greatest total gain, by HiGHS."""
    gains = [gains_slowly(orders, i, j) for i in sells for j in buys]
    n, m = len(sells), len(buys)
    sums = vstack([kron(eye(n), np.ones((1, m))), kron(np.ones((1, n)), eye(m))]).tocsr()
    bounds = [(0, 0 if gain is None else None) for gain in gains]
    ends = orders.energy_wh[np.concatenate([sells, buys])]
    found = linprog([-(gain or 0) for gain in gains], A_ub=sums, b_ub=ends, bounds=bounds)
    return -found.fun


@given(orders=books(), k=st.sampled_from([0, 0.3, 0.5, 1]))
def test_it_gains_the_most_and_nobody_would_rather_trade_otherwise(orders, k):
    clearing = with_k(k).clear(orders)
    check_clearing(orders, clearing)
    sells, buys = np.flatnonzero(~orders.is_buy), np.flatnonzero(orders.is_buy)
    if not sells.size or not buys.size:
        assert clearing.trades is None
        return
    # By definition a Wh that trades nothing gains nothing, and all Wh of an order gain alike.
    least = np.full(len(orders), None)
    least[clearing.filled_wh < orders.energy_wh] = 0
    total, trades = 0, clearing.trades
    for t in range(0 if trades is None else len(trades)):
        i, j, wh, price = (
            int(x[t])
            for x in (trades.sell_row, trades.buy_row, trades.energy_wh, trades.price_ticks)
        )
        gain = gains_slowly(orders, i, j)
        total += gain * wh
        of_seller = price - int(orders.price_ticks[i])
        for row, own in ((i, of_seller), (j, gain - of_seller)):
            assert own >= 0
            assert least[row] in (None, own)
            least[row] = own
    assert total == pytest.approx(most_gain(orders, sells, buys), abs=1e-6)
    for i in sells:
        for j in buys:
            gain = gains_slowly(orders, i, j)
            assert pair_gains(orders, i, j) == (-1 if gain is None else gain)
            assert gain is None or least[i] + least[j] >= gain


@given(orders=books(), k=st.sampled_from([0, 0.3, 0.5, 1]))
def test_without_fees_and_wishes_its_price_is_the_uniform_one(orders, k):
    plain = Orders.of(
        [
            Order(o.order_id, f"{o.peer} {o.side}", o.side, o.price_ticks, o.energy_wh)
            for o in orders
        ]
    )
    told, uniform = with_k(k).clear(plain), UniformPrice(UniformPrice.Options(k=k)).clear(plain)
    sign = np.where(plain.is_buy, plain.price_ticks, -plain.price_ticks)
    assert sign @ told.filled_wh == sign @ uniform.filled_wh
    if told.filled_wh.any():
        assert told.price_ticks == uniform.price_ticks


@given(orders=books())
def test_prices_in_between_lie_between_those_of_the_two_sides(orders):
    ends = [with_k(k).clear(orders).trades for k in (0, 1, 0.4)]
    if ends[0] is None:
        return
    low, high, price = (trades.price_ticks for trades in ends)
    assert (low <= high).all()
    assert price.tolist() == [
        a + int(Fraction("0.4") * (b - a)) for a, b in zip(low.tolist(), high.tolist(), strict=True)
    ]


@given(rows=st.lists(st.tuples(st.booleans(), st.integers(0, 30)), min_size=2, max_size=9))
def test_buyers_of_one_wh_pay_under_k_0_what_vcg_asks_of_them(rows):
    # Independent: by [1] and [2] the prices best for buyers are their Vickrey payments.
    orders = Orders.of(
        Order(i, f"peer {i}", "buy" if buys else "sell", price, 1)
        for i, (buys, price) in enumerate(rows)
    )
    told, vcg = with_k(0).clear(orders), VickreyClarkeGroves().clear(orders)
    trades = orders.is_buy & (told.filled_wh > 0) & (vcg.filled_wh > 0)
    assert (told.order_money_ueur()[trades] == vcg.order_money_ueur()[trades]).all()


@given(orders=books(largest_wh=1), data=st.data())
def test_a_buyer_of_one_wh_gains_nothing_by_a_lie_under_k_0(orders, data):
    alone = [
        i
        for i in range(len(orders))
        if orders.is_buy[i] and (orders.peer_index == orders.peer_index[i]).sum() == 1
    ]
    if not alone:
        return
    row = data.draw(st.sampled_from(alone))
    limits = orders.price_ticks.copy()
    limits[row] += data.draw(st.integers(-30, 30))
    gains = []
    for told in (orders, orders.at_limits(limits)):
        trades, gain = with_k(0).clear(told).trades, 0
        for t in range(0 if trades is None else len(trades)):
            if trades.buy_row[t] == row:
                sell = int(trades.sell_row[t])
                ask = int(orders.price_ticks[sell])
                gain = gains_slowly(orders, sell, row) + ask - int(trades.price_ticks[t])
        gains.append(gain)
    assert gains[1] <= gains[0]


@given(orders=books(), data=st.data())
def test_the_order_of_rows_and_of_peers_makes_no_difference(orders, data):
    rows = np.array(data.draw(st.permutations(range(len(orders)))), dtype=np.int64)
    turned = data.draw(st.permutations(range(6)))
    charges = orders.charges
    if charges is not None:
        charges = Charges(charges.fee_ticks, charges.place[turned])
    shuffled = Orders.of(
        [orders[i] for i in rows], peers=[NAMES[i] for i in turned], charges=charges
    )
    straight, moved = Assignment().clear(orders), Assignment().clear(shuffled)
    assert (moved.filled_wh == straight.filled_wh[rows]).all()
    assert (moved.order_money_ueur() == straight.order_money_ueur()[rows]).all()
