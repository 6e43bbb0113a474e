"""What has a thermostat: a heat pump, a heater, a boiler, a freezer, or what a user describes.

References
----------
.. [1] P. Bacher and H. Madsen, "Identifying suitable models for the heat dynamics of buildings,"
   Energy Build., vol. 43, no. 7, 2011.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["ELECTRIC_HEATER", "FREEZER", "HEAT_PUMP", "WATER_HEATER", "ThermalParams"]

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class ThermalParams:
    """One device with a thermostat.

    Raises
    ------
    ValueError
        If it is no passive thing with a comfort to keep.
    """

    p_kw: float
    """Electrical power when on. [kW]"""
    heat_per_power: float
    """Heat into the first node per electrical power: 1 a resistor, the coefficient of performance
    a heat pump, negative what cools. [1]"""
    low_c: float
    """Lower comfort bound of the first node. [°C]"""
    high_c: float
    """Upper comfort bound. [°C]"""
    capacity_kwh_per_k: float
    """Of the first node. [kWh/K]"""
    resistance_k_per_kw: float
    """From the first node to ambient, or to the mass if there is one. [K/kW]"""
    mass_kwh_per_k: float = 0.0
    """Heat capacity of the second node; 0 for a thing of one node. [kWh/K]"""
    mass_resistance_k_per_kw: float = 0.0
    """From the mass to ambient. [K/kW]"""
    dwell_s: float = 0.0
    """How long it stays on or off unless comfort wants it otherwise. [s]"""

    def __post_init__(self) -> None:
        positive: tuple[str, ...] = ("p_kw", "capacity_kwh_per_k", "resistance_k_per_kw")
        if self.mass_kwh_per_k != 0.0:
            positive += ("mass_kwh_per_k", "mass_resistance_k_per_kw")
        faults = [
            f"{name} is {getattr(self, name):g}, expected more than 0: heat flows from warm to cold"
            for name in positive
            if not 0.0 < getattr(self, name) < np.inf
        ]
        if not (np.isfinite(self.heat_per_power) and self.heat_per_power != 0.0):
            faults.append(f"heat_per_power is {self.heat_per_power:g}, expected heat or cold")
        if not self.low_c < self.high_c:
            faults.append(f"comfort from {self.low_c:g} to {self.high_c:g} °C leaves no room")
        if not 0.0 <= self.dwell_s < np.inf:
            faults.append(f"dwell_s is {self.dwell_s:g}, expected 0 or more")
        if faults:
            raise ValueError("; ".join(faults))


HEAT_PUMP = ThermalParams(
    p_kw=2.5,
    heat_per_power=3.0,
    low_c=19.5,
    high_c=21.5,
    capacity_kwh_per_k=1.07,
    resistance_k_per_kw=0.863,
    mass_kwh_per_k=2.92,
    mass_resistance_k_per_kw=4.54,
    dwell_s=300.0,
)
"""A small house; the heat dynamics are the estimates for "TiTe" in [1]_ (from memory, unverified),
coefficient of performance, power and shortest run are round figures."""


ELECTRIC_HEATER = ThermalParams(
    p_kw=6.0,
    heat_per_power=1.0,
    low_c=19.5,
    high_c=21.5,
    capacity_kwh_per_k=3.0,
    resistance_k_per_kw=7.0,
)
"""A flat of one node; round figures."""


WATER_HEATER = ThermalParams(
    p_kw=2.0,
    heat_per_power=1.0,
    low_c=50.0,
    high_c=60.0,
    capacity_kwh_per_k=0.174,
    resistance_k_per_kw=600.0,
)
"""150 l of water (4.18 kJ/kg/K, by hand 0.174 kWh/K) in a cellar, losing 1.5 kWh a day at 38 K;
the loss is a round figure."""


FREEZER = ThermalParams(
    p_kw=0.1,
    heat_per_power=-1.5,
    low_c=-22.0,
    high_c=-18.0,
    capacity_kwh_per_k=0.012,
    resistance_k_per_kw=700.0,
    dwell_s=180.0,
)
"""A chest freezer in a room; -18 °C is the storage temperature of frozen food, the rest are round
figures."""
