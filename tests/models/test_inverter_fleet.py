"""Inverters of a fleet: what no oracle shows, by hand, and what always holds."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.der import DerFleet
from models.inverters.fleet import InverterFleet
from models.inverters.inverter import InverterParams
from models.inverters.standards import profiles

OWN = InverterParams(p_rated_kw=10.0, s_kva=10.0, response_s=0.0)


def fleet_of(overrides=None, *, name="ieee1547-2018-b-iii", dt_s=0.1, own=OWN):
    return InverterFleet([own], [profiles()[name].functions(overrides)], dt_s=dt_s)


def step(fleet, *, available_kw=8.0, limit_kw=np.inf, vm_pu=1.0, f_hz=60.0):
    p_kw, q_kvar = fleet.step(*np.array([[available_kw], [limit_kw], [vm_pu]]), f_hz)
    return float(p_kw[0]), float(q_kvar[0])


def test_a_commanded_limit_reverts_when_no_other_command_comes():
    fleet = fleet_of({"power_limit": {"ramp_s": 0.0, "revert_s": 2.0, "revert_p_pu": 0.6}}, dt_s=1)
    fleet.command_limit(0, 0.2)
    assert [step(fleet)[0] for _ in range(4)] == [2.0, 2.0, 6.0, 6.0]
    fleet.command_limit(0, 0.3)
    assert step(fleet)[0] == pytest.approx(3.0)


def test_a_unit_that_may_trip_opens_after_its_ride_through_time():
    # Category III at 0.75 p.u. must stay for 20 s, and must trip only after 21 s.
    fleet = fleet_of({"ride_through": {"may_trip": True}}, dt_s=0.5)
    states = []
    for _ in range(42):
        step(fleet, vm_pu=0.75)
        states.append(fleet.state(0))
    assert states.index("tripped") == 40


def test_momentary_cessation_feeds_nothing_and_comes_back_within_its_time():
    # Category III: at 1.15 p.u. it ceases; back at 1.0 it rises by its rating in 0.4 s.
    fleet = fleet_of()
    step(fleet)
    assert step(fleet, vm_pu=1.15) == (0.0, 0.0)
    assert fleet.ceased.all()
    assert [step(fleet)[0] for _ in range(4)] == pytest.approx([2.5, 5.0, 7.5, 8.0])


@pytest.mark.parametrize(("hz_per_s", "trips"), [(2.9, False), (3.5, True)])
def test_a_rocof_trip_waits_until_the_change_has_lasted(hz_per_s, trips):
    fleet = fleet_of({"rocof": {"trip_hz_per_s": 3.2, "trip_s": 0.2}})
    for tick in range(12):
        step(fleet, f_hz=59.0 + hz_per_s * 0.1 * min(tick, 9))
    assert (fleet.state(0) == "tripped") is trips


def test_a_ten_minute_mean_above_its_bound_trips():
    fleet = fleet_of(name="vde-ar-n-4105-2018-large", dt_s=1.0)
    # The window begins at nominal: 1.105 fills it to 1.10 after 0.100 / 0.105 of 600 s, 571.4 s.
    for _ in range(571):
        step(fleet, vm_pu=1.105, f_hz=50.0)
        assert fleet.state(0) == "running"
    for _ in range(4):
        step(fleet, vm_pu=1.105, f_hz=50.0)
    assert fleet.state(0) == "tripped"


def test_under_frequency_overrules_the_owners_limit_and_not_the_operators():
    fleet = fleet_of({"power_limit": {"enabled": True, "p_pu": 0.5}})
    for tick in range(600):
        p_kw, _ = step(fleet, limit_kw=3.0, f_hz=60.0 if tick < 100 else 59.0)
    assert p_kw == pytest.approx(5.0)


bad = st.floats(allow_nan=True, allow_infinity=True)
name = st.sampled_from(sorted(profiles()))


@given(name=name, ticks=st.lists(st.tuples(bad, bad, bad, bad), min_size=1, max_size=30))
def test_no_nan_ever_leaves_and_the_apparent_power_is_kept(name, ticks):
    fleet = fleet_of({"volt_watt": {"enabled": True}}, name=name)
    for available_kw, limit_kw, vm_pu, f_hz in ticks:
        p_kw, q_kvar = step(
            fleet, available_kw=available_kw, limit_kw=limit_kw, vm_pu=vm_pu, f_hz=f_hz
        )
        assert 0.0 <= p_kw <= 10.0
        assert np.hypot(p_kw, q_kvar) <= 10.0 * (1 + 1e-9)


def test_a_peer_without_functions_is_untouched_by_one_with():
    kind = profiles()["ieee1547-2018-b-iii"].functions({"volt_watt": {"enabled": True}})
    alone = DerFleet([OWN], [None], dt_s=0.1)
    both = DerFleet([OWN, OWN], [None, None], dt_s=0.1, functions=[None, kind])
    for vm_pu in np.linspace(0.7, 1.2, 100):
        one = alone.step(*np.array([[8.0], [np.inf], [0.0], [vm_pu], [0.0]]))
        two = both.step(*np.array([[8.0] * 2, [np.inf] * 2, [0.0] * 2, [vm_pu] * 2, [0.0] * 2]))
        assert two.pv_kw[0] == one.pv_kw[0]
