"""What a guardian is told to guard; a line of JSON, so that it stands for itself."""

import os
from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import TypeAdapter

from hil.drivers.opening import OpenLink, open_device, open_link_of
from hil.errors import LinkError
from hil.roles import Device
from hil.station import Station, StationDevice


@dataclass(frozen=True, kw_only=True)
class Order:
    """What is guarded, and how.

    Attributes
    ----------
    station : Station
    devices : tuple of StationDevice
        Each with its address.
    journal, heart, notice : Path
        Where it writes what it did; where others show that they live; where it says that it is
        there, for ``peerwatt stop``.
    hung_after_s, run_hung_after_s, safe_within_s : float
        See `hil.safety.guarded.guarded`. [s]
    """

    station: Station
    devices: tuple[StationDevice, ...]
    journal: Path
    heart: Path
    notice: Path
    hung_after_s: float
    run_hung_after_s: float
    safe_within_s: float


def to_json(order: Order) -> str:
    """Spell it as one line."""
    return TypeAdapter(Order).dump_json(order).decode()


def from_json(line: str) -> Order:
    """Read what `to_json` spelt."""
    order = TypeAdapter(Order).validate_json(line)
    return replace(order, devices=tuple(_with_paths(device) for device in order.devices))


def open_named(device: StationDevice, *, open_link: OpenLink = open_link_of) -> Device:
    """Open a device where the station says it is, and make sure that it is that one.

    Parameters
    ----------
    device : StationDevice
    open_link : callable, optional
        Opens the connection, for those that record it.

    Raises
    ------
    LinkError
        Nobody answers, or it has no address.
    IdentityError
        Somebody else answers, or the serial number is another.
    """
    if device.address is None:
        raise LinkError(f"{device.name}: is emulated within its run; nobody else can reach it")
    return open_device(device, device.address, open_link=open_link)


def _with_paths(device: StationDevice) -> StationDevice:
    """Tell a command table's file from the name of a shipped one, which JSON spells alike."""
    if device.table is None:
        return device
    name = str(device.table)
    return replace(device, table=Path(name) if os.sep in name else name)
