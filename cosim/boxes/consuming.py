"""From a scenario's appliances to the devices that draw, and what is told of them at the end."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from models.loads.ev import ChargePoints
from models.loads.flexible import FlexibleLoads
from models.loads.sessions import Sessions
from models.loads.thermal import Thermostats
from scenarios.resolve import ResolvedScenario

__all__ = ["appliance_rows", "charging_rows", "flexible_loads"]

STEP_S = 1.0
"""Appliances decide with the energy managers, once a second. [s]"""


def flexible_loads(resolved: ResolvedScenario) -> FlexibleLoads | None:
    """Make the devices of all peers; None where nobody has any."""
    has = [peer.appliances for peer in resolved.peers]
    if not any(has):
        return None
    return FlexibleLoads(
        len(has),
        thermostats=_thermostats(resolved),
        charge_points=_charge_points(resolved),
        steered=np.array([one is not None and one.steered for one in has]),
    )


def _thermostats(resolved: ResolvedScenario) -> Thermostats | None:
    found = [
        (position, one)
        for position, peer in enumerate(resolved.peers)
        if peer.appliances is not None
        for one in peer.appliances.thermal
    ]
    if not found:
        return None
    made = Thermostats(
        [one.params for _, one in found],
        [position for position, _ in found],
        dt_s=STEP_S,
        inside=[one.inside for _, one in found],
        ambient_c=[one.ambient_c for _, one in found],
    )
    made.gains_kw[:] = [one.gains_kw for _, one in found]
    return made


def _charge_points(resolved: ResolvedScenario) -> ChargePoints | None:
    found = [
        (position, peer.appliances.vehicle)
        for position, peer in enumerate(resolved.peers)
        if peer.appliances is not None and peer.appliances.vehicle is not None
    ]
    if not found:
        return None
    stays = sorted(
        (arrival_s, point, departure_s, wants_kwh)
        for point, (_, vehicle) in enumerate(found)
        for arrival_s, departure_s, wants_kwh in vehicle.stays
    )
    table = np.array(stays, dtype=np.float64).reshape(-1, 4)
    sessions = Sessions(table[:, 1].astype(np.int64), table[:, 0], table[:, 2], table[:, 3])
    return ChargePoints(
        [vehicle.point for _, vehicle in found],
        [position for position, _ in found],
        sessions,
        dt_s=STEP_S,
    )


def appliance_rows(resolved: ResolvedScenario, loads: FlexibleLoads | None) -> list[dict[str, Any]]:
    """Give a row for every thing with a thermostat: how it kept its comfort, and what it drew."""
    return [] if loads is None or loads.thermostats is None else list(_thermal(resolved, loads))


def _thermal(resolved: ResolvedScenario, loads: FlexibleLoads) -> Iterator[dict[str, Any]]:
    of = loads.thermostats
    assert of is not None
    things = [one for peer in resolved.peers if peer.appliances for one in peer.appliances.thermal]
    for k, (one, position) in enumerate(zip(things, of.of_peer.tolist(), strict=True)):
        yield {
            "peer": resolved.peers[position].name,
            "kind": one.kind,
            "low_c": one.params.low_c,
            "high_c": one.params.high_c,
            "lowest_c": float(of.lowest_c[k]),
            "highest_c": float(of.highest_c[k]),
            "outside_s": float(of.outside_s[k]),
            "drawn_kwh": float(of.drawn_kwh[k]),
        }


def charging_rows(resolved: ResolvedScenario, loads: FlexibleLoads | None) -> list[dict[str, Any]]:
    """Give a row for every stay of a vehicle that began: what it wanted and what it got."""
    if loads is None or loads.charge_points is None:
        return []
    at, length_s = loads.charge_points, resolved.n_ticks * resolved.dt_s
    of = at.sessions
    return [
        {
            "peer": resolved.peers[int(at.of_peer[of.point[k]])].name,
            "arrival_tick": round(float(of.arrival_s[k]) / resolved.dt_s),
            "departure_tick": round(float(of.departure_s[k]) / resolved.dt_s),
            "has_left": int(of.departure_s[k] <= length_s),
            "wanted_kwh": float(of.energy_kwh[k]),
            "charged_kwh": float(charged_kwh),
        }
        for k, charged_kwh in enumerate(at.charged_kwh.tolist())
        if of.arrival_s[k] < length_s
    ]
