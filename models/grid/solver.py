"""From injections at the nodes of one topology to their voltages: sweeps first, then Newton.

Between changes of topology only the admittance matrix, the injections and the last voltages are
touched. What Newton finds far from where it began is kept only if it lies on the branch of
solutions that a network comes to from no load.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from lightsim2grid.algorithm import NRSing_KLU
from numpy.typing import NDArray

from ._kernels import node_powers
from .branch import Branch
from .case import Case, Complexes
from .sweep import Sweeper

MAX_ITERATIONS = 20
MAX_ZIP_ROUNDS = 50
ZIP_TOLERANCE_PU = 1e-10

Report = Callable[[int, float, str], Exception]


class Solver:
    """The voltages of one topology.

    Parameters
    ----------
    case : Case
    quick : bool
        Sweep through fixed factors before Newton.
    tolerance_pu : float
        Largest nodal mismatch that counts as solved. [p.u.]
    report : callable
        Makes the exception: for a node, by how much it is out of balance, and why.

    Attributes
    ----------
    v : (n_node,) complex128 array
        The last voltages. [p.u.]
    s, taken : (n_node,) complex128 array
        Injections to solve for; scratch. [p.u.]
    matrix : tuple of arrays
        The admittance matrix in compressed columns. [p.u.]
    iterations : int
        Of the last solution: sweeps, or steps of Newton's method.
    """

    def __init__(self, case: Case, *, quick: bool, tolerance_pu: float, report: Report) -> None:
        self.case, self._tolerance_pu, self._report = case, tolerance_pu, report
        self.v: Complexes = case.v_start.copy()
        self.s: Complexes = np.empty_like(case.v_start)
        self.taken: Complexes = np.empty_like(case.v_start)
        self.iterations = 0
        self._slack_weights = np.zeros(case.v_start.size)
        self._slack_weights[case.ref] = 1 / case.ref.size
        ybus = case.ybus
        self.matrix: tuple[NDArray[np.int32], NDArray[np.int32], Complexes] = (
            ybus.indptr,
            ybus.indices,
            ybus.data,
        )
        self._newton: Any = NRSing_KLU()
        self._bare = not (case.pq.size or case.pv.size)
        swept = quick and case.pq.size > 0 and case.pv.size == 0
        self._sweeper = Sweeper(case, tolerance_pu=tolerance_pu) if swept else None
        self._branch = Branch(case)
        if not self._branch.holds(case.v_start, case.s_static):
            raise report(0, float("nan"), "its own start is beyond voltage collapse")

    def solve(self) -> Complexes:
        """Find the voltages for the injections `s`; return the part of them that is static."""
        if self.case.zip_loads is not None:
            return self._solve_voltage_dependent(self.case.zip_loads)
        self.v = self._voltages(self.v)
        return self.case.s_static

    def _voltages(self, v: Complexes) -> Complexes:
        """Solve from these voltages, by sweeps where they settle and Newton elsewhere."""
        if self._bare:  # the reference alone
            return v
        if self._sweeper is not None:
            swept = v.copy()
            sweeps = self._sweeper.solve(swept, self.s)
            if sweeps > 0:
                self.iterations = sweeps
                self._branch.follow(swept)
                return swept
        return self._by_newton(v)

    def _by_newton(self, v: Complexes) -> Complexes:
        """Solve from these voltages; failing that, once more from pandapower's."""
        case = self.case
        error = ""
        for start in (v, case.v_start):
            solved = self._newton.solve(
                case.ybus, start, self.s, case.ref, self._slack_weights, case.pv, case.pq,
                MAX_ITERATIONS, self._tolerance_pu,
            )  # fmt: skip
            if solved:
                # A copy: get_V shows the solver's own memory, which the next call changes.
                result: Complexes = self._newton.get_V().copy()
                if self._branch.holds(result, self.s):
                    self.iterations = self._newton.get_nb_iter()
                    return result
                error = "only a solution beyond voltage collapse was found"
            else:
                error = self._newton.get_error().name
            self._newton.reset()
        raise self._report(*self.worst_node(v), error)

    def _solve_voltage_dependent(self, zip_loads: Any) -> Complexes:
        """Iterate S(V) of the network's own loads; return the static part that held."""
        given = self.s - self.case.s_static
        v = self.v
        before = np.zeros_like(given)
        for _ in range(MAX_ZIP_ROUNDS):
            change = zip_loads.injection_change(np.abs(v))
            self.s[:] = given + self.case.s_static + change
            v = self._voltages(v)
            if np.abs(change - before).max() <= ZIP_TOLERANCE_PU:
                self.v = v
                static: Complexes = self.case.s_static + change
                return static
            before = change
        raise self._report(*self.worst_node(v), "voltage-dependent loads did not settle")

    def worst_node(self, v: Complexes) -> tuple[int, float]:
        """Node of largest mismatch at these voltages, references aside. [1], [p.u.]"""
        case = self.case
        node_powers(*self.matrix, v, self.taken)
        gap = np.abs(np.where(case.kind == 0, self.taken - self.s, (self.taken - self.s).real))
        gap[case.ref] = 0.0
        node = int(np.argmax(gap))
        return node, float(gap[node])

    def set_reference(self, vm_pu: float) -> None:
        """Set the voltage of all references; the next solution starts from voltages alike."""
        case = self.case
        ratio = vm_pu / np.abs(self.v[case.ref])
        if case.pv.size or case.ref.size > 1:
            self.v[case.ref] *= ratio
        else:
            self.v *= ratio[0]
        case.v_start[case.ref] = self.v[case.ref]
