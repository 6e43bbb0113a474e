"""Pairing, against all possibilities in small books and HiGHS in larger ones."""

from itertools import product

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.optimize import linprog
from scipy.sparse import eye, kron, vstack

from market.book import ClearedTrades, Clearing, Order, Orders
from market.mechanisms.uniform_price import UniformPrice
from market.network.charges import Charges, uniform_charges
from market.network.least_fee import EXACT_CELLS, least_fee_flow
from market.network.pairing import PairingError, pair_columns, pair_trades
from market.promises import check_clearing


def cleared(*rows):
    """Book and clearing of (peer, side, energy) rows that all trade, at 10 ticks."""
    orders = Orders.of(
        Order(i, peer, side, 10, energy, arrival=i) for i, (peer, side, energy) in enumerate(rows)
    )
    return Clearing(price_ticks=10, filled_wh=orders.energy_wh), orders


def told(trades):
    return [(t.seller, t.buyer, t.energy_wh, t.fee_ticks) for t in trades]


def test_the_least_total_fee_is_not_the_cheapest_pair_first():
    # By hand: a-c (1) leaves b-d (9), 10 per Wh; a-d (2) and b-c (3) cost 5.
    fees = np.zeros((4, 4), dtype=np.int64)
    fees[0, 2], fees[0, 3], fees[1, 2], fees[1, 3] = 1, 2, 3, 9
    pair = cleared(("a", "sell", 100), ("b", "sell", 100), ("c", "buy", 100), ("d", "buy", 100))
    assert told(pair_trades(*pair, fees)) == [("a", "d", 100, 2), ("b", "c", 100, 3)]


def test_trades_name_their_orders_and_sum_to_their_fills():
    # By hand: anna's two orders are served in turn, 60 and 40 Wh from each seller.
    clearing, orders = cleared(
        ("bert", "sell", 60), ("anna", "buy", 30), ("cleo", "sell", 40), ("anna", "buy", 70)
    )
    trades = pair_trades(clearing, orders, np.zeros((3, 3), dtype=np.int64))
    assert [(t.sell_order_id, t.buy_order_id, t.energy_wh) for t in trades] == [
        (0, 1, 30),
        (0, 3, 30),
        (2, 3, 40),
    ]
    assert all(t.price_ticks == 10 and t.receipt_ticks is None for t in trades)


def test_a_difference_of_prices_is_kept_in_the_trade():
    clearing, orders = cleared(("a", "sell", 5), ("b", "buy", 5))
    prices = Clearing(
        price_ticks=None,
        filled_wh=clearing.filled_wh,
        order_price_ticks=np.array([10, 12]),
        surplus_ueur=10,
    )
    (trade,) = pair_trades(prices, orders, np.zeros((2, 2), dtype=np.int64))
    assert (trade.price_ticks, trade.receipt_ticks) == (12, 10)


def test_nothing_cleared_is_nothing_paired():
    orders = Orders.of([Order(1, "a", "sell", 20, 5), Order(2, "b", "buy", 10, 5)])
    fees = np.zeros((2, 2), dtype=np.int64)
    assert pair_trades(UniformPrice().clear(orders), orders, fees) == []


def test_nobody_trades_with_itself_though_it_would_be_free():
    # By hand: a and b each sell and buy 5; crossing over costs 7 per Wh and is the only way.
    fees = np.array([[0, 7], [7, 0]])
    pair = cleared(("a", "sell", 5), ("b", "sell", 5), ("a", "buy", 5), ("b", "buy", 5))
    assert told(pair_trades(*pair, fees)) == [("a", "b", 5, 7), ("b", "a", 5, 7)]


def test_a_peer_that_has_to_trade_with_itself_is_named():
    pair = cleared(("a", "sell", 8), ("b", "sell", 2), ("a", "buy", 5), ("b", "buy", 5))
    with pytest.raises(PairingError, match=r"'a' sells 8 Wh and buys 5 Wh of 10 Wh"):
        pair_trades(*pair, np.zeros((2, 2), dtype=np.int64))


def test_fees_and_sums_that_do_not_fit_are_refused():
    clearing, orders = cleared(("a", "sell", 5), ("b", "buy", 6))
    with pytest.raises(PairingError, match="5 Wh are sold but 6 Wh bought"):
        pair_trades(clearing, orders, np.zeros((2, 2), dtype=np.int64))
    with pytest.raises(PairingError, match="each of 2 peers"):
        pair_trades(clearing, orders, np.zeros((3, 3), dtype=np.int64))


def all_flows(sold, bought):
    """Every way to move `sold` to `bought` in whole units."""
    if len(sold) == 1:
        return [np.array([bought])] if sold[0] == sum(bought) else []
    found = []
    for first in product(*(range(b + 1) for b in bought)):
        if sum(first) == sold[0]:
            rest = [b - f for b, f in zip(bought, first, strict=True)]
            found += [np.vstack([first, below]) for below in all_flows(sold[1:], rest)]
    return found


@given(data=st.data())
def test_small_pairings_cost_the_least_of_all_possibilities(data):
    bought = data.draw(st.lists(st.integers(1, 3), min_size=1, max_size=3))
    cut = data.draw(st.lists(st.integers(0, sum(bought)), max_size=2).map(sorted))
    sold = np.diff([0, *cut, sum(bought)])
    shape = (sold.size, len(bought))
    cells = sold.size * len(bought)
    fees = np.array(data.draw(st.lists(st.integers(0, 9), min_size=cells, max_size=cells))).reshape(
        shape
    )
    none = np.zeros(shape, dtype=bool)
    flow = least_fee_flow(sold, np.array(bought), fees, none)
    assert (flow * fees).sum() == min((way * fees).sum() for way in all_flows(list(sold), bought))


@pytest.mark.parametrize("n", [7, 30])
def test_larger_pairings_cost_what_the_linear_program_costs(n):
    # Independent: HiGHS on the same transport problem; its dual objective is the lower bound.
    rng = np.random.default_rng(n)
    sold = rng.integers(50, 3_000, n)
    bought = rng.multinomial(sold.sum(), rng.dirichlet(np.ones(2 * n)))
    fees = rng.integers(0, 40, (n, 2 * n))
    forbidden = np.zeros(fees.shape, dtype=bool)
    forbidden[0, 3] = True
    flow = least_fee_flow(sold, bought, fees, forbidden)
    sums = vstack([kron(eye(n), np.ones((1, 2 * n))), kron(np.ones((1, n)), eye(2 * n))])
    ends = np.concatenate([sold, bought])
    optimum = linprog(
        fees.ravel(),
        A_eq=sums.tocsr(),
        b_eq=ends,
        bounds=np.column_stack([np.zeros(fees.size), np.where(forbidden.ravel(), 0, np.inf)]),
    )
    assert flow[0, 3] == 0
    assert (flow * fees).sum() == pytest.approx(optimum.fun, abs=1e-6)
    assert optimum.eqlin.marginals @ ends == pytest.approx(optimum.fun, abs=1e-6)


def test_pairings_beyond_the_exact_size_serve_the_cheapest_pair_first():
    n = 510
    assert n * n > EXACT_CELLS
    # By hand: everybody is served by others for 1, so peer 1, dear to all, is left to itself and
    # has to change partners: its 5 000 Wh then cost 90 twice instead of once.
    sold, bought = np.full((2, n), 100)
    sold[1] = bought[1] = 5_000
    fees = np.ones((n, n), dtype=np.int64)
    fees[1, :] = fees[:, 1] = 90
    itself = np.eye(n, dtype=bool)
    flow = least_fee_flow(sold, bought, fees, itself)
    assert (flow.sum(axis=1) == sold).all()
    assert (flow.sum(axis=0) == bought).all()
    assert (flow >= 0).all()
    assert not flow[itself].any()
    assert (flow * fees).sum() == 2 * 5_000 * 90 + 100 * (n - 1) - 5_000


def test_the_order_of_peers_and_rows_makes_no_difference():
    rng = np.random.default_rng(11)
    n = 24
    names = [f"peer {i:02}" for i in range(n)]
    side = rng.permutation(np.repeat([True, False], n // 2))
    book = {
        "is_buy": side,
        "price_ticks": np.where(side, 90, 10),
        "energy_wh": rng.integers(10, 400, n),
        "order_id": np.arange(n),
    }
    fees = rng.integers(0, 30, (n, n))
    straight = Orders(peers=names, peer_index=np.arange(n), **book)
    new_place = rng.permutation(n)
    moved_names = [names[i] for i in np.argsort(new_place)]
    moved = Orders(peers=moved_names, peer_index=new_place, **book).take(rng.permutation(n))
    moved_fees = fees[np.ix_(np.argsort(new_place), np.argsort(new_place))]
    mechanism = UniformPrice()
    assert pair_trades(mechanism.clear(moved), moved, moved_fees) == pair_trades(
        mechanism.clear(straight), straight, fees
    )


def least_cost(sold, bought, fees):
    """Least total fee between peers that do not serve themselves, by HiGHS."""
    n = len(sold)
    sums = vstack([kron(eye(n), np.ones((1, n))), kron(np.ones((1, n)), eye(n))]).tocsr()
    may = np.where(np.eye(n, dtype=bool).ravel(), 0, np.inf)
    bounds = np.column_stack([np.zeros(n * n), may])
    found = linprog(fees.ravel(), A_eq=sums, b_eq=np.concatenate([sold, bought]), bounds=bounds)
    return found.fun if found.success else None


ENDS = st.tuples(st.integers(0, 2), st.integers(0, 9), st.integers(0, 9))


@given(peers=st.lists(ENDS, min_size=2, max_size=9), seed=st.integers(0, 2**32 - 1))
def test_pairing_by_place_costs_what_pairing_by_peer_costs(peers, seed):
    # Independent: HiGHS on the pairs of peers. Peers may sell and buy at once, at three places
    # whose inner fees may be dearer than those between them.
    place, sold, bought = np.array(peers).T
    short = int(sold.sum() - bought.sum())
    (bought if short > 0 else sold)[0] += abs(short)
    assume(sold.sum() > 0)
    rng = np.random.default_rng(seed)
    charges = Charges(rng.integers(0, 9, (3, 3)), place)
    rows = [(i, 0, w) for i, w in enumerate(sold)] + [(i, 1, w) for i, w in enumerate(bought)]
    peer, side, energy = np.array([row for row in rows if row[2]]).T
    names = [f"peer {i}" for i in rng.permutation(len(peers))]
    turn = rng.integers(0, 3, peer.size)
    orders = Orders(
        peers=names,
        peer_index=peer,
        is_buy=side == 1,
        price_ticks=np.full(peer.size, 10),
        energy_wh=energy,
        arrival=turn,
    )
    clearing = Clearing(price_ticks=10, filled_wh=orders.energy_wh)
    least = least_cost(sold, bought, charges.matrix())
    if least is None:
        with pytest.raises(PairingError, match="would trade with itself"):
            pair_columns(clearing, orders, charges)
        return
    paired = pair_columns(clearing, orders, charges)
    seller, buyer = peer[paired.sell_row], peer[paired.buy_row]
    assert (seller != buyer).all()
    assert (paired.energy_wh > 0).all()
    given_wh = np.bincount(paired.sell_row, paired.energy_wh, minlength=peer.size)
    taken_wh = np.bincount(paired.buy_row, paired.energy_wh, minlength=peer.size)
    assert (given_wh + taken_wh == energy).all()
    assert (paired.fee_ticks == charges.between(seller, buyer)).all()
    assert paired.fee_ticks @ paired.energy_wh == pytest.approx(least, abs=1e-6)
    pairs = list(zip(paired.sell_row.tolist(), paired.buy_row.tolist(), strict=True))
    assert len(set(pairs)) == len(pairs)


def test_at_one_place_everybody_who_sells_and_buys_finds_others():
    # By hand: of five peers that sell 10 and buy 10 Wh each at one place, nobody is left out.
    n = 5
    orders = Orders(
        peers=[f"peer {i}" for i in range(n)],
        peer_index=np.tile(np.arange(n), 2),
        is_buy=np.arange(2 * n) >= n,
        price_ticks=np.full(2 * n, 10),
        energy_wh=np.full(2 * n, 10),
    )
    clearing = Clearing(price_ticks=10, filled_wh=orders.energy_wh)
    paired = pair_columns(clearing, orders, uniform_charges(n, 3))
    assert (orders.peer_index[paired.sell_row] != orders.peer_index[paired.buy_row]).all()
    assert paired.energy_wh.sum() == 50
    assert paired.fee_ticks.tolist() == [3] * len(paired)


def test_ten_thousand_peers_at_a_hundred_places_are_paired_at_the_least_fee():
    # Independent: HiGHS between the places, for the peers at one place pay alike.
    rng = np.random.default_rng(5)
    n, places = 10_000, 100
    fees = rng.integers(0, 90, (places, places))
    charges = Charges(fees, rng.integers(0, places, n))
    is_buy = rng.permutation(np.arange(n) % 2 == 0)
    orders = Orders(
        peers=[f"peer {i}" for i in range(n)],
        peer_index=np.arange(n),
        is_buy=is_buy,
        price_ticks=np.where(is_buy, rng.integers(100, 400, n), rng.integers(50, 350, n)),
        energy_wh=rng.integers(1, 3_000, n),
    )
    clearing = UniformPrice().clear(orders)
    paired = pair_columns(clearing, orders, charges)
    sold, bought = (
        np.bincount(charges.place[side], clearing.filled_wh[side], minlength=places)
        for side in (~is_buy, is_buy)
    )
    ways = vstack(
        [kron(eye(places), np.ones((1, places))), kron(np.ones((1, places)), eye(places))]
    )
    best = linprog(fees.ravel(), A_eq=ways.tocsr(), b_eq=np.concatenate([sold, bought]))
    assert paired.fee_ticks @ paired.energy_wh == pytest.approx(best.fun, abs=1e-6)
    assert len(paired) < n + 2 * places


def test_energy_one_tick_dearer_becomes_a_trade_of_its_own():
    # By hand: 7 Wh for 3 × 12 + 4 × 13 = 88 µ€, of which the seller gets 7 × 12 + 1 = 85.
    orders = Orders.of([Order(1, "a", "sell", 10, 7), Order(2, "b", "buy", 20, 7)])
    clearing = Clearing(
        price_ticks=None,
        filled_wh=orders.energy_wh,
        order_price_ticks=np.array([12, 12]),
        dearer_wh=np.array([1, 4]),
        surplus_ueur=3,
    )
    check_clearing(orders, clearing)
    trades = pair_trades(clearing, orders, uniform_charges(2, 5))
    assert [(t.energy_wh, t.price_ticks, t.receipt_ticks) for t in trades] == [
        (3, 12, None),
        (3, 13, 12),
        (1, 13, None),
    ]


def test_receipts_and_fees_of_a_mechanisms_own_trades_are_kept():
    orders = Orders.of(
        [Order(1, "a", "sell", 10, 7), Order(2, "b", "buy", 20, 7)], charges=uniform_charges(2, 5)
    )
    made = ClearedTrades(*(np.array([x]) for x in (0, 1, 7, 14, 13, 5)))
    clearing = Clearing(
        price_ticks=None,
        filled_wh=orders.energy_wh,
        order_price_ticks=np.array([13, 19]),
        surplus_ueur=7,
        trades=made,
    )
    check_clearing(orders, clearing)
    (trade,) = pair_trades(clearing, orders, uniform_charges(2, 8))
    assert (trade.price_ticks, trade.receipt_ticks, trade.fee_ticks) == (14, 13, 5)


def test_charges_of_other_peers_are_refused():
    clearing, orders = cleared(("a", "sell", 5), ("b", "buy", 5))
    with pytest.raises(PairingError, match="places of 3 peers, expected 2"):
        pair_columns(clearing, orders, uniform_charges(3, 1))


BIDDERS = st.lists(
    st.tuples(st.booleans(), st.integers(-50, 400), st.integers(1, 900)), min_size=2, max_size=20
)


@given(bidders=BIDDERS, seed=st.integers(0, 2**32 - 1))
def test_with_bids_below_value_by_the_fee_cap_nobody_trades_at_a_loss(bidders, seed):
    n = len(bidders)
    fees = np.random.default_rng(seed).integers(0, 60, (n, n))
    cap = Charges(fees, np.arange(n)).cap_ticks
    value = {f"peer {i}": price for i, (_, price, _) in enumerate(bidders)}
    orders = Orders.of(
        (
            Order(i, f"peer {i}", "buy", price - cap, energy)
            if buys
            else Order(i, f"peer {i}", "sell", price, energy)
            for i, (buys, price, energy) in enumerate(bidders)
        ),
        peers=list(value),
    )
    clearing = UniformPrice().clear(orders)
    trades = pair_trades(clearing, orders, fees)
    for trade in trades:
        assert (
            trade.fee_ticks
            == fees[orders.peers.index(trade.seller), orders.peers.index(trade.buyer)]
        )
        assert trade.price_ticks + trade.fee_ticks <= value[trade.buyer]
        assert trade.price_ticks >= value[trade.seller]
    for i in range(n):
        traded = sum(t.energy_wh for t in trades if i in (t.sell_order_id, t.buy_order_id))
        assert traded == clearing.filled_wh[i]
