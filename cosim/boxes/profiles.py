"""Opens consumption and weather to mosaik: profiles and appliances, a value a second."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from models.loads.flexible import FlexibleLoads
from models.loads.response import LoadResponse

from .box import Box, FloatArray, Inputs, Log, model, only, silent, total
from .clock import NEVER, Clock

SecondReader = Callable[[int], tuple[FloatArray, FloatArray, FloatArray]]
"""From seconds after the start of physics to load [kW], load [kvar] and available PV [kW]."""


class ProfilesSim(Box):
    """Says what every peer draws and what its PV could give, and keeps count of what is drawn.

    A load is consumption, so its `P[MW]`, an injection, is negative. The tick that comes back
    closes the clock: without it mosaik lets this simulator run to the end first. Appliances do
    what energy managers asked of them a second ago, and heat only by what was served.
    """

    models = {
        "Profiles": model(
            [
                "tick",
                "P[MW]",
                "Q[MVar]",
                "load[kW]",
                "available[kW]",
                "ask[kW]",
                "free",
                "shed[kW]",
                "flexible[kW]",
                "Vm[pu]",
                "f[Hz]",
            ],
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
        flexible: FlexibleLoads | None = None,
        following: LoadResponse | None = None,
        log: Log = silent,
    ) -> dict[str, Any]:
        """Take the profiles, changes of load as (mosaik time, peer, factor), appliances, and how
        loads follow voltage and frequency.
        """
        self._read, self._clock, self._names, self._log = read, clock, peers, log
        self._scale = np.ones(len(peers))
        self._changes = sorted(load_scales, reverse=True)
        self._flexible, self._shed_kw = flexible, np.zeros(len(peers))
        self._following, self._drawn_kw = following, np.zeros(len(peers))
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
        if clock.tick(time) % clock.ticks_per_second == 0:
            self._look(time, inputs)
        load_kw, load_kvar = self._load_kw, self._load_kvar
        if self._following is not None:
            load_kw, load_kvar = self._followed(self._following, inputs["profiles"])
        load_kw = load_kw + self._drawn_kw
        self.values["profiles"].update(
            {"P[MW]": load_kw * -1e-3, "Q[MVar]": load_kvar * -1e-3, "load[kW]": load_kw}
        )
        upcoming = clock.next_second(time)
        if self._following is not None:
            upcoming = time + 1 if time + 1 < clock.end else NEVER
        self.consumed_kwh += float(load_kw.sum()) * (min(upcoming, clock.end) - time) * self._tick_h
        return upcoming

    def _look(self, time: int, inputs: Inputs) -> None:
        """See what the next second brings."""
        self._change(time)
        second = int(self._clock.tick(time) * self._clock.dt_s)
        load_kw, load_kvar, available_kw = self._read(second)
        self._load_kw, self._load_kvar = load_kw * self._scale, load_kvar * self._scale
        self.values["profiles"]["available[kW]"] = available_kw
        if self._flexible is not None:
            self._drawn_kw = self._appliances(second, inputs["profiles"])

    def _followed(
        self, of: LoadResponse, given: Mapping[str, Mapping[str, Any]]
    ) -> tuple[FloatArray, FloatArray]:
        """Give what loads draw at the voltage and frequency of a tick ago. [kW], [kvar]

        Without a voltage they would draw their nominal power; who switched it off takes it back.
        """
        vm_pu = only(given["Vm[pu]"])
        p, q = of.scale(np.where(vm_pu > 0.0, vm_pu, 1.0), only(given["f[Hz]"]))
        return self._load_kw * p, self._load_kvar * q

    def _change(self, time: int) -> None:
        """Let happen what changes loads from here on."""
        while self._changes and self._changes[-1][0] <= time:
            _, peer, factor = self._changes.pop()
            self._scale[peer] = factor
            self._log(time, "load_changed", peer=self._names[peer], scale=factor)

    def _appliances(self, second: int, given: Mapping[str, Mapping[str, Any]]) -> FloatArray:
        """Let appliances live through the next second; give what they draw. [kW]"""
        assert self._flexible is not None
        served, ask_kw = self._served(given), only(given["ask[kW]"])
        if served is not None:
            ask_kw = np.where(served > 0.0, ask_kw, 0.0)  # who is in the dark is asked nothing
        drawn_kw = self._flexible.step(second, ask_kw, only(given["free"]), served)
        self.values["profiles"]["flexible[kW]"] = drawn_kw
        return drawn_kw

    def _served(self, given: Mapping[str, Mapping[str, Any]]) -> FloatArray | None:
        """Part of its load that every peer was served a tick ago; None where nobody sheds. [1]"""
        if "shed[kW]" not in given or "load[kW]" not in self.values["profiles"]:
            return None
        load_kw = self.values["profiles"]["load[kW]"]
        shed_kw = total(given["shed[kW]"], self._shed_kw)
        part = np.divide(shed_kw, load_kw, out=np.zeros(load_kw.size), where=load_kw > 0.0)
        served: FloatArray = np.clip(1.0 - part, 0.0, 1.0)
        return served
