"""The pairing's transport problem: move what is sold to where it is bought at the least fee."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ._kernels_pairing import transport

__all__ = ["EXACT_CELLS", "PairingError", "least_fee_flow", "prove_optimal"]

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

#: Above this many pairs the cheapest pair is served first instead of the best whole.
EXACT_CELLS = 250_000

_LAST = np.iinfo(np.int64).max


class PairingError(ValueError):
    """A clearing that cannot be paired without a peer trading with itself."""


def least_fee_flow(sold_wh: Ints, bought_wh: Ints, fee_ticks: Ints, forbidden: Bools) -> Ints:
    """Solve the transport problem of the pairing, in whole Wh.

    Up to `EXACT_CELLS` pairs the result is optimal, and proven so in integers by its dual values
    before it is returned. Beyond, the cheapest pair is served first: feasible, not optimal.

    Parameters
    ----------
    sold_wh, bought_wh : (n,), (m,) int64 array
        With equal sums. [Wh]
    fee_ticks : (n, m) int64 array
        [µ€/Wh]
    forbidden : (n, m) bool array
        Pairs that must stay empty, at most one in a row or column, and none so large that it is
        needed.

    Returns
    -------
    (n, m) int64 array
        [Wh]
    """
    if sold_wh.sum() != bought_wh.sum():
        raise PairingError(
            f"{sold_wh.sum()} Wh are sold but {bought_wh.sum()} Wh bought; the clearing does not "
            f"balance"
        )
    if fee_ticks.size == 0:
        return np.zeros(fee_ticks.shape, dtype=np.int64)
    if fee_ticks.size > EXACT_CELLS:
        return _cheapest_first(sold_wh, bought_wh, fee_ticks, forbidden)
    spread = int(fee_ticks.max() - fee_ticks.min()) + 1
    cost = np.where(forbidden, fee_ticks.max() + spread * sum(fee_ticks.shape), fee_ticks)
    flow = np.zeros_like(cost)
    values = np.zeros(cost.shape[0], np.int64), np.zeros(cost.shape[1], np.int64)
    transport(sold_wh, bought_wh, cost, flow, *values)
    prove_optimal(np.where(forbidden, -flow, flow), sold_wh, bought_wh, cost, *values)
    return flow


def prove_optimal(
    flow: Ints, supply: Ints, demand: Ints, cost: Ints, row_value: Ints, column_value: Ints
) -> None:
    """Refuse a flow unless it moves all, no cell is below its ends' values, and used cells meet.

    Raises
    ------
    AssertionError
        The flow is not optimal, which is a fault of ours.
    """
    reduced = cost - row_value[:, None] - column_value
    moved = (flow.sum(axis=1) == supply).all() and (flow.sum(axis=0) == demand).all()
    if not (moved and (flow >= 0).all() and (reduced >= 0).all() and not reduced[flow > 0].any()):
        raise AssertionError("the pairing is not optimal; report it with its book")


def _cheapest_first(sold_wh: Ints, bought_wh: Ints, fee_ticks: Ints, forbidden: Bools) -> Ints:
    flow = np.zeros(fee_ticks.shape, dtype=np.int64)
    left, wanted = sold_wh.tolist(), bought_wh.tolist()
    n_buyers = len(wanted)
    for cell in np.argsort(np.where(forbidden, _LAST, fee_ticks), axis=None, kind="stable"):
        i, j = divmod(int(cell), n_buyers)
        energy_wh = min(left[i], wanted[j])
        if energy_wh:
            left[i] -= energy_wh
            wanted[j] -= energy_wh
            flow[i, j] = energy_wh
    for i, j in zip(*np.nonzero(forbidden & (flow > 0)), strict=True):
        _swap_away(flow, int(i), int(j))
    return flow


def _swap_away(flow: Ints, i: int, j: int) -> None:
    """Empty one forbidden pair by exchanging partners with pairs of other peers."""
    for other_i, other_j in zip(*np.nonzero(flow), strict=True):
        if other_i == i or other_j == j:
            continue
        energy_wh = min(flow[i, j], flow[other_i, other_j])
        flow[i, j] -= energy_wh
        flow[other_i, other_j] -= energy_wh
        flow[i, other_j] += energy_wh
        flow[other_i, j] += energy_wh
        if flow[i, j] == 0:
            return
