"""Judging network charges: everything from which no charge can be made, one line a fault."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from .charges import Charges

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


def shape_faults(charges: Charges) -> list[str]:
    """Judge shapes and types of charges."""
    fees, place = charges.fee_ticks, charges.place
    faults = []
    if fees.ndim != 2 or fees.shape[0] != fees.shape[1] or fees.dtype != np.int64:
        faults.append(
            f"fees are {fees.dtype} {fees.shape}; expected int64 and one row and column per place"
        )
    if place.ndim != 1 or place.dtype != np.int64:
        faults.append(f"places are {place.dtype} {place.shape}; expected one int64 per peer")
    for name in ("entry", "exit"):
        part = getattr(charges, f"{name}_ticks")
        if part is not None and (part.dtype != np.int64 or part.shape != fees.shape[:1]):
            faults.append(
                f"{name} fees are {part.dtype} {part.shape}; expected one int64 per place"
            )
    return faults


def place_faults(place: Ints, n_places: int) -> list[str]:
    """Say which peers stand at no place."""
    return [
        f"peer {i} stands at place {place[i]}, of {n_places} places"
        for i in np.flatnonzero((place < 0) | (place >= n_places))
    ]


def table_faults(fee_ticks: Ints) -> list[str]:
    """Say which fees are negative."""
    return [
        f"a fee of {fee_ticks[i, j]} ticks from place {i} to {j} is negative; expected 0 or more"
        for i, j in np.argwhere(fee_ticks < 0)
    ]


def node_faults(charges: Charges) -> list[str]:
    """Judge entry and exit fees beside those of the pairs."""
    entry, leave = charges.entry_ticks, charges.exit_ticks
    if entry is None and leave is None:
        return []
    if entry is None or leave is None:
        return ["one of entry and exit fees is missing; give both or neither"]
    if (entry < 0).any() or (leave < 0).any():
        return ["an entry or exit fee is negative; expected 0 ticks or more"]
    if (entry[:, None] + leave != charges.fee_ticks).any():
        return ["entry and exit fees do not add up to the fees of the pairs"]
    return []


def rate_faults(unit: str, ticks: float, minimum_ticks: int, cap_ticks: int | None) -> list[str]:
    """Judge a rate and the bounds of a fee."""
    faults = []
    if not (np.isfinite(ticks) and ticks >= 0):
        faults.append(f"a rate of {ticks} ticks per {unit}; expected 0 or more")
    if minimum_ticks < 0:
        faults.append(f"a least fee of {minimum_ticks} ticks is negative; expected 0 or more")
    if cap_ticks is not None and cap_ticks < minimum_ticks:
        faults.append(
            f"the cap of {cap_ticks} ticks is below the least fee of {minimum_ticks} ticks"
        )
    return faults


def distance_faults(distance: Floats, *, capped: bool) -> list[str]:
    """Judge electrical distances."""
    if distance.ndim != 2 or distance.shape[0] != distance.shape[1]:
        return [f"distances have shape {distance.shape}; expected one row and column per bus"]
    faults = []
    if np.isnan(distance).any() or (distance < 0).any():
        faults.append("a distance is negative or not a number; expected ohms, 0 or more")
    elif not np.allclose(distance, distance.T, rtol=1e-9, atol=1e-9):
        faults.append("distances differ by direction; expected a symmetric matrix")
    if np.isinf(distance).any() and not capped:
        faults.append("some buses are not connected; give cap_ticks, or leave their peers out")
    return faults
