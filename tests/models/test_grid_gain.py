"""Sensitivities agree with pandapower's finite differences; the gain says when devices hunt."""

import copy
from pathlib import Path

import numpy as np
import pandapower as pp
import pytest

from models.grid.gain import loop_gain, voltage_sensitivity
from models.grid.power_flow import Grid

VILLAGE = Path(__file__).parents[2] / "scenarios" / "grids" / "kerber-village.json"
ORIGINAL = pp.from_json(VILLAGE)
BUSES = ("loadbus_1_1", "loadbus_1_5", "loadbus_6_3")
# A weak feeder: 0.5 + j0.3 ohm at 0.4 kV.
WEAK = {"r_ohm_per_km": 0.5, "x_ohm_per_km": 0.3, "c_nf_per_km": 0, "max_i_ka": 0.1}


@pytest.fixture(scope="module")
def village():
    grid = Grid.from_net(ORIGINAL)
    p_mw = np.zeros(grid.n_bus)
    p_mw[list(grid.load_buses)] = -0.004
    grid.solve(p_mw, 0.3 * p_mw)
    return grid, p_mw


def runpp_vm(p_mw, q_mvar):
    net = copy.deepcopy(ORIGINAL)
    net.load = net.load.iloc[:0]
    pp.create_loads(net, net.bus.index, p_mw=-p_mw, q_mvar=-q_mvar)
    pp.runpp(net, tolerance_mva=1e-11, numba=False)
    return net.res_bus["vm_pu"].to_numpy()


def test_sensitivities_are_the_finite_differences_of_runpp(village):
    grid, p_mw = village
    positions = np.array([grid.bus_position(name) for name in BUSES])

    dv_dp, dv_dq = voltage_sensitivity(grid, positions)

    step_mw = 1e-4
    for column, position in enumerate(positions):
        step = np.zeros(grid.n_bus)
        step[position] = step_mw
        by_p = runpp_vm(p_mw + step, 0.3 * p_mw) - runpp_vm(p_mw - step, 0.3 * p_mw)
        by_q = runpp_vm(p_mw, 0.3 * p_mw + step) - runpp_vm(p_mw, 0.3 * p_mw - step)
        per_kw = 1 / (2 * step_mw * 1e3)
        np.testing.assert_allclose(dv_dp[:, column], by_p[positions] * per_kw, rtol=1e-4)
        np.testing.assert_allclose(dv_dq[:, column], by_q[positions] * per_kw, rtol=1e-4)


def one_house():
    net = pp.create_empty_network()
    pp.create_buses(net, 2, 0.4, name=["source", "house"])
    pp.create_ext_grid(net, 0)
    pp.create_line_from_parameters(net, 0, 1, length_km=1, **WEAK)
    grid = Grid.from_net(net)
    grid.solve(np.zeros(2), np.zeros(2))
    return grid


def test_gain_of_one_device_is_its_slope_times_the_feeder_s_impedance():
    # By hand, at no load: dV/dP = R/V0², dV/dQ = X/V0² in p.u.; 0.5 ohm is 3.125 p.u. on
    # 1 MVA at 0.4 kV. Volt-watt of 30 kW over 0.04 p.u.: 750 kW/p.u. * 3.125e-3 = 2.34.
    grid, house = one_house(), np.array([1])

    volt_watt = loop_gain(grid, house, np.array([-750.0]), np.array([0.0]))
    volt_var = loop_gain(grid, house, np.array([0.0]), np.array([-220.0]))

    assert volt_watt == pytest.approx(750 * 0.5 / 160, rel=1e-9)
    assert volt_var == pytest.approx(220 * 0.3 / 160, rel=1e-9)


@pytest.mark.parametrize(("slope_kw", "settles"), [(-280.0, True), (-360.0, False)])
def test_a_gain_below_one_settles_and_one_above_hunts(slope_kw, settles):
    # 0.5 ohm at 0.4 kV: the gain is 1 at a slope of 320 kW/p.u.
    grid = one_house()
    gain = loop_gain(grid, np.array([1]), np.array([slope_kw]), np.zeros(1))
    assert (gain < 1) is settles

    vm_pu, swings = 1.001, []
    for _ in range(60):
        p_kw = slope_kw * (vm_pu - 1)
        vm_pu = grid.solve(np.array([0.0, np.clip(p_kw, -20, 20) / 1e3]), np.zeros(2)).vm_pu[1]
        swings.append(abs(vm_pu - 1))

    assert bool(swings[-1] < 1e-3 * swings[0]) is settles


def test_a_device_at_the_reference_moves_no_voltage(village):
    grid, _ = village

    assert loop_gain(grid, np.array([0]), np.array([-1e6]), np.array([-1e6])) == 0
    assert loop_gain(grid, np.array([], dtype=np.int64), np.zeros(0), np.zeros(0)) == 0


def test_two_devices_at_one_bus_add_up(village):
    grid, _ = village
    at = grid.bus_position("loadbus_1_5")

    one = loop_gain(grid, np.array([at]), np.array([-20.0]), np.array([-50.0]))
    two = loop_gain(grid, np.array([at, at]), np.array([-10.0] * 2), np.array([-25.0] * 2))

    assert two == pytest.approx(one, rel=1e-9)


def test_slopes_that_are_not_numbers_are_refused(village):
    with pytest.raises(ValueError, match="finite"):
        loop_gain(village[0], np.array([3]), np.array([np.nan]), np.zeros(1))
