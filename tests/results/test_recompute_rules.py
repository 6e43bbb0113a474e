"""What rules billed, worked out a second time from meters and the papers' prices."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from market.billing.bill_sharing import BillSharing
from market.billing.mid_market_rate import MidMarketRate
from market.billing.rule import Bills, supplier_bill_ueur
from market.billing.status_quo import StatusQuo
from market.billing.supply_demand_ratio import SupplyDemandRatio
from market.delivery.contract import Clock
from market.delivery.life import TransactionLoop
from market.delivery.meters import PeriodReading
from market.delivery.rules import Terms
from results.recompute import differences, recompute
from results.tables import SCHEMAS, write_table

PEERS = ("ada", "ben", "cleo", "dora", "lpd")
TICKS = 60


class Equal:
    """A user's own: everybody has the same share of the bill, and half of what could is inside."""

    Options = MidMarketRate.Options

    def share(self, net_milliwh, tariffs):
        if not net_milliwh.any():
            return Bills(np.zeros_like(net_milliwh), np.zeros_like(net_milliwh), 0)
        inside = np.zeros_like(net_milliwh)
        most, least = net_milliwh.argmax(), net_milliwh.argmin()
        if net_milliwh[most] > 0 > net_milliwh[least]:
            inside[most] = min(net_milliwh[most], -net_milliwh[least]) // 2
            inside[least] = -inside[most]
        left = net_milliwh - inside
        supplier_ueur = supplier_bill_ueur(int(left[left > 0].sum()), tariffs)
        supplier_ueur += supplier_bill_ueur(int(left[left < 0].sum()), tariffs)
        receives = np.full_like(net_milliwh, supplier_ueur // net_milliwh.size)
        receives[0] += supplier_ueur - receives.sum()
        return Bills(receives, inside, supplier_ueur)


RULES = [MidMarketRate, BillSharing, SupplyDemandRatio, StatusQuo, Equal]


def played(rule, nets, *, islanded=False, feed_in=80, spread=270):
    """Settle periods of given meters, with losses and a subscription in each."""
    terms = Terms(retail_ticks=feed_in + spread, feed_in_ticks=feed_in)
    loop = TransactionLoop(PEERS, Clock(TICKS, 15.0), rule=rule(), terms=terms, islanded=islanded)
    for period, net in enumerate(nets):
        loop.subscribe(period * TICKS, period, {"ben": 7_000 + period})
        reading = PeriodReading(np.array(net), np.zeros(len(PEERS), dtype=np.int64))
        loop.close_period((period + 1) * TICKS, period, reading, losses_milliwh=12_345)
    loop.finish(len(nets) * TICKS + 1)
    return loop.tables()


BUSY = [[6_000_000, -10_000_000, 0, 1_500_000, -400_000], [7_001, 2_003, -4_999, 1, 0]]

# From a few mWh to a village's kWh to more than any community has.
some_meters = st.sampled_from([3, 9_000, 10**7, 10**14]).flatmap(
    lambda size: st.tuples(*[st.integers(-size, size) | st.just(0) for _ in PEERS])
)


@pytest.mark.parametrize("rule", RULES)
@given(
    nets=st.lists(some_meters, max_size=3),
    islanded=st.booleans(),
    feed_in=st.integers(-200, 300),
    spread=st.integers(0, 400),
)
def test_every_account_and_bill_agrees_with_the_slow_recomputation(
    rule, nets, islanded, feed_in, spread
):
    if rule is SupplyDemandRatio:
        feed_in = abs(feed_in) + 1
    told = played(rule, nets, islanded=islanded, feed_in=feed_in, spread=spread)
    assert differences(told) == []


def test_the_recomputation_gives_the_computed_example_of_the_mid_market_rate():
    # By hand: 6 and 10 kWh at 350 and 80 µ€/Wh: 215 for ada, 0.6·215 + 0.4·350 = 269 for ben.
    net = [6_000_000, -10_000_000, 0, 0, -1_000_000]
    tables = {
        "settlement": [
            {
                "period": 0,
                "residual": "supplier",
                "rule": "mid_market_rate",
                "losses_milliwh": 0,
                "retail_ticks": 350,
                "feed_in_ticks": 80,
                "guarantee_fund_ueur": 0,
            }
        ],
        "meters": [
            {"period": 0, "peer": peer, "net_milliwh": milliwh, "shed_milliwh": 0}
            for peer, milliwh in zip(PEERS, net, strict=True)
        ],
        "contracts": [],
        "covers": [],
    }
    held = recompute(tables)
    assert {account: ueur for account, ueur in held.items() if ueur} == {
        "peer:ada": 1_290_000,
        "peer:ben": -2_690_000,
        "lpd": -350_000,
        "supplier": 1_750_000,
    }


@pytest.mark.parametrize("rule", RULES)
def test_a_bill_that_was_changed_afterwards_is_found(rule):
    told = played(rule, BUSY)
    bill = next(row for row in told["bills"] if row["period"] == 1 and row["peer"] == "ada")
    bill["receives_ueur"] += 1
    found = {difference.account for difference in differences(told)}
    # Of a rule of one's own the bills are all there is: then it is the accounts that disagree.
    assert found == ({"peer:ada", "community"} if rule is Equal else {"bill of ada in period 1"})


@pytest.mark.parametrize("rule", [MidMarketRate, Equal])
def test_money_moved_from_bill_to_bill_is_found(rule):
    told = played(rule, BUSY)
    told["bills"][0]["receives_ueur"] -= 10_000
    told["bills"][1]["receives_ueur"] += 10_000
    assert {"ada", "ben"} <= {
        name for found in differences(told) for name in PEERS if name in found.account
    }


@pytest.mark.parametrize("rule", RULES)
def test_a_status_quo_that_was_changed_afterwards_is_found(rule):
    told = played(rule, BUSY)
    told["bills"][2]["status_quo_ueur"] -= 1
    assert [str(found) for found in differences(told)] == [
        "status quo of cleo in period 0: -1 µ€ booked, 0 µ€ recomputed, -1 µ€ too much"
    ]


def test_a_bill_that_is_missing_is_found():
    told = played(MidMarketRate, BUSY)
    del told["bills"][0]
    assert "bill of ada in period 0" in {found.account for found in differences(told)}


@pytest.mark.parametrize("rule", RULES)
def test_a_meter_read_one_watt_hour_too_high_is_found(rule):
    told = played(rule, BUSY)
    told["meters"][0]["net_milliwh"] += 1_000
    assert differences(told)


def test_energy_that_a_rule_of_ones_own_says_was_inside_is_held_against_the_supplier():
    told = played(Equal, BUSY)
    for row, milliwh in zip(told["bills"], (1_000_000, -1_000_000), strict=False):
        row["inside_milliwh"] += milliwh
    assert {found.account for found in differences(told)} == {"supplier", "community"}


def test_a_subscription_that_was_changed_afterwards_is_found():
    told = played(MidMarketRate, BUSY)
    told["subscriptions"][1]["amount_ueur"] += 1
    assert {found.account for found in differences(told)} == {"operator", "peer:ben"}


@pytest.mark.parametrize("rule", RULES)
def test_a_run_folder_keeps_what_the_recomputation_needs(rule, tmp_path):
    told = played(rule, BUSY)
    for name in SCHEMAS.keys() & told.keys():
        write_table(tmp_path, name, told[name])
    assert differences(tmp_path) == []
    told["bills"][0]["receives_ueur"] += 1
    write_table(tmp_path, "bills", told["bills"])
    assert differences(tmp_path)


def test_a_mid_market_rate_billed_as_bill_sharing_is_found():
    told = played(MidMarketRate, BUSY)
    for row in told["settlement"]:
        row["rule"] = "bill_sharing"
    assert {found.account for found in differences(told)} >= {"peer:ada", "peer:ben"}
