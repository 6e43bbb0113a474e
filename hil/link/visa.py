"""The one door to pyvisa: lines to a device and back, never one answer for another question.

pyvisa-py hands a late answer to the next query, spins until its timeout when the peer is
gone, and never recovers a broken session. So this link waits on the session's socket itself,
tags every query, and after any fault closes, opens anew and asks who is there.
"""

import math
import os
import select
import socket
import time
import warnings
from typing import TYPE_CHECKING, Any, Self

from hil.errors import DeviceError, IdentityError, LinkError

if TYPE_CHECKING:
    from types import TracebackType

MAX_LINE = 4096  # bytes, line end included; a compound answer of an inverter has under 200


def open_link(
    address: str,
    *,
    timeout_s: float = 1.0,
    expected_identity: str | None = None,
    name: str | None = None,
) -> "VisaLink":
    """Connect to the device at a VISA address and make sure that it is the one expected.

    Parameters
    ----------
    address : str
        ``TCPIP0::<host>::<port>::SOCKET``.
    timeout_s : float
        Longest wait for a complete answer, and for the connection. [s]
    expected_identity : str, optional
        The answer to ``*IDN?``, in full; checked on every connect. Without it the first
        device to answer is taken, and from then on it must stay the same.
    name : str, optional
        What messages call the device; its address unless given.

    Raises
    ------
    LinkError
        Nobody answers there.
    IdentityError
        Somebody else does.
    """
    link = VisaLink(address, timeout_s=timeout_s, expected_identity=expected_identity, name=name)
    link.connect()
    return link


class VisaLink:
    """Lines over pyvisa's raw socket; see `open_link`.

    Attributes
    ----------
    connects : int
        How often it connected; more than once means that it lost the device in between.
    identity : str or None
        Who answered ``*IDN?``.
    """

    def __init__(
        self,
        address: str,
        *,
        timeout_s: float,
        expected_identity: str | None,
        name: str | None,
    ) -> None:
        if not (math.isfinite(timeout_s) and timeout_s > 0):
            raise ValueError(f"{address}: a timeout of {timeout_s} s; expected more than 0 s")
        if not address.upper().startswith("TCPIP") or not address.upper().endswith("::SOCKET"):
            raise ValueError(f"{address!r} is no address TCPIP0::<host>::<port>::SOCKET")
        self.address, self.timeout_s, self.name = address, timeout_s, name or address
        self.identity, self.connects = expected_identity, 0
        self._resource: Any = None
        self._session: Any = None
        self._socket: Any = None
        self._tag = 0

    def __enter__(self) -> Self:
        """Connected already."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        fault: BaseException | None,
        trace: "TracebackType | None",
    ) -> None:
        """Let go of the device."""
        self.close()

    def connect(self) -> None:
        """Open the connection and check who is there."""
        if self._resource is not None:
            return
        try:
            self._open()
            self._check_identity()
        except BaseException:
            self.drop()
            raise
        self.connects += 1

    def write(self, message: str) -> None:
        """Send one line that has no answer."""
        self.connect()
        try:
            self._refuse_unasked()
            self._send(message)
        except BaseException:
            self.drop()
            raise

    def query(self, message: str) -> str:
        """Send one line and return its answer, proven to be its own.

        Raises
        ------
        LinkError
            No answer in time, or one that does not carry this query's tag.
        DeviceError
            The device found nothing to answer, or answered garbage.

        Notes
        -----
        The tag goes through the event status enable register (IEEE 488.2, 11.5.1.3), which
        every instrument of that standard writes and reads: ``*ESE 7;<message>;*ESE?`` must
        end with ``;7``.
        """
        self._tag = self._tag % 255 + 1
        reply = self.exchange(f"*ESE {self._tag};{message};*ESE?")
        answer, _, tag = reply.rpartition(";")
        if tag != str(self._tag):
            self.drop()
            raise LinkError(
                f"{self.name}: {message!r} with tag {self._tag} was answered with {reply!r}; "
                "that answer belongs to something else; the connection was dropped"
            )
        if not answer:
            raise DeviceError(f"{self.name}: no answer to {message!r}; ask SYST:ERR? for why")
        return answer

    def exchange(self, message: str) -> str:
        """Send one line and return the one line that comes next, whatever it answers.

        Raises
        ------
        LinkError
            No line in time, the peer is gone, or there was more than one line.
        DeviceError
            Bytes that are no line of ASCII.
        """
        self.connect()
        try:
            self._refuse_unasked()
            self._send(message)
            return self._receive(message)
        except BaseException:
            self.drop()
            raise

    def drop(self) -> None:
        """Trust nothing more on this connection; the next message opens another."""
        resource = self._resource
        self._resource = self._session = self._socket = None
        if resource is not None:
            resource.close()

    def close(self) -> None:
        """Let go of the device."""
        self.drop()

    def _open(self) -> None:
        """Open pyvisa's session, and take its socket to wait on."""
        with warnings.catch_warnings():
            # pyvisa-py warns of extras that a raw socket does without.
            warnings.simplefilter("ignore")
            import pyvisa

            manager = pyvisa.ResourceManager("@py")
            resource: Any = None
            try:
                resource = manager.open_resource(
                    self.address, open_timeout=max(1, round(1000 * self.timeout_s))
                )
                resource.timeout = 1000 * self.timeout_s
                # pyvisa-py's own session: its read and write without pyvisa's bookkeeping
                # around them, which costs as much again.
                self._session = resource.visalib.sessions[resource.session]
                self._socket = self._session.interface
                self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._socket.settimeout(self.timeout_s)
                # pyvisa-py calls a refused connection open.
                refused = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
                if refused:
                    raise OSError(refused, os.strerror(refused))
            except Exception as failure:
                # pyvisa-py raises bare Exception when a connection fails.
                self._session = self._socket = None
                if resource is not None:
                    resource.close()
                raise LinkError(f"{self.name}: cannot open {self.address}: {failure}") from failure
        self._resource = resource

    def _check_identity(self) -> None:
        """Ask who is there; a stranger is an error, also when he is new at a known address."""
        self._send("*IDN?")
        identity = self._receive("*IDN?")
        if self.identity is not None and identity != self.identity:
            raise IdentityError(
                f"{self.name}: at {self.address} answers {identity!r}; expected "
                f"{self.identity!r}; nothing else was sent"
            )
        if identity.count(",") != 3:
            raise IdentityError(
                f"{self.name}: *IDN? was answered with {identity!r}; expected maker, model, "
                "serial number and firmware"
            )
        self.identity = identity

    def _refuse_unasked(self) -> None:
        """Refuse to send while something unread lies on the line."""
        if select.select([self._socket], [], [], 0)[0]:
            unasked = self._peek()
            raise LinkError(
                f"{self.name}: {unasked[:80]!r} came unasked; the connection was dropped, "
                "nothing was sent"
            )

    def _send(self, message: str) -> None:
        """Hand one line to pyvisa."""
        data = message.encode("ascii") + b"\n"
        if len(data) > MAX_LINE or data.count(b"\n") > 1:
            raise ValueError(f"{self.name}: {message[:80]!r} is not one line of {MAX_LINE} bytes")
        try:
            written, _ = self._session.write(data)
        except Exception as failure:
            raise LinkError(f"{self.name}: connection lost: {failure}") from failure
        if written != len(data):
            raise LinkError(f"{self.name}: {written} of {len(data)} bytes went out")

    def _receive(self, message: str) -> str:
        """Collect one line within the time allowed."""
        line = self._take(message, b"")
        if not line.endswith(b"\n"):
            line = self._complete(message, line)
        if b"\n" in line[:-1]:
            raise LinkError(f"{self.name}: {message!r} was answered twice: {line[:80]!r}")
        try:
            text = line[:-1].removesuffix(b"\r").decode("ascii")
        except UnicodeDecodeError:
            text = ""
        if not text.isprintable() or not text:
            raise DeviceError(f"{self.name}: {message!r} was answered with {line[:80]!r}")
        return text

    def _complete(self, message: str, line: bytes) -> bytes:
        """Wait for the rest of a torn line, until the time of the whole line is over."""
        deadline_s = time.monotonic() + self.timeout_s
        try:
            while not line.endswith(b"\n"):
                # Zero would make the socket non-blocking.
                self._socket.settimeout(max(1e-4, deadline_s - time.monotonic()))
                line += self._take(message, line)
        finally:
            self._socket.settimeout(self.timeout_s)
        return line

    def _take(self, message: str, before: bytes) -> bytes:
        """Wait for bytes, then let pyvisa read exactly those: it never has to wait."""
        try:
            ready = len(self._peek())
        except TimeoutError:
            heard = f"only {before[:80]!r}" if before else "nothing"
            raise LinkError(
                f"{self.name}: {heard} within {self.timeout_s} s of {message!r}; "
                "the connection was dropped"
            ) from None
        if len(before) + ready > MAX_LINE:
            raise DeviceError(f"{self.name}: {message!r} was answered with over {MAX_LINE} bytes")
        data: bytes = self._session.read(ready)[0]
        return data

    def _peek(self) -> bytes:
        """Look at what has come; a peer that is gone is an error at once."""
        try:
            data: bytes = self._socket.recv(MAX_LINE, socket.MSG_PEEK)
        except TimeoutError:
            raise
        except OSError as failure:
            raise LinkError(f"{self.name}: connection lost: {failure}") from failure
        if not data:
            raise LinkError(f"{self.name}: the device closed the connection")
        return data
