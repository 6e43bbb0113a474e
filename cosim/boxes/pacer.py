"""Holds a run to the wall clock: the box that opens every tick, when its time has come."""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hil.realtime.lateness import timer_jitter
from hil.realtime.pacer import Paced, Pacer

from .box import Box, Inputs, model
from .clock import NEVER, Clock

JITTER_TICKS = 40
"""Naps by which the machine's own timer is measured before the run."""

JITTER_PERIOD_S = 0.005

PACE_FILE = "pace.csv"
Note = Callable[[int, Paced], None]


@contextmanager
def pace_file(folder: Path) -> Iterator[Note]:
    """Write when every tick came, one line each; a full disk ends the file, never the run."""
    file: int | None = os.open(folder / PACE_FILE, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)

    def write(line: str) -> None:
        nonlocal file
        if file is None:
            return
        try:
            os.write(file, line.encode("ascii"))
        except OSError as failure:
            os.close(file)
            file = None
            print(f"{PACE_FILE}: {failure.strerror}; the run goes on", file=sys.stderr)

    def note(tick: int, paced: Paced) -> None:
        write(f"{tick},{paced.began_s:.6f},{paced.late_us:.1f},{paced.skipped}\n")

    write("tick,began_s,late_us,skipped\n")
    try:
        yield note
    finally:
        if file is not None:
            os.close(file)


class PacerSim(Box):
    """Lets a tick begin at its deadline, when the last box has seen the tick before.

    It feeds every source, and the recorder feeds it, one tick later; so no source runs ahead of
    the physics, and the work of a tick is done in its own time.
    """

    models = {"Pacer": model(["tick", "late[us]"])}

    def init(
        self,
        sid: str,
        time_resolution: float = 1.0,
        *,
        pacer: Pacer,
        clock: Clock,
        late_us: list[float] | None = None,
        note: Note = lambda tick, paced: None,
    ) -> dict[str, Any]:
        """Take who waits, and where the lateness of every tick is noted. [µs]"""
        self._pacer, self._clock, self._note = pacer, clock, note
        self.late_us: list[float] = [] if late_us is None else late_us
        meta: dict[str, Any] = self.meta
        return meta

    def advance(self, time: int, inputs: Inputs) -> int | None:
        clock = self._clock
        if not clock.is_physics(time):
            return clock.preroll if time < clock.preroll else NEVER
        paced = self._pacer.wait()
        self.late_us.append(paced.late_us)
        self._note(clock.tick(time), paced)
        self.values["pacer"].update({"tick": clock.tick(time), "late[us]": self.late_us[-1]})
        return time + 1 if time + 1 < clock.end else NEVER


def measured_jitter() -> Mapping[str, float]:
    """How late this machine wakes whoever sleeps and does nothing else. [µs]"""
    jitter = timer_jitter(JITTER_PERIOD_S, JITTER_TICKS)
    return {
        "p50_us": jitter.quantile(0.5),
        "p99_us": jitter.quantile(0.99),
        "max_us": jitter.most_us,
    }


def told(pacer: Pacer, late_us: list[float]) -> dict[str, Any]:
    """Say how a run kept its time, for `timing.json` and `bench.json`. [s]"""
    lateness = pacer.lateness
    if not late_us:
        return {"ticks": 0, "overruns": 0, "skipped": 0}
    return {
        "ticks": lateness.ticks,
        "p50_s": 1e-6 * max(0.0, lateness.quantile(0.5)),
        "p99_s": 1e-6 * max(0.0, lateness.quantile(0.99)),
        "max_s": 1e-6 * lateness.most_us,
        "worst_tick": max(range(len(late_us)), key=late_us.__getitem__),
        "overruns": pacer.overruns,
        "skipped": pacer.skipped,
        "histogram": [
            {"up_to_us": bound, "ticks": count}
            for bound, count in lateness.histogram()
            if math.isfinite(bound)
        ],
    }
