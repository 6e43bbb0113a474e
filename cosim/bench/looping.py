"""What a run says of the loops that its bench closes: the tick, and the grid seen from the node."""

from __future__ import annotations

import math

import numpy as np

from hil.phil.closing import NodeLoop, longest_s
from hil.phil.commissioning import Feeder
from hil.station import Station
from models.grid.gain import voltage_sensitivity

from ..plant import Plant


def loops_of(made: Plant) -> dict[str, NodeLoop]:
    """By node, the loop over it, behind the impedance that the grid has there now."""
    return {
        node: NodeLoop(made.resolved.dt_s, _seen_from(made, player))
        for node, player in made.seating.players.items()
    }


def opening_s(station: Station) -> float:
    """How long commissioning may keep a run from beginning. [s]"""
    return math.fsum(longest_s(one.loop) for one in station.devices if one.loop is not None)


def _seen_from(made: Plant, player: int) -> Feeder:
    """Read the grid's impedance off its sensitivity: dV/dP = R/V² and dV/dQ = X/V²."""
    v_nominal_v = math.sqrt(3.0) * made.seating.station.v_nominal_v
    at = np.array([made.peer_bus[player]], dtype=np.int64)
    dv_dp, dv_dq = voltage_sensitivity(made.grid, at)
    factor = 1.0
    if made.three_phase is not None and made.resolved.peers[player].phase != "abc":
        factor = made.three_phase.single_phase_factor
    ohm = 1e-3 * factor * v_nominal_v**2
    return Feeder(
        r_ohm=ohm * float(dv_dp[0, 0]), x_ohm=ohm * float(dv_dq[0, 0]), v_nominal_v=v_nominal_v
    )
