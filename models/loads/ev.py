"""Electric vehicles at charge points: when they come, what they need, and when they charge.

A charge point knows the departure and the energy of whoever is plugged in. It may pause or slow
down as long as full power until departure would still fill the battery.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from ..draws import Floats
from ._kernels_flexible import charge

__all__ = ["ChargeParams", "ChargePoints", "HabitParams", "Sessions", "draw_sessions"]

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


class ChargePoints:
    """A population of m charge points, spread over n peers.

    By itself a vehicle charges at once. Asked to, it charges at any current from the smallest to
    the largest, or pauses; whoever could be full at departure will be.

    Parameters
    ----------
    params : sequence of m ChargeParams
    of_peer : (m,) int array
        Peer that each charge point belongs to.
    sessions : Sessions
    dt_s : float
        Length of a step. [s]

    Attributes
    ----------
    of_peer : (m,) int64 array
    needed_kwh, left_s : (m,) float64 array
        What plugged-in batteries still want, and when they leave. [kWh], [s]
    missed_kwh : float
        What vehicles left without. [kWh]
    charged_kwh : (k,) float64 array
        What each session has brought into its battery, in their order. [kWh]
    """

    def __init__(
        self,
        params: Sequence[ChargeParams],
        of_peer: npt.ArrayLike,
        sessions: Sessions,
        *,
        dt_s: float,
    ) -> None:
        self.m, self._dt_s = len(params), dt_s
        self._least_kw = np.array([one.kw(one.min_a) for one in params])
        self._most_kw = np.array([one.kw(one.max_a) for one in params])
        self._efficiency = np.array([one.efficiency for one in params])
        self.of_peer = np.asarray(of_peer, dtype=np.int64).reshape(self.m)
        self.sessions, self._next = sessions, 0
        self._session_at = np.full(self.m, -1, dtype=np.int64)
        self._charged_kwh = np.zeros(sessions.energy_kwh.size)
        self.needed_kwh, self.left_s = np.zeros(self.m), np.zeros(self.m)
        self._rate_kw = np.zeros(self.m)
        self.missed_kwh = 0.0

    @property
    def charged_kwh(self) -> Floats:
        """What each session has brought into its battery so far. (k,) [kWh]"""
        now_kwh, there = self._charged_kwh.copy(), np.flatnonzero(self._session_at >= 0)
        at = self._session_at[there]
        now_kwh[at] = self.sessions.energy_kwh[at] - self.needed_kwh[there]
        return now_kwh

    @property
    def even_kw(self) -> Floats:
        """Give the power of each session, were it spread evenly over its stay. (k,) [kW]"""
        of = self.sessions
        hours = (of.departure_s - of.arrival_s) / 3600.0
        even_kw: Floats = of.energy_kwh / self._efficiency[of.point] / hours
        return even_kw

    def step(
        self,
        now_s: float,
        ask_kw: Floats,
        free: Bools,
        served: Floats | None = None,
        total_kw: Floats | None = None,
    ) -> Floats:
        """Live through a step.

        Parameters
        ----------
        now_s : float
            Begin of the step, in seconds after the start of physics. [s]
        ask_kw : (n,) float64 array
            Change of consumption that is asked of every peer; what vehicles give is taken off. [kW]
        free : (n,) bool array
            Peers that ask for nothing.
        served : (n,) float64 array, optional
            Part of what a peer draws that the grid really gives it; all, if left out. [1]
        total_kw : (n,) float64 array, optional
            What every peer's vehicles draw is added to it. [kW]

        Returns
        -------
        (m,) float64 array
            Power drawn where all is served. [kW]
        """
        self._arrive(now_s)
        drawn_kw = np.empty(self.m)
        gone = charge(
            self.needed_kwh,
            self.left_s,
            self._rate_kw,
            self._least_kw,
            self._most_kw,
            self._efficiency,
            self.of_peer,
            ask_kw,
            free,
            np.ones(ask_kw.size) if served is None else served,
            self._dt_s,
            drawn_kw,
            np.zeros(ask_kw.size) if total_kw is None else total_kw,
        )
        if gone:
            self._depart()
        return drawn_kw

    def offer(self, horizon_s: float) -> tuple[Floats, Floats, Floats, Floats]:
        """Say by how much vehicles can change their consumption now, and for how long.

        Parameters
        ----------
        horizon_s : float
            How far to look. [s]

        Returns
        -------
        more_kw, more_s, less_kw, less_s : (m,) float64 array
            Faster until full; pausing until the last moment to begin at full power. [kW], [s]
        """
        plugged = (self.left_s > 0.0) & (self.needed_kwh > 0.0)
        full_h = self.needed_kwh / (self._most_kw * self._efficiency)
        more_kw = np.where(plugged, self._most_kw - self._rate_kw, 0.0)
        more_s = np.where(more_kw > 0.0, np.minimum(3600.0 * full_h, horizon_s), 0.0)
        slack_s = np.clip(self.left_s - 3600.0 * full_h, 0.0, horizon_s)
        less_kw = np.where(plugged & (slack_s > 0.0), self._rate_kw, 0.0)
        return more_kw, more_s, less_kw, np.where(less_kw > 0.0, slack_s, 0.0)

    def margins_kwh(self, wait_s: float, length_s: float) -> tuple[Floats, Floats]:
        """Say how far vehicles could leave an even charging in a while, and still be full.

        Parameters
        ----------
        wait_s, length_s : float
            Until it begins, and how long it lasts. [s]

        Returns
        -------
        less_kwh, more_kwh : (m,) float64 array
            At the grid's side; by vehicles that are there now. [kWh]
        """
        left_h = np.maximum(self.left_s, 0.0) / 3600.0
        wait_h, end_h = wait_s / 3600.0, (wait_s + length_s) / 3600.0
        wanted_kwh = np.where(left_h > 0.0, self.needed_kwh / self._efficiency, 0.0)
        even_kw = np.divide(wanted_kwh, left_h, out=np.zeros(self.m), where=left_h > 0.0)
        there_h = np.maximum(np.minimum(end_h, left_h) - wait_h, 0.0)
        planned_kwh = even_kw * there_h
        wanted_kwh = even_kw * np.maximum(left_h - wait_h, 0.0)
        after_kwh = self._most_kw * np.maximum(left_h - end_h, 0.0)
        least_kwh = np.maximum(wanted_kwh - after_kwh, 0.0)
        most_kwh = np.minimum(wanted_kwh, self._most_kw * there_h)
        return (
            np.maximum(planned_kwh - least_kwh, 0.0),
            np.maximum(most_kwh - planned_kwh, 0.0),
        )

    def _arrive(self, now_s: float) -> None:
        """Plug in whoever has come since, unless it has left again."""
        of = self.sessions
        while self._next < of.arrival_s.size and of.arrival_s[self._next] <= now_s:
            k, self._next = self._next, self._next + 1
            if of.departure_s[k] > now_s:
                point = of.point[k]
                self.needed_kwh[point] = of.energy_kwh[k]
                self.left_s[point] = of.departure_s[k] - now_s
                self._session_at[point] = k

    def _depart(self) -> None:
        """Unplug whoever leaves, as full as it got."""
        gone = np.flatnonzero((self.left_s <= 0.0) & (self._session_at >= 0))
        if gone.size:
            at, missed_kwh = self._session_at[gone], self.needed_kwh[gone]
            self._charged_kwh[at] = self.sessions.energy_kwh[at] - missed_kwh
            self.missed_kwh += float(missed_kwh.sum())
            self.needed_kwh[gone], self._session_at[gone] = 0.0, -1
