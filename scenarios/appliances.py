"""Appliances as they are drawn: what of a peer's can wait follows from the seed and its name."""

import datetime as dt
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from models.loads.sessions import ChargeParams, HabitParams, draw_sessions
from models.loads.thermal_devices import ThermalParams

from .rules_appliances import stay_ns
from .schema import Scenario
from .schema_appliances import THERMAL, AppliancesSpec, EvSpec, HeatPumpSpec, ThermalSpec
from .spec import Range

__all__ = ["Appliances", "ThermalAppliance", "Vehicle", "draw_appliances"]

DAY_S = 86_400.0

Luck = Callable[[str], np.random.Generator]
"""Gives a peer's generator for a thing, by its name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ThermalAppliance:
    """One thing with a thermostat.

    Attributes
    ----------
    kind : str
        One of `schema_appliances.THERMAL`.
    params : ThermalParams
    inside : float
        Where in its comfort it begins, from 0 to 1. [1]
    ambient_c, gains_kw : float
        Around it, and heat from elsewhere. [°C], [kW]
    """

    kind: str
    params: ThermalParams
    inside: float
    ambient_c: float
    gains_kw: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Vehicle:
    """A charge point and the stays at it.

    Attributes
    ----------
    point : ChargeParams
    stays : tuple of (float, float, float)
        Arrival and departure in seconds after the start of the run, and what the battery wants
        then. [s], [s], [kWh]
    """

    point: ChargeParams
    stays: tuple[tuple[float, float, float], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Appliances:
    """What one peer has that can wait, and whether its energy manager may ask it to."""

    thermal: tuple[ThermalAppliance, ...]
    vehicle: Vehicle | None
    steered: bool


def draw_appliances(
    spec: AppliancesSpec | None, scenario: Scenario, luck: Luck
) -> Appliances | None:
    """Draw what a peer has of what its group may have; None for nothing."""
    if spec is None:
        return None
    thermal = tuple(_thermal(spec, luck))
    vehicle = None
    if spec.ev is not None and _has("ev", spec.ev.share, luck):
        vehicle = _vehicle(spec.ev, scenario, luck)
    if not thermal and vehicle is None:
        return None
    return Appliances(thermal=thermal, vehicle=vehicle, steered=spec.steered)


def _has(what: str, share: float, luck: Luck) -> bool:
    return bool(luck(f"{what} at all").random() < share)


def _between(what: str, ends: Range, luck: Luck) -> float:
    return float(luck(what).uniform(*ends)) if ends.low < ends.high else ends.low


def _thermal(spec: AppliancesSpec, luck: Luck) -> Iterator[ThermalAppliance]:
    for kind in THERMAL:
        of: ThermalSpec | None = getattr(spec, kind)
        if of is not None and _has(kind, of.share, luck):
            yield ThermalAppliance(
                kind=kind,
                params=_params(kind, of, luck),
                inside=_between(f"{kind} start", of.starts, luck),
                ambient_c=of.ambient_c,
                gains_kw=of.gains_kw,
            )


def _params(kind: str, of: ThermalSpec, luck: Luck) -> ThermalParams:
    names = ["p_kw", "capacity_kwh_per_k", "resistance_k_per_kw"]
    if isinstance(of, HeatPumpSpec):
        names += ["mass_kwh_per_k", "mass_resistance_k_per_kw"]
    return ThermalParams(
        heat_per_power=-of.cop if of.cools else of.cop,
        low_c=of.comfort_c[0],
        high_c=of.comfort_c[1],
        dwell_s=of.dwell_s,
        **{name: _between(f"{kind} {name}", getattr(of, name), luck) for name in names},
    )


def _vehicle(ev: EvSpec, scenario: Scenario, luck: Luck) -> Vehicle:
    point = ChargeParams(phases=ev.phases, max_a=ev.max_a, min_a=ev.min_a, efficiency=ev.efficiency)
    if not ev.sessions:
        return Vehicle(point=point, stays=tuple(_drawn_stays(ev, point, scenario, luck)))
    stays = []
    for number, stay in enumerate(ev.sessions):
        begin, end = stay_ns(scenario, stay)
        wants_kwh = _between(f"ev energy {number}", stay.energy_kwh, luck)
        stays.append((begin * 1e-9, end * 1e-9, wants_kwh))
    return Vehicle(point=point, stays=tuple(stays))


def _drawn_stays(
    ev: EvSpec, point: ChargeParams, scenario: Scenario, luck: Luck
) -> Iterator[tuple[float, float, float]]:
    """Draw the stays from the evening before on; who is there already has charged until now."""
    habits = HabitParams() if ev.habits is None else HabitParams(**ev.habits.model_dump())
    start, length_s = scenario.time.start, scenario.time.duration.seconds
    midnight = start.replace(hour=0, minute=0, second=0, microsecond=0) - dt.timedelta(days=1)
    before_s = (midnight - start).total_seconds()
    days = int((length_s - before_s) // DAY_S) + 1
    drawn = draw_sessions([luck("ev stays")], habits, [point], midnight_s=before_s, days=days)
    full_kw = point.kw(point.max_a) * point.efficiency
    for arrival_s, departure_s, wants_kwh in zip(
        drawn.arrival_s.tolist(), drawn.departure_s.tolist(), drawn.energy_kwh.tolist(), strict=True
    ):
        left_kwh = wants_kwh - full_kw * max(-arrival_s, 0.0) / 3600.0
        if departure_s > 0.0 and arrival_s < length_s and left_kwh > 0.0:
            yield max(arrival_s, 0.0), departure_s, left_kwh
