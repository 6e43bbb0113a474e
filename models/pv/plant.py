"""What a PV plant is: its modules and inverter in PVWatts' terms, and how the modules lie."""

import math
from dataclasses import dataclass

from .sky import Plane


@dataclass(frozen=True, slots=True, kw_only=True)
class PvPlantParams:
    """One plant.

    Parameters
    ----------
    p_kwp : float
        Power of the modules at 1000 W/m² and 25 °C. [kW]
    ac_kw : float
        Largest power of the inverter at its grid side. [kW]
    gamma_per_k : float
        What a kelvin changes of the modules' power; PVWatts' standard module by default. [1/K]
    losses : float
        Share lost in soiling, shading, mismatch, wiring and the like; PVWatts' default. [1]
    efficiency : float
        Nominal efficiency of the inverter. [1]
    noct_c : float, optional
        Nominal operating temperature of the cells; left out, Faiman's coefficients hold. [°C]
    u0, u1 : float
        Faiman's coefficients, for an open rack. [W/(m² K)], [W s/(m³ K)]
    """

    p_kwp: float
    ac_kw: float
    gamma_per_k: float = -0.0047
    losses: float = 0.14
    efficiency: float = 0.96
    noct_c: float | None = None
    u0: float = 25.0
    u1: float = 6.84

    def __post_init__(self) -> None:
        """Refuse what no plant can be.

        Raises
        ------
        ValueError
            Naming every wrong setting, its value and what was expected.
        """
        faults = [fault for fault in self._faults() if fault]
        if faults:
            raise ValueError("; ".join(faults))

    def _faults(self) -> list[str]:
        noct_c = 45.0 if self.noct_c is None else self.noct_c
        checks = (
            ("p_kwp", self.p_kwp, self.p_kwp > 0.0, "more than 0"),
            ("ac_kw", self.ac_kw, self.ac_kw > 0.0, "more than 0"),
            ("gamma_per_k", self.gamma_per_k, -0.01 <= self.gamma_per_k <= 0.0, "−0.01 to 0"),
            ("losses", self.losses, 0.0 <= self.losses < 1.0, "0 to 1, without 1"),
            ("efficiency", self.efficiency, 0.0 < self.efficiency <= 1.0, "0 to 1, without 0"),
            ("noct_c", noct_c, 20.0 < noct_c <= 100.0, "above the 20 °C of air, to 100"),
            ("u0", self.u0, self.u0 > 0.0, "more than 0: cells give heat to the air"),
            ("u1", self.u1, self.u1 >= 0.0, "0 or more: wind cools"),
        )
        return [
            f"{name} is {value}; expected {expected}"
            for name, value, holds, expected in checks
            if not (holds and math.isfinite(value))
        ]

    @property
    def heat(self) -> tuple[float, float]:
        """Faiman's u0 and u1; of a NOCT, which 800 W/m² reach in air of 20 °C, u1 is 0."""
        return (self.u0, self.u1) if self.noct_c is None else (800.0 / (self.noct_c - 20.0), 0.0)


@dataclass(frozen=True, slots=True)
class Roof:
    """Modules, their inverter, and how they lie."""

    plant: PvPlantParams
    plane: Plane
