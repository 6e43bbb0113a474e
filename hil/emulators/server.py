"""A SCPI instrument on a raw socket, with a watchdog and replies that go wrong.

Lines are bounded: an overlong one is thrown away as it arrives, never collected.
"""

import asyncio
import socket
import struct
from collections import deque
from collections.abc import Callable
from typing import Protocol

from .faults import ReplyFault

MAX_LINE = 4096  # bytes, line end included


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
    """One client: cuts its bytes into lines, and sends the answers back."""

    def __init__(self, server: "InstrumentServer") -> None:
        self._server = server
        self._buffer = b""
        self._overlong = False
        self._late: asyncio.TimerHandle | None = None
        self._waiting: deque[bytes] = deque()
        self._thinks: asyncio.TimerHandle | None = None
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send without waiting for more to send."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self._server.connections.add(self)
        endpoint: socket.socket = transport.get_extra_info("socket")
        endpoint.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget what was still to be sent."""
        self._server.connections.discard(self)
        for timer in (self._late, self._thinks):
            if timer is not None:
                timer.cancel()
        self._waiting.clear()

    def pause_writing(self) -> None:
        """Stop listening to a client that does not read."""
        self.transport.pause_reading()

    def resume_writing(self) -> None:
        """Listen again."""
        self.transport.resume_reading()

    def data_received(self, data: bytes) -> None:
        """Carry out every complete line."""
        *lines, rest = (self._buffer + data).split(b"\n")
        self._waiting.extend(lines)
        if self._thinks is None:
            self._work()
        if self.transport.is_closing():
            return
        self._server.heard()
        if len(rest) >= MAX_LINE:
            self._overlong, rest = True, b""
        self._buffer = rest

    def _work(self) -> None:
        """Carry out the lines that wait, one after the other; each takes its time."""
        self._thinks = None
        waiting = self._waiting
        while waiting and not self.transport.is_closing():
            self._take_line(waiting.popleft())
            if self._thinks is not None:
                self.transport.pause_reading()
                return

    def _answer(self, reply: bytes, seconds: float) -> None:
        """Send a reply when the instrument has found it, then go on."""

        def answer() -> None:
            self.send(reply)
            self.transport.resume_reading()
            self._work()

        self._thinks = asyncio.get_running_loop().call_later(seconds, answer)

    def send(self, reply: bytes) -> None:
        """Send a reply as it is."""
        self.transport.write(reply)

    def send_later(self, reply: bytes, seconds: float) -> None:
        """Send a reply when its time has come, unless another message comes before."""

        def send_now() -> None:
            self._late = None
            self.send(reply)

        self._late = asyncio.get_running_loop().call_later(seconds, send_now)

    def _take_line(self, line: bytes) -> None:
        """Carry out one line, and answer it well or badly."""
        instrument = self._server.instrument
        if self._overlong or len(line) >= MAX_LINE:
            self._overlong = False
            instrument.report(-363)
            return
        if self._late is not None:
            # IEEE 488.2, 6.3.2.3: a new message before the answer was read clears the answer.
            self._late.cancel()
            self._late = None
            instrument.report(-410)
        fault = instrument.reply_fault
        answer = instrument.execute(line.rstrip(b"\r").decode("latin-1"))
        if answer is None:
            return
        reply = answer.encode("ascii") + b"\n"
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


class InstrumentServer:
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

    async def listen(self, port: int = 0, host: str = "127.0.0.1") -> asyncio.Server:
        """Accept clients; port 0 takes any free one."""
        loop = asyncio.get_running_loop()
        return await loop.create_server(lambda: Connection(self), host, port)

    def hang_up(self) -> None:
        """End all connections."""
        for connection in list(self.connections):
            connection.transport.abort()
