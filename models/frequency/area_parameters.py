"""What areas joined by tie-lines are made of; every number is checked here."""

from __future__ import annotations

import math
from dataclasses import dataclass

from .checks import TINY, check, check_lag, check_positive
from .sources import Generator


@dataclass(frozen=True, kw_only=True)
class Containment:
    """A frequency containment reserve: power by deviation, both ways.

    Attributes
    ----------
    name : str
    p_max_kw : float
        Power at `full_at_hz` and beyond. [kW]
    full_at_hz, insensitivity_hz : float
        Continental Europe: 200 mHz and at most 10 mHz, (EU) 2017/1485 Annex V. [Hz]
    lag_s : float
        First-order lag; 10 s gives 95 % within Annex V's 30 s. [s]
    """

    name: str
    p_max_kw: float
    full_at_hz: float = 0.2
    insensitivity_hz: float = 0.01
    lag_s: float = 10.0

    def __post_init__(self) -> None:
        owner = f"containment reserve {self.name!r}"
        check_positive(owner, "p_max_kw", self.p_max_kw, "kW")
        check(owner, "full_at_hz", self.full_at_hz, "Hz", "1 mHz to 5 Hz", 1e-3, 5)
        low, high = 0.0, self.full_at_hz * 0.999
        check(owner, "insensitivity_hz", self.insensitivity_hz, "Hz", "below full_at_hz", low, high)
        check_lag(owner, "lag_s", self.lag_s, zero=False)


@dataclass(frozen=True, kw_only=True)
class FastReserve:
    """A fast frequency reserve: its whole power once frequency is low, for a while.

    Attributes
    ----------
    name : str
    p_max_kw : float
        [kW]
    below_hz, delay_s : float
        The Nordic set is 49.7/1.3, 49.6/1.0 and 49.5/0.7 s. [Hz], [s]
    hold_s : float
        At least so long, and until frequency is back above `below_hz`. [s]
    lag_s : float
        First-order lag of the power; unverified. [s]
    """

    name: str
    p_max_kw: float
    below_hz: float = 49.6
    delay_s: float = 1.0
    hold_s: float = 5.0
    lag_s: float = 0.05

    def __post_init__(self) -> None:
        owner = f"fast reserve {self.name!r}"
        check_positive(owner, "p_max_kw", self.p_max_kw, "kW")
        check(owner, "below_hz", self.below_hz, "Hz", "30 to 60 Hz", 30, 60)
        check(owner, "delay_s", self.delay_s, "s", "0 to 60 s", 0, 60)
        check(owner, "hold_s", self.hold_s, "s", "0 to 3600 s", 0, 3600)
        check_lag(owner, "lag_s", self.lag_s, zero=False)


@dataclass(frozen=True, kw_only=True)
class SecondaryControl:
    """PI control of an area's error, its exchange beyond schedule plus bias times deviation.

    Shared by the governed units by rated power; the integral stops at the limit.

    Attributes
    ----------
    bias_kw_per_hz : float
        The area's own stiffness makes it answer for its own faults alone. [kW/Hz]
    proportional : float
        Continental Europe: 0 to 0.5, unverified. [1]
    integral_time_s : float
        Continental Europe: 50 to 200 s, unverified. [s]
    p_max_kw : float
        Limit, both ways. [kW]
    """

    bias_kw_per_hz: float
    p_max_kw: float
    proportional: float = 0.1
    integral_time_s: float = 100.0

    def __post_init__(self) -> None:
        owner = "secondary control"
        check_positive(owner, "bias_kw_per_hz", self.bias_kw_per_hz, "kW/Hz")
        check_positive(owner, "p_max_kw", self.p_max_kw, "kW")
        check(owner, "proportional", self.proportional, "", "0 to 1", 0, 1)
        check(owner, "integral_time_s", self.integral_time_s, "s", "1 s to 1e6 s", 1, 1e6)


@dataclass(frozen=True, kw_only=True)
class Area:
    """Machines that swing as one, their load, and what helps them.

    Attributes
    ----------
    name : str
    units : tuple of Generator
        One at least: it is their inertia that the area has.
    reserves : tuple of Containment or FastReserve
    secondary : SecondaryControl or None
    load_percent_per_hz : float
        Self-regulation of the load. [%/Hz]
    f_low_trip_hz, f_high_trip_hz : float
        Beyond them the area is black; where Germany's plants leave. [Hz]
    """

    name: str
    units: tuple[Generator, ...]
    reserves: tuple[Containment | FastReserve, ...] = ()
    secondary: SecondaryControl | None = None
    load_percent_per_hz: float = 1.0
    f_low_trip_hz: float = 47.5
    f_high_trip_hz: float = 51.5

    def __post_init__(self) -> None:
        owner = f"area {self.name!r}"
        if not self.units:
            raise ValueError(f"{owner}: no unit; expected one at least, for its inertia")
        names = [unit.name for unit in self.units]
        if len(set(names)) < len(names):
            raise ValueError(f"{owner}: units {', '.join(names)}; expected unique names")
        expected = "0 to 100 %/Hz"
        check(owner, "load_percent_per_hz", self.load_percent_per_hz, "%/Hz", expected, 0, 100)
        check(owner, "f_low_trip_hz", self.f_low_trip_hz, "Hz", "0 to 60 Hz", 0, 60)
        check(owner, "f_high_trip_hz", self.f_high_trip_hz, "Hz", "50 to 100 Hz", 50, 100)
        if self.secondary is not None and all(unit.droop_pu == math.inf for unit in self.units):
            raise ValueError(f"{owner}: secondary control has no governed unit to move")


@dataclass(frozen=True, kw_only=True)
class Tie:
    """A line between two areas: P = p_max sin(angle between them), without losses.

    Attributes
    ----------
    name, start, end : str
        Its own and its areas'.
    p_max_kw : float
        Transfer limit V1 V2 / X, whose slope is the synchronising torque. [kW]
    p_set_kw : float
        Scheduled flow from `start` to `end`. [kW]
    """

    name: str
    start: str
    end: str
    p_max_kw: float
    p_set_kw: float = 0.0

    def __post_init__(self) -> None:
        owner = f"tie {self.name!r}"
        check_positive(owner, "p_max_kw", self.p_max_kw, "kW")
        limit = 0.99 * self.p_max_kw
        expected = "within 99 % of p_max_kw"
        check(owner, "p_set_kw", self.p_set_kw, "kW", expected, -limit, limit)
        if self.start == self.end:
            raise ValueError(f"{owner}: joins {self.start!r} to itself; expected two areas")


@dataclass(frozen=True, kw_only=True)
class SynchroCheck:
    """How alike two sides have to be before a breaker closes.

    The defaults are IEEE 1547-2018 for 0 to 500 kVA (clause 4.10.4, unverified).

    Attributes
    ----------
    f_hz, vm_pu, angle_deg : float
        Largest differences. [Hz], [p.u.], [degrees]
    """

    f_hz: float = 0.3
    vm_pu: float = 0.1
    angle_deg: float = 20.0

    def __post_init__(self) -> None:
        check("synchro-check", "f_hz", self.f_hz, "Hz", "above 0, to 2 Hz", TINY, 2)
        check("synchro-check", "vm_pu", self.vm_pu, "p.u.", "above 0, to 0.5", TINY, 0.5)
        check("synchro-check", "angle_deg", self.angle_deg, "degrees", "above 0, to 90", TINY, 90)

    def faults(self, *, f_hz: float, vm_pu: float, angle_deg: float) -> list[str]:
        """Say which differences are too large; empty when the breaker may close."""
        angle = (angle_deg + 180.0) % 360.0 - 180.0
        told = (
            ("frequencies", f_hz, self.f_hz, "Hz"),
            ("voltages", vm_pu, self.vm_pu, "p.u."),
            ("angles", angle, self.angle_deg, "degrees"),
        )
        return [
            f"{what} differ by {value:.4g} {unit}; expected {limit:g} {unit} at most"
            for what, value, limit, unit in told
            if not abs(value) <= limit
        ]
