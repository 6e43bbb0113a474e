"""How far the buses of a network are apart, electrically."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from .case import Case, Complexes, Floats


def electrical_distance_ohm(case: Case) -> Floats:
    """Impedance between any two buses, |Zii + Zjj − 2 Zij| of the series network.

    Returns
    -------
    (n_bus, n_bus) float64 array
        Ohms at the lowest nominal voltage of the network; infinite between buses
        that nothing connects, and to those without supply. [ohm]

    Notes
    -----
    It is the resistance distance of Klein and Randić [1]_ with impedances for
    resistances, the Thévenin impedance seen between the two buses [2]_; on a
    radial feeder the impedance of the path. Shunts, taps and phase shifts of
    transformers are left out, so that it is a distance of wires alone.

    References
    ----------
    .. [1] D. J. Klein and M. Randić, "Resistance distance," J. Math. Chem., vol. 12,
       pp. 81–95, 1993.
    .. [2] P. Cuffe and A. Keane, "Visualizing the electrical structure of power
       systems," IEEE Syst. J., vol. 11, no. 3, pp. 1810–1821, 2017.
    """
    n_node = case.v_start.size
    apart = np.full((n_node, n_node), np.inf)
    laplacian, islands = _series_network(case)
    for island in range(int(islands.max()) + 1):
        nodes = np.flatnonzero(islands == island)
        z = np.zeros((nodes.size, nodes.size), dtype=np.complex128)
        # Any node may be the ground: the distance does not depend on it.
        z[1:, 1:] = np.linalg.inv(laplacian[np.ix_(nodes[1:], nodes[1:])])
        own = np.diag(z)
        apart[np.ix_(nodes, nodes)] = np.abs(own[:, None] + own[None, :] - z - z.T)
    z_base_ohm = float(case.base_kv.min()) ** 2 / case.base_mva
    alive = np.flatnonzero(case.node_of_bus >= 0)
    distance = np.full((case.node_of_bus.size, case.node_of_bus.size), np.inf)
    np.fill_diagonal(distance, 0.0)
    nodes = case.node_of_bus[alive]
    distance[np.ix_(alive, alive)] = apart[np.ix_(nodes, nodes)] * z_base_ohm
    return distance


def _series_network(case: Case) -> tuple[Complexes, NDArray[np.int32]]:
    """Admittance matrix of the series impedances alone, and each node's island."""
    n_node = case.v_start.size
    y = 1 / case.z_branch
    first, second = case.from_node, case.to_node
    rows = np.concatenate([first, second, first, second])
    columns = np.concatenate([second, first, first, second])
    laplacian = coo_matrix(
        (np.concatenate([-y, -y, y, y]), (rows, columns)), shape=(n_node, n_node)
    )
    wires = coo_matrix((np.ones(first.size), (first, second)), shape=(n_node, n_node))
    _, islands = connected_components(wires, directed=False)
    return laplacian.toarray(), islands
