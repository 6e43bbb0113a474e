"""Driver of an inverter that speaks SCPI: kilowatts to us, watts to the device.

It refuses before sending, reads back after, and leaves the device at limit zero however
its block ends.
"""

import math

from hil.errors import DeviceError, LinkError, LockstepError, SetpointError
from hil.roles import InverterReading, Link

from .channels import Channels
from .scpi_device import DIRECT
from .scpi_emulated import EmulatedScpi

_MEASURE = "MEAS:POW?;:MEAS:POW:REAC?;:MEAS:ENER?;:SOUR:STAT?"
_STATES = {"RUN": "running", "TRIP": "tripped", "WAIT": "waiting"}


class ScpiInverter(EmulatedScpi):
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
        self._dt_s: float | None = None
        self._tick = 0

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

    def begin_lockstep(self, dt_s: float) -> None:
        """Take over the device's clock, in ticks of `dt_s`. [s]

        Raises
        ------
        LockstepError
            It keeps its own time, as every real device does.
        """
        if not (math.isfinite(dt_s) and dt_s > 0):
            raise LockstepError(f"{self.name}: a tick of {dt_s} s; expected more than 0 s")
        try:
            clock = self._link.query("SIM:CLOC:BEG;:SIM:CLOC?")
        except (DeviceError, LinkError) as refusal:
            clock = str(refusal)
        if clock != "BENCH":
            raise LockstepError(
                f"{self.name} does not take the bench's clock ({clock}); run it in real time, "
                "or play it with an emulated device"
            )
        self._dt_s, self._tick = dt_s, 0

    def tick(
        self, available_kw: float, limit_kw: float, vm_pu: float, f_hz: float
    ) -> InverterReading:
        """Hand it one tick's inputs, let that tick pass, and read what it did.

        Parameters
        ----------
        available_kw : float
            What its source could give. [kW]
        limit_kw : float
            Active power limit. [kW]
        vm_pu, f_hz : float
            Voltage at its terminals and frequency. [p.u.], [Hz]

        Raises
        ------
        SetpointError
            An input is outside its bounds (nothing is sent), or the limit was not taken.
        LinkError, DeviceError
            It did not answer, twice; or not with this tick's numbers.

        Notes
        -----
        The number of the tick goes out with it and comes back. A tick whose answer was lost
        is asked for once more: the device answers again without letting time pass again.
        """
        if self._dt_s is None:
            raise LockstepError(f"{self.name}: begin_lockstep comes before the first tick")
        self._refuse_outside(limit_kw)
        self._refuse_impossible(available_kw, vm_pu, f_hz)
        message = (
            f"SIM:TICK {self._tick},{self._dt_s},{1000.0 * available_kw},{vm_pu},{f_hz};"
            f":SOUR:POW:LIM {1000.0 * limit_kw};:SIM:STEP?"
        )
        try:
            reply = self._link.exchange(message)
        except LinkError:
            reply = self._link.exchange(message)
        return self._read_tick(reply, limit_kw)

    def _set_limit(self, p_kw: float) -> None:
        """Set the limit and compare what the device then holds."""
        reply = self._link.query(f"SOUR:POW:LIM {1000.0 * p_kw};:SOUR:POW:LIM?")
        self._confirm(p_kw, self._number(reply, reply) / 1000.0)

    def _refuse_outside(self, p_kw: float) -> None:
        """Refuse a limit outside the rating before anything is sent; NaN is outside too."""
        if not 0 <= p_kw <= self.p_rated_kw:
            raise SetpointError(
                f"{self.name}: {p_kw} kW is outside 0 to {self.p_rated_kw} kW; nothing was sent"
            )

    def _confirm(self, p_kw: float, taken_kw: float) -> None:
        """Refuse to go on with a limit that was not taken."""
        if abs(taken_kw - p_kw) > self._tolerance_kw:
            raise SetpointError(f"{self.name}: asked for {p_kw} kW, device holds {taken_kw} kW")

    def _read_tick(self, reply: str, limit_kw: float) -> InverterReading:
        """Unpack one tick's answer, and count the tick as passed when it is this tick's."""
        fields = reply.split(",")
        if len(fields) != 5 or fields[0] != str(self._tick):
            self._link.drop()
            raise DeviceError(
                f"{self.name}: tick {self._tick} was answered with {reply!r}; "
                f"the device says {self._last_error()}"
            )
        self._tick += 1
        _, p_w, q_var, state, limit_w = fields
        reading = self._reading(p_w, q_var, state, reply)
        self._confirm(limit_kw, self._number(limit_w, reply) / 1000.0)
        return reading._replace(tick=self._tick - 1)

    def _reading(self, p_w: str, q_var: str, state: str, reply: str) -> InverterReading:
        """Turn what it answers into what it feeds."""
        p_kw = self._channels.primary("p", self._number(p_w, reply) / 1000.0)
        q_kvar = self._channels.primary("q", self._number(q_var, reply) / 1000.0)
        known = self._state(state, reply)
        return InverterReading(p_kw, q_kvar, known != "running", known)

    def _state(self, text: str, reply: str) -> str:
        """Translate the state that the device reports."""
        if text not in _STATES:
            raise self._nonsense(f"a state of {', '.join(_STATES)}", reply)
        return _STATES[text]
