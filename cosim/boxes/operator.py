"""Opens the grid operator's hand to mosaik: it switches, taps, and says who may not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from models.grid.power_flow import Grid
from models.grid.protection import Protection
from models.grid.tap import TapControl
from models.grid.thermal import LineThermal, TrafoThermal

from .box import Box, FloatArray, Inputs, Log, model, only, silent
from .clock import NEVER, Clock
from .operator_light import COLOURS, TrafficLight

__all__ = ["OperatorSim", "Switching"]

Switching = tuple[int, Any, "str | int", bool]
"""Mosaik time, table, element, and whether it is closed from then on."""


class OperatorSim(Box):
    """Acts on the grid before it is solved, by what it showed a tick ago.

    Where no voltage is, nothing flows: `off` tells inverters and stores, and `P[MW]`, `Q[MVar]`
    take back what the profiles say of loads there, or of those that the red light sheds. `blown`
    are those of them whom a fuse or relay cut off: nobody's decision, so nobody's curtailment.
    """

    models = {
        "Operator": model(
            [
                "tick",
                "load[kW]",
                "load Q[MVar]",
                "available[kW]",
                "limit[kW]",
                "pv[kW]",
                "P[MW]",
                "Q[MVar]",
                "shed[kW]",
                "cap[kW]",
                "off",
                "blown",
            ]
        )
    }

    def init(
        self,
        sid: str,
        time_resolution: float = 1.0,
        *,
        grid: Grid,
        clock: Clock,
        peer_bus: Sequence[int],
        switching: Sequence[Switching] = (),
        taps: Sequence[tuple[str | int, int, TapControl]] = (),
        protected: Sequence[tuple[str | int, int]] = (),
        protection: Protection | None = None,
        light: TrafficLight | None = None,
        line_tau_s: float = 1800.0,
        log: Log = silent,
    ) -> dict[str, Any]:
        """Take the grid that plays the run, and what happens to it.

        `taps` are transformers, the positions of the buses that they watch, and their controls;
        `protected` are the lines of `protection` and their positions.
        """
        self._grid, self._clock, self._log = grid, clock, log
        self._peer_bus = np.array(peer_bus, dtype=np.int64)
        self._switching: dict[int, list[tuple[Any, str | int, bool]]] = {}
        for at, table, element, closed in switching:
            self._switching.setdefault(at, []).append((table, element, closed))
        self._taps, self._light, self._protection = taps, light, protection
        self._protected_names = [line for line, _ in protected]
        self._protected = np.array([at for _, at in protected], dtype=np.int64)
        self._rated_a = grid.line_ratings_a[self._protected]
        n_lines, rows = grid.line_ratings_a.size, grid.loading_percent().size
        self._n_lines = n_lines
        self._thermal = LineThermal(n_lines, dt_s=clock.dt_s, tau_s=line_tau_s)
        self._oil = TrafoThermal(rows - n_lines, dt_s=clock.dt_s)
        n = len(peer_bus)
        self._cap_kw, self._shed = np.full(n, np.inf), np.zeros(n)
        self._off = self._dead()
        self._blown = np.zeros(n, dtype=np.bool_)
        self._zeros = np.zeros(n)
        self._tick_h = clock.dt_s / 3600
        self.unserved_kwh = 0.0
        self.rows: list[dict[str, Any]] = []
        meta: dict[str, Any] = self.meta
        return meta

    def advance(self, time: int, inputs: Inputs) -> int | None:
        clock = self._clock
        if time < clock.preroll:
            return clock.preroll
        if time >= clock.end:
            return NEVER
        given = inputs["operator"]
        load_kw = only(given["load[kW]"])
        self._changed = False  # what was just changed has not been solved, so nothing is known
        if time > clock.preroll:
            self._observe(time)
        self._switch(time)
        if self._light is not None and self._light.due(clock.tick(time)) and not self._changed:
            self._decide(time, given, load_kw)
        self._record(clock.tick(time))
        unserved = np.where(self._off, 1.0, self._shed)
        shed_kw = unserved * load_kw
        self.unserved_kwh += float(shed_kw.sum()) * self._tick_h
        self.values["operator"].update(
            {
                "P[MW]": shed_kw * 1e-3,
                "Q[MVar]": -only(given["load Q[MVar]"]) * unserved,
                "shed[kW]": shed_kw,
                "cap[kW]": self._cap_kw,
                "off": self._off,
                "blown": self._blown,
            }
        )
        return time + 1

    def _observe(self, time: int) -> None:
        """Let the last tick's currents heat, melt and trip, and its voltages move taps."""
        percent = self._grid.loading_percent()
        if time == self._clock.preroll + 1:
            self._thermal.settle(0.01 * percent[: self._n_lines])
            self._oil.settle(0.01 * percent[self._n_lines :])
        self._thermal.step(0.01 * percent[: self._n_lines])
        self._oil.step(0.01 * percent[self._n_lines :])
        if self._protection is not None:
            current_a = 0.01 * percent[self._protected] * self._rated_a
            for which in self._protection.step(current_a):
                self._log(time, "protection_operated", line=self._protected_names[which])
                self._grid.switch("line", self._protected_names[which], closed=False)
                self._blown = self._blown | (self._dead() & ~self._off)
                self._off, self._changed = self._dead(), True
        for trafo, bus, control in self._taps:
            if control.step(float(self._grid.vm_pu[bus])):
                self._grid.set_tap(trafo, control.position)
                self._changed = True
                self._log(time, "tap_moved", trafo=trafo, position=control.position)

    def _switch(self, time: int) -> None:
        events = self._switching.pop(time, ())
        for table, element, closed in events:
            self._grid.switch(table, element, closed=closed)
            self._log(time, "switched", **{table: element}, state="closed" if closed else "open")
        if events:
            self._off, self._changed = self._dead(), True
            self._blown = self._blown & self._off

    def _dead(self) -> Any:
        """Peers whose buses have no supply."""
        return self._grid.case.node_of_bus[self._peer_bus] < 0

    def _decide(self, time: int, given: Any, load_kw: FloatArray) -> None:
        assert self._light is not None
        available_kw = np.minimum(only(given["available[kW]"]), only(given["limit[kW]"]))
        before = self._light.light
        relief = self._light.look(
            self._grid,
            self._peer_bus,
            feed_in_kw=np.where(self._off, 0.0, available_kw),
            pv_kw=only(given["pv[kW]"]),
            load_kw=np.where(self._off, 0.0, load_kw),
            served=1.0 - self._shed,
        )
        curtailed = relief.curtailed_kw > 1e-6
        self._cap_kw = np.where(curtailed, available_kw - relief.curtailed_kw, np.inf)
        self._shed = np.divide(
            relief.shed_kw, load_kw, out=np.zeros(load_kw.size), where=load_kw > 0
        )
        if self._light.light != before:
            self._log(time, "light_changed", light=COLOURS[self._light.light])

    def _record(self, tick: int) -> None:
        """Keep a row a second."""
        if tick % self._clock.ticks_per_second:
            return
        capped = np.isfinite(self._cap_kw)
        self.rows.append(
            {
                "tick": tick,
                "light": self._light.light if self._light is not None else 0,
                "tap": self._taps[0][2].position if self._taps else 0,
                "capped": int(capped.sum()),
                "shed": int((self._shed > 0).sum()),
                "dark": int(self._off.sum()),
                "theta_max": float(self._thermal.theta.max(initial=0.0)),
                "hot_spot_c": float(self._oil.hot_spot_c.max(initial=0.0)),
                "aged_s": float(self._oil.aged_s.max(initial=0.0)),
            }
        )
