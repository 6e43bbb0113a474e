"""Sun and clouds at one place, second by second: where the sun stands, what a clear sky gives.

Every function takes absolute time and keeps no state, so a run may start anywhere.
"""

from typing import Literal

import numpy as np
import numpy.typing as npt

from ..draws import Floats, Keys, uniform

Seconds = npt.NDArray[np.int64]

_J2000_UNIX_S = 946_728_000.0  # 2000-01-01T12:00Z
_STEEPNESS = 12.0
_STEEP_LATTICE_S, _STEEP_KEY = 600, 16
_STEEPEST = 200.0  # with clouds that take 75 % of the light, 60 % of it within a second
_CLOUD_OCTAVES = ((600, 1.0), (200, 0.7), (70, 0.45), (25, 0.25))  # (lattice in s, weight)


def solar_elevation_deg(unix_s: Floats, latitude_deg: float, longitude_deg: float) -> Floats:
    """Compute the sun's true elevation, without refraction.

    Parameters
    ----------
    unix_s : float64 array
        Time since 1970-01-01T00:00Z. [s]
    latitude_deg, longitude_deg : float
        Place, north and east positive. [degree]

    Returns
    -------
    float64 array
        Elevation above the horizon; within 0.01 degree from 1950 to 2050. [degree]

    References
    ----------
    .. [1] J. J. Michalsky, "The Astronomical Almanac's algorithm for approximate solar position
       (1950-2050)," Solar Energy, vol. 40, no. 3, 1988.
    """
    days = (unix_s - _J2000_UNIX_S) / 86_400.0
    mean_longitude = 280.460 + 0.9856474 * days
    anomaly = np.deg2rad((357.528 + 0.9856003 * days) % 360.0)
    ecliptic = np.deg2rad(
        (mean_longitude + 1.915 * np.sin(anomaly) + 0.020 * np.sin(2.0 * anomaly)) % 360.0
    )
    obliquity = np.deg2rad(23.439 - 0.0000004 * days)
    right_ascension = np.arctan2(np.cos(obliquity) * np.sin(ecliptic), np.cos(ecliptic))
    sin_declination = np.sin(obliquity) * np.sin(ecliptic)
    cos_declination = np.sqrt(1.0 - sin_declination**2)
    # The Almanac's Greenwich sidereal time in hours, at any instant of the day.
    sidereal_h = (18.697375 + 24.065709824279 * days) % 24.0
    hour_angle = np.deg2rad(15.0 * sidereal_h + longitude_deg) - right_ascension
    latitude = np.deg2rad(latitude_deg)
    sine = np.sin(latitude) * sin_declination
    sine = sine + np.cos(latitude) * cos_declination * np.cos(hour_angle)
    elevation_deg: Floats = np.rad2deg(np.arcsin(np.clip(sine, -1.0, 1.0)))
    return elevation_deg


def haurwitz_w_per_m2(elevation_deg: Floats) -> Floats:
    """Give the clear sky's global horizontal irradiance; zero below the horizon.

    References
    ----------
    .. [1] B. Haurwitz, "Insolation in relation to cloudiness and cloud density," J. Meteorology,
       vol. 2, 1945; coefficients as in M. J. Reno, C. W. Hansen and J. S. Stein, "Global
       horizontal irradiance clear sky models," SAND2012-2389, 2012, and in pvlib.
    """
    sine = np.sin(np.deg2rad(np.maximum(elevation_deg, 0.0)))
    lit = np.maximum(sine, 1e-3)
    return np.where(sine > 0.0, 1098.0 * sine * np.exp(-0.059 / lit), 0.0)


Edges = Literal["smooth", "steep"]


def cloud_shadow(unix_s: Seconds, key: Keys, *, edges: Edges = "smooth") -> Floats:
    """Give how much of the drifting clouds stands before the sun, from 0 (gap) to 1 (cloud).

    Parameters
    ----------
    unix_s : int64 array
        Whole seconds since 1970-01-01T00:00Z. [s]
    key : (1,) uint64 array
        Names the sky; another key is another day's clouds.
    edges : {"smooth", "steep"}
        Whether edges take some ten seconds throughout, or rare ones about one second.

    Returns
    -------
    float64 array
        Mostly near 0 or near 1. [1]

    Notes
    -----
    Value noise: random numbers on lattices of 600, 200, 70 and 25 s, smoothed between the
    lattice points, added, and steepened into gaps and clouds. Steep skies draw the steepness too,
    on a lattice of 600 s with a tail P(x-fold) = x⁻²; its shape is ours, its end is so that no
    roof loses or gains more than 60 % of its light in a second, the largest of a year in [1]_.

    References
    ----------
    .. [1] M. Lave, J. Kleissl and E. Arias-Castro, "High-frequency irradiance fluctuations and
       geographic smoothing," Solar Energy, vol. 86, no. 8, 2012.
    """
    total = np.zeros(unix_s.shape)
    for octave, (lattice_s, weight) in enumerate(_CLOUD_OCTAVES):
        left, right, blend = _lattice(unix_s, lattice_s, key ^ np.uint64(octave + 1))
        total += weight * (left + blend * (right - left) - 0.5)
    steepness = _STEEPNESS if edges == "smooth" else _drawn_steepness(unix_s, key)
    shadow: Floats = 1.0 / (1.0 + np.exp(-steepness * total))
    return shadow


def _lattice(unix_s: Seconds, lattice_s: int, key: Keys) -> tuple[Floats, Floats, Floats]:
    """Random numbers of the lattice points before and behind, and the way between them. [1]"""
    cell, rest_s = np.divmod(unix_s, lattice_s)
    place = rest_s / lattice_s
    blend = place * place * (3.0 - 2.0 * place)
    left, right = (uniform(key, at.astype(np.uint64)) for at in (cell, cell + 1))
    return left, right, blend


def _drawn_steepness(unix_s: Seconds, key: Keys) -> Floats:
    """Steepness of edges, smooth in time: mostly little more than usual, rarely far more."""
    left, right, blend = _lattice(unix_s, _STEEP_LATTICE_S, key ^ np.uint64(_STEEP_KEY))
    # The logarithm of x in P(x-fold) = x⁻².
    low, high = -0.5 * np.log1p(-left), -0.5 * np.log1p(-right)
    steepness: Floats = np.minimum(_STEEPNESS * np.exp(low + blend * (high - low)), _STEEPEST)
    return steepness
