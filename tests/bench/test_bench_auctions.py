"""How fast the call auctions clear, beside what sorting the keys alone costs in the same run."""

import numpy as np
import pytest

from market.book import Orders
from market.mechanisms.huang import Huang
from market.mechanisms.mcafee import McAfee
from market.mechanisms.muda import Muda
from market.mechanisms.pay_as_bid import PayAsBid
from market.mechanisms.trade_reduction import TradeReduction
from market.mechanisms.vcg import VickreyClarkeGroves

SIZES = [1_000, 100_000]
AUCTIONS = [PayAsBid, TradeReduction, McAfee, Huang, VickreyClarkeGroves, Muda]


def book(orders, lot_wh=None):
    """The book of the comparison with other systems; with a lot, one of it from every peer."""
    rng = np.random.default_rng(7)
    is_buy = rng.permutation(np.arange(orders) % 2 == 0)
    price_ticks = np.where(
        is_buy, rng.integers(800, 3_000, orders), rng.integers(500, 2_500, orders)
    )
    peers = 100 if lot_wh is None else orders
    return Orders(
        peers=[f"peer {i}" for i in range(peers)],
        peer_index=rng.integers(0, 100, orders) if lot_wh is None else np.arange(orders),
        is_buy=is_buy,
        price_ticks=price_ticks,
        energy_wh=rng.integers(1, 1_000, orders) if lot_wh is None else np.full(orders, lot_wh),
        arrival=np.arange(orders),
    )


@pytest.mark.parametrize("orders", SIZES)
@pytest.mark.parametrize("mechanism", AUCTIONS, ids=lambda m: m.__name__)
def test_bench_auction(benchmark, mechanism, orders):
    benchmark.group = f"auctions {orders}"
    auction, told = mechanism(), book(orders)
    auction.clear(told)

    clearing = benchmark(auction.clear, told)

    assert clearing.volume_wh(told) > 0


@pytest.mark.parametrize("orders", [10_000])
@pytest.mark.parametrize(
    "auction",
    [
        TradeReduction(TradeReduction.Options(lots="equal")),
        McAfee(McAfee.Options(lots="equal")),
        VickreyClarkeGroves(),
        Muda(),
    ],
    ids=lambda a: type(a).__name__,
)
def test_bench_auction_of_one_equal_lot_per_peer(benchmark, auction, orders):
    benchmark.group = f"equal lots {orders}"
    told = book(orders, lot_wh=500)
    auction.clear(told)

    clearing = benchmark(auction.clear, told)

    assert clearing.volume_wh(told) > 0


@pytest.mark.parametrize("orders", SIZES)
def test_bench_argsort_of_the_keys(benchmark, orders):
    benchmark.group = f"auctions {orders}"
    price_ticks = book(orders).price_ticks

    turn = benchmark(np.argsort, price_ticks)

    assert turn.size == orders
