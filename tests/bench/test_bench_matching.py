"""How fast a book clears and is paired, beside what sorting alone would cost in the same run."""

import subprocess
import sys

import numpy as np
import pytest

from market.book import Clearing, Orders
from market.mechanisms.uniform_price import UniformPrice
from market.network.pairing import pair_trades

SIZES = [100, 1_000, 10_000, 100_000, 1_000_000]


def book(orders):
    """Orders over 2 500 ticks, half of them buying, as in the comparison with other systems."""
    rng = np.random.default_rng(7)
    is_buy = rng.permutation(np.arange(orders) % 2 == 0)
    return Orders(
        peers=[f"peer {i}" for i in range(100)],
        peer_index=rng.integers(0, 100, orders),
        is_buy=is_buy,
        price_ticks=np.where(
            is_buy, rng.integers(800, 3_000, orders), rng.integers(500, 2_500, orders)
        ),
        energy_wh=rng.integers(1, 1_000, orders),
        arrival=np.arange(orders),
    )


def note_rate(benchmark, orders):
    if benchmark.stats is not None:
        rate = orders / benchmark.stats.stats.min / 1e6
        benchmark.extra_info["million_orders_per_s"] = round(rate, 1)
        print(f"\n{benchmark.name}: {rate:.1f} million orders/s")


@pytest.mark.parametrize("orders", SIZES)
def test_bench_uniform_price(benchmark, orders):
    benchmark.group = f"matching {orders}"
    mechanism, told = UniformPrice(), book(orders)
    mechanism.clear(told)

    clearing = benchmark(mechanism.clear, told)

    assert clearing.volume_wh(told) > 0
    note_rate(benchmark, orders)


@pytest.mark.parametrize("orders", SIZES)
def test_bench_numpy_argsort(benchmark, orders):
    benchmark.group = f"matching {orders}"
    price_ticks = book(orders).price_ticks

    turn = benchmark(np.argsort, price_ticks)

    assert turn.size == orders
    note_rate(benchmark, orders)


@pytest.mark.parametrize("orders", SIZES)
def test_bench_numpy_lexsort(benchmark, orders):
    benchmark.group = f"matching {orders}"
    told = book(orders)

    turn = benchmark(np.lexsort, (told.arrival, told.price_ticks))

    assert turn.size == orders
    note_rate(benchmark, orders)


@pytest.mark.parametrize("peers", [60, 120, 400])
def test_bench_pairing(benchmark, peers):
    benchmark.group = "pairing"
    rng = np.random.default_rng(7)
    sold = rng.integers(100, 3_000, peers)
    bought = rng.multinomial(sold.sum() - peers, np.full(peers, 1 / peers)) + 1
    orders = Orders(
        peers=[f"peer {i}" for i in range(2 * peers)],
        peer_index=np.arange(2 * peers),
        is_buy=np.arange(2 * peers) >= peers,
        price_ticks=np.full(2 * peers, 100),
        energy_wh=np.concatenate([sold, bought]),
    )
    clearing = Clearing(price_ticks=100, filled_wh=orders.energy_wh)
    place = rng.random((2 * peers, 2))
    fees = (60 * np.linalg.norm(place[:, None] - place[None, :], axis=-1)).astype(np.int64)
    pair_trades(clearing, orders, fees)

    trades = benchmark(pair_trades, clearing, orders, fees)

    assert sum(trade.energy_wh for trade in trades) == sold.sum()


FIRST = """
from market import Order, Orders, UniformPrice
orders = Orders.of([Order(1, "a", "sell", 10, 5), Order(2, "b", "buy", 20, 5)])
print(UniformPrice().clear(orders).price_ticks)
"""


def test_bench_first_clearing_in_a_fresh_process(benchmark):
    # Interpreter, imports and all; Python's bytecode and numba's kernels come from their caches.
    benchmark.group = "fresh process"

    def clear():
        return subprocess.run([sys.executable, "-c", FIRST], capture_output=True, check=True)

    clear()
    assert benchmark.pedantic(clear, rounds=5).stdout == b"15\n"
