"""Driver of an inverter that speaks SCPI: kilowatts to us, watts to the device.

It refuses before sending, reads back after, and leaves the device at limit zero however
its block ends.
"""

import math
from types import TracebackType
from typing import Self

from hil.errors import BenchError, DeviceError, LinkError, LockstepError, SetpointError
from hil.numbers import BIGGEST, decimal
from hil.roles import InverterReading, Link

_STATES = {"RUN": "running", "TRIP": "tripped", "WAIT": "waiting"}


class ScpiInverter:
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
    """

    def __init__(
        self, link: Link, *, name: str, p_rated_kw: float, tolerance_kw: float = 0.001
    ) -> None:
        self._link, self.name, self.p_rated_kw = link, name, p_rated_kw
        self._tolerance_kw = tolerance_kw
        self._dt_s: float | None = None
        self._tick = 0

    def __enter__(self) -> Self:
        """Start from the safe state."""
        self.make_safe()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        fault: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Make it safe; a failure to do so never hides what ended the block."""
        try:
            self.make_safe()
        except Exception as unsafe:
            if fault is None:
                raise
            fault.add_note(f"{self.name} may not be in its safe state: {unsafe}")
        finally:
            self._link.close()

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
            It answers with anything but two numbers and a state.
        """
        reply = self._link.query("MEAS:POW?;:MEAS:POW:REAC?;:SOUR:STAT?")
        fields = reply.split(";")
        if len(fields) != 3:
            raise self._nonsense("MEAS:POW?", reply)
        state = self._state(fields[2], reply)
        p_kw, q_kvar = (self._number(field, reply) / 1000.0 for field in fields[:2])
        return InverterReading(p_kw, q_kvar, state != "running", state, -1)

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
        if not (0 <= available_kw < math.inf and 0 <= vm_pu < math.inf and 0 <= f_hz < math.inf):
            raise SetpointError(
                f"{self.name}: {available_kw} kW available at {vm_pu} p.u. and {f_hz} Hz; "
                "expected finite numbers, 0 or more; nothing was sent"
            )
        message = (
            f"SIM:TICK {self._tick},{self._dt_s},{1000.0 * available_kw},{vm_pu},{f_hz};"
            f":SOUR:POW:LIM {1000.0 * limit_kw};:SIM:STEP?"
        )
        try:
            reply = self._link.exchange(message)
        except LinkError:
            reply = self._link.exchange(message)
        return self._read_tick(reply, limit_kw)

    def inject(self, fault: str, *values: float) -> None:
        """Make an emulated inverter misbehave: ``trip``, ``drop``, ``delay``, …

        Raises
        ------
        DeviceError
            It knows no such fault, as no real device does.
        """
        arguments = ",".join([fault.upper(), *map(str, values)])
        before = self._link.query(f"SYST:ERR:COUN?;:SIM:FAUL {arguments};:SYST:ERR:COUN?")
        if len(set(before.split(";"))) != 1:
            raise DeviceError(f"{self.name}: fault {fault!r} was refused: {self._last_error()}")

    def clear_faults(self) -> None:
        """Make an emulated inverter behave again; after a trip it reconnects by its own rules."""
        self._link.write("SIM:FAUL:CLE")

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
        p_kw = self._number(fields[1], reply) / 1000.0
        q_kvar = self._number(fields[2], reply) / 1000.0
        state = self._state(fields[3], reply)
        self._confirm(limit_kw, self._number(fields[4], reply) / 1000.0)
        return InverterReading(p_kw, q_kvar, state != "running", state, self._tick - 1)

    def _number(self, text: str, reply: str) -> float:
        """Read one number; SCPI's not-a-number and infinity are none."""
        value = decimal(text)
        if value is None:
            raise self._nonsense("a number", reply)
        if abs(value) >= BIGGEST:
            raise self._nonsense("a finite number", reply)
        return value

    def _state(self, text: str, reply: str) -> str:
        """Translate the state that the device reports."""
        if text not in _STATES:
            raise self._nonsense(f"a state of {', '.join(_STATES)}", reply)
        return _STATES[text]

    def _nonsense(self, expected: str, reply: str) -> DeviceError:
        """Say what came and what was expected, and trust the connection no more."""
        self._link.drop()
        return DeviceError(f"{self.name}: answered {reply!r}; expected {expected}")

    def _last_error(self) -> str:
        """Ask for the oldest entry of the device's error queue; it is for messages only."""
        try:
            return self._link.query("SYST:ERR?")
        except BenchError as failure:
            return str(failure)
