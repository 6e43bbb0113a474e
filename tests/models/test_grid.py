"""What must hold on a grid in every tick, and what it says when something is wrong."""

from pathlib import Path

import numpy as np
import pandapower as pp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.grid.power_flow import Grid, PowerFlowDiverged

VILLAGE = Path(__file__).parents[2] / "scenarios" / "grids" / "kerber-village.json"
ORIGINAL = pp.from_json(VILLAGE)
N_BUS = 116
WIRE = {"r_ohm_per_km": 0.1, "x_ohm_per_km": 0.05, "c_nf_per_km": 0, "max_i_ka": 0.1}


@pytest.fixture(scope="module")
def grid():
    return Grid.from_json(VILLAGE)


@pytest.fixture
def own_grid():
    """A grid that the test may change."""
    return Grid.from_net(ORIGINAL)


def two_bus_net():
    """A source and one bus behind 0.1 + j0.05 ohm at 0.4 kV."""
    net = pp.create_empty_network()
    source = pp.create_bus(net, 0.4, name="source")
    house = pp.create_bus(net, 0.4, name="house")
    pp.create_ext_grid(net, source)
    pp.create_line_from_parameters(net, source, house, length_km=1, name="wire", **WIRE)
    return net


def test_buses_have_names_and_positions(grid):
    assert grid.n_bus == N_BUS
    assert grid.bus_names[grid.bus_position("loadbus_1_1")] == "loadbus_1_1"
    assert len(grid.load_buses) == 57
    assert grid.bus_names[grid.load_buses[0]] == "loadbus_1_1"
    assert grid.edges.shape == (115, 2)


def test_nameless_and_repeated_buses_get_names_of_their_own():
    net = pp.create_empty_network()
    for name in (None, "a", "a"):
        pp.create_bus(net, 0.4, name=name)
    pp.create_ext_grid(net, 0)
    pp.create_line_from_parameters(net, 0, 1, length_km=1, **WIRE)

    assert Grid.from_net(net).bus_names == ("bus 0", "a", "a (2)")


def test_a_bus_that_is_not_there_is_said_to_be_missing(grid):
    with pytest.raises(KeyError, match="no bus 'b71'"):
        grid.bus_position("b71")


def test_the_voltage_behind_one_line_is_the_quadratic_s_root():
    # By hand: V⁴ + (2(RP+XQ) − V0²)V² + |Z|²|S|² = 0 with P = 10 kW, Q = 5 kvar drawn,
    # R + jX = 0.625 + j0.3125 p.u. on 1 MVA and 0.4 kV: V² is the larger root.
    r_pu, x_pu, p_pu, q_pu = 0.1 / 0.16, 0.05 / 0.16, 0.01, 0.005
    b = 2 * (r_pu * p_pu + x_pu * q_pu) - 1
    c = (r_pu**2 + x_pu**2) * (p_pu**2 + q_pu**2)
    v_pu = np.sqrt((-b + np.sqrt(b**2 - 4 * c)) / 2)
    losses_pu = r_pu * (p_pu**2 + q_pu**2) / v_pu**2

    state = Grid.from_net(two_bus_net()).solve(np.array([0, -0.01]), np.array([0, -0.005]))

    assert state.vm_pu[1] == pytest.approx(v_pu, abs=1e-9)
    assert state.losses_mw == pytest.approx(losses_pu, abs=1e-9)
    assert state.p_boundary_mw == pytest.approx(0.01 + losses_pu, abs=1e-9)


def test_the_boundary_does_not_count_what_is_injected_at_the_reference_bus():
    state = Grid.from_net(two_bus_net()).solve(np.array([0.004, -0.01]), np.zeros(2))

    assert state.p_boundary_mw == pytest.approx(0.006 + state.losses_mw, abs=1e-9)
    assert state.p_bus_mw[0] == pytest.approx(state.p_boundary_mw + 0.004, abs=1e-12)


injection = st.lists(st.floats(-0.01, 0.01), min_size=N_BUS, max_size=N_BUS).map(np.array)


@given(p_mw=injection, q_mvar=injection)
def test_power_balances_at_every_bus(p_mw, q_mvar):
    state = shared_grid().solve(p_mw, q_mvar)

    assert state.mismatch_pu <= 1e-8
    inner = slice(1, None)  # bus 0 is the reference
    np.testing.assert_allclose(state.p_bus_mw[inner], p_mw[inner], rtol=0, atol=1e-8)
    np.testing.assert_allclose(state.q_bus_mvar[inner], q_mvar[inner], rtol=0, atol=1e-8)
    assert state.p_bus_mw.sum() == pytest.approx(state.losses_mw, abs=1e-12)
    assert p_mw.sum() + state.p_boundary_mw == pytest.approx(state.losses_mw, abs=1e-6)
    assert state.losses_mw > 0


_SHARED = []


def shared_grid():
    """One grid for all examples; hypothesis does not mix with pytest's fixtures."""
    if not _SHARED:
        _SHARED.append(Grid.from_net(ORIGINAL))
    return _SHARED[0]


def test_thousands_of_ticks_leave_the_reference_where_it_is(own_grid):
    rng = np.random.default_rng(3)
    p_mw, q_mvar = np.zeros(N_BUS), np.zeros(N_BUS)
    for _ in range(3000):
        p_mw[list(own_grid.load_buses)] = rng.uniform(-6e-3, 3e-3, 57)
        state = own_grid.solve(p_mw, q_mvar)

    assert abs(state.vm_pu[0] - 1) < 1e-13


def test_sweeps_and_newton_agree_where_both_work(grid):
    newton = Grid.from_net(ORIGINAL, quick=False)
    rng = np.random.default_rng(8)
    for scale_mw in (1e-4, 1e-3, 1e-2):
        p_mw, q_mvar = rng.normal(0, scale_mw, (2, N_BUS))
        swept = grid.solve(p_mw, q_mvar)
        np.testing.assert_allclose(swept.vm_pu, newton.solve(p_mw, q_mvar).vm_pu, atol=1e-8)


def test_newton_takes_over_where_sweeps_do_not_settle(own_grid):
    # 450 kW at one house: twelve sweeps are too few, as 300 kW just takes all of them.
    p_mw, q_mvar = np.zeros(N_BUS), np.zeros(N_BUS)
    p_mw[own_grid.bus_position("loadbus_1_5")] = -0.45
    newton = Grid.from_net(ORIGINAL, quick=False)

    state = own_grid.solve(p_mw, q_mvar)

    np.testing.assert_allclose(state.vm_pu, newton.solve(p_mw, q_mvar).vm_pu, rtol=0, atol=1e-8)
    assert 0.75 < state.vm_pu.min() < 0.83


def test_the_path_taken_does_not_matter(own_grid):
    rng = np.random.default_rng(4)
    p_mw, q_mvar = rng.uniform(-5e-3, 5e-3, N_BUS), np.zeros(N_BUS)
    direct = own_grid.solve(p_mw, q_mvar).vm_pu.copy()
    for scale in (3.0, -1.0, 0.0):
        own_grid.solve(scale * p_mw, q_mvar)

    np.testing.assert_allclose(own_grid.solve(p_mw, q_mvar).vm_pu, direct, rtol=0, atol=1e-8)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_not_a_number_is_refused_by_the_name_of_its_bus(own_grid, bad):
    p_mw = np.zeros(N_BUS)
    p_mw[own_grid.bus_position("loadbus_1_2")] = bad

    with pytest.raises(ValueError, match="'loadbus_1_2'"):
        own_grid.solve(p_mw, np.zeros(N_BUS))
    with pytest.raises(ValueError, match="'loadbus_1_2'"):
        own_grid.solve(np.zeros(N_BUS), p_mw)


def test_arrays_of_another_length_are_refused(grid):
    with pytest.raises(ValueError, match="expected 116 injections"):
        grid.solve(np.zeros(3), np.zeros(3))


def test_divergence_names_the_bus_and_leaves_the_case(own_grid, tmp_path):
    p_mw, q_mvar = np.zeros(N_BUS), np.zeros(N_BUS)
    p_mw[own_grid.bus_position("loadbus_1_5")] = -50.0

    with pytest.raises(PowerFlowDiverged) as caught:
        own_grid.solve(p_mw, q_mvar)
    own_grid.save_case(tmp_path / "case.json")

    assert caught.value.bus_name == "loadbus_1_5"
    assert "loadbus_1_5" in str(caught.value)
    case = pp.from_json(tmp_path / "case.json")
    assert case.sgen["p_mw"].tolist() == [-50.0]
    with pytest.raises(pp.LoadflowNotConverged):
        pp.runpp(case, numba=False)


def test_the_grid_recovers_after_a_divergence(own_grid):
    p_mw, q_mvar = np.zeros(N_BUS), np.zeros(N_BUS)
    before = own_grid.solve(p_mw, q_mvar).vm_pu.copy()
    with pytest.raises(PowerFlowDiverged):
        own_grid.solve(p_mw - 1.0, q_mvar)

    np.testing.assert_allclose(own_grid.solve(p_mw, q_mvar).vm_pu, before, rtol=0, atol=1e-9)


def test_a_saved_case_gives_the_same_voltages(own_grid, tmp_path):
    p_mw = np.random.default_rng(5).uniform(-5e-3, 5e-3, N_BUS)
    vm_pu = own_grid.solve(p_mw, 0.2 * p_mw).vm_pu.copy()

    own_grid.save_case(tmp_path / "case.json")

    case = Grid.from_json(tmp_path / "case.json", keep_elements=True)
    again = case.solve(np.zeros(N_BUS), np.zeros(N_BUS)).vm_pu
    np.testing.assert_allclose(again, vm_pu, rtol=0, atol=1e-8)


def test_the_network_given_stays_as_it_is():
    net = two_bus_net()
    pp.create_load(net, 1, p_mw=0.01)

    pp.create_line_from_parameters(net, 0, 1, length_km=1, name="other", **WIRE)
    grid = Grid.from_net(net)
    grid.open_line("wire")

    assert len(net.load) == 1
    assert net.line["in_service"].all()


def test_opening_the_last_line_leaves_the_source_alone():
    grid = Grid.from_net(two_bus_net())

    grid.open_line("wire")

    assert grid.solve(np.array([0, -0.01]), np.zeros(2)).vm_pu.tolist() == [1.0, 0.0]
    grid.close_line("wire")
    assert grid.solve(np.array([0, -0.01]), np.zeros(2)).vm_pu[1] > 0.9


def test_an_event_keeps_the_present_voltages_as_its_start():
    grid = Grid.from_net(ORIGINAL, quick=False)
    p_mw = np.random.default_rng(6).uniform(-5e-3, 5e-3, N_BUS)
    p_mw[grid.bus_position("loadbus_6_1")] = 0
    grid.solve(p_mw, 0 * p_mw)
    grid.open_line("branchout_line_6_1")

    assert grid.solve(p_mw, 0 * p_mw).iterations <= 1


def test_an_element_that_is_not_there_is_said_to_be_missing(own_grid):
    with pytest.raises(KeyError, match="no_such_line"):
        own_grid.open_line("no_such_line")
    with pytest.raises(KeyError, match="9999"):
        own_grid.open_trafo(9999)


def test_a_network_without_supply_is_refused():
    net = two_bus_net()
    net.ext_grid = net.ext_grid.iloc[:0]

    with pytest.raises(ValueError, match="no bus has a supply"):
        Grid.from_net(net)


def test_a_file_that_is_no_network_is_refused(tmp_path):
    (tmp_path / "other.json").write_text('{"buses": 3}')
    (tmp_path / "broken.json").write_text("{")

    with pytest.raises(ValueError, match=r"other\.json"):
        Grid.from_json(tmp_path / "other.json")
    with pytest.raises(ValueError, match=r"broken\.json"):
        Grid.from_json(tmp_path / "broken.json")


def test_a_reference_voltage_out_of_reason_is_refused(own_grid):
    with pytest.raises(ValueError, match="outside 0 to 2"):
        own_grid.set_reference_voltage(230.0)


def test_distance_along_a_radial_feeder_is_the_impedance_of_the_path(grid):
    # By hand: busbar to MUF_1_1 is 0.021 km... of NAYY 4x150, whose length the table tells.
    wire = ORIGINAL.line.set_index("name").loc["line_1_1"]
    z_ohm = abs(complex(wire["r_ohm_per_km"], wire["x_ohm_per_km"])) * wire["length_km"]

    distance = grid.electrical_distance_ohm()

    busbar, first = grid.bus_position("main_busbar"), grid.bus_position("MUF_1_1")
    assert distance[busbar, first] == pytest.approx(z_ohm, rel=1e-9)
    assert np.allclose(distance, distance.T)
    assert (np.diag(distance) == 0).all()


def test_distance_over_two_equal_lines_is_half_of_one():
    # By hand: |0.1 + j0.05| = 0.111803 ohm, two in parallel.
    net = two_bus_net()
    one = Grid.from_net(net).electrical_distance_ohm()[0, 1]
    pp.create_line_from_parameters(net, 0, 1, length_km=1, **WIRE)

    assert one == pytest.approx(0.1118034, abs=1e-7)
    assert Grid.from_net(net).electrical_distance_ohm()[0, 1] == pytest.approx(one / 2)


def test_a_dead_bus_is_infinitely_far(own_grid):
    own_grid.open_line("branchout_line_1_1")

    distance = own_grid.electrical_distance_ohm()

    dead = own_grid.bus_position("loadbus_1_1")
    assert np.isinf(np.delete(distance[dead], dead)).all()
