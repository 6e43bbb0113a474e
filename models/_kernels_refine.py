"""Kernels of refinement: a quarter hour of loads or PV by the second, all columns in one pass.

They compute; `models.refine.RefinedProfiles` validates and names things.
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
    them fit; the remainder belongs to the base. A run that would pass the end of the quarter goes
    on at its beginning: kept inside, appliances would shun the edges and the village would sag
    every fifteen minutes. No second is above
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
            start = int(place * seconds)
            highest_kw = 0.0
            for second in range(start, start + run_s):
                highest_kw = max(highest_kw, out_kw[column, second % seconds])
            if highest_kw + p_kw > _PEAK_KW * scale:
                continue
            for second in range(start, start + run_s):
                out_kw[column, second % seconds] += p_kw
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
