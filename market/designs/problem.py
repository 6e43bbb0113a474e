"""What a market design is about: peers with convex costs, links with trade costs, and an outcome.

The three designs of [1]_ share this vocabulary. Injection is positive (a sale), energy is that of
one delivery period, and prices are positive for a good whatever a solver's sign. Inside the
optimisers everything is floating point; whole Wh come after, in `to_trades`.

References
----------
.. [1] T. Sousa, T. Soares, P. Pinson, F. Moret, T. Baroche and E. Sorin, "Peer-to-peer and
   community-based markets: a comprehensive review," Renew. Sustain. Energy Rev., vol. 104, 2019.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..faulty import Faulty

if TYPE_CHECKING:
    from .congestion import Congestion

__all__ = [
    "Agents",
    "DesignError",
    "Edges",
    "Outcome",
    "Residuals",
    "check_problem",
    "directions",
    "injections_wh",
    "welfare_ueur",
]

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


class DesignError(Faulty):
    """Peers, links or communities that make no market; mend what is named."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Agents:
    """Peers, each with a convex cost C(P) = a/2 P² + b P + c of injecting P.

    A *seller* has 0 ≤ low, a *buyer* high ≤ 0, a *prosumer* low < 0 < high. A buyer's cost is
    minus what consuming is worth to it: consuming x is worth b x − a/2 x² − c.

    Attributes
    ----------
    a : (n,) float array
        0 or more; 0 is a linear cost. [µ€/Wh²]
    b : (n,) float array
        Marginal cost at zero. [µ€/Wh]
    c : (n,) float array
        Cost of doing nothing. [µ€]
    low_wh, high_wh : (n,) float array
        Bounds on the net injection of the period. [Wh]

    Raises
    ------
    DesignError
        With every fault: lengths, values that are no numbers, negative a, bounds crossed.
    """

    a: Floats
    b: Floats
    c: Floats
    low_wh: Floats
    high_wh: Floats

    def __post_init__(self) -> None:
        freeze_columns(self)
        if faults := _agent_faults(self):
            raise DesignError(faults)

    def __len__(self) -> int:
        return self.a.size

    @property
    def may_sell(self) -> Bools:
        """Who can have an injection above 0."""
        return self.high_wh > 0

    @property
    def may_buy(self) -> Bools:
        """Who can have an injection below 0."""
        return self.low_wh < 0

    def cost_ueur(self, injection_wh: Floats) -> Floats:
        """What each peer's injection costs it. [µ€]"""
        return (0.5 * self.a * injection_wh + self.b) * injection_wh + self.c

    def marginal(self, injection_wh: Floats) -> Floats:
        """What one Wh more would cost each peer. [µ€/Wh]"""
        return self.a * injection_wh + self.b


@dataclass(frozen=True, eq=False, kw_only=True)
class Edges:
    """Links over which two peers can trade, each named once with ``first < second``.

    Attributes
    ----------
    first, second : (m,) int64 array
        Peers by position.
    gamma_first, gamma_second : (m,) float array
        Each side's share of what one traded Wh costs: transaction cost and network charge less
        preference. The Wh costs their sum, once. [µ€/Wh]

    Raises
    ------
    DesignError
        With every fault: lengths, values that are no numbers, links named twice or backwards.
    """

    first: Ints
    second: Ints
    gamma_first: Floats
    gamma_second: Floats

    def __post_init__(self) -> None:
        freeze_columns(self, whole=("first", "second"))
        if faults := _edge_faults(self):
            raise DesignError(faults)

    def __len__(self) -> int:
        return self.first.size

    @property
    def gamma(self) -> Floats:
        """What one traded Wh costs both sides together. [µ€/Wh]"""
        return self.gamma_first + self.gamma_second

    @classmethod
    def uniform(cls, first: ArrayLike, second: ArrayLike, gamma: float) -> Edges:
        """Charge every link the same, half to each side. [µ€/Wh]"""
        half = np.full(np.size(np.asarray(first)), gamma / 2)
        return cls(
            first=np.asarray(first, np.int64),
            second=np.asarray(second, np.int64),
            gamma_first=half,
            gamma_second=half,
        )


class Residuals(NamedTuple):
    """How far an outcome is from satisfying the optimality conditions.

    Attributes
    ----------
    primal_wh : float
        Most that a bound, a direction or a balance is missed by, before any repair. [Wh]
    dual : float
        Most that a marginal cost misses the price it should meet. [µ€/Wh]
    gap_ueur : float
        Cost less the greatest lower bound that the duals prove. [µ€]
    """

    primal_wh: float
    dual: float
    gap_ueur: float


@dataclass(frozen=True, eq=False, kw_only=True)
class Outcome:
    """What a design decides for one period.

    Attributes
    ----------
    trade_wh : (m,) float array
        From each link's first peer to its second, signed. [Wh]
    price : (m,) float array
        Dual of reciprocity, positive for a good: what the buyer pays the seller. [µ€/Wh]
    injection_wh : (n,) float array
        [Wh]
    welfare_ueur : float
        Minus the sum of peers' costs and trade costs. [µ€]
    residuals : Residuals
        By the solver's own reckoning, before repair.
    converged : bool
        Whether the residuals are within what the solver was asked for; an outcome that is not is
        no market result.
    rounds, messages : int
        Of a negotiation; 1 and 0 of a central solver. [-]
    congestion : Congestion or None
        What the network's limits add to prices, where some were given.
    """

    trade_wh: Floats
    price: Floats
    injection_wh: Floats
    welfare_ueur: float
    residuals: Residuals
    converged: bool
    rounds: int = 1
    messages: int = 0
    congestion: Congestion | None = None


def injections_wh(edges: Edges, trade_wh: Floats, n: int) -> Floats:
    """Net injection of each of n peers: what it sells less what it buys. [Wh]"""
    out = np.bincount(edges.first, trade_wh, n) - np.bincount(edges.second, trade_wh, n)
    return np.asarray(out, dtype=np.float64)


def welfare_ueur(agents: Agents, edges: Edges, trade_wh: Floats) -> float:
    """Minus the sum of peers' costs and trade costs, γ once per traded Wh. [µ€]"""
    injection = injections_wh(edges, trade_wh, len(agents))
    return -float(agents.cost_ueur(injection).sum() + edges.gamma @ np.abs(trade_wh))


def directions(agents: Agents, edges: Edges) -> tuple[Bools, Bools]:
    """Whether each link can carry energy from first to second, and from second to first.

    A seller only sells and a buyer only buys, so a link between two sellers carries nothing, one
    between a seller and a prosumer goes one way, and only prosumers' links have a free sign.
    """
    sells, buys = agents.may_sell, agents.may_buy
    return sells[edges.first] & buys[edges.second], sells[edges.second] & buys[edges.first]


def check_problem(agents: Agents, edges: Edges) -> None:
    """Judge peers and links together.

    Raises
    ------
    DesignError
        With every fault: partners that do not exist, and free-sign links whose γ adds up to less
        than 0, over which trading back and forth would earn without bound.
    """
    if faults := partner_faults(edges, len(agents)):
        raise DesignError(faults)
    there, back = directions(agents, edges)
    wrong = np.flatnonzero(there & back & (edges.gamma < 0)).tolist()
    if wrong:
        raise DesignError(
            [
                f"link {edges.first[i]}-{edges.second[i]}: gamma adds up to {edges.gamma[i]:g} "
                f"µ€/Wh between two prosumers, expected 0 or more; trading back and forth would "
                f"earn without bound: lower the preference or raise the charge"
                for i in wrong
            ]
        )


def freeze_columns(record: object, whole: Iterable[str] = ()) -> None:
    """Make a record's columns read-only arrays of its own, float64 or, if named, int64."""
    for one in fields(record):  # type: ignore[arg-type]
        column = np.array(getattr(record, one.name), np.int64 if one.name in whole else np.float64)
        column.flags.writeable = False
        object.__setattr__(record, one.name, column)


def column_faults(record: object, owner: str) -> list[str]:
    """Say which columns differ in length from the first, and which values are no numbers."""
    columns = {one.name: getattr(record, one.name) for one in fields(record)}  # type: ignore[arg-type]
    shape = next(iter(columns.values())).shape
    if len(shape) != 1 or any(column.shape != shape for column in columns.values()):
        told = ", ".join(f"{name} {column.shape}" for name, column in columns.items())
        return [f"{owner}: columns differ in shape: {told}; give one value each"]
    return [
        f"{owner} {i}: {name} is {column[i]}, expected a finite number"
        for name, column in columns.items()
        for i in np.flatnonzero(~np.isfinite(column)).tolist()
    ]


def _agent_faults(agents: Agents) -> list[str]:
    faults = column_faults(agents, "peer")
    if faults:
        return faults
    faults = [
        f"peer {i}: a is {agents.a[i]:g} µ€/Wh², expected 0 or more; a falling marginal cost has "
        f"no market price"
        for i in np.flatnonzero(agents.a < 0).tolist()
    ]
    return faults + [
        f"peer {i}: bounds are crossed, low {agents.low_wh[i]:g} Wh above high "
        f"{agents.high_wh[i]:g} Wh; injection is positive, so a load has negative bounds"
        for i in np.flatnonzero(agents.low_wh > agents.high_wh).tolist()
    ]


def _edge_faults(edges: Edges) -> list[str]:
    faults = column_faults(edges, "link")
    if faults:
        return faults
    faults = [
        f"link {edges.first[i]}-{edges.second[i]}: expected first < second; name each link once"
        for i in np.flatnonzero(edges.first >= edges.second).tolist()
    ]
    pairs, count = np.unique(
        np.stack([edges.first, edges.second], axis=1), axis=0, return_counts=True
    )
    return faults + [
        f"link {one}-{other} is named {times} times; name each link once"
        for (one, other), times in zip(pairs.tolist(), count.tolist(), strict=True)
        if times > 1
    ]


def partner_faults(edges: Edges, n: int) -> list[str]:
    """Say which links name a peer that does not exist."""
    wrong = (np.minimum(edges.first, edges.second) < 0) | (edges.second >= n)
    return [
        f"link {edges.first[i]}-{edges.second[i]}: expected peers 0 to {n - 1}; there is no such "
        f"partner"
        for i in np.flatnonzero(wrong).tolist()
    ]
