"""How strongly an inverter's functions answer the voltage, seen one tick later.

A first-order answer that goes the share a of the way in a tick, on a feeder that makes of it the
gain g, multiplies a disturbance by 1 − a(1 + g) a tick: it dies out below g = 2/a − 1, which is
coth(dt/2τ), and hunts for ever above. Without a response time a is 1, and the bound 1.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

from .fleet import share_of_step
from .functions import InverterFunctions
from .inverter import InverterParams


@dataclass(frozen=True, slots=True)
class VoltageAnswer:
    """Steepest answer of an inverter to voltage, and the share of it that a tick brings.

    Attributes
    ----------
    p_kw, q_kvar : float
        Slopes of volt-watt and volt-var; 0 without. [kW/p.u.], [kvar/p.u.]
    p_share, q_share : float
        Part of the way to a new target that a tick goes. [1]
    """

    p_kw: float
    q_kvar: float
    p_share: float
    q_share: float


def largest_stable_gain(share: float) -> float:
    """Bound of the gain of a loop that goes `share` of the way a tick. [1]"""
    return 2.0 / share - 1.0


def voltage_answer(own: InverterParams, kind: InverterFunctions, dt_s: float) -> VoltageAnswer:
    """Find the steepest slopes of a unit's volt-watt and volt-var curves."""
    watt, var = kind.volt_watt, kind.volt_var
    return VoltageAnswer(
        own.p_rated_kw * _steepest(watt.v_pu, watt.p_pu) if watt.enabled else 0.0,
        own.s_kva * _steepest(var.v_pu, var.q_pu) if var.enabled else 0.0,
        share_of_step(watt.response_s, dt_s) if watt.enabled else 0.0,
        share_of_step(var.response_s, dt_s) if var.enabled else 0.0,
    )


def _steepest(x: tuple[float, ...], y: tuple[float, ...]) -> float:
    """Largest slope of a curve that falls, as a negative number."""
    pairs = itertools.pairwise(zip(x, y, strict=True))
    return min(((q - p) / (b - a) for (a, p), (b, q) in pairs if b > a), default=0.0)
