"""Frequency: an input while the village hangs on the grid, a balance of its own in an island.

`NominalFrequency`, `OrnsteinUhlenbeckFrequency` and `TracedFrequency` are the grid's; an island's
is `IslandFrequency` with `IslandParams`. This module only gathers the names.
"""

from __future__ import annotations

from .frequency_island import IslandFrequency
from .frequency_parameters import (
    FNN_STAGES,
    Generator,
    GridFormer,
    InverterResponse,
    IslandParams,
    ShedStage,
)
from .frequency_process import FrequencyTick, NominalFrequency, OrnsteinUhlenbeckFrequency
from .frequency_tick import IslandTick
from .frequency_trace import Trace, TracedFrequency, TraceError, event_names, frequency_event

__all__ = [
    "FNN_STAGES",
    "FrequencyTick",
    "Generator",
    "GridFormer",
    "InverterResponse",
    "IslandFrequency",
    "IslandParams",
    "IslandTick",
    "NominalFrequency",
    "OrnsteinUhlenbeckFrequency",
    "ShedStage",
    "Trace",
    "TraceError",
    "TracedFrequency",
    "event_names",
    "frequency_event",
]
