"""What a gate costs: admission of a book of trades on the village's feeder, and of an envelope."""

from pathlib import Path

import numpy as np
import pytest

from market.network.admission import Batch, GridLimits, admit
from market.network.envelopes import envelope_kw
from models.grid.power_flow import Grid
from models.grid.ptdf import ptdf
from models.grid.sensitivity import PeerGrid

VILLAGE = Path(__file__).parents[2] / "scenarios" / "grids" / "kerber-village.json"
LIMITS = GridLimits(low_pu=0.95, high_pu=1.05)


@pytest.fixture(scope="module")
def grid():
    return Grid.from_json(VILLAGE)


@pytest.fixture(scope="module")
def peers(grid):
    made = PeerGrid(grid, grid.load_buses)
    made.linearise(np.zeros(len(grid.load_buses)))  # compiles
    return made


def book(trades, kw, n_peers):
    rng = np.random.default_rng(7)
    order = rng.permutation(n_peers)
    half = n_peers // 2
    energy_wh = rng.integers(1, round(250 * kw), trades)
    return Batch.of(rng.choice(order[:half], trades), rng.choice(order[half:], trades), energy_wh)


@pytest.mark.benchmark(group="admission")
@pytest.mark.parametrize(
    ("trades", "kw", "cuts"),
    [(60, 10, False), (60, 40, True), (500, 1.5, False), (500, 6, True)],
    ids=["60 that hold", "60 to cut", "500 that hold", "500 to cut"],
)
def test_bench_admission(benchmark, grid, peers, trades, kw, cuts):
    """A book that holds costs one linearisation; one to be cut some rounds of it."""
    n_peers = len(grid.load_buses)
    batch, base_kw = book(trades, kw, n_peers), np.full(n_peers, -0.5)

    answer = benchmark(admit, batch, base_kw, peers, LIMITS, hours=0.25)

    benchmark.extra_info["rounds"] = answer.rounds
    benchmark.extra_info["admitted"] = answer.energy_wh.sum() / batch.energy_wh.sum()
    assert answer.broken == ()
    assert bool((answer.energy_wh < batch.energy_wh).any()) is cuts


@pytest.mark.benchmark(group="admission")
def test_bench_envelope(benchmark, grid, peers):
    base_kw = np.full(len(grid.load_buses), -0.5)

    caps_kw = benchmark(envelope_kw, base_kw, peers, LIMITS, most_kw=100)

    assert 0 < caps_kw.min() < 100


@pytest.mark.benchmark(group="admission")
def test_bench_ptdf(benchmark, grid):
    assert benchmark(ptdf, grid).shape == (115, grid.n_bus)
