"""Which of a power flow's solutions a network can be in: the one it comes to from no load.

Near voltage collapse a second solution, of low voltage, lies close to the right one, and Newton
may land there. With loads of constant power, V = w + Z conj(S/V); going from no load to full
load, the Jacobian of the power flow first turns singular where an eigenvalue of A conj(A),
A = Z diag(conj(S) / conj(V)²), reaches 1. For two buses it is |Z S| / |V|², and the products of
both solutions' voltages show that it is below 1 at the upper one alone.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.sparse import csc_matrix
from scipy.sparse.linalg import ArpackNoConvergence, LinearOperator, eigs, splu

from ._kernels import REFERENCE
from .case import Case, Complexes
from .jacobian import jacobian

__all__ = ["Branch"]

FAMILIAR_PU = 0.02
"""Voltages that moved less since the last look are taken to be on the same branch. [p.u.]"""
LOW_PU = 0.9
"""Below this every solution of Newton's is looked at. [p.u.]"""
DENSE = 150
"""Up to this many nodes all eigenvalues are computed at once."""


class Branch:
    """Tells the solution that a network comes to from no load from those of low voltage.

    Parameters
    ----------
    case : Case

    Notes
    -----
    A solution that sweeps converge to is an attracting fixed point of V = w + Z conj(S/V), so
    that no eigenvalue is beyond 1: it needs no look [1]_. Where voltages are held (PV nodes) the
    sign of the Jacobian's determinant has to be that of pandapower's own solution, which one
    crossing changes and two would not.

    References
    ----------
    .. [1] C. Wang, A. Bernstein, J.-Y. Le Boudec and M. Paolone, "Explicit conditions on
       existence and uniqueness of load-flow solutions in distribution networks," IEEE Trans.
       Smart Grid, vol. 9, no. 2, 2018. (the eigenvalue condition is derived here)
    """

    def __init__(self, case: Case) -> None:
        self._case = case
        self._known: Complexes = case.v_start.copy()
        self._sign: float | None = None

    def follow(self, v: Complexes) -> None:
        """Take voltages that are known to be on the right branch."""
        self._known = v

    def holds(self, v: Complexes, s: Complexes) -> bool:
        """Tell whether a solution is on the branch that begins at no load.

        Parameters
        ----------
        v, s : (n_node,) complex128 array
            Voltages, and the injections that they belong to. [p.u.]
        """
        moved = np.abs(v - self._known).max() > FAMILIAR_PU
        if (moved or np.abs(v).min() < LOW_PU) and not self._is_upper(v, s):
            return False
        self._known = v
        return True

    def _is_upper(self, v: Complexes, s: Complexes) -> bool:
        if self._case.pv.size:
            if self._sign is None:
                self._sign = self._determinant_sign(self._case.v_start)
            return self._determinant_sign(v) == self._sign
        return largest_eigenvalue(self._case, v, s) < 1.0

    def _determinant_sign(self, v: Complexes) -> float:
        factors = splu(jacobian(self._case, v)[0])
        signs = np.sign(factors.L.diagonal()).prod() * np.sign(factors.U.diagonal()).prod()
        return float(signs * _parity(factors.perm_r) * _parity(factors.perm_c))


def largest_eigenvalue(case: Case, v: Complexes, s: Complexes) -> float:
    """Largest real part of the eigenvalues of A conj(A) at a solution; 1 at the nose. [1]

    Parameters
    ----------
    case : Case
        Without voltages that are held.
    v, s : (n_node,) complex128 array
        Voltages and injections. [p.u.]
    """
    inner = np.flatnonzero(case.kind != REFERENCE)
    factors = splu(csc_matrix(case.ybus[inner][:, inner]))
    ratio = np.conj(s[inner]) / np.conj(v[inner]) ** 2

    def twice(x: Complexes) -> Complexes:
        once = factors.solve(ratio * np.conj(x.ravel()))
        result: Complexes = factors.solve(ratio * np.conj(once))
        return result

    size = inner.size
    if size > DENSE:
        operator = LinearOperator((size, size), matvec=twice, dtype=np.complex128)
        start = np.ones(size, dtype=np.complex128)
        try:
            found: Any = eigs(
                operator, k=4, which="LR", v0=start, return_eigenvectors=False, tol=1e-6
            )
        except ArpackNoConvergence as fault:
            found = fault.eigenvalues
        largest = np.max(np.real(found), initial=-np.inf)
        if np.isfinite(largest):
            return float(largest)
    a = factors.solve(np.diag(ratio))
    return float(np.linalg.eigvals(a @ a.conj()).real.max())


def _parity(order: object) -> int:
    """Sign of a permutation."""
    places = np.asarray(order)
    seen = np.zeros(places.size, dtype=np.bool_)
    sign = 1
    for start in range(places.size):
        at, length = start, 0
        while not seen[at]:
            seen[at] = True
            at, length = int(places[at]), length + 1
        if length and length % 2 == 0:
            sign = -sign
    return sign
