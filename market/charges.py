"""Network charges: what a trade pays the grid's owner per Wh, by who trades with whom.

A charge is a matrix ``fee_ticks[seller, buyer]`` in µ€/Wh. *Road pricing* by electrical distance
is the exogenous charge of [1]_.

References
----------
.. [1] T. Baroche, P. Pinson, R. Le Goff Latimier and H. Ben Ahmed, "Exogenous cost allocation in
   peer-to-peer electricity markets," IEEE Trans. Power Syst., vol. 34, 2019.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["ChargeError", "distance_fees", "fee_cap_ticks", "uniform_fees"]

Ints = NDArray[np.int64]


class ChargeError(ValueError):
    """Distances or rates from which no charge can be made; mend them.

    Attributes
    ----------
    faults : tuple of str
        Everything that was wrong, one line each.
    """

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = tuple(faults)


def uniform_fees(n_peers: int, fee_ticks: int) -> Ints:
    """Charge every trade between two peers the same, whatever the path.

    Parameters
    ----------
    n_peers : int
    fee_ticks : int
        [µ€/Wh]

    Returns
    -------
    (n_peers, n_peers) int64 array
        Zero on the diagonal. [µ€/Wh]
    """
    if fee_ticks < 0:
        raise ChargeError([f"a fee of {fee_ticks} ticks is negative; expected 0 or more"])
    fees = np.full((n_peers, n_peers), fee_ticks, dtype=np.int64)
    np.fill_diagonal(fees, 0)
    return fees


def distance_fees(
    distance_ohm: ArrayLike,
    peer_bus: ArrayLike,
    *,
    ticks_per_ohm: float,
    minimum_ticks: int = 0,
    cap_ticks: int | None = None,
    free_within_bus: bool = True,
) -> Ints:
    """Charge a trade by the electrical distance between its two ends.

    Parameters
    ----------
    distance_ohm : (n_bus, n_bus) float array
        Symmetric, 0 on the diagonal; infinite between parts that are not connected. [Ω]
    peer_bus : (n_peers,) int array
        Position of each peer's bus.
    ticks_per_ohm : float
        Rate; the charge is rounded half up to whole ticks. [µ€/Wh/Ω]
    minimum_ticks, cap_ticks : int, optional
        Least and greatest charge. Unconnected parts need a cap. [µ€/Wh]
    free_within_bus : bool
        Peers at one bus trade free of charge, instead of for the minimum.

    Returns
    -------
    (n_peers, n_peers) int64 array
        Zero on the diagonal. [µ€/Wh]

    Raises
    ------
    ChargeError
        With every fault.
    """
    distance = np.asarray(distance_ohm, dtype=np.float64)
    bus = np.asarray(peer_bus, dtype=np.int64)
    faults = _rate_faults(ticks_per_ohm, minimum_ticks, cap_ticks)
    faults += _distance_faults(distance, bus, capped=cap_ticks is not None)
    if faults:
        raise ChargeError(faults)
    between: NDArray[np.float64] = distance[np.ix_(bus, bus)]
    most = np.inf if cap_ticks is None else cap_ticks
    with np.errstate(invalid="ignore"):  # a rate of 0 over an infinite distance
        fees = np.nan_to_num(np.floor(between * ticks_per_ohm + 0.5), nan=most, posinf=most)
    whole: Ints = np.clip(fees, minimum_ticks, most).astype(np.int64)
    if free_within_bus:
        whole[bus[:, None] == bus[None, :]] = 0
    np.fill_diagonal(whole, 0)
    return whole


def fee_cap_ticks(fee_ticks: Ints) -> int:
    """Give the most that any trade can be charged: who bids its value minus this never loses.

    The buyer pays the charge but learns its seller only after the clearing, so a buyer that must
    not pay above `value` bids at most ``value − fee_cap_ticks``. [µ€/Wh]
    """
    return int(fee_ticks.max(initial=0))


def _rate_faults(ticks_per_ohm: float, minimum_ticks: int, cap_ticks: int | None) -> list[str]:
    faults = []
    if not (np.isfinite(ticks_per_ohm) and ticks_per_ohm >= 0):
        faults.append(f"a rate of {ticks_per_ohm} ticks per ohm; expected 0 or more")
    if minimum_ticks < 0:
        faults.append(f"a least fee of {minimum_ticks} ticks is negative; expected 0 or more")
    if cap_ticks is not None and cap_ticks < minimum_ticks:
        faults.append(
            f"the cap of {cap_ticks} ticks is below the least fee of {minimum_ticks} ticks"
        )
    return faults


def _distance_faults(distance: NDArray[np.float64], bus: Ints, *, capped: bool) -> list[str]:
    if distance.ndim != 2 or distance.shape[0] != distance.shape[1]:
        return [f"distances have shape {distance.shape}; expected one row and column per bus"]
    n_bus = distance.shape[0]
    faults = [
        f"peer {i} stands at bus {bus[i]}, of {n_bus} buses"
        for i in np.flatnonzero((bus < 0) | (bus >= n_bus))
    ]
    if np.isnan(distance).any() or (distance < 0).any():
        faults.append("a distance is negative or not a number; expected ohms, 0 or more")
    elif not np.allclose(distance, distance.T, rtol=1e-9, atol=1e-9):
        faults.append("distances differ by direction; expected a symmetric matrix")
    if np.isinf(distance).any() and not capped:
        faults.append("some buses are not connected; give cap_ticks, or leave their peers out")
    return faults
