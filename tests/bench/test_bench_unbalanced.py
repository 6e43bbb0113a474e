"""One three-phase power flow: ours and pandapower's `runpp_3ph`, on the European LV feeder."""

from pathlib import Path

import numpy as np
import pandapower as pp
import pandapower.networks as networks
import pytest

from models.grid.unbalanced import UnbalancedGrid, ZeroSequence

VILLAGE = Path(__file__).parents[2] / "scenarios" / "grids" / "kerber-village.json"
GRIDS = {
    "European LV feeder, 907 buses": lambda: UnbalancedGrid(
        networks.ieee_european_lv_asymmetric(), keep_elements=True
    ),
    "Kerber village, 116 buses": lambda: UnbalancedGrid.from_json(VILLAGE, filling=ZeroSequence()),
}


@pytest.mark.benchmark(group="three-phase power flow")
@pytest.mark.parametrize("name", GRIDS)
def test_bench_unbalanced_solve(benchmark, name):
    grid = GRIDS[name]()
    rng = np.random.default_rng(7)
    drawn = iter(rng.normal(-1e-4, 1e-5, (10_000, grid.n_bus)) * (rng.random(grid.n_bus) < 0.1))
    p_mw, q_mvar = np.zeros((2, grid.n_bus, 3))

    def tick():
        p_mw[:, 0] = next(drawn)
        return grid.solve(p_mw, q_mvar)

    tick()
    state = benchmark.pedantic(tick, rounds=200, iterations=1)
    assert state.mismatch_pu < 1e-8


@pytest.mark.soak
@pytest.mark.benchmark(group="three-phase power flow")
def test_bench_runpp_3ph(benchmark):
    net = networks.ieee_european_lv_asymmetric()
    net.trafo["tap_dependency_table"] = False  # the shipped feeder is older than this column
    pp.runpp_3ph(net)
    benchmark.pedantic(pp.runpp_3ph, (net,), rounds=3, iterations=1)
    assert net["converged"]
