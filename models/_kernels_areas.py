"""Frequencies of areas joined by tie-lines, one call per tick.

Frequencies are deviations from nominal [Hz], powers [kW], inertia M = 2 H S / f0 [kW s/Hz].
The names number the rows of the tables; columns are areas, units, reserves or ties. Units and
reserves stand in the order of their areas, so that a loop over one area's has no branch.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# areas: constants, what is brought, and what comes out
(
    INERTIA,
    PER_HZ,
    BIAS,
    KP,
    KI,
    AGC_LIMIT,
    LOW_TRIP,
    HIGH_TRIP,
    NOMINAL,
    SCHEDULED,
    LOAD,
    DARK,
    MEAN,
    MIN,
    MAX,
    END,
    ROCOF,
    MECHANICAL,
    RESERVES,
    SERVED,
    N_AREA,
) = range(21)

# units; HAS_LAG and HAS_TURBINE are 0 where the block is left out, PART is the share of
# the area's secondary control; HERE and AGC are the area's frequency and control
(
    ON,
    SET,
    LOW,
    HIGH,
    GAIN,
    PART,
    HAS_LAG,
    LAG_RATE,
    HAS_TURBINE,
    TURBINE_RATE,
    LEAD,
    UNIT_M,
    POWER,
    HERE,
    AGC,
    N_UNIT,
) = range(16)

# reserves: containment answers the deviation beyond a dead band, a fast one is switched
FAST, P_MAX, START, SLOPE, RATE, DELAY, HOLD, TIMER, ACTIVE, RESERVE_POWER, N_RESERVE = range(11)

# ties
FROM, TO, TIE_MAX, CLOSED, FLOW, N_TIE = range(6)

_UNBOUNDED = 1e300


@njit(cache=True, nogil=True)
def _units(x: Floats, dx: Floats, units: Floats) -> None:
    """Slopes of all valves and turbines (non-windup limits), and the units' powers.

    One flat loop without branches: frequency and secondary control stand beside every unit.
    """
    n = units.shape[1]
    for u in range(n):
        valve = x[u]
        low, high = units[LOW, u], units[HIGH, u]
        wanted = units[SET, u] + units[PART, u] * units[AGC, u] - units[GAIN, u] * units[HERE, u]
        up = 0.0 if valve >= high else _UNBOUNDED
        down = 0.0 if valve <= low else -_UNBOUNDED
        dx[u] = min(max((wanted - valve) * units[LAG_RATE, u], down), up)
        has = units[HAS_LAG, u]
        opening = min(max(has * valve + (1.0 - has) * wanted, low), high)
        slope = (opening - x[n + u]) * units[TURBINE_RATE, u]
        dx[n + u] = slope
        has = units[HAS_TURBINE, u]
        power = has * (x[n + u] + units[LEAD, u] * slope) + (1.0 - has) * opening
        units[POWER, u] = units[ON, u] * power


@njit(cache=True, nogil=True)
def _reserves(
    x: Floats, dx: Floats, at: int, reserves: Floats, first: int, last: int, f: float
) -> float:
    """Slopes of one area's reserves; return their power. [kW]"""
    total_kw = 0.0
    for r in range(first, last):
        beyond = max(abs(f) - reserves[START, r], 0.0)
        asked = min(beyond * reserves[SLOPE, r], reserves[P_MAX, r])
        wanted = reserves[ACTIVE, r] * reserves[P_MAX, r]
        if reserves[FAST, r] == 0.0:
            wanted = -asked if f > 0.0 else asked
        dx[at + r] = (wanted - x[at + r]) * reserves[RATE, r]
        total_kw += x[at + r]
    return total_kw


@njit(cache=True, nogil=True)
def _flows(x: Floats, angle_at: int, ties: Floats, exported: Floats) -> None:
    """Power over every closed tie and every area's export. [kW]"""
    for a in range(exported.size):
        exported[a] = 0.0
    for t in range(ties.shape[1]):
        a, b = int(ties[FROM, t]), int(ties[TO, t])
        flow = ties[CLOSED, t] * ties[TIE_MAX, t] * math.sin(x[angle_at + a] - x[angle_at + b])
        ties[FLOW, t] = flow
        exported[a] += flow
        exported[b] -= flow


@njit(cache=True, nogil=True)
def _slopes(
    x: Floats,
    dx: Floats,
    areas: Floats,
    units: Floats,
    reserves: Floats,
    ties: Floats,
    firsts: Ints,
    exported: Floats,
    weight: float,
) -> None:
    """Slopes of all states; adds `weight` times the present powers to the areas' means."""
    n, n_units, n_reserves = areas.shape[1], units.shape[1], reserves.shape[1]
    f_at = 2 * n_units + n_reserves
    angle_at, agc_at = f_at + n, f_at + 2 * n
    _flows(x, angle_at, ties, exported)
    for a in range(n):
        f = x[f_at + a]
        error = exported[a] - areas[SCHEDULED, a] + areas[BIAS, a] * f
        summed, limit = x[agc_at + a], areas[AGC_LIMIT, a]
        agc = min(max(summed - areas[KP, a] * error, -limit), limit)
        slope = -areas[KI, a] * error
        stuck = (slope > 0.0 and summed >= limit) or (slope < 0.0 and summed <= -limit)
        dx[agc_at + a] = 0.0 if stuck else slope
        for u in range(firsts[0, a], firsts[0, a + 1]):
            units[HERE, u] = f
            units[AGC, u] = agc
    _units(x, dx, units)
    for a in range(n):
        f = x[f_at + a]
        r0, r1 = firsts[1, a], firsts[1, a + 1]
        reserve_kw = _reserves(x, dx, 2 * n_units, reserves, r0, r1, f)
        dx[f_at + a] = dx[angle_at + a] = 0.0
        if areas[DARK, a] != 0.0:
            continue
        mechanical_kw = 0.0
        for u in range(firsts[0, a], firsts[0, a + 1]):
            mechanical_kw += units[POWER, u]
        served_kw = areas[LOAD, a] * max(1.0 + areas[PER_HZ, a] * f, 0.0)
        balance_kw = mechanical_kw + reserve_kw - served_kw - exported[a]
        dx[f_at + a] = balance_kw / areas[INERTIA, a]
        dx[angle_at + a] = 2.0 * math.pi * f
        areas[MEAN, a] += weight * f
        areas[MECHANICAL, a] += weight * mechanical_kw
        areas[RESERVES, a] += weight * reserve_kw
        areas[SERVED, a] += weight * served_kw


@njit(cache=True, nogil=True)
def _switch(reserves: Floats, first: int, last: int, f: float, h: float) -> None:
    """Start fast reserves whose delay is over, and end those that held and see frequency back."""
    for r in range(first, last):
        if reserves[FAST, r] == 0.0:
            continue
        low = f < -reserves[START, r]
        if reserves[ACTIVE, r] != 0.0:
            reserves[TIMER, r] += h
            if reserves[TIMER, r] >= reserves[HOLD, r] - 1e-9 and not low:
                reserves[ACTIVE, r] = reserves[TIMER, r] = 0.0
            continue
        reserves[TIMER, r] = reserves[TIMER, r] + h if low else 0.0
        if low and reserves[TIMER, r] >= reserves[DELAY, r] - 1e-9:
            reserves[ACTIVE, r], reserves[TIMER, r] = 1.0, 0.0


@njit(cache=True, nogil=True)
def _judge(
    x: Floats, dx: Floats, areas: Floats, reserves: Floats, ties: Floats, firsts: Ints, h: float
) -> None:
    """Extrema after an inner step; an area beyond its trips goes dark and its ties open."""
    n = areas.shape[1]
    f_at = x.size - 3 * n
    for a in range(n):
        f = x[f_at + a]
        if areas[DARK, a] != 0.0:
            continue
        if abs(dx[f_at + a]) > abs(areas[ROCOF, a]):
            areas[ROCOF, a] = dx[f_at + a]
        areas[MIN, a] = min(areas[MIN, a], f)
        areas[MAX, a] = max(areas[MAX, a], f)
        _switch(reserves, firsts[1, a], firsts[1, a + 1], f, h)
        if not areas[LOW_TRIP, a] <= f <= areas[HIGH_TRIP, a]:
            areas[DARK, a] = 1.0
            for t in range(ties.shape[1]):
                if int(ties[FROM, t]) == a or int(ties[TO, t]) == a:
                    ties[CLOSED, t] = 0.0


@njit(cache=True, nogil=True)
def _tell(x: Floats, areas: Floats, f_at: int) -> None:
    """Turn deviations into frequencies; a black area has neither frequency nor power."""
    for a in range(areas.shape[1]):
        areas[END, a] = x[f_at + a]
        if areas[DARK, a] != 0.0:
            areas[MEAN:, a] = 0.0
            continue
        for row in (MEAN, MIN, MAX, END):
            areas[row, a] += areas[NOMINAL, a]


@njit(cache=True, nogil=True)
def areas_tick(
    x: Floats,
    work: Floats,
    areas: Floats,
    units: Floats,
    reserves: Floats,
    ties: Floats,
    firsts: Ints,
    steps: int,
    h: float,
) -> None:
    """Carry all areas through one tick in `steps` inner steps of `h` seconds (RK4).

    Parameters
    ----------
    x : (n_states,) float64 array
        Valves, turbines, reserves, then frequencies, angles [rad] and secondary
        control of the areas; changed in place.
    work : (6, n_states) float64 array
        Scratch.
    areas, units, reserves, ties : (rows, n) float64 array
        Tables as named above; means, extrema and switches change in place.
    firsts : (2, n_areas + 1) int64 array
        First unit and first reserve of every area.
    steps, h : int, float
        Number and length of the inner steps. [s]
    """
    f_at = x.size - 3 * areas.shape[1]
    for row in range(MEAN, N_AREA):
        areas[row, :] = 0.0
    areas[MIN, :] = areas[MAX, :] = x[f_at : f_at + areas.shape[1]]
    for _ in range(steps):
        at, exported = work[4], work[5, : areas.shape[1]]
        at[:] = x
        for s in range(4):
            weight = 1.0 / (6 * steps) if s == 0 or s == 3 else 1.0 / (3 * steps)
            if s > 0:
                ahead = h if s == 3 else 0.5 * h
                for j in range(x.size):
                    at[j] = x[j] + ahead * work[s - 1, j]
            _slopes(at, work[s], areas, units, reserves, ties, firsts, exported, weight)
        for j in range(x.size):
            x[j] += h / 6 * (work[0, j] + 2 * work[1, j] + 2 * work[2, j] + work[3, j])
        for u in range(units.shape[1]):
            x[u] = min(max(x[u], units[LOW, u]), units[HIGH, u])
        _judge(x, work[0], areas, reserves, ties, firsts, h)
    _tell(x, areas, f_at)
