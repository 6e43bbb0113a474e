"""How fast platforms clear books with wishes, zones and charges, beside sorting their keys."""

import numpy as np
import pytest

from market.book import Orders
from market.mechanisms.piclo import Piclo
from market.mechanisms.sonnen_community import SonnenCommunity
from market.mechanisms.trader import Trader
from market.mechanisms.vandebron import Vandebron
from market.network.charges import zonal_charges

SIZES = [1_000, 10_000]
PLATFORMS = [
    Piclo(),
    Vandebron(),
    SonnenCommunity(SonnenCommunity.Options(price_ticks=1_500)),
    Trader(),
]
ORIGINS = ["pv", "wind", "hydro", "chp"]
ZONES = [f"zone {i}" for i in range(8)]
WISHES = [
    None,
    (("local", 50),),
    (("green", 100), ("local", 0)),
    (("wind", 20),),
    (("peer 17", 200), ("pv", 10), ("local", 0)),
]


def book(orders, n_places=8):
    """The book of the other benchmarks with attributes; every place lies in one of eight zones."""
    rng = np.random.default_rng(7)
    is_buy = rng.permutation(np.arange(orders) % 2 == 0)
    peers = orders // 10

    def drawn(values):
        return [values[i] for i in rng.integers(0, len(values), orders)]

    sides = is_buy.tolist()
    peer, place = rng.integers(0, peers, orders), rng.integers(0, n_places, peers)
    return Orders(
        peers=[f"peer {i}" for i in range(peers)],
        peer_index=peer,
        is_buy=is_buy,
        price_ticks=np.where(
            is_buy, rng.integers(800, 3_000, orders), rng.integers(500, 2_500, orders)
        ),
        energy_wh=rng.integers(1, 1_000, orders),
        arrival=np.arange(orders),
        attributes={
            "origin": [None if b else o for b, o in zip(sides, drawn(ORIGINS), strict=True)],
            "zone": [ZONES[i % 8] for i in place[peer]],
            "prefers": [w if b else None for b, w in zip(sides, drawn(WISHES), strict=True)],
            "storage": rng.random(orders) < 0.3,
            "curtailed": ~is_buy,
            "flexible": is_buy,
        },
        charges=zonal_charges(place.astype(str), 5, 40),
    )


@pytest.mark.parametrize("n_places", [8, 116])
@pytest.mark.parametrize("orders", SIZES)
@pytest.mark.parametrize("platform", PLATFORMS, ids=lambda p: type(p).__name__)
def test_bench_platform(benchmark, platform, orders, n_places):
    benchmark.group = f"platforms {orders}"
    told = book(orders, n_places)
    platform.clear(told)

    clearing = benchmark(platform.clear, told)

    assert clearing.volume_wh(told) > 0


@pytest.mark.parametrize("orders", SIZES)
def test_bench_argsort_of_a_platforms_keys(benchmark, orders):
    benchmark.group = f"platforms {orders}"
    price_ticks = book(orders).price_ticks

    turn = benchmark(np.argsort, price_ticks)

    assert turn.size == orders
