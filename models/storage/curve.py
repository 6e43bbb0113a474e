"""Efficiency of a battery's converter over its power, and what stands in the store by itself.

Plain functions of plain numbers: `models.storage.battery` calls them as they are, and
`models.storage._kernels_battery` compiles the same ones for a fleet, so that both agree to the bit.
A curve is two rows of equal length: powers at the grid side, increasing, and the efficiencies
there; between them it runs straight, outside them it is flat.
"""

import math
from collections.abc import Sequence
from itertools import pairwise


def charging_kw(stored_kw: float, knots_kw: Sequence[float], efficiency: Sequence[float]) -> float:
    """Give the power at the grid side of which so much reaches the store. [kW]

    Notes
    -----
    On a stretch with η = a + b p it solves p (a + b p) = stored, in the form without
    cancellation: p = 2 stored / (a + √(a² + 4 b stored)).
    """
    left_kw, left = 0.0, efficiency[0]
    for place in range(len(knots_kw)):
        right_kw, right = knots_kw[place], efficiency[place]
        if right_kw * right >= stored_kw:
            slope = (right - left) / (right_kw - left_kw) if right_kw > left_kw else 0.0
            offset = left - slope * left_kw
            root = math.sqrt(max(0.0, offset * offset + 4.0 * slope * stored_kw))
            return min(right_kw, 2.0 * stored_kw / (offset + root))
        left_kw, left = right_kw, right
    return stored_kw / left


def discharging_kw(
    drawn_kw: float, knots_kw: Sequence[float], efficiency: Sequence[float]
) -> float:
    """Give the power at the grid side for which so much leaves the store. [kW]

    Notes
    -----
    On a stretch with η = a + b p it solves p / (a + b p) = drawn.
    """
    left_kw, left = 0.0, efficiency[0]
    for place in range(len(knots_kw)):
        right_kw, right = knots_kw[place], efficiency[place]
        if right_kw >= drawn_kw * right:
            slope = (right - left) / (right_kw - left_kw) if right_kw > left_kw else 0.0
            return min(right_kw, drawn_kw * (left - slope * left_kw) / (1.0 - drawn_kw * slope))
        left_kw, left = right_kw, right
    return drawn_kw * left


def gained_kw(p_kw: float, knots_kw: Sequence[float], efficiency: Sequence[float]) -> float:
    """Give what an injection puts into the store, negative for what it takes out. [kW]

    The curve is that of its direction.
    """
    left_kw, left, at_kw, eta = 0.0, efficiency[0], abs(p_kw), efficiency[-1]
    for place in range(len(knots_kw)):
        right_kw, right = knots_kw[place], efficiency[place]
        if at_kw <= right_kw:
            eta = right
            if right_kw > left_kw:
                eta = left + (right - left) * ((at_kw - left_kw) / (right_kw - left_kw))
            break
        left_kw, left = right_kw, right
    return -p_kw * eta if p_kw < 0.0 else -p_kw / eta


def reach(
    stored_kwh: float,
    capacity_kwh: float,
    standby_kw: float,
    decay_per_h: float,
    weight_h: float,
) -> tuple[float, float]:
    """Give how much can leave and enter a store over a tick, beside what it loses by itself.

    Returns
    -------
    drawn_kw, stored_kw : float
        With the one it is empty at the end of the tick, with the other full. [kW]
    """
    kept_kwh = stored_kwh - stored_kwh * decay_per_h * weight_h
    drawn_kw = max(0.0, kept_kwh / weight_h - standby_kw)
    stored_kw = max(0.0, (capacity_kwh - kept_kwh) / weight_h + standby_kw)
    return drawn_kw, stored_kw


def after_tick(
    stored_kwh: float,
    gained_kw: float,
    standby_kw: float,
    decay_per_h: float,
    weight_h: float,
    dt_h: float,
) -> tuple[float, float]:
    """Advance a store by one tick, exactly, for powers that stand over the tick.

    Parameters
    ----------
    stored_kwh : float
        Energy at its beginning. [kWh]
    gained_kw : float
        What the converter puts in, or takes out if negative. [kW]
    standby_kw : float
        What the electronics draw from the store, as far as it has that. [kW]
    decay_per_h : float
        Rate λ of self-discharge. [1/h]
    weight_h : float
        (1 − e^(−λ dt)) / λ, as `standing` gives it. [h]
    dt_h : float
        Length of the tick. [h]

    Returns
    -------
    stored_kwh, lost_kwh : float
        Energy at its end; what stand-by and self-discharge took. [kWh]

    Notes
    -----
    dE/dt = gained − standby − λ E has E(dt) = E e^(−λ dt) + (gained − standby) weight.
    """
    fading_kwh = stored_kwh * decay_per_h * weight_h
    kept_kwh = stored_kwh - fading_kwh
    drawn_kw = max(0.0, min(standby_kw, kept_kwh / weight_h + gained_kw))
    net_kw = gained_kw - drawn_kw
    lost_kwh = fading_kwh + net_kw * (dt_h - weight_h) + drawn_kw * dt_h
    return kept_kwh + net_kw * weight_h, lost_kwh


def standing(self_discharge_percent_per_day: float, dt_s: float) -> tuple[float, float]:
    """Give the rate of self-discharge and the weight of a tick. [1/h], [h]"""
    dt_h = dt_s / 3600.0
    decay_per_h = -math.log1p(-self_discharge_percent_per_day / 100.0) / 24.0
    if decay_per_h <= 0.0:
        return 0.0, dt_h
    return decay_per_h, -math.expm1(-decay_per_h * dt_h) / decay_per_h


def faults_of(curve: Sequence[tuple[float, float]], *, charging: bool) -> list[str]:
    """Say what no converter can do, all of it.

    Parameters
    ----------
    curve : sequence of (float, float)
        Power, per rated power, and efficiency there. [1]
    charging : bool
        Whether it leads into the store; else out of it.

    Returns
    -------
    list of str
        Empty for a curve that can be.

    Notes
    -----
    More power at the grid has to mean more in the store, (p η)' > 0, and out of it,
    (p/η)' > 0, which on a straight stretch is: its line meets p = 0 above 0.
    """
    if not curve:
        return ["holds no point; expected at least one of power and efficiency"]
    powers, values = [p for p, _ in curve], [eta for _, eta in curve]
    faults = [
        f"has the efficiency {eta:g} at {p:g} of rated power; expected 0 to 1, without 0"
        for p, eta in curve
        if not 0.0 < eta <= 1.0
    ]
    if not all(math.isfinite(p) and p >= 0.0 for p in powers):
        faults.append("has a power below 0 or not finite; expected 0 or more, per rated power")
    elif any(b <= a for a, b in pairwise(powers)):
        faults.append("has powers that do not increase from point to point")
    if faults:
        return faults
    for place in range(1, len(curve)):
        p0, p1, eta0, eta1 = *powers[place - 1 : place + 1], *values[place - 1 : place + 1]
        slope = (eta1 - eta0) / (p1 - p0)
        if charging and not eta1 + slope * p1 > 0.0:
            faults.append(f"falls so fast up to {p1:g} that more power would store less")
        if not charging and not eta0 - slope * p0 > 0.0:
            faults.append(f"rises so fast from {p0:g} that more power would draw less")
    return faults
