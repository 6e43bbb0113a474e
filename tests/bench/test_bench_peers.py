"""Our mechanisms beside public engines and the sort of the keys, on one book in one run.

The engines run where they are installed, at the sizes they finish; building their order objects
is outside the clock.
"""

import copy
from datetime import datetime, timedelta

import numpy as np
import pytest
from dateutil.rrule import HOURLY, rrule

from market.billing.rule import Tariffs
from market.book import Orders
from market.mechanisms.huang import Huang
from market.mechanisms.muda import Muda
from market.mechanisms.uniform_price import UniformPrice
from market.quick import build, share

SIZES = [100, 1_000, 100_000]
ENGINE_SIZES = [100, 1_000]
"""pymarket needs seconds from 10 000 orders on."""
CALLS = ["uniform_price", "pay_as_bid", "vcg", "trade_reduction", "mcafee", "huang", "muda"]


def book(orders):
    """The book of the comparison with other systems: half buys, peers with one order each."""
    rng = np.random.default_rng(7)
    is_buy = rng.permutation(np.arange(orders) % 2 == 0)
    return Orders(
        peers=[f"peer {i}" for i in range(orders)],
        peer_index=np.arange(orders),
        is_buy=is_buy,
        price_ticks=np.where(
            is_buy, rng.integers(800, 3_000, orders), rng.integers(500, 2_500, orders)
        ),
        energy_wh=rng.integers(1, 1_000, orders),
        arrival=np.arange(orders),
    )


@pytest.mark.parametrize("orders", SIZES)
@pytest.mark.parametrize("name", [*CALLS, "continuous"])
def test_bench_ours_beside_peers(benchmark, name, orders):
    benchmark.group = f"peers {orders}"
    mechanism, told = build(name), book(orders)
    mechanism.clear(told)

    clearing = benchmark(mechanism.clear, told)

    assert clearing.volume_wh(told) > 0


@pytest.mark.parametrize("orders", SIZES)
def test_bench_argsort_beside_peers(benchmark, orders):
    benchmark.group = f"peers {orders}"
    price_ticks = book(orders).price_ticks

    assert benchmark(np.argsort, price_ticks).size == orders


@pytest.mark.parametrize("orders", SIZES)
def test_bench_mid_market_rate_beside_peers(benchmark, orders):
    benchmark.group = f"peers {orders}"
    told = book(orders)
    net = np.where(told.is_buy, -1_000, 1_000) * told.energy_wh
    rule, tariffs = build("mid_market_rate"), Tariffs(300, 100)
    rule.share(net, tariffs)

    bills = benchmark(rule.share, net, tariffs)

    assert bills.receives_ueur.sum() == bills.supplier_ueur
    (same,) = share(told, rule, tariffs=tariffs).bills.values()
    assert (same.receives_ueur == bills.receives_ueur).all()


@pytest.mark.parametrize("orders", ENGINE_SIZES)
@pytest.mark.parametrize("name", ["huang", "muda"])
def test_bench_pymarket(benchmark, name, orders):
    pymarket = pytest.importorskip("pymarket")
    from pymarket.mechanisms.huang_auction import huang_auction
    from pymarket.mechanisms.muda_auction import muda

    engines = {"huang": huang_auction, "muda": muda}
    benchmark.group = f"peers {orders}"
    told, bids = book(orders), pymarket.BidManager()
    lift = np.random.default_rng(8).permutation(orders) / (2 * orders)  # no limit twice
    for order, more in zip(told, lift.tolist(), strict=True):
        buys = order.side == "buy"
        bids.add_bid(float(order.energy_wh), order.price_ticks + more, order.order_id, buys)
    frame = bids.get_df()
    arguments = (frame, np.random.RandomState(7)) if name == "muda" else (frame,)

    transactions, _ = benchmark(engines[name], *arguments)

    assert transactions.get_df()["quantity"].sum() > 0
    ours = {"huang": Huang, "muda": Muda}[name]().clear(told)
    assert ours.volume_wh(told) > 0


@pytest.mark.parametrize("orders", ENGINE_SIZES)
def test_bench_assume_pay_as_clear(benchmark, orders):
    pytest.importorskip("assume")
    from assume.common.market_objects import MarketConfig, MarketProduct
    from assume.markets.clearing_algorithms.simple import PayAsClearRole

    benchmark.group = f"peers {orders}"
    start, hour = datetime(2026, 1, 1), timedelta(hours=1)
    product = (start, start + hour, None)
    once = rrule(HOURLY, dtstart=start, until=start + hour)
    config = MarketConfig("one", opening_hours=once, market_products=[MarketProduct(hour, 1, hour)])
    told, role = book(orders), PayAsClearRole(config)
    rows = [
        {
            "start_time": start,
            "end_time": start + hour,
            "only_hours": None,
            "price": order.price_ticks,
            "volume": -order.energy_wh if order.side == "buy" else order.energy_wh,
        }
        for order in told
    ]

    accepted, *_ = benchmark.pedantic(
        role.clear, setup=lambda: ((copy.deepcopy(rows), [product]), {}), rounds=5
    )

    sold_wh = sum(order["accepted_volume"] for order in accepted if order["volume"] > 0)
    assert sold_wh == UniformPrice().clear(told).volume_wh(told)
