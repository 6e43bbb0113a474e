"""Drivers behind their limits.

What `limited` returns has the methods of the driver's role and of the abilities it has, and no
others: nothing else of the driver can be reached past the checks. One thread at a time speaks to
a device; once the bench is being made safe, no set point passes any more.
"""

import math
from collections.abc import Callable
from functools import cache
from typing import Any, TypeVar, cast

from hil.errors import SetpointError
from hil.roles import (
    AcReading,
    Device,
    Faulty,
    Functional,
    GridInTurns,
    Identity,
    InverterReading,
    Lockstep,
    MeterInTurns,
    Programmable,
    Questionable,
    Reverting,
    Role,
    SourceStep,
    SunInTurns,
    Surrounded,
    TickInTurns,
)
from hil.station import StationDevice
from hil.turns import Talk

from .limits import BenchLimits, DeviceLimits

D = TypeVar("D", bound=Device)


def limited(driver: D, device: StationDevice, bench: BenchLimits) -> D:
    """Put a driver behind its limits.

    Parameters
    ----------
    driver : Device
        Of the role that the station gives.
    device : StationDevice
    bench : BenchLimits
        The same for all drivers of the bench.

    Returns
    -------
    Device
        With the driver's role and abilities. Its set points raise `SetpointError` before
        anything is sent, or are clamped, as the station says; reading back is the driver's.
    """
    abilities = tuple(
        mixin for protocol, mixin in _ABILITIES.items() if isinstance(driver, protocol)
    )
    return cast(D, _class_of(device.role, abilities)(driver, DeviceLimits(device, bench)))


class _Limited:
    """What every role has; safe comes before everything, so nothing stands in its way."""

    def __init__(self, driver: Any, limits: DeviceLimits) -> None:
        self.name = limits.device.name
        self._driver, self._limits = driver, limits

    def identify(self) -> Identity:
        with self._limits.lock:
            return cast(Identity, self._driver.identify())

    def make_safe(self) -> None:
        with self._limits.lock:
            self._driver.make_safe()
            self._limits.is_safe_now()

    def close(self) -> None:
        with self._limits.lock:
            self._driver.close()


class _Measured(_Limited):
    """What shows voltages, which the bench's window holds for."""

    def measure(self) -> AcReading:
        with self._limits.lock:
            reading: AcReading = self._driver.measure()
        self._limits.watch(reading)
        return reading


class _Powered(_Limited):
    """What has a power; a reading of it is not ours to judge."""

    @property
    def p_rated_kw(self) -> float:
        return float(self._driver.p_rated_kw)

    def measure(self) -> Any:
        with self._limits.lock:
            return self._driver.measure()


class _Inverter(_Powered):
    def limit_power(self, p_kw: float) -> None:
        _refuse_below_zero(self.name, "limit", p_kw)
        with self._limits.power(p_kw) as sent_kw:
            self._driver.limit_power(sent_kw)


class _Storage(_Powered):
    def set_power(self, p_kw: float) -> None:
        with self._limits.power(p_kw) as sent_kw:
            self._driver.set_power(sent_kw)


class _Closing(_Limited):
    """What has an output: it closes only onto what this bench has set."""

    _is_set = False

    def energise(self, on: bool) -> None:
        if on and not self._is_set:
            raise SetpointError(
                f"{self.name}: its output was to close before it was told what to give; "
                "nothing was sent"
            )
        with self._limits.telling() if on else self._limits.lock:
            self._driver.energise(on)

    def make_safe(self) -> None:
        self._is_set = False
        super().make_safe()


class _GridSimulator(_Closing, _Measured):
    _closed = False

    def set_grid(self, vm_v: float, f_hz: float) -> None:
        sent = self._limits.voltage_v(vm_v), self._limits.frequency_hz(f_hz)
        with self._limits.telling():
            self._driver.set_grid(*sent)
        self._was_set()

    def _was_set(self) -> None:
        self._is_set = True
        if self._closed:
            self._limits.bench.voltage_moves()

    def energise(self, on: bool) -> None:
        super().energise(on)
        self._closed = on
        self._limits.bench.voltage_moves(on)

    def make_safe(self) -> None:
        self._closed = False
        self._limits.bench.voltage_moves(False)
        super().make_safe()


class _PvSimulator(_Closing):
    def set_available(self, p_kw: float) -> None:
        _refuse_below_zero(self.name, "available power", p_kw)
        with self._limits.power(p_kw, counts=False) as sent_kw:
            self._driver.set_available(sent_kw)
        self._is_set = True

    def measure(self) -> Any:
        with self._limits.lock:
            return self._driver.measure()


class _Load(_Closing, _Measured):
    def set_demand(self, p_kw: float) -> None:
        _refuse_below_zero(self.name, "demand", p_kw)
        with self._limits.power(-p_kw) as sent_kw:
            self._driver.set_demand(abs(sent_kw))
        self._is_set = True


class _Ticking(_Limited):
    """Takes the bench's clock; its ramp then counts in ticks."""

    _dt_s = _passed_s = 0.0

    def begin_lockstep(self, dt_s: float) -> None:
        with self._limits.lock:
            self._driver.begin_lockstep(dt_s)
        self._dt_s = dt_s
        self._limits.clock = lambda: self._passed_s

    def tick(
        self, available_kw: float, limit_kw: float, vm_pu: float, f_hz: float
    ) -> InverterReading:
        self._refuse_negative(limit_kw)
        with self._limits.power(limit_kw) as sent_kw:
            reading: InverterReading = self._driver.tick(available_kw, sent_kw, vm_pu, f_hz)
        self._passed_s += self._dt_s
        return reading

    def _refuse_negative(self, limit_kw: float) -> None:
        if not isinstance(self, _Storage):
            _refuse_below_zero(self.name, "limit", limit_kw)


class _TickInTurns(_Ticking):
    """Gives way, as those below: between question and answer others are asked, behind the same
    lock and the same limits; what was reserved stays so until the device has confirmed it."""

    def ticking(
        self, available_kw: float, limit_kw: float, vm_pu: float, f_hz: float
    ) -> Talk[InverterReading]:
        self._refuse_negative(limit_kw)
        with self._limits.power(limit_kw) as sent_kw:
            reading: InverterReading = yield from self._driver.ticking(
                available_kw, sent_kw, vm_pu, f_hz
            )
        self._passed_s += self._dt_s
        return reading


class _GridInTurns(_GridSimulator):
    def setting_grid(self, vm_v: float, f_hz: float) -> Talk[None]:
        sent = self._limits.voltage_v(vm_v), self._limits.frequency_hz(f_hz)
        with self._limits.telling():
            yield from self._driver.setting_grid(*sent)
        self._was_set()


class _SunInTurns(_PvSimulator):
    def setting_available(self, p_kw: float) -> Talk[None]:
        _refuse_below_zero(self.name, "available power", p_kw)
        with self._limits.power(p_kw, counts=False) as sent_kw:
            yield from self._driver.setting_available(sent_kw)
        self._is_set = True


class _MeterInTurns(_Measured):
    def measuring(self) -> Talk[AcReading]:
        with self._limits.lock:
            reading: AcReading = yield from self._driver.measuring()
        self._limits.watch(reading)
        return reading


class _Surrounded(_Limited):
    def surround(self, available_kw: float, vm_pu: float, f_hz: float) -> None:
        with self._limits.lock:
            self._driver.surround(available_kw, vm_pu, f_hz)


class _Reverting(_Limited):
    def arm_revert(self, revert_s: float) -> None:
        with self._limits.lock:
            self._driver.arm_revert(revert_s)


class _Questionable(_Limited):
    def ask(self, query: str) -> str:
        with self._limits.lock:
            return str(self._driver.ask(query))


class _Faulty(_Limited):
    def inject(self, fault: str, *values: float) -> None:
        with self._limits.lock:
            self._driver.inject(fault, *values)

    def clear_faults(self) -> None:
        with self._limits.lock:
            self._driver.clear_faults()


class _Programmable(_Limited):
    def play(self, steps: tuple[SourceStep, ...]) -> None:
        """Play a program all of whose steps are within limits; a clamped one is another test."""
        for k, step in enumerate(steps):
            sent = self._limits.voltage_v(step.vm_v), self._limits.frequency_hz(step.f_hz)
            if sent != (step.vm_v, step.f_hz) or not 0 < step.dwell_s < math.inf:
                raise SetpointError(
                    f"{self.name}: step {k} of the program, {step.vm_v:g} V, {step.f_hz:g} Hz for "
                    f"{step.dwell_s:g} s, is outside its limits; nothing was sent"
                )
        self._limits.bench.voltage_moves()
        with self._limits.telling():
            self._driver.play(steps)


class _Functional(_Limited):
    def set_function(self, name: str, settings: dict[str, float | list[float]]) -> None:
        for setting, given in settings.items():
            values = given if isinstance(given, list) else [given]
            if not all(math.isfinite(value) for value in values):
                raise SetpointError(
                    f"{self.name}: {name}: {setting} of {given}; expected finite numbers; "
                    "nothing was sent"
                )
        with self._limits.telling():
            self._driver.set_function(name, settings)


_ROLES: dict[Role, type[_Limited]] = {
    "inverter": _Inverter,
    "storage": _Storage,
    "grid-simulator": _GridSimulator,
    "pv-simulator": _PvSimulator,
    "load": _Load,
    "analyser": _Measured,
}
_ABILITIES: dict[Any, type[_Limited]] = {
    TickInTurns: _TickInTurns,
    GridInTurns: _GridInTurns,
    SunInTurns: _SunInTurns,
    MeterInTurns: _MeterInTurns,
    Lockstep: _Ticking,
    Surrounded: _Surrounded,
    Reverting: _Reverting,
    Questionable: _Questionable,
    Faulty: _Faulty,
    Programmable: _Programmable,
    Functional: _Functional,
}


@cache
def _class_of(
    role: Role, abilities: tuple[type[_Limited], ...]
) -> Callable[[Device, DeviceLimits], _Limited]:
    """Make the class of a role with some abilities: real methods, which `isinstance` looks for."""
    base = _ROLES[role]
    return type(f"Limited{base.__name__}", (*abilities, base), {})


def _refuse_below_zero(name: str, what: str, p_kw: float) -> None:
    """Refuse a negative size: it has no meaning that could be clamped."""
    if p_kw < 0:
        raise SetpointError(f"{name}: {what} of {p_kw:g} kW; expected 0 or more; nothing was sent")
