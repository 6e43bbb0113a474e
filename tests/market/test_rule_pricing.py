"""Rule-based pricing: published examples, and what holds of every community."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from market.billing._kernels_rules import split_by_side
from market.billing.bill_sharing import BillSharing
from market.billing.mid_market_rate import MidMarketRate
from market.billing.rule import (
    LARGEST_MILLIWH,
    BillingError,
    Bills,
    Rule,
    Tariffs,
    check_bills,
    status_quo_ueur,
    supplier_bill_ueur,
)
from market.billing.status_quo import StatusQuo
from market.billing.supply_demand_ratio import SupplyDemandRatio

SHARING = [MidMarketRate(), BillSharing(), SupplyDemandRatio()]
RULES = [*SHARING, StatusQuo()]
KWH = 1_000_000  # mWh; a price of 1 µ€/Wh makes it 1000 µ€


def named(rule):
    return type(rule).__name__


def share(rule, net, retail=30, feed_in=10):
    """Bill meters, and hold the rule to its promises."""
    net, tariffs = np.array(net, dtype=np.int64), Tariffs(retail, feed_in)
    bills = rule.share(net, tariffs)
    check_bills(net, tariffs, bills)
    return bills


# A few Wh, a village's kWh, and more than all power stations give; zero and both signs.
SIZES = [3, 5_000, 10 * KWH, 10**14]
meters = st.sampled_from(SIZES).flatmap(
    lambda size: st.lists(st.integers(-size, size) | st.just(0), max_size=8)
)
feed_ins = st.integers(-300, 400)
spreads = st.integers(0, 500)


@pytest.mark.parametrize(
    ("net_kwh", "sell", "buy"), [((6, -10), 20, 24), ((10, -6), 16, 20), ((2, 4, -7, -3), 20, 24)]
)
def test_mid_market_rate_gives_the_computed_example(net_kwh, sell, buy):
    # By hand, of the formulas of Long et al. 2017: the middle of 30 and 10 is 20; 6 of 10 kWh at
    # 20 and 4 at 30 cost 24 on average, 6 of 10 kWh at 20 and 4 at 10 earn 16.
    bills = share(MidMarketRate(), KWH * np.array(net_kwh))
    assert bills.prices == {"sell": sell, "buy": buy}
    paid = [1_000 * kwh * (sell if kwh > 0 else buy) for kwh in net_kwh]
    assert bills.receives_ueur.tolist() == paid


@pytest.mark.parametrize(
    ("net_kwh", "sell", "buy"),
    [((6, -10), 300 / 22, 0.6 * 300 / 22 + 12), ((10, -6), 10, 10)],
)
def test_supply_demand_ratio_gives_the_computed_example(net_kwh, sell, buy):
    # By hand, of the formulas of Liu et al. 2017: 13.636 and 20.182 at a ratio of 0.6.
    bills = share(SupplyDemandRatio(), KWH * np.array(net_kwh))
    assert bills.prices == pytest.approx({"sell": sell, "buy": buy}, rel=1e-8)
    exact = [1_000 * kwh * (sell if kwh > 0 else buy) for kwh in net_kwh]
    assert bills.receives_ueur == pytest.approx(exact, abs=1)


def test_what_sellers_get_at_the_supply_demand_ratio_is_cut_to_half_nano_euros():
    # By hand: 3 mWh at 300/22 µ€/Wh are 40.909 n€, cut to 40.5; the buyer of 5 mWh pays 60 more.
    assert share(SupplyDemandRatio(), [3, -5]).prices == {"sell": 13.5, "buy": 20.1}


def test_bill_sharing_pays_sellers_nothing_while_the_community_is_short():
    # By hand: 4 kWh are imported at 30; of 10 kWh drawn, 7 and 3 pay 84 and 36 thousand.
    bills = share(BillSharing(), [6 * KWH, -7 * KWH, -3 * KWH])
    assert bills.receives_ueur.tolist() == [0, -84_000, -36_000]
    assert bills.receives_ueur[0] < status_quo_ueur(np.array([6 * KWH]), Tariffs(30, 10))[0]


def test_bill_sharing_shares_the_income_by_production_and_asks_buyers_nothing():
    # By hand: 4 kWh are fed in at 10; of 10 kWh injected, 7 and 3 get 28 and 12 thousand.
    bills = share(BillSharing(), [7 * KWH, 3 * KWH, -6 * KWH])
    assert bills.receives_ueur.tolist() == [28_000, 12_000, 0]


def test_the_status_quo_is_the_tariffs_each_by_itself():
    bills = share(StatusQuo(), [6 * KWH, -10 * KWH, 0])
    assert bills.receives_ueur.tolist() == [60_000, -300_000, 0]
    assert bills.supplier_ueur == -240_000
    assert not bills.inside_milliwh.any()


@pytest.mark.parametrize("rule", SHARING, ids=named)
def test_the_shorter_side_trades_inside_and_the_longer_in_proportion(rule):
    # By hand: 5 of 8 mWh are exchanged; 5·5/8 = 3.125, 5·2/8 = 1.25, 5·1/8 = 0.625.
    assert share(rule, [5, 2, 1, -5]).inside_milliwh.tolist() == [3, 1, 1, -5]
    assert share(rule, [-5, -2, -1, 5]).inside_milliwh.tolist() == [-3, -1, -1, 5]


def test_what_rounding_leaves_goes_to_the_largest_remainders_and_then_to_the_earlier():
    # By hand: at 1 µ€/Wh three sellers of 1.5 Wh get 4.5 µ€, rounded 5; the supplier pays for 4 Wh.
    assert share(MidMarketRate(), [1500, 1500, 1500, -500], 1, 1).receives_ueur.tolist() == [
        2,
        2,
        1,
        -1,
    ]


@pytest.mark.parametrize("rule", RULES, ids=named)
@given(net=meters, feed_in=feed_ins, spread=spreads)
def test_money_is_the_suppliers_bill_exactly_and_inside_adds_up_to_nothing(
    rule, net, feed_in, spread
):
    if isinstance(rule, SupplyDemandRatio):
        feed_in = abs(feed_in) + 1
    bills = share(rule, net, feed_in + spread, feed_in)
    tariffs = Tariffs(feed_in + spread, feed_in)
    each = [supplier_bill_ueur(one, tariffs) for one in net]
    total = sum(each) if isinstance(rule, StatusQuo) else supplier_bill_ueur(sum(net), tariffs)
    assert sum(bills.receives_ueur.tolist()) == bills.supplier_ueur == total
    assert sum(bills.inside_milliwh.tolist()) == 0
    if not isinstance(rule, StatusQuo):
        exchanged = min(sum(n for n in net if n > 0), -sum(n for n in net if n < 0))
        assert np.abs(bills.inside_milliwh).sum() == 2 * exchanged


@pytest.mark.parametrize("rule", [MidMarketRate(), SupplyDemandRatio()], ids=named)
@given(net=meters, feed_in=feed_ins, spread=spreads)
def test_nobody_is_worse_off_than_with_the_supplier_by_a_micro_euro(rule, net, feed_in, spread):
    if isinstance(rule, SupplyDemandRatio):
        feed_in = abs(feed_in) + 1
    bills = share(rule, net, feed_in + spread, feed_in)
    for one, receives in zip(net, bills.receives_ueur.tolist(), strict=True):
        alone = Fraction(one * (feed_in if one > 0 else feed_in + spread), 1000)
        assert receives > alone - 1


def test_no_rounding_could_leave_everybody_at_least_as_well_off_to_the_micro_euro():
    # By hand: ten times 0.6 µ€ are 1 µ€ each when rounded alone, but 6 µ€ as one customer.
    bills = share(MidMarketRate(), [60] * 10)
    assert status_quo_ueur(np.full(10, 60), Tariffs(30, 10)).sum() == 10
    assert bills.receives_ueur.sum() == 6


def split_in_fractions(net, part, side):
    """Round the shares of a side down, then up by largest remainder, ties to the earlier."""
    weights = {i: abs(n) for i, n in enumerate(net) if n * side > 0}
    exact = {i: Fraction(w * part, 2000 * sum(weights.values())) for i, w in weights.items()}
    total = math.floor(sum(exact.values()) + Fraction(1, 2))
    shares = {i: math.floor(x) for i, x in exact.items()}
    for i in sorted(exact, key=lambda i: shares[i] - exact[i])[: total - sum(shares.values())]:
        shares[i] += 1
    return shares, total


parts = st.integers(-(2**61) + 1, 2**61 - 1) | st.integers(-9_999, 9_999)


@given(
    net=st.lists(st.integers(-(10**14), 10**14) | st.integers(-3, 3), max_size=9),
    parts=st.tuples(parts, parts),
)
def test_the_split_is_exact_however_large(net, parts):
    sides = [split_in_fractions(net, part, side) for part, side in zip(parts, (1, -1), strict=True)]
    expected = dict.fromkeys(range(len(net)), 0) | sides[0][0] | sides[1][0]
    energy = [sum(n for n in net if n > 0), -sum(n for n in net if n < 0)]
    shares, room = np.empty(len(net), dtype=np.int64), np.empty(len(net), dtype=np.int64)
    split_by_side(
        np.array(net, dtype=np.int64),
        np.array(parts),
        2000 * np.maximum(energy, 1),
        np.array([total for _, total in sides]),
        shares,
        room,
    )
    assert shares.tolist() == list(expected.values())


@pytest.mark.parametrize("rule", SHARING, ids=named)
def test_a_thousand_equal_meters_pay_the_same_within_a_micro_euro(rule):
    bills = share(rule, [777] * 1_000 + [-333] * 500 + [12_345])
    sellers, buyers = bills.receives_ueur[:1_000], bills.receives_ueur[1_000:1_500]
    for side in sellers, buyers:
        assert side.max() - side.min() <= 1
        assert (np.diff(side) <= 0).all()  # what is left over goes to the earlier


@pytest.mark.parametrize("rule", RULES, ids=named)
def test_an_empty_community_has_no_bill_and_no_price(rule):
    bills = share(rule, [])
    assert (bills.receives_ueur.size, bills.supplier_ueur, bills.prices) == (0, 0, {})


@pytest.mark.parametrize("rule", RULES, ids=named)
@pytest.mark.parametrize(("net", "alone"), [(5 * KWH, 50_000), (-5 * KWH, -150_000), (0, 0)])
def test_one_member_is_a_customer_like_any_other(rule, net, alone):
    assert share(rule, [net]).receives_ueur.tolist() == [alone]


@pytest.mark.parametrize("rule", RULES, ids=named)
def test_a_community_of_sellers_only_feeds_in(rule):
    bills = share(rule, [KWH, 2 * KWH, 3 * KWH])
    assert bills.receives_ueur.tolist() == [10_000, 20_000, 30_000]
    assert bills.prices == {"sell": 10}


def test_with_a_negative_feed_in_the_seller_of_a_surplus_pays():
    # By hand: the middle of 30 and −10 is 10; 6 kWh at 10 less 4 kWh at 10 are 20 on 10 kWh.
    bills = share(MidMarketRate(), [10 * KWH, -6 * KWH], 30, -10)
    assert bills.receives_ueur.tolist() == [20_000, -60_000]
    assert share(MidMarketRate(), [10 * KWH], 30, -10).receives_ueur.tolist() == [-100_000]


@pytest.mark.parametrize("feed_in", [0, -1])
def test_the_supply_demand_ratio_refuses_a_feed_in_of_nothing(feed_in):
    with pytest.raises(BillingError, match=f"feed-in is {feed_in} ticks .* expected more than 0"):
        SupplyDemandRatio().share(np.array([KWH, -KWH]), Tariffs(30, feed_in))


def test_tariffs_that_pay_more_than_they_cost_are_refused():
    with pytest.raises(BillingError, match="feed-in of 31 ticks is above retail of 30"):
        Tariffs(30, 31)


@pytest.mark.parametrize("rule", RULES, ids=named)
@pytest.mark.parametrize(
    "net",
    [[0, LARGEST_MILLIWH + 1], [5, 2**62, 2**62], [5, -(2**63)], [5] + [LARGEST_MILLIWH // 2] * 3],
)
def test_more_than_whole_numbers_can_bill_is_refused_and_the_member_named(rule, net):
    with pytest.raises(BillingError, match=rf"member 1: {net[1]} mWh") as refused:
        rule.share(np.array(net), Tariffs(30, 10))
    assert len(refused.value.faults) == 1


def test_a_price_that_no_sum_can_hold_is_refused_and_the_peer_named():
    net = np.array([0, 10**14])
    bills = Bills(np.zeros(2, dtype=np.int64), np.zeros(2, dtype=np.int64), 0)
    with pytest.raises(BillingError, match=r"'mill': 100000000000000 mWh .* 1000000 ticks"):
        check_bills(net, Tariffs(10**6, 10), bills, ("ada", "mill"))


@pytest.mark.parametrize("net", [np.array([1.5]), np.array([[1]]), np.array([1], dtype=np.int32)])
def test_meters_that_are_no_column_of_whole_numbers_are_refused(net):
    with pytest.raises(BillingError, match=r"expected int64 \(n,\)"):
        MidMarketRate().share(net, Tariffs(30, 10))


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"receives_ueur": np.array([120, -241])}, "members get -121 µ€, .* pays -120 µ€"),
        ({"receives_ueur": np.array([2**62, 2**62])}, "members get 9223372036854775808 µ€"),
        ({"supplier_ueur": -119}, "bill for what is not exchanged inside is -120 µ€"),
        ({"inside_milliwh": np.array([6001, -6001])}, "'ada': 6001 mWh .* of 6000 mWh metered"),
        ({"inside_milliwh": np.array([-1, 1])}, "'ben': 1 mWh .* of -10000 mWh metered"),
        ({"inside_milliwh": np.array([6000, -5999])}, "adds up to 1 mWh, expected 0"),
        ({"receives_ueur": np.array([120.0, -240.0])}, "receives_ueur is float64 .* int64"),
        ({"inside_milliwh": [6000, -6000]}, "inside_milliwh is list, expected int64"),
        ({"prices": {"sell": math.nan}}, "price 'sell' is nan, expected a finite number"),
    ],
)
def test_a_broken_promise_is_named(wrong, told):
    net, tariffs = np.array([6000, -10_000]), Tariffs(30, 10)
    right = {
        "receives_ueur": np.array([120, -240]),
        "inside_milliwh": np.array([6000, -6000]),
        "supplier_ueur": -120,
    }
    check_bills(net, tariffs, Bills(**right), ("ada", "ben"))
    with pytest.raises(BillingError, match=told):
        check_bills(net, tariffs, Bills(**right | wrong), ("ada", "ben"))


def test_bills_that_are_none_are_refused():
    with pytest.raises(BillingError, match="share gives NoneType, expected Bills"):
        check_bills(np.array([1]), Tariffs(30, 10), None)


def test_a_rule_may_leave_some_energy_outside_of_the_community():
    # By hand: 1 kWh inside at 20; 5 kWh fed in at 10, 9 kWh bought at 30.
    bills = Bills(
        receives_ueur=np.array([70_000, -290_000]),
        inside_milliwh=np.array([KWH, -KWH]),
        supplier_ueur=50_000 - 270_000,
    )
    check_bills(np.array([6 * KWH, -10 * KWH]), Tariffs(30, 10), bills)


class Anyone:
    """Not a rule of ours."""

    Options = MidMarketRate.Options

    def share(self, net_milliwh, tariffs):
        """Bill nobody."""


def test_any_class_with_options_and_share_is_a_rule():
    assert all(isinstance(rule, Rule) for rule in [*RULES, Anyone()])
    assert not isinstance(object(), Rule)
    assert [type(rule)(rule.Options()) for rule in RULES]
