"""Which injections to curtail and which loads to shed, so that a linear grid holds its limits."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .case import Floats
from .sensitivity import Linearisation

__all__ = ["Limits", "Relief", "relieve", "severity"]

GREEN, YELLOW, RED = range(3)
MARGIN_PU = 0.001
"""How far inside the limits curtailment aims, since the grid is not linear. [p.u.]"""
MARGIN_PERCENT = 1.0


class Limits(NamedTuple):
    """Where the light turns. [p.u.], [%]"""

    low_pu: float
    high_pu: float
    loading_percent: float
    yellow_pu: float
    yellow_percent: float


def severity(vm_pu: Floats, loading_percent: Floats, limits: Limits) -> int:
    """Give the colour of live buses' voltages and branches' loadings: 0 green, 1 yellow, 2 red."""
    low_pu, high_pu = vm_pu.min(initial=np.inf), vm_pu.max(initial=0.0)
    loading = loading_percent.max(initial=0.0)
    if low_pu < limits.low_pu or high_pu > limits.high_pu or loading > limits.loading_percent:
        return RED
    near = (
        low_pu < limits.low_pu + limits.yellow_pu
        or high_pu > limits.high_pu - limits.yellow_pu
        or loading > limits.yellow_percent / 100 * limits.loading_percent
    )
    return YELLOW if near else GREEN


class Relief(NamedTuple):
    """What the operator asks of n peers: less feed-in, less load; and the light. [kW]"""

    light: int
    curtailed_kw: Floats
    shed_kw: Floats


def relieve(
    linear: Linearisation,
    limits: Limits,
    *,
    change_kw: Floats,
    feed_in_kw: Floats,
    load_kw: Floats,
) -> Relief:
    """Find what to curtail where, were nothing curtailed now.

    The worst excess first, by whom it takes least: the peer with the steepest slope. So little
    energy is curtailed, and always that of the same peers, those far out on the feeder.

    Parameters
    ----------
    linear : Linearisation
        By the n peers' injections, at the present state.
    limits : Limits
    change_kw : (n,) float64 array
        How much more each would inject than now, were nothing curtailed. [kW]
    feed_in_kw, load_kw : (n,) float64 array
        What can be curtailed, and what can be shed. [kW]
    """
    vm_pu = linear.vm_pu + linear.dv_dp_per_kw @ change_kw
    loading = np.abs(linear.loading_percent + linear.dloading_dp_per_kw @ change_kw)
    light = severity(vm_pu, loading, limits)
    moved = np.zeros(change_kw.size)
    if light == RED:
        excess = np.concatenate(
            [
                (vm_pu - limits.high_pu + MARGIN_PU) / MARGIN_PU,
                (limits.low_pu + MARGIN_PU - vm_pu) / MARGIN_PU,
                (loading - limits.loading_percent + MARGIN_PERCENT) / MARGIN_PERCENT,
            ]
        )
        slopes = np.concatenate(
            [
                linear.dv_dp_per_kw / MARGIN_PU,
                -linear.dv_dp_per_kw / MARGIN_PU,
                linear.dloading_dp_per_kw / MARGIN_PERCENT,
            ]
        )
        _reduce(excess, slopes, moved, feed_in_kw, load_kw)
    return Relief(light, np.maximum(-moved, 0.0), np.maximum(moved, 0.0))


def _reduce(
    excess: Floats, slopes: Floats, moved: Floats, feed_in_kw: Floats, load_kw: Floats
) -> None:
    """Move injections, in place, until no excess is left or nobody can help."""
    for _ in range(3 * moved.size + excess.size):
        worst = int(excess.argmax())
        if excess[worst] <= 1e-9:
            return
        slope = slopes[worst]
        room_kw = np.where(
            slope > 0, feed_in_kw + np.minimum(moved, 0.0), load_kw - np.maximum(moved, 0.0)
        )
        gain = np.where(room_kw > 1e-9, np.abs(slope), 0.0)
        peer = int(gain.argmax())
        if gain[peer] < 1e-9:
            excess[worst] = -np.inf  # beyond anybody's help
            continue
        step_kw = -np.sign(slope[peer]) * min(room_kw[peer], excess[worst] / gain[peer])
        moved[peer] += step_kw
        excess += slopes[:, peer] * step_kw
