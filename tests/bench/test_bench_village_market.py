"""How fast a village's market clears with network charges: in the clearing, and paired after it.

A hundred and sixteen places, as the shipped village has buses; charges by distance.
"""

import numpy as np
import pytest

from market.book import Orders
from market.mechanisms.assignment import Assignment
from market.mechanisms.node_fees import NodeFees
from market.mechanisms.uniform_price import UniformPrice
from market.network.charges import distance_charges, node_charges
from market.network.pairing import pair_columns, pair_trades

PEERS = [1_000, 10_000]
PLACES = 116


def village(peers, *, per_node=False):
    """One order per peer, half of them buying."""
    rng = np.random.default_rng(7)
    at = rng.random((PLACES, 2))
    distance_ohm = np.linalg.norm(at[:, None] - at[None, :], axis=-1)
    charges = distance_charges(distance_ohm, rng.integers(0, PLACES, peers), ticks_per_ohm=40)
    is_buy = rng.permutation(np.arange(peers) % 2 == 0)
    return Orders(
        peers=[f"house {i}" for i in range(peers)],
        peer_index=np.arange(peers),
        is_buy=is_buy,
        price_ticks=np.where(is_buy, rng.integers(150, 350, peers), rng.integers(80, 300, peers)),
        energy_wh=rng.integers(50, 2_500, peers),
        charges=node_charges(charges) if per_node else charges,
    )


@pytest.mark.parametrize("peers", PEERS)
def test_bench_fees_per_node_in_the_clearing(benchmark, peers):
    benchmark.group = f"village market {peers}"
    mechanism, orders = NodeFees(UniformPrice()), village(peers, per_node=True)
    mechanism.clear(orders)

    clearing = benchmark(mechanism.clear, orders)

    assert clearing.fees_ueur > 0


@pytest.mark.parametrize("peers", PEERS)
def test_bench_fees_per_node_and_contracts_as_columns(benchmark, peers):
    benchmark.group = f"village market {peers}"
    mechanism, orders = NodeFees(UniformPrice()), village(peers, per_node=True)

    def clear_and_pair():
        return pair_columns(mechanism.clear(orders), orders, orders.charges)

    clear_and_pair()
    assert len(benchmark(clear_and_pair)) > 0


@pytest.mark.parametrize("peers", PEERS)
def test_bench_least_fee_and_contracts_as_columns(benchmark, peers):
    benchmark.group = f"village market {peers}"
    mechanism, orders = UniformPrice(), village(peers)

    def clear_and_pair():
        return pair_columns(mechanism.clear(orders), orders, orders.charges)

    clear_and_pair()
    assert len(benchmark(clear_and_pair)) > 0


@pytest.mark.parametrize("peers", PEERS)
def test_bench_least_fee_and_contracts_one_by_one(benchmark, peers):
    benchmark.group = f"village market {peers}"
    mechanism, orders = UniformPrice(), village(peers)

    def clear_and_pair():
        return pair_trades(mechanism.clear(orders), orders, orders.charges)

    clear_and_pair()
    assert len(benchmark(clear_and_pair)) > 0


@pytest.mark.parametrize("peers", PEERS)
def test_bench_building_the_book(benchmark, peers):
    benchmark.group = f"village market {peers}"
    made = village(peers)
    columns = {
        name: getattr(made, name)
        for name in ("peers", "peer_index", "is_buy", "price_ticks", "energy_wh", "charges")
    }

    assert len(benchmark(lambda: Orders(**columns))) == peers


@pytest.mark.parametrize("peers", [60, 200])
def test_bench_assignment_with_fees_per_pair(benchmark, peers):
    benchmark.group = "fees per pair in the clearing"
    mechanism, orders = Assignment(), village(peers)
    mechanism.clear(orders)

    clearing = benchmark(mechanism.clear, orders)

    assert clearing.fees_ueur > 0
