"""The island's swing equation and everything that answers frequency, one call per tick.

Frequencies are deviations from nominal [Hz], powers [kW], inertia M = 2 H S / f0 [kW s/Hz].
The names below number the columns of the arrays that `frequency_island` fills.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# constants of the island
(
    DT,
    N_BASE,
    LAG_RATE,
    LOAD_PER_HZ,
    FORMER_SET,
    FORMER_GAIN,
    FORMER_LAG,
    FORMER_INERTIA,
    FORMER_S,
    FORMER_P_MAX,
    FORMER_PEAK,
    OVERLOAD_TIME,
    LOW_TRIP,
    HIGH_TRIP,
    DOWN_START,
    DOWN_GAIN,
    DOWN_LAG,
    UP_START,
    UP_GAIN,
    UP_LAG,
    RATED,
    N_CONSTANTS,
) = range(22)

# one row per generator; POWER returns the mean electrical power of the tick
ONLINE, SET, LOW, HIGH, GAIN, LAG, LEAD, TURBINE, INERTIA, POWER, N_GENERATOR = range(11)

# one row per shedding stage; SERVED and TIME are means over the tick
BELOW, DELAY, SHARE, TIMER, ACTIVE, WEIGHTED, TIME, KW, N_STAGE = range(9)

# state: frequency, the former's lagged droop power, lagged over- and under-frequency,
# then valve and turbine of every generator
F, DROOP, OVER, UNDER, FIRST = range(5)

# rows of what the peers bring, and of what they get back
LOAD, DER, DOWN, UP, DOWN_RATED, UP_RATED, N_BROUGHT = range(7)
RESPONSE, SERVED, SHED, N_ANSWERED = range(4)

# memory: seconds of overload, position in the ring of past frequencies, the ring
OVERLOAD, POSITION, RING = range(3)

# results of a tick
(
    F_MEAN,
    F_MIN,
    F_MAX,
    ROCOF,
    ROCOF_500,
    FORMER,
    GENERATORS,
    MECHANICAL,
    KINETIC,
    STAGES,
    N_RESULTS,
) = range(11)

RUNS, BLACK, BAD = range(3)

_PHASE = 0.5  # largest product of inner step and fastest rate
_TOLERANCE = 1.01  # an overload begins this far above the limit


@njit(cache=True, nogil=True)
def _slopes(
    x: Floats,
    dx: Floats,
    c: Floats,
    generators: Floats,
    demand_kw: float,
    fixed_kw: float,
    former_low_kw: float,
    former_high_kw: float,
    brought_kw: Floats,
    weight: float,
    answered: Floats,
) -> float:
    """Slopes of all states, and the former's electrical power there.

    Adds `weight` times the present power to every generator's and every peer's mean.

    Notes
    -----
    The former delivers its (limited) droop power less the power that its own
    inertia takes; where that meets a limit and generators rotate beside it, it
    holds the limit and the generators' inertia alone sets the slope.
    """
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
        wanted_kw = row[SET] - row[GAIN] * f
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

    net_kw = demand_kw * max(1.0 + c[LOAD_PER_HZ] * f, 0.0) + fixed_kw - answer_kw - mechanical_kw
    droop_kw = -c[FORMER_GAIN] * f
    dx[DROOP] = 0.0
    if c[FORMER_LAG] > 0.0:
        dx[DROOP] = (droop_kw - x[DROOP]) / c[FORMER_LAG]
        droop_kw = x[DROOP]
    drive_kw = min(max(c[FORMER_SET] + droop_kw, former_low_kw), former_high_kw)
    dx[F] = (drive_kw - net_kw) / (c[FORMER_INERTIA] + rotating)
    former_kw: float = drive_kw - c[FORMER_INERTIA] * dx[F]
    if rotating > 0.0 and not former_low_kw <= former_kw <= former_high_kw:
        former_kw = min(max(former_kw, former_low_kw), former_high_kw)
        dx[F] = (former_kw - net_kw) / rotating
    return former_kw


@njit(cache=True, nogil=True)
def _inner_steps(c: Floats, generators: Floats, brought_kw: Floats) -> int:
    """How many inner steps a base step of at most 10 ms is cut into.

    The step stays below half of the shortest lag, of the fastest direct decay
    and of the fastest swing between inertia and a lagged response.
    """
    rotating = 0.0
    direct = c[LOAD_PER_HZ] * brought_kw[LOAD].sum()
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
    decay = direct / inertia
    if c[FORMER_LAG] > 0.0:
        lagged += c[FORMER_GAIN] / c[FORMER_LAG]
    else:
        decay += c[FORMER_GAIN] / (rotating + c[FORMER_INERTIA])
    rate = max(c[LAG_RATE], decay, math.sqrt(lagged / inertia))
    parts: int = min(max(math.ceil(rate * c[DT] / c[N_BASE] / _PHASE - 1e-9), 1), 100)
    return parts


@njit(cache=True, nogil=True)
def _faulty(brought_kw: Floats) -> bool:
    """Whether something brought is not finite, or negative where it must not be."""
    for row in range(DOWN_RATED):
        lowest = -1e300 if row == DER else 0.0
        for i in range(brought_kw.shape[1]):
            if not lowest <= brought_kw[row, i] < np.inf:
                return True
    return False


@njit(cache=True, nogil=True)
def _open(
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


@njit(cache=True, nogil=True)
def _trips(c: Floats, memory: Floats, former_kw: float, former_kvar: float, h: float) -> bool:
    """Whether the former trips: too much at once, or over its limit for too long."""
    apparent = math.hypot(former_kw, former_kvar)
    over = apparent > _TOLERANCE * c[FORMER_S] or abs(former_kw) > _TOLERANCE * c[FORMER_P_MAX]
    memory[OVERLOAD] = memory[OVERLOAD] + h if over else 0.0
    # 1e-9 s is rounding of the sum of steps
    tripped: bool = memory[OVERLOAD] > c[OVERLOAD_TIME] + 1e-9 or apparent > c[FORMER_PEAK]
    return tripped


@njit(cache=True, nogil=True)
def _relays(stages: Floats, f: float, regulation: float, share: float, h: float) -> float:
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


@njit(cache=True, nogil=True)
def _look_back(c: Floats, memory: Floats, results: Floats, f: float) -> None:
    """Slope over the window that ends here; called once per base step."""
    window = memory.size - RING
    at = RING + int(memory[POSITION])
    slope = (f - memory[at]) * c[N_BASE] / (window * c[DT])
    if abs(slope) > abs(results[ROCOF_500]):
        results[ROCOF_500] = slope
    memory[at] = f
    memory[POSITION] = (memory[POSITION] + 1) % window


@njit(cache=True, nogil=True)
def _close(
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


@njit(cache=True, nogil=True)
def island_tick(
    c: Floats,
    generators: Floats,
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
    c, generators, stages, x, memory : array
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
    if _faulty(brought_kw):
        return BAD
    rotating = (generators[:, ONLINE] * generators[:, INERTIA]).sum()
    if not c[FORMER_INERTIA] + rotating > 0.0:
        return BLACK
    demand_kw = _open(c, generators, stages, results, brought_kw, answered, stage_of_peer)
    fixed_kw = losses_kw - brought_kw[DER].sum()
    parts = _inner_steps(c, generators, brought_kw)
    steps = int(c[N_BASE]) * parts
    h, share = c[DT] / steps, 1.0 / steps
    f_start = results[F_MIN] = results[F_MAX] = x[F]
    regulation = 0.0
    for step in range(steps):
        regulated = 0.0
        work[4] = x
        for s in range(4):
            weight = share / 6 if s == 0 or s == 3 else share / 3
            if s > 0:
                ahead = h if s == 3 else 0.5 * h
                for j in range(x.size):
                    work[4, j] = x[j] + ahead * work[s - 1, j]
            former_kw = _slopes(
                work[4],
                work[s],
                c,
                generators,
                demand_kw,
                fixed_kw,
                former_low_kw,
                former_high_kw,
                brought_kw,
                weight,
                answered,
            )
            if s == 0 and _trips(c, memory, former_kw, former_kvar, h):
                return BLACK
            results[F_MEAN] += weight * work[4, F]
            regulated += weight * max(1.0 + c[LOAD_PER_HZ] * work[4, F], 0.0)
        for j in range(x.size):
            x[j] += h / 6 * (work[0, j] + 2 * work[1, j] + 2 * work[2, j] + work[3, j])
        for g in range(generators.shape[0]):
            valve = FIRST + 2 * g
            x[valve] = min(max(x[valve], generators[g, LOW]), generators[g, HIGH])
        if not c[LOW_TRIP] <= x[F] <= c[HIGH_TRIP]:
            return BLACK
        if abs(work[0, F]) > abs(results[ROCOF]):
            results[ROCOF] = work[0, F]
        results[F_MIN] = min(results[F_MIN], x[F])
        results[F_MAX] = max(results[F_MAX], x[F])
        regulation += regulated
        demand_kw -= _relays(stages, x[F], regulated, share, h)
        if (step + 1) % parts == 0:
            _look_back(c, memory, results, x[F])
    _close(
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
    return RUNS
