"""Whether saying something else than the truth ever pays, tried out on small books.

A peer's gain is what the energy is worth to it, by its true limits, less what it pays. Where an
auction is truthful it is tested as it is defined; the others fail the same test. As Myerson and
Satterthwaite showed (J. Econ. Theory, vol. 29, 1983), none can be efficient, individually rational,
budget balanced and truthful at once.
"""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st

from market.book import Order, Orders
from market.mechanisms.huang import Huang
from market.mechanisms.mcafee import McAfee
from market.mechanisms.muda import Muda
from market.mechanisms.pay_as_bid import PayAsBid
from market.mechanisms.trade_reduction import TradeReduction
from market.mechanisms.uniform_price import UniformPrice
from market.mechanisms.vcg import VickreyClarkeGroves
from market.promises import check_clearing

EQUAL_LOTS = {
    TradeReduction: TradeReduction(TradeReduction.Options(lots="equal")),
    McAfee: McAfee(McAfee.Options(lots="equal")),
}


def single(rows, energies):
    """One order per peer, of (side, price, arrival) rows."""
    return [
        Order(i, f"peer {i}", side, price, energy, arrival=arrival)
        for i, ((side, price, arrival), energy) in enumerate(zip(rows, energies, strict=False))
    ]


SIDES = st.sampled_from(["buy", "sell"])
ROWS = st.lists(st.tuples(SIDES, st.integers(-2, 12), st.integers(0, 2)), min_size=2, max_size=7)
LOTS = st.builds(lambda rows, energy: single(rows, [energy] * 8), ROWS, st.integers(1, 3))
SIZES = st.builds(single, ROWS, st.lists(st.integers(1, 6), min_size=8, max_size=8))


@st.composite
def several(draw):
    """Several orders per peer, with energies that differ."""
    sides = draw(st.lists(SIDES, min_size=2, max_size=5))
    orders = []
    for peer, side in enumerate(sides):
        for _ in range(draw(st.integers(1, 3))):
            price, energy = draw(st.integers(-1, 8)), draw(st.integers(1, 4))
            orders.append(Order(len(orders), f"peer {peer}", side, price, energy))
    return orders


def true_worth(truth, bought_wh, sold_wh):
    """What energy is worth to a peer: its dearest bids, less its cheapest asks. [µ€]"""
    bids = sorted(o.price_ticks for o in truth if o.side == "buy" for _ in range(o.energy_wh))
    asks = sorted(o.price_ticks for o in truth if o.side == "sell" for _ in range(o.energy_wh))
    assert bought_wh <= len(bids)
    assert sold_wh <= len(asks)
    return sum(bids[len(bids) - bought_wh :]) - sum(asks[:sold_wh])


def gain(mechanism, orders, told, peer):
    """What a peer gains by its true orders when the market is told others. [µ€], and Wh traded"""
    book = Orders.of(told, sorted({order.peer for order in orders}))
    clearing = mechanism.clear(book)
    check_clearing(book, clearing)
    own = book.peer_index == book.peers.index(peer)
    buys, sells = own & book.is_buy, own & ~book.is_buy
    filled, money = clearing.filled_wh, clearing.order_money_ueur()
    bought_wh, sold_wh = int(filled[buys].sum()), int(filled[sells].sum())
    truth = [order for order in orders if order.peer == peer]
    money_ueur = int(money[buys].sum() - money[sells].sum())
    return true_worth(truth, bought_wh, sold_wh) - money_ueur, bought_wh + sold_wh


def price_lies(orders):
    """Every book in which one order says another price, with its peer."""
    for i, order in enumerate(orders):
        for price in range(-3, 14):
            lie = replace(order, price_ticks=price)
            yield order.peer, [*orders[:i], lie, *orders[i + 1 :]]


def best_lie(mechanism, orders):
    """The most that any peer gains by one wrong price over the truth. [µ€]"""
    honest = {o.peer: gain(mechanism, orders, orders, o.peer)[0] for o in orders}
    return max(
        gain(mechanism, orders, told, peer)[0] - honest[peer] for peer, told in price_lies(orders)
    )


@pytest.mark.parametrize("mechanism", EQUAL_LOTS.values(), ids=lambda m: type(m).__name__)
@given(orders=LOTS)
def test_no_price_but_the_true_one_pays_with_one_equal_lot_per_peer(mechanism, orders):
    assert best_lie(mechanism, orders) <= 0


@given(orders=SIZES)
def test_no_price_but_the_true_one_pays_under_vcg_whatever_the_sizes(orders):
    assert best_lie(VickreyClarkeGroves(), orders) <= 0


@given(orders=SIZES)
def test_no_price_but_the_true_one_pays_in_huangs_auction_whatever_the_sizes(orders):
    assert best_lie(Huang(), orders) <= 0


def test_announcing_more_energy_can_pay_in_huangs_auction():
    # By hand: bids of 60 (6 Wh) and 50 (6 Wh) share 6 Wh evenly and pay 40, the last bid. With 9
    # Wh announced, the gap of 9 Wh is cut 4 and 5 Wh: the first gets 5 Wh instead of 3.
    def bought(announced_wh):
        orders = single(
            [("buy", 60, 0), ("buy", 50, 1), ("buy", 40, 2), ("sell", 10, 3), ("sell", 20, 4)],
            [announced_wh, 6, 9, 6, 20],
        )
        return Huang().clear(Orders.of(orders)).filled_wh[0]

    assert (bought(6), bought(9)) == (3, 5)


@pytest.mark.parametrize("mechanism", [UniformPrice(), PayAsBid()], ids=lambda m: type(m).__name__)
def test_the_same_test_catches_auctions_in_which_lying_pays(mechanism):
    quick = settings(max_examples=200, deadline=None, database=None, phases=[Phase.generate])
    book = find(LOTS, lambda orders: best_lie(mechanism, orders) > 0, settings=quick)
    assert best_lie(mechanism, book) > 0


def test_a_buyer_lowers_the_uniform_price_by_saying_less():
    # By hand: 100 against 50 makes 75; saying 60 makes 55 and saves 20.
    orders = single([("buy", 100, 0), ("sell", 50, 0)], [1, 1])
    lie = [replace(orders[0], price_ticks=60), orders[1]]
    assert gain(UniformPrice(), orders, orders, "peer 0") == (25, 1)
    assert gain(UniformPrice(), orders, lie, "peer 0") == (45, 1)


@pytest.mark.parametrize("mechanism", [TradeReduction(), McAfee()], ids=lambda m: type(m).__name__)
def test_unequal_lots_break_the_truthfulness_that_is_then_not_claimed(mechanism):
    # By hand: 5 Wh cross; the bid of 30 and the ask of 20 are given up, and of the 4 Wh left to
    # buy, the 2 Wh left to sell go to the bid of 50. Saying 60, the bid of 40 gets them at 30.
    orders = single(
        [("buy", 50, 0), ("buy", 40, 1), ("buy", 30, 2), ("sell", 10, 3), ("sell", 20, 4)],
        [2, 2, 2, 2, 3],
    )
    lie = [orders[0], replace(orders[1], price_ticks=60), *orders[2:]]
    assert gain(mechanism, orders, orders, "peer 1") == (0, 0)
    assert gain(mechanism, orders, lie, "peer 1") == (20, 2)


def book_lie(draw, orders, peer):
    """What a peer may say instead: other limits, and not more energy than it has."""
    return [
        replace(
            order,
            price_ticks=draw(st.integers(-3, 10)),
            energy_wh=draw(st.integers(1, order.energy_wh)),
        )
        for order in orders
        if order.peer == peer and draw(st.integers(0, 4)) > 0
    ]


@pytest.mark.parametrize(
    "mechanism",
    [VickreyClarkeGroves(), *(Muda(Muda.Options(seed=seed)) for seed in range(4))],
    ids=["vcg", "muda 0", "muda 1", "muda 2", "muda 3"],
)
@given(orders=several(), data=st.data())
def test_no_other_set_of_orders_pays(mechanism, orders, data):
    # The whole peer misreports: every limit, the energies, and which orders it gives. MUDA's
    # split is by name and seed, so the lie does not move it.
    peer = data.draw(st.sampled_from(sorted({order.peer for order in orders})))
    others = [order for order in orders if order.peer != peer]
    honest, _ = gain(mechanism, orders, orders, peer)
    for _ in range(5):
        lied, _ = gain(mechanism, orders, others + book_lie(data.draw, orders, peer), peer)
        assert lied <= honest


def test_the_same_sets_of_orders_catch_the_uniform_price():
    # By hand: bids of 50 and 40 by one peer and asks of 10 and 30 make 35. Without the second bid,
    # one Wh trades between 10 and 30, the ask left out: 20.
    orders = [
        Order(0, "peer 0", "buy", 50, 1),
        Order(1, "peer 0", "buy", 40, 1),
        Order(2, "peer 1", "sell", 10, 1),
        Order(3, "peer 2", "sell", 30, 1),
    ]
    honest, _ = gain(UniformPrice(), orders, orders, "peer 0")
    less, _ = gain(UniformPrice(), orders, [orders[0], *orders[2:]], "peer 0")
    # Worth 90 for two Wh at 35, or 50 for one at 20.
    assert (honest, less) == (20, 30)


CLAIMS = {
    "pay_as_bid": (PayAsBid(), True, True, False),
    "uniform_price": (UniformPrice(), True, True, False),
    "vcg": (VickreyClarkeGroves(), True, False, True),
    "trade_reduction": (EQUAL_LOTS[TradeReduction], False, True, True),
    "mcafee": (EQUAL_LOTS[McAfee], False, True, True),
}


@pytest.mark.parametrize("name", CLAIMS)
def test_nothing_is_efficient_balanced_and_truthful_at_once(name):
    # Every pair of one bid and one ask of 1 Wh from 0 to 4 ticks: all are individually rational
    # (checked on the way), and each fails exactly what it does not claim.
    mechanism, *claimed = CLAIMS[name]
    efficient = balanced = truthful = True
    for bid, ask in product(range(5), repeat=2):
        orders = single([("buy", bid, 0), ("sell", ask, 0)], [1, 1])
        clearing = mechanism.clear(Orders.of(orders))
        efficient &= bid <= ask or bool(clearing.filled_wh.any())
        balanced &= clearing.surplus_ueur >= 0
        truthful &= best_lie(mechanism, orders) <= 0
    assert [efficient, balanced, truthful] == claimed
    assert not all(claimed)


@given(orders=LOTS)
def test_mcafee_and_trade_reduction_lose_at_most_the_last_trade(orders):
    book = Orders.of(orders)
    best_wh = UniformPrice().clear(book).volume_wh(book)
    for mechanism in EQUAL_LOTS.values():
        lost_wh = best_wh - mechanism.clear(book).volume_wh(book)
        assert lost_wh in (0, orders[0].energy_wh)


@given(orders=several())
def test_halves_of_muda_do_not_trade_more_than_the_whole(orders):
    book = Orders.of(orders)
    sign = np.where(book.is_buy, 1, -1)
    whole, split = (
        int((sign * book.price_ticks) @ mechanism.clear(book).filled_wh)
        for mechanism in (UniformPrice(), Muda())
    )
    assert 0 <= split <= whole
