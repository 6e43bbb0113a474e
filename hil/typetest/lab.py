"""What a procedure asks of the bench: a grid, a sun, time, and what flows meanwhile.

A lab is a bench in real time, or an emulated device on simulated time; a procedure cannot tell,
but for how finely time is resolved. What a lab cannot do it says, and the step counts as not
testable.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol


class Sample(NamedTuple):
    """What was measured at one instant. [s], [kW], [kvar], [p.u.], [Hz]"""

    t_s: float
    p_kw: float
    q_kvar: float
    vm_pu: float
    f_hz: float


class GridStep(NamedTuple):
    """One step of a program of the grid. [p.u.], [Hz], [s]"""

    vm_pu: float
    f_hz: float
    dwell_s: float


@dataclass(frozen=True, slots=True)
class Ratings:
    """Of the device under test: active and apparent power. [kW], [kVA]"""

    p_kw: float
    s_kva: float


class NotTestable(Exception):
    """This lab cannot do what the step needs; the message says why."""


class Lab(Protocol):
    """A bench around one device.

    Attributes
    ----------
    ratings : Ratings
    resolution_s : float
        How far apart two samples are at least. [s]
    event_s : float
        By how much the length of an event of the grid may be wrong. [s]
    sets_functions : bool
        Whether functions of the device can be set, and so be switched off.
    """

    ratings: Ratings
    resolution_s: float
    event_s: float
    sets_functions: bool

    @property
    def now_s(self) -> float:
        """Time of the lab. [s]"""

    def set_grid(self, vm_pu: float, f_hz: float) -> None:
        """Set what the device's terminals see. [p.u.], [Hz]"""

    def set_available(self, p_kw: float) -> None:
        """Set what its source could give. [kW]"""

    def set_limit(self, p_kw: float) -> None:
        """Limit its active power. [kW]"""

    def set_function(self, name: str, settings: Mapping[str, Any]) -> None:
        """Switch one function on with these settings, or off with none.

        Raises
        ------
        NotTestable
            The device takes none from the bench.
        """

    def observe(self, seconds: float, every_s: float) -> list[Sample]:
        """Let time pass, and sample as often as asked, or as the lab can. [s]"""

    def play(self, steps: Sequence[GridStep], every_s: float) -> list[Sample]:
        """Play a program, and sample meanwhile; its last step stays.

        Raises
        ------
        NotTestable
            The source cannot.
        """
