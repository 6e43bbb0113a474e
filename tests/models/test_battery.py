import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from models.storage.battery import Battery, BatteryParams
from models.storage.curve import faults_of


def store(**ratings):
    plain = {"capacity_kwh": 10.0, "p_max_kw": 5.0, "soc_initial": 0.5}
    return Battery(BatteryParams(**{**plain, **ratings}))


def test_an_hour_of_charging_stores_what_efficiency_leaves():
    # By hand: 2 kW for 1 h at 0.9 stores 1.8 kWh and loses 0.2 kWh.
    battery = store(efficiency_charge=0.9)
    for _ in range(3600):
        battery.step(1.0, -2.0)
    assert battery.stored_kwh == pytest.approx(6.8)
    assert battery.charged_kwh == pytest.approx(2.0)
    assert battery.conversion_loss_kwh == pytest.approx(0.2)


def test_discharging_draws_more_than_it_gives():
    # By hand: 4 kW for 15 min is 1 kWh; at 0.8 it draws 1.25 kWh.
    battery = store(efficiency_discharge=0.8)
    for _ in range(900):
        battery.step(1.0, 4.0)
    assert battery.stored_kwh == pytest.approx(3.75)
    assert battery.discharged_kwh == pytest.approx(1.0)


def test_last_step_gives_only_what_is_left():
    # By hand: 1 kWh at efficiency 1 is 1.5 kW over the 40 min of the step.
    battery = store(soc_initial=0.1, efficiency_discharge=1.0)
    battery.step(2400.0, 5.0)
    assert battery.p_kw == pytest.approx(1.5)
    assert battery.soc == 0.0
    battery.step(1.0, 5.0)
    assert battery.p_kw == 0.0


def test_ramp_and_low_voltage_limit_it():
    battery = store(ramp_kw_per_s=2.0)
    battery.step(0.5, 5.0)
    assert battery.p_kw == pytest.approx(1.0)
    battery.step(0.5, 5.0, vm_pu=0.0)
    assert battery.p_kw == 0.0


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"capacity_kwh": -1.0}, "capacity_kwh is -1.0"),
        ({"efficiency_charge": 0.0}, "efficiency_charge is 0.0"),
        ({"soc_initial": 1.2}, "soc_initial is 1.2; expected 0 to 1"),
        ({"ramp_kw_per_s": -2.0}, "ramp_kw_per_s is -2.0"),
    ],
)
def test_impossible_ratings_are_refused_by_name(wrong, message):
    with pytest.raises(ValueError, match=message):
        store(**wrong)


@given(
    setpoints_kw=st.lists(st.floats(-20.0, 20.0), max_size=60),
    dt_s=st.sampled_from([0.1, 60.0, 1800.0]),
    charge=st.floats(0.5, 1.0),
    discharge=st.floats(0.5, 1.0),
    soc=st.floats(0.0, 1.0),
)
def test_energy_balances_and_the_store_stays_within_itself(
    setpoints_kw, dt_s, charge, discharge, soc
):
    battery = store(efficiency_charge=charge, efficiency_discharge=discharge, soc_initial=soc)
    at_first_kwh = battery.stored_kwh
    for setpoint_kw in setpoints_kw:
        battery.step(dt_s, setpoint_kw)
        assert 0.0 <= battery.soc <= 1.0
        assert abs(battery.p_kw) <= min(5.0, abs(setpoint_kw))
    moved_kwh = battery.charged_kwh - battery.discharged_kwh - battery.conversion_loss_kwh
    assert battery.stored_kwh - at_first_kwh == pytest.approx(moved_kwh, abs=1e-9)


CURVE = ((0.05, 0.80), (0.25, 0.95), (1.0, 0.92))
DAY_S = 86_400


def test_efficiency_is_read_from_the_curve_at_the_power_that_flows():
    # By hand: 0.75 kW of 5 is 0.15, midway from 0.80 to 0.95; 5 kW is at the last point.
    battery = store(charge_curve=CURVE, discharge_curve=CURVE)
    battery.step(3600.0, -0.75)
    assert battery.stored_kwh == pytest.approx(5.0 + 0.75 * 0.875, abs=1e-12)
    battery.step(3600.0, 4.0)
    # By hand: 0.8 of the power is 0.7333 of the way from 0.95 to 0.92.
    assert battery.stored_kwh == pytest.approx(5.65625 - 4.0 / 0.928, abs=1e-12)


def test_a_store_alone_fades_by_its_share_a_day_and_by_its_standby():
    # Closed form: E(t) = E0 e^(−λ t) − s (1 − e^(−λ t)) / λ with e^(−λ · 1 d) = 0.97.
    battery = store(self_discharge_percent_per_day=3.0, standby_kw=0.01)
    for _ in range(DAY_S // 10):
        battery.step(10.0, 0.0)
    per_h = -math.log(0.97) / 24.0
    assert battery.stored_kwh == pytest.approx(5.0 * 0.97 - 0.01 * 0.03 / per_h, abs=1e-9)
    assert battery.standing_loss_kwh == pytest.approx(5.0 - battery.stored_kwh, abs=1e-9)


@pytest.mark.parametrize("dt_s", [0.1, 1.0, 60.0, 900.0])
@pytest.mark.parametrize("p_kw", [-0.5, -2.0, 0.6])
def test_charge_follows_the_closed_form_whatever_the_step(dt_s, p_kw):
    # Closed form: E(t) = E0 e^(−λ t) + (gained − s) (1 − e^(−λ t)) / λ, over half an hour. By
    # hand η(0.5 kW) = 0.8375, η(2 kW) = 0.944, η(0.6 kW) = 0.8525.
    gained_kw = {-0.5: 0.5 * 0.8375, -2.0: 2.0 * 0.944, 0.6: -0.6 / 0.8525}[p_kw]
    battery = store(
        charge_curve=CURVE,
        discharge_curve=CURVE,
        self_discharge_percent_per_day=5.0,
        standby_kw=0.02,
    )
    for _ in range(round(1800 / dt_s)):
        battery.step(dt_s, p_kw)
    per_h = -math.log(0.95) / 24.0
    expected = 5.0 * math.exp(-per_h / 2) + (gained_kw - 0.02) * -math.expm1(-per_h / 2) / per_h
    assert battery.stored_kwh == pytest.approx(expected, abs=1e-9)


points = st.lists(st.floats(0.6, 1.0), min_size=1, max_size=5).map(
    lambda values: tuple((0.2 * (place + 1), eta) for place, eta in enumerate(values))
)


@given(
    charge=points,
    discharge=points,
    standby=st.floats(0.0, 0.2),
    fading=st.floats(0.0, 50.0),
    setpoints=st.lists(st.floats(-9.0, 9.0), max_size=30),
    dt_s=st.sampled_from([0.1, 60.0, 900.0, 3600.0]),
    soc=st.floats(0.0, 1.0),
)
def test_energy_balances_with_curves_and_fading_and_the_store_stays_within_itself(
    charge, discharge, standby, fading, setpoints, dt_s, soc
):
    assume(not faults_of(charge, charging=True) and not faults_of(discharge, charging=False))
    battery = store(
        capacity_kwh=2.0,
        charge_curve=charge,
        discharge_curve=discharge,
        standby_kw=standby,
        self_discharge_percent_per_day=fading,
        soc_initial=soc,
    )
    before_kwh = battery.stored_kwh
    for setpoint_kw in setpoints:
        battery.step(dt_s, setpoint_kw)
        assert 0.0 <= battery.stored_kwh <= 2.0
    lost_kwh = battery.conversion_loss_kwh + battery.standing_loss_kwh
    gone_kwh = battery.discharged_kwh + lost_kwh - battery.charged_kwh
    assert battery.stored_kwh == pytest.approx(before_kwh - gone_kwh, abs=1e-9)
    assert battery.conversion_loss_kwh >= -1e-12
    assert battery.standing_loss_kwh >= -1e-12


@pytest.mark.parametrize("p_kw", [-3.0, 3.0])
def test_the_last_tick_ends_exactly_at_the_bound(p_kw):
    battery = store(charge_curve=CURVE, discharge_curve=CURVE, standby_kw=0.05, capacity_kwh=1.0)
    for _ in range(40):
        battery.step(60.0, p_kw)
        if battery.soc in (0.0, 1.0):
            break
    assert battery.soc == pytest.approx(0.0 if p_kw > 0.0 else 1.0, abs=1e-12)
    assert 0.0 < abs(battery.p_kw) < 3.0


def test_apparent_power_leaves_less_active_power_beside_reactive():
    # By hand: 4 kVA at Q = 0.75 P leave 4/1.25 = 3.2 kW and 2.4 kvar.
    battery = store(s_kva=4.0, q_per_p=0.75)
    battery.step(1.0, 5.0)
    assert (battery.p_kw, battery.q_kvar) == (pytest.approx(3.2), pytest.approx(2.4))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"charge_curve": ((0.1, 1.2),)}, "charge_curve has the efficiency 1.2 at 0.1"),
        ({"discharge_curve": ((0.5, 0.9), (0.5, 0.8))}, "do not increase"),
        ({"charge_curve": ((0.5, 0.9), (0.6, 0.5))}, "more power would store less"),
        ({"discharge_curve": ((0.1, 0.1), (0.2, 0.9))}, "more power would draw less"),
        ({"standby_kw": 6.0}, "standby_kw is 6.0; expected 0 to p_max_kw, 5.0"),
        ({"self_discharge_percent_per_day": 100.0}, "per_day is 100.0"),
        ({"s_kva": 0.0}, "s_kva is 0.0"),
        ({"q_per_p": math.nan}, "q_per_p is nan"),
    ],
)
def test_impossible_losses_are_refused_with_the_physics_named(wrong, message):
    with pytest.raises(ValueError, match=message):
        store(**wrong)
