"""A raw TCP socket that pyvisa-py opened, waited on here.

pyvisa-py's own read spins until its timeout when the peer is gone and costs as much again as
the socket; so its session is opened and closed, and bytes go over the session's socket directly.
"""

import os
import select
import socket
import time
from typing import Any

from .address import Address
from .sessions import open_session
from .transport import MAX_LINE, Lost, Overlong, Silent


class Stream:
    """What every use of a TCP socket shares; see `Transport`."""

    remembers = False
    _socket: socket.socket

    def send(self, data: bytes) -> None:
        """Send what is whole."""
        try:
            self._socket.sendall(data)
        except OSError as failure:
            raise Lost(f"connection lost: {failure}") from failure

    def unasked(self) -> bytes:
        """Look, without waiting, at what lies there unread."""
        if not select.select([self._socket], [], [], 0)[0]:
            return b""
        return take(self._socket, b"")


class RawSocket(Stream):
    """Lines over TCP; see `Transport`."""

    def __init__(self, address: Address, *, timeout_s: float) -> None:
        self._resource = open_session(address.text, backend="@py", timeout_s=timeout_s)
        self._socket = socket_of(self._resource)
        self._wait_s = timeout_s
        try:
            prepare(self._socket, timeout_s)
        except OSError as failure:
            self.close()
            raise Lost(f"cannot open {address}: {failure}") from failure

    def receive(self, wait_s: float) -> bytes:
        """Wait for what ends with a line end."""
        if wait_s != self._wait_s:
            self._wait(wait_s)
        line = take(self._socket, b"")
        if not line.endswith(b"\n"):
            line = self._complete(line, wait_s)
        return line

    def close(self) -> None:
        """Close pyvisa's session."""
        self._resource.close()

    def _complete(self, line: bytes, wait_s: float) -> bytes:
        """Wait for the rest of a torn line, until the time of the whole line is over."""
        deadline_s = time.monotonic() + wait_s
        while not line.endswith(b"\n"):
            self._wait(deadline_s - time.monotonic())
            line += take(self._socket, line)
        return line

    def _wait(self, wait_s: float) -> None:
        """Change how long the socket waits; zero would make it non-blocking."""
        self._wait_s = max(1e-4, wait_s)
        self._socket.settimeout(self._wait_s)


def socket_of(resource: Any) -> Any:
    """Take the socket of pyvisa-py's session."""
    return resource.visalib.sessions[resource.session].interface


def prepare(endpoint: socket.socket, timeout_s: float) -> None:
    """Send at once, wait no longer than allowed, and notice that nobody is there.

    Raises
    ------
    OSError
        pyvisa-py calls a refused connection open.
    """
    endpoint.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    endpoint.settimeout(timeout_s)
    refused = endpoint.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    if refused:
        raise OSError(refused, os.strerror(refused))


def take(endpoint: socket.socket, before: bytes) -> bytes:
    """Wait for bytes; a peer that is gone is an error at once."""
    try:
        data = endpoint.recv(MAX_LINE + 1)
    except TimeoutError:
        raise Silent(before) from None
    except OSError as failure:
        raise Lost(f"connection lost: {failure}") from failure
    if not data:
        raise Lost("the device closed the connection")
    if len(before) + len(data) > MAX_LINE:
        raise Overlong((before + data)[:80])
    return data
