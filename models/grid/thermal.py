"""How warm lines and transformers get, and how fast the insulation ages."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..loads._kernels_thermal import heat_lines
from .case import Floats

__all__ = ["LineThermal", "TrafoThermal", "TrafoThermalParams"]


class LineThermal:
    """Temperature of m lines and cables, of first order.

    The rise over ambient follows the square of the load, dθ/dt = (K² - θ)/τ, as the thermal
    image of IEC 60255-149 has it (clause from memory, unverified): 1 is the rated rise.

    Parameters
    ----------
    m : int
    dt_s : float
        Length of a tick. [s]
    tau_s : float
        Time constant; half an hour is a buried low-voltage cable's order. [s]
    ambient_c, rated_c : float
        Temperature of the soil, and of the conductor at rated current for ever. [°C]
    """

    def __init__(
        self,
        m: int,
        *,
        dt_s: float,
        tau_s: float = 1800.0,
        ambient_c: float = 20.0,
        rated_c: float = 70.0,
    ) -> None:
        if not (tau_s > 0 and rated_c > ambient_c):
            raise ValueError(
                f"a line with a time constant of {tau_s:g} s between {ambient_c:g} and "
                f"{rated_c:g} °C cannot warm up; expected both to rise"
            )
        self._share = np.full(m, -np.expm1(-dt_s / tau_s))
        self._ambient_c, self._rise_k = ambient_c, rated_c - ambient_c
        self.theta: Floats = np.zeros(m)

    def settle(self, load_pu: Floats) -> None:
        """Begin as warm as this load keeps the lines for ever. (m,) [1]"""
        self.theta[:] = np.square(load_pu)

    def step(self, load_pu: Floats) -> Floats:
        """Heat for one tick; give the state θ, 1 at the rated temperature. (m,) [1]"""
        heat_lines(load_pu, self._share, self.theta)
        return self.theta

    @property
    def temperature_c(self) -> Floats:
        """Of the conductors. (m,) [°C]"""
        temperature: Floats = self._ambient_c + self._rise_k * self.theta
        return temperature


@dataclass(frozen=True, slots=True, kw_only=True)
class TrafoThermalParams:
    """Of a distribution transformer, ONAN.

    The defaults are those of IEC 60076-7 for distribution transformers (table of the exponents
    and time constants; from memory, unverified).
    """

    oil_rise_k: float = 55.0
    """Top-oil rise at rated load. [K]"""
    hot_spot_gradient_k: float = 23.0
    """Hot spot above top oil at rated load. [K]"""
    loss_ratio: float = 5.0
    """Load losses at rated current over no-load losses. [1]"""
    oil_exponent: float = 0.8
    winding_exponent: float = 1.6
    oil_tau_s: float = 180 * 60.0
    """[s]"""
    winding_tau_s: float = 4 * 60.0
    """[s]"""
    ambient_c: float = 20.0
    """[°C]"""


class TrafoThermal:
    """Hot spot and ageing of m transformers: the exponential equations of IEC 60076-7.

    Top oil and the hot spot's gradient each approach their ultimate value with a time constant
    of their own; the overshoot of the gradient (k21, k22) is left out, since k21 is 1 for
    distribution transformers. Ageing doubles every 6 K around 98 °C (insulation that is not
    thermally upgraded).

    Parameters
    ----------
    m : int
    dt_s : float
        Length of a tick. [s]
    params : TrafoThermalParams
    """

    def __init__(self, m: int, *, dt_s: float, params: TrafoThermalParams | None = None) -> None:
        self._p = params or TrafoThermalParams()
        self._dt_s = dt_s
        self._oil = -np.expm1(-dt_s / self._p.oil_tau_s)
        self._winding = -np.expm1(-dt_s / self._p.winding_tau_s)
        self._oil_k, self._gradient_k = self._ultimate(np.zeros(m))
        self.aged_s: Floats = np.zeros(m)

    def _ultimate(self, load_pu: Floats) -> tuple[Floats, Floats]:
        p = self._p
        losses = (1 + p.loss_ratio * np.square(load_pu)) / (1 + p.loss_ratio)
        return (
            p.oil_rise_k * losses**p.oil_exponent,
            p.hot_spot_gradient_k * np.abs(load_pu) ** p.winding_exponent,
        )

    def settle(self, load_pu: Floats) -> None:
        """Begin as warm as this load keeps them for ever. (m,) [1]"""
        self._oil_k, self._gradient_k = self._ultimate(load_pu)

    def step(self, load_pu: Floats) -> Floats:
        """Heat for one tick; give the hot spot's temperature. (m,) [°C]"""
        oil_k, gradient_k = self._ultimate(load_pu)
        self._oil_k = self._oil_k + self._oil * (oil_k - self._oil_k)
        self._gradient_k = self._gradient_k + self._winding * (gradient_k - self._gradient_k)
        hot_c = self.hot_spot_c
        self.aged_s += self._dt_s * 2.0 ** ((hot_c - 98.0) / 6.0)
        return hot_c

    @property
    def hot_spot_c(self) -> Floats:
        """Of the windings. (m,) [°C]"""
        hot: Floats = self._p.ambient_c + self._oil_k + self._gradient_k
        return hot
