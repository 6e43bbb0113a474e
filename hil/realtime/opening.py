"""From a station and its drivers to nodes."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from hil.drivers.opening import open_device
from hil.roles import Device
from hil.safety.arming import Armed
from hil.safety.limited import limited
from hil.safety.limits import BenchLimits
from hil.station import Station, StationDevice

from .io_process import LiveBench
from .node import Node


def nodes_of(station: Station, drivers: Mapping[str, Device]) -> dict[str, Node]:
    """Put together the devices that play one peer, by that peer.

    Parameters
    ----------
    station : Station
    drivers : mapping of str to Device
        Of every device that plays something, by its name.

    Raises
    ------
    ValueError
        A node has not one inverter or store, or more than one device of another role.
    """
    return {
        name: _node(name, devices, drivers, station) for name, devices in station.nodes().items()
    }


def _node(
    name: str,
    devices: tuple[StationDevice, ...],
    drivers: Mapping[str, Device],
    station: Station,
) -> Node:
    """Give each device its part."""
    parts: dict[str, Any] = {}
    unit: StationDevice | None = None
    for device in devices:
        part = "unit" if device.role in ("inverter", "storage") else device.role
        if part in parts:
            raise ValueError(f"{name}: {device.name} is its second {part}; expected one")
        parts[part] = drivers[device.name]
        unit = device if part == "unit" else unit
    if unit is None:
        raise ValueError(
            f"{name}: {', '.join(device.name for device in devices)} play it, but none of them "
            "is an inverter or a store"
        )
    others = [parts[part] for part in ("load", "grid-simulator") if part in parts]
    return Node(
        name,
        parts["unit"],
        pv=parts.get("pv-simulator"),
        analyser=parts.get("analyser"),
        scale=unit.scale,
        ramp_kw_per_s=unit.ramp_kw_per_s,
        on_loss=unit.on_loss,
        emulated=unit.emulated is not None,
        others=others,
    )


@contextmanager
def open_armed(armed: Armed) -> Iterator[LiveBench]:
    """Open the devices that may be energised, behind their limits; safe and let go at the end."""
    bench = BenchLimits(armed.station)
    drivers: dict[str, Device] = {}
    try:
        for device in armed.devices:
            assert device.address is not None
            opened = open_device(device, device.address)
            drivers[device.name] = limited(opened, device, bench)
        nodes = nodes_of(armed.station, drivers)
        try:
            yield LiveBench(nodes, lambda: None)
        finally:
            for node in nodes.values():
                node.make_safe()
    finally:
        for driver in drivers.values():
            driver.close()
