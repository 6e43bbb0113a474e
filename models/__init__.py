"""What the physics does: grid, frequency, PV, batteries, inverters, loads, energy managers.

Plain objects on numpy arrays; nothing here knows of markets, devices or mosaik. Names are
loaded on first use, so that importing the folder stays cheap.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .battery import Battery, BatteryParams
    from .der import DerAudit, DerFleet, DerTick
    from .energy_manager import EnergyManagers, ManagerOptions, Prospects
    from .forecast import Forecaster
    from .frequency import FrequencyTick, NominalFrequency, OrnsteinUhlenbeckFrequency
    from .frequency_island import IslandFrequency
    from .frequency_parameters import (
        Generator,
        GridFormer,
        InverterResponse,
        IslandParams,
        ShedStage,
    )
    from .frequency_tick import IslandTick
    from .grid import Grid, GridState, PowerFlowDiverged
    from .inverter import Inverter, InverterParams
    from .pv import PvSystem
    from .refine import Quarter, RefinedProfiles, Second

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
    "battery": ("Battery", "BatteryParams"),
    "der": ("DerAudit", "DerFleet", "DerTick"),
    "energy_manager": ("EnergyManagers", "ManagerOptions", "Prospects"),
    "forecast": ("Forecaster",),
    "frequency": ("FrequencyTick", "NominalFrequency", "OrnsteinUhlenbeckFrequency"),
    "frequency_island": ("IslandFrequency",),
    "frequency_parameters": (
        "Generator",
        "GridFormer",
        "InverterResponse",
        "IslandParams",
        "ShedStage",
    ),
    "frequency_tick": ("IslandTick",),
    "grid": ("Grid", "GridState", "PowerFlowDiverged"),
    "inverter": ("Inverter", "InverterParams"),
    "pv": ("PvSystem",),
    "refine": ("Quarter", "RefinedProfiles", "Second"),
}


def __getattr__(name: str) -> Any:
    for module, names in _HOME.items():
        if name in names:
            return getattr(importlib.import_module(f".{module}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
