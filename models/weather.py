"""Sun and clouds at one place, second by second: where the sun stands, what a clear sky gives.

Every function takes absolute time and keeps no state, so a run may start anywhere.
"""

from typing import Literal

import numpy as np
import numpy.typing as npt

from .draws import Floats, Keys, uniform

Seconds = npt.NDArray[np.int64]

_J2000_UNIX_S = 946_728_000.0  # 2000-01-01T12:00Z
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

    Returns
    -------
    float64 array
        Continuous in time; mostly near 0 or near 1, with edges of some ten seconds. [1]

    Notes
    -----
    Value noise: random numbers on lattices of 600, 200, 70 and 25 s, smoothed between the
    lattice points, added, and steepened into gaps and clouds.
    """
    total = np.zeros(unix_s.shape)
    for octave, (lattice_s, weight) in enumerate(_CLOUD_OCTAVES):
        cell, rest_s = np.divmod(unix_s, lattice_s)
        place = rest_s / lattice_s
        blend = place * place * (3.0 - 2.0 * place)
        octave_key = key ^ np.uint64(octave + 1)
        left = uniform(octave_key, cell.astype(np.uint64))
        right = uniform(octave_key, (cell + 1).astype(np.uint64))
        total += weight * (left + blend * (right - left) - 0.5)
    shadow: Floats = 1.0 / (1.0 + np.exp(-12.0 * total))
    return shadow
