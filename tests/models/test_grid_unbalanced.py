"""The feeder in three phases finds what pandapower's `runpp_3ph` finds, within 1e-4 p.u."""

import copy
import functools
import math
from pathlib import Path

import numpy as np
import pandapower as pp
import pandapower.networks as networks
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from models.grid._kernels_unbalanced import sequence_voltages, unbalance_percent
from models.grid.power_flow import Grid, PowerFlowDiverged
from models.grid.unbalanced import NotThreePhase, UnbalancedGrid, ZeroSequence
from models.grid.unbalanced_case import complete

VILLAGE = Path(__file__).parents[2] / "scenarios" / "grids" / "kerber-village.json"
PHASES = ["vm_a_pu", "vm_b_pu", "vm_c_pu"]
FILLING = ZeroSequence()


@functools.cache
def village():
    return pp.from_json(VILLAGE)


def filled_village():
    net = copy.deepcopy(village())
    complete(net, FILLING)
    net.trafo["vector_group"] = "Dyn"  # pandapower's three-phase calculation takes no clock number
    net.load = net.load.iloc[:0]
    return net


def oracle(net):
    with np.errstate(invalid="ignore"):  # pandapower divides by the voltage of dead buses
        pp.runpp_3ph(net, tolerance_mva=1e-10)
    return net.res_bus_3ph[PHASES].fillna(0).to_numpy()


def injections(n_bus, seed=7):
    rng = np.random.default_rng(seed)
    p_mw, q_mvar = rng.uniform(-4e-3, 3e-3, (n_bus, 3)), rng.uniform(-1e-3, 1e-3, (n_bus, 3))
    p_mw[:, 0] -= 1e-3  # or the phases would carry alike
    p_mw[:2] = q_mvar[:2] = 0.0
    return p_mw, q_mvar


def with_loads(net, p_mw, q_mvar):
    for bus in np.flatnonzero(np.abs(p_mw).sum(1)):
        powers = {
            f"{what}_{phase}_{unit}": -values[bus, k]
            for what, unit, values in (("p", "mw", p_mw), ("q", "mvar", q_mvar))
            for k, phase in enumerate("abc")
        }
        pp.create_asymmetric_load(net, int(net.bus.index[bus]), **powers)
    return net


@pytest.mark.parametrize("scenario", ["on_peak_566", "off_peak_1", "off_peak_1440"])
def test_the_ieee_european_feeder_is_that_of_runpp_3ph(scenario):
    net = networks.ieee_european_lv_asymmetric(scenario)
    net.trafo["tap_dependency_table"] = False  # the shipped feeder is older than this column
    grid = UnbalancedGrid(net, keep_elements=True)

    state = grid.solve(*np.zeros((2, grid.n_bus, 3)))

    np.testing.assert_allclose(state.vm_pu, oracle(net), rtol=0, atol=1e-5)
    theirs = net.res_bus_3ph["unbalance_percent"]
    np.testing.assert_allclose(state.vuf_percent, theirs, rtol=0, atol=1e-3)
    losses = sum(
        net[f"res_{table}_3ph"][[f"pl_{p}_mw" for p in "abc"]].sum().sum()
        for table in ("line", "trafo")
    )
    assert state.losses_mw == pytest.approx(losses, abs=1e-6)
    loading = net.res_line_3ph["loading_percent"].max()
    assert state.loading_max_percent == pytest.approx(loading, abs=0.01)


def test_single_phase_houses_of_the_village_are_those_of_runpp_3ph():
    net = filled_village()
    p_mw, q_mvar = injections(len(net.bus))
    grid = UnbalancedGrid(net)

    state = grid.solve(p_mw, q_mvar)

    np.testing.assert_allclose(
        state.vm_pu, oracle(with_loads(net, p_mw, q_mvar)), rtol=0, atol=1e-5
    )
    assert state.vuf_percent.max() > 0.1


@pytest.mark.parametrize("change", ["line out", "switch at a line", "tap"])
def test_a_changed_village_is_that_of_runpp_3ph(change):
    net = filled_village()
    last = int(net.line.index[-1])
    if change == "line out":
        net.line.loc[last, "in_service"] = False
    elif change == "switch at a line":
        pp.create_switch(net, int(net.line.at[last, "from_bus"]), last, "l", closed=False)
    else:
        net.trafo["tap_pos"] = -2
    p_mw, q_mvar = injections(len(net.bus))
    state = UnbalancedGrid(net).solve(p_mw, q_mvar)

    theirs = oracle(with_loads(net, p_mw, q_mvar))
    np.testing.assert_allclose(state.vm_pu, theirs, rtol=0, atol=1e-4)
    assert (state.vm_pu == 0).any() == (change != "tap")


def test_even_phases_are_the_balanced_grid():
    net = filled_village()
    p_mw, q_mvar = injections(len(net.bus))
    p_mw, q_mvar = p_mw[:, 0], q_mvar[:, 0]
    balanced = Grid.from_net(village()).solve(p_mw, q_mvar)
    each = np.repeat(np.stack([p_mw, q_mvar])[:, :, None] / 3, 3, axis=2)

    state = UnbalancedGrid(net).solve(*each)

    # The magnetising branch is a pi here and a T there.
    np.testing.assert_allclose(state.vm_pu, balanced.vm_pu[:, None] + np.zeros(3), atol=2e-5)
    assert state.losses_mw == pytest.approx(balanced.losses_mw, rel=1e-2)
    assert state.vuf_percent.max() < 1e-3


def test_power_balances_and_the_path_taken_does_not_matter():
    grid, fresh = (UnbalancedGrid(filled_village()) for _ in range(2))
    for seed in range(5):
        p_mw, q_mvar = injections(grid.n_bus, seed)
        state = grid.solve(p_mw, q_mvar)
        assert state.mismatch_pu < 1e-8
        balance = state.p_boundary_mw + p_mw.sum() - state.losses_mw
        assert balance == pytest.approx(0, abs=1e-8)
    np.testing.assert_allclose(state.vm_pu, fresh.solve(p_mw, q_mvar).vm_pu, rtol=0, atol=3e-6)


def test_one_house_on_one_phase_by_hand():
    # 1 ohm out and 1 ohm back (R0 = R1 + 3 Rn = 4 ohm): 230.94 V, 1 kW. U² − 230.94 U + 2000 = 0.
    net = pp.create_empty_network()
    pp.create_buses(net, 2, 0.4, name=["source", "house"])
    pp.create_ext_grid(net, 0, s_sc_max_mva=1e9, rx_max=0.1)
    pp.create_line_from_parameters(
        net, 0, 1, length_km=1, r_ohm_per_km=1.0, x_ohm_per_km=1e-9, c_nf_per_km=0, max_i_ka=0.1,
        r0_ohm_per_km=4.0, x0_ohm_per_km=1e-9, c0_nf_per_km=0,
    )  # fmt: skip
    p_mw = np.zeros((2, 3))
    p_mw[1, 0] = -1e-3
    source_v = 400 / math.sqrt(3)
    house_v = source_v / 2 + math.sqrt(source_v**2 / 4 - 2000)

    state = UnbalancedGrid(net).solve(p_mw, np.zeros((2, 3)))

    assert state.vm_pu[1, 0] == pytest.approx(house_v / source_v, abs=1e-6)
    amperes = 1000 / house_v
    assert state.losses_mw == pytest.approx(2 * amperes**2 / 1e6, rel=1e-5)
    # The neutral's ohm shifts the star point, so that the other phases rise.
    shifted = abs(np.exp(-2j * np.pi / 3) * source_v - amperes)
    assert state.vm_pu[1, 1] == pytest.approx(shifted / source_v, abs=1e-6)
    assert state.loading_max_percent == pytest.approx(amperes, rel=1e-5)


def test_a_network_without_zero_sequence_is_refused_with_all_that_it_lacks():
    with pytest.raises(NotThreePhase) as refusal:
        UnbalancedGrid(village())
    for lacking in ("r0_ohm_per_km", "c0_nf_per_km", "vk0_percent", "s_sc_max_mva"):
        assert lacking in str(refusal.value)
    UnbalancedGrid(village(), filling=FILLING)


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("vector_group", "Yzn5", "vector group 'Yzn5', expected one of Dyn, YNyn"),
        ("shift_degree", 0.0, "Dyn does not turn by 0°"),
        ("tap_changer_type", None, "stands at tap -2, but has no tap changer of type Ratio"),
    ],
)
def test_what_is_not_modelled_is_refused_rather_than_ignored(column, value, message):
    net = filled_village()
    net.trafo["tap_pos"] = -2
    net.trafo[column] = value
    with pytest.raises(NotThreePhase, match=message):
        UnbalancedGrid(net)


def test_more_than_the_feeder_can_carry_diverges_and_the_next_tick_is_sound():
    grid = UnbalancedGrid(filled_village())
    p_mw, q_mvar = injections(grid.n_bus)
    before = grid.solve(p_mw, q_mvar).vm_pu.copy()
    with pytest.raises(PowerFlowDiverged):
        grid.solve(p_mw - 0.2, q_mvar)
    np.testing.assert_allclose(grid.solve(p_mw, q_mvar).vm_pu, before, rtol=0, atol=3e-6)


def test_what_is_not_a_number_is_refused_by_bus_and_phase():
    grid = UnbalancedGrid(filled_village())
    p_mw = np.zeros((grid.n_bus, 3))
    p_mw[5, 1] = np.nan
    with pytest.raises(ValueError, match=f"bus '{grid.bus_names[5]}', phase b is nan MW"):
        grid.solve(p_mw, np.zeros_like(p_mw))


def components(vm_pu, va_rad):
    vm_pu, va_rad = np.array([vm_pu], float), np.array([va_rad], float)
    positive, negative, factor = np.zeros((3, 1))
    sequence_voltages(vm_pu, va_rad, positive, negative)
    unbalance_percent(positive, negative, factor)
    return positive[0], negative[0], factor[0]


def test_components_by_hand():
    third = 2 * np.pi / 3
    assert components([1, 1, 1], [0, -third, third])[2] == pytest.approx(0, abs=1e-12)
    assert components([1, 1, 1], [0, third, -third])[:2] == pytest.approx((0, 1), abs=1e-12)
    # One phase 0.9: positive (1 + 1 + 0.9)/3, negative 0.1/3.
    assert components([0.9, 1, 1], [0, -third, third])[2] == pytest.approx(100 * 0.1 / 2.9)
    assert components([0, 0, 0], [0, 0, 0]) == (0, 0, 0)


@given(
    arrays(np.float64, 3, elements=st.floats(0, 2)),
    arrays(np.float64, 3, elements=st.floats(-4, 4)),
)
def test_unbalance_is_a_number_whatever_comes(vm_pu, va_rad):
    positive, negative, factor = components(vm_pu, va_rad)
    assert np.isfinite([positive, negative, factor]).all()
    assert positive <= vm_pu.mean() + 1e-12
    assert negative <= vm_pu.mean() + 1e-12
