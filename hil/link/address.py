"""VISA addresses: which wire they name, and whether they are spelled well.

The spelling is that of VPP-4.3, table 4.3.1, as pyvisa's documentation gives it; reading it here
keeps a mistake in a station file an error at its line, before any back-end is loaded.
"""

import re
from dataclasses import dataclass
from typing import Literal

Wire = Literal["socket", "hislip", "vxi11", "serial", "usb", "gpib"]

_HOST = r"(?P<host>[A-Za-z0-9_.-]+)"
_SPELLINGS: dict[Wire, re.Pattern[str]] = {
    "socket": re.compile(rf"TCPIP\d*::{_HOST}::(?P<port>\d+)::SOCKET", re.I),
    "hislip": re.compile(rf"TCPIP\d*::{_HOST}::hislip\d*(,(?P<port>\d+))?(::INSTR)?", re.I),
    "vxi11": re.compile(rf"TCPIP\d*::{_HOST}(::inst\d+)?(::INSTR)?", re.I),
    "serial": re.compile(r"ASRL(?P<board>[^:\s]+|COM\d+)::INSTR", re.I),
    "usb": re.compile(
        r"USB\d*::(0x)?[0-9a-f]+::(0x)?[0-9a-f]+::[^:]+(::\d+)?(::(INSTR|RAW))?", re.I
    ),
    "gpib": re.compile(r"GPIB\d*::(?P<port>\d+)(::\d+)?(::INSTR)?", re.I),
}
EXAMPLES: dict[Wire, str] = {
    "socket": "TCPIP0::<host>::<port>::SOCKET",
    "hislip": "TCPIP0::<host>::hislip0::INSTR",
    "vxi11": "TCPIP0::<host>::inst0::INSTR",
    "serial": "ASRL/dev/ttyUSB0::INSTR",
    "usb": "USB0::<maker>::<model>::<serial number>::INSTR",
    "gpib": "GPIB0::<address>::INSTR",
}
HISLIP_PORT = 4880  # IVI-6.1, 2.1
_LARGEST: dict[Wire, int] = {"socket": 65535, "hislip": 65535, "gpib": 30}


@dataclass(frozen=True)
class Address:
    """A VISA address.

    Attributes
    ----------
    text : str
        As it was written.
    wire : Wire
    host : str or None
        Of the TCP/IP kinds.
    port : int or None
        TCP port of a raw socket or HiSLIP; primary address of GPIB.
    """

    text: str
    wire: Wire
    host: str | None = None
    port: int | None = None

    def __str__(self) -> str:
        """Spell it as it was written."""
        return self.text


def read_address(text: str) -> Address:
    """Tell which wire an address names.

    Raises
    ------
    ValueError
        It is none that a link can open.
    """
    for wire, spelling in _SPELLINGS.items():
        found = spelling.fullmatch(text)
        if found is None:
            continue
        named = found.groupdict()
        port = int(named["port"]) if named.get("port") else None
        if port is not None and port > _LARGEST[wire]:
            raise ValueError(f"{text!r}: {port} is outside 0 to {_LARGEST[wire]}")
        if wire == "hislip" and port is None:
            port = HISLIP_PORT
        return Address(text, wire, named.get("host"), port)
    raise ValueError(
        f"{text!r} is no VISA address; expected one like {', '.join(EXAMPLES.values())}"
    )
