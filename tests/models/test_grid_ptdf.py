"""Transfer factors are 0 and ±1 on trees, and pandapower's own, or worked by hand, on meshes."""

import warnings
from pathlib import Path

import numpy as np
import pandapower as pp
import pandapower.networks as networks
import pytest
from pandapower.pypower.makePTDF import makePTDF

from models.grid.power_flow import Grid
from models.grid.ptdf import ptdf

VILLAGE = Path(__file__).parents[2] / "scenarios" / "grids" / "kerber-village.json"
LINE = {"r_ohm_per_km": 0.1, "c_nf_per_km": 0, "max_i_ka": 1, "length_km": 1}


def triangle():
    """Source, a and b; the lines 0–1 and 0–2 have 0.1 ohm, the line 1–2 0.2 ohm of reactance."""
    net = pp.create_empty_network()
    pp.create_buses(net, 3, 0.4, name=["source", "a", "b"])
    pp.create_ext_grid(net, 0)
    for ends, x_ohm in (((0, 1), 0.1), ((0, 2), 0.1), ((1, 2), 0.2)):
        pp.create_line_from_parameters(net, *ends, x_ohm_per_km=x_ohm, **LINE)
    return net


def test_a_village_is_a_tree_so_a_branch_is_on_the_way_or_not():
    grid = Grid.from_json(VILLAGE)

    factors = ptdf(grid)

    assert factors.shape == (115, 116)
    np.testing.assert_allclose(factors, np.round(factors), atol=1e-9)
    assert set(np.unique(np.round(np.abs(factors)))) == {0.0, 1.0}
    # What a house at the end of a feeder gives flows through every line up to the busbar, and
    # through the transformer, the last row.
    house = grid.bus_position("loadbus_1_5")
    assert factors[-1, house] == pytest.approx(-1)
    assert not factors[:, grid.bus_position("Trafostation_OS")].any()


@pytest.mark.parametrize("name", ["case14", "case9", "case30"])
def test_meshed_networks_have_the_factors_of_pandapower(name):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        net = getattr(networks, name)()
        pp.runpp(net, numba=False)
    grid = Grid.from_net(net)
    internal = net._ppc["internal"]
    theirs = makePTDF(
        internal["baseMVA"],
        internal["bus"].real,
        internal["branch"].real,
        int(internal["ref"][0]),
    )
    order = net._pd2ppc_lookups["bus"][net.bus.index.to_numpy()]

    # pandapower's branches are its lines and then its transformers, too.
    np.testing.assert_allclose(ptdf(grid), theirs[:, order], atol=1e-10)


def test_a_triangle_by_hand():
    # From a the way home is 0.1 ohm, or 0.2 + 0.1 by b: three quarters and one.
    factors = ptdf(Grid.from_net(triangle()))

    np.testing.assert_allclose(
        factors, [[0, -0.75, -0.25], [0, -0.25, -0.75], [0, 0.25, -0.25]], atol=1e-12
    )


def test_an_open_line_leaves_a_tree():
    grid = Grid.from_net(triangle())
    grid.open_line(2)

    np.testing.assert_allclose(ptdf(grid), [[0, -1, 0], [0, 0, -1], [0, 0, 0]], atol=1e-12)


def test_dead_buses_reach_nothing():
    grid = Grid.from_net(triangle())
    grid.open_line(1)
    grid.open_line(2)

    np.testing.assert_allclose(ptdf(grid), [[0, -1, 0], [0, 0, 0], [0, 0, 0]], atol=1e-12)
