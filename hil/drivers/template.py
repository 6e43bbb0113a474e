"""A driver of your own: copy this file beside your station file and change what is marked.

The station file then says ``driver: my_inverter.py:MyInverter``. This one is complete: it drives
our emulated inverter, and ``peerwatt driver-test`` passes it.
"""

from hil.drivers.opening import open_link_of
from hil.errors import DeviceError, SetpointError
from hil.numbers import BIGGEST, decimal
from hil.roles import Identity, InverterReading
from hil.station import StationDevice


class MyInverter:
    """Inverter with a power limit; the methods of another role are in `hil.roles`."""

    def __init__(self, device: StationDevice, address: str) -> None:
        self.name, self.p_rated_kw = device.name, device.p_rated_kw
        # Any connection of yours does; this one reopens after every fault and proves answers.
        self._link = open_link_of(device, address)

    def identify(self) -> Identity:
        """Ask who it is."""
        fields = self._link.exchange("*IDN?").split(",")
        if len(fields) != 4:
            raise DeviceError(f"{self.name}: {fields} is no identity")
        return Identity(*fields)

    def limit_power(self, p_kw: float) -> None:
        """Refuse before sending, read back after. [kW]"""
        if not 0 <= p_kw <= self.p_rated_kw:  # NaN is refused too: no comparison is true of it
            raise SetpointError(
                f"{self.name}: {p_kw} kW is outside 0 to {self.p_rated_kw} kW; nothing was sent"
            )
        self._link.write(f"SOUR:POW:LIM {1000 * p_kw:.1f}")  # change: your device's command
        held_kw = self._number("SOUR:POW:LIM?") / 1000
        if abs(held_kw - p_kw) > 0.001:
            raise SetpointError(f"{self.name}: asked for {p_kw} kW, device holds {held_kw} kW")

    def measure(self) -> InverterReading:
        """Read what it feeds now, in our units, into the grid positive."""
        p_kw = self._number("MEAS:POW?") / 1000  # change: your device's queries and units
        q_kvar = self._number("MEAS:POW:REAC?") / 1000
        running = self._link.query("SOUR:STAT?") == "RUN"
        return InverterReading(p_kw, q_kvar, not running, "running" if running else "tripped")

    def make_safe(self) -> None:
        """Bring it to its safe state; may be called at any time and again."""
        self.limit_power(0.0)

    def close(self) -> None:
        """Let go of it, as it stands."""
        self._link.close()

    def _number(self, query: str) -> float:
        """Read one finite number, or say what came instead."""
        reply = self._link.query(query)
        value = decimal(reply)
        if value is None or abs(value) >= BIGGEST:
            self._link.drop()
            raise DeviceError(f"{self.name}: {query} was answered with {reply!r}")
        return value
