"""What the physics does: grid, frequency, PV, batteries, inverters, loads, energy managers.

Plain objects on numpy arrays; nothing here knows of markets, devices or mosaik. Names are
loaded on first use, so that importing the folder stays cheap.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .battery import Battery as Battery
    from .battery import BatteryParams as BatteryParams
    from .der import DerFleet as DerFleet
    from .der import DerTick as DerTick
    from .energy_manager import EnergyManagers as EnergyManagers
    from .energy_manager import Offers as Offers
    from .forecast import Forecaster as Forecaster
    from .inverter import Inverter as Inverter
    from .inverter import InverterParams as InverterParams
    from .pv import PvSystem as PvSystem
    from .refine import RefinedProfiles as RefinedProfiles

_HOME = {
    "Battery": "battery",
    "BatteryParams": "battery",
    "DerFleet": "der",
    "DerTick": "der",
    "EnergyManagers": "energy_manager",
    "Forecaster": "forecast",
    "Inverter": "inverter",
    "InverterParams": "inverter",
    "Offers": "energy_manager",
    "PvSystem": "pv",
    "RefinedProfiles": "refine",
}

__all__ = [
    "Battery",
    "BatteryParams",
    "DerFleet",
    "DerTick",
    "EnergyManagers",
    "Forecaster",
    "Inverter",
    "InverterParams",
    "Offers",
    "PvSystem",
    "RefinedProfiles",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f".{_HOME[name]}", __name__), name)
