"""Kernels of inverter functions: one pass over all inverters a tick.

They compute; `models.inverters.fleet.InverterFleet` validates and names things. Inverters of one
kind share a row of settings in per unit, so that a large fleet reads few numbers; what a unit has
of its own are its ratings and its state, one row each. Rows are named by their numbers, and parts
are inlined: every view of a row, and every call with one, costs a count of references, which
together took 40 % of the time.
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


@njit(cache=True, nogil=True, error_model="numpy", inline="always")
def curve(x: float, kinds: Floats, row: int, along: int, values: int, corners: int) -> float:
    """Read a curve of straight lines, flat outside its corners."""
    last = corners - 1
    if x >= kinds[row, along + last]:
        return float(kinds[row, values + last])
    for corner in range(last, 0, -1):
        low = kinds[row, along + corner - 1]
        if x >= low:
            left, right = kinds[row, values + corner - 1], kinds[row, values + corner]
            if left == right:
                return float(left)
            return float(left + (x - low) / (kinds[row, along + corner] - low) * (right - left))
    return float(kinds[row, values])


@njit(cache=True, nogil=True, error_model="numpy", inline="always")
def _since(state: Floats, unit: int, timer: int, outside: bool, dt_s: float) -> float:
    """Time since the first sample outside; −1 inside. A trip never comes before its time. [s]"""
    if not outside:
        state[unit, timer] = _NOT_RUNNING
    elif state[unit, timer] < 0.0:
        state[unit, timer] = 0.0
    else:
        state[unit, timer] += dt_s
    return float(state[unit, timer])


@njit(cache=True, nogil=True, error_model="numpy", inline="always")
def _zone(kinds: Floats, row: int, vm_pu: float) -> int:
    """Region of ride-through that the voltage is in; −1 in the continuous band."""
    if kinds[row, BAND_LOW] <= vm_pu <= kinds[row, BAND_HIGH]:
        return -1
    for number in range(N_ZONES):
        at = ZONES + 5 * number
        low, high = kinds[row, at], kinds[row, at + 1]
        if kinds[row, at + 4] != NO_ZONE and (
            (low >= 1.0 and low < vm_pu <= high) or (low < 1.0 and low <= vm_pu < high)
        ):
            return at
    return -1


@njit(cache=True, nogil=True, error_model="numpy", inline="always")
def _must_open(
    kinds: Floats, row: int, state: Floats, unit: int, vm_pu: float, f_hz: float, dt_s: float
) -> bool:
    """Run the timers of all must-trip settings."""
    opens = False
    for stage in range(8):
        level, after_s = kinds[row, TRIPS + 2 * stage], kinds[row, TRIPS + 2 * stage + 1]
        value = vm_pu if stage < 4 else f_hz
        outside = value > level if stage % 4 < 2 else value < level
        lasted_s = _since(state, unit, T_TRIP + stage, outside, dt_s)
        opens |= outside and lasted_s >= after_s - _SLACK_S
    return opens


@njit(cache=True, nogil=True, error_model="numpy", inline="always")
def _may_open(
    kinds: Floats,
    row: int,
    state: Floats,
    unit: int,
    zone: int,
    vm_pu: float,
    f_hz: float,
    dt_s: float,
) -> bool:
    """Run the timers of ride-through, for a unit that opens as soon as it may."""
    lasted_s = _since(state, unit, T_ZONE, zone >= 0, dt_s)
    f_zone = -1
    for number in range(2):
        at = F_ZONES + 3 * number
        if kinds[row, at] <= f_hz < kinds[row, at + 1]:
            f_zone = at
    f_lasted_s = _since(state, unit, T_F_ZONE, f_zone >= 0, dt_s)
    if kinds[row, MAY_TRIP] == 0.0:
        return False
    over_v = zone >= 0 and lasted_s >= (
        kinds[row, zone + 2] + kinds[row, zone + 3] * (vm_pu - kinds[row, zone]) - _SLACK_S
    )
    return bool(over_v or (f_zone >= 0 and f_lasted_s >= kinds[row, f_zone + 2] - _SLACK_S))


@njit(cache=True, nogil=True, error_model="numpy", inline="always")
def _protect(
    kinds: Floats,
    row: int,
    state: Floats,
    unit: int,
    vm_pu: float,
    f_hz: float,
    rocof: float,
    dt_s: float,
) -> None:
    """Trip, wait, enter service; say whether the unit ceases meanwhile."""
    too_fast = kinds[row, ROCOF] > 0.0 and abs(rocof) > kinds[row, ROCOF]
    mean_over = kinds[row, MEAN_OVER] > 0.0 and state[unit, V_MEAN] > kinds[row, MEAN_OVER]
    calm = (
        kinds[row, CALM_LOW] <= vm_pu <= kinds[row, CALM_HIGH]
        and kinds[row, CALM_F_LOW] <= f_hz <= kinds[row, CALM_F_HIGH]
        and not (too_fast or mean_over)
    )
    opens = mean_over
    if calm and state[unit, CALM] > 0.0:  # no timer runs
        if state[unit, MODE] == RUNNING:
            return
    else:
        state[unit, CALM] = 1.0 if calm else 0.0
        zone = _zone(kinds, row, vm_pu)
        opens |= _must_open(kinds, row, state, unit, vm_pu, f_hz, dt_s)
        opens |= _may_open(kinds, row, state, unit, zone, vm_pu, f_hz, dt_s)
        fast_s = _since(state, unit, T_ROCOF, too_fast, dt_s)
        opens |= too_fast and fast_s >= kinds[row, ROCOF_S] - _SLACK_S
        state[unit, CEASED] = 1.0 if zone >= 0 and kinds[row, zone + 4] >= MOMENTARY else 0.0
    if state[unit, MODE] == RUNNING:
        if opens:
            state[unit, MODE], state[unit, WAITED] = TRIPPED, 0.0
    elif (
        state[unit, LATCHED] > 0.0
        or opens
        or not kinds[row, ENTER_LOW] <= vm_pu <= kinds[row, ENTER_HIGH]
        or not kinds[row, ENTER_F_LOW] <= f_hz <= kinds[row, ENTER_F_HIGH]
    ):
        state[unit, MODE], state[unit, WAITED] = TRIPPED, 0.0
    elif state[unit, WAITED] >= kinds[row, DELAY] - _SLACK_S:
        state[unit, MODE], state[unit, WAITED], state[unit, ES] = RUNNING, 0.0, 0.0
    else:
        state[unit, MODE] = WAITING
        state[unit, WAITED] += dt_s


@njit(cache=True, nogil=True, error_model="numpy", inline="always")
def _limited(kinds: Floats, row: int, state: Floats, unit: int, vm_pu: float, dt_s: float) -> float:
    """Limit that volt-watt, the operator and the soft start leave. [p.u.]"""
    if kinds[row, REVERT_S] > 0.0 and state[unit, LIMIT_AGE] >= kinds[row, REVERT_S] - _SLACK_S:
        state[unit, LIMIT_SET] = kinds[row, REVERT_TO]
    state[unit, LIMIT_AGE] += dt_s
    move = state[unit, LIMIT_SET] - state[unit, LIMIT]
    state[unit, LIMIT] += min(max(move, -kinds[row, LIMIT_STEP]), kinds[row, LIMIT_STEP])
    if kinds[row, VW_ON] > 0.0:
        allowed = curve(vm_pu, kinds, row, VW_V, VW_P, 2)
        state[unit, VW_LAG] += kinds[row, VW_SHARE] * (allowed - state[unit, VW_LAG])
    return float(min(1.0, min(state[unit, LIMIT], min(state[unit, VW_LAG], state[unit, ES]))))


@njit(cache=True, nogil=True, error_model="numpy", inline="always")
def _droop(
    kinds: Floats,
    row: int,
    state: Floats,
    unit: int,
    normal: float,
    available: float,
    most: float,
    f_hz: float,
) -> float:
    """Active power with the answer to frequency. [p.u.]

    Notes
    -----
    IEEE 1547-2018, 6.5.2.7: from the power at which the dead band was left. Limits stand below
    it; the peer's own curtailment, which `normal` holds and `available` does not, gives way to an
    under-frequency.
    """
    if kinds[row, FD_ON] == 0.0:
        return normal
    side = OVER if f_hz > kinds[row, F_OVER] else (UNDER if f_hz < kinds[row, F_UNDER] else 0.0)
    if side != 0.0:
        if state[unit, FD] == 0.0:
            state[unit, FD_LAG] = state[unit, P]
        if state[unit, FD] != side:
            state[unit, FD], state[unit, FD_PRE] = side, state[unit, P]
        if side == OVER:
            wanted = max(
                state[unit, FD_PRE] - (f_hz - kinds[row, F_OVER]) * kinds[row, K_OVER], 0.0
            )
        else:
            wanted = min(
                state[unit, FD_PRE] + (kinds[row, F_UNDER] - f_hz) * kinds[row, K_UNDER], available
            )
    elif state[unit, FD] == 0.0:
        return normal
    else:
        state[unit, FD], wanted = RETURNING, normal
    state[unit, FD_LAG] += kinds[row, FD_SHARE] * (wanted - state[unit, FD_LAG])
    power = min(normal, state[unit, FD_LAG]) if side == OVER else min(most, state[unit, FD_LAG])
    if state[unit, FD] == RETURNING and abs(state[unit, FD_LAG] - wanted) < _RETURNED_PU:
        state[unit, FD] = 0.0
    return float(power)


@njit(cache=True, nogil=True, error_model="numpy", inline="always")
def _reactive(
    kinds: Floats, row: int, state: Floats, unit: int, ratings: Floats, p: float, vm_pu: float
) -> float:
    """Reactive power that the chosen function asks for, after its response. [p.u.]"""
    wanted = 0.0
    if kinds[row, Q_MODE] == PF:
        wanted = p * kinds[row, TANGENT] * ratings[unit, P_RATED] / ratings[unit, S_RATED]
    elif kinds[row, Q_MODE] == CONSTANT_Q:
        wanted = kinds[row, Q_SET]
    elif kinds[row, Q_MODE] == VOLT_VAR:
        wanted = curve(vm_pu, kinds, row, VV_V, VV_Q, 4)
    elif kinds[row, Q_MODE] == WATT_VAR:
        wanted = curve(p, kinds, row, WV_P, WV_Q, 3)
    share = kinds[row, Q_SHARE] if state[unit, STARTED] > 0.0 else 1.0
    state[unit, Q_LAG] += share * (wanted - state[unit, Q_LAG])
    return float(state[unit, Q_LAG])


@njit(cache=True, nogil=True, error_model="numpy", inline="always")
def _within(
    kinds: Floats, row: int, p: float, q: float, p_rated: float, s_rated: float, s_now: float
) -> tuple[float, float]:
    """Bring P and Q into the capability curve and the apparent power. [kW], [kvar]"""
    p_kw, q_kvar = p * p_rated, q * s_rated
    kept_kw = p_kw
    if kinds[row, Q_MODE] == PF and p_kw * p_kw + q_kvar * q_kvar > s_now * s_now:
        shrink = s_now / math.sqrt(p_kw * p_kw + q_kvar * q_kvar)
        q_kvar *= shrink
        kept_kw *= shrink
    most = min(curve(p, kinds, row, ABLE_P, ABLE_INJECT, 5) * s_rated, s_now)
    least = -min(curve(p, kinds, row, ABLE_P, ABLE_ABSORB, 5) * s_rated, s_now)
    clipped = q_kvar > most or q_kvar < least
    q_kvar = min(max(q_kvar, least), most)
    if kinds[row, Q_MODE] == PF and not clipped:
        return kept_kw, q_kvar
    if p_kw * p_kw + q_kvar * q_kvar <= s_now * s_now:
        return p_kw, q_kvar
    first = min(max(q_kvar, -kinds[row, KEPT_ABSORB] * s_rated), kinds[row, KEPT_INJECT] * s_rated)
    p_kw = min(p_kw, math.sqrt(max(s_now * s_now - first * first, 0.0)))
    room = math.sqrt(max(s_now * s_now - p_kw * p_kw, 0.0))
    return p_kw, min(max(q_kvar, -room), room)


@njit(cache=True, nogil=True, error_model="numpy", inline="always")
def _deliver(
    kinds: Floats,
    row: int,
    state: Floats,
    unit: int,
    ratings: Floats,
    p: float,
    q: float,
    most: float,
    vm_pu: float,
) -> None:
    """Move towards P and Q with the plant's own lag and ramp. [p.u.]"""
    p_rated, s_rated = ratings[unit, P_RATED], ratings[unit, S_RATED]
    full_pu = ratings[unit, VM_FULL]
    s_now = s_rated if vm_pu >= full_pu else s_rated * (vm_pu / full_pu)
    p_kw, q_kvar = _within(kinds, row, p, q, p_rated, s_rated, s_now)
    if state[unit, STARTED] > 0.0:
        step_kw = ratings[unit, SHARE] * (p_kw - state[unit, P] * p_rated)
        step_kw = min(max(step_kw, -ratings[unit, RAMP]), ratings[unit, RAMP])
        moved_kw = min(state[unit, P] * p_rated + step_kw, most * p_rated)
        if state[unit, RESTORING] > 0.0:
            fastest_kw = (state[unit, P] + kinds[row, RESTORE_STEP]) * p_rated
            if moved_kw <= fastest_kw:
                state[unit, RESTORING] = 0.0
            moved_kw = min(moved_kw, fastest_kw)
        moved_kvar = (
            state[unit, Q] + ratings[unit, SHARE] * (q_kvar / s_rated - state[unit, Q])
        ) * s_rated
        over = moved_kw * moved_kw + moved_kvar * moved_kvar - s_now * s_now
        if over > 0.0:  # the voltage fell: what is there counts, not what was asked for
            room = math.sqrt(max(s_now * s_now - q_kvar * q_kvar, 0.0))
            moved_kvar = min(max(moved_kvar, -s_now), s_now)
            moved_kvar = q_kvar if abs(q_kvar) < abs(moved_kvar) else moved_kvar
            room = math.sqrt(max(s_now * s_now - moved_kvar * moved_kvar, 0.0))
            moved_kw = min(moved_kw, room)
        p_kw, q_kvar = moved_kw, moved_kvar
    state[unit, P], state[unit, Q] = max(0.0, p_kw) / p_rated, q_kvar / s_rated


@njit(cache=True, nogil=True, error_model="numpy", inline="always")
def _begin(kinds: Floats, row: int, state: Floats, unit: int, vm_pu: float) -> None:
    """Start as if it had run for a while at what the first sample shows."""
    state[unit, LIMIT] = state[unit, LIMIT_SET]
    state[unit, VW_LAG] = (
        curve(vm_pu, kinds, row, VW_V, VW_P, 2) if kinds[row, VW_ON] > 0.0 else 1.0
    )


@njit(cache=True, nogil=True, error_model="numpy", inline="always")
def _open(kinds: Floats, row: int, state: Floats, unit: int, vm_pu: float, dt_s: float) -> None:
    """Stand open: no power, no memory of what it fed; limits go on moving."""
    _limited(kinds, row, state, unit, vm_pu, dt_s)
    state[unit, P] = state[unit, Q] = state[unit, Q_LAG] = state[unit, ES] = 0.0
    state[unit, FD] = state[unit, FD_LAG] = state[unit, RESTORING] = 0.0


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
        row = kind_of[unit]
        vm_pu = inputs[2, unit]
        vm_pu = min(max(vm_pu, 0.0), 9.0) if math.isfinite(vm_pu) else 0.0
        state[unit, V_SUM] += vm_pu
        if state[unit, STARTED] == 0.0:
            _begin(kinds, row, state, unit, vm_pu)
        _protect(kinds, row, state, unit, vm_pu, frequency, rocof_hz_per_s, dt_s)
        if (
            state[unit, MODE] != RUNNING
            or ratings[unit, P_RATED] <= 0.0
            or ratings[unit, S_RATED] <= 0.0
        ):
            _open(kinds, row, state, unit, vm_pu, dt_s)
        else:
            given_kw, asked_kw = inputs[0, unit], inputs[1, unit]
            available = (
                max(given_kw, 0.0) / ratings[unit, P_RATED] if math.isfinite(given_kw) else 0.0
            )
            asked = math.inf  # as it mostly is; a division costs more than the question
            if asked_kw < math.inf:
                asked = max(asked_kw, 0.0) / ratings[unit, P_RATED]
            if state[unit, ES] < 1.0:
                state[unit, ES] += kinds[row, ES_STEP]
            allowed = _limited(kinds, row, state, unit, vm_pu, dt_s)
            most = min(available, allowed)
            p = _droop(kinds, row, state, unit, min(most, asked), available, most, frequency)
            if kinds[row, Q_MODE] == WATT_VAR:
                p = min(p, ratings[unit, P_MEET])
            q = _reactive(kinds, row, state, unit, ratings, p, vm_pu)
            if state[unit, CEASED] > 0.0:
                state[unit, P], state[unit, Q], state[unit, RESTORING] = 0.0, 0.0, 1.0
            else:
                _deliver(kinds, row, state, unit, ratings, p, q, available, vm_pu)
        state[unit, STARTED] = 1.0
        out[0, unit], out[1, unit] = (
            state[unit, P] * ratings[unit, P_RATED],
            state[unit, Q] * ratings[unit, S_RATED],
        )
