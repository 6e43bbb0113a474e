"""Opens load and weather profiles to mosaik, a value a second."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .box import Box, FloatArray, Inputs, Log, model, silent
from .clock import NEVER, Clock

SecondReader = Callable[[int], tuple[FloatArray, FloatArray, FloatArray]]
"""From seconds after the start of physics to load [kW], load [kvar] and available PV [kW]."""


class ProfilesSim(Box):
    """Says what every peer draws and what its PV could give, and keeps count of what is drawn.

    A load is consumption, so its `P[MW]`, an injection, is negative. The tick that comes back
    closes the clock: without it mosaik lets this simulator run to the end first.
    """

    models = {
        "Profiles": model(
            ["tick", "P[MW]", "Q[MVar]", "load[kW]", "available[kW]"],
        )
    }

    def init(
        self,
        sid: str,
        time_resolution: float = 1.0,
        *,
        read: SecondReader,
        clock: Clock,
        peers: Sequence[str],
        load_scales: Sequence[tuple[int, int, float]] = (),
        log: Log = silent,
    ) -> dict[str, Any]:
        """Take the profiles, and changes of load as (mosaik time, peer, factor)."""
        self._read, self._clock, self._names, self._log = read, clock, peers, log
        self._scale = np.ones(len(peers))
        self._changes = sorted(load_scales, reverse=True)
        self._tick_h = clock.dt_s / 3600
        self.consumed_kwh = 0.0
        meta: dict[str, Any] = self.meta
        return meta

    def advance(self, time: int, inputs: Inputs) -> int | None:
        clock = self._clock
        if time < clock.preroll:
            return clock.preroll
        if time >= clock.end:
            return NEVER
        while self._changes and self._changes[-1][0] <= time:
            _, peer, factor = self._changes.pop()
            self._scale[peer] = factor
            self._log(time, "load_changed", peer=self._names[peer], scale=factor)
        load_kw, load_kvar, available_kw = self._read(int(clock.tick(time) * clock.dt_s))
        load_kw = load_kw * self._scale
        self.values["profiles"].update(
            {
                "P[MW]": load_kw * -1e-3,
                "Q[MVar]": load_kvar * self._scale * -1e-3,
                "load[kW]": load_kw,
                "available[kW]": available_kw,
            }
        )
        upcoming = clock.next_second(time)
        self.consumed_kwh += float(load_kw.sum()) * (min(upcoming, clock.end) - time) * self._tick_h
        return upcoming
