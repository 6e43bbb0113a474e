"""Registers of one device: no answer for another question, and no stranger behind the address.

The promises are those of `hil.link.visa`: after any doubt the connection is closed, the next
question opens another, and whoever is there must first say who it is.
"""

from collections.abc import Callable
from functools import partial
from typing import NoReturn

from hil.errors import DeviceError, IdentityError, LinkError
from hil.link.transport import Lost, Opener, Overlong, Silent, Transport
from hil.roles import Identity

from .address import read_place
from .frames import (
    BEHIND_GATEWAY,
    LONGEST,
    MOST_READ,
    MOST_WRITTEN,
    Refused,
    Strange,
    answer_of,
    framed,
    read_request,
    write_request,
)
from .nameplate import BASES, MARK, NAMEPLATE, identity_in
from .wire import open_wire

_TRANSACTIONS = 0xFFFF


class ModbusLink:
    """Holding registers of one device, one thread at a time; see `open_modbus`.

    Attributes
    ----------
    connects : int
        How often it connected; more than once means that it lost the device in between.
    base : int
        Register at which its models begin.
    identity : Identity or None
        What it says in the common model.
    """

    def __init__(
        self,
        opener: Opener,
        *,
        name: str,
        unit: int,
        timeout_s: float,
        expected_identity: str | None = None,
    ) -> None:
        self.name, self.unit, self.timeout_s = name, unit, timeout_s
        self.connects, self.base = 0, -1
        self.identity: Identity | None = None
        self._opener, self._expected = opener, expected_identity
        self._transport: Transport | None = None
        self._doubt, self._transaction = False, 0

    def connect(self) -> None:
        """Open the connection and check who is there.

        Raises
        ------
        LinkError
            Nobody.
        IdentityError
            Somebody else, or no SunSpec device.
        """
        if self._transport is not None:
            return
        try:
            self._transport = self._opener(self._doubt)
            self._check_identity()
        except Lost as why:
            self.drop()
            raise LinkError(f"{self.name}: {why}") from why
        except BaseException:
            self.drop()
            raise
        self.connects, self._doubt = self.connects + 1, False

    def read_registers(self, address: int, count: int) -> bytes:
        """Read registers, as many requests as it takes.

        Raises
        ------
        LinkError
            No answer in time, or one that cannot be this question's.
        DeviceError
            It refuses, or answers with no frame.
        """
        self.connect()
        return self._read(address, count)

    def write_registers(self, address: int, data: bytes) -> None:
        """Set registers that follow one another, all of them in one request.

        Raises
        ------
        LinkError, DeviceError
            As `read_registers`; whether they were set is unknown after a `LinkError`.
        """
        if not 2 <= len(data) <= 2 * MOST_WRITTEN or len(data) % 2:
            raise ValueError(f"{len(data)} bytes; expected 1 to {MOST_WRITTEN} registers")
        self.connect()
        self._ask(write_request(address, data), f"setting {len(data) // 2} registers at {address}")

    def drop(self) -> None:
        """Trust nothing more on this connection; the next question opens another."""
        self._doubt = True
        self.close()

    def close(self) -> None:
        """Let go of the device."""
        transport, self._transport = self._transport, None
        if transport is not None:
            transport.close()

    def nameplate(self) -> Identity:
        """Read the common model again.

        Raises
        ------
        IdentityError
            No SunSpec device answers.
        """
        self.connect()
        return identity_in(self.name, self._read(self.base, NAMEPLATE))

    def _check_identity(self) -> None:
        """Find the models, and compare who has them with who is expected."""
        self.base = self._find()
        identity = identity_in(self.name, self._read(self.base, NAMEPLATE))
        expected = self._expected if self.identity is None else str(self.identity)
        if expected is not None and str(identity) != expected:
            raise IdentityError(
                f"{self.name}: the common model says {str(identity)!r}; expected {expected!r}; "
                "nothing was set"
            )
        self.identity = identity

    def _find(self) -> int:
        """Look where SunSpec's mark stands; a known place is looked at first."""
        for base in sorted(BASES, key=lambda base: base != self.base):
            try:
                if self._read(base, 2) == MARK:
                    return base
            except DeviceError:
                if self._transport is None:
                    raise
        places = ", ".join(map(str, BASES))
        raise IdentityError(
            f"{self.name}: unit {self.unit} is no SunSpec device: nothing begins with 'SunS' at "
            f"{places}"
        )

    def _read(self, address: int, count: int) -> bytes:
        """Read registers of the connection that is open."""
        if address < 0 or count < 1 or address + count > 0x10000:
            raise DeviceError(f"{self.name}: there are no {count} registers at {address}")
        data = b""
        for start in range(address, address + count, MOST_READ):
            part = min(MOST_READ, address + count - start)
            data += self._ask(read_request(start, part), f"reading {part} registers at {start}")
        return data

    def _ask(self, request: bytes, what: str) -> bytes:
        """Send one request and take its answer, proven by its number to be its own."""
        transport = self._transport
        assert transport is not None
        self._transaction = self._transaction % _TRANSACTIONS + 1
        try:
            unasked = transport.unasked()
            if unasked:
                raise Strange(f"{unasked[:16].hex(' ')} came unasked")
            transport.send(framed(self._transaction, self.unit, request))
            frame = transport.receive(self.timeout_s)
            return answer_of(frame, self._transaction, self.unit, request)
        except Refused as no:
            kind = LinkError if no.code in BEHIND_GATEWAY else DeviceError
            raise kind(f"{self.name}: {what} was refused: {no}") from None
        except BaseException as fault:
            self.drop()
            self._fail(what, fault)

    def _fail(self, what: str, fault: BaseException) -> NoReturn:
        """Say in the user's words why there is no answer."""
        match fault:
            case Silent():
                heard = f"only {fault.heard[:16].hex(' ')}" if fault.heard else "nothing"
                raise LinkError(
                    f"{self.name}: {heard} within {self.timeout_s} s of {what}; the connection "
                    "was dropped"
                ) from None
            case Lost():
                raise LinkError(f"{self.name}: {what}: {fault}") from fault
            case Strange():
                raise LinkError(
                    f"{self.name}: {what}: {fault}; the connection was dropped"
                ) from None
            case Overlong():
                raise DeviceError(
                    f"{self.name}: {what} was answered with over {LONGEST} bytes"
                ) from None
        raise fault

    def write(self, message: str) -> None:
        """Refuse, as `query` does."""
        self._refuse_line(message)

    def query(self, message: str) -> str:
        """Refuse: whoever tries SCPI on any link is told that there are no lines here."""
        self._refuse_line(message)

    def exchange(self, message: str) -> str:
        """Refuse, as `query` does."""
        self._refuse_line(message)

    def _refuse_line(self, message: str) -> NoReturn:
        raise DeviceError(f"{self.name}: speaks SunSpec Modbus; {message!r} means nothing to it")


def open_modbus(
    address: str,
    *,
    timeout_s: float,
    expected_identity: str | None = None,
    name: str | None = None,
    tap: Callable[[Opener], Opener] | None = None,
) -> ModbusLink:
    """Connect to the SunSpec device at an address and make sure that it is the one expected.

    Parameters
    ----------
    address : str
        As ``sunspec://192.168.0.10:502/1``.
    timeout_s : float
        Longest wait for a complete answer, and for the connection. [s]
    expected_identity : str, optional
        Maker, model, serial number and version of its common model, commas between.
    name : str, optional
        What messages call it.
    tap : callable, optional
        Stands between link and wire, as `hil.link.record.Recorder.tap` does.

    Raises
    ------
    LinkError
        Nobody answers there.
    IdentityError
        Somebody else does.
    ValueError
        The address is none.
    """
    place = read_place(address)
    opener: Opener = partial(open_wire, place, timeout_s)
    link = ModbusLink(
        opener if tap is None else tap(opener),
        name=name or address,
        unit=place.unit,
        timeout_s=timeout_s,
        expected_identity=expected_identity,
    )
    link.connect()
    return link
