"""Kernels of profiles and distributed energy resources: one pass over all peers each.

They compute; `RefinedProfiles` and `DerFleet` validate and name things. Tables are
two-dimensional with one row per quantity, so that a call carries few arrays.
"""

import math
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

Floats = npt.NDArray[np.float64]
Keys = npt.NDArray[np.uint64]

# Appliances: power [kW], shortest and longest run within a quarter hour [s]. Typical ratings.
_APPLIANCES = np.array(
    [
        [0.09, 240.0, 900.0],  # refrigerator
        [0.12, 300.0, 900.0],  # television
        [0.40, 60.0, 600.0],  # pump, vacuum cleaner
        [0.80, 60.0, 240.0],  # microwave oven
        [1.20, 120.0, 420.0],  # hob, cycling
        [2.00, 90.0, 210.0],  # kettle
        [2.10, 300.0, 720.0],  # washing machine, dishwasher heating up
    ]
)
_STANDBY = 0.4  # of a quarter's energy never switches
_TRIES = 24
_LARGE_KW = 2.0  # above this mean, a column is more than a household: larger appliances, and more
_PEAK_KW = 6.0  # of all appliances at once, for a household

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)
_S11, _S27, _S30, _S31 = np.uint64(11), np.uint64(27), np.uint64(30), np.uint64(31)


@njit(cache=True, nogil=True)
def _draw(state: Any) -> Any:
    """Advance a SplitMix64 state; return it and a number from [0, 1)."""
    state = state + _GOLDEN
    word = (state ^ (state >> _S30)) * _MIX_1
    word = (word ^ (word >> _S27)) * _MIX_2
    word = word ^ (word >> _S31)
    return state, float(word >> _S11) * 2.0**-53


@njit(cache=True, nogil=True)
def switch_load(mean_kw: Floats, keys: Keys, out_kw: Floats) -> None:
    """Refine one quarter hour of loads into a base and appliances that switch.

    Parameters
    ----------
    mean_kw : (n,) float64 array
        Mean of the quarter, 0 or more. [kW]
    keys : (n,) uint64 array
        Names the random numbers of each column in this quarter.
    out_kw : (n, 900) float64 array
        Receives the power of every second; each row's mean is `mean_kw`. [kW]

    Notes
    -----
    Appliances are drawn until none fits what is left of the energy, shortened where that makes
    them fit; the remainder belongs to the base. No second is above
    mean + 6 kW · max(1, √(mean / 2 kW)).
    """
    seconds = out_kw.shape[1]
    for column in range(mean_kw.size):
        state = keys[column]
        scale = math.sqrt(max(1.0, mean_kw[column] / _LARGE_KW))
        left_kws = (1.0 - _STANDBY) * mean_kw[column] * seconds
        for second in range(seconds):
            out_kw[column, second] = 0.0
        for _ in range(_TRIES):
            state, which = _draw(state)
            state, size = _draw(state)
            state, length = _draw(state)
            state, place = _draw(state)
            kind = int(which * _APPLIANCES.shape[0])
            p_kw = _APPLIANCES[kind, 0] * scale * (0.85 + 0.3 * size)
            shortest_s, longest_s = _APPLIANCES[kind, 1], _APPLIANCES[kind, 2]
            run_s = int(min(shortest_s + length * (longest_s - shortest_s), left_kws / p_kw))
            if run_s < 0.5 * shortest_s:
                continue
            start = int(place * (seconds - run_s + 1))
            highest_kw = 0.0
            for second in range(start, start + run_s):
                highest_kw = max(highest_kw, out_kw[column, second])
            if highest_kw + p_kw > _PEAK_KW * scale:
                continue
            for second in range(start, start + run_s):
                out_kw[column, second] += p_kw
            left_kws -= p_kw * run_s
        total_kws = 0.0
        for second in range(seconds):
            total_kws += out_kw[column, second]
        base_kw = mean_kw[column] - total_kws / seconds
        for second in range(seconds):
            out_kw[column, second] += base_kw


@njit(cache=True, nogil=True)
def shade(
    clear: Floats, shadow: Floats, delay_s: npt.NDArray[np.int64], depth: Floats, out: Floats
) -> None:
    """Put drifting clouds before a clear sky, for every column.

    Parameters
    ----------
    clear : (s,) float64 array
        Clear-sky irradiance over the seconds of the quarter, more than 0. [kW/m²]
    shadow : (m,) float64 array, m ≥ s
        The village's cloud process; its last `s` values belong to the quarter itself. [1]
    delay_s : (n,) int64 array
        How much later the clouds reach each column, at most m − s. [s]
    depth : (3, n) float64 array
        Share of light a cloud takes in the previous, this and the next quarter. [1]
    out : (n, s) float64 array
        Receives the shape of the power, more than 0. [kW/m²]
    """
    seconds = clear.size
    lead = shadow.size - seconds
    for column in range(delay_s.size):
        shift = lead - delay_s[column]
        here = depth[1, column]
        for second in range(seconds):
            place = (second + 0.5) / seconds - 0.5  # from the middle of the quarter
            there = depth[0, column] if place < 0.0 else depth[2, column]
            taken = here + abs(place) * (there - here)
            out[column, second] = clear[second] * (1.0 - taken * shadow[second + shift])


@njit(cache=True, nogil=True)
def fill_pv(mean_kw: Floats, rated_kw: Floats, gain: Floats, out_kw: Floats) -> None:
    """Scale the shapes in `out_kw` so that each row has its mean and nothing exceeds the rating.

    Parameters
    ----------
    mean_kw, rated_kw : (n,) float64 array
        Mean of the quarter, from 0 to the rating; rating. [kW]
    gain : (3, n) float64 array
        Power over shape in the mean of the previous, this and the next quarter.
    out_kw : (n, s) float64 array
        Shape on entry, more than 0; power on return. [kW]

    Notes
    -----
    Between quarters the gain runs through the mean of its neighbours, in the middle through what
    keeps its own mean. Then one factor makes the energy exact; what it lifts above the rating is
    cut and given to the other seconds, until none is left to cut.
    """
    seconds = out_kw.shape[1]
    for column in range(mean_kw.size):
        rated, wanted_kws = rated_kw[column], mean_kw[column] * seconds
        if wanted_kws <= 0.0:
            for second in range(seconds):
                out_kw[column, second] = 0.0
            continue
        left = 0.5 * (gain[0, column] + gain[1, column])
        right = 0.5 * (gain[1, column] + gain[2, column])
        middle = max(0.0, 2.0 * gain[1, column] - 0.5 * (left + right))
        for second in range(seconds):
            place = 2.0 * (second + 0.5) / seconds - 1.0
            edge = left if place < 0.0 else right
            out_kw[column, second] *= middle + abs(place) * (edge - middle)
        cut_above, cut_before, factor = math.inf, -1, 0.0
        while True:
            free_kws, cut = 0.0, 0
            for second in range(seconds):
                if out_kw[column, second] > cut_above:
                    cut += 1
                else:
                    free_kws += out_kw[column, second]
            if cut == cut_before or free_kws <= 0.0:
                break
            cut_before = cut
            factor = (wanted_kws - rated * cut) / free_kws
            if factor <= 0.0:
                factor = 0.0
                break
            cut_above = rated / factor
        for second in range(seconds):
            if out_kw[column, second] > cut_above:
                out_kw[column, second] = rated
            else:
                out_kw[column, second] = min(out_kw[column, second] * factor, rated)


# Rows of the fleet's tables.
P_MAX, Q_PER_P, RAMP, SHARE, VM_FULL, DELAY, ENTER_LOW, ENTER_HIGH, ENTER_F_LOW, ENTER_F_HIGH = (
    range(10)
)
UNDER, UNDER_S, DEEP, DEEP_S, OVER, OVER_S, TRIP_F_LOW, TRIP_F_HIGH, TRIP_F_S = range(10, 19)
CAPACITY, B_P_MAX, ETA_CHARGE, ETA_DISCHARGE, B_RAMP, B_VM_FULL, MEASURED = range(19, 26)
N_PARAMS = 26

PV, BATTERY, STORED, MODE, LATCHED, WAITED, T_UNDER, T_DEEP, T_OVER, T_F = range(10)
CHARGED, DISCHARGED, LOSS, CLIPPED, PV_ENERGY = range(10, 15)
N_STATES = 15
RUNNING, TRIPPED, WAITING = 0.0, 1.0, 2.0

O_PV, O_BATTERY, O_Q, O_SOC, O_DOWN, O_UP, O_LAST_PV, O_LAST_BATTERY = range(8)
N_OUTPUTS = 8

_TIMER_SLACK_S = 1e-9


@njit(cache=True, nogil=True)
def integrate_der(
    params: Floats, state: Floats, response_kw: Floats, dt_h: float, out: Floats
) -> None:
    """Book the last tick's actual power, response to frequency included, into the stores.

    Parameters
    ----------
    params, state, out : (26, n), (15, n), (8, n) float64 array
        The fleet's tables, rows as named above.
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


@njit(cache=True, nogil=True)
def step_der(
    params: Floats,
    state: Floats,
    inputs: Floats,
    f_hz: float,
    dt_s: float,
    out: Floats,
) -> None:
    """Advance all inverters and batteries by one tick.

    Parameters
    ----------
    params, state, out : (26, n), (15, n), (8, n) float64 array
        The fleet's tables, rows as named above.
    inputs : (6, n) float64 array
        PV available, PV limit, battery set-point [kW]; voltage [p.u.]; response of the last tick
        [kW]; reactive power of measured inverters [kvar].
    f_hz, dt_s : float
        Frequency; length of the tick. [Hz], [s]

    Notes
    -----
    The arithmetic of `models.inverter.Inverter.step` and `models.battery.Battery.step`, in the
    same order, so that they agree to the bit.
    """
    dt_h = dt_s / 3600.0
    integrate_der(params, state, inputs[4], dt_h, out)
    for peer in range(params.shape[1]):
        vm_pu = inputs[3, peer]

        # Protection's timers and the way back.
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

        # PV.
        q_kvar = 0.0
        pv_kw = 0.0
        if params[MEASURED, peer] > 0.0:
            pv_kw = inputs[0, peer]
            q_kvar = inputs[5, peer]
        elif state[MODE, peer] == RUNNING:
            possible_kw = params[P_MAX, peer] * min(1.0, vm_pu / params[VM_FULL, peer])
            possible_kw = max(0.0, min(possible_kw, inputs[0, peer]))
            target_kw = max(0.0, min(possible_kw, inputs[1, peer]))
            step_kw = params[SHARE, peer] * (target_kw - state[PV, peer])
            step_kw = min(max(step_kw, -params[RAMP, peer]), params[RAMP, peer])
            pv_kw = min(max(state[PV, peer] + step_kw, 0.0), possible_kw)
            q_kvar = pv_kw * params[Q_PER_P, peer]
        state[PV, peer] = pv_kw

        # Battery: what current, charge and room allow, then what was asked.
        stored_kwh = state[STORED, peer]
        room_kwh = params[CAPACITY, peer] - stored_kwh
        possible_kw = params[B_P_MAX, peer] * min(1.0, vm_pu / params[B_VM_FULL, peer])
        most_kw = min(possible_kw, stored_kwh * params[ETA_DISCHARGE, peer] / dt_h)
        least_kw = 0.0 - min(possible_kw, room_kwh / (params[ETA_CHARGE, peer] * dt_h))
        before_kw = state[BATTERY, peer]
        battery_kw = min(
            max(inputs[2, peer], before_kw - params[B_RAMP, peer]), before_kw + params[B_RAMP, peer]
        )
        battery_kw = min(max(battery_kw, least_kw), most_kw)
        state[BATTERY, peer] = battery_kw

        out[O_PV, peer], out[O_BATTERY, peer], out[O_Q, peer] = pv_kw, battery_kw, q_kvar
        capacity_kwh = params[CAPACITY, peer]
        out[O_SOC, peer] = stored_kwh / capacity_kwh if capacity_kwh > 0.0 else 0.0
        out[O_DOWN, peer] = max(0.0, pv_kw) + (battery_kw - least_kw)
        out[O_UP, peer] = most_kw - battery_kw
