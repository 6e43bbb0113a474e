"""Which branches a trade flows through: power transfer distribution factors of the DC network."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import coo_matrix, csc_matrix, diags_array
from scipy.sparse.linalg import splu

from ._kernels import REFERENCE
from .case import Case, Floats
from .loading import branch_positions

if TYPE_CHECKING:
    from .power_flow import Grid

__all__ = ["ptdf"]


def ptdf(grid: Grid) -> Floats:
    """Power transfer distribution factors of the grid as it is switched now.

    Parameters
    ----------
    grid : Grid

    Returns
    -------
    (n_branch, n_bus) float64 array
        Flow through each line, and then each transformer with two windings, per injection at
        each bus that is withdrawn at the reference; positive from its table's first end (from
        bus, high-voltage bus) to its second. Zero for what is out of service or dead. [1]

    Notes
    -----
    B_f B⁻¹ with the references' columns left out, from series reactances and tap ratios as
    pandapower's admittance matrix has them [1]_. With several references each takes what flows
    to it. In radial networks the entries are 0, 1 or −1: a branch lies on the path or does not.

    References
    ----------
    .. [1] R. D. Zimmerman, C. E. Murillo-Sánchez and R. J. Thomas, "MATPOWER: steady-state
       operations, planning, and analysis tools," IEEE Trans. Power Syst., vol. 26, 2011, and
       its manual's section on linear shift factors (remembered; section unverified).
    """
    case = grid.case
    flow = _flow_by_node(case)
    alive = np.flatnonzero(case.node_of_bus >= 0)
    factors = np.zeros((flow.shape[0], grid.n_bus))
    factors[:, alive] = flow[:, case.node_of_bus[alive]]
    branch = branch_positions(grid._net, case)
    picked: Floats = np.where(branch[:, None] >= 0, factors[branch], 0.0)
    return picked


def _flow_by_node(case: Case) -> Floats:
    """Flow through every branch in service per injection at every node. [1]"""
    n_branch, n_node = case.from_node.size, case.v_start.size
    rows = np.tile(np.arange(n_branch), 2)
    columns = np.concatenate([case.from_node, case.to_node])
    shape = (n_branch, n_node)
    ends = coo_matrix((np.repeat([1.0, -1.0], n_branch), (rows, columns)), shape=shape)
    b_flow = csc_matrix(diags_array(_susceptance(case)) @ ends)
    inner = np.flatnonzero(case.kind != REFERENCE)
    b_bus = csc_matrix(ends.T @ b_flow)[inner][:, inner]
    angles = splu(csc_matrix(b_bus)).solve(np.eye(inner.size))
    factors = np.zeros((n_branch, n_node))
    factors[:, inner] = b_flow[:, inner] @ angles
    return factors


def _susceptance(case: Case) -> Floats:
    """DC susceptance of each branch, 1 / (x · tap). [p.u.]

    The tap ratio is read off the admittance matrix: between the ends it holds −y / tap.
    """
    row = np.arange(case.from_node.size)
    transfer = np.asarray(csc_matrix(case.yf).tocsr()[row, case.to_node]).ravel()
    susceptance: Floats = np.abs(transfer * case.z_branch) / case.z_branch.imag
    return susceptance
