"""Opens the recorder to mosaik: the last box of a tick, which sees all others."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from results.recording import TickRecorder

from .box import Box, FloatArray, Inputs, model
from .clock import NEVER, Clock

SCALARS: Mapping[str, tuple[str, float]] = {
    "f_hz": ("f[Hz]", 1.0),
    "f_min_hz": ("f_min[Hz]", 1.0),
    "f_max_hz": ("f_max[Hz]", 1.0),
    "rocof_hz_per_s": ("rocof[Hz/s]", 1.0),
    "p_boundary_kw": ("P_boundary[MW]", 1e3),
    "q_boundary_kvar": ("Q_boundary[MVar]", 1e3),
    "losses_kw": ("losses[MW]", 1e3),
    "mismatch_pu": ("mismatch[pu]", 1.0),
    "loading_max_percent": ("loading_max[%]", 1.0),
}
"""Recorded column to the attribute it comes from, and the factor between their units."""

ISLAND_SCALARS: Mapping[str, tuple[str, float]] = {
    "rocof_500ms_hz_per_s": ("rocof_500ms[Hz/s]", 1.0),
    "generator_kw": ("generator[kW]", 1.0),
    "former_soc": ("former_soc[1]", 1.0),
    "stages_shed": ("stages_shed", 1.0),
}

STORE_SCALARS: Mapping[str, tuple[str, float]] = {"stores_kw": ("stores[kW]", 1.0)}
"""Of an island that has stores beside its former: what they give in all."""

FEEDER_SCALARS: Mapping[str, tuple[str, float]] = {"connected": ("connected", 1.0)}
"""Of a village that may stand alone: whether it hangs on the grid above."""

_ALL_SCALARS = {**SCALARS, **ISLAND_SCALARS, **STORE_SCALARS, **FEEDER_SCALARS}

LISTS: Mapping[str, tuple[str, float]] = {
    "vm_pu": ("bus Vm[pu]", 1.0),
    "p_kw": ("P_net[MW]", 1e3),
    "load_kw": ("load[kW]", 1.0),
    "pv_kw": ("pv[kW]", 1.0),
    "battery_kw": ("battery[kW]", 1.0),
    "soc": ("soc[1]", 1.0),
}
"""Recorded list column to the attributes it is the sum of, one value per bus or peer."""

ISLAND_LISTS: Mapping[str, tuple[str, float]] = {
    "shed_kw": ("shed[kW]", 1.0),
    "response_kw": ("response[kW]", 1.0),
}

FLEXIBLE_LISTS: Mapping[str, tuple[str, float]] = {"flexible_kw": ("flexible[kW]", 1.0)}
"""Part of every peer's load that its appliances draw."""

INVERTER_LISTS: Mapping[str, tuple[str, float]] = {"inverter_open": ("open", 1.0)}
"""Of every peer whether its PV inverter is off the grid, where one follows a standard."""

DEVICE_LISTS: Mapping[str, tuple[str, float]] = {
    "device_age_s": ("age[s]", 1.0),
    "device_stale": ("stale", 1.0),
}
"""Of every device: how old its reading is, and whether it is too old to be believed."""

PHASE_ATTRS: Mapping[str, str] = {"vm_pu": "phase Vm[pu]", "vuf_percent": "vuf[%]"}
"""On a feeder in three phases: voltage of every phase of every bus, unbalance of every bus."""

Watch = Callable[[int, Mapping[str, Mapping[str, Any]]], None]


class RecorderSim(Box):
    """Writes a row per tick, and lets the auditor and the progress bar see the tick."""

    models = {
        "Recorder": model(
            sorted(
                {
                    attr
                    for columns in (
                        _ALL_SCALARS,
                        LISTS,
                        ISLAND_LISTS,
                        FLEXIBLE_LISTS,
                        INVERTER_LISTS,
                        DEVICE_LISTS,
                    )
                    for attr, _ in columns.values()
                }
                | set(PHASE_ATTRS.values())
                | {"tick", "bus P[MW]", "bus Q[MVar]", "Q_net[MVar]", "metered[Wh]"}
            )
        )
    }

    def init(
        self,
        sid: str,
        time_resolution: float = 1.0,
        *,
        recorder: TickRecorder,
        clock: Clock,
        buses: Sequence[int],
        islanded: bool = False,
        unbalanced: bool = False,
        watch: Watch = lambda *_: None,
    ) -> dict[str, Any]:
        """Take the recorder, the buses to record, and who else is shown (tick, inputs)."""
        places = np.asarray(buses)
        self._per_bus = [("vm_pu", LISTS["vm_pu"][0], places)]
        if unbalanced:
            each = (3 * places[:, None] + np.arange(3)).ravel()
            self._per_bus = [
                (name, attr, each if name == "vm_pu" else places)
                for name, attr in PHASE_ATTRS.items()
            ]
        self._recorder, self._clock, self._watch = recorder, clock, watch
        lists = {
            **LISTS,
            **FLEXIBLE_LISTS,
            **INVERTER_LISTS,
            **DEVICE_LISTS,
            **(ISLAND_LISTS if islanded else {}),
        }
        self._scalars = [
            (place, *_ALL_SCALARS[name]) for place, name in enumerate(recorder.scalar_names)
        ]
        of_buses = {name for name, *_ in self._per_bus}
        self._lists = [(name, *lists[name]) for name in recorder.list_names if name not in of_buses]
        meta: dict[str, Any] = self.meta
        return meta

    def advance(self, time: int, inputs: Inputs) -> int | None:
        clock = self._clock
        if not clock.is_physics(time):
            return clock.preroll if time < clock.preroll else NEVER
        given = inputs["recorder"]
        row = self._recorder.row(clock.tick(time))
        for place, attr, factor in self._scalars:
            for value in given[attr].values():
                row.scalars[place] = factor * value
        for name, attr, factor in self._lists:
            _copy(given[attr], row.lists[name], factor)
        for name, attr, places in self._per_bus:
            for values in given[attr].values():
                values.take(places, out=row.lists[name])
        self._recorder.commit()
        self._watch(clock.tick(time), given)
        self.values["recorder"]["tick"] = clock.tick(time)
        return time + 1 if time + 1 < clock.end else NEVER


def _copy(sources: Mapping[str, FloatArray], into: FloatArray, factor: float) -> None:
    values = iter(sources.values())
    np.multiply(next(values), factor, out=into)
    for value in values:
        into += factor * value
