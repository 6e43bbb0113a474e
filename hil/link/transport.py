"""What carries a link's lines, whatever the wire: bytes out, one line in, or why not.

A transport says what happened; the link gives it the device's name and the user's words.
"""

from collections.abc import Callable
from typing import Protocol

MAX_LINE = 4096  # bytes, line end included; a compound answer of an inverter has under 200


class Silent(Exception):
    """No whole line in time; what came of one is in `heard`."""

    def __init__(self, heard: bytes = b"") -> None:
        super().__init__()
        self.heard = heard


class Lost(Exception):
    """The other end is gone, or broke the protocol of the wire."""


class Overlong(Exception):
    """More bytes than a line may have; they were not collected."""


class Transport(Protocol):
    """One open connection; after any exception it is closed and never used again.

    Attributes
    ----------
    remembers : bool
        Whether an answer to an earlier connection's question can still arrive on this one, as
        on a serial line; a new socket or a cleared bus has none.
    """

    remembers: bool

    def send(self, data: bytes) -> None:
        """Send whole lines.

        Raises
        ------
        Lost
        """

    def receive(self, wait_s: float) -> bytes:
        """Wait for what ends with a line end; more than one line if more came at once.

        Raises
        ------
        Silent, Lost, Overlong
        """

    def unasked(self) -> bytes:
        """Look, without waiting, at what lies there unread; empty when nothing does.

        Raises
        ------
        Lost
        """

    def close(self) -> None:
        """Let go; never raises."""


Opener = Callable[[bool], Transport]
"""Opens a connection; True after a doubt, when what the device still holds is to be cleared.

Raises `Lost` when nobody is there.
"""
