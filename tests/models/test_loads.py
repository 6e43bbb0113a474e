import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.loads.response import LoadResponse
from models.loads.zip_parts import CONSTANT_POWER, RESIDENTIAL, ZipParams

IMPEDANCE = ZipParams(p_z=1, p_p=0, q_z=1, q_p=0)
CURRENT = ZipParams(p_i=1, p_p=0, q_i=1, q_p=0)


def at(load, vm_pu, f_hz=50.0):
    p, q = LoadResponse([load]).scale(np.array([vm_pu]), f_hz)
    return float(p[0]), float(q[0])


def test_impedance_current_and_power_follow_voltage_squared_linearly_and_not_at_all():
    # By hand at 0.9 p.u.: 0.81, 0.9, 1.
    p, q = LoadResponse([IMPEDANCE, CURRENT, CONSTANT_POWER]).scale(np.full(3, 0.9), 50.0)
    np.testing.assert_allclose(p, [0.81, 0.9, 1.0], rtol=1e-15)
    np.testing.assert_allclose(q, [0.81, 0.9, 1.0], rtol=1e-15)


def test_one_per_cent_per_hertz_takes_half_a_per_cent_at_half_a_hertz_less():
    assert at(ZipParams(p_per_hz=0.01), 1.0, 49.5) == (pytest.approx(0.995), 1.0)


def test_a_home_at_nominal_draws_its_nominal_power():
    assert at(RESIDENTIAL, 1.0) == (pytest.approx(1.0), pytest.approx(1.0))


def test_below_the_break_a_constant_power_is_an_impedance_without_a_jump():
    # By hand: at 0.35 = half of 0.7, a quarter of the power.
    assert at(CONSTANT_POWER, 0.35)[0] == pytest.approx(0.25)
    assert at(CONSTANT_POWER, 0.7 - 1e-12)[0] == pytest.approx(at(CONSTANT_POWER, 0.7)[0])


@pytest.mark.parametrize("dark", [0.0, np.nan, -1.0, np.inf])
def test_a_dark_bus_draws_nothing(dark):
    assert at(CONSTANT_POWER, dark) == (0.0, 0.0)


@given(
    v=st.floats(allow_nan=True, allow_infinity=True),
    f_hz=st.floats(allow_nan=True, allow_infinity=True),
)
def test_no_voltage_or_frequency_gets_anything_but_a_number_out(v, f_hz):
    p, q = LoadResponse([IMPEDANCE, CURRENT, RESIDENTIAL]).scale(np.full(3, v), f_hz)
    assert np.isfinite([p, q]).all()
    assert (p >= 0).all()


def test_parts_that_do_not_sum_to_one_are_refused():
    with pytest.raises(ValueError, match=r"ZIP parts of active power sum to 1.2, expected 1"):
        ZipParams(p_z=0.2)


def test_a_load_that_would_feed_in_is_refused():
    with pytest.raises(ValueError, match="would feed active power in"):
        ZipParams(p_z=4.0, p_p=-3.0)
