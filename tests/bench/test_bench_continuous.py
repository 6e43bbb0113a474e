"""How fast a stream of orders is matched, beside what sorting it would cost in the same run.

Every stream has orders with an expiry, and peers that would meet themselves; a fifth of the
orders is cancelled and a twentieth amended.
"""

import numpy as np
import pytest

from market.book import Orders
from market.mechanisms.continuous import ContinuousAuction
from market.mechanisms.order_book import OrderBook, State
from market.mechanisms.order_events import FOREVER, Events, Kind

SIZES = [1_000, 10_000, 100_000]
PEERS = [f"peer {i}" for i in range(100)]


def columns(n):
    """Orders over 2 500 ticks, half of them buying, as in the other benchmarks of matching."""
    rng = np.random.default_rng(7)
    is_buy = rng.permutation(np.arange(n) % 2 == 0)
    price = np.where(is_buy, rng.integers(800, 3_000, n), rng.integers(500, 2_500, n))
    return rng, is_buy, price, rng.integers(1, 1_000, n), rng.integers(0, len(PEERS), n)


def stream(n):
    rng, is_buy, price, energy, peer = columns(n)
    changes = n // 5 + n // 20
    changed = rng.integers(0, n, changes)
    change = np.where(np.arange(changes) < n // 5, int(Kind.CANCEL), int(Kind.AMEND))
    order = np.concatenate([np.arange(n), changed])
    time = np.concatenate([np.arange(n), changed + rng.integers(1, n // 4, changes)])
    expiry = np.concatenate([np.arange(n) + rng.integers(1, n, n), np.full(changes, FOREVER)])
    moved = np.concatenate([np.zeros(n, dtype=np.int64), rng.integers(-50, 50, changes)])
    turn = np.argsort(time, kind="stable")
    order = order[turn]
    return Events(
        kind=np.concatenate([np.full(n, int(Kind.LIMIT)), change])[turn],
        order_id=order,
        peer=peer[order],
        is_buy=is_buy[order],
        price_ticks=price[order] + moved[turn],
        energy_wh=energy[order],
        time=time[turn],
        expiry=expiry[turn],
    )


def note_rate(benchmark, n, what):
    if benchmark.stats is not None:
        rate = n / benchmark.stats.stats.min / 1e6
        benchmark.extra_info[f"million_{what}_per_s"] = round(rate, 1)
        print(f"\n{benchmark.name}: {rate:.1f} million {what}/s")


@pytest.mark.parametrize("orders", SIZES)
def test_bench_order_book(benchmark, orders):
    benchmark.group = f"continuous {orders}"
    events = stream(orders)
    OrderBook(PEERS).apply(events)

    def fresh():
        return (OrderBook(PEERS, capacity=len(events)),), {}

    def run(book):
        book.apply(events)
        return book

    book = benchmark.pedantic(run, setup=fresh, rounds=max(20, 200_000 // orders))

    states = {book.order(number).state for number in range(orders)}
    assert states == set(State) - {State.DROPPED}
    note_rate(benchmark, len(events), "events")


@pytest.mark.parametrize("orders", SIZES)
def test_bench_continuous_auction(benchmark, orders):
    benchmark.group = f"continuous {orders}"
    _, is_buy, price, energy, peer = columns(orders)
    book = Orders(
        peers=PEERS,
        peer_index=peer,
        is_buy=is_buy,
        price_ticks=price,
        energy_wh=energy,
        arrival=np.arange(orders),
    )
    mechanism = ContinuousAuction()
    mechanism.clear(book)

    clearing = benchmark(mechanism.clear, book)

    assert clearing.volume_wh(book) > 0
    note_rate(benchmark, orders, "orders")


@pytest.mark.parametrize("orders", SIZES)
def test_bench_numpy_lexsort_of_events(benchmark, orders):
    benchmark.group = f"continuous {orders}"
    events = stream(orders).table
    price, time = np.ascontiguousarray(events[:, 4]), np.ascontiguousarray(events[:, 6])

    turn = benchmark(np.lexsort, (time, price))

    assert turn.size == len(events)
    note_rate(benchmark, len(events), "events")
