"""What a PV inverter does for the grid: a standard's settings, and single values instead of them.

A part that is named is on, unless it says ``enabled: false``; what it leaves out stays as the
standard has it. Frequencies are those at the standard's own nominal frequency; in a scenario of
another they are taken in proportion.
"""

import difflib
from dataclasses import replace
from typing import Any, Literal, Self

from pydantic import Field, NonNegativeFloat, model_validator

from models.inverters.functions import REACTIVE, InverterFunctions, faults
from models.inverters.standards import profiles

from .spec import Problem, Spec, refuse

Pair = tuple[float, float]
Region = tuple[float, float, float, float, Literal["mandatory", "permissive", "momentary", "cease"]]

_ON = Field(default=True, description="Whether it is on; naming the function turns it on.")
_RESPONSE = Field(default=None, description="Time to 90 % of a step (open-loop response). [s]")


class ConstantPowerFactorSpec(Spec):
    """Reactive power in proportion to active power."""

    enabled: bool = _ON
    cos_phi: float | None = Field(default=None, description="Power factor. [1]")
    excitation: Literal["absorb", "inject"] | None = Field(
        default=None, description="Whether it takes reactive power or gives it."
    )
    response_s: float | None = _RESPONSE


class ConstantQSpec(Spec):
    """A fixed reactive power."""

    enabled: bool = _ON
    q_pu: float | None = Field(
        default=None, description="Injection, by the apparent power rating. [p.u.]"
    )
    response_s: float | None = _RESPONSE


class VoltVarSpec(Spec):
    """Reactive power by voltage."""

    enabled: bool = _ON
    v_pu: tuple[float, float, float, float] | None = Field(
        default=None, description="Voltages of the four corners, in order. [p.u.]"
    )
    q_pu: tuple[float, float, float, float] | None = Field(
        default=None, description="Injection at them, falling; by the apparent power. [p.u.]"
    )
    response_s: float | None = _RESPONSE


class VoltWattSpec(Spec):
    """Limit of active power by voltage."""

    enabled: bool = _ON
    v_pu: Pair | None = Field(default=None, description="Voltages of the two corners. [p.u.]")
    p_pu: Pair | None = Field(
        default=None, description="Limits at them, falling; by the rated power. [p.u.]"
    )
    response_s: float | None = _RESPONSE


class WattVarSpec(Spec):
    """Reactive power by active power."""

    enabled: bool = _ON
    p_pu: tuple[float, float, float] | None = Field(
        default=None, description="Active powers of the three corners. [p.u.]"
    )
    q_pu: tuple[float, float, float] | None = Field(
        default=None, description="Injection at them, by the apparent power. [p.u.]"
    )
    response_s: float | None = _RESPONSE


class FrequencyDroopSpec(Spec):
    """Active power by frequency. In an island its own p_f takes the place of this function."""

    enabled: bool = _ON
    dead_over_hz: float | None = Field(default=None, description="Dead band above nominal. [Hz]")
    dead_under_hz: float | None = Field(default=None, description="Dead band below nominal. [Hz]")
    droop_over: float | None = Field(
        default=None, description="Change of frequency per nominal for rated power, above. [1]"
    )
    droop_under: float | None = Field(default=None, description="The same below nominal. [1]")
    response_s: float | None = _RESPONSE


class PowerLimitSpec(Spec):
    """Limit of active power, as a network operator commands it."""

    enabled: bool = _ON
    p_pu: float | None = Field(default=None, description="Limit, by the rated power. [p.u.]")
    ramp_s: float | None = Field(
        default=None, description="Time in which the limit moves by the rating. [s]"
    )
    revert_s: float | None = Field(
        default=None, description="How long it holds without a new command; 0 for always. [s]"
    )
    revert_p_pu: float | None = Field(default=None, description="Limit after that. [p.u.]")


class CapabilitySpec(Spec):
    """Reactive power at every active power, and what comes first at the rating."""

    p_pu: tuple[float, float, float, float, float] | None = Field(
        default=None, description="Active powers of five corners. [p.u.]"
    )
    inject_pu: tuple[float, float, float, float, float] | None = Field(
        default=None, description="Reactive power that it can inject at them. [p.u.]"
    )
    absorb_pu: tuple[float, float, float, float, float] | None = Field(
        default=None, description="Reactive power that it can absorb at them. [p.u.]"
    )
    priority: Literal["reactive", "active"] | None = Field(
        default=None, description="What is kept when both exceed the apparent power."
    )
    kept_inject_pu: NonNegativeFloat | None = Field(
        default=None, description="Injection that comes first under active priority. [p.u.]"
    )
    kept_absorb_pu: NonNegativeFloat | None = Field(
        default=None, description="Absorption that comes first under active priority. [p.u.]"
    )


class EnterServiceSpec(Spec):
    """When it may feed again, and how fast it then rises."""

    vm_pu: Pair | None = Field(default=None, description="Window of voltage. [p.u.]")
    f_hz: Pair | None = Field(default=None, description="Window of frequency. [Hz]")
    delay_s: float | None = Field(default=None, description="Time inside the window before. [s]")
    ramp_s: float | None = Field(default=None, description="From nothing to its rating. [s]")


class VoltageTripSpec(Spec):
    """When voltage trips it."""

    over: tuple[Pair, Pair] | None = Field(
        default=None, description="Two pairs of voltage and time. [p.u.], [s]"
    )
    under: tuple[Pair, Pair] | None = Field(
        default=None, description="Two pairs of voltage and time. [p.u.], [s]"
    )
    mean_over_pu: float | None = Field(
        default=None, description="Ten-minute mean above which it trips; 0 for none. [p.u.]"
    )


class FrequencyTripSpec(Spec):
    """When frequency trips it."""

    over: tuple[Pair, Pair] | None = Field(
        default=None, description="Two pairs of frequency and time. [Hz], [s]"
    )
    under: tuple[Pair, Pair] | None = Field(
        default=None, description="Two pairs of frequency and time. [Hz], [s]"
    )


class RideThroughSpec(Spec):
    """What it must stand, and how it behaves meanwhile."""

    continuous_vm_pu: Pair | None = Field(
        default=None, description="Band of continuous operation. [p.u.]"
    )
    continuous_f_hz: Pair | None = Field(
        default=None, description="Band of continuous operation. [Hz]"
    )
    voltage: tuple[Region, ...] | None = Field(
        default=None,
        max_length=8,
        description="Regions outside: low, high, duration, slope, mode. [p.u.], [s], [s/p.u.]",
    )
    frequency: tuple[tuple[float, float, float], tuple[float, float, float]] | None = Field(
        default=None, description="Two regions outside: low, high, duration. [Hz], [s]"
    )
    restore_s: float | None = Field(
        default=None, description="From nothing to its rating after a dip; 0 at once. [s]"
    )
    may_trip: bool | None = Field(
        default=None, description="Whether it trips as soon as it may, not when it must."
    )


class RocofSpec(Spec):
    """Change of frequency over half a second that it stands, and at which it trips."""

    ride_through_hz_per_s: float | None = Field(default=None, description="What it stands. [Hz/s]")
    trip_hz_per_s: float | None = Field(
        default=None, description="What trips it; 0 for none. [Hz/s]"
    )
    trip_s: float | None = Field(default=None, description="How long that must last. [s]")


class InverterSpec(Spec):
    """A standard, and single values instead of its own."""

    standard: str = Field(
        description="Standard and category, as ieee1547-2018-b-iii or vde-ar-n-4105-2018-large."
    )
    constant_pf: ConstantPowerFactorSpec | None = Field(default=None, description="Constant cos φ.")
    constant_q: ConstantQSpec | None = Field(default=None, description="Constant Q.")
    volt_var: VoltVarSpec | None = Field(default=None, description="Q by voltage.")
    volt_watt: VoltWattSpec | None = Field(default=None, description="Limit of P by voltage.")
    watt_var: WattVarSpec | None = Field(default=None, description="Q by P.")
    frequency_droop: FrequencyDroopSpec | None = Field(default=None, description="P by frequency.")
    power_limit: PowerLimitSpec | None = Field(default=None, description="The operator's limit.")
    capability: CapabilitySpec | None = Field(default=None, description="Capability and priority.")
    enter_service: EnterServiceSpec | None = Field(default=None, description="Reconnection.")
    voltage_trip: VoltageTripSpec | None = Field(default=None, description="Voltage protection.")
    frequency_trip: FrequencyTripSpec | None = Field(
        default=None, description="Frequency protection."
    )
    ride_through: RideThroughSpec | None = Field(default=None, description="Ride-through.")
    rocof: RocofSpec | None = Field(default=None, description="Change of frequency.")

    @model_validator(mode="after")
    def _is_possible(self) -> Self:
        known = profiles()
        if self.standard not in known:
            names = difflib.get_close_matches(self.standard, known, n=3, cutoff=0.3) or known
            message = f"{self.standard!r} is none we have; nearest names: {', '.join(names)}"
            refuse([Problem(("standard",), message)])
        refuse([Problem(path, message) for path, message in faults(self.functions())])
        return self

    def functions(self) -> InverterFunctions:
        """Give the standard's functions with what the scenario says instead."""
        return profiles()[self.standard].functions(self._overrides())

    def _overrides(self) -> dict[str, dict[str, Any]]:
        """Give what was said; who names a source of reactive power has chosen against the rest."""
        given = self.model_dump(exclude_none=True, exclude={"standard"})
        if any(given.get(name, {}).get("enabled") for name in REACTIVE):
            for name in REACTIVE:
                given.setdefault(name, {}).setdefault("enabled", False)
        return given


class StorageInverterSpec(Spec):
    """What a battery's inverter does with reactive power, charging or discharging.

    Its protection and its answers in active power are not those of a PV inverter, so that these
    cannot be named here. Unless said otherwise it can do at any active power what it can do at
    its rating: a converter that stands by has its whole apparent power.
    """

    standard: str = Field(
        description="Standard and category whose curves hold, as ieee1547-2018-b-iii."
    )
    constant_pf: ConstantPowerFactorSpec | None = Field(default=None, description="Constant cos φ.")
    constant_q: ConstantQSpec | None = Field(default=None, description="Constant Q.")
    volt_var: VoltVarSpec | None = Field(default=None, description="Q by voltage.")
    watt_var: WattVarSpec | None = Field(default=None, description="Q by P.")
    capability: CapabilitySpec | None = Field(default=None, description="Capability and priority.")

    @model_validator(mode="after")
    def _is_possible(self) -> Self:
        self._whole()
        return self

    def functions(self) -> InverterFunctions:
        """Give the standard's functions with what the scenario says instead."""
        made, said = self._whole().functions(), self.capability
        able = made.capability
        if said is None or said.inject_pu is None:
            able = replace(able, inject_pu=(max(able.inject_pu),) * len(able.inject_pu))
        if said is None or said.absorb_pu is None:
            able = replace(able, absorb_pu=(max(able.absorb_pu),) * len(able.absorb_pu))
        return replace(made, capability=able)

    def _whole(self) -> InverterSpec:
        """The same as a PV inverter would have it, which checks it."""
        return InverterSpec(**{name: getattr(self, name) for name in type(self).model_fields})
