"""Periods that a rule bills, and subscriptions: rows, money and what is recorded.

Ada injects 6 kWh and ben draws 10; retail is 350 µ€/Wh and feed-in 80 unless said otherwise.
"""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from market.billing.bill_sharing import BillSharing
from market.billing.mid_market_rate import MidMarketRate
from market.billing.rule import BillingError
from market.billing.status_quo import StatusQuo
from market.billing.supply_demand_ratio import SupplyDemandRatio
from market.book import Order, Trade
from market.delivery.contract import Clock, ContractError
from market.delivery.ledger import Ledger
from market.delivery.life import TransactionLoop
from market.delivery.meters import PeriodReading
from market.delivery.rules import Terms

PEERS = ("ada", "ben", "cleo", "lpd")
RULES = [MidMarketRate, BillSharing, SupplyDemandRatio, StatusQuo]
TICKS = 9_000


def billed(rule, *net_wh, periods=1, shed_wh=(0, 0, 0, 0), losses_wh=0, **options):
    """Play periods of the same meters."""
    loop = TransactionLoop(PEERS, Clock(TICKS, 0.1), rule=rule, **options)
    reading = PeriodReading(1000 * np.array(net_wh), 1000 * np.array(shed_wh))
    for period in range(periods):
        end = (period + 1) * TICKS
        loop.close_period(end, period, reading, losses_milliwh=1000 * losses_wh)
    loop.finish(periods * TICKS + 1)
    return loop


def balances(loop):
    return {row["account"]: row["balance_ueur"] for row in loop.tables()["accounts"]}


def test_the_mid_market_rate_is_paid_through_the_community():
    # By hand: inside at 215; 4 kWh from the supplier at 350 make ben's price 269.
    loop = billed(MidMarketRate(), 6_000, -10_000, 0, 0)
    held = balances(loop)
    assert (held["peer:ada"], held["peer:ben"], held["supplier"]) == (
        1_290_000,
        -2_690_000,
        1_400_000,
    )
    assert (held["community"], held["collateral"], held["operator"]) == (0, 0, 0)
    assert loop.tables()["rule_prices"] == [
        {"period": 0, "name": "sell", "price_ticks": 215.0},
        {"period": 0, "name": "buy", "price_ticks": 269.0},
    ]


def test_each_metered_energy_stands_inside_or_with_the_supplier():
    rows = billed(MidMarketRate(), 6_000, -10_000, 0, 0).tables()["rows"]
    assert [(r["peer"], r["kind"], r["party"], r["energy_milliwh"]) for r in rows] == [
        ("ada", "community", "community", 6_000_000),
        ("ben", "community", "community", -6_000_000),
        ("ben", "supplier", "supplier", -4_000_000),
    ]


def test_bills_are_recorded_beside_what_each_would_have_got_alone():
    tables = billed(MidMarketRate(), 6_000, -10_000, 0, 0).tables()
    assert [tuple(row.values()) for row in tables["bills"]] == [
        (0, "ada", 6_000_000, 6_000_000, 1_290_000, 480_000),
        (0, "ben", -10_000_000, -6_000_000, -2_690_000, -3_500_000),
        (0, "cleo", 0, 0, 0, 0),
    ]
    assert tables["settlement"][0]["rule"] == "mid_market_rate"
    assert tables["contracts"] == tables["covers"] == tables["tokens"] == []


def test_contracts_are_settled_by_no_rule():
    loop = TransactionLoop(PEERS, Clock(TICKS, 0.1))
    loop.close_period(TICKS, 0, PeriodReading(np.zeros(4, int), np.zeros(4, int)))
    assert loop.tables()["settlement"][0]["rule"] is None
    assert "community" not in balances(loop)


def test_the_status_quo_is_booked_with_the_supplier_directly():
    ledger = Ledger()
    held = balances(billed(StatusQuo(), 6_000, -10_000, 0, 0, ledger=ledger))
    assert (held["peer:ada"], held["peer:ben"]) == (480_000, -3_500_000)
    booked = billed(StatusQuo(), 6_000, -10_000, 0, 0).ledger
    assert booked.balance("community") == 0
    assert booked.entries == 1 + 2  # the guarantee fund's opening, ada, ben
    assert billed(MidMarketRate(), 6_000, -10_000, 0, 0).ledger.entries == 1 + 3


def test_the_lpd_is_no_member_and_the_grid_pays_for_its_losses():
    # By hand: the LPD draws 500 Wh and 100 Wh are lost, both at 350.
    held = balances(billed(MidMarketRate(), 6_000, -10_000, 0, -500, losses_wh=100))
    assert (held["lpd"], held["dso"]) == (-175_000, -35_000)
    assert held["supplier"] == 1_400_000 + 175_000 + 35_000
    assert held["peer:ben"] == -2_690_000


def test_in_an_island_the_lpd_stands_in_the_suppliers_place():
    loop = billed(MidMarketRate(), 6_000, -10_000, 0, 4_000, islanded=True)
    held = balances(loop)
    assert (held["lpd"], held["supplier"], held["peer:ben"]) == (1_400_000, 0, -2_690_000)
    assert {r["party"] for r in loop.tables()["rows"] if r["kind"] == "supplier"} == {"lpd"}


@pytest.mark.parametrize("rule", RULES)
def test_nobody_pays_for_energy_that_was_shed(rule):
    served = balances(billed(rule(), 6_000, -10_000, -700, 0))
    shed = balances(billed(rule(), 6_000, -10_000, -700, 0, shed_wh=(0, 9_000, 300, 0)))
    assert shed == served


@given(
    net=st.lists(st.tuples(*[st.integers(-(10**7), 10**7) for _ in PEERS]), min_size=1, max_size=4),
    rule=st.sampled_from(RULES),
    islanded=st.booleans(),
    feed_in=st.integers(1, 350),
)
def test_after_every_period_the_community_holds_nothing_and_every_meter_is_in_rows(
    net, rule, islanded, feed_in
):
    loop = TransactionLoop(
        PEERS,
        Clock(TICKS, 0.1),
        rule=rule(),
        islanded=islanded,
        terms=Terms(feed_in_ticks=feed_in),
    )
    for period, meters in enumerate(net):
        loop.close_period(
            (period + 1) * TICKS, period, PeriodReading(np.array(meters), np.zeros(4, int))
        )
        assert loop.ledger.balance("community") == 0
    assert sum(balances(loop).values()) == 0
    stands = {}
    for row in loop.tables()["rows"]:
        key = row["period"], row["peer"]
        stands[key] = stands.get(key, 0) + row["energy_milliwh"]
    for period, meters in enumerate(net):
        for peer, metered in zip(PEERS, meters, strict=True):
            assert stands.get((period, peer), 0) == metered


class Generous(MidMarketRate):
    """Gives the first member 1 µ€ that nobody has."""

    def share(self, net_milliwh, tariffs):
        bills = super().share(net_milliwh, tariffs)
        extra = np.zeros_like(bills.receives_ueur)
        extra[0] = bool(net_milliwh.any())
        return dataclasses.replace(bills, receives_ueur=bills.receives_ueur + extra)


class Talkative(MidMarketRate):
    """Remarks on what it did, and spoils what it was given."""

    def share(self, net_milliwh, tariffs):
        bills = super().share(net_milliwh, tariffs)
        net_milliwh[:] = 0
        return dataclasses.replace(bills, remarks=("All was shared.",))


def test_a_rule_that_breaks_a_promise_is_refused_and_nothing_booked():
    loop = TransactionLoop(PEERS, Clock(TICKS, 0.1), rule=Generous())
    with pytest.raises(BillingError, match=r"members get -1399999 µ€, .* pays -1400000 µ€"):
        loop.close_period(
            TICKS, 0, PeriodReading(np.array([6, -10, 0, 0]) * 10**6, np.zeros(4, int))
        )
    assert loop.ledger.entries == 1


def test_a_rule_of_ones_own_is_recorded_by_its_class_with_its_remarks():
    tables = billed(Talkative(), 6_000, -10_000, 0, 0).tables()
    assert tables["settlement"][0]["rule"].endswith(":Talkative")
    assert tables["remarks"] == [{"period": 0, "remark": "All was shared."}]
    assert [row["net_milliwh"] for row in tables["bills"]] == [6_000_000, -10_000_000, 0]


def test_tariffs_that_a_rule_refuses_are_found_before_the_run():
    with pytest.raises(BillingError, match="feed-in is 0 ticks"):
        TransactionLoop(
            PEERS, Clock(TICKS, 0.1), rule=SupplyDemandRatio(), terms=Terms(feed_in_ticks=0)
        )


def test_a_meter_beyond_what_can_be_billed_is_named_by_its_peer():
    with pytest.raises(BillingError, match=r"'ben': -2000000000000000000 mWh"):
        billed(MidMarketRate(), 0, -(2 * 10**15), 0, 0)


def test_a_rule_takes_neither_orders_nor_trades():
    loop = TransactionLoop(PEERS, Clock(TICKS, 0.1), now=-10, rule=MidMarketRate())
    loop.offers(-10, 0, [])
    assert loop.conclude(-10, 0, []) == []
    with pytest.raises(ContractError, match="MidMarketRate bills it from meters; expected no ord"):
        loop.offers(-10, 0, [Order(1, "ada", "sell", 100, 10, 0, 0)])
    with pytest.raises(ContractError, match="MidMarketRate bills it from meters; expected no tra"):
        loop.conclude(-10, 0, [Trade("ada", "ben", 10, 200, 10, 1, 3)])


def test_a_subscription_goes_to_the_operator_whatever_is_traded():
    loop = TransactionLoop(PEERS, Clock(TICKS, 0.1), now=-10)
    loop.subscribe(-10, 0, {"ada": 10_000, "ben": 0, "cleo": np.int64(5_000)})
    loop.subscribe(-5, 1, {"ada": 10_000})
    held = balances(loop)
    assert (held["operator"], held["peer:ada"], held["peer:cleo"]) == (25_000, -20_000, -5_000)
    assert [tuple(row.values()) for row in loop.tables()["subscriptions"]] == [
        (0, "ada", 10_000),
        (0, "cleo", 5_000),
        (1, "ada", 10_000),
    ]


def test_wrong_subscriptions_are_named_all_at_once_and_none_is_booked():
    loop = TransactionLoop(PEERS, Clock(TICKS, 0.1), now=-10)
    with pytest.raises(ContractError) as refused:
        loop.subscribe(-10, 3, {"ada": 10, "zoe": 5, "lpd": 5, "ben": -1, "cleo": 1.5})
    assert str(refused.value).splitlines() == [
        "period 3: no peer 'zoe' can subscribe; expected a peer other than the LPD",
        "period 3: no peer 'lpd' can subscribe; expected a peer other than the LPD",
        "period 3: 'ben': a subscription of -1 µ€; expected a whole number from 0",
        "period 3: 'cleo': a subscription of 1.5 µ€; expected a whole number from 0",
    ]
    assert loop.ledger.balance("operator") == 0
    assert loop.tables()["subscriptions"] == []
