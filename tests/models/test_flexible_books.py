"""What devices keep account of, what they plan to draw, and what is not served to them."""

import numpy as np
import pytest
from scipy.linalg import expm

from models.loads.ev import ChargePoints
from models.loads.flexible import FlexibleLoads
from models.loads.sessions import ChargeParams, Sessions
from models.loads.thermal import Thermostats
from models.loads.thermal_devices import FREEZER, HEAT_PUMP, WATER_HEATER

EVERYBODY = np.ones(2, dtype=np.bool_)
NOTHING = np.zeros(2)


def stays(*rows):
    table = np.array(rows, dtype=np.float64).reshape(-1, 4)
    return Sessions(table[:, 0].astype(np.int64), *table[:, 1:].T)


def test_a_house_that_is_not_served_cools_as_the_matrix_exponential_says():
    # 20.5 °C, the walls where 0 °C outside keeps them; nothing is served for half an hour.
    house = Thermostats([HEAT_PUMP], [0], dt_s=1.0, inside=0.5, ambient_c=0.0)
    start = house.temperature_c[0].copy()
    of = FlexibleLoads(2, thermostats=house)
    asked_kw = [of.step(float(k), NOTHING, EVERYBODY, NOTHING)[0] for k in range(1800)]
    p = HEAT_PUMP
    inner = 1.0 / p.resistance_k_per_kw
    outer = 1.0 / p.mass_resistance_k_per_kw
    a = np.array([[-inner, inner], [inner, -inner - outer]])
    a /= [[p.capacity_kwh_per_k], [p.mass_kwh_per_k]]
    left = expm(0.5 * a) @ start
    assert house.temperature_c[0] == pytest.approx(left, abs=1e-9)
    assert house.lowest_c[0] == pytest.approx(left[0], abs=1e-9)
    assert 0.0 < house.outside_s[0] < 1800.0
    assert asked_kw[-1] == p.p_kw  # it wants power all the same
    assert house.drawn_kwh[0] == 0.0


def test_a_vehicle_gets_what_is_served_and_its_stay_tells_so():
    # By hand: half of 11.04 kW at 0.9 for a quarter of an hour.
    points = ChargePoints([ChargeParams()], [1], stays((0, 0.0, 900.0, 8.0)), dt_s=1.0)
    of = FlexibleLoads(2, charge_points=points)
    for second in range(900):
        of.step(float(second), NOTHING, EVERYBODY, 0.5 * np.ones(2))
    assert points.charged_kwh == pytest.approx([0.5 * 11.04 * 0.9 / 4])
    assert points.missed_kwh == pytest.approx(8.0 - points.charged_kwh[0])


def test_stays_are_told_apart():
    both = stays((0, 0.0, 600.0, 1.0), (0, 600.0, 900.0, 5.0))
    points = ChargePoints([ChargeParams(phases=1)], [0], both, dt_s=1.0)
    of = FlexibleLoads(2, charge_points=points)
    for second in range(1000):
        if second == 700:
            # By hand: 100 s of 3.68 kW at 0.9.
            assert points.charged_kwh == pytest.approx([0.552, 0.092], abs=1e-9)
        of.step(float(second), NOTHING, EVERYBODY)
    # By hand: 600 s and 300 s of 3.68 kW at 0.9; neither got all.
    assert points.charged_kwh == pytest.approx([0.552, 0.276], abs=1e-9)


def test_plans_keep_the_middle_of_comfort_and_charge_evenly():
    # By hand: the tank loses (55 − 18) K / 600 K/kW; the vehicle wants 1.8 kWh / 0.9 over two
    # hours from half of the first quarter on, the last quarter of which is half outside.
    tank = Thermostats([WATER_HEATER], [0], dt_s=1.0, inside=0.5, ambient_c=18.0)
    points = ChargePoints([ChargeParams()], [1], stays((0, 450.0, 7650.0, 1.8)), dt_s=1.0)
    planned = FlexibleLoads(2, thermostats=tank, charge_points=points).planned_kw(0.0, 10)
    assert planned[:, 0] == pytest.approx(37.0 / 600.0)
    assert planned[:, 1] == pytest.approx([0.5, *[1.0] * 7, 0.5, 0.0])


def test_devices_of_who_is_not_steered_offer_nothing_and_do_as_they_like():
    things = Thermostats([FREEZER, FREEZER], [0, 1], dt_s=1.0, inside=0.5, ambient_c=20.0)
    of = FlexibleLoads(2, thermostats=things, steered=np.array([True, False]))
    assert of.step(0.0, np.ones(2), ~EVERYBODY).tolist() == [0.1, 0.0]
    assert set(of.offer(900.0).of_peer.tolist()) <= {0}


def test_a_vehicle_says_how_far_it_can_leave_an_even_charging():
    # By hand: 1.8 kWh at 0.9 are 2 kWh, evenly 1 kW over two hours. In the quarter that begins
    # in half an hour it could save its 0.25 kWh, for 1.25 h of 11.04 kW follow; or take all of
    # the 1.5 kWh that are then left. In the last quarter it has nothing to save.
    points = ChargePoints([ChargeParams()], [1], stays((0, 0.0, 7200.0, 1.8)), dt_s=1.0)
    of = FlexibleLoads(2, charge_points=points)
    of.step(0.0, np.array([0.0, 0.0]), ~EVERYBODY)
    less_wh, more_wh = of.margins_wh(1800.0, 900.0)
    assert less_wh == pytest.approx([0.0, 250.0], abs=0.1)
    assert more_wh == pytest.approx([0.0, 1250.0], abs=0.3)
    less_wh, more_wh = of.margins_wh(6299.0, 900.0)
    assert less_wh + more_wh == pytest.approx([0.0, 0.0], abs=0.1)


def test_a_tank_says_how_far_it_can_leave_its_mean():
    # By hand: it is off in the middle of its comfort, where it loses 37/600 kW on average; full
    # power for a quarter of an hour warms it by 2.9 K of the 5 K that are left.
    tank = Thermostats([WATER_HEATER], [0], dt_s=1.0, inside=0.5, ambient_c=18.0)
    less_wh, more_wh = FlexibleLoads(1, thermostats=tank).margins_wh(0.0, 900.0)
    assert less_wh[0] == 0.0
    assert more_wh[0] == pytest.approx(500.0 - 0.25 * 1000.0 * 37.0 / 600.0)
