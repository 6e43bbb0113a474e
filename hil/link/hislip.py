"""HiSLIP that pyvisa-py opened: its messages are numbered, and every number is checked here.

The protocol is IVI-6.1 (HiSLIP 1.1, 2024), synchronised mode; section numbers below are its own.
pyvisa-py connects, initialises and sends. Its own read waits anew for every piece, drops what
does not fit without a bound and reports a peer that is gone as a RuntimeError, so messages are
read here.
"""

import select
import socket
import struct
import time
from typing import Any

from .address import Address
from .raw_socket import socket_of
from .sessions import open_session
from .transport import MAX_LINE, Lost, Overlong, Silent

_HEADER = struct.Struct("!2sBBIQ")  # 2.5: prologue, type, control code, parameter, payload length
_ERROR, _FATAL, _DATA, _DATA_END, _INTERRUPTED = 3, 2, 6, 7, 13  # 2.7, table 4
_UNNUMBERED = 0xFFFF_FFFF  # 3.1.2: the device does not say which message it answers


class HiSlip:
    """Lines over HiSLIP; see `Transport`."""

    remembers = False

    def __init__(self, address: Address, *, timeout_s: float) -> None:
        # pyvisa-py waits 5 s for each step of connecting.
        refuse_absent(address, timeout_s)
        self._resource = open_session(address.text, backend="@py", timeout_s=timeout_s)
        self._instrument = socket_of(self._resource)
        self._socket: Any = self._instrument._sync

    def send(self, data: bytes) -> None:
        """Send whole lines as one message."""
        try:
            self._instrument.send(data)
        except OSError as failure:
            raise Lost(f"connection lost: {failure}") from failure

    def receive(self, wait_s: float) -> bytes:
        """Wait for the message that answers the last one sent; older ones are dropped."""
        deadline_s = time.monotonic() + wait_s
        line, ended = b"", False
        while not ended:
            kind, number, payload = self._message(deadline_s)
            if kind not in (_DATA, _DATA_END):
                raise Lost(f"HiSLIP message {kind}: {payload[:80]!r}")
            if number == _UNNUMBERED:
                raise Lost("the device does not number its HiSLIP answers")
            if number != self._instrument.last_message_id:
                line = b""
                continue
            line += payload
            if len(line) > MAX_LINE:
                raise Overlong(line[:80])
            ended = kind == _DATA_END
        # 3.1.1: the next message tells the device that this answer was read to its end.
        self._instrument._rmt = 1
        return line if line.endswith(b"\n") else line + b"\n"

    def unasked(self) -> bytes:
        """Look at what lies there unread; older answers, which their number gives away, pass."""
        while select.select([self._socket], [], [], 0)[0]:
            kind, number, payload = self._message(time.monotonic() + 0.1)
            if kind not in (_DATA, _DATA_END) or number == _UNNUMBERED:
                return payload or b"HiSLIP message %d" % kind
            if number == self._instrument.last_message_id:
                return payload
        return b""

    def close(self) -> None:
        """Close pyvisa's session."""
        self._resource.close()

    def _message(self, deadline_s: float) -> tuple[int, int, bytes]:
        """Read one message: its type, its number and what it carries."""
        prologue, kind, _, number, length = _HEADER.unpack(self._exactly(_HEADER.size, deadline_s))
        if prologue != b"HS":
            raise Lost(f"no HiSLIP message: it begins with {prologue!r}")
        if length > MAX_LINE:
            raise Overlong(b"a message of %d bytes" % length)
        return kind, number, self._exactly(length, deadline_s)

    def _exactly(self, count: int, deadline_s: float) -> bytes:
        """Read so many bytes, no more."""
        data = b""
        while len(data) < count:
            self._socket.settimeout(max(1e-4, deadline_s - time.monotonic()))
            try:
                piece = self._socket.recv(count - len(data))
            except TimeoutError:
                raise Silent(data) from None
            except OSError as failure:
                raise Lost(f"connection lost: {failure}") from failure
            if not piece:
                raise Lost("the device closed the connection")
            data += piece
        return data


def refuse_absent(address: Address, timeout_s: float) -> None:
    """Knock at the port, and hang up.

    Raises
    ------
    Lost
        Nobody opens.
    """
    assert address.host is not None
    assert address.port is not None
    try:
        socket.create_connection((address.host, address.port), timeout=timeout_s).close()
    except OSError as failure:
        raise Lost(f"cannot open {address}: {failure}") from failure
