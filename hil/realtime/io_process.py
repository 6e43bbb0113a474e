"""The process that speaks to the devices in real time: one thread for each node.

A device that hangs holds up its own thread and nobody else's.
"""

import math
import selectors
import signal
import socket
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from multiprocessing.connection import Connection
from typing import Any, NamedTuple

from hil.errors import BenchError, DeviceError, UnsafeError

from .board import NO_READING, Board, Row
from .energy import EnergyCount
from .frozen import watch_of
from .messages import Broken, Failed, Inject, Quieted, Ready, Refused, Stop
from .node import Node, NodeAsked

SWITCH_S = 0.0002
"""Longest that one thread keeps the others waiting: with Python's own 5 ms a busy thread makes
a device of 2 ms one of 8 ms. [s]"""
_LOOK_S = 0.25
"""How often the process shows that it lives, also while nothing is asked. [s]"""
_PATIENCE_S = 1.0
"""How long a thread may still speak to its device when the end has come. [s]"""


class LiveBench(NamedTuple):
    """Devices that are open and may be energised.

    Attributes
    ----------
    nodes : mapping of str to Node
    beat : callable
        Shows the guardian that this process lives.
    """

    nodes: Mapping[str, Node]
    beat: Callable[[], None]


Opener = Callable[[], AbstractContextManager[LiveBench]]


class Settings(NamedTuple):
    """What the process is told when it starts.

    Attributes
    ----------
    opener : callable
        Opens the devices; they are safe when its block has ended. It travels by pickle.
    names : tuple of str
        Nodes in the order of the board.
    board : str
        Name of the board's memory.
    quiet_s : float
        Devices are made safe when the run has asked nothing for so long. [s]
    """

    opener: Opener
    names: tuple[str, ...]
    board: str
    quiet_s: float


def drive(settings: Settings, bell: socket.socket, pipe: "Connection[Any, Any]") -> None:
    """Speak to the devices until told to stop, or until whoever started this is gone."""
    sys.setswitchinterval(SWITCH_S)
    # Ctrl-C in a terminal reaches every process of the run; the run decides.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with Board(len(settings.names), name=settings.board) as board, bell, pipe:
        office = _Office(board, pipe)
        signal.signal(signal.SIGTERM, lambda number, frame: office.end())
        try:
            with settings.opener() as bench:
                _attend(settings, bench, office, bell, pipe)
        except BaseException as failure:
            office.say(Broken(_portable(failure)))


def _attend(
    settings: Settings,
    bench: LiveBench,
    office: "_Office",
    bell: socket.socket,
    pipe: "Connection[Any, Any]",
) -> None:
    """Pass on what comes to the threads of the nodes, until the end."""
    clerks = {
        name: _Clerk(row, bench.nodes[name], office, settings.quiet_s)
        for row, name in enumerate(settings.names)
    }
    threads = [threading.Thread(target=clerk.serve, daemon=True) for clerk in clerks.values()]
    for thread in threads:
        thread.start()
    bell.setblocking(False)
    with selectors.DefaultSelector() as waiting:
        waiting.register(bell, selectors.EVENT_READ)
        waiting.register(pipe, selectors.EVENT_READ)
        while not office.ended:
            for key, _ in waiting.select(_LOOK_S):
                if key.fileobj is pipe:
                    _take(pipe, clerks, office)
                elif not bell.recv(4096):
                    office.end()  # the run is gone
            office.ring()
            bench.beat()
    office.ring()
    for thread in threads:
        thread.join(_PATIENCE_S)
    if office.unsafe is not None:
        raise office.unsafe


def _take(pipe: "Connection[Any, Any]", clerks: "Mapping[str, _Clerk]", office: "_Office") -> None:
    """Take one command."""
    try:
        command = pipe.recv()
    except (EOFError, OSError):
        command = Stop()
    if isinstance(command, Inject):
        clerks[command.name].commands.append(command)
    else:
        office.end()


class _Office:
    """What the threads share: the board, the way back to the run, and the bell."""

    def __init__(self, board: Board, pipe: "Connection[Any, Any]") -> None:
        self.board, self._pipe = board, pipe
        self.ended = False
        self.unsafe: UnsafeError | None = None
        self._bell, self._rung = threading.Condition(), 0
        self._unready: set[str] = set()
        self._speaking = threading.Lock()

    def say(self, message: object) -> None:
        """Send a message to the run; when it is gone, nobody needs it."""
        with self._speaking:
            try:
                self._pipe.send(message)
                self.board.message()
            except OSError:
                self.ended = True

    def ring(self) -> None:
        """Wake all threads."""
        with self._bell:
            self._rung += 1
            self._bell.notify_all()

    def listen(self, heard: int, longest_s: float) -> int:
        """Wait until the bell rings again; return how often it has."""
        with self._bell:
            self._bell.wait_for(lambda: self._rung != heard or self.ended, longest_s)
            return self._rung

    def end(self) -> None:
        """Have everybody stop."""
        self.ended = True

    def expect(self, name: str) -> None:
        """Wait for a node before the bench is ready."""
        self._unready.add(name)

    def settle(self, name: str) -> None:
        """Note that a node was tried; the last one makes the bench ready."""
        with self._bell:
            if name not in self._unready:
                return
            self._unready.discard(name)
            ready = not self._unready
        if ready:
            self.say(Ready())


class _Clerk:
    """Tells and reads one node, in a thread of its own."""

    def __init__(self, row: int, node: Node, office: _Office, quiet_s: float) -> None:
        self.commands: deque[Inject] = deque()
        self._row, self._node, self._office, self._quiet_s = row, node, office, quiet_s
        self._energy, self._last = EnergyCount(node.p_most_kw), NO_READING
        self._frozen = watch_of(node)
        self._because: str | None = None
        self._told, self._told_s, self._quiet = 0, time.monotonic(), False
        office.expect(node.name)

    def serve(self) -> None:
        """Tell and read at every ring of the bell; read also in between."""
        heard = 0
        between_s = self._node.on_loss.after_s / 3.0
        while not self._office.ended:
            self._attempt(self._obey)
            self._attempt(self._exchange)
            self._office.settle(self._node.name)
            heard = self._office.listen(heard, between_s)
        self._attempt(self._obey)  # faults that end with the run

    def _attempt(self, act: Callable[[], None]) -> None:
        """Do something that may fail, and go on."""
        try:
            act()
        except UnsafeError as failure:
            self._office.unsafe = failure
            self._office.end()
        except Exception as failure:
            # Any: also a user's driver must not end the thread of its node.
            because = str(failure) if isinstance(failure, BenchError) else repr(failure)
            if because != self._because:
                self._because = because
                self._office.say(Failed(self._node.name, because))

    def _obey(self) -> None:
        """Have the device misbehave as told, or behave again."""
        while self.commands:
            command = self.commands.popleft()
            try:
                if command.fault is None:
                    self._node.clear_faults()
                else:
                    self._node.inject(command.fault, *command.values)
            except BenchError as failure:
                refused = Refused(self._node.name, str(failure), time.monotonic())
                self._office.say(refused)

    def _exchange(self) -> None:
        """Tell the devices what is new, and read them."""
        self._tell()
        measured_s = time.monotonic()
        reading = self._node.read()
        frozen = self._frozen.see(reading, self._node.told_kw, measured_s)
        if frozen is not None:
            raise DeviceError(f"{self._node.name}: {frozen}")
        held_kw, passed_s = self._last.p_kw, measured_s - self._last.measured_s
        on_loss = self._node.on_loss
        if math.isinf(passed_s) or (passed_s > on_loss.after_s and on_loss.action != "hold"):
            held_kw = 0.0
        self._energy.step(held_kw, 0.0 if math.isinf(passed_s) else passed_s, reading.energy_kwh)
        self._last = Row(
            reading.p_kw, reading.q_kvar, reading.tripped, self._energy.total_kwh, measured_s
        )
        self._office.board.write(self._row, self._last)
        self._because = None

    def _tell(self) -> None:
        """Tell the devices what the tick asks, once; make them safe when no tick comes."""
        found, now_s = self._office.board.asked(), time.monotonic()
        if found is None:
            return
        count, asked = found
        if count != self._told:
            row = self._row
            asked_of_node = NodeAsked(
                float(asked.available_kw[row]),
                float(asked.limit_kw[row]),
                float(asked.vm_pu[row]),
                asked.f_hz,
            )
            self._node.tell(asked_of_node, now_s - self._told_s)
            self._told, self._told_s, self._quiet = count, now_s, False
        elif count and not self._quiet and now_s - self._told_s > self._quiet_s:
            self._node.make_safe()
            self._quiet = True
            because = f"no tick for {self._quiet_s:g} s"
            self._office.say(Quieted(self._node.name, because, now_s))


def _portable(failure: BaseException) -> Exception:
    """Make an error that travels by pickle, whatever it was."""
    kind = type(failure) if isinstance(failure, BenchError) else DeviceError
    text = str(failure) if isinstance(failure, BenchError) else repr(failure)
    return kind("; ".join([text, *getattr(failure, "__notes__", ())]))
