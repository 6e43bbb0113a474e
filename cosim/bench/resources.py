"""What a run opens before its first tick and closes however it ends."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any, Literal

from hil.emulated_bench import EmulatedStation
from hil.exchange import Exchange
from hil.realtime.live import START_S, RealTimeExchange
from hil.realtime.lockstep import LockstepExchange
from hil.realtime.opening import open_armed
from hil.realtime.tape import TAPE_FILE, Head, Played, Taping
from hil.record import BenchRecord, recorded
from hil.safety.arming import Armed
from hil.safety.guarded import guarded
from hil.station import OnLoss, Station, StationDevice
from models.grid.unbalanced import PHASES
from results.recording import TickRecorder

from ..audit import Auditor
from ..boxes.devices import NO_BENCH, Bench
from ..boxes.islanding import columns
from ..boxes.recorder import (
    DEVICE_LISTS,
    FLEXIBLE_LISTS,
    INVERTER_LISTS,
    ISLAND_LISTS,
    LISTS,
    SCALARS,
)
from ..plant import Plant
from .emulated_faults import EmulatedFaults, clear_all
from .live import Live
from .looping import loops_of, opening_s
from .replaying import TapedFaults, played_bench
from .seating import UNITS
from .warm_up import warm_up


@contextmanager
def signals(stop: Callable[[], None]) -> Iterator[None]:
    """Let Ctrl-C and SIGTERM end a run at its next tick; a second one ends it at once."""

    def handle(number: int, frame: Any) -> None:
        stop()
        signal.signal(number, signal.default_int_handler)

    before = {}
    for number in (signal.SIGINT, signal.SIGTERM):
        try:
            before[number] = signal.signal(number, handle)
        except ValueError:  # not in the main thread, where nobody presses Ctrl-C
            break
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def bench(
    made: Plant, folder: Path, live: Live | None, tape: Played | None = None
) -> Iterator[Bench]:
    """Open the devices of a run, its emulators started for it; safe, and gone, at the end.

    With a tape the devices are those of an earlier run, and nothing is opened.
    """
    station = made.seating.station
    if tape is not None:
        yield played_bench(tape, station, made.resolved.dt_s)
        return
    if not station.devices:
        yield NO_BENCH
        return
    for device in station.overdue(date.today()):
        if device.emulated is None:
            _told(f"{device.name}: calibration overdue since {device.calibration_due}")
    with _emulators(station) as addresses, ExitStack() as opening:
        devices = [
            replace(device, address=addresses.get(device.name, device.address))
            for device in station.devices
        ]
        arm_now, ask = (False, None) if live is None else (live.arm, live.ask)
        record: BenchRecord | None = None
        guard = opening.enter_context(guarded(station, devices, folder, arm_now=arm_now, ask=ask))
        if live is not None or made.seating.on_station:
            mode: Literal["lockstep", "real time"] = "lockstep" if live is None else "real time"
            recording = recorded(
                folder, station, devices, mode=mode, armed_by=guard.armed.by, say=_told
            )
            record = opening.enter_context(recording)
        # Before devices are made safe, their faults end: those of emulators are over with the run.
        exchange = opening.enter_context(_exchange(made, station, guard.armed, live, folder))
        if record is not None:
            record.driven = True
        faults = opening.enter_context(EmulatedFaults(addresses, waits=live is None))
        lived = live is not None
        if not (lived or made.seating.on_station):
            yield Bench(exchange=exchange, beat=guard.beat, faults=faults)
            return
        head = Head(exchange.names, made.resolved.dt_s, lived, made.seating.on_station)
        taping = Taping(exchange, folder / "bench" / TAPE_FILE, head, say=_told)
        taped = opening.enter_context(taping)
        told = TapedFaults(faults, taped)
        yield Bench(exchange=taped, beat=guard.beat, faults=told, lived=lived)


@contextmanager
def _exchange(
    made: Plant, station: Station, armed: Armed, live: Live | None, folder: Path
) -> Iterator[Exchange]:
    """Open the devices on the bench's clock, or in their own: then every byte is recorded."""
    if live is None:
        with open_armed(armed, live=False, loops=loops_of(made)) as opened:
            yield LockstepExchange(opened.nodes, dt_s=made.resolved.dt_s)
        return
    on_loss = {node: _loss(of_node) for node, of_node in station.nodes().items()}
    opener = partial(open_armed, armed, record_in=folder / "bench", loops=loops_of(made))
    with RealTimeExchange(opener, on_loss, start_s=START_S + opening_s(station)) as in_time:
        scenario = made.resolved.scenario
        f_hz = scenario.island.nominal_hz if scenario.island else scenario.frequency.nominal_hz
        warm_up(in_time, dt_s=made.resolved.dt_s, f_hz=f_hz, tell=_told)
        yield in_time


@contextmanager
def _emulators(station: Station) -> Iterator[Mapping[str, str]]:
    """Start what is emulated, and give their addresses; their faults end with the block."""
    with EmulatedStation(station) as emulated:
        addresses = dict(emulated.addresses)
        try:
            yield addresses
        finally:
            clear_all(addresses.values())


def _told(line: str) -> None:
    """Tell the operator what is odd about a device."""
    print(line, file=sys.stderr)


def _loss(devices: tuple[StationDevice, ...]) -> OnLoss:
    """What a node does when it is lost: what its inverter says."""
    return next(device for device in devices if device.role in UNITS).on_loss


def recorder(made: Plant, folder: Path) -> TickRecorder:
    """Open the record of every tick."""
    islanded = made.island is not None
    n_peers, live = len(made.names), made.live_buses()
    lists = {
        **LISTS,
        **(ISLAND_LISTS if islanded else {}),
        **(FLEXIBLE_LISTS if made.flexible is not None else {}),
        **(INVERTER_LISTS if made.fleet.follows_standards else {}),
    }
    widths = {name: len(live) if name == "vm_pu" else n_peers for name in lists}
    seating = made.seating
    if seating.players:
        widths |= dict.fromkeys(DEVICE_LISTS, len(seating.players))
    buses = [made.grid.bus_names[bus] for bus in live]
    names = {"buses": buses}
    if made.three_phase is not None:
        widths |= {"vm_pu": 3 * len(live), "vuf_percent": len(live)}
        names |= {"phases": [f"{bus}.{phase}" for bus in buses for phase in PHASES]}
    return TickRecorder(
        folder,
        scalars=[*SCALARS, *columns(made.resolved.scenario.island)],
        lists=widths,
        metadata={
            **{key: json.dumps(given) for key, given in names.items()},
            "peers": json.dumps(made.names),
            **_devices(made),
            "dt_s": json.dumps(made.resolved.dt_s),
            "start": made.resolved.scenario.time.start.isoformat(),
        },
    )


def _devices(made: Plant) -> dict[str, str]:
    """Say whose values the columns of devices hold, and which peer each plays."""
    seating = made.seating
    if not seating.players:
        return {}
    played = {seating.called[node]: made.names[at] for node, at in seating.players.items()}
    return {"devices": json.dumps(list(played)), "played": json.dumps(played)}


def auditor(made: Plant, books: Callable[[], Any]) -> Auditor:
    """Set an auditor over what the boxes integrate by themselves."""
    return Auditor(
        bus_names=made.grid.bus_names,
        peers=made.names,
        peer_bus=made.peer_bus,
        references=made.references(),
        dt_s=made.resolved.dt_s,
        books=books,
        islanded=made.island is not None,
    )


def drawing(made: Plant) -> dict[str, Any]:
    """Describe the live part of the feeder for whoever draws it."""
    names, live = made.grid.bus_names, set(made.live_buses())
    return {
        "buses": [{"name": names[bus]} for bus in sorted(live)],
        "lines": [
            {"from": names[start], "to": names[end], "name": f"{names[start]}–{names[end]}"}
            for start, end in made.grid.edges.tolist()
            if {start, end} <= live
        ],
    }
