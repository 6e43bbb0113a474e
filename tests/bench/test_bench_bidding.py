from importlib import import_module

import numpy as np
import pytest

from market.bidders.protocol import BIDDERS, Outlook
from market.bidders.table import Seat, Table
from market.mechanisms.uniform_price import UniformPrice

NEEDED = {"premium": {"premiums": {"pv": 30}}, "threshold": {"steps": {120: 0.5, 200: 0.3}}}


def seated(name, peers):
    module, _, class_name = BIDDERS[name].partition(":")
    of = getattr(import_module(module), class_name)
    bidder = of(of.Options(**NEEDED.get(name, {})))
    names = [f"p{i}" for i in range(peers)]
    zones = ["north", "south"] * (peers // 2)
    return Table(
        names, [Seat(name, bidder, np.arange(peers))], traits={"zone": zones}, arrive_within=1200
    )


def evening(peers, periods_ahead=24):
    """A third of the peers have a store, half of them surplus; a day of forecasts."""
    rng = np.random.default_rng(7)
    has_store = rng.random(peers) < 1 / 3

    def whole(low, high, where):
        return np.where(where, rng.integers(low, high, peers), 0)

    held_wh = whole(400, 3000, has_store)
    return Outlook(
        period=3,
        feed_in_ticks=80,
        retail_ticks=350,
        fee_cap_ticks=20,
        net_wh=whole(-800, 800, np.ones(peers, dtype=np.bool_)),
        stored_wh=whole(100, 400, has_store),
        room_wh=whole(100, 400, has_store),
        efficiency=np.where(has_store, 0.92, 1.0),
        ahead_wh=rng.integers(-800, 800, (peers, periods_ahead)),
        held_wh=held_wh,
        size_wh=held_wh + whole(1000, 5000, has_store),
        power_wh=whole(1000, 1300, has_store),
        margin=rng.uniform(0.1, 0.4, peers),
    )


@pytest.mark.parametrize("name", BIDDERS)
@pytest.mark.parametrize("peers", [100, 10_000])
def test_bench_bids_of_a_gate(benchmark, name, peers):
    table, outlook = seated(name, peers), evening(peers)
    table.orders(outlook)

    orders = benchmark(table.orders, outlook)

    assert len(orders) > peers // 2


@pytest.mark.parametrize("name", ["storage_aware", "zero_intelligence_plus"])
@pytest.mark.parametrize("peers", [100, 10_000])
def test_bench_learning_of_a_gate(benchmark, name, peers):
    table = seated(name, peers)
    orders = table.orders(evening(peers))
    clearing = UniformPrice().clear(orders)

    benchmark(table.learn, orders, clearing)

    assert clearing.filled_wh.any()
