from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.draws import keys, normal, uniform
from models.pv.weather import cloud_shadow, haurwitz_w_per_m2, solar_elevation_deg
from models.refine import _DEEPEST_CLOUD as DEEPEST_CLOUD
from models.refine import QUARTER_S, RefinedProfiles

MORNING = datetime(2016, 6, 14, 6, 0, tzinfo=UTC)
RATED_KW = np.array([0.0, 5.0, 8.0])


def profiles(quarters=12):
    rng = np.random.default_rng(3)
    load_kw = rng.gamma(1.5, 0.3, (quarters, 3)) * np.array([1.0, 1.0, 20.0])
    pv_kw = RATED_KW * rng.uniform(0.1, 0.9, (quarters, 1))
    return load_kw, pv_kw


def refined(load_kw, pv_kw, *, start=MORNING, seed=7, load_kvar=None):
    return RefinedProfiles(
        start=start,
        load_kw=load_kw,
        load_kvar=0.3 * load_kw if load_kvar is None else load_kvar,
        pv_kw=pv_kw,
        pv_rated_kw=RATED_KW,
        latitude_deg=51.0,
        longitude_deg=10.0,
        load_rngs=[np.random.default_rng([seed, 1, peer]) for peer in range(3)],
        pv_rngs=[np.random.default_rng([seed, 2, peer]) for peer in range(3)],
        sky_rng=np.random.default_rng([seed, 3]),
    )


def test_every_quarter_keeps_its_energy():
    load_kw, pv_kw = profiles()
    by_second = refined(load_kw, pv_kw)
    for k in range(len(load_kw)):
        quarter = by_second.quarter(k)
        np.testing.assert_allclose(quarter.load_kw.mean(axis=1), load_kw[k], rtol=1e-12)
        np.testing.assert_allclose(quarter.load_kvar.mean(axis=1), 0.3 * load_kw[k], rtol=1e-12)
        np.testing.assert_allclose(quarter.pv_kw.mean(axis=1), pv_kw[k], rtol=1e-12)


def test_loads_switch_and_pv_moves_with_the_clouds():
    load_kw, pv_kw = profiles()
    quarter = refined(load_kw, np.full_like(pv_kw, 0.3) * RATED_KW).quarter(5)
    assert (np.abs(np.diff(quarter.load_kw)) > 0.05).any(axis=1).all()
    assert (quarter.pv_kw[1:].std(axis=1) > 0.05 * RATED_KW[1:]).all()
    assert np.corrcoef(quarter.pv_kw[1], quarter.pv_kw[2])[0, 1] > 0.5
    assert not np.array_equal(quarter.pv_kw[1] / 5.0, quarter.pv_kw[2] / 8.0)


def test_a_village_does_not_sag_where_quarters_meet():
    # 400 peers of one load: every part of the quarter has the same mean, within chance.
    peers = 400
    rngs = [np.random.default_rng([7, peer]) for peer in range(peers)]
    flat = np.full((1, peers), 0.4)
    by_second = RefinedProfiles(
        start=datetime(2016, 6, 14, 10, tzinfo=UTC),
        load_kw=flat,
        load_kvar=0.0 * flat,
        pv_kw=0.0 * flat,
        pv_rated_kw=np.zeros(peers),
        latitude_deg=51.0,
        longitude_deg=10.0,
        load_rngs=rngs,
        pv_rngs=rngs,
        sky_rng=np.random.default_rng(1),
    )
    by_minute_kw = by_second.quarter(0).load_kw.sum(axis=0).reshape(15, 60).mean(axis=1)
    assert np.abs(by_minute_kw / (0.4 * peers) - 1.0).max() < 0.25


def test_power_does_not_jump_where_quarters_meet():
    load_kw, pv_kw = profiles()
    by_second = refined(load_kw, pv_kw)
    hour_kw = np.hstack([by_second.quarter(k).pv_kw[1] for k in range(4, 8)])
    steps_kw = np.abs(np.diff(hour_kw))
    at_borders_kw = steps_kw[QUARTER_S - 1 :: QUARTER_S]
    assert at_borders_kw.max() < 0.05 * RATED_KW[1]


def test_a_run_that_starts_later_sees_the_same_seconds():
    load_kw, pv_kw = profiles()
    whole = refined(load_kw, pv_kw)
    later = refined(load_kw[3:], pv_kw[3:], start=MORNING + timedelta(minutes=45))
    for k in range(5, len(load_kw)):
        np.testing.assert_array_equal(whole.quarter(k).load_kw, later.quarter(k - 3).load_kw)
        np.testing.assert_array_equal(whole.quarter(k).pv_kw, later.quarter(k - 3).pv_kw)


def test_the_order_of_asking_does_not_matter():
    load_kw, pv_kw = profiles()
    forth, back = refined(load_kw, pv_kw), refined(load_kw, pv_kw)
    going = [forth.quarter(k).pv_kw for k in range(12)]
    coming = [back.quarter(k).pv_kw for k in reversed(range(12))][::-1]
    np.testing.assert_array_equal(going, coming)


def test_seconds_are_the_columns_of_their_quarters():
    load_kw, pv_kw = profiles()
    by_second = refined(load_kw, pv_kw)
    quarter, second = by_second.quarter(2), by_second.second(2 * QUARTER_S + 17)
    np.testing.assert_array_equal(second.load_kw, quarter.load_kw[:, 17])
    np.testing.assert_array_equal(second.load_kvar, quarter.load_kvar[:, 17])
    np.testing.assert_array_equal(second.pv_kw, quarter.pv_kw[:, 17])


def test_another_seed_is_another_day_of_the_same_energy():
    load_kw, pv_kw = profiles()
    one, other = refined(load_kw, pv_kw).quarter(4), refined(load_kw, pv_kw, seed=8).quarter(4)
    assert not np.array_equal(one.load_kw, other.load_kw)
    assert not np.array_equal(one.pv_kw, other.pv_kw)


def test_at_night_there_is_no_power():
    load_kw, pv_kw = profiles()
    pv_kw[4] = 0.0
    assert not refined(load_kw, pv_kw).quarter(4).pv_kw.any()


def test_reactive_power_without_active_power_is_constant():
    load_kw, pv_kw = profiles()
    load_kw[1, 0] = 0.0
    kvar = np.full_like(load_kw, 0.2)
    quarter = refined(load_kw, pv_kw, load_kvar=kvar).quarter(1)
    assert (quarter.load_kvar[0] == 0.2).all()
    assert not quarter.load_kw[0].any()


@given(
    load=st.lists(st.floats(0.0, 80.0), min_size=3, max_size=3),
    share=st.lists(st.floats(0.0, 1.0), min_size=5, max_size=5),
    hour=st.integers(0, 23),
    seed=st.integers(0, 1000),
)
def test_whatever_the_profile_says_power_stays_plausible(load, share, hour, seed):
    load_kw = np.tile(load, (5, 1))
    pv_kw = np.outer(share, RATED_KW)
    start = datetime(2016, 1, 9, hour, tzinfo=UTC)
    quarter = refined(load_kw, pv_kw, start=start, seed=seed).quarter(2)
    assert (quarter.load_kw >= 0.0).all()
    bound_kw = load_kw[2] + 6.0 * np.sqrt(np.maximum(1.0, load_kw[2] / 2.0))
    assert (quarter.load_kw.max(axis=1) <= bound_kw + 1e-9).all()
    assert (quarter.pv_kw >= 0.0).all()
    assert (quarter.pv_kw <= RATED_KW[:, None]).all()
    np.testing.assert_allclose(quarter.load_kw.mean(axis=1), load_kw[2], rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(quarter.pv_kw.mean(axis=1), pv_kw[2], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"start": datetime(2016, 6, 14, 6)}, "not a quarter hour with a time zone"),
        ({"start": MORNING + timedelta(minutes=1)}, "not a quarter hour"),
        ({"load_kw": np.array([[1.0, -0.1, 1.0]])}, r"load_kw\[0, 1\] is below 0"),
        ({"load_kw": np.array([[1.0, np.nan, 1.0]])}, r"load_kw\[0, 1\] is not a finite number"),
        ({"pv_kw": np.array([[0.1, 0.0, 0.0]])}, r"pv_kw\[0, 0\] is above the rating"),
        ({"pv_kw": np.zeros((2, 3))}, r"pv_kw has shape \(2, 3\)"),
    ],
)
def test_profiles_that_cannot_be_are_refused(change, message):
    plain = {"load_kw": np.ones((1, 3)), "pv_kw": np.zeros((1, 3))}
    with pytest.raises(ValueError, match=message):
        refined(**{**plain, **change})


def test_outside_the_profiles_nothing_is_made_up():
    by_second = refined(*profiles(2))
    with pytest.raises(IndexError, match="quarter hour 2 is outside"):
        by_second.second(1800)
    with pytest.raises(IndexError, match="quarter hour -1 is outside"):
        by_second.second(-1)


@pytest.mark.parametrize(
    ("instant", "expected_deg"),
    [
        # By hand: true noon at 10° E is 12:00 − 40 min − equation of time (−1.8 and +2.0 min at
        # the solstices); there the elevation is 90° − latitude ± obliquity (23.435°).
        (datetime(2016, 6, 21, 11, 21, 48, tzinfo=UTC), 90 - 51 + 23.435),
        (datetime(2016, 12, 21, 11, 18, 0, tzinfo=UTC), 90 - 51 - 23.435),
    ],
)
def test_the_sun_stands_where_geometry_puts_it(instant, expected_deg):
    elevation_deg = solar_elevation_deg(np.array([instant.timestamp()]), 51.0, 10.0)
    assert elevation_deg[0] == pytest.approx(expected_deg, abs=0.02)


def test_day_and_night_are_equal_at_the_equator_in_march():
    # At the equinox the sun is up for half the day; without refraction and its disc.
    midnight_s = datetime(2016, 3, 20, tzinfo=UTC).timestamp()
    elevation_deg = solar_elevation_deg(midnight_s + np.arange(0.0, 86_400.0, 10.0), 0.0, 0.0)
    assert (elevation_deg > 0.0).mean() == pytest.approx(0.5, abs=0.001)
    assert elevation_deg.max() == pytest.approx(90.0, abs=0.3)


def test_haurwitz_sky_gives_its_formula_and_nothing_at_night():
    # By hand: 1098·exp(−0.059) at the zenith; 549·exp(−0.118) at 30°.
    given_w = haurwitz_w_per_m2(np.array([90.0, 30.0, 0.0, -10.0]))
    np.testing.assert_allclose(given_w, [1035.092, 487.888, 0.0, 0.0], atol=1e-2)


def test_clouds_pass_without_jumps_and_leave_both_gaps_and_shade():
    shadow = cloud_shadow(np.arange(86_400), keys([np.random.default_rng(1)]))
    assert shadow.min() < 0.05
    assert shadow.max() > 0.95
    assert np.abs(np.diff(shadow)).max() < 0.2


def test_keyed_draws_are_uniform_and_normal():
    key = keys(np.random.default_rng([2, peer]) for peer in range(500))
    numbers = np.concatenate([uniform(key, counter) for counter in range(40)])
    assert 0.0 <= numbers.min() <= numbers.max() < 1.0
    # Standard errors of 20 000 draws: mean 0.0020, variance 0.0005; four of them.
    assert numbers.mean() == pytest.approx(0.5, abs=0.008)
    assert numbers.var() == pytest.approx(1.0 / 12.0, abs=0.002)
    bells = np.concatenate([normal(key, counter) for counter in range(40)])
    assert bells.mean() == pytest.approx(0.0, abs=0.03)
    assert bells.std() == pytest.approx(1.0, abs=0.02)


@pytest.mark.parametrize(("edges", "least"), [("smooth", 0.03), ("steep", 0.25)])
def test_clouds_never_change_faster_than_was_measured(edges, least):
    # M. Lave, J. Kleissl and E. Arias-Castro, "High-frequency irradiance fluctuations and
    # geographic smoothing," Solar Energy, vol. 86, 2012: at one site the largest ramps of a year
    # were 60 % per second, and over a plant of 10 MW none reached 5 %. Smooth edges stay far below;
    # steep ones come near within days, as rarely as they should.
    seconds = np.arange(1_466_000_000, 1_466_000_000 + 5 * 86_400, dtype=np.int64)
    largest, delay_s = 0.0, np.arange(0, 45, 3)
    for seed in range(2):
        shadow = cloud_shadow(seconds, np.array([seed], dtype=np.uint64), edges=edges)
        ramps = np.abs(np.diff(shadow)) * DEEPEST_CLOUD
        village = np.mean([np.roll(shadow, late_s)[45:] for late_s in delay_s], axis=0)
        assert np.abs(np.diff(village)).max() * DEEPEST_CLOUD < 0.05
        assert (ramps > 0.10).mean() < 0.001
        largest = max(largest, ramps.max())
    assert least < largest < 0.60
