from pathlib import Path

import numpy as np
import pandapower as pp
import pytest
from numpy.testing import assert_allclose

from models.grid.case import bus_names, load_net
from models.grid.copies import NotCopyable, copied
from models.grid.gain import loop_gain
from models.grid.power_flow import Grid
from scenarios.network import NetworkError, outline

GRIDS = Path(__file__).parents[2] / "scenarios/grids"
VILLAGE = "kerber-village.json"


@pytest.fixture(scope="module")
def district():
    return copied(load_net(GRIDS / VILLAGE), count=5, per_cable=2, apart_km=0.5)


def test_villages_of_a_district_see_what_pandapower_sees(district):
    # Whole networks differ by their place on the cables alone; runpp is the reference.
    grid = Grid(district)
    p_mw = np.zeros(grid.n_bus)
    p_mw[list(grid.load_buses)] = -1e-3 * np.linspace(0.2, 3.0, len(grid.load_buses))
    vm_pu = grid.solve(p_mw, 0.3 * p_mw).vm_pu.copy()

    reference = pp.pandapowerNet(district)
    at = list(grid.load_buses)
    reference.load["p_mw"], reference.load["q_mvar"] = -p_mw[at], -0.3 * p_mw[at]
    pp.runpp(reference, tolerance_mva=1e-10)

    assert_allclose(vm_pu, reference.res_bus.vm_pu, rtol=0, atol=1e-8)
    ends = [grid.bus_position(f"{n}/Trafostation_OS") for n in (1, 2)]
    assert vm_pu[ends[0]] > vm_pu[ends[1]], "the second on a cable is further away"


def test_one_copy_alone_is_its_network_at_the_end_of_a_cable():
    village = load_net(GRIDS / VILLAGE)
    alone, one = Grid(village), Grid(copied(village, count=1, per_cable=1, apart_km=1e-3))

    p_mw = np.zeros(alone.n_bus)
    p_mw[list(alone.load_buses)] = -2e-3
    vm_pu = alone.solve(p_mw, np.zeros(alone.n_bus)).vm_pu.copy()
    of_copy = one.solve(np.append(p_mw, 0.0), np.zeros(one.n_bus)).vm_pu[: alone.n_bus]

    assert_allclose(of_copy, vm_pu, rtol=0, atol=2e-6)


def test_a_village_whose_cable_is_cut_is_fed_from_the_other_end_of_its_ring():
    ringed = copied(load_net(GRIDS / VILLAGE), count=5, per_cable=2, apart_km=0.5, ring=True)
    grid, nothing = Grid(ringed), np.zeros(5 * 116 + 1)
    grid.solve(nothing, nothing)
    assert "tie/2" not in set(ringed.line["name"]), "the third cable has no other to be joined to"

    grid.open_line("2/cable")
    second = grid.bus_position("2/main_busbar")
    assert grid.solve(nothing, nothing).vm_pu[second] == 0
    grid.close_line("tie/1")
    assert grid.solve(nothing, nothing).vm_pu[second] == pytest.approx(1.0, abs=0.01)


def test_the_outline_names_what_the_copies_hold(district):
    told = outline(VILLAGE, GRIDS).copied(5)

    assert told.bus_names == bus_names(district)
    assert told.load_buses == tuple(district.bus.at[b, "name"] for b in district.load["bus"])
    for table in ("line", "trafo", "switch"):
        assert dict(told.elements[table]) == district[table]["name"].to_dict()
    assert told.lacking_taps["5/trafo 1"] == ()
    assert told.tap_step_percent["5/trafo 1"] == told.tap_step_percent[4] == 2.5


def test_what_cannot_be_copied_is_refused():
    with pytest.raises(NotCopyable, match="elements that are not copied: gen"):
        copied(pp.networks.case9(), count=2, per_cable=1, apart_km=1.0)
    with pytest.raises(NotCopyable, match="110 kV; expected 10 or 20 kV"):
        copied(pp.networks.create_cigre_network_mv(), count=2, per_cable=1, apart_km=1.0)
    with pytest.raises(NetworkError, match="345 kV; expected one of that voltage"):
        outline("pandapower:case9", Path()).copied(2)


def test_the_loop_gain_of_many_is_the_largest_of_all_eigenvalues(district):
    # numpy's eigenvalues of the dense matrix against Arnoldi's iteration on sparse solutions.
    grid = Grid(district)
    rng = np.random.default_rng(3)
    positions = rng.choice(grid.n_bus, 250)
    p_slopes, q_slopes = -rng.uniform(0, 20, (2, 250)) * (rng.random(250) < 0.5)

    many = loop_gain(grid, positions, p_slopes, q_slopes)
    every = loop_gain(grid, positions, p_slopes, q_slopes, most_dense=250)

    assert many == pytest.approx(every, rel=1e-6)
    assert 0.01 < many < 10
