"""The leading manager: prices against every other pair of ticks, followers against their KKT."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from market.billing.rule import Tariffs
from market.book import Orders
from market.designs.problem import Agents
from market.flexibility import FlexibilityError
from market.flexibility.stackelberg import follow, follower_residual, lead, leader_profit
from market.flexibility.stackelberg_market import StackelbergMarket
from market.promises import check_clearing

TARIFFS = Tariffs(retail_ticks=35, feed_in_ticks=8)


def community(a, b, low_wh, high_wh):
    return Agents(a=a, b=b, c=np.zeros(len(a)), low_wh=low_wh, high_wh=high_wh)


@st.composite
def followers(draw):
    """Sellers, buyers and prosumers, some of them with linear utility."""
    n = draw(st.integers(1, 5))
    lows = draw(st.lists(st.integers(-500, 0), min_size=n, max_size=n))
    highs = draw(st.lists(st.integers(0, 500), min_size=n, max_size=n))
    curves = draw(st.lists(st.sampled_from([0.0, 0.02, 0.1, 0.5]), min_size=n, max_size=n))
    limits = draw(st.lists(st.integers(-5, 45), min_size=n, max_size=n))
    return community(curves, limits, lows, highs)


def reckoned(agents, buy, sell):
    """The leader's profit by the followers' own programs, each solved over its candidates."""
    supply = demand = 0.0
    for a, b, low, high in zip(agents.a, agents.b, agents.low_wh, agents.high_wh, strict=True):
        choices = [0.0, low, high]
        choices += [(price - b) / a for price in (buy, sell) if a]
        choices = [p for p in choices if low <= p <= high]
        # Utility is concave on either side of 0, so its largest is at one of these; who is
        # indifferent trades most.
        best = max(
            choices,
            key=lambda p: (
                round((buy if p > 0 else sell) * p - a / 2 * p * p - b * p, 6),
                abs(p),
            ),
        )
        supply, demand = supply + max(best, 0.0), demand + max(-best, 0.0)
    missing = demand - supply
    market = 35 * missing if missing > 0 else 8 * missing
    return sell * demand - buy * supply - market


def test_a_buyer_beside_a_surplus_is_charged_between_feed_in_and_its_limit():
    # By hand: 1000 Wh come whatever is paid, so at feed-in, 10. D(σ) = (30 − σ)/0.1 earns
    # (σ − 10)·D(σ), which is largest at 20: 10 · 100 Wh.
    agents = community([0.0, 0.1], [0.0, 30.0], [1000.0, -1000.0], [1000.0, 0.0])
    found = lead(agents, Tariffs(retail_ticks=35, feed_in_ticks=10))
    assert (found.buy_ticks, found.sell_ticks) == (10, 20)
    assert found.profit_ueur == pytest.approx(1000.0)


def test_supply_and_demand_that_match_earn_the_spread():
    # By hand: 100 Wh offered from 10 and wanted up to 30, so β = 10, σ = 30, 100 Wh · 20.
    agents = community([0.0, 0.0], [10.0, 30.0], [0.0, -100.0], [100.0, 0.0])
    found = lead(agents, TARIFFS)
    assert (found.buy_ticks, found.sell_ticks, found.profit_ueur) == (10, 30, 2000.0)
    assert found.injection_wh.tolist() == [100.0, -100.0]


@given(agents=followers())
def test_no_deviation_of_the_leader_on_a_one_tick_grid_gains(agents):
    found = lead(agents, TARIFFS)
    every = [reckoned(agents, buy, sell) for buy in range(8, 36) for sell in range(buy, 36)]
    assert found.profit_ueur == pytest.approx(max(every), rel=1e-9, abs=1e-6)
    told = leader_profit(agents, TARIFFS, found.buy_ticks, found.sell_ticks)
    assert told == pytest.approx(found.profit_ueur)


@given(agents=followers(), prices=st.tuples(st.integers(8, 35), st.integers(8, 35)))
def test_followers_hold_their_optimality_conditions(agents, prices):
    buy, sell = sorted(prices)
    injection = follow(agents, buy, sell)
    assert follower_residual(agents, injection, buy, sell) <= 1e-8
    assert (injection >= agents.low_wh).all()
    assert (injection <= agents.high_wh).all()


def test_who_does_not_follow_has_a_residual():
    # By hand: at 20 the marginal cost 10 + 0.1·50 = 15 is 5 short; drawing costs 30 against 10.
    agents = community([0.1], [10.0], [-100.0], [200.0])
    assert follower_residual(agents, np.array([50.0]), 20, 30) == pytest.approx(5.0)
    assert follower_residual(agents, np.array([-50.0]), 20, 30) == pytest.approx(25.0)
    assert follower_residual(agents, np.array([0.0]), 20, 30) == pytest.approx(10.0)


def test_too_wide_tariffs_are_refused_with_the_remedy():
    agents = community([0.1], [10.0], [-100.0], [200.0])
    with pytest.raises(FlexibilityError, match=r"10001 prices.*narrow the tariffs"):
        lead(agents, Tariffs(retail_ticks=10_000, feed_in_ticks=0))


def book(rows, slopes=None):
    """Orders of (side, limit, energy), each of its own peer."""
    side, price, energy = zip(*rows, strict=True)
    return Orders(
        peers=[f"peer {i}" for i in range(len(rows))],
        peer_index=np.arange(len(rows)),
        is_buy=np.array([s == "buy" for s in side]),
        price_ticks=list(price),
        energy_wh=list(energy),
        attributes={} if slopes is None else {"slope": slopes},
    )


def test_the_mechanism_keeps_the_widest_spread_that_pays():
    # By hand: 30/10 passes 100 Wh for 2000; 24/10 passes 200 Wh for 2800; 24/14 would pass no
    # more, for the buyers take 200.
    orders = book([("buy", 30, 100), ("buy", 24, 100), ("sell", 10, 300), ("sell", 14, 50)])
    clearing = StackelbergMarket().clear(orders)
    check_clearing(orders, clearing)
    assert clearing.filled_wh.tolist() == [100, 100, 200, 0]
    assert (clearing.surplus_ueur, clearing.order_price_ticks.tolist()) == (2800, [24, 24, 10, 10])


def test_the_longer_side_shares_by_what_it_would_trade():
    # By hand: 90 Wh for two who want 100 and 50: 60 and 30.
    orders = book([("buy", 30, 100), ("buy", 30, 50), ("sell", 10, 90)])
    assert StackelbergMarket().clear(orders).filled_wh.tolist() == [60, 30, 90]


def test_an_order_with_a_slope_follows_its_marginal_value():
    # By hand: the buyer takes (30 − σ)/0.1 up to 200 Wh, the seller asks 10: (σ − 10)(30 − σ)/0.1
    # is largest at σ = 20 with 100 Wh, 1000 µ€.
    orders = book([("buy", 30, 200), ("sell", 10, 200)], slopes=[0.1, 0.0])
    clearing = StackelbergMarket().clear(orders)
    assert (clearing.filled_wh.tolist(), clearing.surplus_ueur) == ([100, 100], 1000)
