"""How the parts of a load follow voltage and frequency: impedance, current, power.

References
----------
.. [1] A. Bokhari et al., "Experimental determination of the ZIP coefficients for modern
   residential, commercial, and industrial loads," IEEE Trans. Power Del., vol. 29, no. 3, 2014.
"""

from dataclasses import dataclass, fields

import numpy as np

__all__ = ["CONSTANT_POWER", "RESIDENTIAL", "ZipParams"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ZipParams:
    """How one load follows voltage and frequency; a constant power unless told otherwise.

    Raises
    ------
    ValueError
        If parts do not sum to 1, or the load would feed in at a voltage from 0.5 to 1.5 p.u.
    """

    p_z: float = 0.0
    """Active power at constant impedance. [1]"""
    p_i: float = 0.0
    """Active power at constant current. [1]"""
    p_p: float = 1.0
    """Active power that stays. [1]"""
    q_z: float = 0.0
    """Reactive power at constant impedance. [1]"""
    q_i: float = 0.0
    """Reactive power at constant current. [1]"""
    q_p: float = 1.0
    """Reactive power that stays. [1]"""
    p_per_hz: float = 0.0
    """Change of active power with frequency; 0.01 is the design's 1 %/Hz. [1/Hz]"""
    q_per_hz: float = 0.0
    """Change of reactive power with frequency. [1/Hz]"""

    def __post_init__(self) -> None:
        for field in fields(self):
            if not np.isfinite(getattr(self, field.name)):
                raise ValueError(f"{field.name} is {getattr(self, field.name)}, expected a number")
        for power, z, i, p in self._parts():
            if abs(z + i + p - 1.0) > 1e-9:
                raise ValueError(
                    f"ZIP parts of {power} sum to {z + i + p:g}, expected 1: at nominal voltage "
                    "a load draws its nominal power"
                )
            u = np.linspace(0.5, 1.5, 101)
            drawn = z * u * u + i * u + p
            if power == "active power" and drawn.min() < 0.0:
                raise ValueError(
                    f"at {u[drawn.argmin()]:.2f} p.u. a load with parts {z:g}, {i:g}, {p:g} would "
                    "feed active power in; expected consumption from 0.5 to 1.5 p.u."
                )

    def _parts(self) -> tuple[tuple[str, float, float, float], ...]:
        return (
            ("active power", self.p_z, self.p_i, self.p_p),
            ("reactive power", self.q_z, self.q_i, self.q_p),
        )


CONSTANT_POWER = ZipParams()


RESIDENTIAL = ZipParams(p_z=1.5, p_i=-2.31, p_p=1.81, q_z=7.41, q_i=-11.97, q_p=5.56, p_per_hz=0.01)
"""A home of the class "residential A" in [1]_; figures from memory, unverified, q_p rounded so that
its parts sum to 1. The 1 %/Hz is the round figure of European system studies, unverified."""
