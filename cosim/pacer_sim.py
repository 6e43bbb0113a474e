"""Holds a run to the wall clock: the box that opens every tick, when its time has come."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from hil.realtime.lateness import timer_jitter
from hil.realtime.pacer import Pacer

from .box import Box, Inputs, model
from .clock import NEVER, Clock

JITTER_TICKS = 40
"""Naps by which the machine's own timer is measured before the run."""

JITTER_PERIOD_S = 0.005


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
    ) -> dict[str, Any]:
        """Take who waits, and where the lateness of every tick is noted. [µs]"""
        self._pacer, self._clock = pacer, clock
        self.late_us: list[float] = [] if late_us is None else late_us
        meta: dict[str, Any] = self.meta
        return meta

    def advance(self, time: int, inputs: Inputs) -> int | None:
        clock = self._clock
        if not clock.is_physics(time):
            return clock.preroll if time < clock.preroll else NEVER
        self.late_us.append(self._pacer.wait().late_us)
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
