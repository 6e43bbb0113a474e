"""Devices that take the bench's clock, tick by tick; only emulated ones do."""

import math

from hil.errors import DeviceError, LinkError, LockstepError, SetpointError
from hil.roles import InverterReading
from hil.turns import Talk, asking, finish

from .scpi_emulated import EmulatedScpi

_STATES = {"RUN": "running", "TRIP": "tripped", "WAIT": "waiting"}


class LockstepScpi(EmulatedScpi):
    """What feeds or charges, one tick after another."""

    p_rated_kw: float
    _least_kw: float = 0.0
    _tolerance_kw: float = 0.001
    _dt_s: float | None = None
    _tick: int = 0

    def _setpoint(self, p_kw: float) -> str:
        """Spell the command that sets its power. [kW]"""
        raise NotImplementedError

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
            Active power limit of an inverter, power of a store. [kW]
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
        return finish(self.ticking(available_kw, limit_kw, vm_pu, f_hz))

    def ticking(
        self, available_kw: float, limit_kw: float, vm_pu: float, f_hz: float
    ) -> Talk[InverterReading]:
        """Do as `tick`, and give way to others while the answer is on its way."""
        if self._dt_s is None:
            raise LockstepError(f"{self.name}: begin_lockstep comes before the first tick")
        self._refuse_outside(limit_kw)
        self._refuse_impossible(available_kw, vm_pu, f_hz)
        message = (
            f"SIM:TICK {self._tick},{self._dt_s},{1000.0 * available_kw},{vm_pu},{f_hz};"
            f":{self._setpoint(limit_kw)};:SIM:STEP?"
        )
        try:
            reply = yield from asking(self._link, message, proven=False)
        except LinkError:
            reply = yield from asking(self._link, message, proven=False)
        return self._read_tick(reply, limit_kw)

    def _refuse_outside(self, p_kw: float) -> None:
        """Refuse a power outside the rating before anything is sent; NaN is outside too."""
        if not self._least_kw <= p_kw <= self.p_rated_kw:
            raise SetpointError(
                f"{self.name}: {p_kw} kW is outside {self._least_kw:g} to {self.p_rated_kw} kW; "
                "nothing was sent"
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
                f"{self.name}: tick {self._tick} was answered with {reply[:200]!r}; "
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
        if state not in _STATES:
            raise self._nonsense(f"a state of {', '.join(_STATES)}", reply)
        known = _STATES[state]
        return InverterReading(p_kw, q_kvar, known != "running", known)
