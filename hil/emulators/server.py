"""What every door of an instrument does: messages in turn, replies that take time or go wrong.

A door cuts bytes into messages and turns each into a reply; `Connection` sees to it that
replies come in order, after the time the instrument takes, and spoilt where a fault says so.
`InstrumentServer` is the plainest door, lines on a raw socket.
"""

import asyncio
import socket
import struct
from collections import deque
from collections.abc import Callable, Iterable
from typing import Protocol

from .faults import ReplyFault

MAX_LINE = 4096  # bytes, line end included
_OVERLONG = b" " * MAX_LINE


class Served(Protocol):
    """What the server needs of an instrument."""

    reply_fault: ReplyFault | None

    @property
    def watchdog_s(self) -> float:
        """How long the bench may be silent; 0 for ever. [s]"""

    def execute(self, line: str) -> str | None:
        """Carry out one message."""

    def report(self, code: int, detail: str = "") -> None:
        """Put an error into the queue."""

    def revert(self) -> None:
        """Fall back because the bench is silent."""

    def latency_s(self) -> float:
        """How long this reply takes. [s]"""

    def status_byte(self) -> int:
        """Sum up what waits (IEEE 488.2, 11.2)."""


class Watch:
    """Has an instrument fall back when nobody has spoken to it for as long as it was told."""

    def __init__(self, instrument: Served) -> None:
        self._instrument = instrument
        self._heard_s = self._armed_s = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def heard(self) -> None:
        """Note that the bench is there, and watch for its silence while the watchdog is armed."""
        armed_s = self._instrument.watchdog_s
        if armed_s != self._armed_s and self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._armed_s = armed_s
        if armed_s > 0:
            loop = asyncio.get_running_loop()
            self._heard_s = loop.time()
            if self._timer is None:
                self._timer = loop.call_later(armed_s, self._look)

    def _look(self) -> None:
        """Have the instrument fall back when the silence has lasted too long."""
        self._timer = None
        loop = asyncio.get_running_loop()
        left_s = self._heard_s + self._armed_s - loop.time()
        if left_s > 0:
            self._timer = loop.call_later(left_s, self._look)
        else:
            self._instrument.revert()


class Connection(asyncio.Protocol):
    """One client: its messages are carried out in turn.

    Parameters
    ----------
    instrument : Served
        Who carries them out.
    heard : callable
        Feeds the watchdog.
    connections : set
        Of the door; it is in there while it lasts.
    """

    def __init__(
        self, instrument: Served, heard: Callable[[], None], connections: "set[Connection]"
    ) -> None:
        self.instrument = instrument
        self._heard, self._connections = heard, connections
        self._late: set[asyncio.TimerHandle] = set()
        self._waiting: deque[bytes] = deque()
        self._thinks: asyncio.TimerHandle | None = None
        self.transport: asyncio.Transport

    def cut(self, data: bytes) -> Iterable[bytes]:
        """Cut what came into whole messages, and keep the rest."""
        raise NotImplementedError

    def carry_out(self, message: bytes) -> bytes | None:
        """Turn a message into its reply."""
        raise NotImplementedError

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send without waiting for more to send."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self._connections.add(self)
        endpoint: socket.socket = transport.get_extra_info("socket")
        endpoint.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget what was still to be sent."""
        self._connections.discard(self)
        self.forget()

    def pause_writing(self) -> None:
        """Stop listening to a client that does not read."""
        self.transport.pause_reading()

    def resume_writing(self) -> None:
        """Listen again."""
        self.transport.resume_reading()

    def data_received(self, data: bytes) -> None:
        """Carry out every complete message."""
        self._waiting.extend(self.cut(data))
        if self._thinks is None:
            self._work()
        if not self.transport.is_closing():
            self._heard()

    def send(self, reply: bytes) -> None:
        """Send a reply as it is."""
        self.transport.write(reply)

    def send_later(self, reply: bytes, seconds: float) -> None:
        """Send a reply when its time has come."""

        def send_now() -> None:
            self._late.discard(timer)
            self.send(reply)

        timer = asyncio.get_running_loop().call_later(seconds, send_now)
        self._late.add(timer)

    def take_back(self) -> bool:
        """Take back replies that are late; say whether there were any."""
        late = bool(self._late)
        for timer in self._late:
            timer.cancel()
        self._late.clear()
        return late

    def forget(self) -> None:
        """Forget all that waits."""
        self._waiting.clear()
        self.take_back()
        if self._thinks is not None:
            self._thinks.cancel()
            self._thinks = None

    def _work(self) -> None:
        """Carry out the messages that wait, one after the other; each takes its time."""
        self._thinks = None
        waiting = self._waiting
        while waiting and not self.transport.is_closing():
            self._take(waiting.popleft())
            if self._thinks is not None:
                self.transport.pause_reading()
                return

    def _take(self, message: bytes) -> None:
        """Carry out one message, and answer it well or badly."""
        instrument = self.instrument
        fault = instrument.reply_fault
        reply = self.carry_out(message)
        if reply is None:
            return
        # The answer to the message that orders a fault, or ends it, is a good one.
        if fault is None or fault is not instrument.reply_fault:
            seconds = instrument.latency_s()
            if seconds > 0.0:
                self._answer(reply, seconds)
            else:
                self.send(reply)
            return
        fault.left -= 1
        if fault.left == 0:
            instrument.reply_fault = None
        SPOIL[fault.name](self, reply, fault.seconds)

    def _answer(self, reply: bytes, seconds: float) -> None:
        """Send a reply when the instrument has found it, then go on."""

        def answer() -> None:
            self.send(reply)
            self.transport.resume_reading()
            self._work()

        self._thinks = asyncio.get_running_loop().call_later(seconds, answer)


class Lines(Connection):
    """One client of a raw socket: lines in, lines out.

    Lines are bounded: an overlong one is thrown away as it arrives, never collected.
    """

    _buffer = b""
    _overlong = False

    def cut(self, data: bytes) -> Iterable[bytes]:
        """Cut into lines; an overlong one has become one byte more than the longest."""
        *lines, rest = (self._buffer + data).split(b"\n")
        if self._overlong and lines:
            self._overlong, lines[0] = False, _OVERLONG
        if self._overlong or len(rest) >= MAX_LINE:
            self._overlong, rest = True, b""
        self._buffer = rest
        return lines

    def carry_out(self, message: bytes) -> bytes | None:
        """Carry out one line."""
        instrument = self.instrument
        if len(message) >= MAX_LINE:
            instrument.report(-363)
            return None
        if self.take_back():
            # IEEE 488.2, 6.3.2.3: a new message before the answer was read clears the answer.
            instrument.report(-410)
        answer = instrument.execute(message.rstrip(b"\r").decode("latin-1"))
        return None if answer is None else answer.encode("ascii") + b"\n"


def _reset(connection: Connection) -> None:
    """Close with RST instead of FIN."""
    endpoint: socket.socket = connection.transport.get_extra_info("socket")
    endpoint.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.transport.abort()


SPOIL: dict[str, Callable[[Connection, bytes, float], None]] = {
    "DROP": lambda connection, reply, seconds: None,
    "DELAY": lambda connection, reply, seconds: connection.send_later(reply, seconds),
    "GARBAGE": lambda connection, reply, seconds: connection.send(b"\xfe\x00#!\xff\n"),
    "TORN": lambda connection, reply, seconds: connection.send(reply[: len(reply) // 2]),
    "DOUBLE": lambda connection, reply, seconds: connection.send(2 * reply),
    "CLOSE": lambda connection, reply, seconds: connection.transport.close(),
    "RESET": lambda connection, reply, seconds: _reset(connection),
}
"""What each of `faults.REPLY_FAULTS` does."""


class Door:
    """Serves one instrument to any number of clients.

    Parameters
    ----------
    instrument : Served
        Who carries out the messages; it is the same for every client.
    watch : Watch, optional
        Shared with the instrument's other doors.
    """

    def __init__(self, instrument: Served, watch: Watch | None = None) -> None:
        self.instrument = instrument
        self.connections: set[Connection] = set()
        self.heard = (watch or Watch(instrument)).heard

    def connect(self) -> Connection:
        """Make the connection of a new client."""
        raise NotImplementedError

    async def listen(self, port: int = 0, host: str = "127.0.0.1") -> asyncio.Server:
        """Accept clients; port 0 takes any free one."""
        return await asyncio.get_running_loop().create_server(self.connect, host, port)

    def hang_up(self) -> None:
        """End all connections."""
        for connection in list(self.connections):
            connection.transport.abort()


class InstrumentServer(Door):
    """The raw socket."""

    def connect(self) -> Connection:
        """Make the connection of a new client."""
        return Lines(self.instrument, self.heard, self.connections)
