import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.loads.ev import ChargePoints
from models.loads.flexible import FlexibleLoads
from models.loads.sessions import ChargeParams, Sessions
from models.loads.thermal import Thermostats
from models.loads.thermal_devices import ELECTRIC_HEATER, WATER_HEATER

NOBODY = np.zeros(3, dtype=np.bool_)


def homes():
    """Peer 0 has a heater and a tank, peer 1 a vehicle, peer 2 nothing."""
    warm = Thermostats([ELECTRIC_HEATER, WATER_HEATER], [0, 0], dt_s=1, inside=0.5, ambient_c=10)
    one = [np.array([value]) for value in (0.0, 7200.0, 4.968)]
    points = ChargePoints([ChargeParams()], [1], Sessions(np.array([0]), *one), dt_s=1)
    return FlexibleLoads(3, thermostats=warm, charge_points=points)


def test_devices_left_alone_do_what_they_would_alone():
    # By hand: in the middle of their bands thermostats stay off; the vehicle charges at once.
    assert homes().step(0.0, np.array([9.0, -9.0, 9.0]), ~NOBODY).tolist() == [0.0, 11.04, 0.0]


def test_every_peer_moves_by_what_it_is_asked_as_far_as_its_devices_reach():
    of = homes()
    assert of.step(0.0, np.array([8.0, 5.0, 8.0]), NOBODY).tolist() == [8.0, 5.0, 0.0]
    assert of.step(1.0, np.array([-2.0, 1.0, 0.0]), NOBODY) == pytest.approx([6.0, 6.0, 0.0])


def test_an_offer_says_up_and_down_and_for_how_long():
    # By hand, for a quarter of an hour: the vehicle draws 5 kW of its 11.04 and needs 4.968 kWh,
    # half an hour of full power; so it can add 6.04 kW or pause, both throughout.
    of = homes()
    of.step(0.0, np.array([6.0, 5.0, 0.0]), NOBODY)
    known = of.offer(900.0)
    assert known.of_peer.tolist() == [0, 0, 1]
    assert known.up_kw.tolist() == [6.0, 0.0, 5.0]
    assert known.down_kw == pytest.approx([0.0, 2.0, 6.04])
    assert known.up_s[2] == known.down_s[2] == 900.0
    up_wh, down_wh = known.energy_wh(3)
    assert up_wh[1:] == pytest.approx([1250.0, 0.0])
    assert down_wh[1:] == pytest.approx([1510.0, 0.0])


def test_who_has_no_devices_offers_nothing():
    of = FlexibleLoads(2)
    assert of.offer(900.0).energy_wh(2)[0].tolist() == [0.0, 0.0]
    assert of.step(0.0, np.ones(2), np.zeros(2, dtype=np.bool_)).tolist() == [0.0, 0.0]


@given(asks=st.lists(st.floats(allow_nan=True, allow_infinity=True), min_size=1, max_size=5))
def test_nothing_that_is_asked_makes_consumption_anything_but_a_number_within_the_ratings(asks):
    of = homes()
    for second, ask in enumerate(asks):
        drawn_kw = of.step(float(second), np.full(3, ask), NOBODY)
        assert (drawn_kw >= 0).all()
        assert (drawn_kw <= np.array([8.0, 11.04, 0.0]) + 1e-9).all()
