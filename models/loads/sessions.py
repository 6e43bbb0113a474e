"""When electric vehicles come, what they need, and the charge points they find."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from ..draws import Floats

__all__ = ["VOLTAGE_V", "ChargeParams", "HabitParams", "Sessions", "draw_sessions"]

Bools = npt.NDArray[np.bool_]


DAY_S = 86_400.0


VOLTAGE_V = 230.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargeParams:
    """A charge point and the vehicle's charger behind it.

    Raises
    ------
    ValueError
        If currents or the efficiency are impossible.
    """

    phases: Literal[1, 3] = 3
    max_a: float = 16.0
    """Largest current of each phase. [A]"""
    min_a: float = 6.0
    """Smallest current of each phase; below it charging pauses. The 6 A are those of IEC 61851-1,
    annex A (from memory, unverified). [A]"""
    efficiency: float = 0.9
    """From the grid into the battery; a round figure. [1]"""

    def __post_init__(self) -> None:
        faults = []
        if self.phases not in (1, 3):
            faults.append(f"phases is {self.phases}, expected 1 or 3")
        if not 0.0 < self.min_a <= self.max_a < np.inf:
            faults.append(f"currents from {self.min_a:g} to {self.max_a:g} A are no range")
        if not 0.0 < self.efficiency <= 1.0:
            faults.append(f"efficiency is {self.efficiency:g}, expected above 0, at most 1")
        if faults:
            raise ValueError("; ".join(faults))

    def kw(self, current_a: float) -> float:
        """Give the power of a current in every phase. [kW]"""
        return self.phases * VOLTAGE_V * current_a / 1000.0


@dataclass(frozen=True, slots=True, kw_only=True)
class HabitParams:
    """What a household's sessions are drawn from; all figures are round, not a source's.

    Arrival and departure are normal, held to within three deviations; energy is log-normal.
    """

    arrival_h: float = 17.5
    arrival_deviation_h: float = 1.5
    departure_h: float = 7.5
    departure_deviation_h: float = 0.75
    energy_kwh: float = 8.0
    """Median of a session's energy. [kWh]"""
    energy_spread: float = 0.5
    """Standard deviation of its logarithm. [1]"""
    daily: float = 0.8
    """Probability of a session in a day. [1]"""


@dataclass(frozen=True, slots=True)
class Sessions:
    """Sessions of m charge points, by arrival.

    Attributes
    ----------
    point : (k,) int64 array
        Charge point.
    arrival_s, departure_s : (k,) float64 array
        In seconds after the start of physics. [s]
    energy_kwh : (k,) float64 array
        What the battery wants. [kWh]

    Raises
    ------
    ValueError
        If one ends before it begins, wants less than nothing, or overlaps another of its point.
    """

    point: npt.NDArray[np.int64]
    arrival_s: Floats
    departure_s: Floats
    energy_kwh: Floats

    def __post_init__(self) -> None:
        if not (self.departure_s > self.arrival_s).all():
            raise ValueError("a session's departure is not after its arrival")
        if not (self.energy_kwh >= 0.0).all():
            raise ValueError("a session's energy is not 0 kWh or more")
        order = np.lexsort((self.arrival_s, self.point))
        same = np.diff(self.point[order]) == 0
        if (same & (self.arrival_s[order][1:] < self.departure_s[order][:-1])).any():
            raise ValueError("two sessions of a charge point overlap")


def draw_sessions(
    rngs: Sequence[np.random.Generator],
    habits: HabitParams,
    points: Sequence[ChargeParams],
    *,
    midnight_s: float,
    days: int,
) -> Sessions:
    """Draw the sessions of m charge points over some days, one at most a day and point.

    Energy is held to what the charge point can bring until departure.

    Parameters
    ----------
    rngs : sequence of m generators
        One per charge point.
    habits : HabitParams
    points : sequence of m ChargeParams
    midnight_s : float
        First midnight, in seconds after the start of physics. [s]
    days : int
    """
    rows = []
    for point, (rng, of) in enumerate(zip(rngs, points, strict=True)):
        for day in range(days):
            begin_s = midnight_s + day * DAY_S
            came, left, size, whether = *np.clip(rng.standard_normal(3), -3, 3), rng.random()
            come_h = habits.arrival_h + habits.arrival_deviation_h * came
            go_h = habits.departure_h + habits.departure_deviation_h * left
            stay_h = (go_h - come_h) % 24.0
            if whether >= habits.daily or stay_h == 0.0:
                continue
            energy_kwh = habits.energy_kwh * np.exp(habits.energy_spread * size)
            most_kwh = of.kw(of.max_a) * of.efficiency * stay_h
            arrival_s = begin_s + 3600.0 * come_h
            rows.append((point, arrival_s, arrival_s + 3600.0 * stay_h, min(energy_kwh, most_kwh)))
    table = np.array(sorted(rows, key=lambda row: (row[1], row[0]))).reshape(-1, 4)
    return Sessions(table[:, 0].astype(np.int64), table[:, 1], table[:, 2], table[:, 3])
