"""One power flow of the village: ours, the bare solver, and pandapower's runpp."""

from pathlib import Path

import numpy as np
import pandapower as pp
import pytest
from lightsim2grid.algorithm import NRSing_KLU

from models.grid.power_flow import Grid
from models.grid.protection import Fuse, Protection
from models.grid.tap import TapControl
from models.grid.thermal import LineThermal, TrafoThermal

VILLAGE = Path(__file__).parents[2] / "scenarios" / "grids" / "kerber-village.json"
CHANGES = [1e-4, 1e-2]
"""Relative change of every injection from tick to tick."""


def ticks(grid, change):
    """Injections that differ a little from tick to tick, without end."""
    rng = np.random.default_rng(7)
    p_mw = np.zeros(grid.n_bus)
    p_mw[list(grid.load_buses)] = -0.006
    drawn = [p_mw * (1 + change * rng.standard_normal(grid.n_bus)) for _ in range(256)]
    k = 0
    while True:
        yield drawn[k % 256]
        k += 1


@pytest.fixture
def grid():
    return Grid.from_json(VILLAGE)


@pytest.fixture(params=[True, False], ids=["quick", "newton"])
def our_grid(request):
    return Grid.from_json(VILLAGE, quick=request.param)


@pytest.mark.benchmark(group="power flow, 116 buses")
@pytest.mark.parametrize("change", CHANGES)
def test_bench_grid_solve(benchmark, our_grid, change):
    power = ticks(our_grid, change)
    q_mvar = np.zeros(our_grid.n_bus)
    our_grid.solve(next(power), q_mvar)

    state = benchmark(lambda: our_grid.solve(next(power), q_mvar))

    assert state.mismatch_pu < 1e-8


@pytest.mark.benchmark(group="power flow, 116 buses")
@pytest.mark.parametrize("change", CHANGES)
def test_bench_grid_with_operator(benchmark, grid, change):
    """The power flow, every loading, heat, fuses and the tap changer's decision."""
    power, q_mvar = ticks(grid, change), np.zeros(grid.n_bus)
    lines, busbar = len(grid.line_loading_percent()), grid.bus_position("main_busbar")
    control = TapControl(grid.tap(0), dead_band_pu=0.1, dt_s=0.1)
    thermal, oil = LineThermal(lines, dt_s=0.1), TrafoThermal(1, dt_s=0.1)
    protection = Protection([Fuse(250)] * lines, dt_s=0.1)

    def step():
        state = grid.solve(next(power), q_mvar)
        percent = grid.loading_percent()
        thermal.step(0.01 * percent[:lines])
        oil.step(0.01 * percent[lines:])
        protection.step(2.75 * percent[:lines])
        return control.step(state.vm_pu[busbar])

    step()
    benchmark(step)


@pytest.mark.benchmark(group="power flow, 116 buses")
@pytest.mark.parametrize("change", CHANGES)
def test_bench_bare_solver(benchmark, grid, change):
    case = grid.case
    weights = np.zeros(case.v_start.size)
    weights[case.ref] = 1
    solver = NRSing_KLU()
    v = case.v_start
    power = ticks(grid, change)
    s = np.zeros(case.v_start.size, dtype=np.complex128)

    def solve():
        nonlocal v
        s[case.node_of_bus] = next(power)
        solved = solver.solve(case.ybus, v, s, case.ref, weights, case.pv, case.pq, 20, 1e-10)
        v = solver.get_V().copy()
        return solved

    solve()
    assert benchmark(solve)


@pytest.mark.soak
@pytest.mark.benchmark(group="power flow, 116 buses")
@pytest.mark.parametrize("recycle", [None, {"bus_pq": True, "trafo": False, "gen": False}])
def test_bench_runpp(benchmark, grid, recycle):
    net = pp.from_json(VILLAGE)
    power = ticks(grid, 1e-2)
    loads = list(grid.load_buses)
    pp.runpp(net)

    def solve():
        net.load["p_mw"] = -next(power)[loads]
        pp.runpp(net, init="results", recycle=recycle)

    benchmark(solve)

    assert net.converged
