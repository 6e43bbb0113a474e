"""How fast the rules bill a community, beside what a numpy formula in floats costs.

The formula knows prices only: it rounds each member by itself, so that its sums are off.
"""

import numpy as np
import pytest

from market.billing.bill_sharing import BillSharing
from market.billing.mid_market_rate import MidMarketRate
from market.billing.rule import Tariffs, check_bills
from market.billing.status_quo import StatusQuo
from market.billing.supply_demand_ratio import SupplyDemandRatio
from market.delivery.contract import Clock
from market.delivery.life import TransactionLoop
from market.delivery.meters import PeriodReading

PEERS = [1_000, 100_000, 1_000_000]
TARIFFS = Tariffs(350, 80)


def village(peers):
    """Meters of a quarter hour, up to 5 kWh either way. [mWh]"""
    return np.random.default_rng(7).integers(-5_000_000, 5_000_000, peers)


def mid_market_rate_in_floats(net):
    supply, demand = net[net > 0].sum(), -net[net < 0].sum()
    mid = (TARIFFS.retail_ticks + TARIFFS.feed_in_ticks) / 2
    sell = buy = mid
    if supply > demand:
        sell = (demand * mid + (supply - demand) * TARIFFS.feed_in_ticks) / supply
    elif demand > supply:
        buy = (supply * mid + (demand - supply) * TARIFFS.retail_ticks) / demand
    return np.rint(np.where(net > 0, sell, buy) * net / 1000).astype(np.int64)


@pytest.mark.parametrize("peers", PEERS)
@pytest.mark.parametrize(
    "rule", [MidMarketRate, BillSharing, SupplyDemandRatio, StatusQuo], ids=lambda r: r.__name__
)
def test_bench_rule(benchmark, rule, peers):
    benchmark.group = f"rules {peers}"
    net, of = village(peers), rule()
    of.share(net, TARIFFS)

    bills = benchmark(of.share, net, TARIFFS)

    assert bills.receives_ueur.sum() == bills.supplier_ueur


@pytest.mark.parametrize("peers", PEERS)
def test_bench_mid_market_rate_in_floats(benchmark, peers):
    benchmark.group = f"rules {peers}"
    net = village(peers)

    receives = benchmark(mid_market_rate_in_floats, net)

    assert np.abs(receives - MidMarketRate().share(net, TARIFFS).receives_ueur).max() <= 1


@pytest.mark.parametrize("peers", PEERS)
def test_bench_check_of_a_rules_promises(benchmark, peers):
    benchmark.group = f"rules {peers}"
    net = village(peers)
    bills = MidMarketRate().share(net, TARIFFS)
    check_bills(net, TARIFFS, bills)

    benchmark(check_bills, net, TARIFFS, bills)


@pytest.mark.parametrize("peers", [100, 10_000])
def test_bench_settling_a_period_by_a_rule(benchmark, peers):
    """Meters, bills, rows, ledger and records of one period."""
    benchmark.group = f"settlement by rule {peers}"
    names = (*(f"peer {i}" for i in range(peers)), "lpd")
    reading = PeriodReading(np.append(village(peers), 0), np.zeros(peers + 1, dtype=np.int64))

    def another():
        return (TransactionLoop(names, Clock(9_000, 0.1), rule=MidMarketRate()),), {}

    def settle(loop):
        loop.close_period(9_000, 0, reading)
        return loop

    loop = benchmark.pedantic(settle, setup=another, rounds=5)

    assert loop.ledger.balance("community") == 0
