"""Inverter functions against EPRI's OpenDER 2.2, an implementation by others of IEEE 1547-2018.

Where OpenDER slips (seen by running it), a test shows both and says what ours does. The units are
of one rating so that its voltage-dependent current limit and inverter lag stay out of the way.
"""

import itertools
import warnings

import numpy as np
import pytest

from models.inverters.fleet import InverterFleet
from models.inverters.inverter import InverterParams
from models.inverters.standards import profiles

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import opender

NORMAL = {"a": "CAT_A", "b": "CAT_B"}
ABNORMAL = {"i": "CAT_I", "ii": "CAT_II", "iii": "CAT_III"}


def rest_in_soak(*categories):
    """One takes long enough: the first is played with every commit, the others in soak."""
    first, *others = categories
    return [first, *(pytest.param(other, marks=pytest.mark.soak) for other in others)]


CATEGORIES = rest_in_soak(*reversed(list(itertools.product(NORMAL, ABNORMAL))))
EACH_ONCE = rest_in_soak(("b", "iii"), ("a", "i"), ("b", "ii"))  # the groups do not act on another
S_KVA = 100.0
OFF = {"constant_pf": {"enabled": False}, "frequency_droop": {"enabled": False}}


class Theirs:
    """One OpenDER unit of 100 kW and 100 kVA, its current limit and inverter lag out of the way."""

    def __init__(self, normal, abnormal, *, dt_s, **settings):
        opender.DER.t_s = dt_s
        self.dt_s = dt_s
        given = {"NP_PHASE": "SINGLE", "NP_AC_V_NOM": 240.0, "PF_MODE_ENABLE": False} | settings
        self.unit = opender.DER_PV()
        file = self.unit.der_file
        file.NP_NORMAL_OP_CAT, file.NP_ABNORMAL_OP_CAT = NORMAL[normal], ABNORMAL[abnormal]
        file.NP_Q_MAX_INJ = 44_000
        file.NP_Q_MAX_ABS = 44_000 if normal == "b" else 25_000
        file.NP_INV_DELAY, file.NP_CURRENT_PU = 0.0, 10.0
        for name, value in given.items():
            setattr(file, name, value)
        file.initialize_NP_Q_CAPABILTY_BY_P_CURVE()

    def step(self, available_kw, vm_pu, f_hz):
        opender.DER.t_s = self.dt_s
        self.unit.update_der_input(p_dc_kw=available_kw, v_pu=vm_pu, f=f_hz)
        self.unit.run()
        return self.unit.p_out_kw, self.unit.q_out_kvar


def ours(normal, abnormal, *, dt_s, s_kva=S_KVA, **overrides):
    kind = profiles()[f"ieee1547-2018-{normal}-{abnormal}"].functions(OFF | overrides)
    return InverterFleet(
        [InverterParams(p_rated_kw=100.0, s_kva=s_kva, response_s=0.0, vm_full_pu=0.01)],
        [kind],
        dt_s=dt_s,
    )


def step(fleet, available_kw, vm_pu, f_hz):
    p_kw, q_kvar = fleet.step(np.array([available_kw]), np.array([np.inf]), np.array([vm_pu]), f_hz)
    return float(p_kw[0]), float(q_kvar[0])


ON = {"enabled": True}
STATIC = {
    "volt_var": ({"QV_MODE_ENABLE": True}, {"volt_var": ON}),
    "volt_watt": ({"PV_MODE_ENABLE": True}, {"volt_watt": ON}),
    "both": (
        {"QV_MODE_ENABLE": True, "PV_MODE_ENABLE": True},
        {"volt_var": ON, "volt_watt": ON},
    ),
    "watt_var": ({"QP_MODE_ENABLE": True}, {"watt_var": ON}),
    "constant_q": (
        {"CONST_Q_MODE_ENABLE": True, "CONST_Q": -0.2},
        {"constant_q": {"enabled": True, "q_pu": -0.2}},
    ),
    "constant_pf": (
        {"CONST_PF_MODE_ENABLE": True, "CONST_PF": 0.92, "CONST_PF_EXCITATION": "ABS"},
        {"constant_pf": {"enabled": True, "cos_phi": 0.92, "excitation": "absorb"}},
    ),
    "constant_pf beyond its capability": (
        {"CONST_PF_MODE_ENABLE": True, "CONST_PF": 0.8, "CONST_PF_EXCITATION": "INJ"},
        {"constant_pf": {"enabled": True, "cos_phi": 0.8, "excitation": "inject"}},
    ),
    "power_limit": (
        {"AP_LIMIT_ENABLE": True, "AP_LIMIT": 0.6},
        {"power_limit": {"enabled": True, "p_pu": 0.6}},
    ),
}


@pytest.mark.parametrize("category", CATEGORIES, ids="-".join)
@pytest.mark.parametrize("function", STATIC)
def test_a_function_settles_where_opender_does(function, category):
    # One step of 100 000 s is a snapshot to both.
    theirs, own = STATIC[function]
    other = Theirs(*category, dt_s=100_000.0, **theirs)
    for vm_pu in np.linspace(0.89, 1.1, 15):
        for available_kw in (3.0, 12.0, 93.0, 100.0):
            fleet = ours(*category, dt_s=100_000.0, **own)
            expected = Theirs.step(other, available_kw, vm_pu, 60.0)
            assert step(fleet, available_kw, vm_pu, 60.0) == pytest.approx(
                expected, abs=1e-3 * S_KVA
            ), (vm_pu, available_kw)


@pytest.mark.parametrize("category", EACH_ONCE, ids="-".join)
@pytest.mark.parametrize(
    ("function", "vm_pu"),
    [("volt_var", (1.0, 1.06)), ("volt_watt", (1.05, 1.085)), ("both", (1.0, 1.09))],
)
def test_a_step_of_voltage_is_answered_like_opender(function, vm_pu, category):
    theirs, own = STATIC[function]
    assert_same_course(category, theirs, own, vm_pu=vm_pu, available_kw=(90.0, 90.0))


@pytest.mark.parametrize("category", EACH_ONCE, ids="-".join)
@pytest.mark.parametrize("function", ["watt_var", "constant_pf"])
def test_a_step_of_power_is_answered_like_opender(function, category):
    theirs, own = STATIC[function]
    assert_same_course(category, theirs, own, vm_pu=(1.0, 1.0), available_kw=(30.0, 90.0))


@pytest.mark.parametrize("category", EACH_ONCE, ids="-".join)
@pytest.mark.parametrize("f_hz", [60.5, 61.5, 59.2, 58.6])
def test_a_step_of_frequency_is_answered_like_opender(f_hz, category):
    # Under-frequency with no room above: the sun gives 70 kW and all of it is fed.
    assert_same_course(
        category,
        {"PF_MODE_ENABLE": True},
        {"frequency_droop": ON},
        vm_pu=(1.0, 1.0),
        available_kw=(70.0, 70.0),
        f_hz=(60.0, f_hz, 60.0),
    )


def assert_same_course(category, theirs, own, *, vm_pu, available_kw, f_hz=(60.0, 60.0)):
    # OpenDER's trapezoidal filter lags ours, which is exact for values held over a step, by half a
    # step: the steps are short.
    dt_s, per_level = 0.05, 200
    other, fleet = Theirs(*category, dt_s=dt_s, **theirs), ours(*category, dt_s=dt_s, **own)
    levels = max(len(f_hz), len(vm_pu))
    for level in range(levels):
        for _ in range(per_level):
            given = (
                available_kw[min(level, 1)],
                vm_pu[min(level, 1)],
                f_hz[min(level, len(f_hz) - 1)],
            )
            assert step(fleet, *given) == pytest.approx(other.step(*given), abs=0.02 * S_KVA)


TRIPS = [
    *((vm_pu, 60.0) for vm_pu in (1.11, 1.19, 1.21, 0.86, 0.69, 0.51, 0.44, 0.3)),
    *((1.0, f_hz) for f_hz in (62.1, 61.7, 58.4, 57.2, 56.4)),
]


@pytest.mark.parametrize("category", EACH_ONCE, ids="-".join)
@pytest.mark.parametrize(("vm_pu", "f_hz"), TRIPS)
def test_a_trip_comes_when_opender_trips_or_a_step_later(vm_pu, f_hz, category):
    # OpenDER counts the first abnormal sample as a whole step already past; ours counts from it.
    dt_s = 0.02 if vm_pu < 0.45 or vm_pu > 1.2 or not 57 < f_hz < 62 else 1.0
    other, fleet = Theirs(*category, dt_s=dt_s), ours(*category, dt_s=dt_s)
    for _ in range(3):
        other.step(70.0, 1.0, 60.0), step(fleet, 70.0, 1.0, 60.0)
    theirs_at = own_at = None
    for tick in range(round(310 / dt_s) if dt_s > 0.1 else 60):
        other.step(70.0, vm_pu, f_hz), step(fleet, 70.0, vm_pu, f_hz)
        if theirs_at is None and other.unit.der_status == "Trip":
            theirs_at = tick
        if own_at is None and fleet.state(0) == "tripped":
            own_at = tick
        if own_at is not None:
            break
    assert (theirs_at is None) == (own_at is None)
    if theirs_at is not None:
        assert own_at - theirs_at == 1


@pytest.mark.parametrize("category", EACH_ONCE, ids="-".join)
@pytest.mark.parametrize("vm_pu", [1.15, 1.21, 0.75, 0.6, 0.47, 0.4, 0.2])
def test_what_ceases_and_what_goes_on_in_a_dip_is_as_in_opender(vm_pu, category):
    dt_s = 0.02
    other = Theirs(*category, dt_s=dt_s, NP_CTE_RESP_T=0.0)
    fleet = ours(*category, dt_s=dt_s)
    for _ in range(3):
        other.step(70.0, 1.0, 60.0), step(fleet, 70.0, 1.0, 60.0)
    for _ in range(5):
        expected, found = other.step(70.0, vm_pu, 60.0), step(fleet, 70.0, vm_pu, 60.0)
    assert found == pytest.approx(expected, abs=1e-3 * S_KVA)


def test_enter_service_waits_and_ramps_as_in_opender():
    # Opened by 0.3 p.u., back at 1.0: five minutes in the window, then a ramp of five minutes.
    dt_s = 0.5
    other = Theirs("b", "iii", dt_s=dt_s)
    fleet = ours("b", "iii", dt_s=dt_s)
    course = [1.0] * 3 + [0.3] * 12 + [1.0] * 1300
    for vm_pu in course:
        expected, found = other.step(80.0, vm_pu, 60.0), step(fleet, 80.0, vm_pu, 60.0)
        if vm_pu == 1.0:
            assert found == pytest.approx(expected, abs=0.02 * S_KVA)
    assert found == pytest.approx((80.0, 0.0))


def test_opender_loses_the_soft_start_under_two_limits_and_ours_keeps_it():
    theirs = {"PV_MODE_ENABLE": True, "AP_LIMIT_ENABLE": True, "AP_LIMIT": 0.9}
    own = {"volt_watt": ON, "power_limit": {"enabled": True, "p_pu": 0.9}}
    dt_s = 0.5
    other, fleet = Theirs("b", "iii", dt_s=dt_s, **theirs), ours("b", "iii", dt_s=dt_s, **own)
    for vm_pu in [1.0] * 3 + [0.3] * 12 + [1.0] * 640:
        (their_kw, _), (own_kw, _) = other.step(80.0, vm_pu, 60.0), step(fleet, 80.0, vm_pu, 60.0)
    assert their_kw == pytest.approx(80.0, abs=1.0)
    # By hand: 640 samples are 320 s, the delay takes 300 s, a ramp of 1/300 per second the rest.
    assert own_kw == pytest.approx(100.0 * 20.0 / 300.0, abs=0.5)


def test_opender_trips_at_once_when_its_first_sample_is_abnormal_and_ours_counts():
    other, fleet = Theirs("b", "iii", dt_s=0.1), ours("b", "iii", dt_s=0.1)
    other.step(70.0, 0.85, 60.0), step(fleet, 70.0, 0.85, 60.0)
    assert other.unit.der_status == "Trip"
    assert fleet.state(0) == "running"


def test_opender_answers_under_frequency_beyond_the_power_limit_and_ours_stays_below():
    theirs = {"PF_MODE_ENABLE": True, "AP_LIMIT_ENABLE": True, "AP_LIMIT": 0.5}
    own = {"frequency_droop": ON, "power_limit": {"enabled": True, "p_pu": 0.5}}
    other, fleet = Theirs("b", "iii", dt_s=0.1, **theirs), ours("b", "iii", dt_s=0.1, **own)
    for tick in range(600):
        f_hz = 60.0 if tick < 300 else 59.0
        (their_kw, _), (own_kw, _) = other.step(90.0, 1.0, f_hz), step(fleet, 90.0, 1.0, f_hz)
    assert their_kw == pytest.approx(50.0 + 100.0 * (1.0 - 0.036) / 3.0, abs=0.5)
    assert own_kw == pytest.approx(50.0)


def test_opender_gives_more_than_the_sun_under_active_priority_and_ours_does_not():
    # Its equation 3.9.1-7 fills the apparent power with active power, whatever is available.
    theirs = {
        "CONST_Q_MODE_ENABLE": True,
        "CONST_Q": 0.6,
        "NP_PRIO_OUTSIDE_MIN_Q_REQ": "ACTIVE",
        "NP_Q_MAX_INJ": 60_000,
    }
    able = {"inject_pu": [0.0, 0.0, 0.15, 0.6, 0.6], "priority": "active"}
    other = Theirs("b", "iii", dt_s=100_000.0, **theirs)
    fleet = ours(
        "b",
        "iii",
        dt_s=100_000.0,
        constant_q={"enabled": True, "q_pu": 0.6},
        capability=able,
    )
    assert other.step(85.0, 1.0, 60.0)[0] == pytest.approx(89.8, abs=0.1)
    # By hand: 85 kW stay, and the circle leaves sqrt(100^2 - 85^2) kvar.
    assert step(fleet, 85.0, 1.0, 60.0) == pytest.approx((85.0, 52.678), abs=1e-2)
