"""The call auctions beside the uniform price: worked books, and what must hold for every book."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from market.book import Order, OrderError, Orders
from market.mechanisms.huang import Huang, ration
from market.mechanisms.mcafee import McAfee
from market.mechanisms.muda import Muda, halves
from market.mechanisms.pay_as_bid import PayAsBid
from market.mechanisms.trade_reduction import TradeReduction
from market.mechanisms.uniform_price import UniformPrice
from market.mechanisms.vcg import VickreyClarkeGroves
from market.network.pairing import pair_trades
from market.promises import check_clearing

AUCTIONS = [PayAsBid, VickreyClarkeGroves, TradeReduction, McAfee, Huang, Muda]


def book(bids, asks):
    """Book of (price, energy) pairs, bids first, each side in order of arrival."""
    rows = [("buy", *bid) for bid in bids] + [("sell", *ask) for ask in asks]
    return Orders.of(
        Order(i, f"peer {i}", side, price, energy, arrival=i)
        for i, (side, price, energy) in enumerate(rows)
    )


def unit_book(bids, asks, energy_wh=1):
    return book([(price, energy_wh) for price in bids], [(price, energy_wh) for price in asks])


def told(clearing):
    """(row, energy, price) of every order that trades."""
    prices = clearing.prices()
    return [
        (int(i), int(clearing.filled_wh[i]), int(prices[i]))
        for i in np.flatnonzero(clearing.filled_wh)
    ]


def textbook(energy_wh=1):
    return unit_book([100, 90, 80, 70, 60], [80, 85, 95, 100, 110], energy_wh)


def test_pay_as_bid_of_the_textbook_leaves_the_operator_the_gain():
    # By hand: (100 - 80) + (90 - 85) = 25, the gain of the average mechanism.
    clearing = PayAsBid().clear(textbook())
    assert told(clearing) == [(0, 1, 100), (1, 1, 90), (5, 1, 80), (6, 1, 85)]
    assert clearing.surplus_ueur == 25


@pytest.mark.parametrize("energy_wh", [1, 300])
def test_vcg_of_the_textbook_has_a_deficit(energy_wh):
    # Computed from the published table: buyers pay 85, sellers get 90, deficit 10 per Wh. A buyer
    # of 300 Wh displaces the ask of 85 (more than the bid of 80) for every Wh.
    clearing = VickreyClarkeGroves().clear(textbook(energy_wh))
    assert [price for _, _, price in told(clearing)] == [85, 85, 90, 90]
    assert clearing.surplus_ueur == -10 * energy_wh


@pytest.mark.parametrize("mechanism", [TradeReduction, Huang])
def test_trade_reduction_of_the_textbook_leaves_one_trade(mechanism):
    # Computed from the published table: 1 trade, the buyer pays 90, the seller gets 85.
    clearing = mechanism().clear(textbook())
    assert told(clearing) == [(0, 1, 90), (5, 1, 85)]
    assert clearing.surplus_ueur == 5
    assert clearing.price_ticks is None


def test_mcafee_of_the_textbook_keeps_both_trades():
    # Computed from the published table: (80 + 95) / 2 = 87.5 lies in 85 to 90; in whole ticks 87.
    clearing = McAfee().clear(textbook())
    assert told(clearing) == [(0, 1, 87), (1, 1, 87), (5, 1, 87), (6, 1, 87)]
    assert (clearing.price_ticks, clearing.surplus_ueur) == (87, 0)


def test_mcafee_gives_up_a_trade_when_those_left_out_are_far_off():
    # By hand: (10 + 95) / 2 = 52 lies below the last ask, 85; so 90 and 85 set the prices.
    clearing = McAfee().clear(unit_book([100, 90, 10], [80, 85, 95]))
    assert told(clearing) == [(0, 1, 90), (3, 1, 85)]


@pytest.mark.parametrize(("bids", "asks"), [([100, 90], [80, 85, 95]), ([100, 90, 80], [80, 85])])
def test_mcafee_gives_up_a_trade_when_a_side_trades_whole(bids, asks):
    # By hand: nothing is left out of one side, so there is no mean.
    assert McAfee().clear(unit_book(bids, asks)).surplus_ueur == 5


def test_mcafee_rounds_the_mean_down_below_zero_too():
    # By hand: (-20 - 5) / 2 = -12.5 lies in -15 to -10; -13.
    clearing = McAfee().clear(unit_book([-10, -20], [-15, -5]))
    assert clearing.price_ticks == -13


def test_the_last_trade_of_orders_filled_in_part_is_given_up_whole():
    # By hand: 500 Wh cross; bid 30 and ask 20 are last and trade nothing. 400 Wh are left to buy,
    # 200 Wh to sell; the lower of the bids left gets nothing.
    orders = book([(50, 200), (40, 200), (30, 200)], [(10, 200), (20, 300)])
    for mechanism in (TradeReduction, McAfee):
        clearing = mechanism().clear(orders)
        assert told(clearing) == [(0, 200, 30), (3, 200, 20)]
        assert clearing.surplus_ueur == 2_000


def test_huang_cuts_both_bids_of_the_longer_side_alike():
    # By hand, the same book: 200 Wh too many on two bids, 100 Wh each.
    orders = book([(50, 200), (40, 200), (30, 200)], [(10, 200), (20, 300)])
    clearing = Huang().clear(orders)
    assert told(clearing) == [(0, 100, 30), (1, 100, 30), (3, 200, 20)]


def test_huang_of_the_public_example():
    # Published (docstring of pymarket 0.7.6), energies and prices times ten: of 0.2 against 0.3,
    # 0.2 trade; the buyer pays 3.0 and the seller gets 2.0.
    orders = book([(30, 10), (10, 20), (33, 2)], [(20, 20), (10, 3)])
    clearing = Huang().clear(orders)
    assert told(clearing) == [(2, 2, 30), (4, 2, 20)]
    assert clearing.surplus_ueur == 20


def test_huang_does_not_trade_when_only_the_price_setters_cross():
    # Published (the same docstring): no trade because the price setters do not trade.
    clearing = Huang().clear(book([(30, 10), (10, 20)], [(20, 20)]))
    assert (clearing.price_ticks, told(clearing)) == (None, [])


@pytest.mark.parametrize(
    ("wanted", "total", "left"),
    [
        ([10, 20, 30], 54, [8, 18, 28]),  # published (pymarket's update_quantity), times ten
        ([20, 10, 40], 34, [7, 0, 27]),  # published, [1, 0.5, 2] less 1.8, times twenty
        ([10, 20, 30], 53, [8, 18, 27]),  # by hand: the last bears the odd Wh
        ([5, 5, 5], 1, [1, 0, 0]),
        ([5, 7], 0, [0, 0]),
        ([5, 7], 12, [5, 7]),
    ],
)
def test_rationing_cuts_everybody_alike(wanted, total, left):
    assert ration(np.array(wanted), total).tolist() == left


@given(wanted=st.lists(st.integers(1, 30), min_size=1, max_size=8), data=st.data())
def test_rationing_is_that_of_giving_up_one_wh_in_turn(wanted, data):
    # Slow reference: whole rounds in which everybody that has something gives up 1 Wh, and in
    # the last one, those that came last.
    total = data.draw(st.integers(0, sum(wanted)))
    left = list(wanted)
    while sum(left) > total:
        for i in [i for i in reversed(range(len(left))) if left[i] > 0][: sum(left) - total]:
            left[i] -= 1
    assert ration(np.array(wanted), total).tolist() == left


def seed_with(peers, left):
    """Smallest seed that puts exactly these peers into the left half."""
    wanted = [peer in left for peer in peers]
    return next(s for s in range(100_000) if halves(peers, s, 0).tolist() == wanted)


def test_muda_of_the_public_example_trades_in_both_halves():
    # Published (docstring of pymarket 0.7.6), prices times ten: bids 50, 20 and ask 10 left, bid
    # 40 and ask 30 right; one trade in each half, left at 35. Right, pymarket says 30, the mean of
    # the last trade of the left half, and we 35: its rejected bid of 20 lifts the range to 20-50.
    orders = unit_book([40, 20, 50], [30, 10])
    seed = seed_with(orders.peers, {"peer 1", "peer 2", "peer 4"})
    clearing = Muda(Muda.Options(seed=seed)).clear(orders)
    assert told(clearing) == [(0, 1, 35), (2, 1, 35), (3, 1, 35), (4, 1, 35)]
    assert clearing.surplus_ueur == 0


def test_muda_of_the_public_example_does_not_trade_at_prices_that_suit_nobody():
    # Published (the same docstring): left 20 and 10, right 40 and 30: nobody crosses the other's.
    orders = unit_book([40, 20], [30, 10])
    seed = seed_with(orders.peers, {"peer 1", "peer 3"})
    assert told(Muda(Muda.Options(seed=seed)).clear(orders)) == []


def test_muda_lets_the_longer_side_pay_for_those_it_displaces():
    # By hand: right (peers 0, 1) makes 25 of bid 30 and ask 20. Left at 25: 2 Wh to sell, bids of
    # 60, 50 and 40 with 1, 1 and 2 Wh. Each winner keeps the bid of 40 from trading: both pay 40,
    # the seller gets 25, surplus 30.
    orders = Orders.of(
        Order(i, f"peer {i}", side, price, energy, arrival=i)
        for i, (side, price, energy) in enumerate(
            [
                ("buy", 30, 1),
                ("sell", 20, 1),
                ("buy", 60, 1),
                ("buy", 50, 1),
                ("buy", 40, 2),
                ("sell", 10, 2),
            ]
        )
    )
    seed = seed_with(orders.peers, {"peer 2", "peer 3", "peer 4", "peer 5"})
    clearing = Muda(Muda.Options(seed=seed)).clear(orders)
    left = [row for row in told(clearing) if row[0] > 1]
    assert left == [(2, 1, 40), (3, 1, 40), (5, 2, 25)]
    assert clearing.surplus_ueur == 30


def test_a_peer_stays_in_its_half_whoever_else_is_there():
    few, many = ["anna", "bert"], ["zoe", "bert", "anna"]
    for seed in range(20):
        drawn = dict(zip(many, halves(many, seed, 3), strict=True))
        assert [drawn[peer] for peer in few] == halves(few, seed, 3).tolist()


def test_the_halves_are_alike_in_size_and_differ_by_seed_and_period():
    # By hand: of 10 000 fair coins, 4 800 to 5 200 is four standard deviations.
    peers = [f"house {i}" for i in range(10_000)]
    first = halves(peers, 7, 0)
    for other in (halves(peers, 8, 0), halves(peers, 7, 1)):
        assert 4_800 < first.sum() < 5_200
        assert 4_800 < (first ^ other).sum() < 5_200


def test_vcg_removes_a_peer_with_all_its_orders():
    # By hand: anna buys 2 Wh with two orders, cleo 1 Wh; dora sells 3 Wh of her 9. Without anna,
    # the bid of 30 left out would buy 1 Wh and dora keep the other, worth 10 to her: anna pays 40
    # for 2 Wh. cleo pays 30. dora gets what the buyers would lose without her, 90 + 80 + 50, for
    # emil asks more than any of them would pay.
    orders = Orders.of(
        [
            Order(0, "anna", "buy", 90, 1),
            Order(1, "anna", "buy", 80, 1),
            Order(2, "cleo", "buy", 50, 1),
            Order(3, "finn", "buy", 30, 1),
            Order(4, "dora", "sell", 10, 3),
            Order(5, "emil", "sell", 100, 1),
        ]
    )
    clearing = VickreyClarkeGroves().clear(orders)
    # dora: 90 + 80 + 50 = 220, two Wh at 73 and one at 74.
    assert told(clearing) == [(0, 1, 20), (1, 1, 20), (2, 1, 30), (4, 3, 73)]
    assert clearing.dearer_wh.tolist() == [0, 0, 0, 0, 1, 0]
    assert clearing.order_money_ueur()[4] == 220
    assert clearing.surplus_ueur == 20 + 20 + 30 - 220
    trades = pair_trades(clearing, orders, np.zeros((5, 5), dtype=np.int64))
    assert sum(t.energy_wh * (t.receipt_ticks or t.price_ticks) for t in trades) == 220


def test_muda_charges_the_longer_side_to_the_unit():
    # By hand: right (peers 0, 1) makes 25 of bid 30 and ask 20. Left at 25: 3 Wh to sell, a bid of
    # 60 for 3 Wh and one of 40 for 2 Wh. The winner keeps 2 Wh at 40 from trading; its third Wh
    # nobody else wants, so it costs 25: 105 in all, 3 Wh at 35. With a bid of 41 for 2 Wh it pays
    # 107, two of the Wh at 36.
    for limit, dearer in ((40, 0), (41, 2)):
        rows = [("buy", 30, 1), ("sell", 20, 1), ("buy", 60, 3), ("buy", limit, 2), ("sell", 10, 3)]
        orders = Orders.of(
            Order(i, f"peer {i}", side, price, energy, arrival=i)
            for i, (side, price, energy) in enumerate(rows)
        )
        seed = seed_with(orders.peers, {"peer 2", "peer 3", "peer 4"})
        clearing = Muda(Muda.Options(seed=seed)).clear(orders)
        assert [row for row in told(clearing) if row[0] > 1] == [(2, 3, 35), (4, 3, 25)]
        assert clearing.dearer_wh[2] == dearer
        assert clearing.surplus_ueur == 3 * 35 + dearer - 3 * 25


def test_one_equal_lot_per_peer_can_be_demanded():
    orders = Orders.of(
        [
            Order(4, "anna", "buy", 90, 5),
            Order(5, "bert", "sell", 10, 5),
            Order(6, "anna", "buy", 80, 5),
            Order(7, "cleo", "sell", 20, 9),
        ]
    )
    for mechanism in (TradeReduction, McAfee):
        with pytest.raises(OrderError) as caught:
            mechanism(mechanism.Options(lots="equal")).clear(orders)
        second, odd = caught.value.faults
        assert second.startswith("order 6 of 'anna': its peer's second")
        assert odd.startswith("order 7 of 'cleo': 9 Wh where the book's lot is 5 Wh")
        lots = orders.take([0, 1])
        assert mechanism(mechanism.Options(lots="equal")).clear(lots).price_ticks is None


@pytest.mark.parametrize("mechanism", AUCTIONS)
@pytest.mark.parametrize(("bids", "asks"), [([], []), ([10], []), ([], [10]), ([10, 9], [11, 12])])
def test_a_market_where_nothing_crosses_clears_to_nothing(mechanism, bids, asks):
    clearing = mechanism().clear(unit_book(bids, asks))
    assert clearing.price_ticks is None
    assert clearing.order_price_ticks is None
    assert clearing.surplus_ueur == 0
    assert not clearing.filled_wh.any()


@pytest.mark.parametrize("mechanism", AUCTIONS)
def test_no_auction_clears_two_periods_at_once(mechanism):
    orders = Orders.of([Order(1, "a", "buy", 5, 1, 0), Order(2, "b", "sell", 5, 1, 1)])
    with pytest.raises(OrderError, match="periods 0, 1 in one book"):
        mechanism().clear(orders)


@pytest.mark.parametrize("mechanism", [PayAsBid, VickreyClarkeGroves, Huang])
def test_what_pairs_pay_and_get_adds_up_to_the_surplus(mechanism):
    orders = textbook(300)
    clearing = mechanism().clear(orders)
    trades = pair_trades(clearing, orders, np.zeros((10, 10), dtype=np.int64))
    kept = sum(
        (t.price_ticks - (t.price_ticks if t.receipt_ticks is None else t.receipt_ticks))
        * t.energy_wh
        for t in trades
    )
    assert kept == clearing.surplus_ueur


PRICES = st.integers(-8, 8) | st.integers(-(10**9), 10**9)
ENERGIES = st.integers(1, 12) | st.integers(1, 10**8)


def books(prices, energies):
    """Books of up to 14 orders of five peers, on either side."""
    row = st.tuples(st.sampled_from(["buy", "sell"]), prices, energies, st.integers(0, 3))
    return st.builds(
        lambda rows, numbers: Orders.of(
            Order(number, f"peer {number % 5}", side, price, energy, arrival=arrival)
            for (side, price, energy, arrival), number in zip(rows, numbers, strict=False)
        ),
        st.lists(row, max_size=14),
        st.permutations(range(14)),
    )


ORDERS = books(PRICES, ENERGIES)
SMALL = books(st.integers(-4, 8), st.integers(1, 9))


@pytest.mark.parametrize("mechanism", AUCTIONS)
@given(orders=ORDERS)
def test_every_auction_keeps_the_promises_of_a_mechanism(mechanism, orders):
    # Energy balance, individual rationality, and the surplus to the unit.
    clearing = mechanism().clear(orders)
    check_clearing(orders, clearing)
    if clearing.volume_wh(orders) == 0:
        assert clearing.price_ticks is None
    if mechanism is VickreyClarkeGroves:
        assert clearing.surplus_ueur <= 0
    else:
        assert clearing.surplus_ueur >= 0


@pytest.mark.parametrize("mechanism", AUCTIONS)
@given(orders=ORDERS, data=st.data())
def test_the_order_of_rows_and_of_peers_makes_no_difference(mechanism, orders, data):
    rows = data.draw(st.permutations(range(len(orders))))
    straight = mechanism().clear(orders)
    shuffled = mechanism().clear(
        Orders.of([orders[i] for i in rows], data.draw(st.permutations(orders.peers)))
    )
    assert sorted((rows[i], *rest) for i, *rest in told(shuffled)) == told(straight)
    assert (shuffled.order_money_ueur() == straight.order_money_ueur()[rows]).all()
    assert shuffled.surplus_ueur == straight.surplus_ueur


@pytest.mark.parametrize("mechanism", [PayAsBid, VickreyClarkeGroves])
@given(orders=ORDERS)
def test_efficient_auctions_trade_what_the_uniform_price_trades(mechanism, orders):
    assert (mechanism().clear(orders).filled_wh == UniformPrice().clear(orders).filled_wh).all()


def single_wh(orders, side, best_first):
    """Every Wh of one side as (order, number), the best limit first, ties in turn."""
    turn = sorted(orders, key=lambda o: (best_first * o.price_ticks, o.arrival, o.order_id))
    return [order for order in turn if order.side == side for _ in range(order.energy_wh)]


def reduced_slowly(orders, *, rationed):
    """Match Wh by Wh, strike out the orders of the last pair, and cut the longer side."""
    bids, asks = single_wh(orders, "buy", -1), single_wh(orders, "sell", 1)
    pairs = [(b, a) for b, a in zip(bids, asks, strict=False) if b.price_ticks >= a.price_ticks]
    if not pairs:
        return {}, None
    struck = pairs[-1]
    sides = [
        [one for one in side if one is not last]
        for side, last in zip(zip(*pairs, strict=True), struck, strict=True)
    ]
    total_wh = min(map(len, sides))
    for side in sides:
        while len(side) > total_wh and rationed:
            held = sorted(
                {o.order_id: o for o in side}.values(), key=lambda o: (o.arrival, o.order_id)
            )
            for order in held[::-1][: len(side) - total_wh]:
                side.remove(order)
        del side[total_wh:]
    filled = {}
    for order in (*sides[0], *sides[1]):
        filled[order.order_id] = filled.get(order.order_id, 0) + 1
    return filled, tuple(order.price_ticks for order in struck)


@pytest.mark.parametrize("mechanism", [TradeReduction, Huang])
@given(orders=SMALL)
def test_reductions_are_those_of_a_slow_reference(mechanism, orders):
    filled, prices = reduced_slowly(orders, rationed=mechanism is Huang)
    clearing = mechanism().clear(orders)
    for order, energy, price in zip(orders, clearing.filled_wh, clearing.prices(), strict=True):
        assert energy == filled.get(order.order_id, 0)
        assert energy == 0 or price == prices[order.side == "sell"]


def gain_without(orders, peer):
    """What trade among the others adds. [µ€]"""
    others = orders.take(orders.peer_index != peer)
    sign = np.where(others.is_buy, others.price_ticks, -others.price_ticks)
    return int(sign @ UniformPrice().clear(others).filled_wh)


@given(orders=ORDERS)
def test_vcg_charges_what_clearing_again_without_the_peer_says(orders):
    # By the definition: gain of the others without the peer, less their gain with it.
    clearing = VickreyClarkeGroves().clear(orders)
    sign = np.where(orders.is_buy, 1, -1)
    worth = sign * orders.price_ticks * clearing.filled_wh
    money = sign * clearing.order_money_ueur()
    for peer in range(len(orders.peers)):
        own = orders.peer_index == peer
        due = gain_without(orders, peer) - int(worth[~own].sum())
        assert int(money[own].sum()) == due
