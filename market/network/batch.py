"""A batch of trades as columns: what they add to the peers' injections, and what is wrong."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["Batch", "batch_faults"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Trades as columns.

    Attributes
    ----------
    seller, buyer : (m,) int64 array
        Which peers.
    energy_wh : (m,) int64 array
        What they agreed on for the period, at least 0. [Wh]
    """

    seller: Ints
    buyer: Ints
    energy_wh: Ints

    @classmethod
    def of(cls, seller: ArrayLike, buyer: ArrayLike, energy_wh: ArrayLike) -> Self:
        """Take columns of whole numbers of any kind."""
        return cls(*(np.array(column, dtype=np.int64) for column in (seller, buyer, energy_wh)))

    def injection_kw(self, energy_wh: Floats | Ints, hours: float, n_peers: int) -> Floats:
        """What this energy, traded evenly over a period, adds to each peer's injection. [kW]"""
        power_kw = energy_wh / (1000 * hours)
        sold = np.bincount(self.seller, weights=power_kw, minlength=n_peers)
        bought = np.bincount(self.buyer, weights=power_kw, minlength=n_peers)
        total: Floats = sold.astype(np.float64) - bought
        return total


def batch_faults(
    batch: Batch, base_kw: Floats, caps_kw: Floats, worth: Floats, hours: float
) -> list[str]:
    """Find everything for which a batch cannot be admitted on this base."""
    n, m = base_kw.size, batch.energy_wh.size
    faults = []
    for name, column, size in (
        ("seller", batch.seller, m),
        ("buyer", batch.buyer, m),
        ("energy_wh", batch.energy_wh, m),
        ("worth", worth, m),
        ("base_kw", base_kw, n),
        ("caps_kw", caps_kw, n),
    ):
        if column.shape != (size,):
            faults.append(f"{name} has shape {column.shape}, expected ({size},)")
    if not 0 < hours < np.inf:
        faults.append(f"a period of {hours} h; expected more than 0")
    if faults:
        return faults
    faults += [
        f"base of peer {i}: {base_kw[i]} kW; expected a finite number"
        for i in np.flatnonzero(~np.isfinite(base_kw)).tolist()
    ]
    faults += [
        f"cap of peer {i}: {caps_kw[i]} kW; expected 0 or more"
        for i in np.flatnonzero(~(caps_kw >= 0)).tolist()
    ]
    faults += [
        f"worth of trade {i}: {worth[i]}; expected more than 0"
        for i in np.flatnonzero(~((worth > 0) & (worth < np.inf))).tolist()
    ]
    ends = np.stack([batch.seller, batch.buyer])
    wrong = (ends < 0).any(axis=0) | (ends >= n).any(axis=0) | (ends[0] == ends[1])
    faults += [
        f"trade {i}: from peer {ends[0, i]} to peer {ends[1, i]}, of {n} peers; expected two"
        for i in np.flatnonzero(wrong).tolist()
    ]
    return faults + [
        f"trade {i}: {batch.energy_wh[i]} Wh; expected 0 or more"
        for i in np.flatnonzero(batch.energy_wh < 0).tolist()
    ]
