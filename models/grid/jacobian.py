"""Slopes of the power flow's equations at a state."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.sparse import csc_matrix, diags_array, hstack, vstack

from ._kernels import PQ, REFERENCE
from .case import Case, Complexes, Ints

__all__ = ["jacobian"]


def jacobian(case: Case, v: Complexes) -> tuple[csc_matrix, Ints, Ints]:
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
    row_of_p = _rows(v.size, angle_nodes, first=0)
    row_of_q = _rows(v.size, magnitude_nodes, first=angle_nodes.size)
    return csc_matrix(both), row_of_p, row_of_q


def _rows(n_node: int, nodes: Any, *, first: int) -> Ints:
    row = np.full(n_node, -1, dtype=np.int64)
    row[nodes] = first + np.arange(nodes.size)
    return row
