"""The one thing that a tick asks of all its devices, in lockstep and in real time."""

from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]


class Asked(NamedTuple):
    """What the tick tells its nodes, in their order.

    Attributes
    ----------
    available_kw, limit_kw : ndarray of float, shape (n,)
        What the source could give, and the limit; a store's limit is its setpoint, charging
        below zero. [kW]
    vm_pu : ndarray of float, shape (n,)
        Voltage at the node in the last tick. [p.u.]
    f_hz : float
        Frequency in the last tick. [Hz]
    """

    available_kw: FloatArray
    limit_kw: FloatArray
    vm_pu: FloatArray
    f_hz: float


class Answered(NamedTuple):
    """What the nodes do during this tick.

    Attributes
    ----------
    p_kw, q_kvar : ndarray of float, shape (n,)
        Injection; where the reading is stale, what the node's declared fallback says.
    tripped : ndarray of bool, shape (n,)
        Off the grid, or counted as such because it is lost.
    age_s : ndarray of float, shape (n,)
        How old the reading is; 0 in lockstep unless the node is lost. [s]
    stale : ndarray of bool, shape (n,)
        Too old to be believed: the energy of this tick is flagged.
    energy_kwh : ndarray of float, shape (n,)
        Fed from the beginning of the exchange up to the newest reading: by the node's own
        register where it has one, else power held from reading to reading. For the time in
        which a node was lost its fallback is counted, unless a register says what was fed.
    """

    p_kw: FloatArray
    q_kvar: FloatArray
    tripped: BoolArray
    age_s: FloatArray
    stale: BoolArray
    energy_kwh: FloatArray


class Happened(NamedTuple):
    """Something that happened to a node, for the log of the run.

    Attributes
    ----------
    name : str
        The node.
    what : {"lost", "back", "begun anew", "refused", "made safe"}
        No reading that can be believed; readings again; its device had restarted and was given
        the bench's clock again; a fault that was to be injected was not taken; no tick came for
        too long.
    because : str
        What the device, or its link, said.
    at_s : float
        In lockstep simulated time since the exchange began, otherwise `time.monotonic`. [s]
    """

    name: str
    what: str
    because: str
    at_s: float


class Exchange(Protocol):
    """Devices by node, whichever clock they follow."""

    names: tuple[str, ...]

    def exchange(self, asked: Asked) -> Answered:
        """Let every node live one tick, or tell what it last said."""

    def happened(self) -> tuple[Happened, ...]:
        """Tell what happened since this was last asked; it never waits."""

    def inject(self, name: str, fault: str, *values: float) -> None:
        """Make an emulated device misbehave."""

    def clear_faults(self, name: str) -> None:
        """Make it behave again."""
