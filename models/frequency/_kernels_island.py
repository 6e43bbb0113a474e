"""The island's swing equation and everything that answers frequency, one call per tick."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from ._kernels_books import close_tick, faulty, look_back, open_tick, relays, trips
from ._kernels_names import (
    BAD,
    BLACK,
    DER,
    DT,
    F_END,
    F_MAX,
    F_MEAN,
    F_MIN,
    FIRST,
    FORMER,
    FORMER_GAIN,
    FORMER_INERTIA,
    FORMER_SET,
    HIGH,
    HIGH_TRIP,
    INERTIA,
    LOAD_PER_HZ,
    LOW,
    LOW_TRIP,
    N_BASE,
    OFFSET,
    ONLINE,
    ROCOF,
    RUNS,
    SECONDARY,
    STORES,
    F,
)
from ._kernels_slopes import inner_steps, slopes
from ._kernels_stores import book_stores, call_fast, inlined, open_stores

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@inlined
def _runge_kutta(
    c: Floats,
    generators: Floats,
    stores: Floats,
    x: Floats,
    work: Floats,
    results: Floats,
    brought_kw: Floats,
    answered: Floats,
    demand_kw: float,
    fixed_kw: float,
    former_low_kw: float,
    former_high_kw: float,
    h: float,
    share: float,
) -> tuple[float, float]:
    """Carry the states through one inner step.

    Returns
    -------
    former_kw, regulated : float
        The former's power at the step's start [kW]; mean of the load's
        self-regulation, times `share` [1].
    """
    first_kw = 0.0
    regulated = 0.0
    work[4] = x
    for s in range(4):
        weight = share / 6 if s == 0 or s == 3 else share / 3
        ahead = 0.0 if s == 0 else h if s == 3 else 0.5 * h
        if s > 0:
            for j in range(x.size):
                work[4, j] = x[j] + ahead * work[s - 1, j]
        former_kw = slopes(
            work[4],
            work[s],
            c,
            generators,
            stores,
            demand_kw,
            fixed_kw,
            former_low_kw,
            former_high_kw,
            brought_kw,
            ahead,
            weight,
            answered,
        )
        if s == 0:
            first_kw = former_kw
        results[F_MEAN] += weight * work[4, F]
        regulated += weight * max(1.0 + c[LOAD_PER_HZ] * work[4, F], 0.0)
    for j in range(x.size):
        x[j] += h / 6 * (work[0, j] + 2 * work[1, j] + 2 * work[2, j] + work[3, j])
    for g in range(generators.shape[0]):
        valve = FIRST + 2 * g
        x[valve] = min(max(x[valve], generators[g, LOW]), generators[g, HIGH])
    return first_kw, regulated


@inlined
def _extremes(results: Floats, f: float, slope: float) -> None:
    """Keep the extrema of frequency and slope."""
    if abs(slope) > abs(results[ROCOF]):
        results[ROCOF] = slope
    results[F_MIN] = min(results[F_MIN], f)
    results[F_MAX] = max(results[F_MAX], f)


@njit(cache=True, nogil=True, error_model="numpy")
def island_tick(
    c: Floats,
    generators: Floats,
    stores: Floats,
    stages: Floats,
    x: Floats,
    work: Floats,
    memory: Floats,
    results: Floats,
    brought_kw: Floats,
    answered: Floats,
    stage_of_peer: Ints,
    losses_kw: float,
    former_low_kw: float,
    former_high_kw: float,
    former_kvar: float,
) -> int:
    """Carry the island through one tick in inner steps of at most 10 ms (RK4).

    Parameters
    ----------
    c, generators, stores, stages, x, memory : array
        Constants, tables and state as named above; state changes in place.
    work : (5, x.size) float64 array
        Scratch.
    results : (N_RESULTS,) float64 array
        Out; frequencies [Hz from nominal], RoCoF [Hz/s], powers [kW], kinetic
        energy taken up by the generators [kW s].
    brought_kw : (N_BROUGHT, n) float64 array
        Consumption, baseline injection, headroom down and up, and what the
        slopes of the inverters' answers refer to (set here to the headroom
        unless c[RATED]). [kW]
    answered : (N_ANSWERED, n) float64 array
        Out, means over the tick: inverters' answer [kW], load served [kW],
        share of load shed [1].
    stage_of_peer : (n,) or (0,) int64 array
        Stage that sheds the peer, -1 for none; empty: every stage sheds its share.
    losses_kw, former_low_kw, former_high_kw, former_kvar : float
        Fixed for the tick. [kW], [kvar]

    Returns
    -------
    int
        RUNS, BLACK (the former tripped; outputs are then meaningless) or BAD
        (something brought is not finite or wrongly negative; nothing was done).

    Notes
    -----
    Means use the weights of RK4's stages, so that M times the change of
    frequency equals the mean imbalance to rounding, and energies balance.
    """
    if faulty(brought_kw):
        return BAD
    rotating = (generators[:, ONLINE] * generators[:, INERTIA]).sum()
    if not c[FORMER_INERTIA] + rotating > 0.0:
        return BLACK
    demand_kw = open_tick(c, generators, stages, results, brought_kw, answered, stage_of_peer)
    fixed_kw = losses_kw - brought_kw[DER].sum()
    parts = inner_steps(c, generators, stores, brought_kw)
    open_stores(stores, c[DT])
    steps = int(c[N_BASE]) * parts
    h, share = c[DT] / steps, 1.0 / steps
    f_start = results[F_MIN] = results[F_MAX] = x[F]
    regulation = 0.0
    for step in range(steps):
        former_kw, regulated = _runge_kutta(
            c,
            generators,
            stores,
            x,
            work,
            results,
            brought_kw,
            answered,
            demand_kw,
            fixed_kw,
            former_low_kw,
            former_high_kw,
            h,
            share,
        )
        if trips(c, memory, former_kw, former_kvar, h):
            return BLACK
        if not c[LOW_TRIP] <= x[F] <= c[HIGH_TRIP]:
            return BLACK
        _extremes(results, x[F], work[0, F])
        regulation += regulated
        call_fast(stores, x[F], h)
        demand_kw -= relays(stages, x[F], regulated, share, h)
        if (step + 1) % parts == 0:
            look_back(c, memory, results, x[F])
    close_tick(
        c,
        generators,
        stages,
        results,
        brought_kw,
        answered,
        stage_of_peer,
        losses_kw,
        regulation,
        x[F] - f_start,
    )
    results[STORES] = book_stores(stores, c[DT])
    results[FORMER] -= results[STORES]
    results[SECONDARY] = x[x.size - 1]
    results[F_END] = x[F]
    if c[FORMER_GAIN] > 0.0:
        results[OFFSET] = -(results[FORMER] - c[FORMER_SET]) / c[FORMER_GAIN]
    return RUNS
