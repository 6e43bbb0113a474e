"""Entry and exit fees inside the clearing, with every mechanism that clears orders."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from market.book import Clearing, Mechanism, Order, Orders
from market.mechanisms.continuous import ContinuousAuction
from market.mechanisms.huang import Huang
from market.mechanisms.mcafee import McAfee
from market.mechanisms.muda import Muda
from market.mechanisms.node_fees import NodeFees
from market.mechanisms.pay_as_bid import PayAsBid
from market.mechanisms.trade_reduction import TradeReduction
from market.mechanisms.uniform_price import UniformPrice
from market.mechanisms.vcg import VickreyClarkeGroves
from market.network.charges import ChargeError, Charges, node_charges, uniform_charges
from market.network.pairing import pair_columns, pair_trades
from market.promises import ClearingError, check_clearing

CALL_AUCTIONS = [
    UniformPrice,
    PayAsBid,
    TradeReduction,
    McAfee,
    Huang,
    VickreyClarkeGroves,
    Muda,
]


def nodes(entry, leave, place):
    """Charges of these entry and exit fees."""
    entry, leave = np.array(entry), np.array(leave)
    return Charges(entry[:, None] + leave, np.array(place), entry, leave)


# By hand: anna and bert sell at nodes with entry fees of 3 and 8, cleo and dora buy at nodes with
# exit fees of 2 and 1.
CHARGES = nodes([3, 8, 0, 0], [0, 0, 2, 1], [0, 1, 2, 3])
BOOK = Orders.of(
    [
        Order(1, "anna", "sell", 100, 50),
        Order(2, "bert", "sell", 99, 50),
        Order(3, "cleo", "buy", 120, 40),
        Order(4, "dora", "buy", 107, 40),
    ],
    charges=CHARGES,
)


def test_fees_decide_who_trades_and_who_gets_what():
    # By hand: net of fees anna asks 103, bert 107, cleo bids 118 and dora 106: cleo buys 40 Wh of
    # anna, and dora 10 Wh more; bert, who asks least but sits far away, sells nothing. dora is
    # filled in part, anna whole: the price is between 106 and 106. anna nets 103; cleo pays 108
    # and dora 107, of which 5 and 4 are the grid owner's.
    clearing = NodeFees(UniformPrice()).clear(BOOK)
    check_clearing(BOOK, clearing)
    assert clearing.filled_wh.tolist() == [50, 0, 40, 10]
    assert clearing.price_ticks == 106
    assert clearing.order_price_ticks[[0, 2, 3]].tolist() == [103, 108, 107]
    assert (clearing.surplus_ueur, clearing.fees_ueur) == (0, 50 * 3 + 40 * 2 + 10 * 1)
    trades = pair_trades(clearing, BOOK, CHARGES)
    told = [(t.seller, t.buyer, t.energy_wh, t.price_ticks, t.fee_ticks) for t in trades]
    assert told == [("anna", "cleo", 40, 103, 5), ("anna", "dora", 10, 103, 4)]
    assert all(trade.receipt_ticks is None for trade in trades)


def test_trades_of_a_continuous_auction_carry_the_fees_of_their_nodes():
    # By hand: anna asks 103 net of her fee; cleo comes later and pays that, with her own fee 105.
    clearing = NodeFees(ContinuousAuction()).clear(BOOK)
    check_clearing(BOOK, clearing)
    first = pair_trades(clearing, BOOK, CHARGES)[0]
    assert (first.seller, first.buyer, first.price_ticks, first.fee_ticks) == (
        "anna",
        "cleo",
        100,
        5,
    )
    assert clearing.order_price_ticks[2] == 105


def test_a_book_without_charges_per_node_is_refused():
    for charges in (None, uniform_charges(4, 3)):
        with pytest.raises(ChargeError, match="no charges per node; give it node_charges"):
            NodeFees(UniformPrice()).clear(BOOK.with_charges(charges))


def test_it_is_a_mechanism_with_the_options_of_the_one_inside():
    wrapped = NodeFees(Muda(Muda.Options(seed=3)))
    assert isinstance(wrapped, Mechanism)
    assert wrapped.Options is Muda.Options


def test_fees_that_are_not_those_of_the_book_are_found():
    told = NodeFees(UniformPrice()).clear(BOOK)
    dearer = BOOK.with_charges(nodes([3, 8, 0, 0], [0, 0, 2, 2], [0, 1, 2, 3]))
    with pytest.raises(ClearingError, match=r"order 4 of 'dora': its fee is 1 ticks, by .* 2"):
        check_clearing(dearer, told)
    with pytest.raises(ClearingError, match="the book's charges have none"):
        check_clearing(BOOK.with_charges(None), told)
    one_price = Clearing(price_ticks=106, filled_wh=told.filled_wh, fee_ticks=told.fee_ticks)
    with pytest.raises(ClearingError, match="only one is given"):
        check_clearing(BOOK, one_price)


@st.composite
def books(draw):
    """Up to twelve orders of six peers at three nodes, each on one side."""
    rows = draw(
        st.lists(
            st.tuples(st.integers(0, 5), st.integers(-40, 120), st.integers(1, 30)), max_size=12
        )
    )
    fees = st.lists(st.integers(0, 25), min_size=3, max_size=3)
    charges = nodes(draw(fees), draw(fees), [0, 1, 2, 0, 1, 2])
    return Orders.of(
        (
            Order(i, f"peer {peer}", "buy" if peer % 2 else "sell", price, energy, arrival=i)
            for i, (peer, price, energy) in enumerate(rows)
        ),
        peers=[f"peer {i}" for i in range(6)],
        charges=charges,
    )


@pytest.mark.parametrize("mechanism", [*CALL_AUCTIONS, ContinuousAuction])
@given(orders=books())
def test_money_of_buyers_is_that_of_sellers_grid_and_operator(mechanism, orders):
    clearing = NodeFees(mechanism()).clear(orders)
    check_clearing(orders, clearing)
    paired = pair_columns(clearing, orders, orders.charges)
    paid = (paired.price_ticks + paired.fee_ticks) * paired.energy_wh
    got, due = paired.receipt_ticks * paired.energy_wh, paired.fee_ticks * paired.energy_wh
    assert paid.sum() == got.sum() + due.sum() + clearing.surplus_ueur
    # Order by order, nobody is beyond its limit, fees included, and contracts add up to orders.
    limit, money = orders.price_ticks, clearing.order_money_ueur()
    assert (paired.price_ticks + paired.fee_ticks <= limit[paired.buy_row]).all()
    assert (paired.receipt_ticks >= limit[paired.sell_row]).all()
    told = np.zeros(len(orders), dtype=np.int64)
    np.add.at(told, paired.sell_row, got)
    np.add.at(told, paired.buy_row, paid)
    assert (told == money).all()
    # The grid's owner gets the entry fee of the one and the exit fee of the other node.
    charges, peer = orders.charges, orders.peer_index
    entry = charges.entry_ticks[charges.place[peer[paired.sell_row]]]
    leave = charges.exit_ticks[charges.place[peer[paired.buy_row]]]
    assert (paired.fee_ticks == entry + leave).all()


@given(orders=books())
def test_without_fees_it_changes_nothing(orders):
    free = orders.with_charges(nodes([0, 0, 0], [0, 0, 0], orders.charges.place))
    wrapped, plain = NodeFees(UniformPrice()).clear(free), UniformPrice().clear(orders)
    assert (wrapped.filled_wh == plain.filled_wh).all()
    assert wrapped.price_ticks == plain.price_ticks


@given(orders=books(), lie=st.integers(-60, 140), row=st.integers(0, 11))
def test_vcg_stays_truthful_with_fees(orders, lie, row):
    # A peer with one order gains nothing by another limit: what it gains is its true limit, less
    # what it pays in all, or what it nets, less its true limit.
    if row >= len(orders) or (orders.peer_index == orders.peer_index[row]).sum() > 1:
        return
    limits = orders.price_ticks.copy()
    limits[row] = lie
    mechanism = NodeFees(VickreyClarkeGroves())
    gains = []
    for told in (orders, orders.at_limits(limits)):
        clearing = mechanism.clear(told)
        worth = orders.price_ticks[row] * clearing.filled_wh[row]
        gain = worth - clearing.order_money_ueur()[row]
        gains.append(gain if orders.is_buy[row] else -gain)
    assert gains[1] <= gains[0]


@given(
    place=st.lists(st.integers(0, 2), min_size=2, max_size=8),
    cells=st.lists(st.integers(0, 30), min_size=9, max_size=9),
)
def test_node_charges_of_pairs_can_be_cleared(place, cells):
    charges = node_charges(Charges(np.array(cells).reshape(3, 3), np.array(place)))
    orders = Orders.of(
        [Order(0, "a", "sell", 10, 5), Order(1, "b", "buy", 200, 5)],
        peers=["a", "b", *map(str, range(len(place) - 2))],
        charges=charges,
    )
    clearing = NodeFees(UniformPrice()).clear(orders)
    check_clearing(orders, clearing)
    assert clearing.fees_ueur == 5 * charges.between(0, 1)
