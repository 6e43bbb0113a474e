"""Vandebron: the worked example, one producer per buyer, and subscriptions to the µ€."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from market.book import Order, Orders
from market.mechanisms.uniform_price import UniformPrice
from market.mechanisms.vandebron import MONTH_S, Vandebron
from market.preferences import allowed, premium_ticks, rank
from market.promises import check_clearing

FREE = Vandebron(Vandebron.Options(subscription_eur_per_month=0))


def book(*rows, period=0):
    """Rows of (peer, side, price, energy, wishes), in order of arrival."""
    return Orders.of(
        Order(i, peer, side, price, energy, period, i, {"prefers": wishes})
        for i, (peer, side, price, energy, wishes) in enumerate(rows)
    )


def example(period=0):
    farm = (("farm", 0),)
    return book(
        ("farm", "sell", 210, 300, None),
        ("roof", "sell", 190, 500, None),
        ("anna", "buy", 300, 200, farm),
        ("bert", "buy", 300, 400, farm),
        ("cleo", "buy", 300, 100, None),
        period=period,
    )


def test_the_worked_example():
    # By hand, in the docstring.
    orders = example()
    clearing = Vandebron().clear(orders)
    check_clearing(orders, clearing)
    assert clearing.filled_wh.tolist() == [300, 100, 100, 200, 100]
    assert clearing.trades.price_ticks.tolist() == [210, 210, 190]
    owed = dict(zip(orders.peers, clearing.subscriptions_ueur.tolist(), strict=True))
    assert owed == {"anna": 3424, "bert": 3424, "cleo": 3424, "farm": 0, "roof": 0}


def test_what_a_producer_cannot_deliver_is_not_taken_from_another():
    # The uniform price would sell what anna and bert are short of from the roof, which has it.
    orders = example()
    short = orders.is_buy & (FREE.clear(orders).filled_wh < orders.energy_wh)
    assert short.sum() == 2
    assert (UniformPrice().clear(orders).filled_wh == orders.energy_wh)[short].all()


def test_who_names_nobody_buys_the_cheapest_it_accepts():
    orders = book(
        ("dear", "sell", 20, 5, None), ("cheap", "sell", 10, 5, None), ("home", "buy", 30, 5, None)
    )
    assert FREE.clear(orders).filled_wh.tolist() == [0, 5, 5]


def test_a_named_producer_beyond_the_limit_is_passed_over_for_the_next_wish():
    # By hand: a asks 40, beyond 30 + 5; b is second and asks 35, just 30 + 5; c is not named.
    orders = book(
        ("a", "sell", 40, 5, None),
        ("b", "sell", 35, 5, None),
        ("c", "sell", 10, 5, None),
        ("home", "buy", 30, 5, (("a", 5), ("b", 5))),
    )
    assert FREE.clear(orders).filled_wh.tolist() == [0, 5, 0, 5]


def test_odd_watt_hours_go_by_largest_remainder_then_to_who_came_first():
    # By hand: 100 Wh for three who want 100 each: 34, 33, 33; for 50 and 100: 33.3 and 66.7.
    equal = book(("a", "sell", 1, 100, None), *[(f"h{i}", "buy", 1, 100, None) for i in range(3)])
    assert FREE.clear(equal).filled_wh.tolist() == [100, 34, 33, 33]
    uneven = book(
        ("a", "sell", 1, 100, None), ("h0", "buy", 1, 50, None), ("h1", "buy", 1, 100, None)
    )
    assert FREE.clear(uneven).filled_wh.tolist() == [100, 33, 67]


@pytest.mark.parametrize(("eur", "period_s"), [(10.0, 3600), (7.13, 21_900), (0.01, 7300)])
def test_subscriptions_of_a_month_add_up_to_the_monthly_fee(eur, period_s):
    options = Vandebron.Options(subscription_eur_per_month=eur, period_s=period_s)
    platform, periods = Vandebron(options), MONTH_S // period_s
    assert periods * period_s == MONTH_S
    owed = [
        int(platform.clear(book(("h", "buy", 1, 1, None), period=k)).subscriptions_ueur[0])
        for k in range(periods)
    ]
    assert sum(owed) == round(eur * 1_000_000)
    assert max(owed) - min(owed) <= 1


@pytest.mark.parametrize(("payers", "who"), [("buyers", "abc"), ("everybody", "abcfr")])
def test_subscribers_owe_whether_they_trade_or_not(payers, who):
    orders = example().at_limits(np.array([999, 999, 0, 0, 0]))
    clearing = Vandebron(Vandebron.Options(payers=payers)).clear(orders)
    assert not clearing.filled_wh.any()
    owing = {orders.peers[i][0] for i in np.flatnonzero(clearing.subscriptions_ueur)}
    assert owing == set(who)


def test_without_a_fee_nobody_owes_anything():
    assert FREE.clear(example()).subscriptions_ueur is None


names = st.sampled_from(["a", "b", "c", "local"])
wish = st.lists(st.tuples(names, st.integers(0, 3)), max_size=3, unique_by=lambda one: one[0])


@given(
    sells=st.lists(
        st.tuples(st.sampled_from("abc"), st.integers(-4, 4), st.integers(1, 9)), max_size=5
    ),
    buys=st.lists(
        st.tuples(st.sampled_from("abxyz"), st.integers(-4, 6), st.integers(1, 9), wish.map(tuple)),
        max_size=5,
    ),
)
def test_each_order_has_the_one_offer_that_an_obvious_search_finds(sells, buys):
    orders = book(
        *[(peer, "sell", price, energy, None) for peer, price, energy in sells],
        *[(peer, "buy", price, energy, wishes) for peer, price, energy, wishes in buys],
    )
    clearing = FREE.clear(orders)
    trades, offers = clearing.trades, np.flatnonzero(~orders.is_buy)
    partners = {}
    if trades is not None:
        assert len(set(trades.buy_row.tolist())) == len(trades)
        partners = dict(zip(trades.buy_row.tolist(), trades.sell_row.tolist(), strict=True))
    wanted = np.zeros(len(orders), dtype=np.int64)
    for buy in np.flatnonzero(orders.is_buy).tolist():
        may = [
            (int(rank(orders, sell, buy)), int(orders.price_ticks[sell]), sell)
            for sell in offers.tolist()
            if allowed(orders, sell, buy)
            and orders.price_ticks[sell]
            <= orders.price_ticks[buy] + premium_ticks(orders, sell, buy)
        ]
        if not may:
            assert buy not in partners
            continue
        best = min(may)[2]
        wanted[best] += orders.energy_wh[buy]
        assert partners.get(buy, best) == best
    assert (
        clearing.filled_wh[offers].tolist() == np.minimum(wanted, orders.energy_wh)[offers].tolist()
    )
