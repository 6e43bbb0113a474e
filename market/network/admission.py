"""Which trades the grid can carry: a batch admitted, cut or rejected, with the reason on each.

The largest admissible batch is a linear program on the network's linearisation, repeated at its
own answer until the power flow there holds every limit (successive linear programming [1]_).

References
----------
.. [1] F. Palacios-Gomez, L. Lasdon and M. Engquist, "Nonlinear optimization by successive linear
   programming," Management Science, vol. 28, no. 10, 1982 (remembered, unverified).
.. [2] J. Guerrero, A. C. Chapman and G. Verbič, "Decentralized P2P energy trading under network
   constraints in a low-voltage network," IEEE Trans. Smart Grid, vol. 10, no. 5, 2019: trades
   validated by voltage sensitivities (remembered, unverified).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import linprog

from .batch import Batch, batch_faults
from .grid_limits import AdmissionError, GridLimits, LimitRows, Network

__all__ = ["Admission", "AdmissionError", "Batch", "GridLimits", "admit"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

ROUNDS = 8
"""Linear programs that are tried before their last answer is scaled down instead."""
HALVINGS = 12
"""Steps of that scaling, which finds the share to 1/4096."""
SETTLED = 5e-3
"""Part of the cut energy that another program must promise to win back to be tried."""
HOLDS = 1e-9
"""Excess that counts as none. [%]"""

STANDS = 3e-3
"""What a Wh of a trade admitted in the last round counts more, in the next."""


@dataclass(frozen=True, slots=True, eq=False)
class Admission:
    """What became of a batch.

    Attributes
    ----------
    energy_wh : (m,) int64 array
        Admitted of each trade; the seller injects and the buyer withdraws all of it. [Wh]
    reasons : tuple of str
        Why a trade was cut or rejected: the limit that breaks furthest if it alone were admitted
        in full beside the others. Empty for trades in full.
    schedule_kw : (n_peers,) float64 array
        Base and admitted trades. [kW]
    broken : tuple of str
        Limits that the schedule does not hold, since no cut of these trades mends them.
    rounds : int
        How often the network was made linear.
    """

    energy_wh: Ints
    reasons: tuple[str, ...]
    schedule_kw: Floats
    broken: tuple[str, ...]
    rounds: int


def admit(
    batch: Batch,
    base_kw: ArrayLike,
    network: Network,
    limits: GridLimits | None = None,
    *,
    hours: float,
    caps_kw: ArrayLike | None = None,
    worth: ArrayLike | None = None,
) -> Admission:
    """Admit as much of a batch of trades as the grid can carry.

    Parameters
    ----------
    batch : Batch
    base_kw : (n_peers,) float array
        What every peer injects whatever is admitted. [kW]
    network : Network
    limits : GridLimits, optional
    hours : float
        Length of the delivery period. [h]
    caps_kw : (n_peers,) float array, optional
        The most that each seller's trades may add up to; infinite where nothing caps it. [kW]
    worth : (m,) float array, optional
        What a Wh of each trade counts, more than 0; all alike if not given.

    Raises
    ------
    AdmissionError
        With every fault of the batch, or when the base alone has no power flow.

    Notes
    -----
    Energy is rounded down to whole Wh before the power flow is asked, so what is returned is what
    was checked. Where no cut holds every limit, since the base breaks one, the sum of excesses
    is brought to its least first.
    """
    base = np.array(base_kw, dtype=np.float64)
    caps = np.full(base.size, np.inf) if caps_kw is None else np.asarray(caps_kw, dtype=np.float64)
    weight = np.ones(batch.energy_wh.size) if worth is None else np.asarray(worth, dtype=np.float64)
    faults = batch_faults(batch, base, caps, weight, hours)
    if faults:
        raise AdmissionError(faults)
    frame = _Frame(batch, base, network, limits or GridLimits(), hours, caps)
    best = _search(frame, weight)
    return Admission(
        energy_wh=best.energy_wh,
        reasons=tuple(_reason(frame, best, trade) for trade in range(weight.size)),
        schedule_kw=frame.schedule_kw(best.energy_wh),
        broken=tuple(
            frame.describe(best, row, float(best.excess[row]))
            for row in np.flatnonzero(best.excess > HOLDS).tolist()
        ),
        rounds=frame.rounds,
    )


class _Frame:
    """What stays the same in all rounds, and how often the network was asked."""

    def __init__(
        self,
        batch: Batch,
        base_kw: Floats,
        network: Network,
        limits: GridLimits,
        hours: float,
        caps_kw: Floats,
    ) -> None:
        self.batch, self.base_kw, self.hours = batch, base_kw, hours
        self._network, self._limits = network, limits
        capped = np.intersect1d(np.flatnonzero(np.isfinite(caps_kw)), batch.seller)
        self.cap_kw = caps_kw[capped]
        self.cap_slope = (batch.seller == capped[:, None]) / (1000 * hours)
        self.rounds = 0

    def schedule_kw(self, energy_wh: Ints) -> Floats:
        return self.base_kw + self.batch.injection_kw(energy_wh, self.hours, self.base_kw.size)

    def at(self, energy_wh: Ints) -> _Point | None:
        """Ask the network; None where there is no power flow."""
        self.rounds += 1
        linear = self._network.linearise(self.schedule_kw(energy_wh))
        return None if linear is None else _Point(self, energy_wh, LimitRows(linear, self._limits))

    def describe(self, point: _Point, row: int, excess: float) -> str:
        cap = row - point.rows.excess.size
        if cap < 0:
            return point.rows.describe(row, excess)
        cap_kw = float(self.cap_kw[cap])
        return f"seller's trades: {cap_kw + excess:.3f} kW, {excess:.3f} kW above its {cap_kw:g} kW"


class _Point:
    """The limits made linear at one energy of every trade; rows at or below 0 hold.

    The last rows are the sellers' caps, in kW instead of percent.
    """

    def __init__(self, frame: _Frame, energy_wh: Ints, rows: LimitRows) -> None:
        batch = frame.batch
        of_trade = rows.slope[:, batch.seller] - rows.slope[:, batch.buyer]
        over_cap = frame.cap_slope @ energy_wh - frame.cap_kw
        self.energy_wh, self.rows = energy_wh, rows
        self.excess: Floats = np.concatenate([rows.excess, over_cap])
        self.slope: Floats = np.concatenate([of_trade / (1000 * frame.hours), frame.cap_slope])
        self.margin: Floats = np.concatenate([rows.margin, np.zeros(over_cap.size)])
        self.total_excess = float(np.maximum(self.excess - HOLDS, 0).sum())

    def told(self, energy_wh: Floats | Ints) -> Floats:
        """Excess of each row at another energy of the trades, as far as the slopes tell. [%]"""
        told: Floats = self.excess + self.slope @ (energy_wh - self.energy_wh)
        return told

    @property
    def holds(self) -> bool:
        return self.total_excess == 0

    def better_than(self, other: _Point | None, worth: Floats) -> bool:
        """Less excess, or else more worth; among those that do not hold, a little is no more."""
        if other is None:
            return True
        less = other.total_excess - self.total_excess
        if not (self.holds or other.holds):
            less = round(less, 3)
        return less > 0 or (less == 0 and self.worth(worth) > other.worth(worth))

    def worth(self, per_wh: Floats) -> float:
        return float(per_wh @ self.energy_wh)


def _search(frame: _Frame, worth: Floats) -> _Point:
    """Find the best energy of every trade, whole Wh at each step."""
    asked_wh = wh = frame.batch.energy_wh
    solved_wh, best = np.zeros_like(wh), None
    further: Floats | float = 0.0  # margin beyond the given one, by row
    told = False  # whether a program gave the energy
    for _ in range(ROUNDS):
        point = frame.at(wh)
        if point is None:
            wh, told = (wh + solved_wh) // 2, False
            continue
        solved_wh = wh
        if point.better_than(best, worth):
            best = point
        if point.holds:
            further = further / 10
        elif told:
            # What a program's answer broke, the next may break as far again.
            further = further + np.maximum(point.excess, 0)
        wh, told = _next_wh(point, asked_wh, worth, point.margin + further), True
        won, missing = worth @ (wh - solved_wh), worth @ (asked_wh - solved_wh)
        if (point.holds and won <= SETTLED * missing) or (wh == solved_wh).all():
            break
    if best is not None and best.holds:
        return best
    return _scaled(frame, wh, best, worth)


def _scaled(frame: _Frame, wh: Ints, best: _Point | None, worth: Floats) -> _Point:
    """Scale an energy that does not hold down to one that does, if nothing holds with no trade."""
    nothing = frame.at(np.zeros_like(wh))
    if nothing is None:
        if best is None:
            raise AdmissionError(
                ["the base state has no power flow, with these trades or without; check base_kw"]
            )
        return best
    if not nothing.holds:
        return nothing if best is None or nothing.better_than(best, worth) else best
    best, low, high = nothing, 0.0, 1.0
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        point = frame.at(np.floor(middle * wh).astype(np.int64))
        if point is not None and point.holds:
            best, low = point, middle
        else:
            high = middle
    return best


def _next_wh(point: _Point, asked_wh: Ints, worth: Floats, margin: Floats) -> Ints:
    """Give the best energy of every trade as far as the linear rows can tell. [Wh]"""
    slope = point.slope * asked_wh  # by each trade's admitted share
    room = -point.told(np.zeros_like(asked_wh)) - margin
    # Among trades that the grid feels alike the last answer stands, else answers alternate.
    standing = 1 + STANDS * point.energy_wh / np.maximum(asked_wh, 1)
    share = _best_share(slope, room, worth * asked_wh * standing)
    # A share that is whole but for rounding gives its whole energy.
    return np.floor(np.clip(share, 0, 1) * asked_wh + 1e-6).astype(np.int64)


def _best_share(slope: Floats, room: Floats, worth: Floats) -> Floats:
    """Maximise the worth of the admitted shares, subject to ``slope @ share <= room``.

    Few of the rows bind, so the program starts with those that break when all is admitted and
    takes up others as its answers break them.
    """
    cost = -worth / max(float(worth.max(initial=0.0)), 1e-300)
    rows = np.flatnonzero(slope.sum(axis=1) > room)
    share = np.ones(worth.size)
    while rows.size:
        found = linprog(cost, A_ub=slope[rows], b_ub=room[rows], bounds=(0, 1))
        if found.x is None:
            room = room + _least_excess(slope, room)
            continue
        share = np.asarray(found.x)
        fresh = np.setdiff1d(np.flatnonzero(slope @ share > room + 1e-6), rows)
        if not fresh.size:
            break
        rows = np.concatenate([rows, fresh])
    return share


def _least_excess(slope: Floats, room: Floats) -> Floats:
    """How far each row has to be exceeded so that the sum of excesses is the least. [%]"""
    within_reach = np.flatnonzero(np.maximum(slope, 0).sum(axis=1) > room)
    n, m = within_reach.size, slope.shape[1]
    found = linprog(
        np.repeat([0.0, 1.0], [m, n]),
        A_ub=np.hstack([slope[within_reach], -np.eye(n)]),
        b_ub=room[within_reach],
        bounds=[(0, 1)] * m + [(0, None)] * n,
    )
    excess = np.zeros(room.size)
    excess[within_reach] = np.maximum(np.asarray(found.x)[m:], 0) + 1e-7
    return excess


def _reason(frame: _Frame, point: _Point, trade: int) -> str:
    """Say what breaks furthest if one trade is admitted in full beside the others."""
    cut_wh = int(frame.batch.energy_wh[trade] - point.energy_wh[trade])
    if not cut_wh:
        return ""
    beyond = point.excess + point.slope[:, trade] * cut_wh
    # A limit that breaks anyway is no reason unless this trade adds to it.
    row = int(np.argmax(np.where(point.slope[:, trade] > 0, beyond, -np.inf)))
    return frame.describe(point, row, float(beyond[row]))
