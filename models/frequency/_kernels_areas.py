"""Frequencies of areas joined by tie-lines, one call per tick.

Frequencies are deviations from nominal [Hz], powers [kW], inertia M = 2 H S / f0 [kW s/Hz].
The names number the rows of the tables of areas, reserves and ties, and the columns of the
units', whose numbers lie side by side. Units and reserves stand in the order of their areas.

A stage of RK4 is one pass: states, slopes and their sum are touched once each, for these few
units cost less than the memory between passes.
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
    EXPORT,
    SLOPE,
    N_AREA,
) = range(23)

# units, with their two states as `states` has the others; HAS_LAG and HAS_TURBINE are 0 where
# the block is left out, PART is the share of the area's secondary control
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
    VALVE,
    VALVE_K,
    VALVE_SUM,
    TURBINE,
    TURBINE_K,
    TURBINE_SUM,
    N_UNIT,
) = range(19)

# reserves: containment answers the deviation beyond a dead band, a fast one is switched
FAST, P_MAX, START, STEEP, RATE, DELAY, HOLD, TIMER, ACTIVE, RESERVE_POWER, N_RESERVE = range(11)

# ties
FROM, TO, TIE_MAX, CLOSED, FLOW, N_TIE = range(6)

# rows of the states: themselves, their slopes at the stage before, and the weighted sum of those
X, K, SUM, N_STATE_ROWS = range(4)

RUNS, BAD = range(2)

# A call costs as much as ten units: numba counts references to every array that it passes.
_inlined = njit(cache=True, nogil=True, error_model="numpy", inline="always")


@_inlined
def _keep(states: Floats, j: int, slope: float, weight: float) -> None:
    """Keep a state's slope for the next stage, and add it to the sum."""
    states[K, j] = slope
    states[SUM, j] += weight * slope


@_inlined
def _units(
    units: Floats, first: int, last: int, f: float, agc: float, ahead: float, weight: float
) -> float:
    """Slopes of one area's valves (non-windup limits) and turbines; return their power. [kW]"""
    total_kw = 0.0
    for u in range(first, last):
        low, high = units[u, LOW], units[u, HIGH]
        wanted = units[u, SET] + units[u, PART] * agc - units[u, GAIN] * f
        valve = units[u, VALVE] + ahead * units[u, VALVE_K]
        slope = (wanted - valve) * units[u, LAG_RATE]
        if (slope > 0.0 and valve >= high) or (slope < 0.0 and valve <= low):
            slope = 0.0
        units[u, VALVE_K] = slope
        units[u, VALVE_SUM] += weight * slope
        if units[u, HAS_LAG] != 0.0:
            wanted = valve
        power = min(max(wanted, low), high)
        turbine = units[u, TURBINE] + ahead * units[u, TURBINE_K]
        slope = (power - turbine) * units[u, TURBINE_RATE]
        units[u, TURBINE_K] = slope
        units[u, TURBINE_SUM] += weight * slope
        if units[u, HAS_TURBINE] != 0.0:
            power = turbine + units[u, LEAD] * slope
        total_kw += units[u, ON] * power
    return total_kw


@_inlined
def _carry(units: Floats, h: float) -> None:
    """End an inner step: every unit's states by the sum of their slopes."""
    for u in range(units.shape[0]):
        valve = units[u, VALVE] + h / 6 * units[u, VALVE_SUM]
        units[u, VALVE] = min(max(valve, units[u, LOW]), units[u, HIGH])
        units[u, TURBINE] += h / 6 * units[u, TURBINE_SUM]
        units[u, VALVE_SUM] = units[u, TURBINE_SUM] = 0.0


@_inlined
def _reserves(
    states: Floats,
    reserves: Floats,
    first: int,
    last: int,
    f: float,
    ahead: float,
    weight: float,
) -> float:
    """Slopes of one area's reserves; return their power. [kW]"""
    total_kw = 0.0
    for r in range(first, last):
        beyond = max(abs(f) - reserves[START, r], 0.0)
        asked = min(beyond * reserves[STEEP, r], reserves[P_MAX, r])
        wanted = reserves[ACTIVE, r] * reserves[P_MAX, r]
        if reserves[FAST, r] == 0.0:
            wanted = -asked if f > 0.0 else asked
        given = states[X, r] + ahead * states[K, r]
        _keep(states, r, (wanted - given) * reserves[RATE, r], weight)
        total_kw += given
    return total_kw


@_inlined
def _flows(states: Floats, angle_at: int, areas: Floats, ties: Floats, ahead: float) -> None:
    """Power over every closed tie and every area's export. [kW]"""
    for a in range(areas.shape[1]):
        areas[EXPORT, a] = 0.0
    for t in range(ties.shape[1]):
        a, b = int(ties[FROM, t]), int(ties[TO, t])
        start = states[X, angle_at + a] + ahead * states[K, angle_at + a]
        end = states[X, angle_at + b] + ahead * states[K, angle_at + b]
        flow = ties[CLOSED, t] * ties[TIE_MAX, t] * math.sin(start - end)
        ties[FLOW, t] = flow
        areas[EXPORT, a] += flow
        areas[EXPORT, b] -= flow


@_inlined
def _stage(
    states: Floats,
    areas: Floats,
    units: Floats,
    reserves: Floats,
    ties: Floats,
    firsts: Ints,
    ahead: float,
    weight: float,
    share: float,
) -> None:
    """One stage of RK4: slopes `ahead` of the step's start by those of the stage before.

    Adds slopes times `weight` to their sum, and powers times `share` to the areas' means.
    """
    n, f_at = areas.shape[1], reserves.shape[1]
    angle_at, agc_at = f_at + n, f_at + 2 * n
    _flows(states, angle_at, areas, ties, ahead)
    for a in range(n):
        f = states[X, f_at + a] + ahead * states[K, f_at + a]
        agc = 0.0
        limit = areas[AGC_LIMIT, a]
        if limit > 0.0:
            error = areas[EXPORT, a] - areas[SCHEDULED, a] + areas[BIAS, a] * f
            summed = states[X, agc_at + a] + ahead * states[K, agc_at + a]
            agc = min(max(summed - areas[KP, a] * error, -limit), limit)
            slope = -areas[KI, a] * error
            stuck = (slope > 0.0 and summed >= limit) or (slope < 0.0 and summed <= -limit)
            _keep(states, agc_at + a, 0.0 if stuck else slope, weight)
        mechanical_kw = _units(units, firsts[0, a], firsts[0, a + 1], f, agc, ahead, weight)
        reserve_kw = _reserves(states, reserves, firsts[1, a], firsts[1, a + 1], f, ahead, weight)
        if areas[DARK, a] != 0.0:
            states[K, f_at + a] = states[K, angle_at + a] = areas[SLOPE, a] = 0.0
            continue
        served_kw = areas[LOAD, a] * max(1.0 + areas[PER_HZ, a] * f, 0.0)
        balance_kw = mechanical_kw + reserve_kw - served_kw - areas[EXPORT, a]
        areas[SLOPE, a] = balance_kw / areas[INERTIA, a]
        _keep(states, f_at + a, areas[SLOPE, a], weight)
        _keep(states, angle_at + a, 2.0 * math.pi * f, weight)
        areas[MEAN, a] += share * f
        areas[MECHANICAL, a] += share * mechanical_kw
        areas[RESERVES, a] += share * reserve_kw
        areas[SERVED, a] += share * served_kw


@_inlined
def _steepest(areas: Floats) -> None:
    """Keep the steepest slope at the starts of the inner steps."""
    for a in range(areas.shape[1]):
        if abs(areas[SLOPE, a]) > abs(areas[ROCOF, a]):
            areas[ROCOF, a] = areas[SLOPE, a]


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
    states: Floats, areas: Floats, reserves: Floats, ties: Floats, firsts: Ints, h: float
) -> None:
    """Extrema after an inner step; an area beyond its trips goes dark and its ties open."""
    n = areas.shape[1]
    f_at = states.shape[1] - 3 * n
    for a in range(n):
        f = states[X, f_at + a]
        if areas[DARK, a] != 0.0:
            continue
        areas[MIN, a] = min(areas[MIN, a], f)
        areas[MAX, a] = max(areas[MAX, a], f)
        _switch(reserves, firsts[1, a], firsts[1, a + 1], f, h)
        if not areas[LOW_TRIP, a] <= f <= areas[HIGH_TRIP, a]:
            areas[DARK, a] = 1.0
            for t in range(ties.shape[1]):
                if int(ties[FROM, t]) == a or int(ties[TO, t]) == a:
                    ties[CLOSED, t] = 0.0


@njit(cache=True, nogil=True)
def _open(states: Floats, areas: Floats, load_kw: Floats) -> int:
    """Take the loads and clear means and extrema; BAD where a load is no number."""
    n = areas.shape[1]
    f_at = states.shape[1] - 3 * n
    for a in range(n):
        if not -np.inf < load_kw[a] < np.inf:
            return BAD
    for a in range(n):
        areas[LOAD, a] = load_kw[a]
        for row in range(MEAN, N_AREA):
            areas[row, a] = 0.0
        areas[MIN, a] = areas[MAX, a] = states[X, f_at + a]
    return RUNS


@njit(cache=True, nogil=True)
def _tell(states: Floats, areas: Floats) -> None:
    """Turn deviations into frequencies; a black area has neither frequency nor power."""
    n = areas.shape[1]
    for a in range(n):
        areas[END, a] = states[X, states.shape[1] - 3 * n + a]
        if areas[DARK, a] != 0.0:
            areas[MEAN:, a] = 0.0
            continue
        for row in (MEAN, MIN, MAX, END):
            areas[row, a] += areas[NOMINAL, a]


@njit(cache=True, nogil=True)
def areas_tick(
    states: Floats,
    areas: Floats,
    units: Floats,
    reserves: Floats,
    ties: Floats,
    firsts: Ints,
    load_kw: Floats,
    steps: int,
    h: float,
) -> int:
    """Carry all areas through one tick in `steps` inner steps of `h` seconds (RK4).

    Parameters
    ----------
    states : (N_STATE_ROWS, n_states) float64 array
        Reserves, then frequencies, angles [rad] and secondary control of the areas;
        changed in place, the other rows being scratch.
    areas, reserves, ties : (rows, n) float64 array
        Tables as named above; means, extrema and switches change in place.
    units : (n, N_UNIT) float64 array
        Table as named above; valves and turbines change in place.
    firsts : (2, n_areas + 1) int64 array
        First unit and first reserve of every area.
    load_kw : (n_areas,) float64 array
        Load of every area. [kW]
    steps, h : int, float
        Number and length of the inner steps. [s]

    Returns
    -------
    int
        RUNS, or BAD where a load is not finite; nothing was done then.
    """
    if _open(states, areas, load_kw) == BAD:
        return BAD
    share = 1.0 / (6 * steps)
    double = 1.0 / (3 * steps)
    for _ in range(steps):
        for stage in range(4):
            outer = stage == 0 or stage == 3
            ahead = 0.0 if stage == 0 else h if stage == 3 else 0.5 * h
            weight, part = (1.0, share) if outer else (2.0, double)
            _stage(states, areas, units, reserves, ties, firsts, ahead, weight, part)
            if stage == 0:
                _steepest(areas)
        for j in range(states.shape[1]):
            states[X, j] += h / 6 * states[SUM, j]
            states[SUM, j] = 0.0
        _carry(units, h)
        _judge(states, areas, reserves, ties, firsts, h)
    _tell(states, areas)
    return RUNS
