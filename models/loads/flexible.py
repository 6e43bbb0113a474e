"""The flexible devices of n peers as one load: what they draw, and by how much that can change."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..draws import Floats
from ._kernels_flexible import asked
from .ev import ChargePoints
from .thermal import Thermostats

__all__ = ["FlexibleLoads", "Offer"]

QUARTER_S = 900.0
Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Offer:
    """Changes of consumption that devices offer; up is more injection, so less consumption.

    Attributes
    ----------
    of_peer : (k,) int64 array
        Peer of each offer.
    up_kw, up_s : (k,) float64 array
        By how much, and for how long. [kW], [s]
    down_kw, down_s : (k,) float64 array
        The same for more consumption. [kW], [s]
    """

    of_peer: Ints
    up_kw: Floats
    up_s: Floats
    down_kw: Floats
    down_s: Floats

    def energy_wh(self, n: int) -> tuple[Floats, Floats]:
        """Give the energy that n peers offer up and down. (n,), (n,) [Wh]"""
        up, down = (
            np.bincount(self.of_peer, weights=kw * s / 3.6, minlength=n).astype(np.float64)
            for kw, s in ((self.up_kw, self.up_s), (self.down_kw, self.down_s))
        )
        return up, down


class FlexibleLoads:
    """Thermostats and charge points of n peers.

    Parameters
    ----------
    n : int
        Number of peers.
    thermostats : Thermostats or None
    charge_points : ChargePoints or None
        Of the same step length.
    steered : (n,) bool array, optional
        Peers whose devices do as their managers ask; all, if left out.

    Attributes
    ----------
    drawn_kw : (n,) float64 array
        Consumption in the last step, were all of it served. [kW]
    """

    def __init__(
        self,
        n: int,
        *,
        thermostats: Thermostats | None = None,
        charge_points: ChargePoints | None = None,
        steered: Bools | None = None,
    ) -> None:
        self.n = n
        self.thermostats, self.charge_points = thermostats, charge_points
        self.steered = np.ones(n, dtype=np.bool_) if steered is None else steered
        self.drawn_kw = np.zeros(n)
        self._all, self._left_kw = np.ones(n), np.zeros(n)
        self._alone = np.zeros(n, dtype=np.bool_)

    def step(
        self, now_s: float, ask_kw: Floats, free: Bools, served: Floats | None = None
    ) -> Floats:
        """Live through a step.

        Parameters
        ----------
        now_s : float
            Begin of the step, in seconds after the start of physics. [s]
        ask_kw : (n,) float64 array
            Change of consumption that is asked of every peer, relative to the last step. [kW]
        free : (n,) bool array
            Peers that ask for nothing; their devices do as they would alone.
        served : (n,) float64 array, optional
            Part of what a peer draws that the grid really gives it; all, if left out. [1]

        Returns
        -------
        (n,) float64 array
            Consumption, were all of it served. [kW]
        """
        served = self._all if served is None else served
        asked(ask_kw, free, self.steered, self._left_kw, self._alone)
        total_kw = np.zeros(self.n)
        if self.thermostats is not None:
            self.thermostats.step(self._left_kw, served, total_kw)
        if self.charge_points is not None:
            self.charge_points.step(now_s, self._left_kw, self._alone, served, total_kw)
        self.drawn_kw = total_kw
        return total_kw

    def planned_kw(self, first_s: float, quarters: int) -> Floats:
        """Say what devices will draw on average, as far as is known beforehand.

        Thermostats keep the middle of their comfort; vehicles are expected to charge evenly
        while they are there.

        Parameters
        ----------
        first_s : float
            Begin of the first quarter hour, in seconds after the start of physics. [s]
        quarters : int

        Returns
        -------
        (quarters, n) float64 array
            [kW]
        """
        planned_kw = np.zeros((quarters, self.n))
        if self.thermostats is not None:
            of = self.thermostats
            planned_kw += np.bincount(of.of_peer, weights=of.mean_kw(), minlength=self.n)
        if self.charge_points is not None:
            begins_s = first_s + QUARTER_S * np.arange(quarters)
            for k, kw in enumerate(self.charge_points.even_kw):
                stays = self.charge_points.sessions
                until_s = np.minimum(begins_s + QUARTER_S, stays.departure_s[k])
                there_s = np.maximum(until_s - np.maximum(begins_s, stays.arrival_s[k]), 0.0)
                peer = self.charge_points.of_peer[stays.point[k]]
                planned_kw[:, peer] += kw * there_s / QUARTER_S
        return planned_kw

    def margins_wh(self, wait_s: float, length_s: float) -> tuple[Floats, Floats]:
        """Say how far consumption could leave its plan in a while, within comfort.

        Parameters
        ----------
        wait_s, length_s : float
            Until it begins, and how long it lasts. [s]

        Returns
        -------
        less_wh, more_wh : (n,) float64 array
            What peers could save and use on top, by the devices that can be steered. [Wh]
        """
        margins = np.zeros((2, self.n))
        for one in (self.thermostats, self.charge_points):
            if one is not None:
                can = self.steered[one.of_peer]
                for total_wh, kwh in zip(margins, one.margins_kwh(wait_s, length_s), strict=True):
                    total_wh += np.bincount(one.of_peer, 1000.0 * can * kwh, self.n)
        return margins[0], margins[1]

    def offer(self, horizon_s: float) -> Offer:
        """Say what devices that can be steered can do within a horizon. [s]"""
        parts = []
        if self.thermostats is not None:
            change_kw, for_s = self.thermostats.offer(horizon_s)
            up_kw, down_kw = np.maximum(-change_kw, 0.0), np.maximum(change_kw, 0.0)
            parts.append((self.thermostats.of_peer, up_kw, for_s, down_kw, for_s))
        if self.charge_points is not None:
            more_kw, more_s, less_kw, less_s = self.charge_points.offer(horizon_s)
            parts.append((self.charge_points.of_peer, less_kw, less_s, more_kw, more_s))
        if not parts:
            return Offer(np.zeros(0, np.int64), *np.zeros((4, 0)))
        columns = [np.concatenate(column) for column in zip(*parts, strict=True)]
        can = self.steered[columns[0]]
        return Offer(*(column[can] for column in columns))
