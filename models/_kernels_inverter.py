"""Kernels of inverter functions: one pass over all inverters a tick.

They compute; `models.inverter_fleet.InverterFleet` validates and names things. Inverters of one
kind share a row of settings in per unit, so that a large fleet reads few numbers; what a unit has
of its own are its ratings and its state, one row each.
"""

import math

import numpy as np
import numpy.typing as npt
from numba import njit

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

# Columns of a kind's settings.
Q_MODE, Q_SHARE, TANGENT, Q_SET, VW_ON, VW_SHARE = range(6)
VV_V, VV_Q, WV_P, WV_Q, VW_V, VW_P = 6, 10, 14, 17, 20, 22
FD_ON, FD_SHARE, F_OVER, F_UNDER, K_OVER, K_UNDER = range(24, 30)
LIMIT_STEP, REVERT_S, REVERT_TO, ES_STEP, RESTORE_STEP, DELAY = range(30, 36)
ENTER_LOW, ENTER_HIGH, ENTER_F_LOW, ENTER_F_HIGH = range(36, 40)
ABLE_P, ABLE_INJECT, ABLE_ABSORB, KEPT_INJECT, KEPT_ABSORB = 40, 45, 50, 55, 56
BAND_LOW, BAND_HIGH, MAY_TRIP, MEAN_OVER, ROCOF, ROCOF_S = range(57, 63)
TRIPS = 63  # level and time: two over-voltages, two under-voltages, then the same of frequency
ZONES = 79  # low, high, duration, slope and mode of every region outside the continuous band
N_ZONES = 8
F_ZONES = ZONES + 5 * N_ZONES  # low, high, duration of two regions of frequency
CALM_LOW, CALM_HIGH, CALM_F_LOW, CALM_F_HIGH = range(F_ZONES + 6, F_ZONES + 10)
N_KIND = F_ZONES + 10

PF, CONSTANT_Q, VOLT_VAR, WATT_VAR = 1.0, 2.0, 3.0, 4.0
NO_ZONE, MANDATORY, PERMISSIVE, MOMENTARY, CEASE = -1.0, 0.0, 1.0, 2.0, 3.0

# Columns of a unit's ratings.
P_RATED, S_RATED, SHARE, RAMP, VM_FULL, P_MEET = range(6)
N_RATINGS = 6

# Columns of a unit's state.
MODE, LATCHED, WAITED, T_ZONE, T_F_ZONE, T_ROCOF, T_TRIP = 0, 1, 2, 3, 4, 5, 6
P, Q, Q_LAG, VW_LAG, FD, FD_PRE, FD_LAG = range(14, 21)
LIMIT, LIMIT_SET, LIMIT_AGE, ES, CEASED, RESTORING, STARTED = range(21, 28)
V_SUM, V_MEAN, CALM = 28, 29, 30
N_STATE = 31
RUNNING, TRIPPED, WAITING = 0.0, 1.0, 2.0
OVER, UNDER, RETURNING = 1.0, -1.0, 2.0

_SLACK_S = 1e-9  # timers are sums of tick lengths, which rarely add up to the bit
_NOT_RUNNING = -1.0
_RETURNED_PU = 1e-3


@njit(cache=True, nogil=True, error_model="numpy")
def curve(x: float, kind: Floats, along: int, values: int, corners: int) -> float:
    """Read a curve of straight lines, flat outside its corners."""
    last = corners - 1
    if x >= kind[along + last]:
        return float(kind[values + last])
    for corner in range(last, 0, -1):
        low = kind[along + corner - 1]
        if x >= low:
            left, right = kind[values + corner - 1], kind[values + corner]
            if left == right:
                return float(left)
            return float(left + (x - low) / (kind[along + corner] - low) * (right - left))
    return float(kind[values])


@njit(cache=True, nogil=True, error_model="numpy")
def _since(state: Floats, timer: int, outside: bool, dt_s: float) -> float:
    """Time since the first sample outside; −1 inside. A trip never comes before its time. [s]"""
    if not outside:
        state[timer] = _NOT_RUNNING
    elif state[timer] < 0.0:
        state[timer] = 0.0
    else:
        state[timer] += dt_s
    return float(state[timer])


@njit(cache=True, nogil=True, error_model="numpy")
def _zone(kind: Floats, vm_pu: float) -> int:
    """Region of ride-through that the voltage is in; −1 in the continuous band."""
    if kind[BAND_LOW] <= vm_pu <= kind[BAND_HIGH]:
        return -1
    for number in range(N_ZONES):
        at = ZONES + 5 * number
        low, high = kind[at], kind[at + 1]
        if kind[at + 4] != NO_ZONE and (
            (low >= 1.0 and low < vm_pu <= high) or (low < 1.0 and low <= vm_pu < high)
        ):
            return at
    return -1


@njit(cache=True, nogil=True, error_model="numpy")
def _must_open(kind: Floats, state: Floats, vm_pu: float, f_hz: float, dt_s: float) -> bool:
    """Run the timers of all must-trip settings."""
    opens = False
    for stage in range(8):
        level, after_s = kind[TRIPS + 2 * stage], kind[TRIPS + 2 * stage + 1]
        value = vm_pu if stage < 4 else f_hz
        outside = value > level if stage % 4 < 2 else value < level
        lasted_s = _since(state, T_TRIP + stage, outside, dt_s)
        opens |= outside and lasted_s >= after_s - _SLACK_S
    return opens


@njit(cache=True, nogil=True, error_model="numpy")
def _may_open(
    kind: Floats, state: Floats, zone: int, vm_pu: float, f_hz: float, dt_s: float
) -> bool:
    """Run the timers of ride-through, for a unit that opens as soon as it may."""
    lasted_s = _since(state, T_ZONE, zone >= 0, dt_s)
    f_zone = -1
    for number in range(2):
        at = F_ZONES + 3 * number
        if kind[at] <= f_hz < kind[at + 1]:
            f_zone = at
    f_lasted_s = _since(state, T_F_ZONE, f_zone >= 0, dt_s)
    if kind[MAY_TRIP] == 0.0:
        return False
    over_v = zone >= 0 and lasted_s >= (
        kind[zone + 2] + kind[zone + 3] * (vm_pu - kind[zone]) - _SLACK_S
    )
    return bool(over_v or (f_zone >= 0 and f_lasted_s >= kind[f_zone + 2] - _SLACK_S))


@njit(cache=True, nogil=True, error_model="numpy")
def _protect(
    kind: Floats, state: Floats, vm_pu: float, f_hz: float, rocof: float, dt_s: float
) -> None:
    """Trip, wait, enter service; say whether the unit ceases meanwhile."""
    too_fast = kind[ROCOF] > 0.0 and abs(rocof) > kind[ROCOF]
    mean_over = kind[MEAN_OVER] > 0.0 and state[V_MEAN] > kind[MEAN_OVER]
    calm = (
        kind[CALM_LOW] <= vm_pu <= kind[CALM_HIGH]
        and kind[CALM_F_LOW] <= f_hz <= kind[CALM_F_HIGH]
        and not (too_fast or mean_over)
    )
    opens = mean_over
    if calm and state[CALM] > 0.0:  # no timer runs
        if state[MODE] == RUNNING:
            return
    else:
        state[CALM] = 1.0 if calm else 0.0
        zone = _zone(kind, vm_pu)
        opens |= _must_open(kind, state, vm_pu, f_hz, dt_s)
        opens |= _may_open(kind, state, zone, vm_pu, f_hz, dt_s)
        fast_s = _since(state, T_ROCOF, too_fast, dt_s)
        opens |= too_fast and fast_s >= kind[ROCOF_S] - _SLACK_S
        state[CEASED] = 1.0 if zone >= 0 and kind[zone + 4] >= MOMENTARY else 0.0
    if state[MODE] == RUNNING:
        if opens:
            state[MODE], state[WAITED] = TRIPPED, 0.0
    elif (
        state[LATCHED] > 0.0
        or opens
        or not kind[ENTER_LOW] <= vm_pu <= kind[ENTER_HIGH]
        or not kind[ENTER_F_LOW] <= f_hz <= kind[ENTER_F_HIGH]
    ):
        state[MODE], state[WAITED] = TRIPPED, 0.0
    elif state[WAITED] >= kind[DELAY] - _SLACK_S:
        state[MODE], state[WAITED], state[ES] = RUNNING, 0.0, 0.0
    else:
        state[MODE] = WAITING
        state[WAITED] += dt_s


@njit(cache=True, nogil=True, error_model="numpy")
def _limited(kind: Floats, state: Floats, vm_pu: float, dt_s: float) -> float:
    """Limit that volt-watt, the operator and the soft start leave. [p.u.]"""
    if kind[REVERT_S] > 0.0 and state[LIMIT_AGE] >= kind[REVERT_S] - _SLACK_S:
        state[LIMIT_SET] = kind[REVERT_TO]
    state[LIMIT_AGE] += dt_s
    move = state[LIMIT_SET] - state[LIMIT]
    state[LIMIT] += min(max(move, -kind[LIMIT_STEP]), kind[LIMIT_STEP])
    if kind[VW_ON] > 0.0:
        allowed = curve(vm_pu, kind, VW_V, VW_P, 2)
        state[VW_LAG] += kind[VW_SHARE] * (allowed - state[VW_LAG])
    return float(min(1.0, min(state[LIMIT], min(state[VW_LAG], state[ES]))))


@njit(cache=True, nogil=True, error_model="numpy")
def _droop(
    kind: Floats, state: Floats, normal: float, available: float, most: float, f_hz: float
) -> float:
    """Active power with the answer to frequency. [p.u.]

    Notes
    -----
    IEEE 1547-2018, 6.5.2.7: from the power at which the dead band was left. Limits stand below
    it; the peer's own curtailment, which `normal` holds and `available` does not, gives way to an
    under-frequency.
    """
    if kind[FD_ON] == 0.0:
        return normal
    side = OVER if f_hz > kind[F_OVER] else (UNDER if f_hz < kind[F_UNDER] else 0.0)
    if side != 0.0:
        if state[FD] == 0.0:
            state[FD_LAG] = state[P]
        if state[FD] != side:
            state[FD], state[FD_PRE] = side, state[P]
        if side == OVER:
            wanted = max(state[FD_PRE] - (f_hz - kind[F_OVER]) * kind[K_OVER], 0.0)
        else:
            wanted = min(state[FD_PRE] + (kind[F_UNDER] - f_hz) * kind[K_UNDER], available)
    elif state[FD] == 0.0:
        return normal
    else:
        state[FD], wanted = RETURNING, normal
    state[FD_LAG] += kind[FD_SHARE] * (wanted - state[FD_LAG])
    power = min(normal, state[FD_LAG]) if side == OVER else min(most, state[FD_LAG])
    if state[FD] == RETURNING and abs(state[FD_LAG] - wanted) < _RETURNED_PU:
        state[FD] = 0.0
    return float(power)


@njit(cache=True, nogil=True, error_model="numpy")
def _reactive(kind: Floats, state: Floats, rating: Floats, p: float, vm_pu: float) -> float:
    """Reactive power that the chosen function asks for, after its response. [p.u.]"""
    wanted = 0.0
    if kind[Q_MODE] == PF:
        wanted = p * kind[TANGENT] * rating[P_RATED] / rating[S_RATED]
    elif kind[Q_MODE] == CONSTANT_Q:
        wanted = kind[Q_SET]
    elif kind[Q_MODE] == VOLT_VAR:
        wanted = curve(vm_pu, kind, VV_V, VV_Q, 4)
    elif kind[Q_MODE] == WATT_VAR:
        wanted = curve(p, kind, WV_P, WV_Q, 3)
    share = kind[Q_SHARE] if state[STARTED] > 0.0 else 1.0
    state[Q_LAG] += share * (wanted - state[Q_LAG])
    return float(state[Q_LAG])


@njit(cache=True, nogil=True, error_model="numpy")
def _within(
    kind: Floats, p: float, q: float, p_rated: float, s_rated: float, s_now: float
) -> tuple[float, float]:
    """Bring P and Q into the capability curve and the apparent power. [kW], [kvar]"""
    p_kw, q_kvar = p * p_rated, q * s_rated
    kept_kw = p_kw
    if kind[Q_MODE] == PF and p_kw * p_kw + q_kvar * q_kvar > s_now * s_now:
        shrink = s_now / math.sqrt(p_kw * p_kw + q_kvar * q_kvar)
        q_kvar *= shrink
        kept_kw *= shrink
    most = min(curve(p, kind, ABLE_P, ABLE_INJECT, 5) * s_rated, s_now)
    least = -min(curve(p, kind, ABLE_P, ABLE_ABSORB, 5) * s_rated, s_now)
    clipped = q_kvar > most or q_kvar < least
    q_kvar = min(max(q_kvar, least), most)
    if kind[Q_MODE] == PF and not clipped:
        return kept_kw, q_kvar
    if p_kw * p_kw + q_kvar * q_kvar <= s_now * s_now:
        return p_kw, q_kvar
    first = min(max(q_kvar, -kind[KEPT_ABSORB] * s_rated), kind[KEPT_INJECT] * s_rated)
    p_kw = min(p_kw, math.sqrt(max(s_now * s_now - first * first, 0.0)))
    room = math.sqrt(max(s_now * s_now - p_kw * p_kw, 0.0))
    return p_kw, min(max(q_kvar, -room), room)


@njit(cache=True, nogil=True, error_model="numpy")
def _deliver(
    kind: Floats, state: Floats, rating: Floats, p: float, q: float, most: float, vm_pu: float
) -> None:
    """Move towards P and Q with the plant's own lag and ramp. [p.u.]"""
    p_rated, s_rated = rating[P_RATED], rating[S_RATED]
    s_now = s_rated * min(1.0, vm_pu / rating[VM_FULL])
    p_kw, q_kvar = _within(kind, p, q, p_rated, s_rated, s_now)
    if state[STARTED] > 0.0:
        step_kw = rating[SHARE] * (p_kw - state[P] * p_rated)
        step_kw = min(max(step_kw, -rating[RAMP]), rating[RAMP])
        moved_kw = min(state[P] * p_rated + step_kw, most * p_rated)
        if state[RESTORING] > 0.0:
            fastest_kw = (state[P] + kind[RESTORE_STEP]) * p_rated
            if moved_kw <= fastest_kw:
                state[RESTORING] = 0.0
            moved_kw = min(moved_kw, fastest_kw)
        moved_kvar = (state[Q] + rating[SHARE] * (q_kvar / s_rated - state[Q])) * s_rated
        over = moved_kw * moved_kw + moved_kvar * moved_kvar - s_now * s_now
        if over > 0.0:  # the voltage fell: what is there counts, not what was asked for
            room = math.sqrt(max(s_now * s_now - q_kvar * q_kvar, 0.0))
            moved_kvar = min(max(moved_kvar, -s_now), s_now)
            moved_kvar = q_kvar if abs(q_kvar) < abs(moved_kvar) else moved_kvar
            room = math.sqrt(max(s_now * s_now - moved_kvar * moved_kvar, 0.0))
            moved_kw = min(moved_kw, room)
        p_kw, q_kvar = moved_kw, moved_kvar
    state[P], state[Q] = max(0.0, p_kw) / p_rated, q_kvar / s_rated


@njit(cache=True, nogil=True, error_model="numpy")
def _begin(kind: Floats, state: Floats, vm_pu: float) -> None:
    """Start as if it had run for a while at what the first sample shows."""
    state[LIMIT] = state[LIMIT_SET]
    state[VW_LAG] = curve(vm_pu, kind, VW_V, VW_P, 2) if kind[VW_ON] > 0.0 else 1.0


@njit(cache=True, nogil=True, error_model="numpy")
def _open(kind: Floats, state: Floats, vm_pu: float, dt_s: float) -> None:
    """Stand open: no power, no memory of what it fed; limits go on moving."""
    _limited(kind, state, vm_pu, dt_s)
    state[P] = state[Q] = state[Q_LAG] = state[ES] = 0.0
    state[FD] = state[FD_LAG] = state[RESTORING] = 0.0


@njit(cache=True, nogil=True, error_model="numpy")
def step_inverters(
    kinds: Floats,
    kind_of: Ints,
    ratings: Floats,
    state: Floats,
    inputs: Floats,
    f_hz: float,
    rocof_hz_per_s: float,
    dt_s: float,
    out: Floats,
) -> None:
    """Advance all inverters by one tick.

    Parameters
    ----------
    kinds, kind_of : (m, 129) float64 array, (n,) int64 array
        Settings of every kind, in per unit, and the kind of every unit.
    ratings, state : (n, 6), (n, 31) float64 array
        Columns as named above.
    inputs : (3, n) float64 array
        Available, and the owner's limit [kW]; voltage [p.u.]. What is not a number counts as no
        power, no limit, no voltage.
    f_hz, rocof_hz_per_s, dt_s : float
        Frequency, its change over the last half second, length of the tick. [Hz], [Hz/s], [s]
    out : (2, n) float64 array
        Active and reactive power over the tick. [kW], [kvar]
    """
    frequency = f_hz if math.isfinite(f_hz) else 0.0
    for unit in range(kind_of.size):
        kind, rating, own = kinds[kind_of[unit]], ratings[unit], state[unit]
        vm_pu = inputs[2, unit]
        vm_pu = min(max(vm_pu, 0.0), 9.0) if math.isfinite(vm_pu) else 0.0
        own[V_SUM] += vm_pu
        if own[STARTED] == 0.0:
            _begin(kind, own, vm_pu)
        _protect(kind, own, vm_pu, frequency, rocof_hz_per_s, dt_s)
        if own[MODE] != RUNNING or rating[P_RATED] <= 0.0 or rating[S_RATED] <= 0.0:
            _open(kind, own, vm_pu, dt_s)
        else:
            given_kw, asked_kw = inputs[0, unit], inputs[1, unit]
            available = max(given_kw, 0.0) / rating[P_RATED] if math.isfinite(given_kw) else 0.0
            asked = max(asked_kw, 0.0) / rating[P_RATED] if asked_kw == asked_kw else math.inf
            if own[ES] < 1.0:
                own[ES] += kind[ES_STEP]
            allowed = _limited(kind, own, vm_pu, dt_s)
            most = min(available, allowed)
            p = _droop(kind, own, min(most, asked), available, most, frequency)
            if kind[Q_MODE] == WATT_VAR:
                p = min(p, rating[P_MEET])
            q = _reactive(kind, own, rating, p, vm_pu)
            if own[CEASED] > 0.0:
                own[P], own[Q], own[RESTORING] = 0.0, 0.0, 1.0
            else:
                _deliver(kind, own, rating, p, q, available, vm_pu)
        own[STARTED] = 1.0
        out[0, unit], out[1, unit] = own[P] * rating[P_RATED], own[Q] * rating[S_RATED]
