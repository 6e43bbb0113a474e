"""The scaled quadratic program of a flow problem, and HiGHS to solve it."""

from __future__ import annotations

from importlib import import_module
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

__all__ = ["Scaled", "solve_by_highs"]

Floats = NDArray[np.float64]


class Scaled(NamedTuple):
    """The QP in numbers around 1: minimise ½ x·diag(hessian)x + cost·x, Ax = 0, within bounds, and
    least ≤ Rx ≤ most of the network's rows R.
    """

    hessian: Floats
    cost: Floats
    low: Floats
    high: Floats
    least: Floats
    most: Floats


def solve_by_highs(
    qp: Scaled, balance: sparse.csc_matrix, rows: sparse.csc_matrix | None, asked: float
) -> tuple[Floats, Floats, Floats]:
    """Give the variables, what a Wh is worth at each node, and the duals of the network's rows.

    Parameters
    ----------
    qp : Scaled
    balance : (nodes, variables) sparse matrix
    rows : (r, variables) sparse matrix or None
    asked : float
        Tolerance. [1]
    """
    highspy = import_module("highspy")
    model = highspy.HighsModel()
    lp, matrix, hessian = model.lp_, balance, model.hessian_
    nodes = matrix.shape[0]
    if rows is not None:
        matrix = sparse.csc_matrix(sparse.vstack([matrix, rows]))
    lp.num_row_, lp.num_col_ = matrix.shape
    lp.col_cost_, lp.col_lower_, lp.col_upper_ = qp.cost, qp.low, qp.high
    lp.row_lower_ = np.append(np.zeros(nodes), qp.least)
    lp.row_upper_ = np.append(np.zeros(nodes), qp.most)
    lp.a_matrix_.format_ = highspy.MatrixFormat.kColwise
    lp.a_matrix_.start_, lp.a_matrix_.index_ = matrix.indptr, matrix.indices
    lp.a_matrix_.value_ = matrix.data
    curved = np.flatnonzero(qp.hessian)
    hessian.dim_ = lp.num_col_ if curved.size else 0
    hessian.format_ = highspy.HessianFormat.kTriangular
    hessian.start_ = np.searchsorted(curved, np.arange(lp.num_col_ + 1)).astype(np.int32)
    hessian.index_, hessian.value_ = curved.astype(np.int32), qp.hessian[curved]
    highs = highspy.Highs()
    highs.silent()
    highs.passModel(model)
    for tolerance in (asked, 10 * asked, 100 * asked):
        # Its active-set method gives up on some programs at the tightest tolerance.
        for name in ("primal_feasibility_tolerance", "dual_feasibility_tolerance"):
            highs.setOptionValue(name, tolerance)
        highs.run()
        if highs.getModelStatus() != highspy.HighsModelStatus.kSolveError:
            break
        highs.clearSolver()
    found = highs.getSolution()
    if not found.value_valid:
        return np.full(lp.num_col_, np.nan), np.full(nodes, np.nan), np.zeros(qp.least.size)
    duals = np.array(found.row_dual)
    return np.array(found.col_value), duals[:nodes], -duals[nodes:]
