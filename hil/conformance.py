"""Whether a driver and its device keep what the bench relies on; every step has a verdict.

It knows drivers only by their role and abilities, so it judges any of them, real or emulated.
What it cannot bring about on a device it reports as not testable, never as passed.
"""

import math
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal

from .errors import BenchError, SetpointError
from .roles import AcReading, Device, Faulty, Reverting, Surrounded
from .station import StationDevice

Verdict = Literal["passed", "failed", "not testable"]

SETTLE_S = 5.0
"""How long a device may take to reach what it was told. [s]"""
_LOOK_S = 0.05
_SUN = 1.0
_FOLLOWS = 0.05  # of the rating: how near what it feeds must come to its set point


@dataclass(frozen=True)
class Step:
    """One step and what came of it."""

    name: str
    verdict: Verdict
    because: str = ""


class _NotTestable(Exception):
    """Why a step cannot be brought about here."""


class _Wrong(Exception):
    """What is wrong with the device or its driver."""


class Conformance:
    """Judges one device.

    Parameters
    ----------
    device : StationDevice
    open_it : callable
        Opens it anew.
    arm : bool
        Whether it may be energised; emulated devices always may.
    """

    def __init__(
        self, device: StationDevice, open_it: Callable[[], Device], *, arm: bool = False
    ) -> None:
        self._station, self._open = device, open_it
        self._arm = arm or device.emulated is not None
        self._device: Any = None
        self._errors_before = 0

    def run(self) -> list[Step]:
        """Take every step; the device is left safe, and closed."""
        try:
            self._device = self._open()
        except (BenchError, ValueError, OSError) as fault:
            return [Step("opens", "failed", str(fault))]
        steps = [Step("opens", "passed")]
        try:
            steps += [self._judge(name, step) for name, step in self._plan()]
        finally:
            for end in (self._device.make_safe, self._device.close):
                try:
                    end()
                except BenchError as fault:
                    steps.append(Step("is left safe", "failed", str(fault)))
        return steps

    def _plan(self) -> Iterable[tuple[str, Callable[[], str | None]]]:
        """The steps, in an order in which each relies on those before."""
        return (
            ("says who it is", self._identity),
            ("error queue can be emptied", self._empty_errors),
            ("safe state is reached, and again", self._safe),
            ("reads numbers in our units", self._reads),
            ("refuses what is outside its limits", self._refuses),
            ("refuses what is no number", self._refuses_nan),
            ("takes set points and reads them back", self._sets),
            ("sign of what flows", self._sign),
            ("a lost reply is never read later", self._lost_reply),
            ("comes back after its connection closed", self._reconnects),
            ("reverts by itself when the bench is silent", self._reverts),
            ("error queue is empty at the end", self._no_errors),
        )

    def _judge(self, name: str, step: Callable[[], str | None]) -> Step:
        """Take one step; whatever happens is a verdict."""
        try:
            return Step(name, "passed", step() or "")
        except _NotTestable as why:
            return Step(name, "not testable", str(why))
        except (_Wrong, BenchError) as fault:
            return Step(name, "failed", str(fault))
        except Exception as fault:
            return Step(name, "failed", f"the driver raised {type(fault).__name__}: {fault}")

    def _identity(self) -> str:
        """It answers the same twice, and what the station expects."""
        identity, again = self._device.identify(), self._device.identify()
        if identity != again:
            raise _Wrong(f"{identity} at first, then {again}")
        expected, serial = self._station.expected_identity, self._station.serial_number
        if expected is not None and str(identity) != expected:
            raise _Wrong(f"{identity}; the station expects {expected}")
        if serial is not None and identity.serial != serial:
            raise _Wrong(f"serial number {identity.serial}; the station expects {serial}")
        return str(identity)

    def _empty_errors(self) -> str | None:
        """Take what stood there before."""
        found = self._take_errors()
        return f"{len(found)} were there before: {found[0]}" if found else None

    def _take_errors(self) -> list[str]:
        take = getattr(self._device, "take_errors", None)
        if take is None:
            raise _NotTestable("the driver has no take_errors()")
        errors: list[str] = take()
        return errors

    def _safe(self) -> None:
        """The safe state may be asked for at any time, and again."""
        self._device.make_safe()
        self._device.make_safe()

    def _reads(self) -> str:
        """Five readings of finite numbers that can be true of one another."""
        for _ in range(5):
            reading = self._device.measure()
            for name, value in _numbers_of(reading):
                if not math.isfinite(value):
                    raise _Wrong(f"{name} is {value}")
            if isinstance(reading, AcReading):
                _refuse_impossible(reading)
        return str(reading)

    def _refuses(self) -> None:
        """More than the rating, or less than the least, is never sent."""
        for value in self._outside():
            self._expect_refusal(value)

    def _refuses_nan(self) -> None:
        """NaN compares false with every bound; a driver that forgets it sends it."""
        if not self._settable():
            raise _NotTestable("it sets nothing")
        for value in (math.nan, math.inf, -math.inf):
            self._expect_refusal(value)

    def _expect_refusal(self, value: float) -> None:
        try:
            self._command(value)
        except SetpointError:
            return
        raise _Wrong(f"{value} was not refused; it took it")

    def _sets(self) -> str:
        """Nothing, half and most of what it may; the driver reads each back."""
        self._need_arming()
        values = self._inside()
        for value in values:
            self._command(value)
        self._device.make_safe()
        return ", ".join(f"{value:g}" for value in values)

    def _sign(self) -> str:
        """What feeds is positive and what draws negative, as much as it was told."""
        self._need_arming()
        p_kw = self._flowing()
        wanted = self._wanted_kw()
        self._device.make_safe()
        if p_kw * wanted < 0:
            raise _Wrong(
                f"{p_kw:g} kW where {wanted:g} kW was expected: turn its sign in the station file"
            )
        if abs(p_kw - wanted) > _FOLLOWS * self._device.p_rated_kw:
            raise _Wrong(
                f"{p_kw:g} kW where {wanted:g} kW was expected: a unit or a ratio is wrong"
            )
        return f"{p_kw:g} kW"

    def _lost_reply(self) -> None:
        """A reply that was lost is an error, and the next reading is one of now."""
        if not _can(self._device, Faulty) or self._station.emulated is None:
            raise _NotTestable("no reply can be lost on purpose on a real device")
        self._device.inject("drop")
        try:
            self._device.measure()
        except BenchError:
            pass
        else:
            raise _Wrong("a reading came although its reply was lost")
        self._device.clear_faults()
        self._device.inject("delay", 1.0, 1.5 * self._station.timeout_s)
        try:
            late = self._device.measure()
        except BenchError:
            late = None
        identity = self._device.identify()
        if late is not None or identity != self._device.identify():
            raise _Wrong("a reply that came too late was read")
        self._device.measure()

    def _reconnects(self) -> None:
        """A closed connection can be opened again, by the same driver or a new one."""
        before = self._device.identify()
        self._device.close()
        self._device = self._open()
        if self._device.identify() != before:
            raise _Wrong("somebody else answers after it was opened again")

    def _reverts(self) -> str:
        """It goes to its safe state when nothing is heard for its time, and not before."""
        self._need_arming()
        revert_s = self._station.revert_s
        if revert_s is None or not _can(self._device, Reverting):
            raise _NotTestable("the station or the driver gives it no revert timer")
        p_kw = self._flowing()
        if abs(p_kw) < _FOLLOWS * self._device.p_rated_kw:
            raise _NotTestable(f"it moves {p_kw:g} kW, too little to see it stop")
        self._device.arm_revert(revert_s)
        time.sleep(1.2 * revert_s + 0.2)
        after_kw = self._until(lambda p_kw: abs(p_kw) < _FOLLOWS * self._device.p_rated_kw)
        self._device.arm_revert(0.0)
        self._device.make_safe()
        # What it says of having reverted is no error of the driver's.
        if hasattr(self._device, "take_errors"):
            self._device.take_errors()
        if abs(after_kw) >= _FOLLOWS * self._device.p_rated_kw:
            raise _Wrong(f"still {after_kw:g} kW, {1.2 * revert_s + 0.2:.1f} s after the last word")
        return f"{p_kw:g} kW, then {after_kw:g} kW after {revert_s:g} s of silence"

    def _no_errors(self) -> None:
        """All that was sent was understood."""
        # Faults that were ordered above cut answers short, which it may have noted.
        found = [entry for entry in self._take_errors() if not entry.startswith(("-410", "-300"))]
        if found:
            raise _Wrong(f"{len(found)} errors, the first {found[0]}")

    def _need_arming(self) -> None:
        if not self._settable():
            raise _NotTestable("it moves nothing")
        if not self._arm:
            raise _NotTestable("it would be energised: give --arm")

    def _settable(self) -> bool:
        return self._station.role != "analyser"

    def _command(self, value: float) -> None:
        """Set the role's one power, or a source's voltage."""
        device = self._device
        match self._station.role:
            case "inverter":
                device.limit_power(value)
            case "storage":
                device.set_power(value)
            case "grid-simulator":
                device.set_grid(value, 0.5 * self._f_sum_hz())
            case "pv-simulator":
                device.set_available(value)
            case "load":
                device.set_demand(value)

    def _f_sum_hz(self) -> float:
        limits = self._station.limits
        return limits.f_min_hz + limits.f_max_hz

    def _inside(self) -> list[float]:
        """Values that its limits allow."""
        limits, rated = self._station.limits, self._station.p_rated_kw
        match self._station.role:
            case "grid-simulator":
                most = 230.0 if limits.v_max_v is None else min(230.0, limits.v_max_v)
                return [0.5 * (limits.v_min_v + most), most]
            case "storage":
                return [max(-rated, limits.p_min_kw), 0.0, min(rated, limits.p_max_kw)]
            case "load":
                return [0.0, 0.5 * min(rated, -limits.p_min_kw), min(rated, -limits.p_min_kw)]
        return [0.0, 0.5 * min(rated, limits.p_max_kw), min(rated, limits.p_max_kw)]

    def _outside(self) -> list[float]:
        """Values that no driver may send."""
        limits, rated = self._station.limits, self._station.p_rated_kw
        match self._station.role:
            case "analyser":
                raise _NotTestable("it sets nothing")
            case "grid-simulator":
                over = [] if limits.v_max_v is None else [limits.v_max_v + 1.0]
                return [-1.0, *over]
            case "storage":
                return [1.01 * rated, -1.01 * rated]
        return [1.01 * rated, -0.01 * rated]

    def _wanted_kw(self) -> float:
        """What should flow at half its power, into the grid positive."""
        half = self._inside()[1 if self._station.role != "storage" else 2]
        return -half if self._station.role == "load" else 0.5 * half if (
            self._station.role == "storage"
        ) else half  # fmt: skip

    def _flowing(self) -> float:
        """Have it move half its power, where what it is wired to lets it."""
        role = self._station.role
        if role in ("grid-simulator", "pv-simulator", "load"):
            raise _NotTestable("what flows is up to the devices it is wired to")
        wanted = self._wanted_kw()
        if role == "inverter" and _can(self._device, Surrounded):
            self._device.surround(_SUN * self._station.p_rated_kw, 1.0, 50.0)
        self._command(wanted)
        rated = self._device.p_rated_kw
        p_kw = self._until(lambda p_kw: abs(abs(p_kw) - abs(wanted)) < _FOLLOWS * rated)
        if abs(p_kw) < _FOLLOWS * rated:
            self._device.make_safe()
            raise _NotTestable(f"it moves {p_kw:g} kW of {wanted:g} kW: no sun, or no grid")
        return p_kw

    def _until(self, reached: Callable[[float], bool]) -> float:
        """Read until it is there, or for as long as it may take. [kW]"""
        ends_s = time.monotonic() + SETTLE_S
        while not reached(p_kw := self._device.measure().p_kw) and time.monotonic() < ends_s:
            time.sleep(_LOOK_S)
        return float(p_kw)


def _can(device: object, ability: type) -> bool:
    """Tell whether a device has an ability."""
    return isinstance(device, ability)


def _numbers_of(reading: Any) -> list[tuple[str, float]]:
    """Every number of a reading with its name."""
    found = []
    for name, value in reading._asdict().items():
        values = value if isinstance(value, tuple) else (value,)
        found += [(name, float(one)) for one in values if isinstance(one, float | int)]
    return found


def _refuse_impossible(reading: AcReading) -> None:
    """No more power than voltage and current make, in one unit."""
    apparent_kva = sum(v * i for v, i in zip(reading.vm_v, reading.i_a, strict=False)) / 1000.0
    if abs(reading.p_kw) > 1.1 * apparent_kva + 0.01:
        raise _Wrong(
            f"{reading.p_kw:g} kW, but voltage times current is {apparent_kva:g} kVA: a unit is "
            "wrong"
        )
