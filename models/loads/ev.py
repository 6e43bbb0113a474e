"""Electric vehicles at charge points: when they come, what they need, and when they charge.

A charge point knows the departure and the energy of whoever is plugged in. It may pause or slow
down as long as full power until departure would still fill the battery.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from ..draws import Floats
from ._kernels_flexible import charge
from .sessions import ChargeParams, Sessions

__all__ = ["ChargePoints"]

Bools = npt.NDArray[np.bool_]


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
