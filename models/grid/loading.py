"""How much of their rating lines and transformers carry."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from scipy.sparse import csr_matrix

from ._kernels import all_loadings, largest_loading
from .case import Case, Complexes, Floats, Ints

__all__ = ["Loading", "branch_positions"]


class Loading:
    """Loading of every line and then every transformer, as pandapower defines it: the larger
    current of both ends over the rated one.

    What is out of service, or has no rating, is loaded by 0 %.

    Parameters
    ----------
    net : pandapower network
        Tables `line` and `trafo`.
    case : Case
        The same network as arrays.

    Attributes
    ----------
    branch : (m,) int64 array
        Branch of `case` of each row, -1 out of service.
    per_from, per_to : (m,) float64 array
        Loading per current into either end. [%/p.u.]
    """

    def __init__(self, net: Any, case: Case) -> None:
        self.branch = branch_positions(net, case)
        self.per_from, self.per_to = _percent_per_current(net, case, self.branch)
        self._ends = _ends(case, self.branch)

    def percent(self, v: Complexes) -> Floats:
        """Loading of each row at these voltages. [%]"""
        percent: Floats = np.empty(self.branch.size)
        all_loadings(*self._ends, self.per_from, self.per_to, v, percent)
        return percent

    def largest_percent(self, v: Complexes) -> float:
        """Loading of the row that is loaded most. [%]"""
        return float(largest_loading(*self._ends, self.per_from, self.per_to, v))


class _Ends(NamedTuple):
    """What the currents of each row follow from.

    Attributes
    ----------
    from_node, to_node : (m,) int64 array
    of_from, of_to : (2, m) complex128 array
        Admittances to both nodes, of the currents into the first and the second end. [p.u.]
    """

    from_node: Ints
    to_node: Ints
    of_from: Complexes
    of_to: Complexes


def _ends(case: Case, branch: Ints) -> _Ends:
    first, second = case.from_node[branch], case.to_node[branch]
    of_from, of_to = (
        np.stack([np.asarray(rows[branch, node]).ravel() for node in (first, second)])
        for rows in (csr_matrix(case.yf), csr_matrix(case.yt))
    )
    return _Ends(first, second, of_from, of_to)


def branch_positions(net: Any, case: Case) -> Ints:
    """Position of each line and then each transformer among the branches in service, or -1."""
    parts = [
        case.branch_of.get(table, np.full(len(net[table]), -1, dtype=np.int64))
        for table in ("line", "trafo")
    ]
    return np.concatenate(parts)


def _percent_per_current(net: Any, case: Case, branch: Ints) -> tuple[Floats, Floats]:
    ka_per_pu = case.base_mva / np.sqrt(3) / case.base_kv
    line, trafo = net.line, net.trafo
    rated_ka = _rating(line, "max_i_ka")
    rated_mva = _rating(trafo, "sn_mva") / np.sqrt(3)
    from_ka = np.concatenate([1 / rated_ka, trafo["vn_hv_kv"].to_numpy() / rated_mva])
    to_ka = np.concatenate([1 / rated_ka, trafo["vn_lv_kv"].to_numpy() / rated_mva])
    alive = 100.0 * (branch >= 0)
    per_from = alive * from_ka * ka_per_pu[case.from_node[branch]]
    per_to = alive * to_ka * ka_per_pu[case.to_node[branch]]
    return per_from, per_to


def _rating(table: Any, column: str) -> Floats:
    """Rating of each row; infinite where none is given."""
    rated = (table[column] * table["df"] * table["parallel"]).to_numpy(dtype=np.float64)
    return np.where(rated > 0, rated, np.inf)
