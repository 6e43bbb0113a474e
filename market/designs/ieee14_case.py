"""The 14-bus case's peers, bounds and prices over time, and the rules of trading in it.

In the paper's units, MW and $/MWh, with injection positive.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .problem import DesignError

__all__ = ["STEP_H", "Case", "Rules"]

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

STEP_H = 0.5
"""Length of a period. [h]"""


@dataclass(frozen=True, eq=False, kw_only=True)
class Case:
    """Peers, their costs and bounds, and the market price, over periods of half an hour.

    Attributes
    ----------
    start : str
        When the first period begins, as ISO 8601.
    kinds : (n,) tuple of str
        "consumer", "wind", "pv", "gas" or "coal".
    buses : (n,) tuple of int
    community : (n,) int64 array
        Position of each peer's community, from 0.
    a, b : (n,) float array
        Cost a/2 P² + b P of injecting P. [$/MWh per MW], [$/MWh]
    low_mw, high_mw : (t, n) float array
        Bounds on injection. [MW]
    price : (t,) float array
        Market price π. [$/MWh]

    Raises
    ------
    DesignError
        With every fault.
    """

    start: str
    kinds: tuple[str, ...]
    buses: tuple[int, ...]
    community: Ints
    a: Floats
    b: Floats
    low_mw: Floats
    high_mw: Floats
    price: Floats

    def __post_init__(self) -> None:
        for name in ("a", "b", "low_mw", "high_mw", "price"):
            object.__setattr__(self, name, np.ascontiguousarray(getattr(self, name), np.float64))
        object.__setattr__(self, "community", np.asarray(self.community, np.int64))
        if faults := _case_faults(self):
            raise DesignError(faults)

    def __len__(self) -> int:
        return self.price.size

    @property
    def n_peers(self) -> int:
        """Without the grid."""
        return len(self.kinds)

    @property
    def consumers(self) -> list[int]:
        """Positions of those who only buy."""
        return [n for n, kind in enumerate(self.kinds) if kind == "consumer"]

    def periods(self, chosen: slice | Sequence[int]) -> Case:
        """The same case over some of its periods, whose start is that of the first of them."""
        rows = np.arange(len(self))[chosen]
        return Case(
            start=self.moment(int(rows[0]) if rows.size else 0),
            kinds=self.kinds,
            buses=self.buses,
            community=self.community,
            a=self.a,
            b=self.b,
            low_mw=self.low_mw[rows],
            high_mw=self.high_mw[rows],
            price=self.price[rows],
        )

    def at(self, moment: str) -> int:
        """The period that begins at a moment, ISO 8601; a DesignError if it is not in the case."""
        minutes = (np.datetime64(moment) - np.datetime64(self.start)) / np.timedelta64(1, "m")
        period = minutes / (60 * STEP_H)
        if period != int(period) or not 0 <= period < len(self):
            reach = f"{self.start} to {self.moment(len(self) - 1)}"
            raise DesignError([f"{moment}: no half-hour of the case; it has {reach}"])
        return int(period)

    def moment(self, period: int) -> str:
        """When a period begins, ISO 8601."""
        return str(np.datetime64(self.start, "m") + np.timedelta64(30, "m") * period)


def _case_faults(case: Case) -> list[str]:
    """Everything that keeps a case from being solved, one line each."""
    n, t = len(case.kinds), case.price.size
    wanted = {
        "buses": (len(case.buses), n),
        "community": (case.community.shape, (n,)),
        "a": (case.a.shape, (n,)),
        "b": (case.b.shape, (n,)),
        "low_mw": (case.low_mw.shape, (t, n)),
        "high_mw": (case.high_mw.shape, (t, n)),
    }
    faults = [
        f"{key}: {has}; expected {want}" for key, (has, want) in wanted.items() if has != want
    ]
    if faults:
        return faults
    for name in ("a", "b", "low_mw", "high_mw", "price"):
        for place in np.argwhere(~np.isfinite(getattr(case, name)))[:5]:
            faults.append(f"{name}{place.tolist()}: no number")
    for t_, n_ in np.argwhere(case.low_mw > case.high_mw)[:5]:
        low, high = case.low_mw[t_, n_], case.high_mw[t_, n_]
        faults.append(f"period {t_}, peer {n_ + 1}: bounds {low:g} to {high:g} MW are crossed")
    for n_ in np.flatnonzero((case.a <= 0) & (case.low_mw < case.high_mw).any(axis=0)):
        faults.append(
            f"peer {n_ + 1}: a = {case.a[n_]:g} $/MWh per MW, but its injection is free; "
            "expected more than 0, 1e-6 for a cost that is linear for all purposes"
        )
    for n_ in np.flatnonzero((case.low_mw < 0).any(axis=0) & (case.high_mw > 0).any(axis=0)):
        faults.append(f"peer {n_ + 1}: both sells and buys; expected bounds of one sign")
    missing = set(range(int(case.community.max(initial=-1)) + 1)) - set(case.community.tolist())
    faults += [f"community C{c + 1}: no members" for c in sorted(missing)]
    return faults


@dataclass(frozen=True, kw_only=True)
class Rules:
    """What trading costs in the case, as the paper has it.

    Attributes
    ----------
    tariff : float
        What the grid asks above the market price and pays below it. [$/MWh]
    gamma : float
        Cost of a trade between peers, once per traded MWh. [$/MWh]
    between : tuple of float
        Cost of a sale between communities C1–C2, C1–C3, C2–C3, in the hybrid; the paper gives the
        three numbers, which pair has which is our reading. [$/MWh]

    Raises
    ------
    DesignError
        Costs with which a detour or a round trip would pay; what to change.
    """

    tariff: float = 10.0
    gamma: float = 0.001
    between: tuple[float, float, float] = (2.0, 1.0, 1.5)

    def __post_init__(self) -> None:
        faults = []
        if not np.isfinite([self.tariff, self.gamma, *self.between]).all():
            faults.append("tariff, gamma, between: expected numbers")
        if not 0 <= self.gamma <= self.tariff:
            faults.append(f"gamma: {self.gamma:g} $/MWh; expected 0 to the tariff, {self.tariff:g}")
        if min(self.between) < self.gamma:
            faults.append(
                f"between: {min(self.between):g} $/MWh; expected at least gamma, {self.gamma:g}: "
                "below it, peers of one community would trade by way of another"
            )
        longest = max(self.between)
        if longest + self.gamma > sum(self.between) - longest + 1e-12:
            faults.append(
                f"between: {longest:g} $/MWh exceeds the way round by the third community less "
                f"gamma, {sum(self.between) - longest - self.gamma:g}; lower it to that"
            )
        if faults:
            raise DesignError(faults)
