"""Where a SunSpec device is: ``sunspec://<host>[:<port>][/<unit>]``."""

import re
from typing import NamedTuple

SCHEME = "sunspec:"
EXAMPLE = "sunspec://192.168.0.10/1"
PORT = 502  # Modbus messaging on TCP/IP 1.0b, 4.2.1
_MOST_UNIT = 255
_SPELLING = re.compile(
    r"sunspec://(?P<host>[A-Za-z0-9_.-]+)(:(?P<port>\d+))?(/(?P<unit>\d+))?"
    r"(\?scpi=(?P<scpi>\d+))?/?",
    re.I,
)


class Place(NamedTuple):
    """Where a SunSpec device is.

    Attributes
    ----------
    host : str
    port : int
    unit : int
        Number of the device behind its port, 1 unless there are several.
    scpi : int or None
        Port of the raw socket on which an emulator takes its time, its sun and its faults;
        None for whatever is real.
    """

    host: str
    port: int = PORT
    unit: int = 1
    scpi: int | None = None

    def __str__(self) -> str:
        """Spell it as it is read."""
        beside = "" if self.scpi is None else f"?scpi={self.scpi}"
        return f"sunspec://{self.host}:{self.port}/{self.unit}{beside}"


def is_sunspec(address: str) -> bool:
    """Tell an address of this kind from a VISA address."""
    return address.lower().startswith(SCHEME)


def read_place(address: str) -> Place:
    """Read an address.

    Raises
    ------
    ValueError
        It is none, or a port or unit that there cannot be.
    """
    found = _SPELLING.fullmatch(address)
    if found is None:
        raise ValueError(f"{address!r} is no SunSpec address; expected one as {EXAMPLE}")
    named = found.groupdict()
    port, unit = int(named["port"] or PORT), int(named["unit"] or 1)
    scpi = None if named["scpi"] is None else int(named["scpi"])
    for value in (port, scpi or 1):
        if not 1 <= value <= 65_535:
            raise ValueError(f"{address!r}: port {value} is outside 1 to 65535")
    if unit > _MOST_UNIT:
        raise ValueError(f"{address!r}: unit {unit} is outside 0 to {_MOST_UNIT}")
    return Place(named["host"], port, unit, scpi)
