"""Appliances behind a peer's meter that can wait: what warms, what cools, and what drives away.

What they draw comes on top of the peer's profile, at power factor one. They keep their comfort,
and vehicles leave as full as they can be, whatever is asked of them. Ranges are drawn from, peer
by peer.
"""

from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, NonNegativeFloat, PositiveFloat, model_validator

from models.loads.sessions import VOLTAGE_V, HabitParams
from models.loads.thermal_devices import (
    ELECTRIC_HEATER,
    FREEZER,
    HEAT_PUMP,
    WATER_HEATER,
    ThermalParams,
)

from .spec import POSITIVE, Problem, Range, Spec, refuse
from .times import Moment

__all__ = [
    "THERMAL",
    "AppliancesSpec",
    "EvSpec",
    "HabitsSpec",
    "SessionSpec",
    "ThermalSpec",
    "point_kw",
]

KELVIN = 273.15
STEP_S = 1.0
"""Appliances decide once a second. [s]"""

_PositiveRange = Annotated[Range, POSITIVE]
_Share = Annotated[float, Field(ge=0, le=1)]
_HABITS = HabitParams()


def _drawn(value: float, what: str) -> Any:
    return Field(default=Range(value, value), description=what)


def _power(of: ThermalParams) -> Any:
    return _drawn(of.p_kw, "Electrical power when on: a number, or [low, high]. [kW]")


def _moved(of: ThermalParams, what: str) -> Any:
    return Field(default=abs(of.heat_per_power), description=what)


def _comfort(of: ThermalParams) -> Any:
    told = "Bounds that it keeps, lower and upper; its thermostat switches at them. [°C]"
    return Field(default=(of.low_c, of.high_c), description=told)


def _capacity(of: ThermalParams, what: str) -> Any:
    return _drawn(of.capacity_kwh_per_k, f"Heat capacity of {what}. [kWh/K]")


def _resistance(of: ThermalParams, what: str) -> Any:
    return _drawn(of.resistance_k_per_kw, f"Temperature difference per heat, {what}. [K/kW]")


def _dwell(of: ThermalParams) -> Any:
    told = "How long it stays on or off, unless comfort wants it otherwise. [s]"
    return Field(default=of.dwell_s, description=told)


class ThermalSpec(Spec):
    """What all things with a thermostat have in common."""

    cools: ClassVar[bool] = False
    """Whether it moves heat out of its first node."""

    share: _Share = Field(default=1.0, description="Part of the group's peers that have one. [1]")
    p_kw: _PositiveRange
    cop: float
    comfort_c: tuple[float, float]
    ambient_c: float
    capacity_kwh_per_k: _PositiveRange
    resistance_k_per_kw: _PositiveRange
    dwell_s: NonNegativeFloat
    gains_kw: float = Field(
        default=0.0,
        description="Heat that comes from elsewhere, as from people; below 0, what is drawn off, "
        "as hot water. [kW]",
    )
    starts: Range = Field(
        default=Range(0.0, 1.0),
        description="Where in its comfort it begins, 0 for the lower, 1 for the upper bound. [1]",
    )

    @property
    def outer_resistance(self) -> float:
        """Least resistance beyond the first one, towards ambient. [K/kW]"""
        return 0.0

    @model_validator(mode="after")
    def _is_physical(self) -> Self:
        problems = _band_problems(self)
        if not problems:
            problems = [*_heat_problems(self), *_step_problems(self)]
        refuse(problems)
        return self


def _band_problems(of: ThermalSpec) -> list[Problem]:
    """Find comfort upside down, heat out of nothing, and temperatures that do not exist."""
    problems = []
    low_c, high_c = of.comfort_c
    if not low_c < high_c:
        message = (
            f"from {low_c:g} to {high_c:g} °C is upside down; expected the lower bound first, and "
            "room between them"
        )
        problems.append(Problem(("comfort_c",), message))
    for name, coldest_c in (("comfort_c", min(of.comfort_c)), ("ambient_c", of.ambient_c)):
        if coldest_c <= -KELVIN:
            message = f"{coldest_c:g} °C is below absolute zero, −273.15 °C"
            problems.append(Problem((name,), message))
    if not of.cop > 0.0:
        message = (
            f"{of.cop:g} kWh of heat per kWh moves no heat the right way; expected more than 0"
        )
        problems.append(Problem(("cop",), message))
    if of.starts.high > 1.0:
        message = f"{of.starts.high:g} is outside its comfort; expected 0 to 1"
        problems.append(Problem(("starts",), message))
    return problems


def _heat_problems(of: ThermalSpec) -> list[Problem]:
    """Find what beats Carnot, and what cannot keep its comfort at this ambient."""
    low_c, high_c = of.comfort_c
    problems = []
    warmest_c, coldest_c = (of.ambient_c, low_c) if of.cools else (high_c, of.ambient_c)
    lift_k = warmest_c - coldest_c
    used_c = coldest_c if of.cools else warmest_c
    if of.cop > 1.0 and lift_k > 0.0 and of.cop > (used_c + KELVIN) / lift_k:
        message = (
            f"{of.cop:g} between {coldest_c:g} and {warmest_c:g} °C is above Carnot's "
            f"{(used_c + KELVIN) / lift_k:.3g}; expected less"
        )
        problems.append(Problem(("cop",), message))
    hard_c, easy_c = (high_c, low_c) if of.cools else (low_c, high_c)
    if _lost_kw(of, easy_c) < 0.0:
        does = "cools, and cannot warm it" if of.cools else "heats, and cannot cool it"
        message = f"{of.ambient_c:g} °C around it drives it out of its comfort: it {does}"
        problems.append(Problem(("ambient_c",), message))
    needed_kw, most_kw = _lost_kw(of, hard_c), of.cop * of.p_kw.low
    if needed_kw > most_kw:
        message = (
            f"{of.p_kw.low:g} kW move {most_kw:.3g} kW of heat, but {needed_kw:.3g} kW are lost "
            f"at {of.ambient_c:g} °C around it; expected more power, cop or resistance"
        )
        problems.append(Problem(("p_kw",), message))
    return problems


def _lost_kw(of: ThermalSpec, at_c: float) -> float:
    """Give the heat that it has to move to stay at a temperature, at most. [kW]"""
    lost_k = at_c - of.ambient_c
    lost_kw = lost_k / (of.resistance_k_per_kw.low + of.outer_resistance) - of.gains_kw
    return -lost_kw if of.cools else lost_kw


def _step_problems(of: ThermalSpec) -> list[Problem]:
    """Find what runs through its comfort in a few decisions."""
    moved_k = of.cop * of.p_kw.high * STEP_S / 3600.0 / of.capacity_kwh_per_k.low
    band_k = of.comfort_c[1] - of.comfort_c[0]
    if moved_k <= 0.5 * band_k:
        return []
    message = (
        f"{of.p_kw.high:g} kW move it by {moved_k:.3g} K in a second, more than half its comfort "
        f"of {band_k:.3g} K; expected less power, more heat capacity or more room"
    )
    return [Problem(("p_kw",), message)]


class HeatPumpSpec(ThermalSpec):
    """A heat pump and its house: the air, which it heats, and the walls behind it."""

    p_kw: _PositiveRange = _power(HEAT_PUMP)
    cop: float = _moved(HEAT_PUMP, "Coefficient of performance: heat per electrical energy. [1]")
    comfort_c: tuple[float, float] = _comfort(HEAT_PUMP)
    ambient_c: float = Field(default=5.0, description="Outdoor temperature. [°C]")
    capacity_kwh_per_k: _PositiveRange = _capacity(HEAT_PUMP, "the air and what is light")
    resistance_k_per_kw: _PositiveRange = _resistance(HEAT_PUMP, "from the air into the walls")
    mass_kwh_per_k: _PositiveRange = _drawn(
        HEAT_PUMP.mass_kwh_per_k, "Heat capacity of the walls. [kWh/K]"
    )
    mass_resistance_k_per_kw: _PositiveRange = _drawn(
        HEAT_PUMP.mass_resistance_k_per_kw,
        "Temperature difference per heat, from the walls to the outside. [K/kW]",
    )
    dwell_s: NonNegativeFloat = _dwell(HEAT_PUMP)

    @property
    def outer_resistance(self) -> float:
        return self.mass_resistance_k_per_kw.low


class ElectricHeatingSpec(ThermalSpec):
    """Electric heating of a flat."""

    p_kw: _PositiveRange = _power(ELECTRIC_HEATER)
    cop: float = _moved(ELECTRIC_HEATER, "Heat per electrical energy; 1 for a resistor. [1]")
    comfort_c: tuple[float, float] = _comfort(ELECTRIC_HEATER)
    ambient_c: float = Field(default=5.0, description="Outdoor temperature. [°C]")
    capacity_kwh_per_k: _PositiveRange = _capacity(ELECTRIC_HEATER, "the flat")
    resistance_k_per_kw: _PositiveRange = _resistance(ELECTRIC_HEATER, "to the outside")
    dwell_s: NonNegativeFloat = _dwell(ELECTRIC_HEATER)


class WaterHeaterSpec(ThermalSpec):
    """A tank of hot water; what is drawn of it is a loss, `gains_kw` below 0."""

    p_kw: _PositiveRange = _power(WATER_HEATER)
    cop: float = _moved(WATER_HEATER, "Heat per electrical energy; 1 for a resistor. [1]")
    comfort_c: tuple[float, float] = _comfort(WATER_HEATER)
    ambient_c: float = Field(default=18.0, description="Temperature of its room. [°C]")
    capacity_kwh_per_k: _PositiveRange = _capacity(WATER_HEATER, "its water")
    resistance_k_per_kw: _PositiveRange = _resistance(WATER_HEATER, "to the room")
    dwell_s: NonNegativeFloat = _dwell(WATER_HEATER)


class FreezerSpec(ThermalSpec):
    """A freezer in a room."""

    cools: ClassVar[bool] = True

    p_kw: _PositiveRange = _power(FREEZER)
    cop: float = _moved(FREEZER, "Heat moved out per electrical energy. [1]")
    comfort_c: tuple[float, float] = _comfort(FREEZER)
    ambient_c: float = Field(default=20.0, description="Temperature of its room. [°C]")
    capacity_kwh_per_k: _PositiveRange = _capacity(FREEZER, "what is in it")
    resistance_k_per_kw: _PositiveRange = _resistance(FREEZER, "from the room")
    dwell_s: NonNegativeFloat = _dwell(FREEZER)


class SessionSpec(Spec):
    """A vehicle's stay at its charge point."""

    arrival: Moment | None = Field(
        default=None, description="When it is plugged in; left out, it is there from the start."
    )
    departure: Moment = Field(description="When it leaves; may be after the end of the run.")
    energy_kwh: _PositiveRange = Field(
        description="What its battery wants: a number, or [low, high] to draw from. [kWh]"
    )


class HabitsSpec(Spec):
    """What a household's stays are drawn from, one a day at most; the defaults are round figures.

    A vehicle that has been there before the start has charged at once until then.
    """

    arrival_h: float = Field(
        default=_HABITS.arrival_h, ge=0, lt=24, description="Mean hour of arrival. [h]"
    )
    arrival_deviation_h: NonNegativeFloat = Field(
        default=_HABITS.arrival_deviation_h,
        description="Standard deviation; held to within three of them. [h]",
    )
    departure_h: float = Field(
        default=_HABITS.departure_h, ge=0, lt=24, description="Mean hour of departure. [h]"
    )
    departure_deviation_h: NonNegativeFloat = Field(
        default=_HABITS.departure_deviation_h,
        description="Standard deviation; held to within three of them. [h]",
    )
    energy_kwh: PositiveFloat = Field(
        default=_HABITS.energy_kwh, description="Median of what a battery wants. [kWh]"
    )
    energy_spread: NonNegativeFloat = Field(
        default=_HABITS.energy_spread, description="Standard deviation of its logarithm. [1]"
    )
    daily: _Share = Field(default=_HABITS.daily, description="Probability of a stay in a day. [1]")

    @model_validator(mode="after")
    def _leaves_after_it_came(self) -> Self:
        stay_h = (self.departure_h - self.arrival_h) % 24.0
        spread_h = 3.0 * (self.arrival_deviation_h + self.departure_deviation_h)
        if not spread_h < min(stay_h, 24.0 - stay_h):
            message = (
                f"a departure at {self.departure_h:g} h could come before the arrival at "
                f"{self.arrival_h:g} h, or the next arrival before it: they are {stay_h:g} h apart "
                f"and scatter by {spread_h:g} h; expected less than the stay and the time away"
            )
            refuse([Problem(("departure_h",), message)])
        return self


class EvSpec(Spec):
    """An electric vehicle and its charge point."""

    share: _Share = Field(default=1.0, description="Part of the group's peers that have one. [1]")
    phases: Literal[1, 3] = Field(default=3, description="Phases that it charges on. [1]")
    max_a: PositiveFloat = Field(default=16.0, description="Largest current of each phase. [A]")
    min_a: PositiveFloat = Field(
        default=6.0,
        description="Smallest current of each phase; below it charging pauses (IEC 61851-1). [A]",
    )
    efficiency: float = Field(default=0.9, description="From the grid into the battery. [1]")
    sessions: tuple[SessionSpec, ...] = Field(
        default=(), description="Its stays; left out, they are drawn from habits."
    )
    habits: HabitsSpec | None = Field(
        default=None, description="What stays are drawn from, in place of sessions."
    )

    @model_validator(mode="after")
    def _is_physical(self) -> Self:
        problems = []
        if self.min_a > self.max_a:
            message = f"{self.min_a:g} A is above max_a, {self.max_a:g} A; it could never charge"
            problems.append(Problem(("min_a",), message))
        if not 0.0 < self.efficiency <= 1.0:
            message = f"{self.efficiency:g} makes energy or takes none; expected above 0, at most 1"
            problems.append(Problem(("efficiency",), message))
        if self.sessions and self.habits is not None:
            message = "given beside sessions; expected one of the two"
            problems.append(Problem(("habits",), message))
        refuse(problems)
        return self


def point_kw(spec: EvSpec) -> float:
    """Give the largest power of a charge point. [kW]"""
    return spec.phases * VOLTAGE_V * spec.max_a / 1000.0


class AppliancesSpec(Spec):
    """What a peer has that can wait."""

    steered: bool = Field(
        default=True,
        description="Its energy manager asks them to follow contracts; false, they do as they "
        "would alone.",
    )
    heat_pump: HeatPumpSpec | None = Field(
        default=None, description="A heat pump and its house; none if left out."
    )
    electric_heating: ElectricHeatingSpec | None = Field(
        default=None, description="Electric heating of a flat; none if left out."
    )
    water_heater: WaterHeaterSpec | None = Field(
        default=None, description="A tank of hot water; none if left out."
    )
    freezer: FreezerSpec | None = Field(
        default=None, description="A freezer in a room; none if left out."
    )
    ev: EvSpec | None = Field(
        default=None, description="A vehicle and its charge point; none if left out."
    )

    @model_validator(mode="before")
    @classmethod
    def _takes_defaults_where_nothing_is_said(cls, given: Any) -> Any:
        """Read ``freezer:`` with nothing behind it as one of the defaults."""
        if not isinstance(given, dict):
            return given
        return {k: {} if v is None and k in (*THERMAL, "ev") else v for k, v in given.items()}


THERMAL = ("heat_pump", "electric_heating", "water_heater", "freezer")
"""Kinds with a thermostat, in the order in which they stand in tables."""
