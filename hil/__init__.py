"""Devices on the bench, real or emulated: roles, drivers, the link that moves their bytes.

Names load when first asked for, so that a command that touches no device pays for none.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .bench import EmulatedBench as EmulatedBench
    from .device import BenchError as BenchError
    from .device import DeviceError as DeviceError
    from .device import Faulty as Faulty
    from .device import IdentityError as IdentityError
    from .device import Inverter as Inverter
    from .device import InverterReading as InverterReading
    from .device import Link as Link
    from .device import LinkError as LinkError
    from .device import Lockstep as Lockstep
    from .device import LockstepError as LockstepError
    from .device import SetpointError as SetpointError
    from .inverter import ScpiInverter as ScpiInverter
    from .link import open_link as open_link

_HOME = {
    "BenchError": "device",
    "DeviceError": "device",
    "EmulatedBench": "bench",
    "Faulty": "device",
    "IdentityError": "device",
    "Inverter": "device",
    "InverterReading": "device",
    "Link": "device",
    "LinkError": "device",
    "Lockstep": "device",
    "LockstepError": "device",
    "ScpiInverter": "inverter",
    "SetpointError": "device",
    "open_link": "link",
}

__all__ = [
    "BenchError",
    "DeviceError",
    "EmulatedBench",
    "Faulty",
    "IdentityError",
    "Inverter",
    "InverterReading",
    "Link",
    "LinkError",
    "Lockstep",
    "LockstepError",
    "ScpiInverter",
    "SetpointError",
    "open_link",
]


def __getattr__(name: str) -> Any:
    """Load a public name from its module, once."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f".{_HOME[name]}", __name__), name)
    globals()[name] = value
    return value
