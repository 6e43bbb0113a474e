"""Volt-watt and volt-var in a closed loop: one bus behind a Thevenin source, closed forms."""

import math

import numpy as np
import pytest

from models.inverters.fleet import InverterFleet, share_of_step
from models.inverters.gain import largest_stable_gain, voltage_answer
from models.inverters.inverter import InverterParams
from models.inverters.standards import profiles

RATED_KW = 100.0
DT_S = 0.1
OWN = InverterParams(p_rated_kw=RATED_KW, s_kva=2 * RATED_KW, response_s=0.0, vm_full_pu=0.01)


NEVER_TRIPS = {
    "voltage_trip": {"over": [[9.0, 1.0]] * 2, "under": [[0.0, 1.0]] * 2},
    "ride_through": {"continuous_vm_pu": [0.0, 9.0], "voltage": []},
}


def volt_watt(response_s):
    return profiles()["ieee1547-2018-b-iii"].functions(
        {
            "volt_watt": {"enabled": True, "response_s": response_s},
            "frequency_droop": {"enabled": False},
        }
        | NEVER_TRIPS
    )


def play(kind, gain, *, ticks, nudge_pu=0.0):
    """Close the loop V = E + R P: the curve's middle is its rest; give the swing of the last 50."""
    fleet = InverterFleet([OWN], [kind], dt_s=DT_S)
    slope_kw = -voltage_answer(OWN, kind, DT_S).p_kw
    r_pu_per_kw = gain / slope_kw
    source_pu = 1.08 - r_pu_per_kw * RATED_KW / 2  # 1.08 p.u. and half the power solve the loop
    vm_pu, seen = 1.08 + nudge_pu, []
    for _ in range(ticks):
        p_kw, _ = fleet.step(np.array([RATED_KW]), np.array([np.inf]), np.array([vm_pu]), 60.0)
        vm_pu = source_pu + r_pu_per_kw * float(p_kw[0])
        seen.append(vm_pu)
    return np.array(seen)


def test_the_bound_is_the_hyperbolic_cotangent_of_half_the_step():
    # hil.md's table was found by search: 8.7 at 0.1 s and 1 s, 43 at 5 s, 87 at 10 s.
    for response_s, bound in ((1.0, 8.7), (5.0, 43.0), (10.0, 87.0)):
        share = share_of_step(response_s, DT_S)
        tau_s = response_s / math.log(10.0)
        assert largest_stable_gain(share) == pytest.approx(1 / math.tanh(DT_S / (2 * tau_s)))
        assert largest_stable_gain(share) == pytest.approx(bound, rel=0.02)


def test_volt_watt_without_a_response_time_hunts_for_ever():
    swing = play(volt_watt(0.0), 1.05, ticks=2000, nudge_pu=1e-4)[-50:]
    # It jumps to and fro every tick, between bounds that the curve's ends set.
    assert np.ptp(swing) > 0.01
    assert (np.sign(np.diff(swing)[1:]) == -np.sign(np.diff(swing)[:-1])).all()


def test_volt_watt_with_its_response_time_settles_on_the_same_feeder_and_on_a_weaker_one():
    for gain in (1.05, 2.34):  # the weak feeder of 0.5 + j0.3 ohm and 30 kVA has 2.34
        settled = play(volt_watt(10.0), gain, ticks=2000, nudge_pu=1e-3)
        assert settled[-1] == pytest.approx(1.08, abs=1e-9)
        assert np.ptp(settled[-50:]) < 1e-9


@pytest.mark.parametrize("response_s", [0.0, 0.3, 1.0, 5.0])
def test_a_loop_settles_just_below_its_bound_and_hunts_just_above(response_s):
    kind = volt_watt(response_s)
    bound = largest_stable_gain(share_of_step(response_s, DT_S))
    below = play(kind, 0.98 * bound, ticks=6000, nudge_pu=1e-3)
    above = play(kind, 1.02 * bound, ticks=6000, nudge_pu=1e-3)
    assert np.ptp(below[-50:]) < 1e-6
    assert np.ptp(above[-50:]) > 1e-3


def test_slopes_are_those_of_the_curves():
    kind = profiles()["ieee1547-2018-b-iii"].functions(
        {
            "constant_pf": {"enabled": False},
            "volt_var": {"enabled": True},
            "volt_watt": {"enabled": True},
        }
    )
    answer = voltage_answer(OWN, kind, DT_S)
    # By hand: 44 % of 200 kVA over 0.06 p.u.; 100 kW over 0.04 p.u.
    assert answer.q_kvar == pytest.approx(-0.44 * 200 / 0.06)
    assert answer.p_kw == pytest.approx(-100 / 0.04)
