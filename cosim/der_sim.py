"""Opens the fleet of PV inverters and batteries to mosaik."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from models.der import DerFleet

from .box import Box, FloatArray, Inputs, model, only
from .clock import NEVER, Clock


class DerSim(Box):
    """Steps every inverter and battery of the village once a tick.

    The powers of a tick stand when it begins; what the frequency model made of them comes back
    one tick later and is what the charge integrates. The step after the last tick only closes.
    """

    models = {
        "Der": model(
            [
                "available[kW]",
                "limit[kW]",
                "setpoint[kW]",
                "response[kW]",
                "Vm[pu]",
                "f[Hz]",
                "P[MW]",
                "Q[MVar]",
                "pv[kW]",
                "battery[kW]",
                "soc[1]",
                "down[kW]",
                "up[kW]",
                "tripped",
            ]
        )
    }

    def init(
        self,
        sid: str,
        time_resolution: float = 1.0,
        *,
        fleet: DerFleet,
        clock: Clock,
        trips: Sequence[tuple[int, int]] = (),
    ) -> dict[str, Any]:
        """Take the fleet, and the trips to play as (mosaik time, peer)."""
        self._fleet, self._clock = fleet, clock
        self._trips: dict[int, list[int]] = {}
        for at, peer in trips:
            self._trips.setdefault(at, []).append(peer)
        self._off = np.zeros(fleet.n)
        self._nominal_pu = np.ones(fleet.n)
        meta: dict[str, Any] = self.meta
        return meta

    def advance(self, time: int, inputs: Inputs) -> int | None:
        clock = self._clock
        if time < clock.preroll:
            self.values["der"]["soc[1]"] = self._fleet.soc
            return clock.preroll
        given = inputs.get("der", {})
        response_kw = _first(given, "response[kW]", self._off)
        if time >= clock.end:
            self._fleet.close(response_kw)
            return NEVER
        for peer in self._trips.get(time, ()):
            self._fleet.trip(peer)
        self._publish(
            self._fleet.step(
                pv_available_kw=_first(given, "available[kW]", self._off),
                pv_limit_kw=_first(given, "limit[kW]", self._fleet.pv_rated_kw),
                battery_setpoint_kw=_first(given, "setpoint[kW]", self._off),
                vm_pu=_first(given, "Vm[pu]", self._nominal_pu),
                response_kw=response_kw,
            )
        )
        return time + 1

    def _publish(self, tick: Any) -> None:
        self.values["der"].update(
            {
                "P[MW]": (tick.pv_kw + tick.battery_kw) * 1e-3,
                "Q[MVar]": tick.q_kvar * 1e-3,
                "pv[kW]": tick.pv_kw,
                "battery[kW]": tick.battery_kw,
                "soc[1]": tick.soc,
                "down[kW]": tick.headroom_down_kw,
                "up[kW]": tick.headroom_up_kw,
                "tripped": self._fleet.tripped,
            }
        )


def _first(given: Mapping[str, Mapping[str, Any]], attr: str, otherwise: FloatArray) -> FloatArray:
    """Value of an attribute with one source, or what holds while nothing is connected."""
    sources = given.get(attr)
    value: FloatArray = only(sources) if sources else otherwise
    return value
