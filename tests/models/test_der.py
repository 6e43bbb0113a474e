import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.der import DerFleet
from models.inverters.inverter import Inverter, InverterParams
from models.storage.battery import Battery, BatteryParams

ROOF = InverterParams(p_rated_kw=5.0, s_kva=5.0, response_s=0.0)
STORE = BatteryParams(
    capacity_kwh=10.0, p_max_kw=4.0, efficiency_charge=0.9, efficiency_discharge=0.8
)
DETAILED = {
    "charge_curve": ((0.05, 0.8), (0.3, 0.96), (1.0, 0.93)),
    "discharge_curve": ((0.1, 0.85), (0.6, 0.95)),
    "standby_kw": 0.03,
    "self_discharge_percent_per_day": 4.0,
    "s_kva": 4.5,
    "q_per_p": 0.6,
}


def step(fleet, *, available=0.0, limit=np.inf, setpoint=0.0, vm=1.0, response=0.0, f_hz=50.0):
    rows = (np.full(fleet.n, value, dtype=float) for value in (available, limit, setpoint))
    volts, answer = np.full(fleet.n, vm, dtype=float), np.full(fleet.n, response, dtype=float)
    return fleet.step(*rows, volts, answer, f_hz=f_hz)


def test_charge_is_booked_one_tick_later_with_what_really_flowed():
    # By hand: 2 kW for 1 h is taken; a response of −1 kW without PV makes it 3 kW; 0.9 is stored.
    fleet = DerFleet([None], [STORE], dt_s=3600.0)
    assert step(fleet, setpoint=-2.0).soc.tolist() == [0.5]
    tick = step(fleet, setpoint=0.0, response=-1.0)
    assert tick.soc[0] == pytest.approx((5.0 + 0.9 * 3.0) / 10.0)
    assert tick.last_battery_kw.tolist() == [-3.0]


def test_a_response_takes_from_pv_first_and_charges_with_the_rest():
    # By hand: −6 kW against 4 kW of PV and 1 kW of discharge leaves 0 kW and −1 kW.
    fleet = DerFleet([ROOF], [STORE], dt_s=1.0)
    tick = step(fleet, available=4.0, setpoint=1.0)
    assert (tick.pv_kw[0], tick.battery_kw[0]) == (4.0, 1.0)
    tick = step(fleet, available=4.0, setpoint=1.0, response=-6.0)
    assert (tick.last_pv_kw[0], tick.last_battery_kw[0]) == (0.0, -1.0)
    tick = step(fleet, available=4.0, setpoint=1.0, response=0.5)
    assert (tick.last_pv_kw[0], tick.last_battery_kw[0]) == (4.0, 1.5)


def test_headroom_is_pv_to_zero_and_charging_to_the_limit():
    # By hand: down 4 kW of PV, 1 kW of discharge and 4 kW of charging; up from 1 to 4 kW.
    fleet = DerFleet([ROOF], [STORE], dt_s=1.0)
    tick = step(fleet, available=4.0, setpoint=1.0)
    assert tick.headroom_down_kw[0] == pytest.approx(9.0)
    assert tick.headroom_up_kw[0] == pytest.approx(3.0)


def test_headroom_of_a_nearly_full_store_is_what_fits_in_one_tick():
    # By hand: 0.5 kWh of room takes 0.5/0.9 kWh from the grid, over half an hour 1.111 kW.
    full = BatteryParams(capacity_kwh=10.0, p_max_kw=4.0, efficiency_charge=0.9, soc_initial=0.95)
    fleet = DerFleet([None], [full], dt_s=1800.0)
    assert step(fleet).headroom_down_kw[0] == pytest.approx(0.5 / 0.9 / 0.5)


def test_a_response_beyond_the_headroom_shows_in_the_audit():
    fleet = DerFleet([None], [STORE], dt_s=3600.0)
    step(fleet)
    step(fleet, response=9.0)
    assert fleet.audit().clipped_kwh[0] == pytest.approx(5.0 - 9.0 / 0.8)
    assert fleet.soc[0] == 0.0


def test_a_measured_inverter_is_taken_at_its_word():
    fleet = DerFleet([ROOF, ROOF], [None, None], dt_s=0.1, measured=[True, False])
    tick = fleet.step(
        np.array([7.0, 7.0]),
        np.zeros(2),
        np.zeros(2),
        np.ones(2),
        np.zeros(2),
        measured_q_kvar=np.array([1.5, 1.5]),
    )
    assert tick.pv_kw.tolist() == [7.0, 0.0]
    assert tick.q_kvar.tolist() == [1.5, 0.0]


def test_a_dead_bus_takes_nothing_from_anybody():
    fleet = DerFleet([ROOF], [STORE], dt_s=0.1)
    step(fleet, available=4.0, setpoint=2.0)
    tick = step(fleet, available=4.0, setpoint=2.0, vm=0.0)
    assert (tick.pv_kw[0], tick.battery_kw[0]) == (0.0, 0.0)


def test_closing_books_the_last_tick():
    # By hand: 3 kW for 1 h of PV, and 2 kW drawn at 0.8.
    fleet = DerFleet([ROOF], [STORE], dt_s=3600.0)
    step(fleet, available=3.0, setpoint=2.0)
    tick = fleet.close(np.zeros(1))
    assert fleet.audit().pv_kwh[0] == 3.0
    assert tick.soc[0] == pytest.approx((5.0 - 2.0 / 0.8) / 10.0)
    assert tick.pv_kw[0] == tick.battery_kw[0] == 0.0


def test_unequal_lists_and_a_tick_without_length_are_refused():
    with pytest.raises(ValueError, match="1 inverters for 2 batteries"):
        DerFleet([None], [None, None], dt_s=0.1)
    with pytest.raises(ValueError, match="dt_s is 0"):
        DerFleet([None], [None], dt_s=0.0)


events = st.lists(
    st.tuples(
        st.floats(-1.0, 8.0),
        st.floats(0.0, 8.0),
        st.floats(-9.0, 9.0),
        st.floats(0.0, 1.4),
        st.floats(47.0, 52.0),
        st.sampled_from(["", "", "", "trip", "clear"]),
    ),
    max_size=50,
)


@given(
    events=events,
    q_per_p=st.floats(-1.0, 1.0),
    ramp=st.floats(0.5, 50.0),
    response_s=st.sampled_from([0.0, 0.2, 3.0]),
    dt_s=st.sampled_from([0.1, 1.0, 7.0]),
    losses=st.sampled_from([{}, DETAILED]),
)
def test_the_fleet_and_the_single_devices_agree_to_the_bit(
    events, q_per_p, ramp, response_s, dt_s, losses
):
    inverter = InverterParams(
        p_rated_kw=6.0,
        s_kva=5.0,
        q_per_p=q_per_p,
        ramp_kw_per_s=ramp,
        response_s=response_s,
        reconnect_delay_s=2.0,
    )
    battery = BatteryParams(capacity_kwh=0.05, p_max_kw=4.0, ramp_kw_per_s=ramp, **losses)
    fleet = DerFleet([None, inverter], [None, battery], dt_s=dt_s)
    alone, store = Inverter(inverter), Battery(battery)
    for available_kw, limit_kw, setpoint_kw, vm_pu, f_hz, what in events:
        if what == "trip":
            alone.trip()
            fleet.trip(1)
        elif what == "clear":
            alone.clear()
            fleet.reconnect(1)
        tick = step(
            fleet, available=available_kw, limit=limit_kw, setpoint=setpoint_kw, vm=vm_pu, f_hz=f_hz
        )
        assert tick.soc[1] == store.soc
        alone.step(dt_s, available_kw, limit_kw, vm_pu, f_hz)
        store.step(dt_s, setpoint_kw, vm_pu)
        assert (tick.pv_kw[1], tick.q_kvar[1]) == (alone.p_kw, alone.q_kvar + store.q_kvar)
        assert tick.battery_kw[1] == store.p_kw
        assert (fleet.state(1), bool(fleet.tripped[1])) == (alone.state, alone.tripped)
        assert tick.pv_kw[0] == tick.battery_kw[0] == tick.soc[0] == 0.0
    fleet.close(np.zeros(2))
    audit = fleet.audit()
    assert audit.pv_kwh[1] == pytest.approx(alone.energy_kwh, abs=1e-12)
    assert audit.stored_kwh[1] == store.stored_kwh


@given(
    asked=st.lists(
        st.tuples(st.floats(0.0, 6.0), st.floats(-9.0, 9.0), st.floats(-1.0, 1.0)), max_size=60
    ),
    soc=st.floats(0.0, 1.0),
    dt_s=st.sampled_from([0.1, 100.0, 900.0]),
    losses=st.sampled_from([{}, DETAILED]),
)
def test_energy_balances_with_any_response_within_the_headroom(asked, soc, dt_s, losses):
    battery = BatteryParams(
        capacity_kwh=1.0,
        p_max_kw=4.0,
        efficiency_charge=0.9,
        efficiency_discharge=0.8,
        soc_initial=soc,
        **losses,
    )
    fleet = DerFleet([ROOF], [battery], dt_s=dt_s)
    at_first_kwh = fleet.audit().stored_kwh[0]
    given_kwh = response_kw = 0.0
    for available_kw, setpoint_kw, share in asked:
        tick = step(fleet, available=available_kw, setpoint=setpoint_kw, response=response_kw)
        room_kw = tick.headroom_down_kw[0] if share < 0.0 else tick.headroom_up_kw[0]
        assert room_kw >= 0.0
        response_kw = share * room_kw
        given_kwh += (tick.pv_kw[0] + tick.battery_kw[0] + response_kw) * dt_s / 3600.0
        assert 0.0 <= tick.soc[0] <= 1.0
    assert 0.0 <= fleet.close(np.full(1, response_kw)).soc[0] <= 1.0
    audit = fleet.audit()
    change_kwh = audit.stored_kwh[0] - at_first_kwh
    assert abs(audit.clipped_kwh[0]) < 1e-12
    assert audit.pv_kwh[0] - given_kwh == pytest.approx(
        change_kwh + audit.conversion_loss_kwh[0] + audit.standing_loss_kwh[0], abs=1e-9
    )
