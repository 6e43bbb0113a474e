"""What the physics does: grid, frequency, PV, batteries, inverters, loads, energy managers.

Plain objects on numpy arrays; nothing here knows of markets, devices or mosaik. Names are
loaded on first use, so that importing the folder stays cheap.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .der import DerAudit, DerFleet, DerTick
    from .forecast import Forecaster
    from .frequency.island import IslandFrequency
    from .frequency.parameters import (
        Generator,
        GridFormer,
        InverterResponse,
        IslandParams,
        ShedStage,
    )
    from .frequency.process import FrequencyTick, NominalFrequency, OrnsteinUhlenbeckFrequency
    from .frequency.tick import IslandTick
    from .grid.power_flow import Grid, GridState, PowerFlowDiverged
    from .inverters.inverter import Inverter, InverterParams
    from .managers.energy_manager import EnergyManagers, ManagerOptions, Prospects
    from .pv.system import PvSystem
    from .refine import Quarter, RefinedProfiles, Second
    from .storage.battery import Battery, BatteryParams

__all__ = [
    "Battery",
    "BatteryParams",
    "DerAudit",
    "DerFleet",
    "DerTick",
    "EnergyManagers",
    "Forecaster",
    "FrequencyTick",
    "Generator",
    "Grid",
    "GridFormer",
    "GridState",
    "Inverter",
    "InverterParams",
    "InverterResponse",
    "IslandFrequency",
    "IslandParams",
    "IslandTick",
    "ManagerOptions",
    "NominalFrequency",
    "OrnsteinUhlenbeckFrequency",
    "PowerFlowDiverged",
    "Prospects",
    "PvSystem",
    "Quarter",
    "RefinedProfiles",
    "Second",
    "ShedStage",
]

_HOME = {
    "storage.battery": ("Battery", "BatteryParams"),
    "der": ("DerAudit", "DerFleet", "DerTick"),
    "managers.energy_manager": ("EnergyManagers", "ManagerOptions", "Prospects"),
    "forecast": ("Forecaster",),
    "frequency.process": ("FrequencyTick", "NominalFrequency", "OrnsteinUhlenbeckFrequency"),
    "frequency.island": ("IslandFrequency",),
    "frequency.parameters": (
        "Generator",
        "GridFormer",
        "InverterResponse",
        "IslandParams",
        "ShedStage",
    ),
    "frequency.tick": ("IslandTick",),
    "grid.power_flow": ("Grid", "GridState", "PowerFlowDiverged"),
    "inverters.inverter": ("Inverter", "InverterParams"),
    "pv.system": ("PvSystem",),
    "refine": ("Quarter", "RefinedProfiles", "Second"),
}


def __getattr__(name: str) -> Any:
    for module, names in _HOME.items():
        if name in names:
            return getattr(importlib.import_module(f".{module}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
