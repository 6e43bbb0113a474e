"""Batteries' reactive power against EPRI's OpenDER, and what the apparent power leaves."""

import dataclasses
import math
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.der import DerFleet
from models.storage.battery import Battery, BatteryParams
from models.storage.reactive import BatteryReactive
from scenarios.schema_inverter import StorageInverterSpec

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import opender

B_III = "ieee1547-2018-b-iii"
STORE = BatteryParams(capacity_kwh=1e4, p_max_kw=100.0, s_kva=100.0, vm_full_pu=0.01)
MODES = {
    "volt_var": ({"QV_MODE_ENABLE": True}, {}),
    "constant_q": ({"CONST_Q_MODE_ENABLE": True, "CONST_Q": -0.3}, {"q_pu": -0.3}),
    "watt_var": ({"QP_MODE_ENABLE": True}, {}),
    "constant_pf": (
        {"CONST_PF_MODE_ENABLE": True, "CONST_PF": 0.92, "CONST_PF_EXCITATION": "ABS"},
        {"cos_phi": 0.92, "excitation": "absorb"},
    ),
}


def spec(**functions):
    return StorageInverterSpec(standard=B_III, **functions).functions()


def fleet(kind, *, store=STORE, dt_s=0.1):
    return DerFleet([None], [store], dt_s=dt_s, battery_functions=[kind])


def step(made, p_kw, vm_pu=1.0, response_kw=0.0):
    one = np.ones(1)
    tick = made.step(0 * one, one, p_kw * one, vm_pu * one, response_kw * one)
    return float(tick.battery_kw[0]), float(tick.q_kvar[0])


def theirs(p_kw, vm_pu, settings):
    """Where an OpenDER battery of 100 kW and 100 kVA settles."""
    opender.DER.t_s = 1000.0
    unit = opender.DER_BESS()
    ratings = {"NP_P_MAX": 100e3, "NP_VA_MAX": 100e3, "NP_P_MAX_CHARGE": 100e3}
    ratings |= {"NP_APPARENT_POWER_CHARGE_MAX": 100e3, "NP_Q_MAX_INJ": 44e3, "NP_Q_MAX_ABS": 44e3}
    others = {"NP_PHASE": "SINGLE", "NP_AC_V_NOM": 240.0, "NP_INV_DELAY": 0.0}
    others |= {"NP_CURRENT_PU": 10.0, "PF_MODE_ENABLE": False, "NP_EFFICIENCY": 1.0}
    others |= {"NP_NORMAL_OP_CAT": "CAT_B", "NP_ABNORMAL_OP_CAT": "CAT_III"}
    for name, value in (others | ratings | settings).items():
        setattr(unit.der_file, name, value)
    unit.der_file.initialize_NP_Q_CAPABILTY_BY_P_CURVE()
    for _ in range(4):
        unit.update_der_input(p_dem_kw=p_kw, v_pu=vm_pu, f=60.0)
        unit.run()
    return unit.p_out_kw, unit.q_out_kvar


@pytest.mark.parametrize("mode", MODES)
def test_a_battery_settles_where_opender_does(mode):
    settings, said = MODES[mode]
    for p_kw in (100.0, 60.0, 30.0, -30.0, -60.0, -100.0):
        for vm_pu in (0.95, 1.0, 1.05, 1.09) if mode == "volt_var" else (1.0,):
            made = fleet(spec(**{mode: said}), dt_s=100.0)
            for _ in range(3):
                found = step(made, p_kw, vm_pu)
            # 0.1 % of the rating.
            assert found == pytest.approx(theirs(p_kw, vm_pu, settings), abs=0.1)


def test_reactive_power_answers_within_its_response_time():
    # By hand: 90 % of 44 kvar after the 5 s of category B, a first-order lag.
    made = fleet(spec(volt_var={}))
    step(made, 0.0, 1.0)
    found = [step(made, 0.0, 0.90)[1] for _ in range(50)]
    assert found[-1] == pytest.approx(0.9 * 44.0, rel=1e-9)
    assert np.all(np.diff(found) > 0.0)


def test_active_priority_gives_reactive_power_what_is_left():
    # By hand: beside 100 kW of 100 kVA nothing; a standard that keeps nothing first.
    kind = spec(
        constant_q={"q_pu": 0.4},
        capability={"priority": "active", "kept_inject_pu": 0.0, "kept_absorb_pu": 0.0},
    )
    made = fleet(kind)
    assert step(made, 100.0) == pytest.approx((100.0, 0.0), abs=1e-9)
    assert step(made, -80.0)[0] == -80.0
    # What flowed in the tick before counts too; then only this tick's power: √(100² − 95²) = 31.2.
    assert step(made, 95.0) == pytest.approx((95.0, math.sqrt(100**2 - 95**2)), abs=1e-9)


def test_a_store_that_fails_and_a_grid_without_voltage_have_no_reactive_power():
    made = fleet(spec(constant_q={"q_pu": 0.4}))
    assert step(made, 50.0)[1] == pytest.approx(40.0)
    assert step(made, 50.0, vm_pu=0.0) == (0.0, 0.0)
    made.fail_store(0)
    assert step(made, 50.0) == (0.0, 0.0)


modes = st.sampled_from(sorted(MODES))


@given(
    mode=modes,
    first=st.sampled_from(["reactive", "active"]),
    walk=st.lists(st.tuples(st.floats(-150, 150), st.floats(0.0, 1.3)), min_size=1, max_size=30),
)
def test_apparent_power_is_never_exceeded_and_energy_is_as_without(mode, first, walk):
    store = dataclasses.replace(STORE, capacity_kwh=2.0, vm_full_pu=0.9)
    kind = spec(**{mode: MODES[mode][1], "capability": {"priority": first}})
    made, alone = fleet(kind, store=store), Battery(store)
    for p_kw, vm_pu in walk:
        got_kw, got_kvar = step(made, p_kw, vm_pu)
        assert math.hypot(got_kw, got_kvar) <= 100.0 * min(1.0, vm_pu / 0.9) + 1e-9
        alone.step(0.1, got_kw, vm_pu)
        assert alone.p_kw == got_kw
    made.close(np.zeros(1))
    assert made.audit().stored_kwh[0] == pytest.approx(alone.stored_kwh, abs=1e-12)


def test_a_battery_without_apparent_power_is_refused():
    endless = dataclasses.replace(STORE, s_kva=math.inf)
    with pytest.raises(ValueError, match="s_kva is inf"):
        BatteryReactive([endless], [spec(volt_var={})], dt_s=0.1)
