"""From a station and its drivers to nodes."""

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any, cast

from hil.drivers.opening import OpenLink, open_link_of
from hil.link.record import Recorder
from hil.phil.closing import NodeLoop, Parts, close_loop, quasi_static
from hil.phil.interface import Interface
from hil.roles import Device, GridInTurns, GridSimulator
from hil.safety.arming import Armed
from hil.safety.energised import Bench, energised
from hil.safety.order import open_named
from hil.station import GridLoop, Station, StationDevice
from hil.turns import Talk

from .io_process import LiveBench
from .node import Node

Loops = Mapping[str, NodeLoop]
"""By node, what the run says of the loop that is closed over it."""


def nodes_of(
    station: Station, drivers: Mapping[str, Device], loops: Loops | None = None
) -> dict[str, Node]:
    """Put together the devices that play one peer, by that peer.

    Parameters
    ----------
    station : Station
    drivers : mapping of str to Device
        Of every device that plays something, by its name.
    loops : mapping of str to NodeLoop, optional
        Of nodes with a grid simulator, where the station closes a loop.

    Raises
    ------
    ValueError
        A node has not one inverter or store, or more than one device of another role.
    """
    return {
        name: _node(name, devices, drivers, station, (loops or {}).get(name))
        for name, devices in station.nodes().items()
    }


def _node(
    name: str,
    devices: tuple[StationDevice, ...],
    drivers: Mapping[str, Device],
    station: Station,
    loop: NodeLoop | None,
) -> Node:
    """Give each device its part."""
    told = _by_part(name, devices)
    parts: dict[str, Any] = {part: drivers[device.name] for part, device in told.items()}
    unit = told.get("unit")
    if unit is None:
        raise ValueError(
            f"{name}: {', '.join(device.name for device in devices)} play it, but none of them "
            "is an inverter or a store"
        )
    others = [parts[part] for part in ("load", "grid-simulator") if part in parts]
    grid = None
    if "grid-simulator" in told:
        wanted = told["grid-simulator"].loop
        grid = _SourcedGrid(parts["grid-simulator"], station, wanted, loop)
    return Node(
        name,
        parts["unit"],
        grid=grid,
        pv=parts.get("pv-simulator"),
        analyser=parts.get("analyser"),
        scale=unit.scale,
        ramp_kw_per_s=unit.ramp_kw_per_s,
        on_loss=unit.on_loss,
        emulated=unit.emulated is not None,
        others=others,
    )


def _by_part(name: str, devices: tuple[StationDevice, ...]) -> dict[str, StationDevice]:
    """Say which device has which part of a node."""
    told: dict[str, StationDevice] = {}
    for device in devices:
        part = "unit" if device.role in ("inverter", "storage") else device.role
        if part in told:
            raise ValueError(f"{name}: {device.name} is its second {part}; expected one")
        told[part] = device
    return told


class _SourcedGrid:
    """The grid of a node, played by a grid simulator through `hil.phil`."""

    def __init__(
        self,
        source: GridSimulator,
        station: Station,
        wanted: GridLoop | None,
        loop: NodeLoop | None,
    ) -> None:
        self._source = source
        self._turns = source if isinstance(source, GridInTurns) else None
        # Without a loop there is neither lag nor slew, so the length of a step does not matter.
        step_s = 1.0 if loop is None else loop.step_s
        settings = quasi_static(wanted or GridLoop(), station, step_s=step_s, scale=1.0)
        self._interface = Interface(settings, f_nominal_hz=station.f_nominal_hz)

    def applying(self, vm_pu: float, f_hz: float, dt_s: float) -> Talk[None]:
        """Have the source play this voltage and frequency. [p.u.], [Hz], [s]"""
        point = self._interface.source(vm_pu, f_hz)
        if self._turns is not None:
            yield from self._turns.setting_grid(point.vm_v, point.f_hz)
        else:
            self._source.set_grid(point.vm_v, point.f_hz)


@contextmanager
def open_armed(
    armed: Armed,
    *,
    live: bool = True,
    record_in: Path | None = None,
    loops: Loops | None = None,
) -> Iterator[LiveBench]:
    """Open the devices that may be energised, and close the outputs of their sources.

    Parameters
    ----------
    armed : Armed
    live : bool
        Devices keep their own time: their revert timers run. On the bench's clock none do.
    record_in : Path, optional
        Folder into which every byte goes that devices are sent and say.
    loops : mapping of str to NodeLoop, optional
        By node; those that the station closes through a grid simulator are tried first.

    Raises
    ------
    UnsafeError
        A loop would hunt, or a device is wired wrongly; before anything of the run is told.

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
        _close_loops(bench, loops or {}, live=live)
        yield LiveBench(nodes_of(station, bench.drivers, loops), bench.beat)


def _close_loops(bench: Bench, loops: Loops, *, live: bool) -> None:
    """Try the loops that the station closes, one node after the other."""
    station = bench.armed.station
    for name, devices in station.nodes().items():
        told = _by_part(name, devices)
        source, unit = told.get("grid-simulator"), told.get("unit")
        if source is None or source.loop is None or unit is None:
            continue
        if name not in loops:
            raise ValueError(f"{name}: {source.name} closes a loop; expected its tick and feeder")
        driver = {part: cast(Any, bench.drivers[device.name]) for part, device in told.items()}
        parts = Parts(
            driver["grid-simulator"],
            driver["unit"],
            driver.get("pv-simulator"),
            driver.get("analyser"),
        )
        found = close_loop(
            name, parts, unit, source.loop, loops[name], station, live=live, beat=bench.beat
        )
        bench.note("loop closed", node=name, **found._asdict())


def _recording(recorder: Recorder) -> OpenLink:
    """Open links whose bytes are recorded."""
    return lambda device, address: open_link_of(device, address, tap=recorder.tap(device.name))


def _complain(words: str) -> None:
    """Say it where whoever runs the bench looks."""
    print(words, file=sys.stderr, flush=True)
