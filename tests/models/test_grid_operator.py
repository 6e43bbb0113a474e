"""What an operator's hand does to a grid: taps, heat, fuses and relays, by closed forms."""

import copy
from pathlib import Path

import numpy as np
import pandapower as pp
import pandapower.networks as networks
import pytest
from scipy.integrate import solve_ivp

from models.grid.power_flow import Grid
from models.grid.protection import GATES_A, Fuse, Protection, Relay
from models.grid.tap import TapControl, TapData
from models.grid.thermal import LineThermal, TrafoThermal, TrafoThermalParams

VILLAGE = Path(__file__).parents[2] / "scenarios" / "grids" / "kerber-village.json"


def test_a_tap_that_a_power_flow_would_ignore_is_refused():
    net = pp.from_json(VILLAGE)
    net.trafo["tap_changer_type"] = None  # as SimBench has it

    with pytest.raises(ValueError, match="tap_changer_type is None, so that a power flow would"):
        Grid.from_net(net).set_tap(0, 1)


def test_a_network_without_tap_data_is_refused_until_it_is_completed():
    grid = Grid.from_net(networks.create_cigre_network_lv())

    with pytest.raises(ValueError, match="gives no tap_side, tap_neutral"):
        grid.tap(0)

    grid.complete_tap(0, TapData(lowest=-8, highest=8, step_percent=1.25, position=3))
    assert grid.tap(0).step_percent == 1.25
    grid.set_tap(0, 4)
    assert grid.tap(0).position == 4
    with pytest.raises(ValueError, match="tap 9 is outside -8 to 8"):
        grid.set_tap(0, 9)


CONTROL = {"vm_set_pu": 1.0, "dead_band_pu": 0.02, "delay_s": 3.0, "next_delay_s": 1.0}


def test_a_tap_changer_waits_and_then_steps_until_it_is_within_its_band():
    # By hand: at 10 ticks a second it first moves after 3 s, and again 1 s later.
    control = TapControl(TapData(), **CONTROL, dt_s=0.1)
    moved = [tick for tick in range(60) if control.step(1.05)]

    assert moved == [29, 39]
    assert control.position == 2  # more turns on the high-voltage side, and no further step


def test_a_tap_changer_forgets_when_voltage_returns_and_is_blocked_by_a_fault():
    control = TapControl(TapData(), **CONTROL, dt_s=0.1)
    assert not any(control.step(1.05 if tick % 30 < 29 else 1.0) for tick in range(300))
    assert not any(control.step(vm_pu) for vm_pu in [0.0] * 100 + [float("nan")] * 100)
    assert any(control.step(0.95) for _ in range(30))
    assert control.position == -1


def test_a_band_narrower_than_a_step_is_refused():
    with pytest.raises(ValueError, match="the tap changer would hunt"):
        TapControl(TapData(step_percent=2.5), dead_band_pu=0.0125)


def test_the_tap_changer_brings_the_village_back_into_its_band():
    grid = Grid.from_json(VILLAGE)
    p_mw = np.zeros(grid.n_bus)
    p_mw[list(grid.load_buses)] = 0.006
    q_mvar = np.zeros(grid.n_bus)
    busbar = grid.bus_position("main_busbar")
    control = TapControl(grid.tap(0), **CONTROL | {"vm_set_pu": 0.98}, dt_s=0.1)
    seen = []
    for _ in range(100):
        vm_pu = grid.solve(p_mw, q_mvar).vm_pu[busbar]
        seen.append(vm_pu)
        if control.step(vm_pu):
            grid.set_tap(0, control.position)

    assert abs(seen[0] - 0.98) > 0.02
    assert abs(seen[-1] - 0.98) <= 0.02


def test_a_line_warms_up_as_the_exponential_does():
    thermal = LineThermal(1, dt_s=0.1, tau_s=600.0)
    for _ in range(6000):
        thermal.step(np.array([1.2]))

    assert thermal.theta[0] == pytest.approx(1.44 * (1 - np.exp(-1)), rel=1e-9)
    assert thermal.temperature_c[0] == pytest.approx(20 + 50 * 1.44 * (1 - np.exp(-1)), rel=1e-9)


def test_a_transformer_is_as_warm_as_the_differential_equations_say():
    # IEC 60076-7, rated load for ever: 20 + 55 + 23 = 98 °C, where ageing runs at its pace of 1.
    thermal = TrafoThermal(1, dt_s=1.0)
    thermal.settle(np.array([1.0]))
    assert thermal.hot_spot_c[0] == pytest.approx(98.0)
    for _ in range(3600):
        thermal.step(np.array([1.0]))
    assert thermal.aged_s[0] == pytest.approx(3600.0)

    p = TrafoThermalParams()
    oil_k = p.oil_rise_k * ((1 + p.loss_ratio * 1.5**2) / (1 + p.loss_ratio)) ** p.oil_exponent
    gradient_k = p.hot_spot_gradient_k * 1.5**p.winding_exponent
    exact = solve_ivp(
        lambda t, y: [(oil_k - y[0]) / p.oil_tau_s, (gradient_k - y[1]) / p.winding_tau_s],
        (0, 1800),
        [55.0, 23.0],
        rtol=1e-10,
    )
    for _ in range(1800):
        hot_c = thermal.step(np.array([1.5]))
    assert hot_c[0] == pytest.approx(20 + exact.y[:, -1].sum(), abs=1e-4)


@pytest.mark.parametrize("curve", [(0.14, 0.02), (13.5, 1.0), (80.0, 2.0)])
@pytest.mark.parametrize("ratio", [1.2, 2.0, 10.0])
def test_a_relay_operates_after_its_curves_time(curve, ratio):
    names = {0.14: "standard_inverse", 13.5: "very_inverse", 80.0: "extremely_inverse"}
    relay = Relay(100.0, 0.2, names[curve[0]])
    dt_s = 0.001 if ratio > 5 else 0.01
    protection = Protection([relay], dt_s=dt_s)
    time_s = 0.2 * curve[0] / (ratio ** curve[1] - 1)

    ticks = next(n for n in range(10**7) if protection.step(np.array([100.0 * ratio])))

    assert (ticks + 1) * dt_s == pytest.approx(time_s, rel=0.01, abs=1.5 * dt_s)


@pytest.mark.parametrize("rated_a", GATES_A)
def test_a_fuse_keeps_to_the_gates_of_its_standard(rated_a):
    stands_10, melts_5, stands_01, melts_01 = GATES_A[rated_a]

    def melts_within(current_a, time_s, dt_s=0.01):
        protection = Protection([Fuse(rated_a)], dt_s=dt_s)
        return any(protection.step(np.array([current_a])) for _ in range(round(time_s / dt_s)))

    assert not melts_within(stands_10, 10.0)
    assert melts_within(melts_5, 5.0)
    assert not melts_within(stands_01, 0.09)
    assert melts_within(melts_01, 0.1)
    assert not melts_within(1.25 * rated_a, 36_000.0, dt_s=100.0)
    assert melts_within(1.6 * rated_a, 4 * 3600.0, dt_s=10.0)


def test_a_fuse_recovers_and_one_that_melted_does_not_melt_again():
    protection = Protection([Fuse(63), Fuse(100), Relay(50.0)], dt_s=0.1)
    current_a = np.array([400.0, 60.0, 0.0])
    melted = [which for _ in range(200) for which in protection.step(current_a)]

    assert melted == [0]
    protection.replace(0)
    assert not protection.step(np.array([50.0, np.nan, np.nan]))
    assert protection.worn.tolist() == [0.0, 0.0, 0.0]


def test_a_storm_of_switching_leaves_no_nan_and_no_trace():
    grid, rng = Grid.from_json(VILLAGE), np.random.default_rng(7)
    p_mw = np.zeros(grid.n_bus)
    p_mw[list(grid.load_buses)] = -0.002
    q_mvar = np.zeros(grid.n_bus)
    calm = copy.deepcopy(grid.solve(p_mw, q_mvar))
    lines = [f"line_1_{n}" for n in range(1, 4)]
    for _ in range(12):
        line = str(rng.choice(lines))
        grid.switch("line", line, closed=bool(rng.integers(2)))
        grid.switch("trafo", 0, closed=bool(rng.integers(2)))
        state = grid.solve(p_mw, q_mvar)
        dark = state.vm_pu == 0
        numbers = [state.vm_pu, state.p_bus_mw, state.q_bus_mvar, grid.line_loading_percent()]
        assert all(np.isfinite(each).all() for each in numbers)
        assert np.isfinite([state.losses_mw, state.p_boundary_mw, state.mismatch_pu]).all()
        assert not state.p_bus_mw[dark].any()
        assert state.p_bus_mw.sum() == pytest.approx(state.losses_mw, abs=1e-9)
    for line in lines:
        grid.close_line(line)
    grid.close_trafo(0)

    state = grid.solve(p_mw, q_mvar)

    np.testing.assert_allclose(state.vm_pu, calm.vm_pu, rtol=0, atol=1e-9)
    assert state.p_boundary_mw == pytest.approx(calm.p_boundary_mw, abs=1e-8)


def test_a_feeder_whose_only_transformer_is_open_is_dark():
    grid = Grid.from_json(VILLAGE)
    grid.open_trafo(0)

    state = grid.solve(np.full(grid.n_bus, -0.001), np.zeros(grid.n_bus))

    live = grid.bus_position("Trafostation_OS")
    assert np.flatnonzero(state.vm_pu).tolist() == [live]
    assert state.p_boundary_mw == pytest.approx(0.001)
    assert state.losses_mw == 0
    assert state.loading_max_percent == 0
