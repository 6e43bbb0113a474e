"""What is run: schema, loader, the gallery of scenarios and their profile data.

Names are imported from their modules only when asked for, so that the command line stays quick.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .load import Fault as Fault
    from .load import ScenarioError as ScenarioError
    from .load import load as load
    from .resolve import Peer as Peer
    from .resolve import ResolvedScenario as ResolvedScenario
    from .resolve import resolve as resolve
    from .schema import Scenario as Scenario
    from .seeds import generator as generator

_HOMES = {
    "Fault": "faults",
    "Peer": "resolve",
    "ResolvedScenario": "resolve",
    "Scenario": "schema",
    "ScenarioError": "faults",
    "generator": "seeds",
    "load": "load",
    "resolve": "resolve",
}

__all__ = ["Fault", "Peer", "ResolvedScenario", "Scenario", "ScenarioError", "generator"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f".{_HOMES[name]}", __name__), name)
