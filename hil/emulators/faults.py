"""How an emulated instrument misbehaves: its replies, its values, its setpoints, itself."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

REPLY_FAULTS = ("DROP", "DELAY", "GARBAGE", "TORN", "DOUBLE", "CLOSE", "RESET")
"""What can go wrong with a reply on its way: see `server.spoil`."""

FAULTS: Mapping[str, str] = {
    "DROP": "`[<how many>]` replies are never sent",
    "DELAY": "`<how many>,<s>` replies come late",
    "GARBAGE": "`[<how many>]` replies are bytes that are no text",
    "TORN": "`[<how many>]` replies end in their middle, without a line end",
    "DOUBLE": "`[<how many>]` replies are sent twice",
    "CLOSE": "`[<how many>]` replies are the end of the connection",
    "RESET": "`[<how many>]` replies are a connection that is reset (RST)",
    "STUCK": "measured values stay what they are",
    "DRIFT": "`<share per s>`: measured values drift away, in proportion to themselves",
    "REFUSE": "setpoints are refused with −221, and the old ones kept",
    "TRIP": "it opens and stays open until the faults are cleared",
    "REBOOT": "`<s>`: connections end, and it is back after so long with its defaults",
    "IDENTITY": "another serial number answers `*IDN?`",
}


@dataclass(slots=True)
class ReplyFault:
    """What goes wrong with the next replies.

    Attributes
    ----------
    name : str
        One of `REPLY_FAULTS`.
    left : int
        How many replies it still spoils.
    seconds : float
        How long a delayed reply waits. [s]
    """

    name: str
    left: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Scheduled:
    """A fault that comes by itself, by the instrument's own time. [s]"""

    at_s: float
    fault: str
    values: tuple[float, ...] = ()

    @classmethod
    def read(cls, given: Mapping[str, Any]) -> "Scheduled":
        """Read ``{at_s, fault, values}``; the fault ``clear`` ends all.

        Raises
        ------
        ValueError
            Naming what is missing or unknown.
        """
        unknown = set(given) - {"at_s", "fault", "values"}
        if unknown or not {"at_s", "fault"} <= set(given):
            raise ValueError(f"fault {dict(given)}; expected at_s, fault and perhaps values")
        name = str(given["fault"]).upper()
        if name not in FAULTS and name != "CLEAR":
            known = ", ".join(FAULTS).lower()
            raise ValueError(f"no fault {given['fault']!r}; known: {known}, clear")
        return cls(float(given["at_s"]), name, tuple(map(float, given.get("values", ()))))


class Misbehaviour:
    """Which faults an instrument has now."""

    def __init__(self) -> None:
        self.reply: ReplyFault | None = None
        self.refuses = self.stranger = False
        self._stuck: dict[str, float] | None = None
        self._drift_per_s = self._drifts_since_s = 0.0

    def stick(self) -> None:
        """Have every measured value stay what it is when it is next read."""
        self._stuck = {}

    def drift(self, per_s: float, now_s: float) -> None:
        """Have measured values grow from now on. [1/s], [s]"""
        self._drift_per_s, self._drifts_since_s = per_s, now_s

    def bend(self, key: str, value: float, now_s: float) -> float:
        """Give the value that is shown for a measured one."""
        value *= 1.0 + self._drift_per_s * (now_s - self._drifts_since_s)
        return value if self._stuck is None else self._stuck.setdefault(key, value)


FaultHandler = Callable[[list[float]], None]
