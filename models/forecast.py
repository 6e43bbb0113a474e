"""What a peer expects of a delivery period: its recent minutes, its profile, and some error."""

from collections.abc import Sequence

import numpy as np

from .draws import Floats, keys, normal

QUARTER_S = 900.0


class Forecaster:
    """Forecasts load and PV energy of n peers.

    Parameters
    ----------
    load_kw, pv_kw : (quarters, n) float64 array
        Mean consumption and mean available PV of every quarter hour. [kW]
    planned_kw : (quarters, n) float64 array, optional
        What devices will draw on top of that, whatever they drew in the recent minutes. [kW]
    first_quarter_s : float
        Begin of the first quarter, in seconds after the start of physics; 0 or less. [s]
    load_rngs, pv_rngs : sequence of n generators
        One per peer; each gives one key when the object is made.
    load_error, pv_error : float
        Relative standard deviation of the error, drawn per peer and period. [1]
    persistence_weight : float
        Weight of the recent minutes against the profile, once there are any. [1]
    memory_s : float
        Time constant of the mean over recent minutes. [s]
    """

    def __init__(
        self,
        *,
        load_kw: Floats,
        pv_kw: Floats,
        planned_kw: Floats | None = None,
        first_quarter_s: float,
        load_rngs: Sequence[np.random.Generator],
        pv_rngs: Sequence[np.random.Generator],
        load_error: float = 0.10,
        pv_error: float = 0.10,
        persistence_weight: float = 0.5,
        memory_s: float = 300.0,
    ) -> None:
        if np.shape(load_kw) != np.shape(pv_kw):
            raise ValueError(f"load_kw is {np.shape(load_kw)} and pv_kw {np.shape(pv_kw)}")
        if not 0.0 <= persistence_weight <= 1.0:
            raise ValueError(f"persistence_weight is {persistence_weight}; expected 0 to 1")
        self._profiles = np.stack([load_kw, pv_kw]).astype(np.float64)
        self._planned_kw = None if planned_kw is None else planned_kw[None]
        self._first_s = first_quarter_s
        self._keys = (keys(load_rngs), keys(pv_rngs))
        self._errors = (load_error, pv_error)
        self._weight, self._memory_s = persistence_weight, memory_s
        self._recent = np.zeros((2, self.n))
        self._known = 0.0

    @property
    def n(self) -> int:
        """Number of peers."""
        return int(self._profiles.shape[2])

    @property
    def until_s(self) -> float:
        """How far the profiles reach, in seconds after the start of physics. [s]"""
        return float(self._first_s + QUARTER_S * self._profiles.shape[1])

    @property
    def recent_kw(self) -> tuple[Floats, Floats]:
        """Mean load and PV power of the recent minutes; zero before anything was seen. [kW]"""
        load_kw, pv_kw = self._recent / max(self._known, 1e-12)
        return load_kw, pv_kw

    def observe(self, load_kw: Floats, pv_kw: Floats, elapsed_s: float) -> None:
        """Take powers that held for some seconds into the mean of the recent minutes."""
        share = 1.0 - np.exp(-elapsed_s / self._memory_s)
        self._recent *= 1.0 - share
        self._recent[0] += share * load_kw
        self._recent[1] += share * pv_kw
        self._known += share * (1.0 - self._known)

    def expect(self, period: int, start_s: float, end_s: float) -> tuple[Floats, Floats]:
        """Forecast the energy of a period.

        Parameters
        ----------
        period : int
            Its number, which names its error: the same however often it is asked for.
        start_s, end_s : float
            Its bounds, in seconds after the start of physics. [s]

        Returns
        -------
        load_kwh, pv_kwh : (n,) float64 array
            Consumption and available PV. [kWh]
        """
        mean_kw = self._profile_kw(self._profiles, start_s, end_s)
        weight = self._weight if self._known > 0.0 else 0.0
        blend_kw = (1.0 - weight) * mean_kw + weight * np.stack(self.recent_kw)
        if self._planned_kw is not None:
            blend_kw[0] += self._profile_kw(self._planned_kw, start_s, end_s)[0]
        energy_kwh = blend_kw * (end_s - start_s) / 3600.0
        load_kwh, pv_kwh = (
            energy * _scatter(key, period, sigma)
            for energy, key, sigma in zip(energy_kwh, self._keys, self._errors, strict=True)
        )
        return load_kwh, pv_kwh

    def _profile_kw(self, profiles: Floats, start_s: float, end_s: float) -> Floats:
        """Give the mean of some profiles over an interval, (k, n) of (k, quarters, n).

        Raises
        ------
        ValueError
            If the profiles do not reach so far.
        """
        edges_s = self._first_s + QUARTER_S * np.arange(self._profiles.shape[1] + 1)
        if start_s < edges_s[0] or end_s > edges_s[-1]:
            raise ValueError(
                f"profiles reach from {edges_s[0]:g} to {edges_s[-1]:g} s; "
                f"a forecast from {start_s:g} to {end_s:g} s was asked for"
            )
        overlap_s = np.minimum(edges_s[1:], end_s) - np.maximum(edges_s[:-1], start_s)
        share = np.maximum(overlap_s, 0.0) / (end_s - start_s)
        mean_kw: Floats = np.einsum("q,kqn->kn", share, profiles)
        return mean_kw


def _scatter(key: np.ndarray[tuple[int], np.dtype[np.uint64]], period: int, sigma: float) -> Floats:
    """Draw factors with mean 1 and the given standard deviation, log-normal and so positive."""
    log_variance = np.log1p(sigma * sigma)
    factor: Floats = np.exp(np.sqrt(log_variance) * normal(key, period) - 0.5 * log_variance)
    return factor
