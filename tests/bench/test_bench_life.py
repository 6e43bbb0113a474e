"""Whole lives of contracts: offered, agreed by four, delivered and paid, over ideal links."""

import numpy as np
import pytest

from market.book import Order, Trade
from market.delivery.contract import Clock
from market.delivery.life import TransactionLoop
from market.delivery.life_agreement import Procedure
from market.delivery.meters import PeriodReading

TICKS = 9000
SIDE = 50


def played(signing, gates, per_peer):
    """Play the lives that 50 sellers and 50 buyers have in common, some of each at every gate."""
    sellers, buyers = [[f"{side}{i}" for i in range(SIDE)] for side in "sb"]
    loop = TransactionLoop(
        (*sellers, *buyers, "lpd"),
        Clock(TICKS, 0.1),
        now=-TICKS,
        procedure=Procedure(signing=signing),
    )
    energy_wh = 100 * per_peer
    net_milliwh = 1000 * np.repeat([energy_wh, -energy_wh, 0], [SIDE, SIDE, 1])
    reading = PeriodReading(net_milliwh, np.zeros_like(net_milliwh))
    orders = [Order(i, s, "sell", 100, energy_wh, 0, i) for i, s in enumerate(sellers)]
    orders += [Order(SIDE + i, b, "buy", 300, energy_wh, 0, i) for i, b in enumerate(buyers)]
    trades = [
        Trade(seller, buyers[(i + j) % SIDE], 100, 200, 10, i, SIDE + (i + j) % SIDE)
        for i, seller in enumerate(sellers)
        for j in range(per_peer)
    ]
    for period in range(gates):
        gate = period * TICKS - 3000
        loop.offers(gate, period, orders)
        loop.conclude(gate, period, trades)
        loop.take_messages()
        loop.close_period((period + 1) * TICKS, period, reading)
    return loop


@pytest.mark.parametrize("per_peer", [1, 20])
@pytest.mark.parametrize("signing", ["none", "batched", "each"])
def test_bench_whole_lives(benchmark, signing, per_peer):
    gates = 20 // per_peer
    loop = benchmark.pedantic(played, (signing, gates, per_peer), rounds=3, warmup_rounds=1)
    states = [row["state"] for row in loop.tables()["contracts"]]
    assert states == ["settled"] * (gates * per_peer * SIDE)
    benchmark.extra_info["lives"] = len(states)
