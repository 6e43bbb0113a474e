import numpy as np
import pytest

from models.forecast import Forecaster


def forecaster(n=2, **options):
    # Quarters from −15 min to +45 min; load 1, 2, 3, 4 kW, PV twice that.
    load_kw = np.repeat(np.array([[1.0], [2.0], [3.0], [4.0]]), n, axis=1)
    plain = {"load_error": 0.0, "pv_error": 0.0, "persistence_weight": 0.5, "memory_s": 60.0}
    return Forecaster(
        load_kw=load_kw,
        pv_kw=2.0 * load_kw,
        first_quarter_s=-900.0,
        load_rngs=[np.random.default_rng([1, peer]) for peer in range(n)],
        pv_rngs=[np.random.default_rng([2, peer]) for peer in range(n)],
        **{**plain, **options},
    )


def test_before_the_run_only_the_profile_counts():
    # By hand: 2 kW and 4 kW over a quarter of an hour.
    load_kwh, pv_kwh = forecaster().expect(0, 0.0, 900.0)
    assert load_kwh == pytest.approx([0.5, 0.5])
    assert pv_kwh == pytest.approx([1.0, 1.0])


def test_a_period_across_quarters_takes_its_share_of_each():
    # By hand: 5 min at 2 kW and 5 min at 3 kW.
    load_kwh, _ = forecaster().expect(0, 600.0, 1200.0)
    assert load_kwh == pytest.approx([5 / 12, 5 / 12])


def test_recent_minutes_weigh_half():
    # By hand: measured 6 kW of load, profile 2 kW: 4 kW for a quarter of an hour.
    seen = forecaster()
    seen.observe(np.full(2, 6.0), np.zeros(2), 1.0)
    load_kwh, pv_kwh = seen.expect(0, 0.0, 900.0)
    assert load_kwh == pytest.approx([1.0, 1.0])
    assert pv_kwh == pytest.approx([0.5, 0.5])


def test_the_mean_of_recent_minutes_forgets_exponentially():
    # Closed form: two values of 30 s each with a memory of 60 s.
    seen = forecaster()
    seen.observe(np.full(2, 6.0), np.zeros(2), 30.0)
    seen.observe(np.full(2, 1.0), np.zeros(2), 30.0)
    fade = np.exp(-0.5)
    expected_kw = (6.0 * fade * (1 - fade) + 1.0 * (1 - fade)) / (1 - fade**2)
    assert seen.recent_kw[0] == pytest.approx(np.full(2, expected_kw))


def test_errors_are_seeded_per_peer_and_period():
    seen = forecaster(load_error=0.1, pv_error=0.2)
    first, again, other = (seen.expect(period, 0.0, 900.0) for period in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert (first[0] != other[0]).all()
    assert first[0][0] != first[0][1]


def test_errors_have_the_mean_and_spread_they_claim():
    # Standard errors of 4000 draws: 0.0032 of the mean, 0.0022 of the spread; four of them.
    load_kwh, _ = forecaster(n=4000, load_error=0.2).expect(3, 0.0, 900.0)
    assert (load_kwh / 0.5).mean() == pytest.approx(1.0, abs=0.013)
    assert (load_kwh / 0.5).std() == pytest.approx(0.2, abs=0.009)


def test_beyond_the_profiles_there_is_no_forecast():
    with pytest.raises(ValueError, match="profiles reach from -900 to 2700 s"):
        forecaster().expect(3, 2700.0, 3600.0)


def test_options_that_cannot_be_are_refused():
    with pytest.raises(ValueError, match=r"persistence_weight is 1\.5"):
        forecaster(persistence_weight=1.5)
