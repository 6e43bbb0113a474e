"""What the bench asks of a device, in our units, and what can go wrong with one.

A role is a protocol: a driver has its methods, whatever device it speaks to.
"""

from typing import NamedTuple, Protocol, runtime_checkable


class BenchError(Exception):
    """Something on the bench failed; each subclass names one remedy."""


class SetpointError(BenchError):
    """A setpoint outside the device's limits, or one that it did not take: change the setpoint."""


class DeviceError(BenchError):
    """The device answered with an error, garbage or no number: look at the device."""


class LinkError(BenchError):
    """No answer, or none that belongs to the question: look at cable, address and power."""


class IdentityError(BenchError):
    """Another device than expected sits at the address: look at the station's wiring."""


class LockstepError(BenchError):
    """The device keeps its own time: run it in real time, or take an emulated one."""


class InverterReading(NamedTuple):
    """What an inverter did during one tick.

    Attributes
    ----------
    p_kw, q_kvar : float
        Injection into the grid. [kW], [kvar]
    tripped : bool
        Whether it is off the grid, waiting to come back included.
    state : str
        ``running``, ``tripped`` or ``waiting``.
    tick : int
        Number of the exchange since lockstep began, from 0; −1 for a reading outside of it.
    """

    p_kw: float
    q_kvar: float
    tripped: bool
    state: str
    tick: int


class Link(Protocol):
    """What a driver needs of a connection: lines out, lines in, never one for another."""

    def write(self, message: str) -> None:
        """Send one line that has no answer."""

    def query(self, message: str) -> str:
        """Send one line and return its answer, proven to belong to it by the link's own tag."""

    def exchange(self, message: str) -> str:
        """Send one line and return the next line; the driver proves by its own tag that it fits."""

    def drop(self) -> None:
        """Trust nothing more on this connection; the next message opens another."""

    def close(self) -> None:
        """Let go of the device."""


class Inverter(Protocol):
    """An inverter that feeds what its source gives, up to a limit."""

    name: str
    p_rated_kw: float

    def limit_power(self, p_kw: float) -> None:
        """Set the active power limit and read it back. [kW]"""

    def measure(self) -> InverterReading:
        """Read what it feeds now."""

    def make_safe(self) -> None:
        """Bring it to its safe state: limit 0."""


@runtime_checkable
class Lockstep(Protocol):
    """A device that takes the bench's clock; no real one does."""

    def begin_lockstep(self, dt_s: float) -> None:
        """Take over the device's clock, in ticks of this length. [s]"""

    def tick(
        self, available_kw: float, limit_kw: float, vm_pu: float, f_hz: float
    ) -> InverterReading:
        """Advance the device by one tick. [kW], [kW], [p.u.], [Hz]"""


@runtime_checkable
class Faulty(Protocol):
    """A device that misbehaves on demand; only emulated ones do."""

    def inject(self, fault: str, *values: float) -> None:
        """Make it misbehave."""

    def clear_faults(self) -> None:
        """Make it behave again; what has tripped comes back by its own rules."""
