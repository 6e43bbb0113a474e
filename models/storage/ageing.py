"""What a run cost a battery in life: cycles counted by rainflow, weighed by a cycle-life curve."""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import brentq

from ._kernels_ageing import count_rainflow, turning_points

Floats = npt.NDArray[np.float64]

_FULL = 1.0 + 1e-9  # rounding of a depth that is the whole store
_SEI_SHARE, _SEI_SPEED = 5.75e-2, 121.0  # alpha_sei, beta_sei of [1] in `xu_cycles`
_DEPTH = (1.40e5, -5.01e-1, -1.23e5)  # k_delta1 to k_delta3 of the same


@dataclass(frozen=True, slots=True)
class Ageing:
    """What was counted of one battery.

    Attributes
    ----------
    depths : (c,) float64 array
        Depth of every cycle and half cycle, in the order they closed; shares of capacity. [1]
    counts : (c,) float64 array
        1 for a cycle, ½ for a half. [1]
    full_cycles : float
        Equivalent full cycles: throughput, both directions, over twice the capacity. [1]
    life_used : float
        Share of cycle life, by Palmgren and Miner's rule. [1]
    """

    depths: Floats
    counts: Floats
    full_cycles: float
    life_used: float


def rainflow(series: npt.ArrayLike) -> tuple[Floats, Floats]:
    """Count the cycles of a series by ASTM E1049-85, clause 5.4.4.

    Parameters
    ----------
    series : (m,) array
        Finite values in their order.

    Returns
    -------
    ranges, counts : (c,) float64 array
        Range of every cycle, in the series' unit, and 1 or ½.

    Raises
    ------
    ValueError
        A value is not finite, or the series is not one row.
    """
    values = np.ascontiguousarray(series, dtype=np.float64)
    if values.ndim != 1 or not np.isfinite(values).all():
        raise ValueError("the series to count cycles in is not one row of finite numbers")
    points = np.empty(values.size)
    points = points[: turning_points(values, points)]
    out = np.empty((2, points.size))
    counted = count_rainflow(points, np.empty(points.size), out)
    return out[0, :counted].copy(), out[1, :counted].copy()


def xu_cycles(depth: Floats, *, left_at_end: float = 0.8) -> Floats:
    """Give how many cycles of one depth a lithium-ion cell lasts.

    Parameters
    ----------
    depth : float64 array
        Depth of discharge, more than 0, at most 1. [1]
    left_at_end : float
        Share of the first capacity at which its life ends. [1]

    Returns
    -------
    float64 array
        Cycles to the end of life, at 25 °C around half charge. [1]

    Notes
    -----
    Cycles alone, for a lithium manganese oxide cell; calendar ageing and temperature are not in
    it. The stress of a cycle is 1/(k1 δ^k2 + k3) (eq. 33 of [1]_); life ends where the film's
    and the bulk's fading together, eq. 13, leave `left_at_end`.

    References
    ----------
    .. [1] B. Xu, A. Oudalov, A. Ulbig, G. Andersson and D. S. Kirschen, "Modeling of lithium-ion
       battery degradation for cell life assessment," IEEE Trans. Smart Grid, vol. 9, no. 2, 2018;
       coefficients of its table; the numbers of the equations are unverified.
    """
    k1, k2, k3 = _DEPTH
    per_stress = k1 * np.asarray(depth, dtype=np.float64) ** k2 + k3
    return np.asarray(_stress_at_end(left_at_end) * per_stress)


def _stress_at_end(left: float) -> float:
    """Solve α e^(−β f) + (1 − α) e^(−f) = left for the accumulated stress f."""
    if not 0.0 < left < 1.0:
        raise ValueError(f"left_at_end is {left}; expected between 0 and 1")

    def more(stress: float) -> float:
        film = _SEI_SHARE * math.exp(-_SEI_SPEED * stress)
        return film + (1.0 - _SEI_SHARE) * math.exp(-stress) - left

    return float(brentq(more, 0.0, -math.log(left), xtol=1e-15))


def aged(soc: npt.ArrayLike, *, left_at_end: float = 0.8) -> Ageing:
    """Count what a state of charge over time cost a battery.

    Parameters
    ----------
    soc : (m,) array
        State of charge from the beginning to the end of a run, 0 to 1. [1]
    left_at_end : float
        Share of the first capacity at which its life ends. [1]

    Returns
    -------
    Ageing

    Raises
    ------
    ValueError
        A state of charge is outside 0 to 1.
    """
    values = np.asarray(soc, dtype=np.float64)
    depths, counts = rainflow(values)
    if values.size and not -1e-9 <= values.min() <= values.max() <= _FULL:
        raise ValueError("a state of charge is outside 0 to 1")
    lasting = xu_cycles(np.minimum(depths, 1.0), left_at_end=left_at_end)
    return Ageing(depths, counts, float(counts @ depths), float(np.sum(counts / lasting)))
