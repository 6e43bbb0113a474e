"""Who stands in the way where no flow meets all bounds: peers first, then the network's rows."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.optimize import linprog

from .network import Network
from .problem import Agents, DesignError

__all__ = ["refuse_infeasible"]

Floats = NDArray[np.float64]


def refuse_infeasible(
    agents: Agents, out: sparse.csr_matrix, near_wh: float, network: Network | None
) -> None:
    """Say which nodes, or rows, cannot meet their bounds: those with slack where slack is least.

    Parameters
    ----------
    agents : Agents
        The nodes.
    out : (nodes, arcs) sparse matrix
        1 where an arc leaves, −1 where it ends.
    near_wh : float
        Slack that counts as none. [Wh]
    network : Network or None

    Raises
    ------
    DesignError
        When something has to give, with what.
    """
    n, arcs = out.shape
    lacks = np.where(agents.high_wh < 0, np.inf, 0.0)
    spare = np.where(agents.low_wh > 0, np.inf, 0.0)
    one = sparse.eye(n)
    balance: Any = sparse.hstack([one, -out, one, -one])
    missing = _least(agents, balance, np.concatenate([lacks, spare]), arcs, None).reshape(2, n)
    if missing.sum() > near_wh:
        raise DesignError(
            [
                f"peer {i}: must inject {agents.low_wh[i]:g} to {agents.high_wh[i]:g} Wh, but "
                f"{missing[:, i].sum():g} Wh of it find nobody to {verb} them; widen a bound "
                f"there or at its partners, or link it to others"
                for side, verb in ((0, "give"), (1, "take"))
                for i in np.flatnonzero(missing[side] > 0).tolist()
            ]
        )
    if network is not None:
        _refuse_rows(agents, out, near_wh, network)


def _refuse_rows(agents: Agents, out: sparse.csr_matrix, near_wh: float, network: Network) -> None:
    n, arcs = out.shape
    r = len(network)
    nothing = sparse.csr_matrix((n, 2 * r))
    balance: Any = sparse.hstack([sparse.eye(n), -out, nothing])
    beyond = _least(agents, balance, np.full(2 * r, np.inf), arcs, network)
    beyond = beyond.reshape(2, r).sum(axis=0)
    if beyond.sum() <= near_wh:
        return
    raise DesignError(
        [
            f"network: what peers must inject takes {network.names[i]} beyond its limits, "
            f"{network.low[i]:g} to {network.high[i]:g}, by {beyond[i] * network.size[i]:g}; widen "
            f"them or a peer's bounds"
            for i in np.flatnonzero(beyond * network.size > 0).tolist()
        ]
    )


def _least(
    agents: Agents, balance: Any, slack: Floats, arcs: int, network: Network | None
) -> Floats:
    """Find the least slack, whose columns are the last of the balance. [Wh]"""
    n, free = len(agents), np.zeros(arcs + slack.size)
    low = np.append(agents.low_wh, free)
    high = np.concatenate([agents.high_wh, np.full(arcs, np.inf), slack])
    rows: dict[str, Any] = {} if network is None else _rows(network, n, arcs)
    least = linprog(
        np.append(np.zeros(n + arcs), np.ones(slack.size)),
        A_eq=balance,
        b_eq=np.zeros(n),
        bounds=list(zip(low.tolist(), high.tolist(), strict=True)),
        **rows,
    )
    return np.asarray(least.x)[n + arcs :]


def _rows(network: Network, n: int, arcs: int) -> dict[str, Any]:
    """Rows at most at their limits, but for slack above and then below."""
    r, size = len(network), network.size
    factors = np.zeros((r, n))
    factors[:, : network.factors.shape[1]] = network.factors / size[:, None]
    flows, one, none = np.zeros((r, arcs)), np.eye(r), np.zeros((r, r))
    above = np.hstack([factors, flows, -one, none])
    below = np.hstack([-factors, flows, none, -one])
    upper, lower = np.isfinite(network.high), np.isfinite(network.low)
    return {
        "A_ub": np.vstack([above[upper], below[lower]]),
        "b_ub": np.append((network.high / size)[upper], -(network.low / size)[lower]),
    }
