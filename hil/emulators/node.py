"""All instruments of a node, or of several, in one process: built from settings, served on ports.

A node is told as a JSON document, ``{"world": {…}, "instruments": [{"name", "role",
"settings", "port", "hislip_port", "sunspec_port"}]}``; ``world`` takes ``v_nominal_v``,
``f_nominal_hz`` and ``step_s``. A port of 0 takes any free one, ``null`` none.
"""

import asyncio
import json
import os
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from .analyser import EmulatedAnalyser
from .grid_simulator import EmulatedGridSimulator
from .hislip import HislipServer
from .instrument import EmulatedInstrument, Manners
from .inverter import EmulatedInverter
from .load import EmulatedLoad
from .modbus import ModbusServer
from .pv_simulator import EmulatedPvSimulator
from .server import Door, InstrumentServer, Watch
from .settings import Functions, SettingsError, read_settings
from .storage import EmulatedStorage
from .sunspec import SunSpecInverter
from .world import World

HEARTBEAT_S = 0.1
_WORLD = ("v_nominal_v", "f_nominal_hz", "step_s")


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """One instrument of a node, and where it listens; a port of None is a door it has not."""

    name: str
    role: str
    settings: Mapping[str, Any]
    port: int | None = 0
    hislip_port: int | None = None
    sunspec_port: int | None = None


def read_node(document: Mapping[str, Any]) -> tuple[World, list[Placed]]:
    """Read a node's document.

    Raises
    ------
    SettingsError
        Naming what is unknown or missing.
    """
    unknown = set(document) - {"world", "instruments"}
    unknown |= set(document.get("world", {})) - set(_WORLD)
    if unknown:
        raise SettingsError(f"node: unknown {', '.join(sorted(unknown))}")
    try:
        placed = [Placed(**given) for given in document["instruments"]]
    except (KeyError, TypeError) as fault:
        raise SettingsError(f"node: instruments: {fault}") from None
    return World(**document.get("world", {})), placed


def build_instrument(world: World, placed: Placed) -> EmulatedInstrument:
    """Make one instrument in its world.

    Raises
    ------
    SettingsError
        Settings that its role has not, or a second source or sun.
    """
    settings = {"serial": placed.name, **placed.settings}
    parameters, manners = read_settings(placed.role, settings)
    try:
        return _BUILDERS[placed.role](world, parameters, manners)
    except ValueError as fault:
        raise SettingsError(f"{placed.name}: {fault}") from None


def _inverter(world: World, parameters: tuple[Any, ...], manners: Manners) -> EmulatedInstrument:
    """Make an inverter, with functions where a standard is named."""
    params, functions = parameters
    assert isinstance(functions, Functions)
    if functions.functions and not functions.standard:
        raise SettingsError("functions need a standard")
    if functions.standard:
        from .inverter_functions import FunctionalInverter

        return FunctionalInverter(
            params,
            standard=functions.standard,
            replaced=functions.functions,
            world=world,
            manners=manners,
        )
    return EmulatedInverter(params, world=world, manners=manners)


_BUILDERS: Mapping[str, Callable[[World, tuple[Any, ...], Manners], EmulatedInstrument]] = {
    "inverter": _inverter,
    "storage": lambda world, made, manners: EmulatedStorage(*made, world=world, manners=manners),
    "grid-simulator": lambda world, made, manners: EmulatedGridSimulator(
        *made, world=world, manners=manners
    ),
    "pv-simulator": lambda world, made, manners: EmulatedPvSimulator(
        *made, world=world, manners=manners
    ),
    "load": lambda world, made, manners: EmulatedLoad(*made, world=world, manners=manners),
    "analyser": lambda world, made, manners: EmulatedAnalyser(*made, world=world, manners=manners),
}


class Outlet:
    """The doors of one instrument; they close for the time of a reboot.

    Parameters
    ----------
    instrument : EmulatedInstrument
    placed : Placed
    host : str
        Address to listen on.
    """

    def __init__(self, instrument: EmulatedInstrument, placed: Placed, host: str) -> None:
        self.instrument, self.name = instrument, placed.name
        self._host = host
        watch = Watch(instrument)
        self._doors: dict[str, Door] = {}
        self.ports: dict[str, int] = {}
        if placed.port is not None:
            self._doors["socket"] = InstrumentServer(instrument, watch)
            self.ports["socket"] = placed.port
        if placed.hislip_port is not None:
            self._doors["hislip"] = HislipServer(instrument, watch)
            self.ports["hislip"] = placed.hislip_port
        if placed.sunspec_port is not None:
            if not isinstance(instrument, EmulatedInverter):
                raise SettingsError(f"{placed.name}: only an inverter speaks SunSpec")
            self._doors["sunspec"] = ModbusServer(instrument, SunSpecInverter(instrument), watch)
            self.ports["sunspec"] = placed.sunspec_port
        self._servers: list[asyncio.Server] = []
        self._back: asyncio.TimerHandle | None = None
        self._opening: set[asyncio.Task[None]] = set()
        instrument.on_reboot = self.reboot

    async def open(self) -> None:
        """Listen at every door; a port that was 0 is then the one it got."""
        for kind, door in self._doors.items():
            server = await door.listen(self.ports[kind], self._host)
            self.ports[kind] = server.sockets[0].getsockname()[1]
            self._servers.append(server)

    def close(self) -> None:
        """Stop listening, and end all connections."""
        for server in self._servers:
            server.close()
        self._servers.clear()
        for door in self._doors.values():
            door.hang_up()

    def reboot(self, seconds: float) -> None:
        """Be gone for so many seconds of wall time."""
        self.close()
        if self._back is not None:
            self._back.cancel()
        self._back = asyncio.get_running_loop().call_later(seconds, self._come_back)

    def _come_back(self) -> None:
        """Listen again at the same ports."""
        task = asyncio.get_running_loop().create_task(self.open())
        self._opening.add(task)
        task.add_done_callback(self._opening.discard)


async def serve_nodes(
    *documents: Mapping[str, Any],
    host: str = "127.0.0.1",
    stop_at_eof: bool = False,
    announce: Callable[[dict[str, dict[str, int]]], None] | None = None,
) -> None:
    """Serve all instruments of some nodes until cancelled, or until standard input ends.

    Parameters
    ----------
    documents : mapping
        One for each node, see the module; each has a world of its own.
    host : str
        Address to listen on.
    stop_at_eof : bool
        End with the parent, which holds the other end of standard input.
    announce : callable, optional
        Told the ports of every instrument by name and kind of door; prints them as one line
        of JSON unless given.
    """
    nodes = [read_node(document) for document in documents]
    outlets = [
        Outlet(build_instrument(world, each), each, host)
        for world, placed in nodes
        for each in placed
    ]
    for outlet in outlets:
        await outlet.open()
    (announce or _print)({outlet.name: outlet.ports for outlet in outlets})
    ended = asyncio.Event()
    if stop_at_eof:
        # A thread, because not everything that can be standard input can be polled.
        loop = asyncio.get_running_loop()
        threading.Thread(target=_until_eof, args=(loop, ended), daemon=True).start()
    try:
        while not ended.is_set():
            for world, _ in nodes:
                world.catch_up()
            try:
                await asyncio.wait_for(ended.wait(), HEARTBEAT_S)
            except TimeoutError:
                continue
    finally:
        for outlet in outlets:
            outlet.close()


def _print(ports: dict[str, dict[str, int]]) -> None:
    """Tell the ports on standard output."""
    print(json.dumps(ports), flush=True)


def _until_eof(loop: asyncio.AbstractEventLoop, ended: asyncio.Event) -> None:
    """Wait for the end of standard input: the parent closed it, or is dead."""
    while os.read(sys.stdin.fileno(), 1024):
        pass
    loop.call_soon_threadsafe(ended.set)
