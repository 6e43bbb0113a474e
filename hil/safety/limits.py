"""What no set point exceeds, whoever asks: bounds of each device, and of the bench together.

A number is allowed, or under ``clamp`` brought to the nearest that is, or refused; NaN is always
refused. Either stands in the record. `hil.safety.limited` puts these in front of drivers.
"""

import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal, NamedTuple

from hil.errors import SetpointError, UnsafeError
from hil.roles import AcReading
from hil.station import Station, StationDevice

SETTLING_S = 2.0
"""How long voltage may be below the bench's window after an output closed or was set. [s]"""
RAMP_STEP_S = 1.0
"""A ramp is made of steps, none larger than what the ramp covers in this time. [s]"""
_SLACK = 1e-9
"""Rounding of sums and differences, which no instrument resolves. [kW], [V], [Hz]"""

Beyond = Literal["refuse", "clamp"]


class Bound(NamedTuple):
    """From where to where a value may go, and who says so."""

    low: float
    high: float
    because: str


class Excess(NamedTuple):
    """More was asked than is allowed.

    Attributes
    ----------
    device, quantity : str
    asked, allowed : float
        What was asked; the nearest allowed value, which was sent if `action` is ``clamp``, or
        NaN where no value is allowed.
    unit : str
    action : {"refuse", "clamp"}
    because : str
        The bound that was in the way.
    """

    device: str
    quantity: str
    asked: float
    allowed: float
    unit: str
    action: Beyond
    because: str

    def __str__(self) -> str:
        """Say it in a sentence."""
        sent = "nothing" if self.action == "refuse" else f"{self.allowed:g} {self.unit}"
        return (
            f"{self.device}: {self.quantity} of {self.asked:g} {self.unit} is outside "
            f"{self.because}; {sent} was sent"
        )


class BenchLimits:
    """What all devices together may not exceed; one for all drivers of a process.

    Parameters
    ----------
    station : Station
    on_excess : callable
        Told of every set point that was refused or clamped, for the record.
    clock : callable
        For ramps and settling. [s]

    Attributes
    ----------
    forbidden : callable
        Why no set point at all may be sent now, as once the bench is being made safe; or None.

    Notes
    -----
    The sum is over inverters, stores and loads, each by the size of what it was last asked for,
    whichever way it flows: what PV and grid simulators give flows through those. A device that
    did not confirm a smaller value counts with the larger one.
    """

    def __init__(
        self,
        station: Station,
        *,
        on_excess: Callable[[Excess], None] = lambda excess: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.beyond: Beyond = station.beyond
        self.on_excess, self.clock = on_excess, clock
        self.p_max_kw = math.inf if station.p_max_kw is None else station.p_max_kw
        self.window_v = station.v_window_v
        # Where no device of the bench makes its voltage, the window holds from the beginning.
        made = any(device.role == "grid-simulator" for device in station.devices)
        self._set_s = math.inf if made else -math.inf
        self._asked_kw: dict[str, float] = {}
        self._lock = threading.Lock()
        self.forbidden: Callable[[], str | None] = lambda: None

    def reserve(self, device: str, chosen: Callable[[float], float]) -> float:
        """Reserve power for one device before it is told; it counts until `confirm` says less.

        Parameters
        ----------
        device : str
        chosen : callable
            Picks a power within the room that the others leave, either way. [kW]
        """
        with self._lock:
            before_kw = self._asked_kw.get(device, 0.0)
            others_kw = sum(self._asked_kw.values()) - before_kw
            p_kw = chosen(max(0.0, self.p_max_kw - others_kw))
            self._asked_kw[device] = max(before_kw, abs(p_kw))
        return p_kw

    def confirm(self, device: str, p_kw: float) -> None:
        """Count what a device has taken. [kW]"""
        with self._lock:
            self._asked_kw[device] = abs(p_kw)

    def room(self, room_kw: float) -> Bound:
        """Say how much the others leave. [kW]"""
        because = f"the {room_kw:g} kW that others leave it of the bench's {self.p_max_kw:g} kW"
        return Bound(-room_kw, room_kw, because)

    def release(self, device: str) -> None:
        """Count a device as asked for nothing: it is in its safe state."""
        with self._lock:
            self._asked_kw[device] = 0.0

    def voltage_moves(self, closed: bool = True) -> None:
        """Note that a source's voltage was set, or its output closed or opened."""
        self._set_s = self.clock() if closed else math.inf

    def watch(self, device: str, reading: AcReading) -> None:
        """Look at a measured voltage.

        Raises
        ------
        UnsafeError
            It is above the bench's window; or below, though a source has held its output
            closed for `SETTLING_S`.
        """
        if self.window_v is None:
            return
        low_v, high_v = self.window_v
        settled = self.clock() - self._set_s >= SETTLING_S
        for vm_v in reading.vm_v:
            if not vm_v <= high_v or (settled and vm_v < low_v):
                raise UnsafeError(
                    f"{device}: {vm_v:g} V is outside the bench's window of {low_v:g} to "
                    f"{high_v:g} V; everything is to be made safe"
                )


class DeviceLimits:
    """What one device may be asked for.

    Parameters
    ----------
    device : StationDevice
    bench : BenchLimits
    """

    def __init__(self, device: StationDevice, bench: BenchLimits) -> None:
        self.device, self.bench = device, bench
        self.clock = bench.clock
        self.lock = threading.RLock()
        self._held_kw, self._reach_kw, self._told_s = 0.0, 0.0, -math.inf
        own = self._own()
        self._own_kw = max(bound.low for bound in own), min(bound.high for bound in own)

    @contextmanager
    def telling(self) -> Iterator[None]:
        """Tell the device something, while no other thread speaks to it.

        Raises
        ------
        UnsafeError
            The bench is being made safe: nobody undoes that.
        """
        with self.lock:
            self._refuse_forbidden()
            yield

    def _refuse_forbidden(self) -> None:
        if (reason := self.bench.forbidden()) is not None:
            raise UnsafeError(f"{self.device.name}: {reason}; nothing was sent")

    @contextmanager
    def power(self, p_kw: float, *, counts: bool = True) -> Iterator[float]:
        """Choose what may be sent instead of a power, into the grid positive, while it is sent.

        Parameters
        ----------
        p_kw : float
            What is asked. [kW]
        counts : bool
            Whether it adds to the bench's sum.

        Raises
        ------
        SetpointError
            It is no number, or beyond a bound under ``refuse``; the block is not entered.
        """
        # One context, and bounds are spelt only for who passes them: this is in every tick.
        name, bench = self.device.name, self.bench
        with self.lock:
            self._refuse_forbidden()
            now_s = self.clock()
            if counts:
                sent_kw = bench.reserve(name, lambda room: self._power(p_kw, now_s, room))
                yield sent_kw
                bench.confirm(name, sent_kw)
            else:
                sent_kw = self._power(p_kw, now_s, math.inf)
                yield sent_kw
            self._took(sent_kw, now_s)

    def _power(self, p_kw: float, now_s: float, room_kw: float) -> float:
        """Choose what may be sent instead of a power, in the room that others leave. [kW]"""
        low_kw, high_kw = self._own_kw
        inside = low_kw <= p_kw <= high_kw and abs(p_kw) <= room_kw
        if inside and self.device.ramp_kw_per_s is None:
            return p_kw
        bounds = [*self._own(), self._ramp(now_s)]
        if room_kw < math.inf:
            bounds.append(self.bench.room(room_kw))
        return self.choose("power", p_kw, "kW", bounds)

    def _own(self) -> tuple[Bound, Bound]:
        """Rating and limits of the device."""
        rated_kw, limits = self.device.p_rated_kw, self.device.limits
        low_kw, high_kw = limits.p_min_kw, limits.p_max_kw
        return (
            Bound(-rated_kw, rated_kw, f"its rating of {rated_kw:g} kW"),
            Bound(low_kw, high_kw, _range(low_kw, high_kw, "kW")),
        )

    def voltage_v(self, vm_v: float) -> float:
        """Choose what may be sent instead of a voltage. [V]"""
        limits = self.device.limits
        high_v = limits.v_max_v
        bounds = [Bound(limits.v_min_v, high_v or 0.0, _range(limits.v_min_v, high_v or 0.0, "V"))]
        if high_v is None:
            bounds = []
        if self.bench.window_v is not None:
            low_v, high_v = self.bench.window_v
            bounds.append(Bound(low_v, high_v, f"the bench's window, {low_v:g} to {high_v:g} V"))
        if not bounds:
            raise SetpointError(
                f"{self.device.name}: {vm_v:g} V, but the station gives it neither v_max_v nor a "
                "voltage window of the bench; nothing was sent"
            )
        return self.choose("voltage", vm_v, "V", bounds)

    def frequency_hz(self, f_hz: float) -> float:
        """Choose what may be sent instead of a frequency. [Hz]"""
        low_hz, high_hz = self.device.limits.f_min_hz, self.device.limits.f_max_hz
        return self.choose(
            "frequency", f_hz, "Hz", [Bound(low_hz, high_hz, _range(low_hz, high_hz, "Hz"))]
        )

    def watch(self, reading: AcReading) -> None:
        """Look at measured currents and voltages.

        Raises
        ------
        UnsafeError
            One is outside what device, or bench, may see.
        """
        most_a = self.device.limits.i_max_a
        for i_a in reading.i_a:
            if most_a is not None and not abs(i_a) <= most_a:
                raise UnsafeError(
                    f"{self.device.name}: {i_a:g} A is more than its limit of {most_a:g} A; "
                    "everything is to be made safe"
                )
        self.bench.watch(self.device.name, reading)

    def is_safe_now(self) -> None:
        """Start again from nothing: it was made safe."""
        self._held_kw, self._reach_kw, self._told_s = 0.0, 0.0, -math.inf
        self.bench.release(self.device.name)

    def choose(self, quantity: str, asked: float, unit: str, bounds: list[Bound]) -> float:
        """Choose the value itself where all bounds allow it; else by the station's policy.

        Raises
        ------
        SetpointError
            Refused: by policy, because it is no number, or because the bounds leave nothing.
        """
        name = self.device.name
        if math.isnan(asked):
            raise SetpointError(f"{name}: {quantity} is no number (NaN); nothing was sent")
        low, high = max(b.low for b in bounds), min(b.high for b in bounds)
        if low > high:
            raise self._refused(quantity, asked, math.nan, unit, _narrowest(bounds, asked))
        allowed = min(max(asked, low), high)
        if abs(asked - allowed) <= _SLACK:
            return allowed
        because = _narrowest(bounds, asked)
        if self.bench.beyond == "refuse":
            raise self._refused(quantity, asked, allowed, unit, because)
        self.bench.on_excess(Excess(name, quantity, asked, allowed, unit, "clamp", because))
        return allowed

    def _refused(
        self, quantity: str, asked: float, allowed: float, unit: str, because: str
    ) -> SetpointError:
        """Tell the record, and say it."""
        excess = Excess(self.device.name, quantity, asked, allowed, unit, "refuse", because)
        self.bench.on_excess(excess)
        return SetpointError(str(excess))

    def _ramp(self, now_s: float) -> Bound:
        """Say how far the device may go from what it holds.

        Steps come a little early and late, so what one leaves the next may use, up to the
        reach of `RAMP_STEP_S`: within any time T power changes by at most ramp · (T + 1 s).
        """
        ramp = self.device.ramp_kw_per_s
        if ramp is None:
            return Bound(-math.inf, math.inf, "")
        held_kw, reach_kw = self._held_kw, self._reach_at(now_s)
        because = f"{reach_kw:g} kW from {held_kw:g} kW, its ramp being {ramp:g} kW/s"
        return Bound(held_kw - reach_kw, held_kw + reach_kw, because)

    def _reach_at(self, now_s: float) -> float:
        ramp = self.device.ramp_kw_per_s or 0.0
        return min(ramp * RAMP_STEP_S, self._reach_kw + ramp * max(0.0, now_s - self._told_s))

    def _took(self, p_kw: float, now_s: float) -> None:
        """Remember what the device holds, and how much of its ramp is spent."""
        if self.device.ramp_kw_per_s is not None:
            self._reach_kw = max(0.0, self._reach_at(now_s) - abs(p_kw - self._held_kw))
        self._held_kw, self._told_s = p_kw, now_s


def _range(low: float, high: float, unit: str) -> str:
    return f"its limits, {low:g} to {high:g} {unit}"


def _narrowest(bounds: list[Bound], asked: float) -> str:
    """Name the bound that a value passes by most."""
    return max(bounds, key=lambda bound: max(bound.low - asked, asked - bound.high)).because
