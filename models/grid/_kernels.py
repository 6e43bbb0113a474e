"""What surrounds the power flow's linear algebra in every tick: arrays in, arrays out."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Complexes = NDArray[np.complex128]
Ints = NDArray[np.int64]
MatrixIndex = NDArray[np.int32]

PQ, PV, REFERENCE = 0, 1, 2


@njit(cache=True, nogil=True)
def gather_injection(
    p_mw: Floats,
    q_mvar: Floats,
    node_of_bus: Ints,
    s_static: Complexes,
    base_mva: float,
    s: Complexes,
) -> int:
    """Add the injections at the buses onto the nodes that the solver knows.

    Parameters
    ----------
    p_mw, q_mvar : (n_bus,) float64 array
        Injection into the grid. [MW], [Mvar]
    node_of_bus : (n_bus,) int64 array
        Node of each bus; -1 for a de-energised bus, whose injection is ignored.
    s_static : (n_node,) complex128 array
        Injection of what stayed in the network. [p.u.]
    base_mva : float
        Base power. [MVA]
    s : (n_node,) complex128 array
        Result: injection at each node. [p.u.]

    Returns
    -------
    int
        The first bus whose injection is not finite, or -1.
    """
    s[:] = s_static
    for bus in range(p_mw.size):
        if not np.isfinite(p_mw[bus] + q_mvar[bus]):
            return bus
        node = node_of_bus[bus]
        if node >= 0:
            s[node] += complex(p_mw[bus], q_mvar[bus]) / base_mva
    return -1


@njit(cache=True, nogil=True)
def node_powers(
    indptr: MatrixIndex,
    indices: MatrixIndex,
    admittance: Complexes,
    v: Complexes,
    taken: Complexes,
) -> None:
    """Compute V·conj(YV), the power that the network takes from each node.

    Parameters
    ----------
    indptr, indices : int32 array
        Bus admittance matrix in compressed columns.
    admittance : (n_nonzero,) complex128 array
        Its values. [p.u.]
    v : (n_node,) complex128 array
        Voltages. [p.u.]
    taken : (n_node,) complex128 array
        Result. [p.u.]
    """
    taken[:] = 0.0
    for column in range(v.size):
        for k in range(indptr[column], indptr[column + 1]):
            taken[indices[k]] += admittance[k] * v[column]
    for node in range(v.size):
        taken[node] = v[node] * np.conj(taken[node])


@njit(cache=True, nogil=True)
def read_network(
    indptr: MatrixIndex,
    indices: MatrixIndex,
    admittance: Complexes,
    v: Complexes,
    s: Complexes,
    s_static: Complexes,
    kind: Ints,
    node_of_bus: Ints,
    lead_of_node: Ints,
    p_mw: Floats,
    q_mvar: Floats,
    base_mva: float,
    taken: Complexes,
    vm_pu: Floats,
    p_bus_mw: Floats,
    q_bus_mvar: Floats,
    totals: Floats,
) -> None:
    """Read off a solved network what the buses see and how well it balances.

    Parameters
    ----------
    indptr, indices, admittance : arrays
        Bus admittance matrix in compressed columns. [p.u.]
    v, s, s_static : (n_node,) complex128 array
        Voltages, specified injections, and the part of them that stayed in the
        network. [p.u.]
    kind : (n_node,) int64 array
        PQ, PV or REFERENCE.
    node_of_bus : (n_bus,) int64 array
        Node of each bus, -1 when it is de-energised.
    lead_of_node : (n_node,) int64 array
        The bus that answers for its node's balance, -1 for a node without a bus.
    p_mw, q_mvar : (n_bus,) float64 array
        What was injected at each bus. [MW], [Mvar]
    base_mva : float
        Base power. [MVA]
    taken : (n_node,) complex128 array
        Result: power into the network at each node. [p.u.]
    vm_pu, p_bus_mw, q_bus_mvar : (n_bus,) float64 array
        Result: voltage magnitude, and power into the network at each bus.
        [p.u.], [MW], [Mvar]
    totals : (5,) float64 array
        Result: P and Q at the boundary, losses, worst mismatch and its node.
        [MW], [Mvar], [MW], [p.u.], [1]
    """
    node_powers(indptr, indices, admittance, v, taken)
    for bus in range(node_of_bus.size):
        node = node_of_bus[bus]
        vm_pu[bus] = abs(v[node]) if node >= 0 else 0.0
        p_bus_mw[bus] = p_mw[bus] if node >= 0 else 0.0
        q_bus_mvar[bus] = q_mvar[bus] if node >= 0 else 0.0
    boundary = 0.0 + 0.0j
    losses = 0.0
    worst = 0.0
    worst_node = -1
    for node in range(v.size):
        losses += taken[node].real
        gap = taken[node] - s[node]
        if kind[node] == REFERENCE:
            boundary += gap
        else:
            size = abs(gap.real) if kind[node] == PV else abs(gap)
            if not size <= worst:  # a NaN counts as the worst
                worst = size
                worst_node = node
        lead = lead_of_node[node]
        if lead >= 0:
            extra = (gap + s_static[node]) * base_mva
            p_bus_mw[lead] += extra.real
            q_bus_mvar[lead] += extra.imag
    totals[0] = boundary.real * base_mva
    totals[1] = boundary.imag * base_mva
    totals[2] = losses * base_mva
    totals[3] = worst
    totals[4] = worst_node


@njit(cache=True, nogil=True)
def largest_loading(
    from_node: Ints,
    to_node: Ints,
    of_from: Complexes,
    of_to: Complexes,
    per_from: Floats,
    per_to: Floats,
    v: Complexes,
) -> float:
    """Find the largest loading of m branches. [%]

    Parameters
    ----------
    from_node, to_node : (m,) int64 array
    of_from, of_to : (2, m) complex128 array
        Admittances to both nodes, of the currents into the first and the second end. [p.u.]
    per_from, per_to : (m,) float64 array
        Loading per current into either end; 0 where it does not count. [%/p.u.]
    v : (n_node,) complex128 array
        Voltages. [p.u.]
    """
    largest = 0.0
    for branch in range(from_node.size):
        v_from, v_to = v[from_node[branch]], v[to_node[branch]]
        i_from = of_from[0, branch] * v_from + of_from[1, branch] * v_to
        i_to = of_to[0, branch] * v_from + of_to[1, branch] * v_to
        largest = max(largest, per_from[branch] * abs(i_from), per_to[branch] * abs(i_to))
    return largest


@njit(cache=True, nogil=True)
def all_loadings(
    from_node: Ints,
    to_node: Ints,
    of_from: Complexes,
    of_to: Complexes,
    per_from: Floats,
    per_to: Floats,
    v: Complexes,
    percent: Floats,
) -> None:
    """Find the loading of each of m branches, written to `percent`; see `largest_loading`. [%]"""
    for branch in range(from_node.size):
        v_from, v_to = v[from_node[branch]], v[to_node[branch]]
        i_from = of_from[0, branch] * v_from + of_from[1, branch] * v_to
        i_to = of_to[0, branch] * v_from + of_to[1, branch] * v_to
        percent[branch] = max(per_from[branch] * abs(i_from), per_to[branch] * abs(i_to))


@njit(cache=True, nogil=True)
def sweep(
    lower_ptr: MatrixIndex,
    lower_row: MatrixIndex,
    lower: Complexes,
    upper_ptr: MatrixIndex,
    upper_row: MatrixIndex,
    upper: Complexes,
    upper_diagonal_inverse: Complexes,
    place_of_row: MatrixIndex,
    place_of_column: MatrixIndex,
    inner: Ints,
    reference: MatrixIndex,
    y_reference: Complexes,
    tolerance_pu: float,
    max_sweeps: int,
    current: Complexes,
    x: Complexes,
    s: Complexes,
    v: Complexes,
) -> int:
    """Solve Y·V = conj(S/V) by sweeps through factors of Y that never change.

    Parameters
    ----------
    lower_ptr, lower_row, lower : arrays
        Strictly lower factor of Y between the inner nodes, compressed columns; its
        diagonal is one. [p.u.]
    upper_ptr, upper_row, upper, upper_diagonal_inverse : arrays
        Strictly upper factor, and one over its diagonal. [p.u.]
    place_of_row, place_of_column : (n_inner,) int32 array
        Where rows and columns of Y went in the factors.
    inner : (n_inner,) int64 array
        Nodes whose voltage is sought.
    reference : (n_reference,) int32 array
        Nodes whose voltage is given.
    y_reference : (n_inner, n_reference) complex128 array
        Admittance between both. [p.u.]
    tolerance_pu : float
        Largest mismatch that counts as solved. [p.u.]
    max_sweeps : int
        When to give up.
    current, x : (n_inner,) complex128 array
        Work space.
    s : (n_node,) complex128 array
        Injection at each node. [p.u.]
    v : (n_node,) complex128 array
        Start and result. [p.u.]

    Returns
    -------
    int
        Sweeps taken, or -1: `v` is then of no use.

    Notes
    -----
    The implicit Z-bus Gauss method [1]_. After a sweep Y·V holds the currents of
    the voltages before it, so the mismatch is S·(V/V_before − 1), at no cost.

    References
    ----------
    .. [1] T.-H. Chen et al., "Distribution system power flow analysis – a rigid
       approach," IEEE Trans. Power Delivery, vol. 6, no. 3, pp. 1146–1152, 1991.
    """
    before = np.inf
    for count in range(max_sweeps):
        for i in range(inner.size):
            voltage = v[inner[i]]
            size = voltage.real * voltage.real + voltage.imag * voltage.imag
            current[i] = np.conj(s[inner[i]]) * voltage / size
            right = current[i]
            for r in range(reference.size):
                right -= y_reference[i, r] * v[reference[r]]
            x[place_of_row[i]] = right
        for j in range(inner.size):
            for k in range(lower_ptr[j], lower_ptr[j + 1]):
                x[lower_row[k]] -= lower[k] * x[j]
        for j in range(inner.size - 1, -1, -1):
            x[j] *= upper_diagonal_inverse[j]
            for k in range(upper_ptr[j], upper_ptr[j + 1]):
                x[upper_row[k]] -= upper[k] * x[j]
        worst = 0.0
        for i in range(inner.size):
            step = x[place_of_column[i]] - v[inner[i]]
            size = abs(current[i].real) + abs(current[i].imag)
            size *= abs(step.real) + abs(step.imag)
            if not size <= worst:
                worst = size
            v[inner[i]] += step
        if worst <= tolerance_pu:
            return count + 1
        if not worst < before:
            return -1
        before = worst
    return -1
