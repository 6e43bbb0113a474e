"""Light on tilted planes: the sun's position and what it and the sky give a roof, by pvlib.

pvlib is an extra, and slow beside a tick; so it is asked once, before a run, and what it says
is kept at knots of time that are a minute apart at most.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..draws import Floats

SUN_KNOTS_S = 60.0
"""Time between two positions of the sun; it moves by a quarter of a degree meanwhile. [s]"""

NEEDS_PVLIB = "light on tilted modules needs pvlib; install it with `pip install 'peerwatt[pv]'`"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where the sky is: north and east positive. [degree], [m]"""

    latitude_deg: float
    longitude_deg: float
    altitude_m: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Plane:
    """How modules lie: tilt from the horizontal, azimuth clockwise from north. [degree]

    The albedo is the part of the light that the ground before them throws back. [1]
    """

    tilt_deg: float
    azimuth_deg: float
    albedo: float = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class HorizontalLight:
    """Irradiance on the horizontal (global, diffuse) and towards the sun (beam), evenly spaced.

    Attributes
    ----------
    start_s, step_s : float
        Middle of the first interval since 1970-01-01T00:00Z, and time between two. [s]
    ghi, dni, dhi : (k,) float64 array
        Without beam and diffuse, the global irradiance is parted after Erbs et al. (1982).
        [W/m²]
    """

    start_s: float
    step_s: float
    ghi: Floats
    dni: Floats | None = None
    dhi: Floats | None = None

    def at(self, unix_s: Floats) -> tuple[Floats, Floats | None, Floats | None]:
        """Interpolate; flat before the first interval and behind the last."""
        known_s = self.start_s + self.step_s * np.arange(self.ghi.size, dtype=np.float64)
        ghi, dni, dhi = (
            None if part is None else np.interp(unix_s, known_s, part)
            for part in (self.ghi, self.dni, self.dhi)
        )
        assert ghi is not None
        return ghi, dni, dhi


@dataclass(frozen=True, slots=True)
class PlaneLight:
    """Light on n planes at knots of time.

    Attributes
    ----------
    start_s, step_s : float
        First knot since 1970-01-01T00:00Z, and time between two. [s]
    light : (2, k, n) float64 array
        Beam, and diffuse from sky and ground. [W/m²]
    """

    start_s: float
    step_s: float
    light: Floats

    @property
    def unix_s(self) -> Floats:
        """Time of every knot. (k,) [s]"""
        knots: Floats = self.start_s + self.step_s * np.arange(
            self.light.shape[1], dtype=np.float64
        )
        return knots


def has_pvlib() -> bool:
    """Tell whether the extra is installed, without importing it."""
    return importlib.util.find_spec("pvlib") is not None


def plane_light(
    planes: Sequence[Plane],
    place: Place,
    start_s: float,
    end_s: float,
    measured: HorizontalLight | None = None,
) -> PlaneLight:
    """Compute the light on planes over a stretch of time.

    Parameters
    ----------
    planes : sequence of n Plane
    place : Place
    start_s, end_s : float
        Since 1970-01-01T00:00Z. [s]
    measured : HorizontalLight, optional
        Left out, the sky is clear.

    Raises
    ------
    ImportError
        pvlib is not installed.

    Notes
    -----
    Position of the sun after Reda and Andreas (2004), clear sky after Ineichen (2008, "simplified
    Solis", aerosol 0.1, 1 cm of water), sky diffuse after Hay and Davies (1980), as pvlib has
    them; the ground is isotropic.
    """
    if not has_pvlib():
        raise ImportError(NEEDS_PVLIB)
    step_s, first_s = SUN_KNOTS_S, start_s
    if measured is not None:  # a knot in the middle of each of its intervals
        step_s = measured.step_s / np.ceil(measured.step_s / SUN_KNOTS_S)
        first_s = measured.start_s + np.floor((start_s - measured.start_s) / step_s) * step_s
    count = int(np.ceil((end_s - first_s) / step_s)) + 2
    knots_s: Floats = first_s + step_s * np.arange(count, dtype=np.float64)
    sun = _sun(place, knots_s)
    sky = _clear_sky(place, sun) if measured is None else _parted(measured.at(knots_s), sun)
    of_plane = {plane: _on(plane, sun, *sky) for plane in dict.fromkeys(planes)}
    light = np.stack([of_plane[plane] for plane in planes], axis=2)
    return PlaneLight(first_s, step_s, np.ascontiguousarray(light))


@dataclass(frozen=True, slots=True)
class _Sun:
    """Zenith, with and without refraction, azimuth; what reaches the atmosphere. [degree]"""

    apparent_deg: Floats
    zenith_deg: Floats
    azimuth_deg: Floats
    extra_w_per_m2: Floats
    times: Any


def _sun(place: Place, unix_s: Floats) -> _Sun:
    """Find the sun every minute, and between by straight lines."""
    import pandas as pd
    import pvlib

    count = int(np.ceil((unix_s[-1] - unix_s[0]) / SUN_KNOTS_S)) + 1
    minutes_s = unix_s[0] + SUN_KNOTS_S * np.arange(count + 1)
    found = pvlib.solarposition.get_solarposition(
        pd.to_datetime(minutes_s, unit="s", utc=True),
        place.latitude_deg,
        place.longitude_deg,
        altitude=place.altitude_m,
    )
    times = pd.to_datetime(unix_s, unit="s", utc=True)
    azimuth_deg = np.rad2deg(np.unwrap(np.deg2rad(found["azimuth"].to_numpy())))
    return _Sun(
        np.interp(unix_s, minutes_s, found["apparent_zenith"].to_numpy()),
        np.interp(unix_s, minutes_s, found["zenith"].to_numpy()),
        np.interp(unix_s, minutes_s, azimuth_deg),
        pvlib.irradiance.get_extra_radiation(times).to_numpy(),
        times,
    )


def _clear_sky(place: Place, sun: _Sun) -> tuple[Floats, Floats, Floats]:
    """Global, beam and diffuse irradiance without a cloud. [W/m²]"""
    import pvlib

    found = pvlib.clearsky.simplified_solis(
        90.0 - sun.apparent_deg,
        pressure=pvlib.atmosphere.alt2pres(place.altitude_m),
        dni_extra=sun.extra_w_per_m2,
    )
    up = sun.apparent_deg < 90.0
    ghi, dni, dhi = (np.where(up, np.nan_to_num(found[key]), 0.0) for key in ("ghi", "dni", "dhi"))
    return ghi, dni, dhi


def _parted(
    given: tuple[Floats, Floats | None, Floats | None], sun: _Sun
) -> tuple[Floats, Floats, Floats]:
    """Part what was measured into beam and diffuse where it was not measured so. [W/m²]"""
    ghi, dni, dhi = given
    if dni is None or dhi is None:
        import pvlib

        parts = pvlib.irradiance.erbs(ghi, sun.zenith_deg, sun.times)
        dni, dhi = np.asarray(parts["dni"]), np.asarray(parts["dhi"])
    up = sun.apparent_deg < 90.0
    return ghi, np.where(up, np.nan_to_num(dni), 0.0), np.nan_to_num(dhi)


def _on(plane: Plane, sun: _Sun, ghi: Floats, dni: Floats, dhi: Floats) -> Floats:
    """Beam and diffuse irradiance on one plane. (2, k) [W/m²]"""
    import pvlib

    found = pvlib.irradiance.get_total_irradiance(
        plane.tilt_deg,
        plane.azimuth_deg,
        sun.apparent_deg,
        sun.azimuth_deg,
        dni,
        ghi,
        dhi,
        dni_extra=sun.extra_w_per_m2,
        albedo=plane.albedo,
        model="haydavies",
    )
    parts = np.stack([found["poa_direct"], found["poa_diffuse"]])
    lit: Floats = np.maximum(np.nan_to_num(parts), 0.0)
    return lit
