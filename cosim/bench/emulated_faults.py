"""Faults of emulated devices, by a way of its own, since theirs may be that of the link."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from types import TracebackType
from typing import NamedTuple, Self

ADDRESS = re.compile(
    r"TCPIP0::(?P<host>[^:]+)::(?P<port>\d+)::SOCKET|sunspec://(?P<at>[^:/]+):.*[?&]scpi=(?P<scpi>\d+)"
)
PATIENCE_S = 2.0
BACK_S = 10.0
LOOK_S = 0.002
WRONG = 0b11_0000
"""Bits of the event status register of a command in error, or its execution (IEEE 488.2, 11.5)."""
ALL_REPLIES = 1e9
"""How many replies a fault spoils that lasts until it is cleared."""


class Refused(NamedTuple):
    """A fault that an emulator did not take."""

    device: str
    because: str


class EmulatedFaults:
    """Has the emulators of a run misbehave, and behave again.

    Parameters
    ----------
    addresses : mapping of str to str
        Where each device's emulator listens; devices that are not in it are real.
    waits : bool
        Whoever orders a fault waits until it is there, as ticks on the bench's clock do. In real
        time a thread does it, so that no tick waits for an instrument.

    Notes
    -----
    Where ticks wait, a reboot lasts as long as the bench's clock says: the emulator is back with
    its defaults at once, and ends every connection until the fault is cleared.
    """

    def __init__(self, addresses: Mapping[str, str], *, waits: bool) -> None:
        self._addresses, self._waits = dict(addresses), waits
        self._messenger = None if waits else ThreadPoolExecutor(1, "faults")
        self._refused: list[Refused] = []

    def __enter__(self) -> Self:
        """Ready since it was made."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        fault: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End all faults, after what is still being ordered."""
        if self._messenger is not None:
            self._messenger.shutdown()
        clear_all(self._addresses.values())

    def inject(self, device: str, fault: str, *values: float) -> None:
        """Make a device misbehave."""
        if self._messenger is None:
            self._inject(device, fault, values)
        else:
            self._messenger.submit(self._inject, device, fault, values)

    def clear(self, devices: Iterable[str]) -> None:
        """Make devices behave again."""
        known = [self._addresses[name] for name in devices if name in self._addresses]
        if self._messenger is None:
            clear_all(known)
        else:
            self._messenger.submit(clear_all, known)

    def refused(self) -> tuple[Refused, ...]:
        """Tell what was not taken since this was last asked."""
        told, self._refused = tuple(self._refused), []
        return told

    def _inject(self, device: str, fault: str, values: tuple[float, ...]) -> None:
        address = self._addresses.get(device)
        if address is None:
            because = "no fault can be injected into a real device"
        elif fault == "reboot" and self._waits:
            because = order(address, fault, 0.0) or _back(address)
            because = because or order(address, "close", ALL_REPLIES)
        else:
            because = order(address, fault, *values)
        if because:
            self._refused.append(Refused(device, because))


def order(address: str, fault: str, *values: float) -> str:
    """Have an emulator misbehave; tell why it does not, if so.

    Notes
    -----
    An earlier fault may spoil the answer, a reboot ends the connection: then no answer means that
    it was taken. The end of the connection says that nothing of the message is still to be done.
    """
    command = f"SIM:FAUL {','.join([fault.upper(), *map(str, values)])}"
    message = f"*ESR?;:{command};:*ESR?\n"
    try:
        said = _said(address, message.encode("ascii"))
    except OSError as failure:
        return f"its emulator cannot be told: {failure}"
    _, _, events = said.strip().partition(b";")
    return f"refused: {command}" if events.isdigit() and int(events) & WRONG else ""


def clear(address: str) -> bool:
    """Have an emulator behave again; tell whether it has.

    Parameters
    ----------
    address : str
        Where it listens. One that is rebooting does not; it comes back without faults.

    Notes
    -----
    The command has no answer that a fault could spoil, and what is asked after it is answered
    when it has been carried out.
    """
    with suppress(OSError):
        return _said(address, b"SIM:FAUL:CLE\n*OPC?\n").strip() == b"1"
    return False


def clear_all(addresses: Iterable[str]) -> None:
    """Have all emulators behave again, for the end of a run."""
    for address in addresses:
        clear(address)


def _said(address: str, message: bytes) -> bytes:
    """Send lines by a connection of their own; what comes until the emulator has done all.

    Raises
    ------
    OSError
        Nobody listens there, or it is no place of an emulator.
    """
    found = ADDRESS.fullmatch(address)
    if found is None:
        raise OSError(f"{address} is no emulator's")
    place = found["host"] or found["at"], int(found["port"] or found["scpi"])
    heard = b""
    with socket.create_connection(place, PATIENCE_S) as line:
        line.sendall(message)
        line.shutdown(socket.SHUT_WR)
        with suppress(TimeoutError, ConnectionError):
            while part := line.recv(4096):
                heard += part
    return heard


def _back(address: str) -> str:
    """Wait until an emulator listens again; tell if it does not."""
    ends_s = time.monotonic() + BACK_S
    while time.monotonic() < ends_s:
        with suppress(OSError):
            if _said(address, b"*OPC?\n").strip() == b"1":
                return ""
        time.sleep(LOOK_S)
    return f"has not come back within {BACK_S:g} s"
