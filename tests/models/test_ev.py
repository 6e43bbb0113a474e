import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.loads.ev import ChargePoints
from models.loads.sessions import ChargeParams, HabitParams, Sessions, draw_sessions

ONE, THREE = ChargeParams(phases=1), ChargeParams(phases=3)
FREE, BOUND = np.array([True]), np.array([False])


def session(energy_kwh, *, stay_s=3600.0, of=THREE, dt_s=60.0):
    one = [np.array([value], dtype=np.float64) for value in (0.0, stay_s, energy_kwh)]
    return ChargePoints([of], [0], Sessions(np.array([0]), *one), dt_s=dt_s)


def test_sixteen_amperes_are_the_textbook_powers():
    # By hand: 230 V · 16 A is 3.68 kW, three times that 11.04 kW; 6 A in one phase 1.38 kW.
    assert ONE.kw(16) == pytest.approx(3.68)
    assert THREE.kw(16) == pytest.approx(11.04)
    assert ONE.kw(ONE.min_a) == pytest.approx(1.38)


def test_a_vehicle_left_alone_charges_at_once_until_it_is_full():
    # By hand: 4.968 kWh at 0.9 are 5.52 kWh of the grid, half an hour at 11.04 kW.
    of = session(4.968)
    drawn_kw = [float(of.step(60.0 * k, np.zeros(1), FREE)[0]) for k in range(60)]
    np.testing.assert_allclose(drawn_kw, [11.04] * 30 + [0.0] * 30, atol=1e-9)


def test_a_vehicle_that_is_asked_to_wait_begins_at_the_last_moment():
    of = session(4.968)
    drawn_kw = [float(of.step(60.0 * k, np.array([-99.0]), BOUND)[0]) for k in range(60)]
    np.testing.assert_allclose(drawn_kw, [0.0] * 30 + [11.04] * 30, atol=1e-9)


def test_a_rate_below_the_smallest_current_is_rounded_to_it_or_to_a_pause():
    of = session(4.0)
    ask_kw = np.array([3.0])
    assert of.step(0.0, ask_kw, BOUND)[0] == pytest.approx(4.14)
    assert ask_kw[0] == pytest.approx(-1.14)
    assert of.step(60.0, np.array([-3.0]), BOUND)[0] == 0.0


@given(
    asks=st.lists(st.floats(-15, 15), min_size=1, max_size=30),
    energy_kwh=st.floats(0, 40),
    stay_s=st.floats(1, 7200),
    dt_s=st.sampled_from([0.1, 1.0, 60.0, 900.0]),
    of=st.sampled_from([ONE, THREE]),
)
def test_whoever_could_be_full_leaves_full_whatever_is_asked(asks, energy_kwh, stay_s, dt_s, of):
    dt_s = max(dt_s, stay_s / 500)
    points = session(energy_kwh, stay_s=stay_s, of=of, dt_s=dt_s)
    most_kwh = of.kw(16) * of.efficiency * stay_s / 3600
    grid_kwh = 0.0
    for k in range(int(stay_s / dt_s) + 2):
        ask_kw = np.array([asks[k % len(asks)]])
        grid_kwh += float(points.step(k * dt_s, ask_kw, BOUND)[0]) * dt_s / 3600
    assert points.missed_kwh == pytest.approx(max(energy_kwh - most_kwh, 0.0), abs=1e-9)
    assert grid_kwh * of.efficiency == pytest.approx(min(energy_kwh, most_kwh), abs=1e-9)


@given(energy_kwh=st.floats(0.1, 9), rate=st.floats(-5, 12))
def test_a_pause_that_is_offered_can_be_held(energy_kwh, rate):
    of = session(energy_kwh)
    of.step(0.0, np.array([rate]), BOUND)
    _, _, less_kw, less_s = of.offer(3600.0)
    for k in range(int(less_s[0] // 60)):
        assert of.step(60.0 * (k + 1), -less_kw * (k == 0), BOUND)[0] == 0.0


def rngs(n):
    return [np.random.default_rng([9, k]) for k in range(n)]


def test_sessions_are_the_same_for_the_same_seed_and_follow_the_habits():
    drawn = [
        draw_sessions(rngs(500), HabitParams(), [THREE] * 500, midnight_s=0.0, days=4)
        for _ in range(2)
    ]
    np.testing.assert_array_equal(drawn[0].energy_kwh, drawn[1].energy_kwh)
    arrival_h = drawn[0].arrival_s / 3600 % 24
    # 1600 of 2000 days, the mean within five standard errors: 5 · 1.5 / 40 = 0.19 h.
    assert drawn[0].point.size == pytest.approx(1600, abs=90)
    assert arrival_h.mean() == pytest.approx(17.5, abs=0.19)
    assert np.median(drawn[0].energy_kwh) == pytest.approx(8.0, rel=0.08)


def test_who_was_there_before_the_run_began_is_not_forgotten():
    times = (np.array([-600.0]), np.array([600.0]), np.array([1.0]))
    of = ChargePoints([ONE], [0], Sessions(np.array([0]), *times), dt_s=1.0)
    assert of.step(0.0, np.zeros(1), FREE)[0] == pytest.approx(3.68)


def test_overlapping_sessions_of_a_point_are_refused():
    two = np.array([0, 0])
    with pytest.raises(ValueError, match="two sessions of a charge point overlap"):
        Sessions(two, np.array([0.0, 5.0]), np.array([9.0, 12.0]), np.ones(2))


def test_impossible_charge_points_are_refused():
    with pytest.raises(ValueError, match=r"from 20 to 16 A are no range; efficiency is 1.2"):
        ChargeParams(min_a=20, efficiency=1.2)
