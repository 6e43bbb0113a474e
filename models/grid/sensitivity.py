"""How voltages and branch loadings move with the injections: the grid, made linear at one state.

Whoever may not know the grid, such as a market that admits trades, works on these plain
arrays; a `PeerGrid` makes them anew for any injection of the peers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse import csc_matrix, diags_array
from scipy.sparse.linalg import splu

from .case import Case, Complexes, Floats, Ints
from .jacobian import jacobian
from .loading import Loading
from .state import PowerFlowDiverged

if TYPE_CHECKING:
    from .power_flow import Grid

__all__ = [
    "Linearisation",
    "PeerGrid",
    "branch_names",
    "linearise",
    "voltage_change",
]


@dataclass(frozen=True, slots=True, eq=False)
class Linearisation:
    """A grid's voltages and loadings at one state, and their slopes by m injections.

    Attributes
    ----------
    vm_pu : (n,) float64 array
        Voltage magnitude of the n live buses. [p.u.]
    dv_dp_per_kw, dv_dq_per_kvar : (n, m) float64 array
        Its slope by each injection; zero at references and held voltages. [p.u./kW], [p.u./kvar]
    loading_percent : (n_branch,) float64 array
        Larger current of both ends over the rated one, of every line and then every transformer
        with two windings; 0 out of service, and where no rating is given. [%]
    dloading_dp_per_kw, dloading_dq_per_kvar : (n_branch, m) float64 array
        Its slope; 0 where no current flows, since it has none there. [%/kW], [%/kvar]
    bus_names, branch_names : tuple of str
        What the rows are.
    """

    vm_pu: Floats
    dv_dp_per_kw: Floats
    dv_dq_per_kvar: Floats
    loading_percent: Floats
    dloading_dp_per_kw: Floats
    dloading_dq_per_kvar: Floats
    bus_names: tuple[str, ...]
    branch_names: tuple[str, ...]


class PeerGrid:
    """A grid as its peers see it: their injections in, a linearisation by peer out.

    Parameters
    ----------
    grid : Grid
        Solved anew at every call, so nobody else should rely on its state.
    peer_bus : (n_peers,) sequence of int
        Position of each peer's bus.

    Attributes
    ----------
    q_kvar : (n_peers,) float64 array
        Reactive injection, whatever the active one is; write into it. [kvar]
    """

    def __init__(self, grid: Grid, peer_bus: Sequence[int]) -> None:
        self._grid = grid
        self._peer_bus = np.array(peer_bus, dtype=np.int64)
        self.q_kvar = np.zeros(self._peer_bus.size)

    def linearise(self, p_kw: ArrayLike) -> Linearisation | None:
        """Solve for these injections and linearise there; None where there is no solution.

        Parameters
        ----------
        p_kw : (n_peers,) float array
            Injection of each peer, withdrawal negative. [kW]
        """
        try:
            self._grid.solve(self._per_bus_mega(p_kw), self._per_bus_mega(self.q_kvar))
        except PowerFlowDiverged:
            return None
        return linearise(self._grid, self._peer_bus)

    def _per_bus_mega(self, per_peer: ArrayLike) -> Floats:
        total = np.zeros(self._grid.n_bus)
        np.add.at(total, self._peer_bus, 1e-3 * np.asarray(per_peer, dtype=np.float64))
        return total


def linearise(grid: Grid, positions: Ints) -> Linearisation:
    """Make a grid linear in the injections at some buses.

    Parameters
    ----------
    grid : Grid
        In the state of its last solution.
    positions : (m,) int64 array
        Buses, by position; a bus may stand there several times.

    Notes
    -----
    Current into a branch is linear in the complex voltages, I = Y V, so that
    ∂|I|/∂x = Re(I* Y ∂V/∂x) / |I| [1]_. A loading is the modulus of something nearly linear:
    its tangent, and also its tangent's negative, lie nowhere above it.

    References
    ----------
    .. [1] K. Christakou, J.-Y. Le Boudec, M. Paolone and D.-C. Tomozei, "Efficient computation
       of sensitivity coefficients of node voltages and line currents in unbalanced radial
       electrical distribution networks," IEEE Trans. Smart Grid, vol. 4, no. 2, 2013.
       (equations as derived here; numbering unverified)
    """
    case, net, v = grid.case, grid._net, grid.v_node_pu
    live = np.flatnonzero(case.node_of_bus >= 0)
    nodes = case.node_of_bus[live]
    changes = voltage_change(grid, positions)
    direction = (v / np.abs(v)).conj()[:, None]
    by_p, by_q = ((direction * change).real[nodes] for change in changes)
    loading_percent, of_v = _loading(net, case, v)
    return Linearisation(
        vm_pu=np.abs(v)[nodes],
        dv_dp_per_kw=by_p,
        dv_dq_per_kvar=by_q,
        loading_percent=loading_percent,
        dloading_dp_per_kw=(of_v @ changes[0]).real,
        dloading_dq_per_kvar=(of_v @ changes[1]).real,
        bus_names=tuple(grid.bus_names[bus] for bus in live.tolist()),
        branch_names=branch_names(net),
    )


def voltage_change(grid: Grid, positions: Ints) -> tuple[Complexes, Complexes]:
    """How the complex voltages of all nodes move with the injections at some buses.

    Parameters
    ----------
    grid : Grid
        In the state of its last solution.
    positions : (m,) int64 array
        Buses, by position.

    Returns
    -------
    dv_dp, dv_dq : (n_node, m) complex128 array
        Zero for injections at references and dead buses. [p.u./kW], [p.u./kvar]

    Notes
    -----
    Columns of the inverse of the power flow's Jacobian in polar coordinates [1]_.

    References
    ----------
    .. [1] R. D. Zimmerman, "AC power flows, generalized OPF costs and their
       derivatives using complex matrix notation," MATPOWER Tech. Note 2, 2010.
    """
    case, v = grid.case, grid.v_node_pu
    matrix, row_of_p, row_of_q = jacobian(case, v)
    nodes, column = np.unique(case.node_of_bus[positions], return_inverse=True)
    solver = splu(matrix)
    changes = []
    for row_of in (row_of_p, row_of_q):
        row = np.where(nodes >= 0, row_of[nodes], -1)
        moved = np.flatnonzero(row >= 0)
        unit = np.zeros((matrix.shape[0], nodes.size))
        unit[row[moved], moved] = 1e-3 / case.base_mva
        polar = _solved(solver, unit)
        angle = np.where(row_of_p[:, None] >= 0, polar[row_of_p], 0.0)
        magnitude = np.where(row_of_q[:, None] >= 0, polar[row_of_q], 0.0)
        change = 1j * v[:, None] * angle + (v / np.abs(v))[:, None] * magnitude
        changes.append(change[:, column])
    return changes[0], changes[1]


COLUMNS_AT_ONCE = 64
"""SuperLU is twenty times slower per column with a thousand of them than with some dozen."""


def _solved(solver: Any, columns: Floats) -> Floats:
    """Solve for some columns at a time."""
    starts = range(0, columns.shape[1], COLUMNS_AT_ONCE)
    parts = [solver.solve(columns[:, at : at + COLUMNS_AT_ONCE]) for at in starts]
    solved: Floats = np.hstack(parts) if len(parts) > 1 else parts[0] if parts else columns
    return solved


def branch_names(net: Any) -> tuple[str, ...]:
    """Name every line and then every transformer once: nameless ones by table and index."""
    names: list[str] = []
    taken: set[str] = set()
    for table in ("line", "trafo"):
        for index, name in zip(net[table].index, net[table]["name"], strict=True):
            plain = f"{table} {index}"
            clear = name if isinstance(name, str) and name else plain
            clear = f"{clear} ({plain})" if clear in taken else clear
            taken.add(clear)
            names.append(clear)
    return tuple(names)


def _loading(net: Any, case: Case, v: Complexes) -> tuple[Floats, Any]:
    """Loading of every branch, and the rows that turn a change of voltages into its own. [%]"""
    yf, yt = csc_matrix(case.yf).tocsr(), csc_matrix(case.yt).tocsr()
    loading = Loading(net, case)
    branch, per_from, per_to = loading.branch, loading.per_from, loading.per_to
    i_from, i_to = (yf @ v)[branch], (yt @ v)[branch]
    at_from, at_to = per_from * np.abs(i_from), per_to * np.abs(i_to)
    from_counts = at_from >= at_to
    factor = _unit_conjugate(i_from) * np.where(from_counts, per_from, 0.0)
    other = _unit_conjugate(i_to) * np.where(from_counts, 0.0, per_to)
    percent: Floats = np.maximum(at_from, at_to)
    return percent, diags_array(factor) @ yf[branch] + diags_array(other) @ yt[branch]


def _unit_conjugate(current: Any) -> Complexes:
    size = np.abs(current)
    conjugate: Complexes = current.conj() / np.where(size > 0, size, 1.0)
    return conjugate
