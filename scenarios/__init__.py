"""What is run: schema, loader, the gallery of scenarios and their profile data.

Names are fetched from their modules when first used, so that the command line stays quick.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .faults import Fault, ScenarioError
    from .load import load_scenario
    from .peers import Peer
    from .resolve import ResolvedEvent, ResolvedScenario
    from .schema import Scenario
    from .seeds import generator

__all__ = [
    "Fault",
    "Peer",
    "ResolvedEvent",
    "ResolvedScenario",
    "Scenario",
    "ScenarioError",
    "generator",
    "load_scenario",
]

_HOMES = {
    "faults": ("Fault", "ScenarioError"),
    "load": ("load_scenario",),
    "peers": ("Peer",),
    "resolve": ("ResolvedEvent", "ResolvedScenario"),
    "schema": ("Scenario",),
    "seeds": ("generator",),
}
_HOME = {name: module for module, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_HOME[name]}", __name__), name)
