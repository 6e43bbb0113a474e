"""What a grid may be brought to, as rows that are linear in the injections of its peers.

The market knows no grid: it is handed one that can be made linear at any injection.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ..faulty import Faulty

__all__ = ["AdmissionError", "GridLimits", "LimitRows", "LinearisationLike", "Network"]

Floats = NDArray[np.float64]


class AdmissionError(Faulty):
    """Trades, limits or a base state from which nothing can be admitted; mend them."""


class LinearisationLike(Protocol):
    """A grid made linear at one injection of its n peers."""

    @property
    def vm_pu(self) -> Floats:
        """(n_bus,) voltage of each bus. [p.u.]"""
        ...

    @property
    def dv_dp_per_kw(self) -> Floats:
        """(n_bus, n) its slope by each peer's injection. [p.u./kW]"""
        ...

    @property
    def loading_percent(self) -> Floats:
        """(n_branch,) loading of each line and transformer. [%]"""
        ...

    @property
    def dloading_dp_per_kw(self) -> Floats:
        """(n_branch, n) its slope. [%/kW]"""
        ...

    @property
    def bus_names(self) -> tuple[str, ...]:
        """What the voltages are of."""
        ...

    @property
    def branch_names(self) -> tuple[str, ...]:
        """What the loadings are of."""
        ...


class Network(Protocol):
    """What admission needs of a grid."""

    def linearise(self, p_kw: Floats) -> LinearisationLike | None:
        """Linearise where the (n_peers,) injections are these; None where no solution exists."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class GridLimits:
    """What the grid may be brought to.

    Parameters
    ----------
    low_pu, high_pu : float
        Band of the voltage at every bus. [p.u.]
    loading_percent : float
        Of the rated current of every line and transformer. [%]
    margin_pu, margin_percent : float
        How far within its limits a linear program stays, so that the power flow, which is not
        quite linear, still holds them. [p.u.], [%]

    Raises
    ------
    AdmissionError
        With every fault.
    """

    low_pu: float = 0.90
    high_pu: float = 1.10
    loading_percent: float = 100.0
    margin_pu: float = 2e-5
    margin_percent: float = 0.02

    def __post_init__(self) -> None:
        faults = []
        if not (self.margin_pu >= 0 and self.margin_percent >= 0):
            faults.append(
                f"margins of {self.margin_pu} p.u. and {self.margin_percent} %; expected 0 or more"
            )
        if not 0 < self.low_pu + self.margin_pu < self.high_pu - self.margin_pu < np.inf:
            faults.append(
                f"a voltage band of {self.low_pu} to {self.high_pu} p.u. with a margin of "
                f"{self.margin_pu} p.u.; expected 0 < low < high"
            )
        if not self.margin_percent < self.loading_percent < np.inf:
            faults.append(
                f"a loading limit of {self.loading_percent} % with a margin of "
                f"{self.margin_percent} %; expected more than the margin"
            )
        if faults:
            raise AdmissionError(faults)


class LimitRows:
    """Every limit at one linearisation: at or below 0 it holds.

    Parameters
    ----------
    at : LinearisationLike
    limits : GridLimits

    Attributes
    ----------
    excess : (n_row,) float64 array
        How far beyond its limit each is, in percent of nominal voltage and of rated current. [%]
    slope : (n_row, n_peers) float64 array
        By the peers' injections. [%/kW]
    margin : (n_row,) float64 array
        How far within the limit a linear program stays. [%]

    Notes
    -----
    A loading is the modulus of a current that is nearly linear, so that it bends at 0: neither its
    tangent nor that tangent's negative is above it anywhere. Both are rows, so a program that turns
    a flow round sees the limit in the other direction too.
    """

    def __init__(self, at: LinearisationLike, limits: GridLimits) -> None:
        self._at, self._limits = at, limits
        vm, loading = 100 * at.vm_pu, at.loading_percent
        self.excess: Floats = np.concatenate(
            [
                vm - 100 * limits.high_pu,
                100 * limits.low_pu - vm,
                loading - limits.loading_percent,
                -loading - limits.loading_percent,
            ]
        )
        by_v, by_i = 100 * at.dv_dp_per_kw, at.dloading_dp_per_kw
        self.slope: Floats = np.concatenate([by_v, -by_v, by_i, -by_i])
        margins = np.array([100 * limits.margin_pu, limits.margin_percent])
        self.margin: Floats = np.repeat(margins, [2 * vm.size, 2 * loading.size])

    def describe(self, row: int, excess: float) -> str:
        """Say what a limit's excess means: which bus or branch, its value, and by how much."""
        limits, n_bus = self._limits, self._at.vm_pu.size
        if row < n_bus:
            at, limit, side = self._at.bus_names[row], limits.high_pu, "above"
        elif row < 2 * n_bus:
            at, limit, side = self._at.bus_names[row - n_bus], limits.low_pu, "below"
        else:
            branch = self._at.branch_names[(row - 2 * n_bus) % self._at.loading_percent.size]
            value = limits.loading_percent + excess
            return f"current through {branch}: {value:.1f} %" + _beyond(
                excess, f"{excess:.1f} % above {limits.loading_percent:g} %"
            )
        value_pu = limit + excess / 100 * (1 if side == "above" else -1)
        return f"voltage at {at}: {value_pu:.4f} p.u." + _beyond(
            excess, f"{excess / 100:.4f} p.u. {side} {limit:g} p.u."
        )


def _beyond(excess: float, how: str) -> str:
    return f", {how}" if excess > 0 else ", within the margin before its limit"
