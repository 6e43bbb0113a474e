"""Quarter-hour profiles refined to seconds, without moving energy between quarter hours.

Loads become a base and appliances that switch; PV becomes a clear sky behind drifting clouds.
Every quarter hour is computed when it is first asked for, and looks the same wherever a run
starts: its random numbers hang on the column's key and the absolute number of the quarter.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import numpy.typing as npt

from ._kernels_refine import fill_pv, shade, switch_load
from .draws import Floats, keys, scatter, uniform
from .pv.weather import Edges, cloud_shadow, haurwitz_w_per_m2, solar_elevation_deg

QUARTER_S = 900

_LARGEST_DELAY_S = 45
_SMALLEST_SKY = 0.002  # kW/m²; twilight, and profiles whose clock is not quite the sun's
_DEEPEST_CLOUD = 0.75
_CLEAR_YIELD = 0.65  # of the rating at 1 kW/m²; SimBench's PV never passes 0.63 in its year


@dataclass(frozen=True, slots=True)
class Quarter:
    """One quarter hour by the second; every array is (n, 900).

    Attributes
    ----------
    load_kw, load_kvar : float64 array
        Consumption, 0 or more; reactive consumption at the quarter's power factor. [kW], [kvar]
    pv_kw : float64 array
        What the PV could feed in, 0 to its rating. [kW]
    """

    load_kw: Floats
    load_kvar: Floats
    pv_kw: Floats


@dataclass(frozen=True, slots=True)
class Second:
    """One second of all columns; every array is (n,). Units as in `Quarter`."""

    load_kw: Floats
    load_kvar: Floats
    pv_kw: Floats


class RefinedProfiles:
    """Load and PV of n peers, second by second.

    Parameters
    ----------
    start : datetime
        Beginning of the first quarter hour, with its time zone; on a quarter hour.
    load_kw, load_kvar : (quarters, n) float64 array
        Mean consumption of every quarter, the active 0 or more. [kW], [kvar]
    pv_kw : (quarters, n) float64 array
        Mean PV power of every quarter, from 0 to the rating. [kW]
    pv_rated_kw : (n,) float64 array
        What no second exceeds. [kW]
    latitude_deg, longitude_deg : float
        Where the sky is; north and east positive. [degree]
    load_rngs, pv_rngs : sequence of n generators
        One per column; each gives one key when the object is made.
    sky_rng : numpy.random.Generator
        Gives the key of the clouds that all columns share.
    edges : {"smooth", "steep"}
        Of those clouds.

    Notes
    -----
    A quarter's PV leans on the two quarters before and after it, so that power does not jump
    where quarters meet. Give these too and choose the window with `second`, if runs with
    different starts are to agree at their edges.
    """

    def __init__(
        self,
        *,
        start: datetime,
        load_kw: Floats,
        load_kvar: Floats,
        pv_kw: Floats,
        pv_rated_kw: Floats,
        latitude_deg: float,
        longitude_deg: float,
        load_rngs: Sequence[np.random.Generator],
        pv_rngs: Sequence[np.random.Generator],
        sky_rng: np.random.Generator,
        edges: Edges = "smooth",
    ) -> None:
        if start.tzinfo is None or start.timestamp() % QUARTER_S:
            raise ValueError(f"start {start} is not a quarter hour with a time zone")
        self.start = start
        self.load_kw = _table("load_kw", load_kw, np.asarray(load_kw).shape)
        self.load_kvar = _table("load_kvar", load_kvar, self.load_kw.shape)
        self.pv_kw = _table("pv_kw", pv_kw, self.load_kw.shape)
        self.n_quarters, self.n = self.load_kw.shape
        self.pv_rated_kw = np.ascontiguousarray(pv_rated_kw, dtype=np.float64)
        _refuse(self.load_kw < 0.0, "load_kw", "is below 0")
        _refuse(self.pv_kw < 0.0, "pv_kw", "is below 0")
        _refuse(self.pv_kw > self.pv_rated_kw * (1.0 + 1e-12), "pv_kw", "is above the rating")
        self._start_s = int(start.timestamp())
        self._place, self._edges = (latitude_deg, longitude_deg), edges
        self._load_keys, self._pv_keys, self._sky_key = (
            keys(load_rngs),
            keys(pv_rngs),
            keys([sky_rng]),
        )
        self._delay_s = (uniform(self._pv_keys, 1) * _LARGEST_DELAY_S).astype(np.int64)
        self._haze = 0.85 + 0.15 * uniform(self._pv_keys, 2)
        self._shapes: dict[int, Floats] = {}
        self._seconds: tuple[int, Second] | None = None

    def second(self, i: int) -> Second:
        """Give one second, counted from `start`.

        Raises
        ------
        IndexError
            Outside the profiles.
        """
        k, within = divmod(i, QUARTER_S)
        if self._seconds is None or self._seconds[0] != k:
            quarter = self.quarter(k)
            blocks = (quarter.load_kw, quarter.load_kvar, quarter.pv_kw)
            self._seconds = (k, Second(*(np.ascontiguousarray(block.T) for block in blocks)))
        rows = self._seconds[1]
        return Second(rows.load_kw[within], rows.load_kvar[within], rows.pv_kw[within])

    def quarter(self, k: int) -> Quarter:
        """Compute quarter hour `k`, counted from `start`.

        Raises
        ------
        IndexError
            Outside the profiles.
        """
        if not 0 <= k < self.n_quarters:
            raise IndexError(
                f"quarter hour {k} is outside the profiles, which hold 0 to {self.n_quarters - 1}"
            )
        load_kw = self._switched(k)
        mean_kw = self.load_kw[k]
        ratio = np.divide(self.load_kvar[k], mean_kw, out=np.zeros(self.n), where=mean_kw > 0.0)
        load_kvar = load_kw * ratio[:, None]
        load_kvar[mean_kw <= 0.0] = self.load_kvar[k][mean_kw <= 0.0, None]
        return Quarter(load_kw, load_kvar, self._clouded(k))

    def _switched(self, k: int) -> Floats:
        """Refine the loads of one quarter."""
        out_kw = np.empty((self.n, QUARTER_S))
        number = self._start_s // QUARTER_S + k
        switch_load(self.load_kw[k], scatter(self._load_keys, number), out_kw)
        return out_kw

    def _clouded(self, k: int) -> Floats:
        """Refine the PV of one quarter, with the gains of its neighbours at its edges."""
        if not self.pv_kw[k].any():
            return np.zeros((self.n, QUARTER_S))
        gains = np.vstack([self._gain(k - 1), self._gain(k), self._gain(k + 1)])
        out_kw = self._shape(k).copy()
        fill_pv(self.pv_kw[k], self.pv_rated_kw, gains, out_kw)
        for old in [other for other in self._shapes if abs(other - k) > 1]:
            del self._shapes[old]
        return out_kw

    def _gain(self, k: int) -> Floats:
        """Give power over shape in the mean of a quarter."""
        k = min(max(k, 0), self.n_quarters - 1)
        gain: Floats = self.pv_kw[k] / self._shape(k).mean(axis=1)
        return gain

    def _shape(self, k: int) -> Floats:
        """Give the irradiance behind the clouds of one quarter, per column. [kW/m²]"""
        if k not in self._shapes:
            first_s = self._start_s + k * QUARTER_S
            shadow_s = np.arange(first_s - _LARGEST_DELAY_S, first_s + QUARTER_S, dtype=np.int64)
            shape = np.empty((self.n, QUARTER_S))
            depth = np.vstack([self._depth(k - 1), self._depth(k), self._depth(k + 1)])
            shadow = cloud_shadow(shadow_s, self._sky_key, edges=self._edges)
            shade(self._clear_sky(k), shadow, self._delay_s, depth, shape)
            self._shapes[k] = shape
        return self._shapes[k]

    def _clear_sky(self, k: int) -> Floats:
        """Give the clear sky's irradiance over a quarter. [kW/m²]"""
        unix_s = np.arange(QUARTER_S, dtype=np.float64) + (self._start_s + k * QUARTER_S + 0.5)
        elevation_deg = solar_elevation_deg(unix_s, *self._place)
        return np.maximum(haurwitz_w_per_m2(elevation_deg) / 1000.0, _SMALLEST_SKY)

    def _depth(self, k: int) -> Floats:
        """Estimate how much light the clouds of a quarter take from its mean.

        Little in a bright quarter (few clouds) and in a dark one (one even cover); most between.
        """
        k = min(max(k, 0), self.n_quarters - 1)
        clear_kw = np.maximum(self.pv_rated_kw, 1e-9) * self._clear_sky(k).mean()
        possible_kw = _CLEAR_YIELD * clear_kw
        clearness = np.minimum(self.pv_kw[k] / possible_kw, 1.0)
        depth: Floats = _DEEPEST_CLOUD * 4.0 * clearness * (1.0 - clearness) * self._haze
        return depth


def _table(name: str, values: npt.ArrayLike, shape: tuple[int, ...]) -> Floats:
    """Give a finite (quarters, n) float array, or say what was wrong."""
    table = np.ascontiguousarray(values, dtype=np.float64)
    if table.ndim != 2 or table.shape != shape or not len(table):
        raise ValueError(f"{name} has shape {table.shape}; expected (quarters, peers) like load_kw")
    _refuse(~np.isfinite(table), name, "is not a finite number")
    return table


def _refuse(wrong: npt.NDArray[np.bool_], name: str, because: str) -> None:
    """Name the first value that cannot be."""
    if wrong.any():
        quarter, column = np.argwhere(wrong)[0]
        raise ValueError(f"{name}[{quarter}, {column}] {because}")
