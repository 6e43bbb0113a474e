"""A SCPI instrument on a raw loopback socket, with a watchdog and replies that go wrong.

Lines are bounded: an overlong one is thrown away as it arrives, never collected.
"""

import asyncio
import os
import socket
import struct
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

MAX_LINE = 4096  # bytes, line end included


@dataclass(slots=True)
class ReplyFault:
    """What goes wrong with the next replies.

    Attributes
    ----------
    name : str
        One of `REPLY_FAULTS`.
    left : int
        How many replies it still spoils.
    seconds : float
        How long a delayed reply waits. [s]
    """

    name: str
    left: int
    seconds: float


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


class Connection(asyncio.Protocol):
    """One client: cuts its bytes into lines, and sends the answers back."""

    def __init__(self, server: "InstrumentServer") -> None:
        self._server = server
        self._buffer = b""
        self._overlong = False
        self._late: asyncio.TimerHandle | None = None
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
        if self._late is not None:
            self._late.cancel()

    def pause_writing(self) -> None:
        """Stop listening to a client that does not read."""
        self.transport.pause_reading()

    def resume_writing(self) -> None:
        """Listen again."""
        self.transport.resume_reading()

    def data_received(self, data: bytes) -> None:
        """Carry out every complete line."""
        *lines, rest = (self._buffer + data).split(b"\n")
        for line in lines:
            self._take_line(line)
            if self.transport.is_closing():
                return
        self._server.heard()
        if len(rest) >= MAX_LINE:
            self._overlong, rest = True, b""
        self._buffer = rest

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
            self.send(reply)
            return
        fault.left -= 1
        if fault.left == 0:
            instrument.reply_fault = None
        REPLY_FAULTS[fault.name](self, reply, fault.seconds)


def _reset(connection: Connection) -> None:
    """Close with RST instead of FIN."""
    endpoint: socket.socket = connection.transport.get_extra_info("socket")
    endpoint.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.transport.abort()


REPLY_FAULTS: dict[str, Callable[[Connection, bytes, float], None]] = {
    "DROP": lambda connection, reply, seconds: None,
    "DELAY": lambda connection, reply, seconds: connection.send_later(reply, seconds),
    "GARBAGE": lambda connection, reply, seconds: connection.send(b"\xfe\x00#!\xff\n"),
    "TORN": lambda connection, reply, seconds: connection.send(reply[: len(reply) // 2]),
    "DOUBLE": lambda connection, reply, seconds: connection.send(2 * reply),
    "CLOSE": lambda connection, reply, seconds: connection.transport.close(),
    "RESET": lambda connection, reply, seconds: _reset(connection),
}


class InstrumentServer:
    """Serves one instrument to any number of clients on 127.0.0.1.

    Parameters
    ----------
    instrument : Served
        Who carries out the messages; it is the same for every client.
    """

    def __init__(self, instrument: Served) -> None:
        self.instrument = instrument
        self.connections: set[Connection] = set()
        self._heard_s = self._armed_s = 0.0
        self._watch: asyncio.TimerHandle | None = None

    async def listen(self, port: int = 0) -> asyncio.Server:
        """Accept clients on 127.0.0.1; port 0 takes any free one."""
        loop = asyncio.get_running_loop()
        return await loop.create_server(lambda: Connection(self), "127.0.0.1", port)

    async def serve(self, port: int = 0, *, stop_at_eof: bool = False) -> None:
        """Print the port and serve until cancelled, or until standard input ends."""
        loop = asyncio.get_running_loop()
        server = await self.listen(port)
        print(server.sockets[0].getsockname()[1], flush=True)
        async with server:
            if not stop_at_eof:
                await server.serve_forever()
            ended = asyncio.Event()
            # A thread, because not everything that can be standard input can be polled.
            threading.Thread(target=_until_eof, args=(loop, ended), daemon=True).start()
            await ended.wait()
        for connection in list(self.connections):
            connection.transport.abort()

    def heard(self) -> None:
        """Note that the bench is there, and watch for its silence while the watchdog is armed."""
        armed_s = self.instrument.watchdog_s
        if armed_s != self._armed_s and self._watch is not None:
            self._watch.cancel()
            self._watch = None
        self._armed_s = armed_s
        if armed_s > 0:
            loop = asyncio.get_running_loop()
            self._heard_s = loop.time()
            if self._watch is None:
                self._watch = loop.call_later(armed_s, self._look)

    def _look(self) -> None:
        """Have the instrument fall back when the silence has lasted too long."""
        self._watch = None
        loop = asyncio.get_running_loop()
        left_s = self._heard_s + self._armed_s - loop.time()
        if left_s > 0:
            self._watch = loop.call_later(left_s, self._look)
        else:
            self.instrument.revert()


def _until_eof(loop: asyncio.AbstractEventLoop, ended: asyncio.Event) -> None:
    """Wait for the end of standard input: the parent closed it, or is dead."""
    while os.read(sys.stdin.fileno(), 1024):
        pass
    loop.call_soon_threadsafe(ended.set)
