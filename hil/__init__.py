"""Devices on the bench, real or emulated: roles, drivers, the link that moves their bytes.

Names load when first asked for, so that a command that touches no device pays for none.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .drivers.scpi_inverter import ScpiInverter as ScpiInverter
    from .emulated_bench import EmulatedBench as EmulatedBench
    from .errors import BenchError as BenchError
    from .errors import DeviceError as DeviceError
    from .errors import IdentityError as IdentityError
    from .errors import LinkError as LinkError
    from .errors import LockstepError as LockstepError
    from .errors import SetpointError as SetpointError
    from .errors import UnsafeError as UnsafeError
    from .link.visa import open_link as open_link
    from .roles import Analyser as Analyser
    from .roles import Device as Device
    from .roles import Faulty as Faulty
    from .roles import GridSimulator as GridSimulator
    from .roles import Inverter as Inverter
    from .roles import InverterReading as InverterReading
    from .roles import Link as Link
    from .roles import Load as Load
    from .roles import Lockstep as Lockstep
    from .roles import PvSimulator as PvSimulator
    from .roles import Storage as Storage
    from .station import Station as Station
    from .station import StationDevice as StationDevice

_HOME = {
    "Analyser": "roles",
    "BenchError": "errors",
    "Device": "roles",
    "DeviceError": "errors",
    "EmulatedBench": "emulated_bench",
    "Faulty": "roles",
    "GridSimulator": "roles",
    "IdentityError": "errors",
    "Inverter": "roles",
    "InverterReading": "roles",
    "Link": "roles",
    "LinkError": "errors",
    "Load": "roles",
    "Lockstep": "roles",
    "LockstepError": "errors",
    "PvSimulator": "roles",
    "ScpiInverter": "drivers.scpi_inverter",
    "SetpointError": "errors",
    "Station": "station",
    "StationDevice": "station",
    "Storage": "roles",
    "UnsafeError": "errors",
    "open_link": "link.visa",
}

__all__ = [
    "Analyser",
    "BenchError",
    "Device",
    "DeviceError",
    "EmulatedBench",
    "Faulty",
    "GridSimulator",
    "IdentityError",
    "Inverter",
    "InverterReading",
    "Link",
    "LinkError",
    "Load",
    "Lockstep",
    "LockstepError",
    "PvSimulator",
    "ScpiInverter",
    "SetpointError",
    "Station",
    "StationDevice",
    "Storage",
    "UnsafeError",
    "open_link",
]


def __getattr__(name: str) -> Any:
    """Load a public name from its module, once."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f".{_HOME[name]}", __name__), name)
    globals()[name] = value
    return value
