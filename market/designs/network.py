"""What the network allows inside a design: linear limits on what peers inject together.

With PTDF factors a row is a line's flow in the DC network; with voltage sensitivities it is what
peers do to a voltage. The designs weigh such limits together with everybody's costs, so a row that
binds has a price of its own, and what a Wh is worth at a peer is its trade price less what the Wh
costs on the rows that it loads: ``w_n = λ_n − Σ_r factor_rn μ_r``. With PTDF factors that is the
locational marginal price of DC optimal power flow [1]_, up to losses, which a DC network has none
of. A design without such limits can be told afterwards whether it would have broken them (`loads`).

References
----------
.. [1] F. C. Schweppe, M. C. Caramanis, R. D. Tabors and R. E. Bohn, Spot Pricing of Electricity,
   Kluwer, 1988 (remembered; chapter unverified).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .congestion import Congestion
from .problem import Agents, DesignError

__all__ = ["Network", "line_limits", "voltage_limits"]

Floats = NDArray[np.float64]

ROUNDING = 1e-12
"""PTDF factors below it are rounding: a line that no trade flows over. [1]"""


@dataclass(frozen=True, eq=False, kw_only=True)
class Network:
    """Rows of limits: ``low ≤ factors @ injection ≤ high``.

    Attributes
    ----------
    names : tuple of str
        Of the rows, for messages.
    factors : (r, n) float array
        What a Wh injected by each peer does to each row; withdrawn at the reference. [unit/Wh]
    low, high : (r,) float array
        Limits for the period, infinite where there is none. [unit]

    Raises
    ------
    DesignError
        With every fault: shapes, values that are no numbers, limits crossed.
    """

    names: tuple[str, ...]
    factors: Floats
    low: Floats
    high: Floats

    def __post_init__(self) -> None:
        object.__setattr__(self, "names", tuple(self.names))
        for name in ("factors", "low", "high"):
            column = np.array(getattr(self, name), dtype=np.float64)
            column.flags.writeable = False
            object.__setattr__(self, name, column)
        if faults := _faults(self):
            raise DesignError(faults)

    def __len__(self) -> int:
        return len(self.names)

    @property
    def size(self) -> Floats:
        """What the peer that matters most does to each row; 1 where none does. [unit/Wh]"""
        size = np.abs(self.factors).max(axis=1, initial=0.0)
        return np.where(size > 0, size, 1.0)

    def reach(self, agents: Agents) -> tuple[Floats, Floats]:
        """The least and the most that injections within their bounds make of each row. [unit]"""
        k = self.factors.shape[1]
        ends = self.factors * agents.low_wh[:k], self.factors * agents.high_wh[:k]
        return np.minimum(*ends).sum(axis=1), np.maximum(*ends).sum(axis=1)

    def loads(self, injection_wh: Floats) -> Floats:
        """What injections make of each row. [unit]"""
        return np.asarray(self.factors @ injection_wh[: self.factors.shape[1]])

    def excess_wh(self, injection_wh: Floats) -> Floats:
        """How far each row is beyond its limits, in Wh of the peer that matters most to it."""
        load = self.loads(injection_wh)
        beyond = np.maximum(np.maximum(load - self.high, self.low - load), 0.0)
        return np.asarray(beyond / self.size)

    def congestion(self, shadow: Floats) -> Congestion:
        """Say what duals of the rows do to prices at each peer. [µ€ per unit]"""
        return Congestion(shadow, np.asarray(-self.factors.T @ shadow))

    def joined(self, other: Network) -> Network:
        """Limits of both: of lines and of voltages."""
        return Network(
            names=self.names + other.names,
            factors=np.vstack([self.factors, other.factors]),
            low=np.append(self.low, other.low),
            high=np.append(self.high, other.high),
        )


def line_limits(
    ptdf: ArrayLike, limit_kw: ArrayLike, *, hours: float, names: Sequence[str] | None = None
) -> Network:
    """Limit the flow over lines to ±limit, in the DC network; rows are in Wh of the period.

    Parameters
    ----------
    ptdf : (r, n) array
        Flow through each line per injection of each peer. [1]
    limit_kw : (r,) array
        0 or more; infinite for a line without limit. [kW]
    hours : float
        Length of the period. [h]
    names : sequence of str, optional
    """
    factors, limit = np.array(ptdf, np.float64), 1000 * hours * np.asarray(limit_kw, np.float64)
    factors[np.abs(factors) < ROUNDING] = 0.0
    return Network(names=_named(names, "line", len(limit)), factors=factors, low=-limit, high=limit)


def voltage_limits(
    sensitivity_pu_per_kw: ArrayLike,
    now_pu: ArrayLike,
    *,
    low_pu: float,
    high_pu: float,
    hours: float,
    names: Sequence[str] | None = None,
) -> Network:
    """Limit voltages that rise linearly with injections; rows are in p.u.

    Parameters
    ----------
    sensitivity_pu_per_kw : (r, n) array
        What each peer's injection does to each voltage. [p.u./kW]
    now_pu : (r,) array
        Voltages without any of the injections that are decided here. [p.u.]
    low_pu, high_pu : float
        [p.u.]
    hours : float
        Length of the period. [h]
    names : sequence of str, optional
    """
    now = np.asarray(now_pu, np.float64)
    return Network(
        names=_named(names, "voltage", len(now)),
        factors=np.asarray(sensitivity_pu_per_kw, np.float64) / (1000 * hours),
        low=low_pu - now,
        high=high_pu - now,
    )


def _named(names: Sequence[str] | None, what: str, r: int) -> tuple[str, ...]:
    return tuple(f"{what} {i}" for i in range(r)) if names is None else tuple(names)


def _faults(network: Network) -> list[str]:
    r = len(network.names)
    if network.factors.ndim != 2 or not (
        len(network.factors) == r == network.low.size == network.high.size
    ):
        return [
            f"network: {r} names, factors {network.factors.shape}, limits {network.low.shape} and "
            f"{network.high.shape}; expected one row of factors and two limits a name"
        ]
    faults = [
        f"network: a factor of {network.names[i]} is no finite number"
        for i in np.flatnonzero(~np.isfinite(network.factors).all(axis=1)).tolist()
    ]
    return faults + [
        f"network: {network.names[i]} is limited to {network.low[i]:g} to {network.high[i]:g}; "
        f"expected a lower limit below an upper"
        for i in np.flatnonzero(~(network.low <= network.high)).tolist()
    ]
