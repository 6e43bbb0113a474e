"""What every emulated instrument has: the node's clock, faults, a watchdog, noise.

Time passes by the wall clock until the bench takes it: ``SIM:CLOC:BEG`` (or the first
``SIM:TICK``) for the whole node, ``SIM:CLOC:WALL`` gives it back. Then it passes tick by tick,
or by ``SIM:CLOC:ADV? <s>``, which is answered with the time that has passed in all.

A tick is ``SIM:TICK <number>,<length s>,<available W>,<voltage p.u.>,<frequency Hz>``, then
what the bench sets, then ``SIM:STEP?``, answered by
``<number>,<P W>,<Q var>,<state>,<setpoint>``. Numbers count up by one from where
``SIM:CLOCk:BEGin`` put them. A tick asked for again with the same inputs is answered again
without passing again, so a bench may repeat a question whose answer it lost; a tick that one
instrument of the node has let pass is answered by the others without passing again.
"""

import random
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from hil.numbers import NOT_A_NUMBER

from .faults import FAULTS, REPLY_FAULTS, FaultHandler, Misbehaviour, ReplyFault, Scheduled
from .scpi import Instrument, ScpiError, arguments, number
from .world import World

LONGEST_S = 86_400.0
_NOT_SERIAL = re.compile("[^A-Za-z0-9_. -]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Manners:
    """How any instrument behaves beside its physics.

    Attributes
    ----------
    serial : str
        Serial number in its identity.
    identity : str
        Whole answer to ``*IDN?``; by role and serial number unless given.
    latency_s, jitter_s : float
        How long it takes to answer, and how much longer at most. [s]
    noise : float
        Standard deviation of measured values, of themselves. [1]
    seed : int
        Of noise and jitter.
    phase : str
        Where it is wired: ``a``, ``b``, ``c`` or ``abc``.
    faults : tuple of Scheduled
        What goes wrong by itself.
    """

    serial: str = "0"
    identity: str = ""
    latency_s: float = 0.0
    jitter_s: float = 0.0
    noise: float = 0.0
    seed: int = 0
    phase: str = "abc"
    faults: tuple[Scheduled, ...] = ()


def identity_of(serial: str, kind: str = "inverter") -> str:
    """Spell the answer to ``*IDN?``; what cannot stand in a serial number becomes ``_``."""
    return f"Peerwatt,Emulated {kind},{_NOT_SERIAL.sub('_', serial)},1"


class EmulatedInstrument(Instrument):
    """A SCPI instrument that lives in a world.

    Parameters
    ----------
    world : World
        Where it lives.
    manners : Manners
        How it behaves.

    Attributes
    ----------
    watchdog_s : float
        How long the bench may be silent before `revert`; 0 for ever. [s]
    misbehaviour : Misbehaviour
        What is wrong with it now.
    on_reboot : callable
        What ends its connections for so many seconds.
    """

    role: ClassVar[str]
    energises: ClassVar[bool] = True

    def __init__(self, world: World, manners: Manners) -> None:
        super().__init__(manners.identity or identity_of(manners.serial, self.role))
        self.world, self.manners = world, manners
        self.phases = tuple("abc".index(phase) for phase in manners.phase)
        self.misbehaviour = Misbehaviour()
        self.on_reboot: Callable[[float], None] = lambda seconds: None
        self.watchdog_s = 0.0
        self._dice = random.Random(f"{manners.seed}/{manners.serial}")  # noqa: S311 - noise
        self._available_kw = 0.0
        self._last: tuple[float, ...] = (-1.0,)
        self._staged: tuple[float, ...] | None = None
        self._answer = ""
        self._faults: dict[str, FaultHandler] = {
            "STUCK": lambda given: self.misbehaviour.stick(),
            "DRIFT": self._drift,
            "REFUSE": lambda given: setattr(self.misbehaviour, "refuses", True),
            "TRIP": lambda given: self.trip(),
            "REBOOT": self._reboot,
            "IDENTITY": lambda given: setattr(self.misbehaviour, "stranger", True),
            **{name: self._break_replies(name) for name in REPLY_FAULTS},
        }
        if self.energises:
            self.on("SYSTem:WATChdog[:TIMeout]", self._set_watchdog, "`<s>` of silence; 0 is off")
            self.command("SYSTem:WATChdog[:TIMeout]?", lambda: str(self.watchdog_s), "its seconds")
        self._add_simulation()
        for planned in manners.faults:
            self.world.at(planned.at_s, self._planned(planned))

    def _add_simulation(self) -> None:
        """Offer what only an emulated instrument has."""
        self.command("SIMulate:CLOCk:BEGin", self._begin, "the bench takes the node's clock")
        self.command("SIMulate:CLOCk:WALL", self._free, "give the clock back")
        self.command("SIMulate:CLOCk?", self._whose_clock, "`BENCH` or `WALL`")
        self.command("SIMulate:CLOCk:TIME?", lambda: str(self.world.now_s), "time passed [s]")
        self.on("SIMulate:CLOCk:ADVance?", self._advance, "`<s>`: let time pass; time passed [s]")
        self.on("SIMulate:TICK", self._stage, "`<number>,<s>,<available W>,<p.u.>,<Hz>`")
        self.command("SIMulate:STEP?", self._step, "`<number>,<W>,<var>,<state>,<setpoint>`")
        self.on("SIMulate:SURRound", self._surround, "`<available W>,<p.u.>,<Hz>`")
        self.on("SIMulate:FAULt", self._inject, "`<fault>[,<value>[,<value>]]`")
        self.command("SIMulate:FAULt:CLEar", self.clear_faults, "behave again")
        self.command("SIMulate:FAULt:CATalog?", lambda: ",".join(FAULTS), "faults it can have")

    def execute(self, line: str) -> str | None:
        """Carry out one message when time has passed up to it."""
        self.world.catch_up()
        return super().execute(line)

    def identify(self) -> str:
        """Say who it is, or who it is not."""
        if not self.misbehaviour.stranger:
            return self.identity
        *rest, serial, firmware = self.identity.split(",")
        return ",".join([*rest, f"not-{serial}", firmware])

    @property
    def reply_fault(self) -> ReplyFault | None:
        """What goes wrong with its replies."""
        return self.misbehaviour.reply

    @reply_fault.setter
    def reply_fault(self, fault: ReplyFault | None) -> None:
        """Order it, or end it."""
        self.misbehaviour.reply = fault

    def state(self) -> str:
        """Say in a word what it does."""
        return "RUN"

    def setpoint(self) -> float:
        """Give what it was told last, in its own unit."""
        return 0.0

    def power(self) -> tuple[float, float]:
        """Give what it feeds. [W], [var]"""
        return 0.0, 0.0

    def tick_power(self) -> tuple[float, float]:
        """Give what it fed over the last tick of lockstep. [W], [var]"""
        return self.power()

    def trip(self) -> None:
        """Open, and stay open until the faults are cleared."""

    def clear_faults(self) -> None:
        """Behave again."""
        self.misbehaviour = Misbehaviour()

    def reset(self) -> None:
        """Return to the settings at power-on. The physics goes on."""
        self.watchdog_s = 0.0

    def restart(self) -> None:
        """Come back from a reboot: defaults, and the way back into service."""
        self.reset()

    def revert(self) -> None:
        """Fall back to the safe state because the bench is silent."""
        watchdog_s = self.watchdog_s
        self.reset()
        self.watchdog_s = watchdog_s
        self.report(-300, text="Watchdog: bench silent, back to the safe state")

    def shown(self, key: str, value: float) -> str:
        """Spell a measured value: with noise, and with what is wrong with it."""
        return str(self.value_shown(key, value))

    def register_shown(self, key: str, value: float) -> str:
        """Spell what a register counts: without noise, but with what is wrong with it."""
        return str(self.misbehaviour.bend(key, value, self.world.now_s))

    def value_shown(self, key: str, value: float) -> float:
        """Give a measured value with its noise, and with what is wrong with it."""
        if self.manners.noise > 0.0:
            value *= 1.0 + self._dice.gauss(0.0, self.manners.noise)
        return self.misbehaviour.bend(key, value, self.world.now_s)

    def latency_s(self) -> float:
        """How long this reply takes. [s]"""
        manners = self.manners
        if manners.jitter_s > 0.0:
            return manners.latency_s + manners.jitter_s * self._dice.random()
        return manners.latency_s

    def accept(self) -> None:
        """Go on with a new setpoint, unless setpoints are refused.

        Raises
        ------
        ScpiError
            −221.
        """
        if self.misbehaviour.refuses:
            raise ScpiError(-221, "setpoint refused")

    def adjustable(
        self, pattern: str, name: str, low: float, high: float, default: float, about: str
    ) -> None:
        """Offer a number that is set, and asked for with ``?``, ``? MIN`` or ``? MAX``."""

        def put(given: list[str]) -> None:
            value = number(arguments(given, 1)[0], low, high, default)
            self.accept()
            setattr(self, name, value)

        def tell(given: list[str]) -> str:
            if arguments(given, 0, 1):
                return str(number(given[0], low, high, default))
            return str(getattr(self, name))

        self.on(pattern, put, f"`<{about}>`")
        self.on(f"{pattern}?", tell, "`[MIN|MAX|DEF]`")

    def _set_watchdog(self, given: list[str]) -> None:
        """Arm the watchdog; 0 disarms it."""
        self.watchdog_s = number(arguments(given, 1)[0], 0.0, LONGEST_S, 0.0)

    def _begin(self) -> None:
        """Take the node's clock; count ticks from 0."""
        self.world.take_clock()
        self._last, self._staged, self._answer = (-1.0,), None, ""

    def _free(self) -> None:
        """Give the clock back."""
        self.world.free_clock()

    def _whose_clock(self) -> str:
        """Say who moves time."""
        return "BENCH" if self.world.on_bench_clock else "WALL"

    def _advance(self, given: list[str]) -> str:
        """Let simulated time pass."""
        dt_s = number(arguments(given, 1)[0], 0.0, LONGEST_S)
        if not self.world.on_bench_clock:
            self.world.take_clock()
        try:
            self.world.advance(dt_s)
        except ValueError as fault:
            raise ScpiError(-222, str(fault)) from None
        return str(round(self.world.now_s, 9))

    def _surround(self, given: list[str]) -> None:
        """Take sun and grid, which others have."""
        available_w, vm_pu, f_hz = (number(text, 0.0, 1e12) for text in arguments(given, 3))
        self._available_kw = available_w / 1000.0
        self.world.surround(vm_pu, f_hz)

    def _stage(self, given: list[str]) -> None:
        """Take the inputs of the next tick, or of the last one again."""
        self._staged = None
        tick, dt_s, available_w, vm_pu, f_hz = (
            number(text, 0.0, 1e12) for text in arguments(given, 5)
        )
        staged = tick, dt_s, available_w, vm_pu, f_hz
        if not 0.0 < dt_s <= LONGEST_S:
            raise ScpiError(-222, f"tick of {dt_s} s")
        if tick != self._last[0] + 1 and staged != self._last:
            raise ScpiError(-221, f"tick {tick:.0f} after {self._last[0]:.0f}")
        if not self.world.on_bench_clock:
            self.world.take_clock()
        self._staged = staged

    def _step(self) -> str:
        """Let the staged tick pass, and tell what the instrument did."""
        staged, self._staged = self._staged, None
        if staged is None:
            return f"-1,{NOT_A_NUMBER},{NOT_A_NUMBER},{self.state()},{self.setpoint()}"
        if staged != self._last:
            tick, dt_s, available_w, vm_pu, f_hz = self._last = staged
            if tick > self.world.tick:
                self._available_kw = available_w / 1000.0
                self.world.surround(vm_pu, f_hz)
                try:
                    self.world.pass_tick(dt_s)
                except ValueError as fault:
                    self._last = (tick - 1.0,)
                    raise ScpiError(-222, str(fault)) from None
            p_w, q_var = self.tick_power()
            self._answer = (
                f"{tick:.0f},{self.shown('p', p_w)},{self.shown('q', q_var)},{self.state()}"
            )
        return f"{self._answer},{self.setpoint()}"

    def _inject(self, given: list[str]) -> None:
        """Misbehave as named."""
        name, *values = arguments(given, 1, 3)
        self._misbehave(name.upper(), [number(text, -1e12, 1e12) for text in values])

    def _misbehave(self, name: str, values: list[float]) -> None:
        """Order a fault."""
        if name not in self._faults:
            raise ScpiError(-224, f"{name[:20]} is none of {' '.join(self._faults)}")
        if values and name in ("STUCK", "REFUSE", "TRIP", "IDENTITY"):
            raise ScpiError(-108)
        self._faults[name](values)

    def _planned(self, planned: Scheduled) -> Callable[[], None]:
        """Make what a fault of the schedule does when its time has come."""

        def come() -> None:
            try:
                self._misbehave(planned.fault, list(planned.values))
            except ScpiError as refusal:
                self.report(refusal.code, refusal.detail)

        return self.clear_faults if planned.fault == "CLEAR" else come

    def _break_replies(self, name: str) -> FaultHandler:
        """Make a fault that spoils the next replies: ``<how many>,<seconds>``."""

        def arm(values: list[float]) -> None:
            count, seconds = [*values, *(1.0, 0.0)[len(values) :]]
            if not (1.0 <= count <= 1e9 and 0.0 <= seconds <= LONGEST_S):
                raise ScpiError(-222, f"{count} replies, {seconds} s")
            self.misbehaviour.reply = ReplyFault(name, int(count), seconds)

        return arm

    def _drift(self, values: list[float]) -> None:
        """Have measured values drift."""
        if len(values) != 1:
            raise ScpiError(-108 if values else -109)
        self.misbehaviour.drift(values[0], self.world.now_s)

    def _reboot(self, values: list[float]) -> None:
        """Be gone for so many seconds."""
        if len(values) > 1 or (values and not 0.0 <= values[0] <= LONGEST_S):
            raise ScpiError(-222)
        self.restart()
        self.on_reboot(values[0] if values else 1.0)
