"""Roofs under one sky: what each could feed in, second by second, by where its modules face."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..draws import Floats, Keys, uniform
from ._kernels import roof_seconds
from .plant import Roof
from .sky import PlaneLight
from .watts import PvPlants
from .weather import Edges, cloud_shadow

QUARTER_S = 900
LARGEST_DELAY_S = 45
"""How much later a cloud may reach the last roof of a village than the first. [s]"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Clouds:
    """Clouds that drift over all roofs.

    Attributes
    ----------
    key : (1,) uint64 array
        Names the sky.
    depth : float
        What a cloud takes of the beam. [1]
    edges : {"smooth", "steep"}
        As `models.pv.weather.cloud_shadow` takes them.
    """

    key: Keys
    depth: float
    edges: Edges = "smooth"


class PvRoofs:
    """All roofs of a village.

    Parameters
    ----------
    roofs : sequence of n Roof
    light : PlaneLight
        On their planes.
    air_c, wind_m_per_s : (k,) float64 array
        At the knots of the light. [°C], [m/s]
    clouds : Clouds, optional
        Left out, nothing stands before the sun but what the light already knows of.
    keys : (n,) uint64 array
        Say how late the clouds reach each roof.
    """

    def __init__(
        self,
        roofs: Sequence[Roof],
        light: PlaneLight,
        *,
        air_c: Floats,
        wind_m_per_s: Floats,
        keys: Keys,
        clouds: Clouds | None = None,
    ) -> None:
        self.n = len(roofs)
        self._params = PvPlants([roof.plant for roof in roofs]).params
        self._light, self._clouds = light, clouds
        self._weather = np.ascontiguousarray([air_c, wind_m_per_s], dtype=np.float64)
        self._delay_s = (uniform(keys, 1) * LARGEST_DELAY_S).astype(np.int64)
        self._kept: tuple[int, Floats] | None = None

    def seconds_kw(self, first_s: int, count: int) -> Floats:
        """Compute what every roof offers from `first_s` on, since 1970-01-01T00:00Z.

        Returns
        -------
        (count, n) float64 array
            Of the middle of every second. [kW]
        """
        out_kw = np.empty((count, self.n))
        shadow, depth = np.zeros(count + LARGEST_DELAY_S), 0.0
        if self._clouds is not None:
            unix_s = np.arange(first_s - LARGEST_DELAY_S, first_s + count, dtype=np.int64)
            shadow = cloud_shadow(unix_s, self._clouds.key, edges=self._clouds.edges)
            depth = self._clouds.depth
        light = self._light
        roof_seconds(
            self._params,
            light.light,
            self._weather,
            first_s - light.start_s,
            light.step_s,
            shadow,
            self._delay_s,
            depth,
            out_kw,
        )
        return out_kw

    def second_kw(self, unix_s: int) -> npt.NDArray[np.float64]:
        """Give one second; the quarter hour that it is in is computed when first asked for."""
        quarter, within = divmod(unix_s, QUARTER_S)
        if self._kept is None or self._kept[0] != quarter:
            self._kept = quarter, self.seconds_kw(quarter * QUARTER_S, QUARTER_S)
        return np.asarray(self._kept[1][within])

    def quarters_kw(self, start_s: int, count: int) -> Floats:
        """Give the mean of every quarter hour from `start_s` on. (count, n) [kW]"""
        stretches = range(start_s, start_s + count * QUARTER_S, QUARTER_S)
        return np.stack([self.seconds_kw(at, QUARTER_S).mean(axis=0) for at in stretches])
