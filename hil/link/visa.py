"""Lines to a device and back, never one answer for another question.

Plain pyvisa hands a late answer to the next query, spins until its timeout when the peer is
gone, and never recovers a broken session. So this link ties every answer to its question, takes
one line and nothing else, and after any doubt closes, opens anew and asks who is there.
"""

import math
import time
from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, NoReturn, Self

from hil.errors import DeviceError, IdentityError, LinkError

from .address import read_address
from .lines import compound, line_of, text_of
from .options import LinkOptions
from .proofs import Proof, Unproven, proof_of
from .transport import MAX_LINE, Lost, Opener, Overlong, Silent, Transport
from .wires import open_transport

if TYPE_CHECKING:
    from types import TracebackType

_LEFTOVERS = 16  # lines of an earlier session that a serial device may still owe


def open_link(
    address: str,
    *,
    timeout_s: float = 1.0,
    expected_identity: str | None = None,
    name: str | None = None,
    options: LinkOptions | None = None,
    tap: Callable[[Opener], Opener] | None = None,
) -> "VisaLink":
    """Connect to the device at a VISA address and make sure that it is the one expected.

    Parameters
    ----------
    address : str
        Of any kind that `hil.link.address` knows.
    timeout_s : float
        Longest wait for a complete answer, and for the connection. [s]
    expected_identity : str, optional
        The answer to ``*IDN?``, in full; checked on every connect. Without it the first
        device to answer is taken, and from then on it must stay the same.
    name : str, optional
        What messages call the device; its address unless given.
    options : LinkOptions, optional
        Back-end, proof of answers, serial line.
    tap : callable, optional
        Stands between link and wire, as `hil.link.record.Recorder.tap` does.

    Raises
    ------
    LinkError
        Nobody answers there.
    IdentityError
        Somebody else does.
    ValueError
        The address or the timeout is none.
    """
    options = options or LinkOptions()
    opener: Opener = partial(open_transport, read_address(address), timeout_s, options)
    link = VisaLink(
        tap(opener) if tap is not None else opener,
        address=address,
        timeout_s=timeout_s,
        expected_identity=expected_identity,
        name=name,
        proof=proof_of(options.proof),
    )
    link.connect()
    return link


class VisaLink:
    """Lines to one device, one thread at a time; see `open_link`.

    Attributes
    ----------
    connects : int
        How often it connected; more than once means that it lost the device in between.
    identity : str or None
        Who answered ``*IDN?``.
    """

    def __init__(
        self,
        opener: Opener,
        *,
        address: str,
        timeout_s: float,
        expected_identity: str | None,
        name: str | None,
        proof: Proof,
    ) -> None:
        if not (math.isfinite(timeout_s) and timeout_s > 0):
            raise ValueError(f"{address}: a timeout of {timeout_s} s; expected more than 0 s")
        self.address, self.timeout_s, self.name = address, timeout_s, name or address
        self.identity, self.connects = expected_identity, 0
        self._opener, self._proof = opener, proof
        self._transport: Transport | None = None
        self._doubt = self._over = False
        self._asked: tuple[str, float, bool] | None = None

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

    @property
    def is_connected(self) -> bool:
        """Whether the next message goes out without connecting first."""
        return self._transport is not None

    def connect(self) -> None:
        """Open the connection and check who is there."""
        self._connected()

    def write(self, message: str) -> None:
        """Send one line that has no answer."""
        self._say(line_of(self.name, message))

    def write_all(self, messages: Iterable[str]) -> None:
        """Send messages that have no answers as few compound lines, in one go.

        Each begins at the root of the command tree, whether it says so by a colon or not
        (SCPI-99 vol. 1, 6.2.4). What the device makes of them its error queue tells.
        """
        lines = compound(self.name, messages)
        if lines:
            self._say(lines)

    def query(self, message: str) -> str:
        """Send one line and return its answer, proven to be its own.

        Raises
        ------
        LinkError
            No answer in time, or one that cannot be this question's.
        DeviceError
            The device found nothing to answer, or answered garbage.
        """
        if self._proof.alone:
            self._let_go()
        self._say(line_of(self.name, self._proof.wrap(message)))
        return self._proven(message, self._hear(message, self.timeout_s))

    def exchange(self, message: str) -> str:
        """Send one line and return the one line that comes next, whatever it answers.

        Raises
        ------
        LinkError
            No line in time, the peer is gone, or there was more than one line.
        DeviceError
            Bytes that are no line of ASCII.
        """
        self._say(line_of(self.name, message))
        return self._hear(message, self.timeout_s)

    def ask(self, message: str, *, proven: bool = True) -> None:
        """Send a question whose answer `take` fetches; until then nothing else is asked.

        Parameters
        ----------
        message : str
        proven : bool
            The link ties the answer to it, as `query` does; else the caller, as for `exchange`.
        """
        if proven and self._proof.alone:
            self._let_go()
        self._say(line_of(self.name, self._proof.wrap(message) if proven else message))
        self._asked = message, time.monotonic(), proven

    def take(self) -> str:
        """Fetch the answer to what `ask` asked, as `query` or `exchange` would have."""
        if self._asked is None:
            raise LinkError(f"{self.name}: nothing is asked, or the connection was dropped since")
        message, asked_s, proven = self._asked
        self._asked = None
        wait_s = self.timeout_s - (time.monotonic() - asked_s)
        reply = self._hear(message, max(1e-4, wait_s))
        return self._proven(message, reply) if proven else reply

    def drop(self) -> None:
        """Trust nothing more on this connection; the next message opens another."""
        self._doubt = True
        self._let_go()

    def close(self) -> None:
        """Let go of the device for good: whoever is late, in another thread, opens it no more."""
        self._over = True
        self._let_go()

    def _let_go(self) -> None:
        """Close the connection, whose answers are then nobody's."""
        transport, self._transport, self._asked = self._transport, None, None
        if transport is not None:
            transport.close()

    def _connected(self) -> Transport:
        """Open the connection where there is none; a stranger is an error."""
        if self._transport is not None:
            return self._transport
        try:
            self._refuse_after_the_end()
            self._transport = self._opener(self._doubt)
            self._refuse_after_the_end()
            self._check_identity(self._transport)
        except Lost as why:
            self.drop()
            raise LinkError(f"{self.name}: {why}") from why
        except BaseException:
            self.drop()
            raise
        self.connects += 1
        self._doubt = False
        return self._transport

    def _refuse_after_the_end(self) -> None:
        """Refuse a connection that nobody would close."""
        if self._over:
            raise Lost("the connection was given up; open the device anew")

    def _check_identity(self, transport: Transport) -> None:
        """Ask who is there, also when somebody answered at this address before."""
        transport.send(b"*IDN?\n")
        identity = self._hear("*IDN?", self.timeout_s)
        for _ in range(_LEFTOVERS if transport.remembers else 0):
            if identity.count(",") == 3 or identity == self.identity:
                break
            identity = self._hear("*IDN?", self.timeout_s)
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

    def _say(self, data: bytes) -> None:
        """Send whole lines, unless something unread lies on the wire."""
        if self._asked is not None:
            self.drop()  # an answer is still to come, and nobody will fetch it
        transport = self._connected()
        try:
            unasked = transport.unasked()
            if not unasked:
                transport.send(data)
                return
        except BaseException as fault:
            self._fail(data.decode("ascii"), fault)
        self.drop()
        raise LinkError(
            f"{self.name}: {unasked[:80]!r} came unasked; the connection was dropped, "
            "nothing was sent"
        )

    def _hear(self, message: str, wait_s: float) -> str:
        """Collect one line within the time allowed."""
        assert self._transport is not None
        try:
            return text_of(self.name, message, self._transport.receive(wait_s))
        except BaseException as fault:
            self._fail(message, fault)

    def _proven(self, message: str, reply: str) -> str:
        """Take the answer out of what came, or drop the connection that it came on."""
        try:
            answer = self._proof.unwrap(message, reply)
        except Unproven as why:
            self.drop()
            raise LinkError(
                f"{self.name}: {message!r} {why}was answered with {reply!r}; "
                "that answer belongs to something else; the connection was dropped"
            ) from None
        except DeviceError as refusal:
            raise DeviceError(f"{self.name}: {refusal}") from None
        if not answer:
            raise DeviceError(f"{self.name}: no answer to {message!r}; ask SYST:ERR? for why")
        if answer == self.identity and "*IDN?" not in message.upper():
            self.drop()
            raise LinkError(
                f"{self.name}: {message!r} was answered with the device's identity; "
                "that answer belongs to something else; the connection was dropped"
            )
        return answer

    def _fail(self, message: str, fault: BaseException) -> NoReturn:
        """Drop the connection, and say in the user's words why."""
        self.drop()
        match fault:
            case Silent():
                heard = f"only {fault.heard[:80]!r}" if fault.heard else "nothing"
                raise LinkError(
                    f"{self.name}: {heard} within {self.timeout_s} s of {message!r}; "
                    "the connection was dropped"
                ) from None
            case Lost():
                raise LinkError(f"{self.name}: {fault}") from fault
            case Overlong():
                raise DeviceError(
                    f"{self.name}: {message!r} was answered with over {MAX_LINE} bytes"
                ) from None
        raise fault
