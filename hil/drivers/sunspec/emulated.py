"""A SunSpec inverter that is emulated: its clock, sun and faults come by its SCPI door.

SunSpec has no words for them. What a bench does to a real inverter still goes by SunSpec.
"""

from hil.drivers.channels import Channels
from hil.drivers.scpi_lockstep import LockstepScpi
from hil.errors import LinkError
from hil.roles import InverterReading, Link

from .inverter import SunSpecInverter
from .link import ModbusLink


class EmulatedSunSpecInverter(SunSpecInverter):
    """With what only an emulated one can.

    Parameters
    ----------
    link, name, p_rated_kw, channels
        See `SunSpecInverter`.
    beside : Link
        To the emulator's raw socket.
    """

    def __init__(
        self,
        link: ModbusLink,
        *,
        name: str,
        p_rated_kw: float,
        channels: Channels,
        beside: Link,
    ) -> None:
        super().__init__(link, name=name, p_rated_kw=p_rated_kw, channels=channels)
        self._beside = _Clock(beside, name=name, channels=channels)
        self._beside.p_rated_kw = self.p_rated_kw
        # What comes by SunSpec is a whole number of counts, so the two may be a grain apart.
        self._beside.tolerate(0.01 * self.p_rated_kw)
        self._asked_kw: float | None = None

    def close(self) -> None:
        """Let go of both doors."""
        super().close()
        self._beside.close()

    def inject(self, fault: str, *values: float) -> None:
        """Make it misbehave: ``trip``, ``drop``, ``delay``, …; replies of both doors count."""
        self._beside.inject(fault, *values)

    def clear_faults(self) -> None:
        """Make it behave again."""
        self._beside.clear_faults()

    def surround(self, available_kw: float, vm_pu: float, f_hz: float) -> None:
        """Say what its source could give and what its terminals see. [kW], [p.u.], [Hz]"""
        self._beside.surround(available_kw, vm_pu, f_hz)

    def begin_lockstep(self, dt_s: float) -> None:
        """Take over its clock, in ticks of `dt_s`. [s]"""
        self._asked_kw = None
        self._beside.begin_lockstep(dt_s)

    def tick(
        self, available_kw: float, limit_kw: float, vm_pu: float, f_hz: float
    ) -> InverterReading:
        """Set a new limit by SunSpec, let one tick pass by SCPI, and compare the limit there.

        The reading is the emulator's mean over the tick, as that of every device in lockstep;
        SunSpec has only what is now.
        """
        asked_kw, self._asked_kw = self._asked_kw, None
        if limit_kw != asked_kw:
            self._set_twice(limit_kw)
        reading = self._beside.tick(available_kw, limit_kw, vm_pu, f_hz)
        self._asked_kw = limit_kw
        return reading

    def _set_twice(self, limit_kw: float) -> None:
        """Set the limit; a question that was lost is asked once more, as that of a tick is."""
        try:
            self.limit_power(limit_kw)
        except LinkError:
            self.limit_power(limit_kw)


class _Clock(LockstepScpi):
    """Ticks that bring no limit with them, and tell the one that holds."""

    def tolerate(self, p_kw: float) -> None:
        """How far the limit may be from what was asked. [kW]"""
        self._tolerance_kw = p_kw

    def _setpoint(self, p_kw: float) -> str:
        return "*WAI"
