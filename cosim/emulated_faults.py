"""Ends the faults of emulated devices by a way of its own, since theirs may be the link's."""

from __future__ import annotations

import re
import socket
from collections.abc import Mapping

ADDRESS = re.compile(r"TCPIP0::(?P<host>[^:]+)::(?P<port>[0-9]+)::SOCKET")
PATIENCE_S = 2.0


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
    found = ADDRESS.fullmatch(address)
    if found is None:
        return False
    try:
        with socket.create_connection((found["host"], int(found["port"])), PATIENCE_S) as line:
            line.sendall(b"SIM:FAUL:CLE\n*OPC?\n")
            return line.recv(64).strip() == b"1"
    except OSError:
        return False


def clear_all(addresses: Mapping[str, str]) -> None:
    """Have all emulators behave again, for the end of a run."""
    for address in addresses.values():
        clear(address)
