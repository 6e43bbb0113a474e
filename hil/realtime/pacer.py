"""Ticks at their time on the wall: absolute deadlines, and what happens when one is missed."""

import time
from collections.abc import Callable
from typing import Literal, NamedTuple, get_args

from hil.errors import LateError

from .lateness import Lateness

Overrun = Literal["hold", "skip", "abort"]
OVERRUNS: tuple[Overrun, ...] = get_args(Overrun)


class Paced(NamedTuple):
    """How one tick came.

    Attributes
    ----------
    late_us : float
        How long after its deadline it began. [µs]
    skipped : int
        Periods of the wall clock that were given up before it.
    began_s : float
        When it began, by the wall clock since the first was due. [s]
    """

    late_us: float
    skipped: int
    began_s: float


class Pacer:
    """Makes ticks wait for the wall clock.

    Parameters
    ----------
    period_s : float
        Length of a tick. [s]
    overrun : {"hold", "skip", "abort"}
        What happens when a tick begins a whole period or more after its deadline, that is when
        the next deadline has passed already.

        ``hold``
            Deadlines stay where they are. Late ticks follow one another without a pause until
            they have caught up: simulated time is never behind for good.
        ``skip``
            The whole periods that have passed are given up: all later deadlines move by them.
            Ticks are never closer than a period less the lateness of the first; simulated time
            stays contiguous and falls behind the wall clock by `skipped` periods.
        ``abort``
            `LateError`.
    spin_s : float
        How long before the deadline to stop sleeping and turn round instead: microseconds
        late instead of tenths of a millisecond, for the price of a processor. [s]
    clock, sleep : callable
        Other clocks than the wall's, for tests. [s]

    Attributes
    ----------
    lateness : Lateness
        Of all ticks so far.
    skipped : int
        Periods given up so far.
    overruns : int
        Ticks that began a period or more late.
    """

    def __init__(
        self,
        period_s: float,
        *,
        overrun: Overrun = "hold",
        spin_s: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        if not 0 < period_s < float("inf"):
            raise ValueError(f"a tick of {period_s} s; expected more than 0 s")
        if overrun not in OVERRUNS:
            raise ValueError(f"no overrun policy {overrun!r}; known: {', '.join(OVERRUNS)}")
        self._period_s, self._overrun, self._spin_s = period_s, overrun, spin_s
        self._clock, self._sleep = clock, sleep
        self._start_s: float | None = None
        self._tick = -1
        self.lateness = Lateness()
        self.skipped = self.overruns = 0

    def wait(self) -> Paced:
        """Wait until the next tick is due; the first is due at once, and starts the clock.

        Raises
        ------
        LateError
            The policy is ``abort`` and the tick is a period or more late.
        """
        if self._start_s is None:
            self._start_s = self._clock()
        self._tick += 1
        # From the first deadline each time, so that no error adds up.
        due_s = (self._tick + self.skipped) * self._period_s
        late_s = self._sleep_until(self._start_s + due_s)
        self.lateness.add(1e6 * late_s)
        # A hair less than a period, since deadlines are rounded.
        missed = int(late_s / self._period_s + 1e-9)
        if missed == 0:
            return Paced(1e6 * late_s, 0, due_s + late_s)
        self.overruns += 1
        if self._overrun == "abort":
            raise LateError(
                f"tick {self._tick} began {1e3 * late_s:.1f} ms late, at {1e3 * self._period_s:g} "
                "ms a tick; take longer ticks or fewer devices, or let overruns hold or skip"
            )
        skipped = missed if self._overrun == "skip" else 0
        self.skipped += skipped
        return Paced(1e6 * late_s, skipped, due_s + late_s)

    def _sleep_until(self, deadline_s: float) -> float:
        """Wait for a deadline, and tell how late it became. [s]"""
        left_s = deadline_s - self._clock()
        while left_s > self._spin_s:
            self._sleep(left_s - self._spin_s)
            left_s = deadline_s - self._clock()
        while left_s > 0:
            left_s = deadline_s - self._clock()
        return -left_s
