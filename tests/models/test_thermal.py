from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.linalg import expm

from models.loads.thermal import Thermostats, exact_step
from models.loads.thermal_devices import (
    ELECTRIC_HEATER,
    FREEZER,
    HEAT_PUMP,
    WATER_HEATER,
    ThermalParams,
)

KINDS = (HEAT_PUMP, ELECTRIC_HEATER, WATER_HEATER, FREEZER)
AROUND_C = (0.0, 0.0, 18.0, 20.0)


def by_expm(of, t_h):
    """Propagate states and inputs together, by scipy's matrix exponential."""
    inner = 1 / of.resistance_k_per_kw
    system = np.zeros((4, 4))
    if of.mass_kwh_per_k:
        outer = 1 / of.mass_resistance_k_per_kw
        system[0] = np.array([-inner, inner, 0, 1]) / of.capacity_kwh_per_k
        system[1] = np.array([inner, -inner - outer, outer, 0]) / of.mass_kwh_per_k
    else:
        system[0] = np.array([-inner, 0, inner, 1]) / of.capacity_kwh_per_k
    whole = expm(system * t_h)
    return whole[:2, :2], whole[:2, 2:]


@given(
    capacity=st.floats(0.01, 20),
    resistance=st.floats(0.1, 50),
    mass=st.one_of(st.just(0.0), st.floats(0.01, 50)),
    outer=st.floats(0.1, 50),
    dt_s=st.floats(0.1, 3600),
)
def test_the_step_is_the_matrix_exponential(capacity, resistance, mass, outer, dt_s):
    of = replace(
        HEAT_PUMP,
        capacity_kwh_per_k=capacity,
        resistance_k_per_kw=resistance,
        mass_kwh_per_k=mass,
        mass_resistance_k_per_kw=outer,
    )
    phi, gamma = exact_step([of], dt_s)
    expected_phi, expected_gamma = by_expm(of, dt_s / 3600)
    np.testing.assert_allclose(phi[0], expected_phi, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(gamma[0], expected_gamma, rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize("of", KINDS)
def test_a_day_of_steps_ends_where_the_matrix_exponential_ends(of):
    # 8640 of our steps of 10 s against 24 of scipy's, an hour each; weather and heat change hourly.
    rng = np.random.default_rng(5)
    phi, gamma = exact_step([of], 10.0)
    hour, into = by_expm(of, 1.0)
    ours = theirs = np.array([20.0, 15.0])
    for _ in range(24):
        u = np.array([rng.uniform(-10, 25), rng.uniform(-0.1, 3.0)])
        for _ in range(360):
            ours = phi[0] @ ours + gamma[0] @ u
        theirs = hour @ theirs + into @ u
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-6)


def population(inside=0.5, dt_s=1.0, ambient_c=AROUND_C, kinds=KINDS):
    of_peer = np.arange(len(kinds))
    return Thermostats(kinds, of_peer, dt_s=dt_s, inside=inside, ambient_c=np.array(ambient_c))


def test_a_thermostat_left_alone_runs_from_bound_to_bound_with_the_mean_that_losses_ask_for():
    # The mean over many cycles, against (middle - ambient) / R / heat per power, by hand:
    # 20.5 K / 5.403 K/kW / 3 = 1.265 kW and 20.5 / 7 = 2.929 kW for the homes, 37 K / 600 = 61.7 W
    # for the tank, 40 K / 700 / 1.5 = 38.1 W for the freezer.
    of = population(dt_s=30.0)
    seen_kw, seen_c = [], []
    for _ in range(4 * 2880):
        seen_kw.append(of.step(np.zeros(4)))
        seen_c.append(of.temperature_c[:, 0].copy())
    band = np.ptp(seen_c, axis=0) / (np.array([k.high_c - k.low_c for k in KINDS]))
    assert (band > 0.9).all()
    mean_kw = np.mean(seen_kw[1440:], axis=0)
    np.testing.assert_allclose(of.mean_kw(), [1.265, 2.929, 0.0617, 0.0381], rtol=2e-3)
    np.testing.assert_allclose(mean_kw, of.mean_kw(), rtol=0.08)


asked = st.lists(st.floats(-20, 20), min_size=1, max_size=12)


@given(
    asks=asked,
    inside=st.floats(0, 1),
    dt_s=st.sampled_from([0.1, 1.0, 30.0]),
    out_c=st.floats(-8, 15),
)
def test_comfort_is_kept_whatever_is_asked(asks, inside, dt_s, out_c):
    of = population(inside, dt_s, ambient_c=(out_c, out_c, out_c + 10, out_c + 10))
    low_c, high_c = (np.array([getattr(k, f"{s}_c") for k in KINDS]) for s in ("low", "high"))
    for ask in asks:
        for _ in range(20):
            drawn_kw = of.step(np.full(4, ask))
            assert (of.temperature_c[:, 0] >= low_c - 1e-9).all()
            assert (of.temperature_c[:, 0] <= high_c + 1e-9).all()
            assert np.isin(drawn_kw, [0.0, *of.p_kw]).all()


@given(inside=st.floats(0.02, 0.98), on=st.booleans(), out_c=st.floats(-8, 15))
def test_who_offers_can_hold_out_for_as_long_as_it_says(inside, on, out_c):
    kinds = tuple(replace(k, dwell_s=0.0) for k in KINDS)
    around_c = (out_c, out_c, out_c + 10, out_c + 10)
    of = population(inside, dt_s=30.0, ambient_c=around_c, kinds=kinds)
    of.on[:] = on
    change_kw, for_s = of.offer(600.0)
    for second in range(20):
        drawn_kw = of.step(change_kw * (second == 0))
        held = for_s > 30 * second
        expected_kw = of.p_kw * on + change_kw
        np.testing.assert_allclose(drawn_kw[held], expected_kw[held])


def test_who_has_just_switched_rests_before_it_obeys_again():
    of = population(kinds=(FREEZER,), ambient_c=(20.0,))
    assert of.step(np.array([1.0])) == [0.1]
    assert of.offer(600.0)[0] == [0.0]
    drawn_kw = [float(of.step(np.array([-1.0]))[0]) for _ in range(200)]
    assert drawn_kw.index(0.0) == 180


def test_what_is_given_is_taken_off_what_is_asked():
    of = Thermostats(
        [ELECTRIC_HEATER, WATER_HEATER, WATER_HEATER],
        [0, 0, 0],
        dt_s=1.0,
        inside=0.5,
        ambient_c=10.0,
    )
    # By hand: 6 kW of 9, then 2 kW, and the last device takes 1 kW as enough for its 2.
    ask_kw = np.array([9.0])
    assert of.step(ask_kw).tolist() == [6.0, 2.0, 2.0]
    assert ask_kw.tolist() == [-1.0]


def test_a_comfort_band_narrower_than_a_step_is_refused():
    with pytest.raises(ValueError, match="more than half its comfort band"):
        population(dt_s=60.0, kinds=(replace(HEAT_PUMP, high_c=19.51),), ambient_c=(0.0,))


def test_all_impossible_parameters_are_named_at_once():
    with pytest.raises(ValueError, match=r"capacity_kwh_per_k is -1.*heat_per_power is 0.*no room"):
        ThermalParams(
            p_kw=1,
            heat_per_power=0,
            low_c=21,
            high_c=20,
            capacity_kwh_per_k=-1,
            resistance_k_per_kw=1,
        )
