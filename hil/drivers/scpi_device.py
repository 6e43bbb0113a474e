"""What every SCPI driver shares: strict reading of replies, and an end that leaves it safe."""

from hil.errors import BenchError, DeviceError
from hil.numbers import BIGGEST, decimal
from hil.roles import Identity, Link

from .channels import Channels
from .made_safe import MadeSafe

DIRECT = Channels()
_MOST_ERRORS = 100


class ScpiDevice(MadeSafe):
    """A device on a link, made safe whenever its block ends.

    Parameters
    ----------
    link : Link
        Connection to the device.
    name : str
        What messages call it.
    channels : Channels
        How its measurement is wired.
    """

    def __init__(self, link: Link, *, name: str, channels: Channels = DIRECT) -> None:
        self._link, self.name, self._channels = link, name, channels

    def close(self) -> None:
        """Let go of it, as it stands."""
        self._link.close()

    def identify(self) -> Identity:
        """Ask who it is.

        Raises
        ------
        DeviceError
            Its answer has not four fields.
        """
        # Alone on its line: its answer may hold any character (IEEE 488.2, 10.14).
        reply = self._link.exchange("*IDN?")
        fields = [field.strip() for field in reply.split(",")]
        if len(fields) != 4:
            raise self._nonsense("maker, model, serial number and firmware", reply)
        return Identity(*fields)

    def ask(self, query: str) -> str:
        """Send one query as it is, and return its answer."""
        return self._link.query(query)

    def take_errors(self) -> list[str]:
        """Take everything out of the device's error queue."""
        return self._take_errors("SYST:ERR?")

    def _take_errors(self, query: str) -> list[str]:
        """Ask until there is none, or it never ends."""
        found: list[str] = []
        while len(found) < _MOST_ERRORS and not self._is_no_error(entry := self._link.query(query)):
            found.append(entry)
        return found

    def _is_no_error(self, entry: str) -> bool:
        """Tell ``0,"No error"`` from an error."""
        return self._number(entry.partition(",")[0], entry) == 0

    def _number(self, text: str, reply: str) -> float:
        """Read one number; SCPI's not-a-number and infinity are none."""
        value = decimal(text)
        if value is None:
            raise self._nonsense("a number", reply)
        if abs(value) >= BIGGEST:
            raise self._nonsense("a finite number", reply)
        return value

    def _fields(self, reply: str, separator: str, count: int) -> list[str]:
        """Cut a reply into its fields; any other number of them is an error."""
        fields = reply.split(separator)
        if len(fields) != count:
            raise self._nonsense(f"{count} fields between {separator!r}", reply)
        return fields

    def _nonsense(self, expected: str, reply: str) -> DeviceError:
        """Say what came and what was expected, and trust the connection no more."""
        self._link.drop()
        return DeviceError(f"{self.name}: answered {reply[:200]!r}; expected {expected}")

    def _last_error(self) -> str:
        """Ask for the oldest entry of the device's error queue; it is for messages only."""
        try:
            return self._link.query("SYST:ERR?")
        except BenchError as failure:
            return str(failure)
