"""How fast contracts are settled, booked, and metered."""

from dataclasses import replace

import numpy as np
import pytest

from market.delivery.contract import Contract
from market.delivery.cover import Cover
from market.delivery.ledger import Ledger
from market.delivery.meters import Meters
from market.delivery.settlement import Period, Terms, settle_period


def world(contracts):
    """Every seller sells to three buyers; a tenth of the sellers is short and covered."""
    rng = np.random.default_rng(7)
    sellers = contracts // 3
    deals = [
        Contract(i + 1, 0, f"s{i % sellers}", f"b{i // 3}", int(wh), 200, 10, 175_000, 175_000)
        for i, wh in enumerate(rng.integers(100, 2_000, contracts))
    ]
    net: dict[str, int] = {"lpd": 0}
    for deal in deals:
        net[deal.seller] = net.get(deal.seller, 0) + deal.energy_milliwh
        net[deal.buyer] = net.get(deal.buyer, 0) - deal.energy_milliwh
    covers = []
    for deal in deals[::10]:
        half = deal.energy_milliwh // 2
        net[deal.seller] -= half
        net["lpd"] += half
        covers.append(
            Cover(len(covers) + 1, deal.contract_id, 0, "cover", "lpd", "lpd", 1, 2, 9, half)
        )
    return Period(0, 9000, deals, covers, net, {}, fund_ueur=10_000_000)


def kept(contracts):
    """Nobody falls short, and nobody is called: what most periods of most contracts are."""
    period = world(contracts)
    net: dict[str, int] = {"lpd": 0}
    for deal in period.contracts:
        net[deal.seller] = net.get(deal.seller, 0) + deal.energy_milliwh
        net[deal.buyer] = net.get(deal.buyer, 0) - deal.energy_milliwh
    return replace(period, covers=[], net_milliwh=net)


@pytest.mark.parametrize("one_by_one", [False, True], ids=["batch", "one by one"])
@pytest.mark.parametrize("contracts", [10_000])
def test_bench_settle_kept(benchmark, contracts, one_by_one):
    period = kept(contracts)

    settlement = benchmark(settle_period, period, Terms(), one_by_one=one_by_one)

    assert {outcome.fate for outcome in settlement.outcomes} == {"delivered"}
    benchmark.extra_info["contracts"] = contracts


@pytest.mark.parametrize("contracts", [60, 6_000])
def test_bench_settle(benchmark, contracts):
    period = world(contracts)

    settlement = benchmark(settle_period, period, Terms())

    assert len(settlement.outcomes) == contracts
    benchmark.extra_info["contracts"] = contracts


def test_bench_ledger(benchmark, tmp_path_factory):
    postings = settle_period(world(6_000), Terms()).postings

    def book():
        with Ledger(tmp_path_factory.mktemp("ledger") / "ledger.sqlite") as ledger:
            ledger.post_all(postings)
            return ledger.entries

    assert benchmark(book) == len(postings)


def test_bench_meters(benchmark):
    meters = Meters(60, 0.1)
    meters.expect(np.full(60, 1000), np.zeros(60), 9000)
    p_kw, shed_kw, tripped = np.full(60, 4.1), np.zeros(60), np.zeros(60, dtype=bool)
    meters.step(p_kw, shed_kw, tripped)

    called = benchmark(meters.step, p_kw, shed_kw, tripped)

    assert called.size == 0
