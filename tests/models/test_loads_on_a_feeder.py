"""Loads that follow the voltage of a tick ago come to rest where a power flow with them ends."""

from pathlib import Path

import numpy as np
import pandapower as pp
import pytest

from models.grid.power_flow import Grid
from models.loads.response import LoadResponse
from models.loads.zip_parts import ZipParams

FILE = Path(__file__).parents[2] / "scenarios/grids/kerber-village.json"


def test_a_tick_late_they_end_where_runpp_with_zip_loads_does():
    net = pp.from_json(FILE)
    n, luck = len(net.load), np.random.default_rng(5)
    p_kw, q_kvar = luck.uniform(1, 6, n), luck.uniform(0.2, 2, n)
    z, i = luck.uniform(0, 60, n), luck.uniform(0, 40, n)
    net.load[["p_mw", "q_mvar"]] = 1e-3 * np.stack([p_kw, q_kvar], axis=1)
    for power in "pq":
        net.load[f"const_z_{power}_percent"], net.load[f"const_i_{power}_percent"] = z, i
    pp.runpp(net, voltage_depend_loads=True, tolerance_mva=1e-12)

    grid = Grid.from_json(FILE)
    bus = np.array([grid.bus_position(name) for name in net.bus.name[net.load.bus]])
    parts = [(100 - a - b, a, b) for a, b in zip(z, i, strict=True)]
    of = LoadResponse(
        [
            ZipParams(p_z=a / 100, p_i=b / 100, p_p=c / 100, q_z=a / 100, q_i=b / 100, q_p=c / 100)
            for c, a, b in parts
        ]
    )
    vm_pu = np.ones(n)
    for _ in range(15):
        p, q = of.scale(vm_pu, 50.0)
        drawn = (np.bincount(bus, x, grid.n_bus) for x in (p_kw * p, q_kvar * q))
        vm_pu = grid.solve(*(-1e-3 * one for one in drawn)).vm_pu[bus]

    assert vm_pu == pytest.approx(net.res_bus.vm_pu[net.load.bus].to_numpy(), abs=1e-8)
    assert p_kw * p == pytest.approx(1e3 * net.res_load.p_mw.to_numpy(), abs=1e-6)
    assert vm_pu.min() < 0.97
