"""What a run opens before its first tick and closes however it ends."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hil.emulated_bench import EmulatedBench
from hil.exchange import Exchange
from hil.realtime.lockstep import LockstepExchange
from hil.realtime.node import Node
from models.grid_unbalanced import PHASES
from models.inverter import InverterParams
from results.recording import TickRecorder

from .assembly import Plant
from .audit import Auditor
from .recorder_sim import DEVICE_LISTS, ISLAND_LISTS, ISLAND_SCALARS, LISTS, SCALARS


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
def bench(made: Plant) -> Iterator[Exchange | None]:
    """Start the emulators of a run, on its clock; safe and gone at the end."""
    station = made.seating.station
    if not station.devices:
        yield None
        return
    units = {node: devices[0] for node, devices in station.nodes().items()}
    ratings = {
        unit.name: InverterParams(p_rated_kw=unit.p_rated_kw, s_kva=unit.s_rated_kva)
        for unit in units.values()
    }
    timeout_s = max(unit.timeout_s for unit in units.values())
    with EmulatedBench(ratings, timeout_s=timeout_s) as bench:
        nodes = {
            node: Node(node, bench.inverters[unit.name], on_loss=unit.on_loss)
            for node, unit in units.items()
        }
        yield LockstepExchange(nodes, dt_s=made.resolved.dt_s)


def recorder(made: Plant, folder: Path) -> TickRecorder:
    """Open the record of every tick."""
    islanded = made.island is not None
    n_peers, live = len(made.names), made.live_buses()
    lists = {**LISTS, **(ISLAND_LISTS if islanded else {})}
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
        scalars=[*SCALARS, *(ISLAND_SCALARS if islanded else ())],
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
