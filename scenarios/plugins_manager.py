"""Energy managers of a scenario's own: a class in a file beside it, or in a package."""

from __future__ import annotations

import inspect
from pathlib import Path

from models.managers.energy_manager import EnergyManagers

from .plugins import PluginError, module_of
from .rules import nearest

__all__ = ["check_manager", "manager_class"]

METHODS = ("adopt", "plan", "cap", "expected_wh", "prospects", "free")


def check_manager(reference: str, base: Path) -> None:
    """Check a reference to an energy manager; a known one needs nothing imported.

    Raises
    ------
    PluginError
        As `manager_class`.
    """
    if reference not in ("rule", "rolling"):
        manager_class(reference, base)


def manager_class(reference: str, base: Path) -> type[EnergyManagers]:
    """Return the class of energy managers that a reference names; importing it runs the file.

    Parameters
    ----------
    reference : str
        ``./file.py:Class`` or ``package.module:Class``.
    base : Path
        Folder of the scenario.

    Raises
    ------
    PluginError
        No such file or class, it lacks a method, or cannot be made as `EnergyManagers` is.
    """
    place, _, name = reference.rpartition(":")
    if place.endswith(".py") and not (base / place).is_file():
        raise PluginError(f"no file {place!r} beside the scenario, in {base}")
    module = module_of(place, base)
    found = getattr(module, name, None)
    if not isinstance(found, type):
        classes = [one for one, value in vars(module).items() if isinstance(value, type)]
        raise PluginError(f"no class {name!r} in {place!r}; {nearest(name, classes)}")
    missing = [method for method in METHODS if not hasattr(found, method)]
    if missing:
        raise PluginError(
            f"{reference!r} lacks {', '.join(map(repr, missing))}; an energy manager has what "
            "models.managers.protocol.Manager says, and may inherit it from EnergyManagers"
        )
    keywords = list(inspect.signature(EnergyManagers).parameters)
    try:
        inspect.signature(found).bind(**dict.fromkeys(keywords))
    except TypeError as error:
        raise PluginError(f"{reference!r} cannot be made: {error}; expected {keywords}") from error
    return found
