"""Frequency as an input: nominal, and the Ornstein-Uhlenbeck process."""

import numpy as np
import pytest

from models.frequency.process import NominalFrequency, OrnsteinUhlenbeckFrequency


def test_a_nominal_grid_never_moves():
    tick = NominalFrequency().step()
    assert (tick.f_hz, tick.f_min_hz, tick.f_max_hz, tick.rocof_hz_per_s) == (50, 50, 50, 0)


def test_the_process_has_its_stationary_deviation_and_correlation_on_any_tick():
    # Closed form: standard deviation sigma, autocorrelation exp(-lag / tau).
    for dt_s in (0.004, 0.1):
        steps = round(4000 / dt_s) if dt_s == 0.1 else 100_000
        process = OrnsteinUhlenbeckFrequency(
            np.random.default_rng(7), dt_s, sigma_hz=0.02, tau_s=0.5
        )
        f_hz = np.array([process.step().f_hz for _ in range(steps)]) - 50
        apart = round(0.5 / dt_s)
        correlation = np.corrcoef(f_hz[:-apart], f_hz[apart:])[0, 1]
        mean_of_tick = 0.02 * np.sqrt(2 * 0.5 / dt_s * (1 - 0.5 / dt_s * (1 - np.exp(-dt_s / 0.5))))
        assert f_hz.std() == pytest.approx(mean_of_tick, rel=0.05)
        assert correlation == pytest.approx(np.exp(-1), abs=0.05)


def test_the_same_seed_gives_the_same_frequency_and_another_does_not():
    first, again, other = (
        [OrnsteinUhlenbeckFrequency(np.random.default_rng(seed), 0.1).step().f_hz]
        for seed in (1, 1, 2)
    )
    assert first == again
    assert first != other


def test_extrema_enclose_the_mean_and_rocof_joins_the_ticks():
    process = OrnsteinUhlenbeckFrequency(np.random.default_rng(3), 0.1, sigma_hz=0.1, tau_s=1.0)
    for _ in range(200):
        tick = process.step()
        assert tick.f_min_hz <= tick.f_hz <= tick.f_max_hz
        assert abs(tick.rocof_hz_per_s) * 0.1 <= tick.f_max_hz - tick.f_min_hz + 1e-12


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sigma_hz": -1.0}, r"sigma_hz is -1.0 Hz; expected 0 to 5 Hz"),
        ({"tau_s": 0.0}, r"tau_s is 0.0 s"),
        ({"nominal_hz": float("nan")}, r"nominal_hz is nan Hz"),
        ({"dt_s": 0.0}, r"dt_s is 0.0 s"),
    ],
)
def test_a_bad_process_is_refused_by_name_value_and_unit(options, message):
    with pytest.raises(ValueError, match=message):
        OrnsteinUhlenbeckFrequency(np.random.default_rng(1), **({"dt_s": 0.1} | options))
