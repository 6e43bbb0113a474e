import math
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.inverters.inverter import Inverter, InverterParams

INF = math.inf


def roof(**settings):
    return Inverter(
        InverterParams(**{"p_rated_kw": 5.0, "s_kva": 5.0, "response_s": 0.0, **settings})
    )


def run(inverter, seconds, *, available_kw=4.0, limit_kw=INF, vm_pu=1.0, f_hz=50.0, dt_s=0.1):
    for _ in range(round(seconds / dt_s)):
        inverter.step(dt_s, available_kw, limit_kw, vm_pu, f_hz)


def test_it_feeds_the_least_of_sky_limit_and_rating():
    inverter = roof()
    fed_kw = []
    for available_kw, limit_kw in [(4.0, INF), (4.0, 2.5), (9.0, INF), (-1.0, INF), (4.0, -1.0)]:
        inverter.step(0.1, available_kw, limit_kw, 1.0, 50.0)
        fed_kw.append(inverter.p_kw)
    assert fed_kw == [4.0, 2.5, 5.0, 0.0, 0.0]


def test_apparent_power_leaves_less_active_power_when_reactive_is_fed():
    # By hand: tangent 3/4 makes a 3-4-5 triangle, so 5 kVA hold 4 kW and 3 kvar.
    inverter = roof(q_per_p=0.75)
    inverter.step(0.1, 9.0, INF, 1.0, 50.0)
    assert inverter.p_kw == pytest.approx(4.0)
    assert inverter.q_kvar == pytest.approx(3.0)


def test_current_limit_takes_power_in_proportion_to_low_voltage():
    # By hand: full current at 0.9 p.u. carries 5 kW, so 0.45/0.9 of it at 0.45 p.u.
    inverter = roof()
    inverter.step(0.1, 9.0, INF, 0.45, 50.0)
    assert inverter.p_kw == pytest.approx(2.5)
    inverter.step(0.1, 9.0, INF, 0.0, 50.0)
    assert inverter.p_kw == 0.0


def test_response_to_a_limit_is_the_closed_form_of_a_first_order_lag():
    inverter = roof(response_s=2.0)
    inverter.p_kw = 4.0
    run(inverter, 3.0, available_kw=4.0, limit_kw=1.0)
    assert inverter.p_kw == pytest.approx(1.0 + 3.0 * math.exp(-3.0 / 2.0))


def test_ramp_binds_towards_a_target_but_a_cloud_takes_power_at_once():
    # By hand: 0.5 kW/s for 2 s from zero is 1 kW; a cloud leaves 0.3 kW immediately.
    inverter = roof(ramp_kw_per_s=0.5)
    run(inverter, 2.0)
    assert inverter.p_kw == pytest.approx(1.0)
    inverter.step(0.1, 0.3, INF, 1.0, 50.0)
    assert inverter.p_kw == 0.3


def test_energy_register_counts_what_was_fed():
    # By hand: 4 kW for 90 s are 0.1 kWh.
    inverter = roof()
    run(inverter, 90.0)
    assert inverter.energy_kwh == pytest.approx(0.1)


def test_a_trip_stays_until_cleared_and_then_waits_out_the_delay():
    inverter = roof(reconnect_delay_s=10.0)
    run(inverter, 1.0)
    inverter.trip()
    assert (inverter.p_kw, inverter.state, inverter.tripped) == (0.0, "tripped", True)
    run(inverter, 100.0)
    assert inverter.state == "tripped"
    inverter.clear()
    run(inverter, 10.0)
    assert (inverter.state, inverter.p_kw, inverter.tripped) == ("waiting", 0.0, True)
    run(inverter, 0.1)
    assert (inverter.state, inverter.p_kw, inverter.tripped) == ("running", 4.0, False)


@pytest.mark.parametrize(
    ("vm_pu", "f_hz", "after_s"),
    [
        (0.79, 50.0, 3.0),
        (0.44, 50.0, 0.3),
        (1.26, 50.0, 0.1),
        (1.0, 47.4, 0.1),
        (1.0, 51.6, 0.1),
    ],
)
def test_protection_opens_after_its_published_time(vm_pu, f_hz, after_s):
    # Bounds and times are those of the profile that the docstring cites.
    inverter = roof()
    run(inverter, 1.0)
    run(inverter, after_s - 0.1, vm_pu=vm_pu, f_hz=f_hz)
    assert inverter.state == "running"
    run(inverter, 0.1, vm_pu=vm_pu, f_hz=f_hz)
    assert (inverter.state, inverter.p_kw) == ("tripped", 0.0)


def test_a_dip_shorter_than_the_protection_is_ridden_through():
    inverter = roof()
    for _ in range(5):
        run(inverter, 2.9, vm_pu=0.75)
        run(inverter, 0.1, vm_pu=0.85)
    assert inverter.state == "running"


def test_leaving_the_window_starts_the_wait_again():
    inverter = roof(reconnect_delay_s=10.0)
    run(inverter, 0.1, f_hz=52.0)
    run(inverter, 9.0)
    assert inverter.state == "waiting"
    run(inverter, 0.1, f_hz=50.2)
    assert inverter.state == "tripped"
    run(inverter, 10.0)
    assert inverter.state == "waiting"
    run(inverter, 0.1)
    assert inverter.state == "running"


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"p_rated_kw": -1.0}, "p_rated_kw is -1.0"),
        ({"s_kva": math.nan}, "s_kva is nan"),
        ({"ramp_kw_per_s": 0.0}, "ramp_kw_per_s is 0.0; expected more than 0"),
        ({"enter_vm_pu": (1.1, 0.9)}, "enter_vm_pu is 1.1 to 0.9"),
    ],
)
def test_impossible_settings_are_refused_by_name(wrong, message):
    with pytest.raises(ValueError, match=message):
        InverterParams(**{"p_rated_kw": 5.0, "s_kva": 5.0, **wrong})


def test_importing_it_loads_neither_numpy_nor_numba():
    loaded = "import sys, models.inverters.inverter; print({'numpy', 'numba'} & {*sys.modules})"
    answer = subprocess.run(
        [sys.executable, "-c", loaded], capture_output=True, text=True, check=True
    )
    assert answer.stdout.strip() == "set()"


weather = st.tuples(
    st.floats(-1.0, 12.0), st.floats(-1.0, 12.0), st.floats(0.0, 1.4), st.floats(46.0, 53.0)
)


@given(steps=st.lists(weather, max_size=40), q_per_p=st.floats(-1.0, 1.0), ramp=st.floats(0.1, 9.0))
def test_it_never_leaves_its_ratings_nor_exceeds_the_sky(steps, q_per_p, ramp):
    inverter = roof(q_per_p=q_per_p, ramp_kw_per_s=ramp, response_s=0.2, reconnect_delay_s=0.3)
    for available_kw, limit_kw, vm_pu, f_hz in steps:
        before_kw = inverter.p_kw
        inverter.step(0.1, available_kw, limit_kw, vm_pu, f_hz)
        assert 0.0 <= inverter.p_kw <= max(0.0, min(5.0, available_kw))
        assert math.hypot(inverter.p_kw, inverter.q_kvar) <= 5.0 * min(1.0, vm_pu / 0.9) + 1e-9
        assert inverter.p_kw - before_kw <= ramp * 0.1 + 1e-12
