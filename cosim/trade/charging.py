"""From a scenario's fees and its network to what every trade is charged for transport."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from market.network.charges import (
    Charges,
    distance_charges,
    free_at_same_bus,
    lines_between,
    node_charges,
    ptdf_charges,
    uniform_charges,
    zonal_charges,
)
from models.grid.power_flow import Grid
from scenarios.resolve import ResolvedScenario
from scenarios.schema_market import to_ticks

from ..boxes.box import FloatArray

__all__ = ["charges"]

CAP = 10
"""The greatest fee between two buses, as a multiple of the mean."""


def charges(resolved: ResolvedScenario, network: Grid, buses: Sequence[int]) -> Charges:
    """Transport charges of all peers, computed once for a topology.

    Parameters
    ----------
    resolved : ResolvedScenario
    network : Grid
    buses : sequence of int
        Position of each peer's bus.
    """
    spec = resolved.scenario.market.fees
    by_pair = _by_pair(resolved, network, np.asarray(buses, dtype=np.int64))
    if spec.free_at_same_bus:
        return free_at_same_bus(by_pair, buses)
    return node_charges(by_pair) if spec.per == "node" else by_pair


def _by_pair(resolved: ResolvedScenario, network: Grid, bus: np.ndarray) -> Charges:
    spec = resolved.scenario.market.fees
    mean_ticks = to_ticks(spec.mean_eur_per_kwh)
    if spec.kind == "uniform":
        return uniform_charges(bus.size, mean_ticks)
    if spec.kind == "zonal":
        zones = [peer.zone or peer.name for peer in resolved.peers]
        within, between = spec.within_eur_per_kwh, spec.between_eur_per_kwh
        return zonal_charges(zones, to_ticks(within), to_ticks(between))
    if spec.kind == "ptdf":
        return _by_lines(network, bus, mean_ticks)
    distance_ohm = network.electrical_distance_ohm()
    rate = _rate(distance_ohm[np.ix_(bus, bus)], mean_ticks)
    return distance_charges(distance_ohm, bus, ticks_per_ohm=rate, cap_ticks=CAP * mean_ticks)


def _by_lines(network: Grid, bus: np.ndarray, mean_ticks: int) -> Charges:
    """Charge by the lines that a trade loads, each at the same rate."""
    from models.grid.ptdf import ptdf

    factors = ptdf(network)
    rate = _rate(lines_between(factors[:, bus], np.ones(len(factors))), mean_ticks)
    return ptdf_charges(factors, bus, ticks_per_line=rate, cap_ticks=CAP * mean_ticks)


def _rate(between: FloatArray, mean_ticks: int) -> float:
    """Price of one unit of distance at which pairs at different buses pay the mean."""
    apart = between[np.isfinite(between) & (between > 0)]
    return mean_ticks / float(apart.mean()) if apart.size else 0.0
