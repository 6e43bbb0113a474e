"""A grid's linearisation agrees with pandapower's finite differences, for buses and branches."""

import copy
from pathlib import Path

import numpy as np
import pandapower as pp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.grid.power_flow import Grid
from models.grid.sensitivity import PeerGrid, linearise

VILLAGE = Path(__file__).parents[2] / "scenarios" / "grids" / "kerber-village.json"
ORIGINAL = pp.from_json(VILLAGE)
AT = ("loadbus_1_1", "loadbus_1_5", "loadbus_6_3")
WEAK = {"r_ohm_per_km": 0.5, "x_ohm_per_km": 0.3, "c_nf_per_km": 0, "max_i_ka": 0.1}


def ringed():
    """The village with a tie between two feeders, so that a trade has two ways."""
    net = copy.deepcopy(ORIGINAL)
    ends = [int(net.bus.index[net.bus["name"] == name][0]) for name in ("KV_1_4", "MUF_2_1")]
    cable = {"r_ohm_per_km": 0.208, "x_ohm_per_km": 0.08, "c_nf_per_km": 261, "max_i_ka": 0.27}
    pp.create_line_from_parameters(net, *ends, length_km=0.1, name="tie", **cable)
    return net


NETS = {"radial": ORIGINAL, "meshed": ringed()}


def runpp(net, p_mw, q_mvar):
    net = copy.deepcopy(net)
    net.load = net.load.iloc[:0]
    pp.create_loads(net, net.bus.index, p_mw=-p_mw, q_mvar=-q_mvar)
    pp.runpp(net, tolerance_mva=1e-11, numba=False)
    loading = [net.res_line["loading_percent"], net.res_trafo["loading_percent"]]
    return net.res_bus["vm_pu"].to_numpy(), np.concatenate(loading)


@pytest.fixture(scope="module", params=NETS)
def solved(request):
    net = NETS[request.param]
    grid = Grid.from_net(net)
    p_mw = np.zeros(grid.n_bus)
    p_mw[list(grid.load_buses)] = -0.004
    grid.solve(p_mw, 0.3 * p_mw)
    return net, grid, p_mw


def test_values_are_those_of_runpp(solved):
    net, grid, p_mw = solved

    found = linearise(grid, np.zeros(0, dtype=np.int64))

    vm_pu, loading = runpp(net, p_mw, 0.3 * p_mw)
    np.testing.assert_allclose(found.vm_pu, vm_pu, atol=1e-9)
    np.testing.assert_allclose(found.loading_percent, loading, rtol=1e-6, atol=1e-7)
    assert found.bus_names == grid.bus_names
    assert len(set(found.branch_names)) == len(net.line) + len(net.trafo)


def test_slopes_are_the_finite_differences_of_runpp(solved):
    net, grid, p_mw = solved
    positions = np.array([grid.bus_position(name) for name in AT])

    found = linearise(grid, positions)

    step_mw = 1e-4
    per_kw = 1 / (2 * step_mw * 1e3)
    for column, position in enumerate(positions):
        step = np.zeros(grid.n_bus)
        step[position] = step_mw
        q_mvar = 0.3 * p_mw
        for by_v, by_i, up, down in (
            (
                found.dv_dp_per_kw,
                found.dloading_dp_per_kw,
                runpp(net, p_mw + step, q_mvar),
                runpp(net, p_mw - step, q_mvar),
            ),
            (
                found.dv_dq_per_kvar,
                found.dloading_dq_per_kvar,
                runpp(net, p_mw, q_mvar + step),
                runpp(net, p_mw, q_mvar - step),
            ),
        ):
            np.testing.assert_allclose(by_v[:, column], (up[0] - down[0]) * per_kw, atol=1e-8)
            np.testing.assert_allclose(by_i[:, column], (up[1] - down[1]) * per_kw, atol=2e-4)
        assert np.abs(found.dloading_dp_per_kw[:, column]).max() > 0.4


def one_house():
    net = pp.create_empty_network()
    pp.create_buses(net, 2, 0.4, name=["source", "house"])
    pp.create_ext_grid(net, 0)
    pp.create_line_from_parameters(net, 0, 1, length_km=1, **WEAK)
    return net


def test_slopes_of_one_house_by_hand():
    # 0.5 ohm at 0.4 kV: 0.5 / 160 p.u. per kW. 1 kW at 0.4 kV is 1 / (0.4 √3) A of 100 A; the
    # voltage hardly moves for 1 W, so that the loading's slope is ±1.4434 %/kW beside a kink.
    network = PeerGrid(Grid.from_net(one_house()), [1])

    at_rest, gives, takes = (network.linearise([p_kw]) for p_kw in (0.0, 1e-3, -1e-3))

    assert at_rest.dv_dp_per_kw[1, 0] == pytest.approx(0.5 / 160, rel=1e-9)
    assert at_rest.loading_percent[0] == pytest.approx(0, abs=1e-9)
    assert gives.dloading_dp_per_kw[0, 0] == pytest.approx(1 / (0.4 * 3**0.5), rel=1e-4)
    assert takes.dloading_dp_per_kw[0, 0] == pytest.approx(-1 / (0.4 * 3**0.5), rel=1e-4)


def test_no_current_has_no_slope():
    net = one_house()
    pp.create_bus(net, 0.4, name="garden")
    pp.create_line_from_parameters(net, 1, 2, length_km=1, **WEAK)

    found = PeerGrid(Grid.from_net(net), [1]).linearise([-3.0])

    assert found.loading_percent[1] == pytest.approx(0, abs=1e-9)
    assert np.isfinite(found.dloading_dp_per_kw).all()


def test_peers_at_one_bus_add_up_and_their_reactive_power_counts():
    two = PeerGrid(Grid.from_net(one_house()), [1, 1])
    two.q_kvar[:] = [1.0, 1.5]
    one = PeerGrid(Grid.from_net(one_house()), [1])
    one.q_kvar[:] = 2.5

    apart, together = two.linearise([4.0, -7.0]), one.linearise([-3.0])

    np.testing.assert_allclose(apart.vm_pu, together.vm_pu, rtol=1e-12)
    np.testing.assert_allclose(
        apart.dv_dp_per_kw, np.repeat(together.dv_dp_per_kw, 2, axis=1), rtol=1e-9
    )


def test_an_injection_without_power_flow_is_none_and_does_no_harm():
    # 0.5 ohm at 0.4 kV carries at most 0.4² / (4 · 0.5) MW = 80 kW, less with the reactance.
    network = PeerGrid(Grid.from_net(one_house()), [1])
    before = network.linearise([-5.0]).vm_pu

    assert network.linearise([-500.0]) is None
    np.testing.assert_allclose(network.linearise([-5.0]).vm_pu, before, rtol=1e-9)


def test_what_is_out_of_service_or_dead_has_no_part():
    net = one_house()
    pp.create_bus(net, 0.4, name="garden")
    pp.create_line_from_parameters(net, 1, 2, length_km=1, name="path", **WEAK)
    grid = Grid.from_net(net)
    grid.open_line("path")

    found = PeerGrid(grid, [1, 2]).linearise([2.0, 2.0])

    assert found.bus_names == ("source", "house")
    assert found.branch_names == ("line 0", "path")
    assert found.loading_percent[1] == 0
    assert not found.dloading_dp_per_kw[1].any()
    assert not found.dv_dp_per_kw[:, 1].any()


def test_a_branch_without_rating_cannot_be_overloaded():
    net = one_house()
    net.line["max_i_ka"] = np.nan

    found = PeerGrid(Grid.from_net(net), [1]).linearise([-5.0])

    assert found.loading_percent.tolist() == [0.0]
    assert not found.dloading_dp_per_kw.any()


VILLAGE_PEERS = PeerGrid(Grid.from_net(ORIGINAL), Grid.from_net(ORIGINAL).load_buses)
powers = st.lists(st.floats(-6, 6), min_size=57, max_size=57).map(np.array)


@given(at=powers, to=powers)
def test_neither_tangent_of_a_loading_nor_its_negative_lies_above_it(at, to):
    # Exactly so for currents linear in the injections; 3 percentage points are for the voltages.
    there, here = VILLAGE_PEERS.linearise(to), VILLAGE_PEERS.linearise(at)

    tangent = here.loading_percent + here.dloading_dp_per_kw @ (to - at)

    assert (np.abs(tangent) <= there.loading_percent + 3).all()
