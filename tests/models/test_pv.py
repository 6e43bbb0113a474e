import pytest

from models.inverters.inverter import InverterParams
from models.pv.system import PvSystem


def test_modules_give_their_nominal_power_times_performance_ratio():
    # By hand: 6 kWp at 500 W/m² with 0.8 of it reaching the inverter.
    roof = PvSystem(6.0, performance_ratio=0.8)
    assert roof.available_kw(500.0) == pytest.approx(2.4)
    assert roof.available_kw(-3.0) == 0.0


def test_a_small_inverter_cuts_the_peak():
    roof = PvSystem(6.0, inverter=InverterParams(p_rated_kw=4.6, s_kva=4.6, response_s=0.0))
    roof.step(0.1, 5.5)
    assert (roof.p_kw, roof.q_kvar) == (4.6, 0.0)


def test_nothing_exceeds_the_modules_whatever_the_caller_says():
    roof = PvSystem(6.0, inverter=InverterParams(p_rated_kw=9.0, s_kva=9.0, response_s=0.0))
    roof.step(0.1, 8.0)
    assert roof.p_kw == 6.0


def test_it_trips_with_its_inverter():
    roof = PvSystem(6.0)
    roof.step(0.1, 5.0)
    roof.inverter.trip()
    roof.step(0.1, 5.0)
    assert roof.p_kw == 0.0


@pytest.mark.parametrize(("p_kwp", "ratio"), [(-1.0, 0.85), (5.0, 0.0), (5.0, 1.1)])
def test_impossible_systems_are_refused(p_kwp, ratio):
    with pytest.raises(ValueError, match="expected"):
        PvSystem(p_kwp, performance_ratio=ratio)
