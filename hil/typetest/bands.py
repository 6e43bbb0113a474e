"""Pass bands: what a measured value may be, given how well it and its cause can be measured.

Expected values are computed here, from the standard's corners, by no code that an emulated
device shares.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

FACTOR = 1.5
"""Bands are this many times the minimum required accuracy, on cause and on result."""

SHORT_S = 5.0
"""What lasts less is a transient, measured less exactly. [s]"""


@dataclass(frozen=True, slots=True)
class Accuracy:
    """Minimum required measurement accuracy (MRA). [p.u.], [p.u. of apparent power], [Hz], [1]

    Notes
    -----
    IEEE 1547-2018, Table 3, as Sandia's svp_1547.1 quotes it: steady state 1 % of nominal
    voltage, 5 % of apparent power, 10 mHz, 1 % of a duration of 5 s to 600 s; transients 2 % of
    nominal voltage, 100 mHz, 2 cycles below 5 s. Clause numbers are unverified. Other standards
    are judged by the same accuracy, for want of their own.
    """

    f_nominal_hz: float
    vm_pu: float = 0.01
    power: float = 0.05
    f_hz: float = 0.010
    duration: float = 0.01
    transient_vm_pu: float = 0.02
    transient_f_hz: float = 0.100
    transient_cycles: float = 2.0

    def time_s(self, duration_s: float) -> float:
        """Half width of the band of a duration. [s]"""
        if duration_s < SHORT_S:
            return FACTOR * self.transient_cycles / self.f_nominal_hz
        return FACTOR * self.duration * duration_s

    def voltage_pu(self, duration_s: float) -> float:
        """Half width of the band of a voltage that lasts as long. [p.u.]"""
        return FACTOR * (self.transient_vm_pu if duration_s < SHORT_S else self.vm_pu)

    def frequency_hz(self, duration_s: float) -> float:
        """Half width of the band of a frequency that lasts as long. [Hz]"""
        return FACTOR * (self.transient_f_hz if duration_s < SHORT_S else self.f_hz)

    @property
    def power_pu(self) -> float:
        """Half width of the band of P and Q. [p.u. of apparent power]"""
        return FACTOR * self.power


@dataclass(frozen=True, slots=True)
class Band:
    """What a value must be, and how far it may be off."""

    low: float
    target: float
    high: float

    def holds(self, value: float) -> bool:
        """Whether a value is inside; no number never is."""
        return self.low <= value <= self.high


@dataclass(frozen=True, slots=True)
class Curve:
    """Straight lines between corners, flat outside of them, within bounds.

    Attributes
    ----------
    x, y : tuple of n floats
        `x` does not fall.
    least, most : float
        Bounds on what it gives, such as a capability.
    """

    x: tuple[float, ...]
    y: tuple[float, ...]
    least: float = -np.inf
    most: float = np.inf

    def at(self, x: float) -> float:
        """Give its value."""
        return float(np.clip(np.interp(x, self.x, self.y), self.least, self.most))

    def band(self, x: float, dx: float, dy: float) -> Band:
        """Give what may be measured where x was measured to within dx, and the result to dy.

        Notes
        -----
        The extremes of straight lines over an interval stand at its ends or at corners.
        """
        inside = [corner for corner in self.x if x - dx < corner < x + dx]
        values = [self.at(value) for value in (x - dx, x, x + dx, *inside)]
        return Band(min(values) - dy, self.at(x), max(values) + dy)


def reached(times_s: Sequence[float], values: Sequence[float], at_s: float) -> float:
    """Value at a time, between samples in proportion."""
    return float(np.interp(at_s, times_s, values))


def response_s(times_s: Sequence[float], values: Sequence[float], first: float) -> float:
    """Time at which 90 % of the way from the first to the last value is done for good. [s]"""
    way = np.asarray(values) - first
    done = np.abs(way) >= 0.9 * abs(way[-1])
    after = np.flatnonzero(~done)
    at = int(after[-1]) + 1 if after.size else 0
    return float(times_s[min(at, len(times_s) - 1)])
