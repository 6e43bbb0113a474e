"""What the instruments of one node share: the grid at their terminals, the sun, and time.

A source (a grid simulator) sets voltage and frequency, and every party (inverter, storage,
load) lives a step with them; the sum of what they feed is what source and analyser measure.
Without a source the terminals are what `surround` says. Power is positive into the grid.
"""

import math
import time
from collections.abc import Callable
from typing import Protocol

PHASES = (0, 1, 2)
LONGEST_BACKLOG_S = 10.0  # a process that slept longer does not live through all of it
SHORTEST_S = 1e-4  # resolution of a source's own program
_SLACK = 1e-9
_WHOLE = 1e-6  # of a step, which a time may be off from a multiple of it


class Party(Protocol):
    """An instrument that moves power at the node's terminals."""

    p_kw: float
    q_kvar: float
    phases: tuple[int, ...]

    def live(self, dt_s: float, vm_pu: float, f_hz: float) -> None:
        """Let a step pass; `p_kw` and `q_kvar` then hold over it."""

    def begin_anew(self) -> None:
        """Bring the physics to its beginning; settings stay."""


class Source(Protocol):
    """An instrument that makes the node's grid."""

    r_ohm: float
    x_ohm: float
    vm_v: list[float]
    f_hz: float

    def supply(self, dt_s: float) -> None:
        """Let a step begin: `vm_v` and `f_hz` then hold over it. [V], [Hz]"""

    def bear(self, dt_s: float) -> None:
        """Look at what was drawn over the step that ends, and protect itself."""

    def until_change_s(self) -> float:
        """How long until it changes by its own program; infinite without. [s]"""


class Sun(Protocol):
    """An instrument that gives inverters their power."""

    drawn_kw: float

    @property
    def available_kw(self) -> float:
        """What they could draw. [kW]"""


class World:
    """One node: its terminals, its sun, its clock.

    Parameters
    ----------
    v_nominal_v, f_nominal_hz : float
        What 1 p.u. is, phase to neutral, and what the frequency is at first. [V], [Hz]
    step_s : float
        Length of a step of its own time. [s]
    clock : callable
        Wall clock. [s]

    Attributes
    ----------
    now_s : float
        Time that has passed in it. [s]
    on_bench_clock : bool
        Whether time passes by command only.
    tick : int
        Number of the last tick of lockstep; −1 before the first.
    vm_v : list of 3 float
        Voltage at the terminals over the last step, behind the source's impedance. [V]
    f_hz : float
        Frequency over the last step. [Hz]
    p_kw, q_kvar : list of 3 float
        What all parties together fed over the last step, by phase. [kW], [kvar]
    energy_kwh : float
        What they fed so far, net. [kWh]
    mean : list of (float, float)
        What each party fed over the last tick of lockstep. [kW], [kvar]

    Notes
    -----
    Behind an impedance R + jX the terminals of a phase are at |V + (R + jX)·S*/V| with the
    power of the step before: explicit, so a step has to be short beside what reacts to it.
    """

    def __init__(
        self,
        *,
        v_nominal_v: float = 230.0,
        f_nominal_hz: float = 50.0,
        step_s: float = 0.01,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.v_nominal_v, self.f_nominal_hz, self.step_s = v_nominal_v, f_nominal_hz, step_s
        self.parties: list[Party] = []
        self.source: Source | None = None
        self.sun: Sun | None = None
        self.due: list[tuple[float, Callable[[], None]]] = []
        self.fixed_step = False
        self.now_s, self.tick, self.on_bench_clock = 0.0, -1, False
        self.vm_v, self.f_hz = 3 * [v_nominal_v], f_nominal_hz
        self.p_kw, self.q_kvar, self.energy_kwh = 3 * [0.0], 3 * [0.0], 0.0
        self.mean: list[tuple[float, float]] = []
        self._sums: list[list[float]] = []
        self._clock = clock
        self._began_s, self._lived_s = clock(), 0.0

    def surround(self, vm_pu: float, f_hz: float) -> None:
        """Say what the terminals see while no source of the node does. [p.u.], [Hz]"""
        if self.source is None:
            self.vm_v, self.f_hz = 3 * [vm_pu * self.v_nominal_v], f_hz

    def take_clock(self) -> None:
        """Have time pass by command only, and count ticks from 0.

        What happened on its own clock before is undone, settings apart: a run on the bench's
        clock is the same however long its devices had waited for it.
        """
        if not self.on_bench_clock:
            self.now_s, self.energy_kwh = 0.0, 0.0
            self.p_kw, self.q_kvar = 3 * [0.0], 3 * [0.0]
            for party in self.parties:
                party.begin_anew()
        self.on_bench_clock, self.tick = True, -1

    def free_clock(self) -> None:
        """Have time pass by itself again."""
        self.on_bench_clock = False
        self._began_s, self._lived_s = self._clock(), 0.0

    def catch_up(self) -> None:
        """Live through the steps that the wall clock has made since."""
        if self.on_bench_clock:
            return
        passed_s = self._clock() - self._began_s
        if passed_s - self._lived_s > LONGEST_BACKLOG_S:
            self._lived_s = passed_s - LONGEST_BACKLOG_S
        while passed_s - self._lived_s >= self.step_s:
            self._pass(self.step_s)
            self._lived_s += self.step_s

    def advance(self, dt_s: float) -> None:
        """Let simulated time pass in steps of `step_s`; the last one is the rest. [s]

        Raises
        ------
        ValueError
            The time is no multiple of the step, in a world whose step is fixed.
        """
        steps = math.ceil(dt_s / self.step_s - _WHOLE)
        rest_s = dt_s - (steps - 1) * self.step_s
        if self.fixed_step and steps and abs(rest_s - self.step_s) > _WHOLE * self.step_s:
            raise ValueError(f"{dt_s} s is no multiple of the step, {self.step_s} s")
        for left in range(steps, 0, -1):
            self._pass(self.step_s if left > 1 or self.fixed_step else rest_s)

    def pass_tick(self, dt_s: float) -> None:
        """Let a tick of lockstep pass: one step, or several where the node needs them. [s]

        Raises
        ------
        ValueError
            As `advance`.
        """
        if not (self.fixed_step or self.source is not None):
            self._live(dt_s)
            self.mean = [(party.p_kw, party.q_kvar) for party in self.parties]
        else:
            self._sums = [[0.0, 0.0] for _ in self.parties]
            self.advance(dt_s)
            self.mean = [(p / dt_s, q / dt_s) for p, q in self._sums]
            self._sums = []
        self.tick += 1

    def at(self, when_s: float, act: Callable[[], None]) -> None:
        """Have something done when this time has come. [s]"""
        self.due.append((when_s, act))
        self.due.sort(key=lambda entry: entry[0])

    def seen_pu(self, phases: tuple[int, ...]) -> float:
        """Mean voltage that an instrument on these phases sees. [p.u.]"""
        return sum(self.vm_v[phase] for phase in phases) / (len(phases) * self.v_nominal_v)

    def _pass(self, dt_s: float) -> None:
        """Let a step pass, in pieces where a program of the source changes within it."""
        if self.source is None or self.fixed_step:
            self._live(dt_s)
            return
        while dt_s > _SLACK:
            piece_s = min(dt_s, max(self.source.until_change_s(), SHORTEST_S))
            piece_s = dt_s if dt_s - piece_s < SHORTEST_S else piece_s
            self._live(piece_s)
            dt_s -= piece_s

    def _live(self, dt_s: float) -> None:
        """Let one step pass for everybody."""
        while self.due and self.due[0][0] <= self.now_s + _SLACK:
            self.due.pop(0)[1]()
        source = self.source
        if source is not None:
            source.supply(dt_s)
            self.f_hz = source.f_hz
            self.vm_v = [self._behind(source, phase) for phase in PHASES]
        p_kw, q_kvar, drawn_kw = [0.0, 0.0, 0.0], [0.0, 0.0, 0.0], 0.0
        for party in self.parties:
            phases = party.phases
            party.live(dt_s, self.seen_pu(phases), self.f_hz)
            for phase in phases:
                p_kw[phase] += party.p_kw / len(phases)
                q_kvar[phase] += party.q_kvar / len(phases)
            drawn_kw += getattr(party, "drawn_kw", 0.0)
        for party, sums in zip(self.parties, self._sums, strict=False):
            sums[0] += party.p_kw * dt_s
            sums[1] += party.q_kvar * dt_s
        self.p_kw, self.q_kvar = p_kw, q_kvar
        self.energy_kwh += sum(p_kw) * dt_s / 3600.0
        self.now_s += dt_s
        if self.sun is not None:
            self.sun.drawn_kw = drawn_kw
        if source is not None:
            source.bear(dt_s)

    def _behind(self, source: Source, phase: int) -> float:
        """Voltage of a phase behind the source's impedance. [V]"""
        v_v = source.vm_v[phase]
        if v_v <= 0.0 or (source.r_ohm == 0.0 and source.x_ohm == 0.0):
            return v_v
        p_w, q_var = 1000.0 * self.p_kw[phase], 1000.0 * self.q_kvar[phase]
        along_v = v_v + (source.r_ohm * p_w + source.x_ohm * q_var) / v_v
        across_v = (source.x_ohm * p_w - source.r_ohm * q_var) / v_v
        return math.hypot(along_v, across_v)
