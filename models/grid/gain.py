"""Does voltage control stay calm when devices see the voltage one tick late?

Devices whose power follows the voltage (volt-var, volt-watt) close a loop over the
feeder. In an explicit co-simulation they act on the last tick's voltage, so the
loop settles only while its gain stays below one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse.linalg import LinearOperator, eigs, splu

from .case import Floats, Ints
from .jacobian import jacobian
from .sensitivity import voltage_change

if TYPE_CHECKING:
    from .power_flow import Grid

MOST_DENSE = 200
"""Up to so many injections all eigenvalues are found; beyond, the largest alone, by iteration."""


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
    models.grid.sensitivity.voltage_change : The same of the complex voltages.
    """
    nodes = grid.case.node_of_bus[positions]
    v = grid.v_node_pu[nodes]
    direction = np.where(nodes >= 0, v.conj() / np.abs(v), 0.0)[:, None]
    by_p, by_q = ((direction * change[nodes]).real for change in voltage_change(grid, positions))
    return by_p, by_q


def loop_gain(
    grid: Grid,
    positions: Ints,
    dp_dv_kw: Floats,
    dq_dv_kvar: Floats,
    *,
    most_dense: int = MOST_DENSE,
) -> float:
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
    most_dense : int
        Devices up to which all eigenvalues are found; beyond, the largest alone by iteration.

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
    if positions.size > most_dense:
        return _gain_of_many(grid, positions, dp_dv_kw, dq_dv_kvar)
    dv_dp, dv_dq = voltage_sensitivity(grid, positions)
    loop = dv_dp * dp_dv_kw[None, :] + dv_dq * dq_dv_kvar[None, :]
    return float(np.abs(np.linalg.eigvals(loop)).max())


def _gain_of_many(grid: Grid, positions: Ints, dp_dv_kw: Floats, dq_dv_kvar: Floats) -> float:
    """The same by Arnoldi's iteration, a sparse solution a step, in memory linear in the nodes."""
    case, v = grid.case, grid.v_node_pu
    matrix, row_of_p, row_of_q = jacobian(case, v)
    nodes = case.node_of_bus[positions]
    alive = nodes >= 0
    slope_p, slope_q = np.zeros((2, v.size))
    np.add.at(slope_p, nodes[alive], dp_dv_kw[alive])
    np.add.at(slope_q, nodes[alive], dq_dv_kvar[alive])
    acting = np.flatnonzero((row_of_q >= 0) & ((slope_p != 0) | (slope_q != 0)))
    if not acting.size:
        return 0.0
    solver, injected = splu(matrix), np.zeros(matrix.shape[0])
    per_pu = 1e-3 / case.base_mva

    def around(dv_pu: Floats) -> Floats:
        injected[row_of_p[acting]] = per_pu * slope_p[acting] * dv_pu.ravel()
        injected[row_of_q[acting]] = per_pu * slope_q[acting] * dv_pu.ravel()
        answer: Floats = solver.solve(injected)[row_of_q[acting]]
        return answer

    once = LinearOperator((acting.size, acting.size), matvec=around, dtype=np.float64)
    return _largest(once)


def _largest(operator: LinearOperator) -> float:
    size = operator.shape[0]
    if size < 3:
        return float(np.abs(np.linalg.eigvals(operator @ np.eye(size))).max())
    return float(
        np.abs(eigs(operator, k=1, v0=np.ones(size), tol=1e-6, return_eigenvectors=False))[0]
    )
