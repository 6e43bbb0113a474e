"""Loads that follow the voltage of their buses and the frequency, and what loop that closes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from models.grid.gain import loop_gain
from models.grid.power_flow import Grid
from models.loads.response import LoadResponse
from models.loads.zip_parts import CONSTANT_POWER, ZipParams
from scenarios.resolve import ResolvedScenario

from .box import FloatArray

__all__ = ["load_response", "loads_gain"]

PEAK = 3.0
"""Largest load of a second over that of a quarter hour, where a bound is needed; a round figure
for households, above what switching makes of a quarter hour's mean. [1]"""

STEEPEST_PU = (0.9, 1.1)
"""Voltages at which slopes are looked at; a ZIP load's is largest at one of the ends. [p.u.]"""


def load_response(resolved: ResolvedScenario) -> LoadResponse | None:
    """Make the answer of all loads to voltage and frequency; None where none has any.

    In an island the answer to frequency is part of the frequency model's inner steps, so that it
    takes the place of the loads' own.
    """
    if not any(peer.load_response for peer in resolved.peers):
        return None
    island, spec = resolved.scenario.island, resolved.scenario.frequency
    of = [_response(peer.load_response, island is not None) for peer in resolved.peers]
    return LoadResponse(of, f_nominal_hz=island.nominal_hz if island else spec.nominal_hz)


def _response(own: ZipParams | None, islanded: bool) -> ZipParams:
    of = own or CONSTANT_POWER
    return replace(of, p_per_hz=0.0, q_per_hz=0.0) if islanded else of


def loads_gain(
    resolved: ResolvedScenario, network: Grid, buses: tuple[int, ...], factors: FloatArray
) -> float:
    """Gain of the loop from voltage to loads and back, closed one tick late; 0 without one.

    Parameters
    ----------
    resolved, network, buses
        Buses by position, one per peer.
    factors : (n_peers,) float64 array
        By what a peer moves its voltage more than on three phases. [1]

    Notes
    -----
    A load that rises with its voltage lowers it: the loop is calm by itself, but it acts a tick
    late, and hunts from a gain of 1 on like any other.
    """
    if not any(peer.load_response for peer in resolved.peers):
        return 0.0
    start = resolved.scenario.time.start
    end = start + resolved.scenario.time.duration.delta
    peak_kw = PEAK * factors * resolved.quarter_hours(start, end)[0].max(axis=0) * _scaled(resolved)
    tangent = np.tan(np.arccos(resolved.array("cos_phi")))
    of = [peer.load_response or CONSTANT_POWER for peer in resolved.peers]
    by_p = np.array([_slope(one.p_z, one.p_i) for one in of])
    by_q = np.array([_slope(one.q_z, one.q_i) for one in of])
    return loop_gain(network, np.array(buses), -peak_kw * by_p, -peak_kw * tangent * by_q)


def _slope(z: float, i: float) -> float:
    """Steepest change of a load with its voltage. [1/p.u.]"""
    return max((2.0 * z * v_pu + i for v_pu in STEEPEST_PU), key=abs)


def _scaled(resolved: ResolvedScenario) -> FloatArray:
    """What each load is multiplied by at most. [1]"""
    most = np.ones(len(resolved.peers))
    position = {peer.name: index for index, peer in enumerate(resolved.peers)}
    for event in resolved.events:
        if event.kind == "load_scale":
            at = position[event.target]
            most[at] = max(most[at], event.value)
    return most
