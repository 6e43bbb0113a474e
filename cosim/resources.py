"""What a run opens before its first tick and closes however it ends."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hil.emulated_bench import EmulatedBench
from models.grid_unbalanced import PHASES
from results.recording import TickRecorder

from . import build
from .assembly import Plant
from .audit import Auditor
from .devices_sim import LockstepInverter
from .recorder_sim import ISLAND_LISTS, ISLAND_SCALARS, LISTS, SCALARS


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
def bench(made: Plant) -> Iterator[Mapping[str, LockstepInverter]]:
    """Start the emulators of a run, on its clock; safe and gone at the end."""
    if not made.devices:
        yield {}
        return
    ratings = build.device_inverters(made.resolved, dict(made.devices))
    with EmulatedBench(ratings) as bench:
        for inverter in bench.inverters.values():
            inverter.begin_lockstep(made.resolved.dt_s)
        yield dict(bench.inverters)


def recorder(made: Plant, folder: Path) -> TickRecorder:
    """Open the record of every tick."""
    islanded = made.island is not None
    n_peers, live = len(made.names), made.live_buses()
    lists = {**LISTS, **(ISLAND_LISTS if islanded else {})}
    widths = {name: len(live) if name == "vm_pu" else n_peers for name in lists}
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
            "dt_s": json.dumps(made.resolved.dt_s),
            "start": made.resolved.scenario.time.start.isoformat(),
        },
    )


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
