"""Does voltage control stay calm when devices see the voltage one tick late?

Devices whose power follows the voltage (volt-var, volt-watt) close a loop over the
feeder. In an explicit co-simulation they act on the last tick's voltage, so the
loop settles only while its gain stays below one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .grid_case import Floats, Ints
from .grid_sensitivity import voltage_change

if TYPE_CHECKING:
    from .grid import Grid


def voltage_sensitivity(grid: Grid, positions: Ints) -> tuple[Floats, Floats]:
    """How the voltages at some buses move with the injections at the same buses.

    Parameters
    ----------
    grid : Grid
        In the state of its last solution.
    positions : (m,) int64 array
        Buses, by position.

    Returns
    -------
    dv_dp, dv_dq : (m, m) float64 array
        Change of voltage magnitude at the first bus per injection at the second.
        Zero at references, held voltages and dead buses. [p.u./kW], [p.u./kvar]

    See Also
    --------
    models.grid_sensitivity.voltage_change : The same of the complex voltages.
    """
    nodes = grid.case.node_of_bus[positions]
    v = grid.v_node_pu[nodes]
    direction = np.where(nodes >= 0, v.conj() / np.abs(v), 0.0)[:, None]
    by_p, by_q = ((direction * change[nodes]).real for change in voltage_change(grid, positions))
    return by_p, by_q


def loop_gain(grid: Grid, positions: Ints, dp_dv_kw: Floats, dq_dv_kvar: Floats) -> float:
    """Largest eigenvalue, by magnitude, of the voltage loop closed one tick late.

    Parameters
    ----------
    grid : Grid
        In the state of its last solution.
    positions : (m,) int64 array
        Bus of each device, by position; a bus may hold several.
    dp_dv_kw, dq_dv_kvar : (m,) float64 array
        Slopes of the devices: change of injection per change of voltage, at their
        steepest. A volt-var curve that absorbs more as the voltage rises has a
        negative slope. [kW/p.u.], [kvar/p.u.]

    Returns
    -------
    float
        Below 1 a disturbance dies out from tick to tick; at 1 and above the
        devices hunt. Devices that ramp or filter are calmer than this. [1]
    """
    slopes = np.concatenate([dp_dv_kw, dq_dv_kvar])
    if not np.isfinite(slopes).all():
        raise ValueError("loop gain: slopes dP/dV, dQ/dV must be finite")
    if not positions.size:
        return 0.0
    dv_dp, dv_dq = voltage_sensitivity(grid, positions)
    loop = dv_dp * dp_dv_kw[None, :] + dv_dq * dq_dv_kvar[None, :]
    return float(np.abs(np.linalg.eigvals(loop)).max())
