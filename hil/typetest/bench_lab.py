"""A lab over real instruments, or emulated ones in their own time: it waits as long as it says."""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hil.roles import (
    AcReading,
    Analyser,
    Functional,
    GridSimulator,
    Inverter,
    Programmable,
    PvSimulator,
    SourceStep,
)

from .lab import GridStep, NotTestable, Ratings, Sample
from .lockstep_lab import pass_on

RENEW_S = 1.0
"""How often every device hears of the bench while it waits. [s]"""


@dataclass(frozen=True, kw_only=True)
class Instruments:
    """What stands around the device under test.

    Attributes
    ----------
    device : Inverter
        The device under test.
    grid : GridSimulator
    sun : PvSimulator or None
        None where its source is beyond the bench's reach, and gives the rating.
    analyser : Analyser or None
        Measures instead of the grid simulator.
    """

    device: Inverter
    grid: GridSimulator
    sun: PvSimulator | None = None
    analyser: Analyser | None = None


class BenchLab:
    """Instruments around one device, in real time.

    Parameters
    ----------
    instruments : Instruments
        Open and armed; their outputs are closed here.
    ratings : Ratings
    v_nominal_v, f_nominal_hz : float
        Voltage of a phase to neutral that is 1 p.u., and the frequency to begin with. [V], [Hz]
    resolution_s : float
        How far apart samples are; no shorter than a round of questions takes. [s]
    clock, sleep : callable
        [s]
    alive, rest : callable
        Called at every piece of waiting, as a guardian wants to see; called before a program,
        during which nothing can show that this process lives.
    longest_play_s : float
        Longest program: below the shortest revert timer, which nothing renews meanwhile. [s]

    Notes
    -----
    Steps of a program are played by the source itself, whose own dwell is exact to
    `program_s`; a grid that is set from here is late by the time a command takes, so that no
    event is played from here.
    """

    def __init__(
        self,
        instruments: Instruments,
        ratings: Ratings,
        *,
        v_nominal_v: float,
        f_nominal_hz: float,
        resolution_s: float = 0.1,
        program_s: float = 0.001,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        alive: Callable[[], None] = lambda: None,
        rest: Callable[[], None] = lambda: None,
        longest_play_s: float = math.inf,
    ) -> None:
        self._on, self.ratings, self._v_nominal_v = instruments, ratings, v_nominal_v
        self.resolution_s, self.event_s = resolution_s, program_s
        self.sets_functions = isinstance(instruments.device, Functional)
        self._clock, self._sleep, self._alive, self._rest = clock, sleep, alive, rest
        self._longest_play_s = longest_play_s
        self._began_s = self._asked_s = clock()
        self.set_grid(1.0, f_nominal_hz)
        instruments.grid.energise(True)
        self.set_available(ratings.p_kw)
        if instruments.sun is not None:
            instruments.sun.energise(True)

    @property
    def now_s(self) -> float:
        """Time since the lab began. [s]"""
        return self._clock() - self._began_s

    def set_grid(self, vm_pu: float, f_hz: float) -> None:
        """Set the grid simulator. [p.u.], [Hz]"""
        self._on.grid.set_grid(vm_pu * self._v_nominal_v, f_hz)

    def set_available(self, p_kw: float) -> None:
        """Set the PV simulator; without one, only the rating is to be had.

        Raises
        ------
        NotTestable
            Less was asked for, and there is no PV simulator.
        """
        if self._on.sun is not None:
            self._on.sun.set_available(p_kw)
        elif p_kw < self.ratings.p_kw:
            raise NotTestable(f"{p_kw:g} kW of sun, and the bench has no PV simulator")

    def set_limit(self, p_kw: float) -> None:
        """Limit the device. [kW]"""
        self._on.device.limit_power(p_kw)

    def set_function(self, name: str, settings: Mapping[str, Any]) -> None:
        """Pass it to the device, if that takes any."""
        pass_on(self._on.device, self._on.device.name, name, settings)

    def observe(self, seconds: float, every_s: float) -> list[Sample]:
        """Sample at even distances until the time is over; a late sample does not delay others."""
        each_s = min(max(every_s, self.resolution_s), max(seconds, self.resolution_s))
        count = max(1, int(seconds / each_s + 1e-9))
        begun_s, samples = self.now_s, []
        for number in range(1, count + 1):
            self._wait_until(begun_s + seconds - (count - number) * each_s)
            samples.append(self._sample())
        return samples

    def play(self, steps: Sequence[GridStep], every_s: float) -> list[Sample]:
        """Have the source play its own program; nothing is sampled meanwhile, but at its end.

        Raises
        ------
        NotTestable
            The source plays none.
        """
        grid = self._on.grid
        if not isinstance(grid, Programmable):
            raise NotTestable(
                f"{grid.name} plays no program of its own, and an event set over the link is too "
                "inexact"
            )
        length_s = sum(step.dwell_s for step in steps)
        if length_s > self._longest_play_s:
            raise NotTestable(
                f"an event of {length_s:.4g} s, and within {self._longest_play_s:g} s a device "
                "would take the bench for dead"
            )
        self._rest()
        grid.play(tuple(SourceStep(v * self._v_nominal_v, f_hz, s) for v, f_hz, s in steps))
        return [self._sample()]

    def _wait_until(self, at_s: float) -> None:
        """Wait in pieces, and show between them that this process lives."""
        self._show_life()
        while (left_s := at_s - self.now_s) > 0.0:
            self._sleep(min(left_s, self.resolution_s))
            self._show_life()

    def _show_life(self) -> None:
        """Beat for the guardian, and speak to every device before its revert timer ends."""
        self._alive()
        if self._clock() - self._asked_s >= RENEW_S:
            self._asked_s = self._clock()
            for device in (self._on.device, self._on.grid, self._on.sun):
                if device is not None:
                    device.measure()

    def _sample(self) -> Sample:
        """Read what flows; taken to hold at the middle of asking and answering."""
        asked_s = self.now_s
        meter = self._on.analyser or self._on.grid
        read: AcReading = meter.measure()
        at_s = 0.5 * (asked_s + self.now_s)
        vm_v = sum(read.vm_v) / len(read.vm_v) if read.vm_v else float("nan")
        return Sample(at_s, read.p_kw, read.q_kvar, vm_v / self._v_nominal_v, read.f_hz)
