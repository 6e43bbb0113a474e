"""A TCP socket that carries Modbus frames; what stands above it sees whole ones only."""

import socket
import time

from hil.link.raw_socket import Stream, prepare, take
from hil.link.transport import Lost, Overlong, Transport

from .address import Place
from .frames import LONGEST, Strange, length_of


class ModbusWire(Stream):
    """Frames over TCP; see `hil.link.transport.Transport`."""

    def __init__(self, place: Place, *, timeout_s: float) -> None:
        try:
            self._socket = socket.create_connection((place.host, place.port), timeout_s)
        except OSError as failure:
            raise Lost(f"cannot open {place}: {failure}") from failure
        try:
            prepare(self._socket, timeout_s)
        except OSError as failure:
            self.close()
            raise Lost(f"cannot open {place}: {failure}") from failure

    def receive(self, wait_s: float) -> bytes:
        """Wait for a frame; more than one if more came at once."""
        deadline_s, frame = time.monotonic() + wait_s, b""
        while (length := _length(frame)) is None or len(frame) < length:
            self._socket.settimeout(max(1e-4, deadline_s - time.monotonic()))
            frame += take(self._socket, frame)
            if len(frame) > 2 * LONGEST:
                raise Overlong(frame[:80])
        return frame

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()


def _length(start: bytes) -> int | None:
    """Length of the frame that begins like this; what is none breaks the connection."""
    try:
        return length_of(start)
    except Strange as why:
        raise Lost(str(why)) from why


def open_wire(place: Place, timeout_s: float, after_doubt: bool) -> Transport:
    """Open the wire; a new socket holds nothing of an earlier one, so a doubt changes nothing."""
    return ModbusWire(place, timeout_s=timeout_s)
