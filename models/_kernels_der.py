"""Kernels of the fleet: one pass over all inverters and batteries a tick.

They compute; `models.der.DerFleet` validates and names things. Tables are two-dimensional with
one row per quantity, so that a call carries few arrays.
"""

import numpy as np
import numpy.typing as npt
from numba import njit

from .storage._kernels_battery import after_tick, charging_kw, discharging_kw, gained_kw, reach

Floats = npt.NDArray[np.float64]

# Rows of the fleet's tables.
P_MAX, Q_PER_P, RAMP, SHARE, VM_FULL, DELAY, ENTER_LOW, ENTER_HIGH, ENTER_F_LOW, ENTER_F_HIGH = (
    range(10)
)
UNDER, UNDER_S, DEEP, DEEP_S, OVER, OVER_S, TRIP_F_LOW, TRIP_F_HIGH, TRIP_F_S = range(10, 19)
CAPACITY, B_P_MAX, ETA_CHARGE, ETA_DISCHARGE, B_RAMP, B_VM_FULL, MEASURED = range(19, 26)
CURVE, DECAY, WEIGHT_H, STANDBY, B_Q_PER_P = range(26, 31)
N_PARAMS = 31

PV, BATTERY, STORED, MODE, LATCHED, WAITED, T_UNDER, T_DEEP, T_OVER, T_F = range(10)
CHARGED, DISCHARGED, LOSS, CLIPPED, PV_ENERGY, STANDING, BEGUN = range(10, 17)
N_STATES = 17
RUNNING, TRIPPED, WAITING = 0.0, 1.0, 2.0
FUNCTIONAL = 2.0  # in the row MEASURED: not a device, but functions that come before

O_PV, O_BATTERY, O_Q, O_SOC, O_DOWN, O_UP, O_LAST_PV, O_LAST_BATTERY = range(8)
N_OUTPUTS = 8

# Rows of a battery's curves: powers [kW] and efficiencies [1], into the store and out of it.
C_IN_KW, C_IN, C_OUT_KW, C_OUT = range(4)
PLAIN = -1.0  # in the row CURVE: one efficiency each way, and nothing lost while it stands

_TIMER_SLACK_S = 1e-9


@njit(cache=True, nogil=True, inline="always")
def _book_curved(
    params: Floats, state: Floats, curves: Floats, peer: int, battery_kw: float, dt_h: float
) -> None:
    """Book one battery by its curves; as `Battery._fade`."""
    own = curves[int(params[CURVE, peer])]
    into = battery_kw < 0.0
    knots_kw, values = (own[C_IN_KW], own[C_IN]) if into else (own[C_OUT_KW], own[C_OUT])
    net_kw = gained_kw(battery_kw, knots_kw, values)
    stored_kwh, lost_kwh = after_tick(
        state[STORED, peer],
        net_kw,
        params[STANDBY, peer],
        params[DECAY, peer],
        params[WEIGHT_H, peer],
        dt_h,
    )
    state[CHARGED, peer] += max(0.0, -battery_kw) * dt_h
    state[DISCHARGED, peer] += max(0.0, battery_kw) * dt_h
    state[LOSS, peer] -= (battery_kw + net_kw) * dt_h
    state[STANDING, peer] += lost_kwh
    kept_kwh = min(max(stored_kwh, 0.0), params[CAPACITY, peer])
    state[CLIPPED, peer] += stored_kwh - kept_kwh
    state[STORED, peer] = kept_kwh


@njit(cache=True, nogil=True)
def integrate_der(
    params: Floats, state: Floats, curves: Floats, response_kw: Floats, dt_h: float, out: Floats
) -> None:
    """Book the last tick's actual power, response to frequency included, into the stores.

    Parameters
    ----------
    params, state, out : (31, n), (17, n), (8, n) float64 array
        The fleet's tables, rows as named above.
    curves : (c, 4, k) float64 array
        Of the batteries that have some; the row CURVE says which.
    response_kw : (n,) float64 array
        Mean response over the last tick; negative takes from PV first, then charges. [kW]
    dt_h : float
        Length of the tick. [h]
    """
    for peer in range(response_kw.size):
        pv_kw = state[PV, peer]
        if response_kw[peer] < 0.0:
            pv_kw = max(0.0, pv_kw + response_kw[peer]) if pv_kw > 0.0 else pv_kw
        battery_kw = state[BATTERY, peer] + (response_kw[peer] - (pv_kw - state[PV, peer]))
        out[O_LAST_PV, peer] = pv_kw
        out[O_LAST_BATTERY, peer] = battery_kw
        state[PV_ENERGY, peer] += pv_kw * dt_h
        if params[CURVE, peer] >= 0.0:
            # What came before the first tick is not part of the run, and nothing fades in it.
            if state[BEGUN, peer] > 0.0:
                _book_curved(params, state, curves, peer, battery_kw, dt_h)
            state[BEGUN, peer] = 1.0
            continue
        moved_kwh = battery_kw * dt_h
        if moved_kwh < 0.0:
            stored_kwh = state[STORED, peer] - moved_kwh * params[ETA_CHARGE, peer]
            state[CHARGED, peer] -= moved_kwh
            state[LOSS, peer] -= moved_kwh * (1.0 - params[ETA_CHARGE, peer])
        else:
            drawn_kwh = moved_kwh / params[ETA_DISCHARGE, peer]
            stored_kwh = state[STORED, peer] - drawn_kwh
            state[DISCHARGED, peer] += moved_kwh
            state[LOSS, peer] += drawn_kwh - moved_kwh
        kept_kwh = min(max(stored_kwh, 0.0), params[CAPACITY, peer])
        state[CLIPPED, peer] += stored_kwh - kept_kwh
        state[STORED, peer] = kept_kwh


@njit(cache=True, nogil=True, inline="always")
def _protect(
    params: Floats, state: Floats, peer: int, vm_pu: float, f_hz: float, dt_s: float
) -> None:
    """Run the protection's timers and the way back; as `Inverter._protect`."""
    under_s = state[T_UNDER, peer] + dt_s if vm_pu < params[UNDER, peer] else 0.0
    deep_s = state[T_DEEP, peer] + dt_s if vm_pu < params[DEEP, peer] else 0.0
    over_s = state[T_OVER, peer] + dt_s if vm_pu > params[OVER, peer] else 0.0
    f_away = f_hz < params[TRIP_F_LOW, peer] or f_hz > params[TRIP_F_HIGH, peer]
    f_s = state[T_F, peer] + dt_s if f_away else 0.0
    state[T_UNDER, peer], state[T_DEEP, peer] = under_s, deep_s
    state[T_OVER, peer], state[T_F, peer] = over_s, f_s
    if state[MODE, peer] == RUNNING:
        if (
            under_s >= params[UNDER_S, peer] - _TIMER_SLACK_S
            or deep_s >= params[DEEP_S, peer] - _TIMER_SLACK_S
            or over_s >= params[OVER_S, peer] - _TIMER_SLACK_S
            or f_s >= params[TRIP_F_S, peer] - _TIMER_SLACK_S
        ):
            state[MODE, peer], state[WAITED, peer] = TRIPPED, 0.0
    elif (
        state[LATCHED, peer] > 0.0
        or not params[ENTER_LOW, peer] <= vm_pu <= params[ENTER_HIGH, peer]
        or not params[ENTER_F_LOW, peer] <= f_hz <= params[ENTER_F_HIGH, peer]
    ):
        state[MODE, peer], state[WAITED, peer] = TRIPPED, 0.0
    elif state[WAITED, peer] >= params[DELAY, peer] - _TIMER_SLACK_S:
        state[MODE, peer], state[WAITED, peer] = RUNNING, 0.0
    else:
        state[MODE, peer] = WAITING
        state[WAITED, peer] += dt_s


@njit(cache=True, nogil=True, inline="always")
def _feed(
    params: Floats, before_kw: float, peer: int, available_kw: float, limit_kw: float, vm_pu: float
) -> float:
    """Move PV towards its target; as `Inverter._follow`. [kW]"""
    possible_kw = params[P_MAX, peer] * min(1.0, vm_pu / params[VM_FULL, peer])
    possible_kw = max(0.0, min(possible_kw, available_kw))
    target_kw = max(0.0, min(possible_kw, limit_kw))
    step_kw = params[SHARE, peer] * (target_kw - before_kw)
    step_kw = min(max(step_kw, -params[RAMP, peer]), params[RAMP, peer])
    return float(min(max(before_kw + step_kw, 0.0), possible_kw))


@njit(cache=True, nogil=True, inline="always")
def _bounds(
    params: Floats, state: Floats, curves: Floats, peer: int, possible_kw: float, dt_h: float
) -> tuple[float, float]:
    """Give the least and the most that charge and room allow a battery. [kW]"""
    stored_kwh, capacity_kwh = state[STORED, peer], params[CAPACITY, peer]
    if params[CURVE, peer] >= 0.0:
        own = curves[int(params[CURVE, peer])]
        drawn_kw, stored_kw = reach(
            stored_kwh,
            capacity_kwh,
            params[STANDBY, peer],
            params[DECAY, peer],
            params[WEIGHT_H, peer],
        )
        least_kw = 0.0 - min(possible_kw, charging_kw(stored_kw, own[C_IN_KW], own[C_IN]))
        return least_kw, min(possible_kw, discharging_kw(drawn_kw, own[C_OUT_KW], own[C_OUT]))
    most_kw = min(possible_kw, stored_kwh * params[ETA_DISCHARGE, peer] / dt_h)
    room_kwh = capacity_kwh - stored_kwh
    return 0.0 - min(possible_kw, room_kwh / (params[ETA_CHARGE, peer] * dt_h)), most_kw


@njit(cache=True, nogil=True)
def step_der(
    params: Floats,
    state: Floats,
    curves: Floats,
    inputs: Floats,
    f_hz: float,
    dt_s: float,
    out: Floats,
) -> None:
    """Advance all inverters and batteries by one tick.

    Parameters
    ----------
    params, state, out : (31, n), (17, n), (8, n) float64 array
        The fleet's tables, rows as named above.
    curves : (c, 4, k) float64 array
        Of the batteries that have some; the row CURVE says which.
    inputs : (6, n) float64 array
        PV available, PV limit, battery set-point [kW]; voltage [p.u.]; response of the last tick
        [kW]; reactive power of measured inverters [kvar].
    f_hz, dt_s : float
        Frequency; length of the tick. [Hz], [s]

    Notes
    -----
    The arithmetic of `models.inverters.inverter.Inverter.step` and of
    `models.storage.battery.Battery.step`, in the same order, so that they agree to the bit.
    """
    dt_h = dt_s / 3600.0
    integrate_der(params, state, curves, inputs[4], dt_h, out)
    for peer in range(params.shape[1]):
        vm_pu = inputs[3, peer]
        if params[MEASURED, peer] < FUNCTIONAL:  # else its functions protect it
            _protect(params, state, peer, vm_pu, f_hz, dt_s)
        pv_kw = q_kvar = 0.0
        if params[MEASURED, peer] > 0.0:
            pv_kw, q_kvar = inputs[0, peer], inputs[5, peer]
        elif state[MODE, peer] == RUNNING:
            pv_kw = _feed(params, state[PV, peer], peer, inputs[0, peer], inputs[1, peer], vm_pu)
            q_kvar = pv_kw * params[Q_PER_P, peer]

        # What current, charge and room allow the battery, then what was asked of it.
        stored_kwh, capacity_kwh = state[STORED, peer], params[CAPACITY, peer]
        possible_kw = params[B_P_MAX, peer] * min(1.0, vm_pu / params[B_VM_FULL, peer])
        least_kw, most_kw = _bounds(params, state, curves, peer, possible_kw, dt_h)
        before_kw, ramp_kw = state[BATTERY, peer], params[B_RAMP, peer]
        battery_kw = min(max(inputs[2, peer], before_kw - ramp_kw), before_kw + ramp_kw)
        battery_kw = min(max(battery_kw, least_kw), most_kw)

        state[PV, peer], state[BATTERY, peer] = pv_kw, battery_kw
        out[O_PV, peer], out[O_BATTERY, peer] = pv_kw, battery_kw
        out[O_Q, peer] = q_kvar + battery_kw * params[B_Q_PER_P, peer]
        out[O_SOC, peer] = stored_kwh / capacity_kwh if capacity_kwh > 0.0 else 0.0
        out[O_DOWN, peer] = max(0.0, pv_kw) + (battery_kw - least_kw)
        out[O_UP, peer] = most_kw - battery_kw
