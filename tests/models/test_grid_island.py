"""A grid that parts from the one above, and hangs on it again."""

from pathlib import Path

import numpy as np
import pytest

from models.grid.power_flow import Grid

VILLAGE = Path(__file__).parents[2] / "scenarios/grids/kerber-village.json"


def test_a_village_that_parted_and_joined_again_has_its_voltages_back():
    grid = Grid.from_json(VILLAGE)
    p_mw = np.where(np.arange(grid.n_bus) % 7 == 3, -0.002, 0.0)
    before = grid.solve(p_mw, 0 * p_mw).vm_pu.copy()
    boundary_mw = grid.solve(p_mw, 0 * p_mw).p_boundary_mw
    for _ in range(2):
        grid.open_island("main_busbar", vm_pu=0.97)
        grid.set_reference_voltage(0.98)
        alone = grid.solve(p_mw, 0 * p_mw)
        assert alone.vm_pu[grid.bus_position("main_busbar")] == pytest.approx(0.98)
        assert (alone.vm_pu == 0).any()
        grid.close_island()
        joined = grid.solve(p_mw, 0 * p_mw)
        assert joined.vm_pu == pytest.approx(before, abs=1e-9)
        assert joined.p_boundary_mw == pytest.approx(boundary_mw, abs=1e-9)
    with pytest.raises(ValueError, match="expected one that parted"):
        grid.close_island()
