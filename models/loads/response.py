"""How consumption follows voltage (ZIP) and frequency, load by load.

The ZIP model and its linear dependence on frequency are those of Kundur [1]_ (section 7.1).

References
----------
.. [1] P. Kundur, "Power System Stability and Control," McGraw-Hill, 1994.
"""

from collections.abc import Sequence
from dataclasses import fields

import numpy as np
import numpy.typing as npt

from ..draws import Floats
from ._kernels_response import zip_scale
from .zip_parts import ZipParams

__all__ = ["LoadResponse"]


class LoadResponse:
    """What n loads draw at the voltage and the frequency of their buses.

    Parameters
    ----------
    loads : sequence of n ZipParams
    f_nominal_hz : float
        [Hz]
    break_pu : float
        Voltage below which loads are impedances, continuous there; 0.7 is what stability programs
        take (from memory, unverified). [p.u.]
    """

    def __init__(
        self, loads: Sequence[ZipParams], *, f_nominal_hz: float = 50.0, break_pu: float = 0.7
    ) -> None:
        if not 0.0 < break_pu < 1.0:
            raise ValueError(f"break_pu is {break_pu:g}, expected a voltage between 0 and 1 p.u.")
        self.n = len(loads)
        self._nominal_hz, self._break_pu = f_nominal_hz, break_pu
        self._columns = {
            field.name: np.array([getattr(load, field.name) for load in loads], dtype=np.float64)
            for field in fields(ZipParams)
        }
        self._scale = np.empty((2, self.n))

    def scale(self, vm_pu: npt.NDArray[np.float64], f_hz: float) -> tuple[Floats, Floats]:
        """Give the parts of their nominal power that loads draw now.

        Parameters
        ----------
        vm_pu : (n,) float64 array
            Voltage at the loads' buses. [p.u.]
        f_hz : float
            [Hz]

        Returns
        -------
        p, q : (n,) float64 array
            Of the nominal active and reactive power; overwritten by the next call. [1]
        """
        of, df_hz = self._columns, f_hz - self._nominal_hz
        for row, s in enumerate("pq"):
            parts = (of[f"{s}_z"], of[f"{s}_i"], of[f"{s}_p"], of[f"{s}_per_hz"])
            zip_scale(vm_pu, df_hz, *parts, self._break_pu, self._scale[row])
        return self._scale[0], self._scale[1]
