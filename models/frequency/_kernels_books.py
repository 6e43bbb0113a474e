"""What an island's tick books beside its slopes: relays, trips, means and their shares."""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from ._kernels_names import (
    ACTIVE,
    BELOW,
    DELAY,
    DER,
    DOWN,
    DOWN_RATED,
    DT,
    FORMER,
    FORMER_P_MAX,
    FORMER_PEAK,
    FORMER_S,
    GENERATORS,
    INERTIA,
    KINETIC,
    KW,
    LOAD,
    MECHANICAL,
    N_BASE,
    ONLINE,
    OVERLOAD,
    OVERLOAD_TIME,
    POSITION,
    POWER,
    RATED,
    RESPONSE,
    RING,
    ROCOF_500,
    SERVED,
    SHARE,
    SHED,
    STAGES,
    TIME,
    TIMER,
    UP,
    UP_RATED,
    WEIGHTED,
)
from ._kernels_stores import inlined

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_TOLERANCE = 1.01  # an overload begins this far above the limit


@njit(cache=True, nogil=True)
def faulty(brought_kw: Floats) -> bool:
    """Whether something brought is not finite, or negative where it must not be."""
    for row in range(DOWN_RATED):
        lowest = -1e300 if row == DER else 0.0
        for i in range(brought_kw.shape[1]):
            if not lowest <= brought_kw[row, i] < np.inf:
                return True
    return False


@njit(cache=True, nogil=True)
def open_tick(
    c: Floats,
    generators: Floats,
    stages: Floats,
    results: Floats,
    brought_kw: Floats,
    answered: Floats,
    stage_of_peer: Ints,
) -> float:
    """Clear the means, find what each stage would shed, and return the load that is on. [kW]"""
    if c[RATED] == 0.0:
        brought_kw[DOWN_RATED] = brought_kw[DOWN]
        brought_kw[UP_RATED] = brought_kw[UP]
    results[:] = 0.0
    answered[RESPONSE] = 0.0
    generators[:, POWER] = 0.0
    demand_kw: float = brought_kw[LOAD].sum()
    for k in range(stages.shape[0]):
        stages[k, KW] = stages[k, SHARE] * demand_kw if stage_of_peer.size == 0 else 0.0
        stages[k, WEIGHTED] = 0.0
        stages[k, TIME] = 0.0
    for i in range(stage_of_peer.size):
        if stage_of_peer[i] >= 0:
            stages[stage_of_peer[i], KW] += brought_kw[LOAD, i]
    for k in range(stages.shape[0]):
        demand_kw -= stages[k, ACTIVE] * stages[k, KW]
    return demand_kw


@inlined
def trips(c: Floats, memory: Floats, former_kw: float, former_kvar: float, h: float) -> bool:
    """Whether the former trips: too much at once, or over its limit for too long."""
    apparent = math.hypot(former_kw, former_kvar)
    over = apparent > _TOLERANCE * c[FORMER_S] or abs(former_kw) > _TOLERANCE * c[FORMER_P_MAX]
    memory[OVERLOAD] = memory[OVERLOAD] + h if over else 0.0
    # 1e-9 s is rounding of the sum of steps
    tripped: bool = memory[OVERLOAD] > c[OVERLOAD_TIME] + 1e-9 or apparent > c[FORMER_PEAK]
    return tripped


@inlined
def relays(stages: Floats, f: float, regulation: float, share: float, h: float) -> float:
    """Book one inner step of every stage and return the load that is shed after it. [kW]"""
    shed_kw = 0.0
    for k in range(stages.shape[0]):
        row = stages[k]
        row[WEIGHTED] += regulation * row[ACTIVE]
        row[TIME] += share * row[ACTIVE]
        row[TIMER] = row[TIMER] + h if f < row[BELOW] else 0.0
        due = row[TIMER] > 0.0 and row[TIMER] >= row[DELAY] - 1e-9
        if row[ACTIVE] == 0.0 and due:
            row[ACTIVE] = 1.0
            shed_kw += row[KW]
    return shed_kw


@inlined
def look_back(c: Floats, memory: Floats, results: Floats, f: float) -> None:
    """Slope over the window that ends here; called once per base step."""
    window = memory.size - RING
    at = RING + int(memory[POSITION])
    slope = (f - memory[at]) * c[N_BASE] / (window * c[DT])
    if abs(slope) > abs(results[ROCOF_500]):
        results[ROCOF_500] = slope
    memory[at] = f
    memory[POSITION] = (memory[POSITION] + 1) % window


@njit(cache=True, nogil=True)
def close_tick(
    c: Floats,
    generators: Floats,
    stages: Floats,
    results: Floats,
    brought_kw: Floats,
    answered: Floats,
    stage_of_peer: Ints,
    losses_kw: float,
    regulation: float,
    risen: float,
) -> None:
    """Split the means back to peers and generators; the former gets the rest."""
    lost = 0.0
    lost_time = 0.0
    for k in range(stages.shape[0]):
        results[STAGES] += stages[k, ACTIVE]
        lost += stages[k, SHARE] * stages[k, WEIGHTED]
        lost_time += stages[k, SHARE] * stages[k, TIME]
    rest_kw = losses_kw
    for i in range(brought_kw.shape[1]):
        if stage_of_peer.size > 0:
            k = stage_of_peer[i]
            lost = stages[k, WEIGHTED] if k >= 0 else 0.0
            lost_time = stages[k, TIME] if k >= 0 else 0.0
        answered[SHED, i] = min(lost_time, 1.0)
        answered[SERVED, i] = brought_kw[LOAD, i] * max(regulation - lost, 0.0)
        rest_kw += answered[SERVED, i] - brought_kw[DER, i] - answered[RESPONSE, i]
    for g in range(generators.shape[0]):
        row = generators[g]
        results[MECHANICAL] += row[POWER]
        taken_up = row[ONLINE] * row[INERTIA] * risen
        row[POWER] -= taken_up / c[DT]
        results[KINETIC] += taken_up
        results[GENERATORS] += row[POWER]
    results[FORMER] = rest_kw - results[GENERATORS]
