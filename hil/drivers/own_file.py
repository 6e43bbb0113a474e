"""A driver of the user's own: one file beside the station file, nothing of ours edited."""

import inspect
import sys
from collections.abc import Callable
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

from hil.roles import (
    Analyser,
    Device,
    GridSimulator,
    Inverter,
    Load,
    PvSimulator,
    Role,
    Storage,
)
from hil.station import StationDevice

PROTOCOLS: dict[Role, type[Any]] = {
    "inverter": Inverter,
    "storage": Storage,
    "grid-simulator": GridSimulator,
    "pv-simulator": PvSimulator,
    "load": Load,
    "analyser": Analyser,
}


def load_driver(device: StationDevice) -> Callable[[StationDevice, str], Device]:
    """Load the class that the station names as ``<file>.py:<class>``.

    Raises
    ------
    ValueError
        No such file or class, the file fails when it is run, or the class lacks methods of
        its role; all that it lacks stands in one message.
    """
    file, _, name = device.driver.rpartition(":")
    path = Path(file).resolve()
    module = _run_file(device.name, path)
    made = getattr(module, name, None)
    if not isinstance(made, type):
        classes = [key for key, value in vars(module).items() if isinstance(value, type)]
        raise ValueError(
            f"{device.name}: {path} has no class {name!r}; it has {', '.join(classes) or 'none'}"
        )
    missing = missing_of(made, device.role)
    if missing:
        raise ValueError(
            f"{device.name}: {device.driver} is no {device.role}: {'; '.join(missing)}"
        )
    return made


def missing_of(made: type, role: Role) -> list[str]:
    """Say what a class lacks of its role's methods, or has with other parameters."""
    return [
        fault
        for name, wanted in inspect.getmembers(PROTOCOLS[role], inspect.isfunction)
        if not name.startswith("_") and (fault := _fault(name, wanted, getattr(made, name, None)))
    ]


def _fault(name: str, wanted: Callable[..., Any], found: Any) -> str | None:
    """Say what is wrong with one method."""
    parameters = list(inspect.signature(wanted).parameters)
    spelled = f"{name}({', '.join(parameters)})"
    if not callable(found):
        return f"method {spelled} is missing"
    try:
        inspect.signature(found).bind(*parameters)
    except TypeError:
        return f"method {name} does not take ({', '.join(parameters)})"
    return None


def _run_file(device: str, path: Path) -> ModuleType:
    """Run the file as a module of its own."""
    name = f"peerwatt_driver_{path.stem}_{abs(hash(path)):x}"
    spec = spec_from_file_location(name, path)
    if spec is None or spec.loader is None or not path.is_file():
        raise ValueError(f"{device}: no driver file {path}")
    module = module_from_spec(spec)
    sys.modules[name] = module  # dataclasses and pickling look their module up by name
    try:
        spec.loader.exec_module(module)
    except Exception as fault:
        del sys.modules[name]
        raise ValueError(f"{device}: {path} fails: {type(fault).__name__}: {fault}") from fault
    return module
