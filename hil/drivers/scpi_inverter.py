"""Driver of an inverter that speaks SCPI: kilowatts to us, watts to the device.

It refuses before sending, reads back after, and leaves the device at limit zero however
its block ends.
"""

import math

from hil.errors import SetpointError
from hil.roles import InverterReading, Link

from .channels import Channels
from .scpi_device import DIRECT
from .scpi_lockstep import LockstepScpi

_MEASURE = "MEAS:POW?;:MEAS:POW:REAC?;:MEAS:ENER?;:SOUR:STAT?"


class ScpiInverter(LockstepScpi):
    """Inverter with a power limit, left at zero whenever the block ends.

    Parameters
    ----------
    link : Link
        Connection to the device.
    name : str
        What messages call it.
    p_rated_kw : float
        Largest limit it accepts. [kW]
    tolerance_kw : float
        How far the limit it holds may be from the limit it was given. [kW]
    channels : Channels
        How its measurement is wired.
    """

    def __init__(
        self,
        link: Link,
        *,
        name: str,
        p_rated_kw: float,
        tolerance_kw: float = 0.001,
        channels: Channels = DIRECT,
    ) -> None:
        super().__init__(link, name=name, channels=channels)
        self.p_rated_kw, self._tolerance_kw = p_rated_kw, tolerance_kw

    def make_safe(self) -> None:
        """Bring it to its safe state: limit 0, read back.

        Raises
        ------
        SetpointError
            It holds another limit.
        """
        self._set_limit(0.0)

    def limit_power(self, p_kw: float) -> None:
        """Set the active power limit and read it back.

        Raises
        ------
        SetpointError
            Outside the rating (nothing is sent), or read back differently.
        """
        self._refuse_outside(p_kw)
        self._set_limit(p_kw)

    def measure(self) -> InverterReading:
        """Read what it feeds now.

        Raises
        ------
        DeviceError
            It answers with anything but three numbers and a state.
        """
        reply = self._link.query(_MEASURE)
        p_w, q_var, energy_wh, state = self._fields(reply, ";", 4)
        energy_kwh = self._channels.primary("energy", self._number(energy_wh, reply) / 1000.0)
        return self._reading(p_w, q_var, state, reply)._replace(energy_kwh=energy_kwh)

    def arm_revert(self, revert_s: float) -> None:
        """Start the device's own revert timer; every message renews it; 0 stops it. [s]

        Raises
        ------
        SetpointError
            No time, or not the one that it then holds.
        """
        if not 0 <= revert_s < math.inf:
            raise SetpointError(f"{self.name}: {revert_s} s is no time; nothing was sent")
        reply = self._link.query(f"SYST:WATC {revert_s};:SYST:WATC?")
        if not math.isclose(taken_s := self._number(reply, reply), revert_s, abs_tol=1e-3):
            raise SetpointError(
                f"{self.name}: asked to revert after {revert_s} s, device holds {taken_s} s"
            )

    def _set_limit(self, p_kw: float) -> None:
        """Set the limit and compare what the device then holds."""
        reply = self._link.query(f"{self._setpoint(p_kw)};:SOUR:POW:LIM?")
        self._confirm(p_kw, self._number(reply, reply) / 1000.0)

    def _setpoint(self, p_kw: float) -> str:
        """Spell the command that sets its limit. [kW]"""
        return f"SOUR:POW:LIM {1000.0 * p_kw}"
