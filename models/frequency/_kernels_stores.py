"""Stores of an island beside its reference: further formers, containment and fast reserves.

A former closes its part of the balance by droop and inertia; a containment reserve follows the
deviation; a fast one is called once and gives its whole power for a while. None goes beyond what
its inverter and its charge allow over the tick.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from ._kernels_names import (
    CAPACITY,
    CHARGING,
    CONTAINING,
    DISCHARGING,
    FAST,
    FORMING,
    KIND,
    S_CLOCK,
    S_FREE,
    S_FULL,
    S_GAIN,
    S_HIGH,
    S_HOLD,
    S_INERTIA,
    S_LAG,
    S_LOSS,
    S_LOW,
    S_MEAN,
    S_NOW,
    S_P_MAX,
    S_PART,
    S_RELEASE,
    S_SET,
    S_START,
    STORED,
    F,
)

Floats = NDArray[np.float64]

# A call costs as much as ten units: numba counts references to every array that it passes.
inlined = njit(cache=True, nogil=True, error_model="numpy", inline="always")


@njit(cache=True, nogil=True)
def open_stores(stores: Floats, dt_s: float) -> None:
    """Limit every store to what it can give or take for a whole tick."""
    hours = dt_s / 3600.0
    for k in range(stores.shape[0]):
        row = stores[k]
        room_kwh = max(row[CAPACITY] - row[STORED], 0.0)
        row[S_LOW] = -min(row[S_P_MAX], room_kwh / (row[CHARGING] * hours))
        row[S_HIGH] = min(row[S_P_MAX], max(row[STORED], 0.0) * row[DISCHARGING] / hours)
        row[S_MEAN] = 0.0


@njit(cache=True, nogil=True)
def _called_kw(row: Floats, ahead_s: float) -> float:
    """Power of a fast reserve: up in a straight line, held, and down in a straight line. [kW]"""
    if row[S_CLOCK] < 0.0:
        return 0.0
    t = row[S_CLOCK] + ahead_s
    up = t / row[S_FULL] if row[S_FULL] > 0.0 else 1.0
    left_s = row[S_FULL] + row[S_HOLD] + row[S_RELEASE] - t
    down = left_s / row[S_RELEASE] if row[S_RELEASE] > 0.0 else 1.0 if left_s > 0.0 else 0.0
    share: float = row[S_P_MAX] * max(min(up, down, 1.0), 0.0)
    return share


@njit(cache=True, nogil=True)
def answers(
    x: Floats, dx: Floats, at: int, stores: Floats, secondary_kw: float, ahead_s: float
) -> float:
    """Slopes of the stores' lags; return what the reserves among them give. [kW]

    Every former's power before its inertia stands in S_NOW afterwards, to be shared out.
    """
    f = x[F]
    given_kw = 0.0
    for k in range(stores.shape[0]):
        row = stores[k]
        dx[at + k] = 0.0
        wanted_kw = row[S_SET] + row[S_PART] * secondary_kw
        if row[KIND] == FAST:
            wanted_kw = _called_kw(row, ahead_s)
        elif row[S_LAG] > 0.0:
            beyond = math.copysign(max(abs(f) - row[S_START], 0.0), f)
            asked_kw = -row[S_GAIN] * beyond
            if row[KIND] == CONTAINING:
                asked_kw = min(max(asked_kw, -row[S_P_MAX]), row[S_P_MAX])
            dx[at + k] = (asked_kw - x[at + k]) / row[S_LAG]
            wanted_kw += x[at + k]
        else:
            wanted_kw -= row[S_GAIN] * f
        row[S_NOW] = min(max(wanted_kw, row[S_LOW]), row[S_HIGH])
        if row[KIND] != FORMING:
            given_kw += row[S_NOW]
    return given_kw


@njit(cache=True, nogil=True)
def share_out(
    stores: Floats,
    inertia: float,
    drive_kw: float,
    low_kw: float,
    high_kw: float,
    net_kw: float,
    rotating: float,
) -> tuple[float, float]:
    """Share the balance among the reference and the formers beside it.

    Who would leave its limits by its inertia holds the limit, and the inertia of the others sets
    the slope; without any other the reference takes it all.

    Returns
    -------
    slope, former_kw : float
        Of frequency [Hz/s]; the reference's electrical power [kW].
    """
    for k in range(stores.shape[0]):
        stores[k, S_FREE] = 1.0 if stores[k, KIND] == FORMING else 0.0
    reference = 1.0
    former_kw = drive_kw
    while True:
        total_kw, own = former_kw, rotating
        for k in range(stores.shape[0]):
            if stores[k, KIND] == FORMING:
                total_kw += stores[k, S_NOW]
                own += stores[k, S_FREE] * stores[k, S_INERTIA]
        if own < 1e-9 and reference == 0.0:  # all hold their limits: the reference closes it
            total_kw += drive_kw - former_kw
            former_kw, reference = drive_kw, 1.0
        slope = (total_kw - net_kw) / (own + reference * inertia)
        stuck = False
        for k in range(stores.shape[0]):
            row = stores[k]
            if row[S_FREE] == 0.0:
                continue
            p_kw = row[S_NOW] - row[S_INERTIA] * slope
            if not row[S_LOW] <= p_kw <= row[S_HIGH]:
                row[S_NOW] = min(max(p_kw, row[S_LOW]), row[S_HIGH])
                row[S_FREE] = 0.0
                own -= row[S_INERTIA]
                stuck = True
        p_kw = former_kw - reference * inertia * slope
        if reference > 0.0 and own > 1e-9 and not low_kw <= p_kw <= high_kw:
            former_kw, reference, stuck = min(max(p_kw, low_kw), high_kw), 0.0, True
        if not stuck:
            break
    for k in range(stores.shape[0]):
        if stores[k, S_FREE] > 0.0:
            stores[k, S_NOW] -= stores[k, S_INERTIA] * slope
    return slope, former_kw - reference * inertia * slope


@inlined
def call_fast(stores: Floats, f: float, h: float) -> None:
    """Let the clocks of called reserves run; call those that wait where frequency is low."""
    for k in range(stores.shape[0]):
        row = stores[k]
        if row[KIND] != FAST:
            continue
        low = f < row[S_START]
        if row[S_CLOCK] >= 0.0:
            row[S_CLOCK] += h
            over = row[S_CLOCK] >= row[S_FULL] + row[S_HOLD] + row[S_RELEASE] - 1e-9
            if over and not low:
                row[S_CLOCK] = -1.0
        elif low:
            row[S_CLOCK] = 0.0


@njit(cache=True, nogil=True)
def book_stores(stores: Floats, dt_s: float) -> float:
    """Take the tick's mean power out of every charge; return their sum. [kW]"""
    total_kw = 0.0
    for k in range(stores.shape[0]):
        row = stores[k]
        energy_kwh = row[S_MEAN] * dt_s / 3600.0
        drawn_kwh = energy_kwh * row[CHARGING]
        if energy_kwh > 0.0:
            drawn_kwh = energy_kwh / row[DISCHARGING]
        row[STORED] -= drawn_kwh
        row[S_LOSS] += drawn_kwh - energy_kwh
        total_kw += row[S_MEAN]
    return total_kw


@njit(cache=True, nogil=True)
def steepness(stores: Floats) -> float:
    """Power per hertz of the lagged stores, over their lags; others bring their own inertia."""
    lagged = 0.0
    for k in range(stores.shape[0]):
        if stores[k, S_LAG] > 0.0:
            lagged += stores[k, S_GAIN] / stores[k, S_LAG]
    return lagged
