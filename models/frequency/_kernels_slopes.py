"""How fast everything in an island changes: generators, inverters, and the former between them."""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from ._kernels_names import (
    DOWN,
    DOWN_GAIN,
    DOWN_LAG,
    DOWN_RATED,
    DOWN_START,
    DROOP,
    DT,
    FIRST,
    FORMER_GAIN,
    FORMER_INERTIA,
    FORMER_LAG,
    FORMER_PART,
    FORMER_SET,
    GAIN,
    HIGH,
    INERTIA,
    LAG,
    LAG_RATE,
    LEAD,
    LOAD,
    LOAD_PER_HZ,
    LOW,
    N_BASE,
    ONLINE,
    OVER,
    PART,
    POWER,
    RESPONSE,
    S_MEAN,
    S_NOW,
    SECONDARY_AIM,
    SECONDARY_BIAS,
    SECONDARY_KI,
    SECONDARY_KP,
    SECONDARY_LIMIT,
    SET,
    TURBINE,
    UNDER,
    UP,
    UP_GAIN,
    UP_LAG,
    UP_RATED,
    UP_START,
    F,
)
from ._kernels_stores import answers, inlined, share_out, steepness

Floats = NDArray[np.float64]

_PHASE = 0.5  # largest product of inner step and fastest rate


@inlined
def _generators(
    x: Floats, dx: Floats, generators: Floats, secondary_kw: float, weight: float
) -> tuple[float, float]:
    """Slopes of valves and turbines; return mechanical power [kW] and inertia on line."""
    f = x[F]
    mechanical_kw = 0.0
    rotating = 0.0
    for g in range(generators.shape[0]):
        row = generators[g]
        valve, turbine = FIRST + 2 * g, FIRST + 2 * g + 1
        dx[valve] = 0.0
        dx[turbine] = 0.0
        if row[ONLINE] == 0.0:
            continue
        wanted_kw = row[SET] + row[PART] * secondary_kw - row[GAIN] * f
        if row[LAG] > 0.0:
            slope = (wanted_kw - x[valve]) / row[LAG]
            stuck = (slope > 0 and x[valve] >= row[HIGH]) or (slope < 0 and x[valve] <= row[LOW])
            dx[valve] = 0.0 if stuck else slope
            wanted_kw = x[valve]
        opening_kw = min(max(wanted_kw, row[LOW]), row[HIGH])
        power_kw = opening_kw
        if row[TURBINE] > 0.0:
            dx[turbine] = (opening_kw - x[turbine]) / row[TURBINE]
            power_kw = x[turbine] + row[LEAD] * dx[turbine]
        row[POWER] += weight * power_kw
        mechanical_kw += power_kw
        rotating += row[INERTIA]
    return mechanical_kw, rotating


@inlined
def _inverters(
    x: Floats, dx: Floats, c: Floats, brought_kw: Floats, weight: float, answered: Floats
) -> float:
    """Slopes of the inverters' lags; return what their answers add. [kW]"""
    f = x[F]
    dx[OVER] = (max(f - c[DOWN_START], 0.0) - x[OVER]) / c[DOWN_LAG]
    dx[UNDER] = (max(c[UP_START] - f, 0.0) - x[UNDER]) / c[UP_LAG]
    answer_kw = 0.0
    down, up = c[DOWN_GAIN] * max(x[OVER], 0.0), c[UP_GAIN] * max(x[UNDER], 0.0)
    if down > 0.0:
        for i in range(brought_kw.shape[1]):
            part_kw = min(brought_kw[DOWN, i], down * brought_kw[DOWN_RATED, i])
            answered[RESPONSE, i] -= weight * part_kw
            answer_kw -= part_kw
    if up > 0.0:
        for i in range(brought_kw.shape[1]):
            part_kw = min(brought_kw[UP, i], up * brought_kw[UP_RATED, i])
            answered[RESPONSE, i] += weight * part_kw
            answer_kw += part_kw
    return answer_kw


@inlined
def _secondary(x: Floats, dx: Floats, c: Floats) -> float:
    """Slope of the integral, which stops at the limit; return what PI control asks for. [kW]"""
    last = x.size - 1
    dx[last] = 0.0
    limit = c[SECONDARY_LIMIT]
    if limit == 0.0:
        return 0.0
    error_kw = c[SECONDARY_BIAS] * (x[F] - c[SECONDARY_AIM])
    slope = -c[SECONDARY_KI] * error_kw
    stuck = (slope > 0.0 and x[last] >= limit) or (slope < 0.0 and x[last] <= -limit)
    dx[last] = 0.0 if stuck else slope
    asked_kw: float = min(max(x[last] - c[SECONDARY_KP] * error_kw, -limit), limit)
    return asked_kw


@inlined
def _former(
    x: Floats,
    dx: Floats,
    c: Floats,
    stores: Floats,
    secondary_kw: float,
    net_kw: float,
    rotating: float,
    former_low_kw: float,
    former_high_kw: float,
) -> float:
    """Slopes of droop and frequency; return the former's electrical power. [kW]

    Notes
    -----
    The former delivers its (limited) droop power less the power that its own
    inertia takes; where that meets a limit and generators rotate beside it, it
    holds the limit and the generators' inertia alone sets the slope.
    """
    droop_kw = -c[FORMER_GAIN] * x[F]
    dx[DROOP] = 0.0
    if c[FORMER_LAG] > 0.0:
        dx[DROOP] = (droop_kw - x[DROOP]) / c[FORMER_LAG]
        droop_kw = x[DROOP]
    wanted_kw = c[FORMER_SET] + c[FORMER_PART] * secondary_kw + droop_kw
    drive_kw = min(max(wanted_kw, former_low_kw), former_high_kw)
    if stores.shape[0] > 0:
        dx[F], shared_kw = share_out(
            stores, c[FORMER_INERTIA], drive_kw, former_low_kw, former_high_kw, net_kw, rotating
        )
        return shared_kw
    dx[F] = (drive_kw - net_kw) / (c[FORMER_INERTIA] + rotating)
    former_kw: float = drive_kw - c[FORMER_INERTIA] * dx[F]
    if rotating > 0.0 and not former_low_kw <= former_kw <= former_high_kw:
        former_kw = min(max(former_kw, former_low_kw), former_high_kw)
        dx[F] = (former_kw - net_kw) / rotating
    return former_kw


@inlined
def slopes(
    x: Floats,
    dx: Floats,
    c: Floats,
    generators: Floats,
    stores: Floats,
    demand_kw: float,
    fixed_kw: float,
    former_low_kw: float,
    former_high_kw: float,
    brought_kw: Floats,
    ahead_s: float,
    weight: float,
    answered: Floats,
) -> float:
    """Slopes of all states, and the former's electrical power there. [kW]

    Adds `weight` times the present power to every generator's, store's and peer's mean;
    `ahead_s` is how far inside the inner step this is.
    """
    secondary_kw = _secondary(x, dx, c)
    mechanical_kw, rotating = _generators(x, dx, generators, secondary_kw, weight)
    answer_kw = _inverters(x, dx, c, brought_kw, weight, answered)
    if stores.shape[0] > 0:
        at = FIRST + 2 * generators.shape[0]
        answer_kw += answers(x, dx, at, stores, secondary_kw, ahead_s)
    regulated_kw = demand_kw * max(1.0 + c[LOAD_PER_HZ] * x[F], 0.0)
    net_kw = regulated_kw + fixed_kw - answer_kw - mechanical_kw
    former_kw = _former(
        x, dx, c, stores, secondary_kw, net_kw, rotating, former_low_kw, former_high_kw
    )
    for k in range(stores.shape[0]):
        stores[k, S_MEAN] += weight * stores[k, S_NOW]
    return former_kw


@njit(cache=True, nogil=True)
def inner_steps(c: Floats, generators: Floats, stores: Floats, brought_kw: Floats) -> int:
    """How many inner steps a base step of at most 10 ms is cut into.

    The step stays below half of the shortest lag, of the fastest direct decay
    and of the fastest swing between inertia and a lagged response.
    """
    rotating = 0.0
    direct = c[LOAD_PER_HZ] * brought_kw[LOAD].sum() + c[SECONDARY_KP] * c[SECONDARY_BIAS]
    lagged = c[DOWN_GAIN] * brought_kw[DOWN_RATED].sum() / c[DOWN_LAG]
    lagged += c[UP_GAIN] * brought_kw[UP_RATED].sum() / c[UP_LAG]
    for g in range(generators.shape[0]):
        row = generators[g]
        if row[ONLINE] == 0.0:
            continue
        rotating += row[INERTIA]
        if row[LAG] > 0.0:
            lagged += row[GAIN] / row[LAG]
        elif row[TURBINE] > 0.0:
            lagged += row[GAIN] / row[TURBINE]
            direct += row[GAIN] * row[LEAD] / row[TURBINE]
        else:
            direct += row[GAIN]
    inertia = rotating if rotating > 0.0 else c[FORMER_INERTIA]
    if stores.shape[0] > 0:
        lagged += steepness(stores)
    decay = direct / inertia
    if c[FORMER_LAG] > 0.0:
        lagged += c[FORMER_GAIN] / c[FORMER_LAG]
    else:
        decay += c[FORMER_GAIN] / (rotating + c[FORMER_INERTIA])
    rate = max(c[LAG_RATE], decay, math.sqrt(lagged / inertia))
    parts: int = min(max(math.ceil(rate * c[DT] / c[N_BASE] / _PHASE - 1e-9), 1), 100)
    return parts
