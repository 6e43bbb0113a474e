"""Heat pumps, heaters, boilers and freezers: things with a temperature, a thermostat and comfort.

A thing has one node (1R1C) or two (2R2C: air and mass, the model "TiTe" of Bacher and Madsen
[1]_): the first is heated and measured, the second loses heat to the surroundings. The model is
linear, so its step is exact as long as ambient and heat are constant in it.

References
----------
.. [1] P. Bacher and H. Madsen, "Identifying suitable models for the heat dynamics of buildings,"
   Energy Build., vol. 43, no. 7, 2011.
"""

from collections.abc import Sequence
from dataclasses import fields

import numpy as np
import numpy.typing as npt

from ..draws import Floats
from ._kernels_flexible import (
    DRAWN_KWH,
    HIGHEST_C,
    LOWEST_C,
    OUTSIDE_S,
    endurance,
    switch,
)
from .thermal_devices import ThermalParams

__all__ = ["Thermostats", "exact_step"]

Ints = npt.NDArray[np.int64]
OFFER_STEP_S = 60.0
"""Time resolution of how long a device can hold out. [s]"""


def exact_step(params: Sequence[ThermalParams], dt_s: float) -> tuple[Floats, Floats]:
    """Give the exact step of m things over a time in which ambient and heat are constant.

    Parameters
    ----------
    params : sequence of m ThermalParams
    dt_s : float
        [s]

    Returns
    -------
    phi : (m, 2, 2) float64 array
        Nodes after from nodes before. [1]
    gamma : (m, 2, 2) float64 array
        Nodes after from ambient [1] and from heat into the first node [K/kW].

    Notes
    -----
    exp(At) of a 2 × 2 matrix in closed form: with s half the trace and q² = s² − det A,
    exp(st)·(cosh(qt)·I + sinh(qt)/q·(A − sI)); q is real and not 0, as two bodies that exchange
    heat do not oscillate. It is written by its two decays s ± q, so that nothing overflows.
    """
    t_h = dt_s / 3600.0
    phi, gamma = np.zeros((len(params), 2, 2)), np.zeros((len(params), 2, 2))
    for k, one in enumerate(params):
        inner = 1.0 / (one.resistance_k_per_kw * one.capacity_kwh_per_k)
        if one.mass_kwh_per_k == 0.0:
            gone = -np.expm1(-inner * t_h)
            phi[k] = np.diag([1.0 - gone, 1.0])
            gamma[k, 0] = gone, gone * one.resistance_k_per_kw
            continue
        back = 1.0 / (one.resistance_k_per_kw * one.mass_kwh_per_k)
        outer = 1.0 / (one.mass_resistance_k_per_kw * one.mass_kwh_per_k)
        a = np.array([[-inner, inner], [back, -back - outer]])
        s = 0.5 * np.trace(a)
        q = np.sqrt(0.25 * (a[0, 0] - a[1, 1]) ** 2 + a[0, 1] * a[1, 0])
        slow, fast = np.exp(np.linalg.det(a) / (s - q) * t_h), np.exp((s - q) * t_h)
        turn = (slow - fast) / (2.0 * q) * (a - s * np.eye(2))
        phi[k] = 0.5 * (slow + fast) * np.eye(2) + turn
        b = np.array([[0.0, 1.0 / one.capacity_kwh_per_k], [outer, 0.0]])
        gamma[k] = np.linalg.solve(a, (phi[k] - np.eye(2)) @ b)
    return phi, gamma


class Thermostats:
    """A population of m devices with thermostats, spread over n peers.

    By itself a device switches at its comfort bounds, which is a thermostat's hysteresis. Asked
    to, it switches in between; it never leaves its bounds for that.

    Parameters
    ----------
    params : sequence of m ThermalParams
    of_peer : (m,) int array
        Peer that each device belongs to.
    dt_s : float
        Length of a step. [s]
    inside : (m,) float64 array
        Where in its comfort band each device begins, from 0 (low) to 1. [1]
    ambient_c : (m,) float64 array
        Around the devices; masses begin where this and the first node would keep them. [°C]

    Raises
    ------
    ValueError
        If a device heats through its whole comfort band within a step.

    Attributes
    ----------
    of_peer : (m,) int64 array
    temperature_c : (m, 2) float64 array
        Of the nodes. [°C]
    on : (m,) bool array
    """

    def __init__(
        self,
        params: Sequence[ThermalParams],
        of_peer: npt.ArrayLike,
        *,
        dt_s: float,
        inside: npt.ArrayLike,
        ambient_c: npt.ArrayLike,
    ) -> None:
        self.m, self._dt_s = len(params), dt_s
        of = {
            field.name: np.array([getattr(one, field.name) for one in params], dtype=np.float64)
            for field in fields(ThermalParams)
        }
        self.p_kw, self._low_c, self._high_c = of["p_kw"], of["low_c"], of["high_c"]
        self._dwell_s, self._since_s = of["dwell_s"], of["dwell_s"].copy()
        self._heat_kw = of["p_kw"] * of["heat_per_power"]
        rows = (self._heat_kw, self._low_c, self._high_c, self.p_kw, self._dwell_s)
        self._params = np.ascontiguousarray(np.stack(rows))
        self.of_peer = np.asarray(of_peer, dtype=np.int64).reshape(self.m)
        self._phi, self._gamma = exact_step(params, dt_s)
        self._refuse_bands()
        self._long = exact_step(params, OFFER_STEP_S)
        self.on = np.zeros(self.m, dtype=np.bool_)
        self.ambient_c = np.zeros(self.m) + np.asarray(ambient_c, dtype=np.float64)
        self.gains_kw = np.zeros(self.m)
        inner, outer = of["resistance_k_per_kw"], of["mass_resistance_k_per_kw"]
        self._resistance = inner + outer
        first_c = self._low_c + np.asarray(inside) * (self._high_c - self._low_c)
        second_c = (first_c * outer + self.ambient_c * inner) / self._resistance
        self.temperature_c = np.ascontiguousarray(np.stack([first_c, second_c], axis=1))
        self._books = np.zeros((4, self.m))
        self._books[[LOWEST_C, HIGHEST_C]] = first_c

    @property
    def lowest_c(self) -> Floats:
        """Lowest temperature of the first nodes since the start. (m,) [°C]"""
        found: Floats = self._books[LOWEST_C]
        return found

    @property
    def highest_c(self) -> Floats:
        """Highest temperature of the first nodes since the start. (m,) [°C]"""
        found: Floats = self._books[HIGHEST_C]
        return found

    @property
    def outside_s(self) -> Floats:
        """Time that the first nodes were outside their comfort. (m,) [s]"""
        found: Floats = self._books[OUTSIDE_S]
        return found

    @property
    def drawn_kwh(self) -> Floats:
        """What devices have drawn, of what was served. (m,) [kWh]"""
        found: Floats = self._books[DRAWN_KWH]
        return found

    def step(
        self, ask_kw: Floats, served: Floats | None = None, total_kw: Floats | None = None
    ) -> Floats:
        """Live through a step.

        Parameters
        ----------
        ask_kw : (n,) float64 array
            Change of consumption that is asked of every peer; what devices give is taken off. [kW]
        served : (n,) float64 array, optional
            Part of what a peer draws that the grid really gives it; all, if left out. [1]
        total_kw : (n,) float64 array, optional
            What every peer's devices draw is added to it. [kW]

        Returns
        -------
        (m,) float64 array
            Power drawn where all is served. [kW]
        """
        drawn_kw = np.empty(self.m)
        switch(
            self.temperature_c,
            self.on,
            self._since_s,
            self._phi,
            self._gamma,
            self.ambient_c,
            self.gains_kw,
            self._params,
            self.of_peer,
            ask_kw,
            np.ones(ask_kw.size) if served is None else served,
            self._dt_s,
            self._books,
            drawn_kw,
            np.zeros(ask_kw.size) if total_kw is None else total_kw,
        )
        return drawn_kw

    def offer(self, horizon_s: float) -> tuple[Floats, Floats]:
        """Say by how much devices can change their consumption now, and for how long.

        Parameters
        ----------
        horizon_s : float
            How far to look. [s]

        Returns
        -------
        change_kw : (m,) float64 array
            Positive for more consumption, by a device that is off. [kW]
        for_s : (m,) float64 array
            Until comfort ends it; whole minutes. [s]
        """
        lasts = np.zeros(self.m, dtype=np.int64)
        endurance(
            self.temperature_c,
            self.on,
            *self._long,
            self.ambient_c,
            self.gains_kw,
            self._params,
            int(horizon_s // OFFER_STEP_S),
            lasts,
        )
        waits = self._since_s < self._dwell_s
        change_kw = np.where(self.on, -self.p_kw, self.p_kw)
        change_kw[waits | (lasts == 0)] = 0.0
        return change_kw, np.where(change_kw != 0.0, lasts * OFFER_STEP_S, 0.0)

    def mean_kw(self) -> Floats:
        """Give the power that keeps the first nodes in the middle of their comfort. (m,) [kW]

        At rest, all heat passes both resistances in a row.
        """
        middle_c = 0.5 * (self._low_c + self._high_c)
        heat_kw = (middle_c - self.ambient_c) / self._resistance - self.gains_kw
        share = np.clip(heat_kw / self._heat_kw, 0.0, 1.0)
        mean_kw: Floats = share * self.p_kw
        return mean_kw

    def margins_kwh(self, wait_s: float, length_s: float) -> tuple[Floats, Floats]:
        """Say how far devices could leave their mean power in a while, as they are now.

        Parameters
        ----------
        wait_s, length_s : float
            Until it begins, which is taken to change nothing, and how long it lasts. [s]

        Returns
        -------
        less_kwh, more_kwh : (m,) float64 array
            By devices that are on, and by those that are off. [kWh]
        """
        change_kw, for_s = self.offer(length_s)
        change_kwh, mean_kwh = change_kw * for_s / 3600.0, self.mean_kw() * length_s / 3600.0
        most_kwh = self.p_kw * length_s / 3600.0
        less_kwh = np.minimum(np.maximum(-change_kwh, 0.0), mean_kwh)
        more_kwh = np.minimum(np.maximum(change_kwh, 0.0), most_kwh - mean_kwh)
        return less_kwh, more_kwh

    def _refuse_bands(self) -> None:
        moved_k = np.abs(self._gamma[:, 0, 1] * self._heat_kw)
        tight = np.flatnonzero(moved_k > 0.5 * (self._high_c - self._low_c))
        if tight.size:
            k = int(tight[0])
            raise ValueError(
                f"device {k} moves {moved_k[k]:.3g} K in a step of {self._dt_s:g} s, more than "
                f"half its comfort band of {self._high_c[k] - self._low_c[k]:.3g} K; expected a "
                "smaller power, more heat capacity or a wider band"
            )
