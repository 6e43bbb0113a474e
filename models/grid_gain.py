"""Does voltage control stay calm when devices see the voltage one tick late?

Devices whose power follows the voltage (volt-var, volt-watt) close a loop over the
feeder. In an explicit co-simulation they act on the last tick's voltage, so the
loop settles only while its gain stays below one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import csc_matrix, diags_array, hstack, vstack
from scipy.sparse.linalg import splu

from ._kernels_grid import PQ, REFERENCE
from .grid_case import Case, Complexes, Floats, Ints

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

    Notes
    -----
    Columns of the inverse of the power flow's Jacobian in polar coordinates [1]_.

    References
    ----------
    .. [1] R. D. Zimmerman, "AC power flows, generalized OPF costs and their
       derivatives using complex matrix notation," MATPOWER Tech. Note 2, 2010.
    """
    case = grid.case
    jacobian, row_of_p, row_of_q = _jacobian(case, grid.v_node_pu)
    solver = splu(jacobian)
    nodes = case.node_of_bus[positions]
    rows = np.where(nodes >= 0, row_of_q[nodes], -1)
    per_kw = 1e-3 / case.base_mva
    sensitivities = []
    for row_of in (row_of_p, row_of_q):
        inputs = np.where(nodes >= 0, row_of[nodes], -1)
        unit = np.zeros((jacobian.shape[0], positions.size))
        moved = np.flatnonzero(inputs >= 0)
        unit[inputs[moved], moved] = per_kw
        answer = solver.solve(unit)
        sensitivities.append(np.where(rows[:, None] >= 0, answer[rows], 0.0))
    return sensitivities[0], sensitivities[1]


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


def _jacobian(case: Case, v: Complexes) -> tuple[csc_matrix, Ints, Ints]:
    """Jacobian of (P, Q) by (angle, magnitude), with the row of each node's P and Q."""
    angle_nodes = np.flatnonzero(case.kind != REFERENCE)
    magnitude_nodes = np.flatnonzero(case.kind == PQ)
    ybus = case.ybus
    diag_v, diag_i = diags_array(v), diags_array(ybus @ v)
    diag_direction = diags_array(v / np.abs(v))
    by_angle = csc_matrix(1j * diag_v @ (diag_i - ybus @ diag_v).conj())
    by_magnitude = csc_matrix(
        diag_v @ (ybus @ diag_direction).conj() + diag_i.conj() @ diag_direction
    )
    upper = hstack([by_angle[:, angle_nodes], by_magnitude[:, magnitude_nodes]], format="csr")
    both = vstack([upper[angle_nodes].real, upper[magnitude_nodes].imag])
    row_of_p = np.full(v.size, -1, dtype=np.int64)
    row_of_p[angle_nodes] = np.arange(angle_nodes.size)
    row_of_q = np.full(v.size, -1, dtype=np.int64)
    row_of_q[magnitude_nodes] = angle_nodes.size + np.arange(magnitude_nodes.size)
    return csc_matrix(both), row_of_p, row_of_q
