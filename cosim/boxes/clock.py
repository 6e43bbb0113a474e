"""Ticks: when physics runs, when gates close and when periods end, on mosaik's integer time.

Mosaik's time 0 is the first gate. Physics starts after the pre-roll, so that the first
delivery period has contracts, and is followed by a tail in which the last one settles.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

NEVER = 2**62
"""A step time that no run reaches; mosaik has no other word for it in a time-based simulator."""


@dataclass(frozen=True, kw_only=True)
class Clock:
    """The integer time of one run.

    Parameters
    ----------
    start : datetime
        Wall-clock time of the first physics tick, with time zone.
    dt_s : float
        Length of a tick. [s]
    ticks : int
        Number of physics ticks.
    ticks_per_period, gate_ticks : int
        Length of a delivery period, and how long before it the gate closes. [ticks]
    tail : int
        Ticks after physics in which settlement may still act.
    """

    start: datetime
    dt_s: float
    ticks: int
    ticks_per_period: int
    gate_ticks: int
    tail: int = 10

    @property
    def ticks_per_second(self) -> int:
        """Ticks in one second of the slow clock; a tick never exceeds a second."""
        return max(1, round(1 / self.dt_s))

    @property
    def preroll(self) -> int:
        """Mosaik time of the first physics tick."""
        return self.gate_ticks

    @property
    def end(self) -> int:
        """Mosaik time at which the last physics tick has ended."""
        return self.preroll + self.ticks

    @property
    def until(self) -> int:
        """Mosaik time at which the run ends, settlement tail included."""
        return self.end + self.tail

    @property
    def periods(self) -> int:
        """Delivery periods that end within physics."""
        return self.ticks // self.ticks_per_period

    def begins(self, period: int) -> int:
        """Mosaik time at which a delivery period begins."""
        return self.preroll + period * self.ticks_per_period

    def ends(self, period: int) -> int:
        """Mosaik time at which a delivery period ends, which is when it closes."""
        return self.begins(period + 1)

    def gate(self, period: int) -> int:
        """Mosaik time at which the book of a delivery period closes."""
        return self.begins(period) - self.gate_ticks

    def period_gated_at(self, time: int) -> int | None:
        """Delivery period whose gate is now, if there is one."""
        period, rest = divmod(time, self.ticks_per_period)
        return period if rest == 0 and 0 <= period < self.periods else None

    def period_ended_at(self, time: int) -> int | None:
        """Delivery period that ends now, if there is one."""
        period, rest = divmod(time - self.preroll, self.ticks_per_period)
        return period - 1 if rest == 0 and 1 <= period <= self.periods else None

    def next_gate(self, time: int) -> int:
        """Mosaik time of the first gate after now, or NEVER."""
        period = time // self.ticks_per_period + 1
        return period * self.ticks_per_period if period < self.periods else NEVER

    def next_end(self, time: int) -> int:
        """Mosaik time of the first end of a period after now, or NEVER."""
        period = max(0, (time - self.preroll) // self.ticks_per_period)
        return self.ends(period) if period < self.periods else NEVER

    def is_physics(self, time: int) -> bool:
        """Whether physics has a tick now."""
        return self.preroll <= time < self.end

    def next_second(self, time: int) -> int:
        """Mosaik time of the slow clock's next step within physics, or NEVER."""
        if time < self.preroll:
            return self.preroll
        upcoming = time + self.ticks_per_second - (time - self.preroll) % self.ticks_per_second
        return upcoming if upcoming < self.end else NEVER

    def next_tick(self, time: int) -> int:
        """Mosaik time of the next physics tick; the one after the last closes the books."""
        if time < self.preroll:
            return self.preroll
        return time + 1 if time < self.end else NEVER

    def tick(self, time: int) -> int:
        """Tick counted from the start of physics, as the recorded tables count."""
        return time - self.preroll

    def time_of(self, offset_s: float) -> int:
        """Mosaik time of an instant given in seconds after the start of physics."""
        return self.preroll + round(offset_s / self.dt_s)

    def wall(self, time: int) -> datetime:
        """Wall-clock time of a mosaik time in the scenario's world."""
        return self.start + timedelta(seconds=self.tick(time) * self.dt_s)
