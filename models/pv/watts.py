"""PV plants in NREL's PVWatts style: cells that warm up, modules, an inverter that clips."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from . import _kernels as k
from .plant import PvPlantParams

__all__ = ["PvPlantParams", "PvPlants"]

Floats = npt.NDArray[np.float64]


class PvPlants:
    """All plants, computed together.

    Parameters
    ----------
    plants : sequence of n PvPlantParams

    Attributes
    ----------
    params : (8, n) float64 array
        As the kernels take them.
    dc_kw, ac_kw, cell_c : (n,) float64 array
        Of the last call: modules behind their losses, inverters' output, cells; reused by the
        next. [kW], [kW], [°C]
    """

    def __init__(self, plants: Sequence[PvPlantParams]) -> None:
        self.n = len(plants)
        self.params = np.zeros((k.N_PARAMS, self.n))
        for place, plant in enumerate(plants):
            self.params[:, place] = (
                plant.p_kwp,
                plant.gamma_per_k,
                *plant.heat,
                1.0 - plant.losses,
                plant.ac_kw / plant.efficiency,
                plant.ac_kw,
                plant.efficiency,
            )
        self._out = np.zeros((3, self.n))
        self.dc_kw, self.ac_kw, self.cell_c = self._out

    def power(self, plane_w_per_m2: Floats, air_c: Floats, wind_m_per_s: Floats) -> Floats:
        """Give what the plants can feed in.

        Parameters
        ----------
        plane_w_per_m2 : (n,) float64 array
            Irradiance on the planes of the modules. [W/m²]
        air_c, wind_m_per_s : (n,) float64 array
            [°C], [m/s]

        Returns
        -------
        (n,) float64 array
            `ac_kw`. [kW]
        """
        k.plant_power(self.params, plane_w_per_m2, air_c, wind_m_per_s, self._out)
        return self.ac_kw
