"""Opens the fleet of PV inverters and batteries to mosaik."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from models.der import DerFleet

from .box import Box, FloatArray, Inputs, Log, model, only, silent
from .clock import NEVER, Clock


class DerSim(Box):
    """Steps every inverter and battery of the village once a tick.

    The powers of a tick stand when it begins; what the frequency model made of them comes back
    one tick later and is what the charge integrates. The step after the last tick only closes.
    """

    models = {
        "Der": model(
            [
                "tick",
                "available[kW]",
                "measured[kW]",
                "measured[kvar]",
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
        failures: Sequence[tuple[int, int]] = (),
        measured: Sequence[int] = (),
        peers: Sequence[str] = (),
        log: Log = silent,
    ) -> dict[str, Any]:
        """Take the fleet, the peers of devices, and what happens as (mosaik time, peer): trips
        of PV inverters, and failures of stores.
        """
        self._fleet, self._clock, self._names, self._log = fleet, clock, peers, log
        self._measured = np.zeros(fleet.n, dtype=np.bool_)
        self._measured[list(measured)] = True
        self._trips: dict[int, list[int]] = {}
        for at, peer in trips:
            self._trips.setdefault(at, []).append(peer)
        self._failures: dict[int, list[int]] = {}
        for at, peer in failures:
            self._failures.setdefault(at, []).append(peer)
        self._off = np.zeros(fleet.n)
        self._nominal_pu = np.ones(fleet.n)
        self._unlimited_kw = np.full(fleet.n, np.inf)
        meta: dict[str, Any] = self.meta
        return meta

    def advance(self, time: int, inputs: Inputs) -> int | None:
        clock, fleet = self._clock, self._fleet
        if time < clock.preroll:
            return clock.preroll
        given = inputs.get("der", {})
        response_kw = _first(given, "response[kW]", self._off)
        if time >= clock.end:
            fleet.close(response_kw)
            return NEVER
        for peer in self._trips.get(time, ()):
            fleet.trip(peer)
            self._log(time, "trip", peer=self._names[peer] if self._names else str(peer))
        for peer in self._failures.get(time, ()):
            fleet.fail_store(peer)
            self._log(time, "store_failed", peer=self._names[peer] if self._names else str(peer))
        available_kw = _first(given, "available[kW]", self._off)
        if "measured[kW]" in given:
            available_kw = np.where(self._measured, only(given["measured[kW]"]), available_kw)
        limit_kw = _first(given, "limit[kW]", self._unlimited_kw)
        if time == clock.preroll:
            fleet.settle(available_kw, limit_kw)
        tick = fleet.step(
            available_kw,
            limit_kw,
            _first(given, "setpoint[kW]", self._off),
            _first(given, "Vm[pu]", self._nominal_pu),
            response_kw,
            f_hz=only(given["f[Hz]"]) if "f[Hz]" in given else 50.0,
            measured_q_kvar=_first(given, "measured[kvar]", self._off),
        )
        self.values["der"].update(
            {
                "P[MW]": (tick.pv_kw + tick.battery_kw) * 1e-3,
                "Q[MVar]": tick.q_kvar * 1e-3,
                "pv[kW]": tick.pv_kw,
                "battery[kW]": tick.battery_kw,
                "soc[1]": tick.soc,
                "down[kW]": tick.headroom_down_kw,
                "up[kW]": tick.headroom_up_kw,
                "tripped": fleet.tripped,
            }
        )
        return time + 1


def _first(given: Mapping[str, Mapping[str, Any]], attr: str, otherwise: FloatArray) -> FloatArray:
    """Value of an attribute with one source, or what holds while nothing is connected."""
    sources = given.get(attr)
    value: FloatArray = only(sources) if sources else otherwise
    return value
