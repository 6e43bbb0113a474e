"""The grid finds what pandapower's own power flow finds, within 1e-8 p.u."""

import copy
import functools
from pathlib import Path

import numpy as np
import pandapower as pp
import pandapower.networks as networks
import pytest

from models.grid.power_flow import Grid
from models.grid.tap import TapData

VILLAGE = Path(__file__).parents[2] / "scenarios" / "grids" / "kerber-village.json"
ORIGINAL = pp.from_json(VILLAGE)


@functools.cache
def simbench_original(code):
    return pytest.importorskip("simbench").get_simbench_net(code)


def simbench_net(code):
    return copy.deepcopy(simbench_original(code))


def case14():
    net = networks.case14()
    net.trafo["tap_dependency_table"] = False  # the shipped case is older than this column
    return net


def zip_village():
    net = copy.deepcopy(ORIGINAL)
    net.load[["const_z_p_percent", "const_z_q_percent"]] = 30.0
    net.load[["const_i_p_percent", "const_i_q_percent"]] = 20.0
    net.load["q_mvar"] = 0.002
    return net


NETWORKS = {
    "kerber village": lambda: copy.deepcopy(ORIGINAL),
    "kerber village with ZIP loads": zip_village,
    "cigre lv": networks.create_cigre_network_lv,
    "cigre mv with pv and wind": lambda: networks.create_cigre_network_mv(with_der="pv_wind"),
    "case14": case14,
    "simbench rural": lambda: simbench_net("1-LV-rural1--0-sw"),
    "simbench semi-urban": lambda: simbench_net("1-LV-semiurb4--1-sw"),
}


SLOW = {"simbench semi-urban"}  # as the rural one, for longer


@pytest.fixture(
    params=[
        pytest.param(name, marks=[pytest.mark.soak] if name in SLOW else []) for name in NETWORKS
    ]
)
def net(request):
    return NETWORKS[request.param]()


def oracle(net):
    pp.runpp(net, tolerance_mva=1e-10, numba=False, max_iteration=30)
    return net.res_bus["vm_pu"].fillna(0).to_numpy()


def village_with(p_mw, q_mvar, change=lambda net: None):
    """Pandapower's voltages with these injections as its loads."""
    net = copy.deepcopy(ORIGINAL)
    net.load = net.load.iloc[:0]
    change(net)
    pp.create_loads(net, net.bus.index, p_mw=-p_mw, q_mvar=-q_mvar)
    return oracle(net), net


def injections(seed=7):
    rng = np.random.default_rng(seed)
    return rng.uniform(-6e-3, 6e-3, 116), rng.uniform(-2e-3, 2e-3, 116)


@pytest.mark.parametrize("quick", [True, False])
def test_voltages_and_totals_of_static_networks(net, quick):
    grid = Grid.from_net(net, keep_elements=True, quick=quick)

    state = grid.solve(np.zeros(grid.n_bus), np.zeros(grid.n_bus))

    np.testing.assert_allclose(state.vm_pu, oracle(net), rtol=0, atol=1e-8)
    slack_p_mw = net.res_ext_grid["p_mw"].sum()
    assert state.p_boundary_mw == pytest.approx(slack_p_mw, abs=1e-6 * net.sn_mva)
    assert state.q_boundary_mvar == pytest.approx(
        net.res_ext_grid["q_mvar"].sum(), abs=1e-6 * net.sn_mva
    )


@pytest.mark.parametrize("name", [name for name in NETWORKS if "ZIP" not in name])
def test_voltages_when_peers_own_loads_and_generators(name):
    net = NETWORKS[name]()
    net.gen = net.gen.iloc[:0]
    grid = Grid.from_net(net)
    p_mw, q_mvar = np.zeros(grid.n_bus), np.zeros(grid.n_bus)
    for table, sign in (("load", -1), ("sgen", 1), ("storage", -1)):
        rows = net[table]
        position = net.bus.index.get_indexer(rows["bus"])
        np.add.at(p_mw, position, sign * rows["p_mw"] * rows["scaling"] * rows["in_service"])
        np.add.at(q_mvar, position, sign * rows["q_mvar"] * rows["scaling"] * rows["in_service"])

    state = grid.solve(p_mw, q_mvar)

    np.testing.assert_allclose(state.vm_pu, oracle(net), rtol=0, atol=1e-8)


def test_branch_loading(net):
    grid = Grid.from_net(net, keep_elements=True)
    state = grid.solve(np.zeros(grid.n_bus), np.zeros(grid.n_bus))

    oracle(net)

    theirs = [net.res_line["loading_percent"], net.res_trafo["loading_percent"]]
    assert state.loading_max_percent == pytest.approx(np.nanmax(np.concatenate(theirs)), abs=1e-5)
    np.testing.assert_allclose(
        grid.line_loading_percent(), net.res_line["loading_percent"].fillna(0), atol=1e-5
    )
    np.testing.assert_allclose(
        grid.trafo_loading_percent(), net.res_trafo["loading_percent"].fillna(0), atol=1e-5
    )


def test_losses_and_bus_powers_of_the_village():
    p_mw, q_mvar = injections()
    grid = Grid.from_net(ORIGINAL)

    state = grid.solve(p_mw, q_mvar)
    vm_pu, net = village_with(p_mw, q_mvar)

    np.testing.assert_allclose(state.vm_pu, vm_pu, rtol=0, atol=1e-8)
    np.testing.assert_allclose(grid.va_degree(), net.res_bus["va_degree"], atol=1e-6)
    losses_mw = net.res_line["pl_mw"].sum() + net.res_trafo["pl_mw"].sum()
    assert state.losses_mw == pytest.approx(losses_mw, abs=1e-8)
    # pandapower's bus table holds the external grid too, as ours does, with loads positive.
    np.testing.assert_allclose(state.p_bus_mw, -net.res_bus["p_mw"], atol=1e-8)
    np.testing.assert_allclose(state.q_bus_mvar, -net.res_bus["q_mvar"], atol=1e-8)


def test_a_line_out_leaves_what_is_behind_it_dark():
    p_mw, q_mvar = injections()
    grid = Grid.from_net(ORIGINAL)
    grid.solve(p_mw, q_mvar)

    grid.open_line("line_1_3")
    state = grid.solve(p_mw, q_mvar)

    def change(net):
        net.line.loc[net.line["name"] == "line_1_3", "in_service"] = False

    vm_pu, _ = village_with(p_mw, q_mvar, change)
    assert state.vm_pu[grid.bus_position("loadbus_1_3")] == 0
    assert state.p_bus_mw[grid.bus_position("loadbus_1_3")] == 0
    np.testing.assert_allclose(state.vm_pu, vm_pu, rtol=0, atol=1e-8)

    grid.close_line("line_1_3")
    again, _ = village_with(p_mw, q_mvar)
    np.testing.assert_allclose(grid.solve(p_mw, q_mvar).vm_pu, again, rtol=0, atol=1e-8)


def test_an_opened_transformer_in_a_meshed_grid():
    net = NETWORKS["cigre lv"]()
    grid = Grid.from_net(net, keep_elements=True)
    nothing = np.zeros(grid.n_bus)
    grid.solve(nothing, nothing)

    grid.open_trafo(1)
    net.trafo.loc[1, "in_service"] = False
    state = grid.solve(nothing, nothing)

    vm_pu = oracle(net)
    assert (vm_pu == 0).any()
    np.testing.assert_allclose(state.vm_pu, vm_pu, rtol=0, atol=1e-8)


def test_an_opened_switch_fuses_buses_no_longer():
    net = NETWORKS["cigre mv with pv and wind"]()
    grid = Grid.from_net(net, keep_elements=True)
    nothing = np.zeros(grid.n_bus)
    grid.solve(nothing, nothing)
    opened = int(net.switch.index[net.switch["closed"]][0])

    grid.set_switch(opened, closed=False)
    net.switch.loc[opened, "closed"] = False

    state = grid.solve(nothing, nothing)
    np.testing.assert_allclose(state.vm_pu, oracle(net), rtol=0, atol=1e-8)


@pytest.mark.parametrize("vm_pu", [1.0, 0.97])
def test_the_island_is_the_village_with_its_slack_at_the_busbar(vm_pu):
    p_mw, q_mvar = injections()
    p_mw[0] = q_mvar[0] = 0  # the upstream bus is dead in the island
    grid = Grid.from_net(ORIGINAL)
    grid.solve(p_mw, q_mvar)

    grid.open_island("main_busbar")
    grid.set_reference_voltage(vm_pu)
    state = grid.solve(p_mw, q_mvar)

    def change(net):
        net.ext_grid = net.ext_grid.iloc[:0]
        net.trafo["in_service"] = False
        busbar = net.bus.index[net.bus["name"] == "main_busbar"][0]
        pp.create_ext_grid(net, busbar, vm_pu=vm_pu)

    expected, net = village_with(p_mw, q_mvar, change)
    assert state.vm_pu[grid.bus_position("Trafostation_OS")] == 0
    assert state.p_bus_mw[grid.bus_position("Trafostation_OS")] == 0
    np.testing.assert_allclose(state.vm_pu, expected, rtol=0, atol=1e-8)
    assert state.p_boundary_mw == pytest.approx(net.res_ext_grid["p_mw"].sum(), abs=1e-8)


def test_an_island_whose_voltage_follows_a_droop_keeps_following_runpp():
    p_mw, q_mvar = injections()
    grid = Grid.from_net(ORIGINAL)
    grid.open_island("main_busbar")

    for vm_pu in (1.0, 0.999, 0.95, 1.04):
        grid.set_reference_voltage(vm_pu)
        state = grid.solve(p_mw, q_mvar)
        assert state.vm_pu[grid.bus_position("main_busbar")] == pytest.approx(vm_pu, abs=1e-12)
        assert state.mismatch_pu < 1e-8


def test_a_line_opened_in_the_island_keeps_the_reference_voltage():
    grid = Grid.from_net(ORIGINAL)
    grid.open_island("main_busbar")
    grid.set_reference_voltage(0.97)
    grid.open_line("branchout_line_1_1")

    state = grid.solve(np.zeros(116), np.zeros(116))

    assert state.vm_pu[grid.bus_position("main_busbar")] == pytest.approx(0.97, abs=1e-12)


def test_two_references_hold_two_islands():
    def change(net):
        net.line.loc[net.line["name"] == "line_1_3", "in_service"] = False
        far = net.bus.index[net.bus["name"] == "loadbus_1_5"][0]
        pp.create_ext_grid(net, far, vm_pu=1.02)

    p_mw, q_mvar = injections()
    expected, net = village_with(p_mw, q_mvar, change)
    two = copy.deepcopy(ORIGINAL)
    change(two)
    grid = Grid.from_net(two)

    state = grid.solve(p_mw, q_mvar)

    np.testing.assert_allclose(state.vm_pu, expected, rtol=0, atol=1e-8)
    assert state.p_boundary_mw == pytest.approx(net.res_ext_grid["p_mw"].sum(), abs=1e-8)


def test_two_references_in_one_island_share_what_it_takes():
    def change(net):
        far = net.bus.index[net.bus["name"] == "loadbus_1_5"][0]
        pp.create_ext_grid(net, far, vm_pu=1.0, va_degree=-150.0)

    p_mw, q_mvar = injections()
    expected, net = village_with(p_mw, q_mvar, change)
    two = copy.deepcopy(ORIGINAL)
    change(two)

    state = Grid.from_net(two).solve(p_mw, q_mvar)

    np.testing.assert_allclose(state.vm_pu, expected, rtol=0, atol=1e-8)
    assert state.p_boundary_mw == pytest.approx(net.res_ext_grid["p_mw"].sum(), abs=1e-8)


@pytest.mark.parametrize("position", [-2, 1])
@pytest.mark.parametrize("name", [*NETWORKS])
def test_taps_of_every_network(name, position):
    net = NETWORKS[name]()
    trafo = int(net.trafo.index[0])
    grid = Grid.from_net(net, keep_elements=True)
    grid.complete_tap(trafo, TapData(side="hv", step_percent=2.5))
    grid.set_tap(trafo, position)
    nothing = np.zeros(grid.n_bus)
    before = oracle(copy.deepcopy(net))

    state = grid.solve(nothing, nothing)

    net.trafo.loc[trafo, ["tap_neutral", "tap_step_percent", "tap_step_degree"]] = 0.0, 2.5, 0.0
    net.trafo["tap_side"] = net.trafo["tap_side"].astype(object)
    net.trafo.loc[trafo, "tap_side"] = "hv"
    net.trafo["tap_changer_type"] = net.trafo["tap_changer_type"].astype(object)
    net.trafo.loc[trafo, "tap_changer_type"] = "Ratio"
    net.trafo["tap_pos"] = net.trafo["tap_pos"].astype(float)
    net.trafo.loc[trafo, "tap_pos"] = float(position)
    expected = oracle(net)
    assert np.abs(expected - before).max() > 1e-3  # or the tap was ignored by both
    np.testing.assert_allclose(state.vm_pu, expected, rtol=0, atol=1e-8)
