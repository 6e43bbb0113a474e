"""Frequency: an input while the village hangs on the grid, a balance of its own in an island.

`NominalFrequency`, `OrnsteinUhlenbeckFrequency` and `TracedFrequency` are the grid's; an island's
is `IslandFrequency` with `IslandParams`, and `JoinedIsland` parts from the grid and joins it again.
This module only gathers the names.
"""

from __future__ import annotations

from .frequency_area_parameters import SecondaryControl, SynchroCheck
from .frequency_island import IslandFrequency
from .frequency_joined import JoinedIsland
from .frequency_parameters import (
    FNN_STAGES,
    Generator,
    GridFormer,
    InverterResponse,
    IslandParams,
    ShedStage,
)
from .frequency_process import FrequencyTick, NominalFrequency, OrnsteinUhlenbeckFrequency
from .frequency_stores import ContainmentStore, FastStore, FormingStore
from .frequency_tick import IslandTick
from .frequency_trace import Trace, TracedFrequency, TraceError, event_names, frequency_event

__all__ = [
    "FNN_STAGES",
    "ContainmentStore",
    "FastStore",
    "FormingStore",
    "FrequencyTick",
    "Generator",
    "GridFormer",
    "InverterResponse",
    "IslandFrequency",
    "IslandParams",
    "IslandTick",
    "JoinedIsland",
    "NominalFrequency",
    "OrnsteinUhlenbeckFrequency",
    "SecondaryControl",
    "ShedStage",
    "SynchroCheck",
    "Trace",
    "TraceError",
    "TracedFrequency",
    "event_names",
    "frequency_event",
]
