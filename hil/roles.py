"""What the bench asks of a device, in our units: one protocol for each role.

A driver has the methods of its role, whatever device it speaks to. Power is positive when it
flows into the grid, for every role: a load's reading is negative, a charging store's too.
"""

from collections.abc import Generator
from typing import Literal, NamedTuple, Protocol, get_args, runtime_checkable

Role = Literal["inverter", "storage", "grid-simulator", "pv-simulator", "load", "analyser"]
ROLES: tuple[Role, ...] = get_args(Role)


class Identity(NamedTuple):
    """Who a device says it is; its answer to ``*IDN?``, or the common model of SunSpec."""

    maker: str
    model: str
    serial: str
    firmware: str

    def __str__(self) -> str:
        """Spell it as ``*IDN?`` does."""
        return ",".join(self)


class InverterReading(NamedTuple):
    """What an inverter did during one tick, or does now.

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
    energy_kwh : float or None
        The device's own register of what it fed; None where it has none. [kWh]
    """

    p_kw: float
    q_kvar: float
    tripped: bool
    state: str
    tick: int = -1
    energy_kwh: float | None = None


class StorageReading(NamedTuple):
    """What a store does now: discharge is positive. [kW], [kvar], [1]"""

    p_kw: float
    q_kvar: float
    tripped: bool
    state: str
    soc: float
    energy_kwh: float | None = None


class AcReading(NamedTuple):
    """What flows at AC terminals, into the grid positive.

    Attributes
    ----------
    p_kw, q_kvar : float
        Sum of the phases. [kW], [kvar]
    vm_v : tuple of float
        Phase to neutral, for each phase that is connected. [V]
    i_a : tuple of float
        Likewise. [A]
    f_hz : float
        [Hz]
    energy_kwh : float or None
        The device's own register. [kWh]
    """

    p_kw: float
    q_kvar: float
    vm_v: tuple[float, ...]
    i_a: tuple[float, ...]
    f_hz: float
    energy_kwh: float | None = None


class DcReading(NamedTuple):
    """What flows from DC terminals. [kW], [V], [A]"""

    p_kw: float
    v_v: float
    i_a: float


class SourceStep(NamedTuple):
    """One step of a program that a source plays by itself: RMS voltage, frequency, length."""

    vm_v: float
    f_hz: float
    dwell_s: float


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


class Device(Protocol):
    """What every role has."""

    name: str

    def identify(self) -> Identity:
        """Ask who it is."""

    def make_safe(self) -> None:
        """Bring it to its safe state, read back; may be called at any time and again."""

    def close(self) -> None:
        """Let go of it, as it stands."""


class Inverter(Device, Protocol):
    """An inverter that feeds what its source gives, up to a limit."""

    @property
    def p_rated_kw(self) -> float:
        """Largest limit. [kW]"""

    def limit_power(self, p_kw: float) -> None:
        """Set the active power limit and read it back. [kW]"""

    def measure(self) -> InverterReading:
        """Read what it feeds now."""


class Storage(Device, Protocol):
    """A store that charges and discharges as it is told."""

    @property
    def p_rated_kw(self) -> float:
        """Largest power either way. [kW]"""

    def set_power(self, p_kw: float) -> None:
        """Discharge at this power, charge below zero; read back. [kW]"""

    def measure(self) -> StorageReading:
        """Read what it does now."""


class GridSimulator(Device, Protocol):
    """An AC source that gives a device under test its grid."""

    def set_grid(self, vm_v: float, f_hz: float) -> None:
        """Set the voltage of all phases, to neutral, and the frequency; read back. [V], [Hz]"""

    def energise(self, on: bool) -> None:
        """Close or open its output; read back."""

    def measure(self) -> AcReading:
        """Read what flows at its terminals, positive into it."""


class PvSimulator(Device, Protocol):
    """A DC source with the curve of a PV array."""

    def set_available(self, p_kw: float) -> None:
        """Set the power at the maximum power point; read back. [kW]"""

    def energise(self, on: bool) -> None:
        """Close or open its output; read back."""

    def measure(self) -> DcReading:
        """Read what flows from it."""


class Load(Device, Protocol):
    """An electronic load."""

    def set_demand(self, p_kw: float) -> None:
        """Set what it draws, 0 or more; read back. [kW]"""

    def energise(self, on: bool) -> None:
        """Close or open its input; read back."""

    def measure(self) -> AcReading:
        """Read what flows; what it draws is negative."""


class Analyser(Device, Protocol):
    """A power analyser; it moves nothing."""

    def measure(self) -> AcReading:
        """Read what flows where it is wired, into the grid positive."""


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
class TickInTurns(Protocol):
    """A device on the bench's clock that gives way while it lives its tick, see `hil.turns`."""

    def ticking(
        self, available_kw: float, limit_kw: float, vm_pu: float, f_hz: float
    ) -> Generator[None, None, InverterReading]:
        """Do as `Lockstep.tick`."""


@runtime_checkable
class GridInTurns(Protocol):
    """A grid simulator that gives way while it is set."""

    def setting_grid(self, vm_v: float, f_hz: float) -> Generator[None, None, None]:
        """Do as `GridSimulator.set_grid`."""


@runtime_checkable
class SunInTurns(Protocol):
    """A PV simulator that gives way while it is set."""

    def setting_available(self, p_kw: float) -> Generator[None, None, None]:
        """Do as `PvSimulator.set_available`."""


@runtime_checkable
class MeterInTurns(Protocol):
    """A meter that gives way while it is read."""

    def measuring(self) -> Generator[None, None, AcReading]:
        """Do as `Analyser.measure`."""


@runtime_checkable
class Surrounded(Protocol):
    """An emulated device in its own time: the bench gives it sun and grid, which others have."""

    def surround(self, available_kw: float, vm_pu: float, f_hz: float) -> None:
        """Say what its source could give and what its terminals see. [kW], [p.u.], [Hz]"""


@runtime_checkable
class Reverting(Protocol):
    """A device that goes to its safe state by itself when the bench falls silent."""

    def arm_revert(self, revert_s: float) -> None:
        """Start the device's own timer, read back; every message renews it; 0 stops it. [s]"""


@runtime_checkable
class Questionable(Protocol):
    """A device that can be asked in its own words, as the bench's interlock input is."""

    def ask(self, query: str) -> str:
        """Send one query as it is, and return its answer."""


@runtime_checkable
class Faulty(Protocol):
    """A device that misbehaves on demand; only emulated ones do."""

    def inject(self, fault: str, *values: float) -> None:
        """Make it misbehave."""

    def clear_faults(self) -> None:
        """Make it behave again; what has tripped comes back by its own rules."""


@runtime_checkable
class Programmable(Protocol):
    """A source that plays a program of steps faster than a bench could send them."""

    def play(self, steps: tuple[SourceStep, ...]) -> None:
        """Load the steps and trigger them; returns when the last one is over."""


@runtime_checkable
class Functional(Protocol):
    """A device whose grid functions can be set, by the names of `models.inverters.standards`."""

    def set_function(self, name: str, settings: dict[str, float | list[float]]) -> None:
        """Switch one function on with these settings, or off with none; read back."""
