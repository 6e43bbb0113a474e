"""The traffic light: what the operator makes of the grid's state, and for how long."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.grid.curtail import GREEN, Limits, Relief, relieve, severity
from models.grid.power_flow import Grid
from models.grid.sensitivity import linearise

from .box import FloatArray

__all__ = ["COLOURS", "TrafficLight"]

COLOURS = ("green", "yellow", "red")


class TrafficLight:
    """Green, yellow or red, by what would be if nothing were curtailed.

    It gets worse at once, and better only when that has lasted.

    Parameters
    ----------
    limits : Limits
    every_ticks, hold_ticks : int
        Between two looks; for how long it has to be better.

    Attributes
    ----------
    light : int
        0 green, 1 yellow, 2 red.
    """

    def __init__(self, limits: Limits, *, every_ticks: int, hold_ticks: int) -> None:
        self._limits, self._every, self._hold = limits, every_ticks, hold_ticks
        self._better_for = 0
        self._acting = False
        self.light = GREEN

    def due(self, tick: int) -> bool:
        """Whether the operator looks at the beginning of this tick."""
        return tick > 0 and tick % self._every == 0

    def look(
        self,
        grid: Grid,
        peer_bus: NDArray[np.int64],
        *,
        feed_in_kw: FloatArray,
        pv_kw: FloatArray,
        load_kw: FloatArray,
        served: FloatArray,
    ) -> Relief:
        """Judge the grid's last state, and say who has to yield.

        Parameters
        ----------
        grid : Grid
            As it was solved a tick ago.
        peer_bus : (n,) int64 array
        feed_in_kw, pv_kw : (n,) float64 array
            What PV would feed in if it were not curtailed, and what it did feed in. [kW]
        load_kw, served : (n,) float64 array
            What loads would draw, and the share that they were left. [kW], [1]
        """
        vm_pu, loading = grid.vm_pu[grid.vm_pu > 0], grid.loading_percent()
        now = severity(vm_pu, loading, self._limits)
        nothing = np.zeros(load_kw.size)
        if now == GREEN and not self._acting:
            relief = Relief(GREEN, nothing, nothing)
        else:
            change_kw = np.maximum(feed_in_kw - pv_kw, 0.0) - load_kw * (1.0 - served)
            relief = relieve(
                linearise(grid, peer_bus),
                self._limits,
                change_kw=change_kw if self._acting else nothing,
                feed_in_kw=feed_in_kw,
                load_kw=load_kw,
            )
        self._acting = bool(relief.curtailed_kw.any() or relief.shed_kw.any())
        self._turn(relief.light)
        return relief

    def _turn(self, seen: int) -> None:
        self._better_for = self._better_for + self._every if seen < self.light else 0
        if seen > self.light or self._better_for >= self._hold:
            self.light, self._better_for = seen, 0
