"""What an inverter does for the grid, as frozen numbers: curves, limits, protection, ride-through.

Every number says its unit in its name. Nothing is decided here but whether the numbers can be
true together: `faults` names what cannot, with the physics; the kernels take what passes.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any, Literal

Excitation = Literal["absorb", "inject"]
Priority = Literal["reactive", "active"]
Mode = Literal["mandatory", "permissive", "momentary", "cease"]

REACTIVE = ("constant_pf", "constant_q", "volt_var", "watt_var")
"""Functions that set the reactive power; at most one of them is on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConstantPowerFactor:
    """Reactive power in proportion to active power.

    Attributes
    ----------
    cos_phi : float
        Power factor. [1]
    excitation : {"absorb", "inject"}
        Whether it takes reactive power from the grid or gives it.
    response_s : float
        Time to 90 % of a step; so for every function here. [s]
    """

    enabled: bool
    cos_phi: float
    excitation: Excitation
    response_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ConstantQ:
    """A fixed reactive power; positive injects. [p.u. of apparent power]"""

    enabled: bool
    q_pu: float
    response_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class VoltVar:
    """Reactive power by voltage: four corners, flat outside. [p.u.]"""

    enabled: bool
    v_pu: tuple[float, ...]
    q_pu: tuple[float, ...]
    response_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class VoltWatt:
    """Limit of active power by voltage: two corners, flat outside. [p.u.]"""

    enabled: bool
    v_pu: tuple[float, ...]
    p_pu: tuple[float, ...]
    response_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class WattVar:
    """Reactive power by active power: three corners, flat outside. [p.u.]"""

    enabled: bool
    p_pu: tuple[float, ...]
    q_pu: tuple[float, ...]
    response_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class FrequencyDroop:
    """Active power by frequency, from what was fed when it left the dead band.

    Attributes
    ----------
    dead_over_hz, dead_under_hz : float
        Half widths of the dead band above and below nominal. [Hz]
    droop_over, droop_under : float
        Change of frequency per nominal that moves power by its rating. [1]
    """

    enabled: bool
    dead_over_hz: float
    dead_under_hz: float
    droop_over: float
    droop_under: float
    response_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PowerLimit:
    """Active power limit, as a network operator commands it.

    Attributes
    ----------
    p_pu : float
        Limit at the start. [p.u. of rated power]
    ramp_s : float
        Time in which the limit moves by the rating. [s]
    revert_s : float
        How long a command holds without another; 0 for always. [s]
    revert_p_pu : float
        Limit after that. [p.u.]
    """

    enabled: bool
    p_pu: float
    ramp_s: float
    revert_s: float
    revert_p_pu: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Capability:
    """Reactive power that it can give at every active power, and what comes first.

    Attributes
    ----------
    p_pu, inject_pu, absorb_pu : tuple of 5 floats
        Corners of the curve; the apparent power limits beside it. [p.u.]
    priority : {"reactive", "active"}
        What is kept when both together exceed the apparent power.
    kept_inject_pu, kept_absorb_pu : float
        Reactive power that comes first even under active priority. [p.u.]
    """

    p_pu: tuple[float, ...]
    inject_pu: tuple[float, ...]
    absorb_pu: tuple[float, ...]
    priority: Priority
    kept_inject_pu: float
    kept_absorb_pu: float


@dataclass(frozen=True, slots=True, kw_only=True)
class EnterService:
    """When it may feed again, and how fast it then rises from nothing to its rating."""

    vm_pu: tuple[float, ...]
    f_hz: tuple[float, ...]
    delay_s: float
    ramp_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class VoltageTrip:
    """Must-trip settings: pairs of voltage and time; 10-minute mean (0 for none). [p.u.], [s]"""

    over: tuple[tuple[float, float], ...]
    under: tuple[tuple[float, float], ...]
    mean_over_pu: float


@dataclass(frozen=True, slots=True, kw_only=True)
class FrequencyTrip:
    """Must-trip settings: pairs of frequency and time. [Hz], [s]"""

    over: tuple[tuple[float, float], ...]
    under: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RideThrough:
    """What it must stand, and how it behaves meanwhile.

    Attributes
    ----------
    continuous_vm_pu, continuous_f_hz : (float, float)
        Where it works for ever. [p.u.], [Hz]
    voltage : tuple of (low, high, duration, slope, mode)
        Regions outside: it must stay for duration + slope · (V − low). Mandatory: it goes on;
        permissive: it may cease, ours goes on; momentary: it ceases and must not trip; cease: it
        ceases, and the trip follows. [p.u.], [p.u.], [s], [s/p.u.]
    frequency : tuple of (low, high, duration)
        The same for frequency. [Hz], [Hz], [s]
    restore_s : float
        Time from nothing to its rating when the voltage is back; 0 at once. [s]
    may_trip : bool
        Whether it trips as soon as it may, rather than when it must.
    """

    continuous_vm_pu: tuple[float, ...]
    continuous_f_hz: tuple[float, ...]
    voltage: tuple[tuple[float, float, float, float, Mode], ...]
    frequency: tuple[tuple[float, float, float], ...]
    restore_s: float
    may_trip: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Rocof:
    """Change of frequency over half a second that it must stand, and at which it trips (0: never).

    A trip needs the change to last for `trip_s`. [Hz/s], [s]
    """

    ride_through_hz_per_s: float
    trip_hz_per_s: float
    trip_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class InverterFunctions:
    """All functions of one kind of inverter."""

    f_nominal_hz: float
    constant_pf: ConstantPowerFactor
    constant_q: ConstantQ
    volt_var: VoltVar
    volt_watt: VoltWatt
    watt_var: WattVar
    frequency_droop: FrequencyDroop
    power_limit: PowerLimit
    capability: Capability
    enter_service: EnterService
    voltage_trip: VoltageTrip
    frequency_trip: FrequencyTrip
    ride_through: RideThrough
    rocof: Rocof

    def at_nominal(self, f_nominal_hz: float) -> InverterFunctions:
        """Give the same functions for another nominal frequency, all frequencies in proportion."""
        ratio = f_nominal_hz / self.f_nominal_hz
        return self if ratio == 1.0 else _scaled(self, ratio)

    @property
    def reactive(self) -> str | None:
        """Name of the function that sets the reactive power; None without."""
        return next((name for name in REACTIVE if getattr(self, name).enabled), None)


def _scaled(part: Any, ratio: float) -> Any:
    """Multiply every frequency; its names end in _hz or are pairs that begin with one."""
    found: dict[str, Any] = {}
    for field in fields(part):
        value = getattr(part, field.name)
        if is_dataclass(value):
            found[field.name] = _scaled(value, ratio)
        elif field.name.endswith("_hz"):
            several = isinstance(value, tuple)
            found[field.name] = tuple(ratio * f for f in value) if several else ratio * value
        elif isinstance(part, FrequencyTrip):
            found[field.name] = tuple((ratio * f_hz, after_s) for f_hz, after_s in value)
        elif isinstance(part, RideThrough) and field.name == "frequency":
            found[field.name] = tuple((ratio * lo, ratio * hi, for_s) for lo, hi, for_s in value)
    return replace(part, **found)


Fault = tuple[tuple[str, ...], str]
"""Keys of a parameter, and what is impossible about its value."""


def faults(functions: InverterFunctions) -> list[Fault]:
    """Find what no inverter can be set to, all of it at once."""
    return [
        *_numbers(functions),
        *_curves(functions),
        *_droops(functions.frequency_droop),
        *_reactive(functions),
        *_windows(functions),
        *_voltage_trips(functions),
        *_frequency_trips(functions),
    ]


def _numbers(functions: InverterFunctions) -> Iterator[Fault]:
    for part in fields(functions):
        inner = getattr(functions, part.name)
        for field in fields(inner) if is_dataclass(inner) else ():
            value = getattr(inner, field.name)
            if not field.name.endswith("_s") or 0 <= value < math.inf:
                continue
            what = "a rate" if field.name.endswith("_per_s") else "a time"
            yield (part.name, field.name), f"is {value:g}; {what} is 0 or more, and finite"
    for name, keys in (("volt_var", "v_pu q_pu"), ("volt_watt", "v_pu p_pu"), ("watt_var", "p_pu")):
        for key in keys.split():
            if not all(math.isfinite(value) for value in getattr(getattr(functions, name), key)):
                yield (name, key), "holds a value that is not a finite number"


def _curves(functions: InverterFunctions) -> Iterator[Fault]:
    curves = (
        ("volt_var", "v_pu", "q_pu", 4, "absorbs less as the voltage rises and drives it away"),
        ("volt_watt", "v_pu", "p_pu", 2, "feeds more as the voltage rises and drives it away"),
        ("watt_var", "p_pu", "q_pu", 3, ""),
    )
    for name, along, values, corners, why in curves:
        part = getattr(functions, name)
        x, y = getattr(part, along), getattr(part, values)
        if len(x) != corners or len(y) != corners:
            yield (name, along), f"{len(x)} and {len(y)} corners; expected {corners} of both"
            continue
        if any(right < left for left, right in itertools.pairwise(x)):
            yield (
                (name, along),
                f"{_list(x)} is not in order: the curve would not be one of {along}",
            )
        if any(a == b and p != q for a, b, p, q in zip(x, x[1:], y, y[1:], strict=False)):
            message = f"{_list(x)} makes the curve jump: its loop has an endless gain there"
            yield (name, along), message
        if why and any(right > left for left, right in itertools.pairwise(y)):
            yield (name, values), f"{_list(y)} rises along the curve: it {why}"
        bound = "power" if values == "p_pu" else "apparent power"
        if any(abs(value) > 1 for value in y):
            yield (name, values), f"{_list(y)} goes beyond the rated {bound}; expected −1 to 1 p.u."
    if functions.volt_watt.p_pu and min(functions.volt_watt.p_pu) < 0:
        message = "is negative: a PV inverter cannot draw power to lower the voltage"
        yield ("volt_watt", "p_pu"), message


def _list(values: tuple[float, ...]) -> str:
    return "[" + ", ".join(f"{value:g}" for value in values) + "]"


def _droops(droop: FrequencyDroop) -> Iterator[Fault]:
    for key in ("droop_over", "droop_under"):
        value = getattr(droop, key)
        if not 0.001 <= value <= 1:
            message = (
                f"is {value:g}; expected 0.001 to 1: a droop of zero asks for all power at the "
                "least deviation, and no frequency would ever settle"
            )
            yield ("frequency_droop", key), message
    for key in ("dead_over_hz", "dead_under_hz"):
        if not 0 <= getattr(droop, key) < math.inf:
            yield ("frequency_droop", key), "a half width is 0 Hz or more"


def _reactive(functions: InverterFunctions) -> Iterator[Fault]:
    on = [name for name in REACTIVE if getattr(functions, name).enabled]
    if len(on) > 1:
        message = f"{' and '.join(on)} are both on; one of them can set the reactive power"
        yield (on[-1], "enabled"), message
    if not 0 < functions.constant_pf.cos_phi <= 1:
        message = f"is {functions.constant_pf.cos_phi:g}; expected above 0, at most 1"
        yield ("constant_pf", "cos_phi"), message
    if not -1 <= functions.constant_q.q_pu <= 1:
        yield ("constant_q", "q_pu"), "goes beyond the apparent power; expected −1 to 1 p.u."
    limit, able = functions.power_limit, functions.capability
    for key in ("p_pu", "revert_p_pu"):
        if not 0 <= getattr(limit, key) <= 1:
            yield ("power_limit", key), "expected 0 to 1 p.u. of the rated power"
    lengths = {len(able.p_pu), len(able.inject_pu), len(able.absorb_pu)}
    if lengths != {5}:
        yield ("capability", "p_pu"), "expected five corners of all three"
    elif sorted(able.p_pu) != list(able.p_pu):
        yield ("capability", "p_pu"), f"{_list(able.p_pu)} is not in order"
    for key in ("inject_pu", "absorb_pu"):
        if any(not 0 <= value <= 1 for value in getattr(able, key)):
            yield ("capability", key), "expected magnitudes of 0 to 1 p.u. of the apparent power"


def _windows(functions: InverterFunctions) -> Iterator[Fault]:
    windows = (
        ("enter_service", "vm_pu", "p.u."),
        ("enter_service", "f_hz", "Hz"),
        ("ride_through", "continuous_vm_pu", "p.u."),
        ("ride_through", "continuous_f_hz", "Hz"),
    )
    for name, key, unit in windows:
        ends = getattr(getattr(functions, name), key)
        if len(ends) != 2 or not ends[0] < ends[1]:
            yield (name, key), f"{_list(ends)} {unit} is no window; expected the lower bound first"
        elif key in ("vm_pu", "continuous_vm_pu") and not ends[0] <= 1 <= ends[1]:
            yield (name, key), f"{_list(ends)} p.u. leaves out nominal voltage"
        elif unit == "Hz" and not ends[0] <= functions.f_nominal_hz <= ends[1]:
            message = f"{_list(ends)} Hz leaves out nominal {functions.f_nominal_hz:g} Hz"
            yield (name, key), message
    rocof = functions.rocof
    if 0 < rocof.trip_hz_per_s < rocof.ride_through_hz_per_s:
        message = (
            f"is {rocof.trip_hz_per_s:g} Hz/s, but it must stand "
            f"{rocof.ride_through_hz_per_s:g} Hz/s without a trip"
        )
        yield ("rocof", "trip_hz_per_s"), message


def _voltage_trips(functions: InverterFunctions) -> Iterator[Fault]:
    low_pu, high_pu = functions.ride_through.continuous_vm_pu
    trips = functions.voltage_trip
    if 0 < trips.mean_over_pu < high_pu:
        yield ("voltage_trip", "mean_over_pu"), _inside(trips.mean_over_pu, "p.u.", high_pu)
    regions = functions.ride_through.voltage
    for vm_pu, after_s in trips.over:
        if vm_pu < high_pu:
            yield ("voltage_trip", "over"), _inside(vm_pu, "p.u.", high_pu)
        for low, high, for_s, _, mode in regions:
            if low >= high_pu and high > vm_pu and mode != "cease" and after_s < for_s:
                yield (
                    ("voltage_trip", "over"),
                    _early(vm_pu, after_s, max(low, vm_pu), for_s, "p.u."),
                )
    for vm_pu, after_s in trips.under:
        if vm_pu > low_pu:
            yield ("voltage_trip", "under"), _inside(vm_pu, "p.u.", low_pu)
        for low, high, for_s, slope, mode in regions:
            if high <= low_pu and low < vm_pu and mode != "cease":
                at_pu = min(high, vm_pu)
                needed_s = for_s + slope * (at_pu - low)
                if after_s < needed_s - 1e-9:
                    yield ("voltage_trip", "under"), _early(vm_pu, after_s, at_pu, needed_s, "p.u.")


def _frequency_trips(functions: InverterFunctions) -> Iterator[Fault]:
    low_hz, high_hz = functions.ride_through.continuous_f_hz
    for f_hz, after_s in functions.frequency_trip.over:
        if f_hz < high_hz:
            yield ("frequency_trip", "over"), _inside(f_hz, "Hz", high_hz)
        for low, high, for_s in functions.ride_through.frequency:
            if low >= high_hz and high > f_hz and after_s < for_s:
                yield ("frequency_trip", "over"), _early(f_hz, after_s, max(low, f_hz), for_s, "Hz")
    for f_hz, after_s in functions.frequency_trip.under:
        if f_hz > low_hz:
            yield ("frequency_trip", "under"), _inside(f_hz, "Hz", low_hz)
        for low, high, for_s in functions.ride_through.frequency:
            if high <= low_hz and low < f_hz and after_s < for_s:
                yield (
                    ("frequency_trip", "under"),
                    _early(f_hz, after_s, min(high, f_hz), for_s, "Hz"),
                )


def _inside(value: float, unit: str, end: float) -> str:
    return (
        f"a trip at {value:g} {unit} lies inside the band of continuous operation, which ends at "
        f"{end:g} {unit}: it would trip in normal operation"
    )


def _early(value: float, after_s: float, at: float, needed_s: float, unit: str) -> str:
    return (
        f"a trip at {value:g} {unit} after {after_s:g} s comes too early: at {at:g} {unit} it must "
        f"stay connected for {needed_s:g} s"
    )
