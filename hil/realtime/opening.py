"""From a station and its drivers to nodes."""

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any, cast

from hil.drivers.opening import OpenLink, open_link_of
from hil.link.record import Recorder
from hil.phil.interface import Interface, QuasiStatic
from hil.roles import Device, GridInTurns, GridSimulator
from hil.safety.arming import Armed
from hil.safety.energised import energised
from hil.safety.order import open_named
from hil.station import Station, StationDevice
from hil.turns import Talk

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
    source = parts.get("grid-simulator")
    return Node(
        name,
        parts["unit"],
        grid=None if source is None else _SourcedGrid(source, station),
        pv=parts.get("pv-simulator"),
        analyser=parts.get("analyser"),
        scale=unit.scale,
        ramp_kw_per_s=unit.ramp_kw_per_s,
        on_loss=unit.on_loss,
        emulated=unit.emulated is not None,
        others=others,
    )


class _SourcedGrid:
    """The grid of a node, played by a grid simulator through `hil.phil`."""

    def __init__(self, source: GridSimulator, station: Station) -> None:
        self._source = source
        # Neither lag nor slew nor look-ahead, so the length of a step does not matter.
        settings = QuasiStatic(v_nominal_v=station.v_nominal_v, step_s=1.0)
        self._interface = Interface(settings, f_nominal_hz=station.f_nominal_hz)

    def applying(self, vm_pu: float, f_hz: float, dt_s: float) -> Talk[None]:
        """Have the source play this voltage and frequency. [p.u.], [Hz], [s]"""
        point = self._interface.source(vm_pu, f_hz)
        if isinstance(self._source, GridInTurns):
            yield from self._source.setting_grid(point.vm_v, point.f_hz)
        else:
            self._source.set_grid(point.vm_v, point.f_hz)


@contextmanager
def open_armed(
    armed: Armed, *, live: bool = True, record_in: Path | None = None
) -> Iterator[LiveBench]:
    """Open the devices that may be energised, and close the outputs of their sources.

    Parameters
    ----------
    armed : Armed
    live : bool
        Devices keep their own time: their revert timers run. On the bench's clock none do.
    record_in : Path, optional
        Folder into which every byte goes that devices are sent and say.

    Notes
    -----
    Grid simulators stand at nominal and PV simulators at no sun when their outputs close, so
    that nothing flows before the first tick. At the end everything is safe, see `energised`.
    """
    with ExitStack() as stack:
        opened: Callable[[StationDevice], Device] = open_named
        if record_in is not None:
            recorder = stack.enter_context(Recorder(record_in, say=_complain))
            opened = partial(open_named, open_link=_recording(recorder))
        bench = stack.enter_context(energised(armed, who="devices", live=live, opened=opened))
        station = armed.station
        for device in armed.devices:
            driver = cast(Any, bench.drivers[device.name])
            if device.role == "grid-simulator":
                driver.set_grid(station.v_nominal_v, station.f_nominal_hz)
                driver.energise(True)
            elif device.role == "pv-simulator":
                driver.set_available(0.0)
                driver.energise(True)
        yield LiveBench(nodes_of(station, bench.drivers), bench.beat)


def _recording(recorder: Recorder) -> OpenLink:
    """Open links whose bytes are recorded."""
    return lambda device, address: open_link_of(device, address, tap=recorder.tap(device.name))


def _complain(words: str) -> None:
    """Say it where whoever runs the bench looks."""
    print(words, file=sys.stderr, flush=True)
