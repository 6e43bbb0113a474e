"""A lab over an emulated inverter on the bench's clock: five minutes of waiting take a second."""

from collections.abc import Mapping
from typing import Any, Protocol

from hil.roles import Functional, InverterReading

from .lab import NotTestable, Ratings, Sample
from .ticking_lab import TickingLab


class TakesTheClock(Protocol):
    """What the lab needs of a driver; `hil.roles.Lockstep` with a name."""

    name: str

    def begin_lockstep(self, dt_s: float) -> None:
        """Take over the device's clock. [s]"""

    def tick(
        self, available_kw: float, limit_kw: float, vm_pu: float, f_hz: float
    ) -> InverterReading:
        """Advance the device by one tick."""


class LockstepLab(TickingLab):
    """One emulated inverter, ticked.

    Parameters
    ----------
    device : TakesTheClock
        Its clock is taken over here.
    ratings : Ratings
    f_nominal_hz : float
    dt_s : float
        Length of a tick, and so the resolution of the lab. [s]

    Notes
    -----
    Voltage and frequency are those that were set: an emulated device has no other terminals.
    """

    def __init__(
        self, device: TakesTheClock, ratings: Ratings, *, f_nominal_hz: float, dt_s: float = 0.02
    ) -> None:
        self._device, self.ratings = device, ratings
        super().__init__(dt_s)
        self.sets_functions = isinstance(device, Functional)
        self._vm_pu, self._f_hz = 1.0, f_nominal_hz
        self._available_kw = self._limit_kw = ratings.p_kw
        device.begin_lockstep(dt_s)

    def set_grid(self, vm_pu: float, f_hz: float) -> None:
        """Set voltage and frequency of the next ticks. [p.u.], [Hz]"""
        self._vm_pu, self._f_hz = vm_pu, f_hz

    def set_available(self, p_kw: float) -> None:
        """Set the sun of the next ticks. [kW]"""
        self._available_kw = p_kw

    def set_limit(self, p_kw: float) -> None:
        """Set the limit that goes out with the next ticks. [kW]"""
        self._limit_kw = p_kw

    def set_function(self, name: str, settings: Mapping[str, Any]) -> None:
        """Pass it to the device, if that takes any."""
        pass_on(self._device, self._device.name, name, settings)

    def _tick(self) -> Sample:
        read = self._device.tick(self._available_kw, self._limit_kw, self._vm_pu, self._f_hz)
        self._ticks += 1
        return Sample(self.now_s, read.p_kw, read.q_kvar, self._vm_pu, self._f_hz)


def pass_on(device: object, called: str, name: str, settings: Mapping[str, Any]) -> None:
    """Set a function of a device, or switch it off.

    Raises
    ------
    NotTestable
        Its driver can set none. Switching off needs nothing then: the device is tested with
        the functions that it has.
    """
    if isinstance(device, Functional):
        device.set_function(name, dict(settings))
    elif settings:
        raise NotTestable(
            f"{called}: its driver cannot set {name.replace('_', ' ')}, so nobody knows which "
            "settings the device has"
        )
