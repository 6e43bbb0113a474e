"""Frequency of a grid that a village cannot move: nominal, or a random walk around it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from .checks import check


@dataclass(slots=True)
class FrequencyTick:
    """Frequency over one tick.

    Attributes
    ----------
    f_hz, f_min_hz, f_max_hz : float
        Mean and extrema. [Hz]
    rocof_hz_per_s : float
        Change over the tick by its length. [Hz/s]
    """

    f_hz: float
    f_min_hz: float
    f_max_hz: float
    rocof_hz_per_s: float


class NominalFrequency:
    """A grid that never moves."""

    def __init__(self, nominal_hz: float = 50.0) -> None:
        check("nominal frequency", "nominal_hz", nominal_hz, "Hz", "40 to 70 Hz", 40, 70)
        self._tick = FrequencyTick(nominal_hz, nominal_hz, nominal_hz, 0.0)

    def step(self) -> FrequencyTick:
        """Return the next tick, always the same object."""
        return self._tick


class OrnsteinUhlenbeckFrequency:
    """Deviations from nominal as a stationary Ornstein-Uhlenbeck process.

    Sampled every 10 ms or less with its exact discretisation, so its statistics
    do not depend on the tick [1]_. Real frequency has heavier tails and jumps at
    the trading intervals [2]_; this is a plain, seeded stand-in.

    Parameters
    ----------
    rng : numpy.random.Generator
        Its only source of chance.
    dt_s : float
        Length of a tick. [s]
    sigma_hz : float
        Stationary standard deviation; 20 mHz is of the order seen in continental
        Europe, unverified. [Hz]
    tau_s : float
        Correlation time; unverified. [s]
    nominal_hz : float
        [Hz]

    References
    ----------
    .. [1] D. T. Gillespie, "Exact numerical simulation of the Ornstein-Uhlenbeck
       process and its integral," Phys. Rev. E, vol. 54, no. 2, 1996.
    .. [2] B. Schäfer et al., "Non-Gaussian power grid frequency fluctuations
       characterized by Lévy-stable laws and superstatistics," Nature Energy,
       vol. 3, 2018.
    """

    def __init__(
        self,
        rng: np.random.Generator,
        dt_s: float,
        *,
        sigma_hz: float = 0.02,
        tau_s: float = 300.0,
        nominal_hz: float = 50.0,
    ) -> None:
        owner = "Ornstein-Uhlenbeck frequency"
        check(owner, "dt_s", dt_s, "s", "1 ms to 3600 s", 1e-3, 3600)
        check(owner, "sigma_hz", sigma_hz, "Hz", "0 to 5 Hz", 0, 5)
        check(owner, "tau_s", tau_s, "s", "0.01 to 1e6 s", 0.01, 1e6)
        check(owner, "nominal_hz", nominal_hz, "Hz", "40 to 70 Hz", 40, 70)
        self._rng, self._dt_s, self._nominal_hz = rng, dt_s, nominal_hz
        self._samples = math.ceil(dt_s / 0.01 - 1e-9)
        h_s = dt_s / self._samples
        self._decay = math.exp(-h_s / tau_s)
        self._kick_hz = sigma_hz * math.sqrt(-math.expm1(-2 * h_s / tau_s))
        self._deviation_hz = sigma_hz * float(rng.standard_normal())
        self._tick = FrequencyTick(nominal_hz, nominal_hz, nominal_hz, 0.0)

    def step(self) -> FrequencyTick:
        """Return the next tick, always the same object.

        The mean is the trapezoidal rule over the samples.
        """
        start = low = high = value = self._deviation_hz
        total = 0.0
        for chance in self._rng.standard_normal(self._samples).tolist():
            before = value
            value = self._decay * value + self._kick_hz * chance
            total += before + value
            low, high = min(low, value), max(high, value)
        self._deviation_hz = value
        tick = self._tick
        tick.f_hz = self._nominal_hz + total / (2 * self._samples)
        tick.f_min_hz, tick.f_max_hz = self._nominal_hz + low, self._nominal_hz + high
        tick.rocof_hz_per_s = (value - start) / self._dt_s
        return tick
