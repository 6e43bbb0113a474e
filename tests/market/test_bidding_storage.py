import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import linprog

from market.bidders._storage_curve import Expected, values_of
from market.bidders.protocol import Outlook
from market.bidders.storage import StorageAware
from market.bidders.table import Seat, Table
from market.bidders.truthful import Truthful
from market.book import Clearing, Orders

EFFICIENCY = 0.8
STORE = {
    "stored_wh": np.array([400]),
    "room_wh": np.array([500]),
    "held_wh": np.array([1000]),
    "size_wh": np.array([4000]),
    "power_wh": np.array([1000]),
    "efficiency": np.array([EFFICIENCY]),
}


def bids(bidder, net_wh, ahead_wh, *, feed_in=80, retail=350, fee=0, **more):
    """Orders of one peer with a store, as (side, Wh, ticks), in the order given."""
    outlook = Outlook.plain(
        [net_wh],
        feed_in_ticks=feed_in,
        retail_ticks=retail,
        fee_cap_ticks=fee,
        ahead_wh=np.array([ahead_wh]).reshape(1, -1),
        **{**STORE, **more},
    )
    orders = Table(["it"], [Seat("it", bidder, np.arange(1))]).orders(outlook)
    return [(order.side, order.energy_wh, order.price_ticks) for order in orders]


def looking_ahead(**options):
    return StorageAware(StorageAware.Options(**options))


# Two periods, closed form


def test_stored_energy_that_is_bought_back_is_sold_only_above_its_price_over_efficiency():
    # By hand: full, so nothing can be stored; in the next period sun at 80 ticks refills, and
    # more of it than the store takes: what is sold now costs 80 / 0.8 = 100 then.
    full = {"room_wh": np.array([0]), "held_wh": np.array([4000])}
    final = looking_ahead(final_ticks=300)
    assert bids(final, 0, [5000], **full) == [("sell", 400, 100)]


def test_energy_is_bought_to_store_only_below_later_value_times_efficiency():
    # By hand: an empty store; what it holds in the next period saves 350 ticks: 0.8 · 350 = 280,
    # and 20 of it go to the fee at worst.
    empty = {"stored_wh": np.array([0]), "held_wh": np.array([0])}
    assert bids(looking_ahead(), -100, [-1000], fee=20, **empty) == [
        ("buy", 500, 260),
        ("buy", 100, 330),
    ]


def test_what_is_needed_later_is_kept_from_those_who_pay_less():
    # By hand: 1000 Wh are held and needed in the next period, where they save 350 ticks.
    # Nothing is sold below, and surplus that would be stored is worth as much as a sale then.
    assert bids(Truthful(), 100, [-1000]) == [("sell", 100, 80), ("sell", 400, 350)]


def test_surplus_is_sold_only_above_what_it_is_worth_when_stored():
    # By hand: 700 Wh of surplus; the store would take 500 of it, of which 400 remain, worth 350
    # each in the next period: 280 for each that is stored. The rest has the supplier only.
    empty = {"stored_wh": np.array([0]), "held_wh": np.array([0])}
    assert bids(looking_ahead(), 700, [-1000], **empty) == [("sell", 200, 80), ("sell", 500, 280)]


def test_value_falls_with_what_is_stored_so_offers_rise_in_steps():
    # By hand: 700 of the 1000 Wh held are needed later. The other 300 are sold at the horizon.
    # With a quarter of an hour's 400 Wh, the last hundred is worth 350.
    assert bids(looking_ahead(), 0, [-700]) == [("sell", 300, 80), ("sell", 100, 350)]


def test_need_is_met_from_the_store_where_that_is_cheaper():
    # By hand: 1000 Wh are held, none is needed later, so each is worth 80: of a need of 600 Wh
    # the store covers 400, and a purchase in its place is worth no more than 80; the rest has
    # the supplier at 350.
    assert bids(looking_ahead(), -600, [0], room_wh=np.array([0])) == [
        ("buy", 400, 80),
        ("buy", 200, 350),
    ]


def test_a_market_price_that_was_learnt_counts_as_much_as_it_is_trusted():
    # By hand: learnt 200, trusted by half: need later costs (350 + 200) / 2 = 275, and 0.8 of
    # that is 220. At 200 it would buy, so it stands on the buying side.
    bidder = looking_ahead(trust=0.5)
    book = Orders(
        peers=["a", "b"],
        peer_index=[0, 1],
        is_buy=[True, False],
        price_ticks=[250, 150],
        energy_wh=[10, 10],
    )
    bidder.learn(book, Clearing(price_ticks=200, filled_wh=np.array([10, 10])))
    empty = {"stored_wh": np.array([0]), "held_wh": np.array([0])}
    assert bids(bidder, 0, [-1000], **empty) == [("buy", 500, 220)]


def test_a_market_that_trades_nothing_teaches_nothing():
    bidder = looking_ahead(trust=1.0)
    before = bids(bidder, 0, [-1000])
    nothing = Orders(peers=[], peer_index=[], is_buy=[], price_ticks=[], energy_wh=[])
    bidder.learn(nothing, Clearing(price_ticks=None, filled_wh=np.zeros(0, dtype=np.int64)))
    assert bids(bidder, 0, [-1000]) == before


# More periods, against HiGHS


def best_use(level_wh, ahead_wh, sell, buy, final, *, efficiency, size_wh, power_wh):
    """Schedule a store by a linear program; gives what it earns and the dual of its level."""
    h = len(ahead_wh)
    kinds = ("charge", "discharge", "export", "import", "after")
    first = {kind: i * h for i, kind in enumerate(kinds)}
    cost = np.concatenate([np.zeros(2 * h), -np.array(sell), np.array(buy), np.zeros(h)])
    cost[-1] = -final
    rows, right = np.zeros((2 * h, 5 * h)), np.zeros(2 * h)
    for t in range(h):
        for kind, sign in (("export", 1), ("import", -1), ("discharge", -1), ("charge", 1)):
            rows[t, first[kind] + t] = sign
        right[t] = ahead_wh[t]
        for kind, sign in (("after", 1), ("discharge", 1), ("charge", -efficiency)):
            rows[h + t, first[kind] + t] = sign
        if t:
            rows[h + t, first["after"] + t - 1] = -1
    right[h] = level_wh
    bounds = [(0, power_wh)] * (2 * h) + [(0, None)] * (2 * h) + [(0, size_wh)] * h
    found = linprog(cost, A_eq=rows, b_eq=right, bounds=bounds, method="highs")
    assert found.status == 0
    return -found.fun, -found.eqlin.marginals[h]


@given(
    ahead_wh=st.lists(st.integers(-3000, 3000), min_size=1, max_size=6),
    prices=st.lists(st.tuples(st.integers(0, 300), st.integers(0, 300)), min_size=6, max_size=6),
    final=st.integers(0, 400),
    size_wh=st.integers(1, 6000),
    power_wh=st.integers(1, 3000),
    efficiency=st.sampled_from([1.0, 0.92, 0.8, 0.5]),
)
def test_marginal_values_are_the_duals_of_the_best_schedule(
    ahead_wh, prices, final, size_wh, power_wh, efficiency
):
    sell = [float(one) for one, _ in prices[: len(ahead_wh)]]
    buy = [float(one + more) for one, more in prices[: len(ahead_wh)]]
    outlook = Outlook.plain(
        [0],
        feed_in_ticks=0,
        retail_ticks=0,
        ahead_wh=np.array([ahead_wh]),
        efficiency=np.array([efficiency]),
        held_wh=np.array([0]),
        size_wh=np.array([size_wh]),
        power_wh=np.array([power_wh]),
    )
    values = values_of(outlook, Expected(np.array(sell), np.array(buy), float(final)))
    width = values.width_wh[0]
    assert width.sum() == pytest.approx(size_wh)
    terms = {"efficiency": efficiency, "size_wh": size_wh, "power_wh": power_wh}
    earned, _ = best_use(0.0, ahead_wh, sell, buy, final, **terms)
    edges = np.concatenate([[0.0], np.cumsum(width[width > 0])])
    for begin, end, value in zip(edges, edges[1:], values.value_ticks[0], strict=False):
        _, dual = best_use((begin + end) / 2, ahead_wh, sell, buy, final, **terms)
        if end - begin > 1e-3:  # HiGHS itself is exact to 1e-7 of a Wh and of a tick
            assert dual == pytest.approx(value, abs=1e-6)
            assert values.at(np.array([(begin + end) / 2])) == pytest.approx(value)
        earned += value * (end - begin)
    assert best_use(float(size_wh), ahead_wh, sell, buy, final, **terms)[0] == pytest.approx(
        earned, rel=1e-9, abs=1e-3
    )
