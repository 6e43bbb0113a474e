import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.battery import Battery, BatteryParams


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
