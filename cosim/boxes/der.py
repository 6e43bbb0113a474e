"""Opens the fleet of PV inverters and batteries to mosaik."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

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
                "store[kW]",
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
                "open",
                "cap[kW]",
                "off",
                "blown",
                "curtailed[kW]",
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
        stores: Sequence[int] = (),
        peers: Sequence[str] = (),
        log: Log = silent,
    ) -> dict[str, Any]:
        """Take the fleet, the peers of devices, and what happens as (mosaik time, peer): trips
        of PV inverters, and failures of stores.
        """
        self._fleet, self._clock, self._names, self._log = fleet, clock, peers, log
        self._measured = np.zeros(fleet.n, dtype=np.bool_)
        self._measured[list(measured)] = True
        self._stores = np.zeros(fleet.n, dtype=np.bool_)
        self._stores[list(stores)] = True
        self._trips: dict[int, list[int]] = {}
        for at, peer in trips:
            self._trips.setdefault(at, []).append(peer)
        self._failures: dict[int, list[int]] = {}
        for at, peer in failures:
            self._failures.setdefault(at, []).append(peer)
        self._off = np.zeros(fleet.n)
        self._nominal_pu = np.ones(fleet.n)
        self._unlimited_kw = np.full(fleet.n, np.inf)
        self._nobody: NDArray[np.bool_] = np.zeros(fleet.n, dtype=np.bool_)
        self._held_off = self._nobody
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
        limit_kw = free_kw = _first(given, "limit[kW]", self._unlimited_kw)
        setpoint_kw = _first(given, "setpoint[kW]", self._off)
        if "store[kW]" in given:
            setpoint_kw = np.where(self._stores, only(given["store[kW]"]), setpoint_kw)
        vm_pu = _first(given, "Vm[pu]", self._nominal_pu)
        sky_kw, dark = available_kw, self._nobody
        if "off" in given:
            dark = only(given["off"])
            limit_kw = np.minimum(free_kw, only(given["cap[kW]"]))
            available_kw = np.where(dark, 0.0, available_kw)
            vm_pu = np.where(dark, 0.0, vm_pu)
        if time == clock.preroll:
            fleet.settle(available_kw, limit_kw)
        tick = fleet.step(
            available_kw,
            limit_kw,
            setpoint_kw,
            vm_pu,
            response_kw,
            f_hz=only(given["f[Hz]"]) if "f[Hz]" in given else 50.0,
            measured_q_kvar=_first(given, "measured[kvar]", self._off),
        )
        self.values["der"].update(
            {
                "P[MW]": (tick.pv_kw + tick.battery_kw) * 1e-3,
                "Q[MVar]": np.where(dark, 0.0, tick.q_kvar) * 1e-3,
                "pv[kW]": tick.pv_kw,
                "battery[kW]": tick.battery_kw,
                "soc[1]": tick.soc,
                "down[kW]": tick.headroom_down_kw,
                "up[kW]": tick.headroom_up_kw,
                "tripped": fleet.tripped,
            }
        )
        if fleet.follows_standards:
            self.values["der"]["open"] = fleet.tripped.astype(np.float64)
        if "off" in given:
            held = dark & ~only(given["blown"])
            self._count_curtailed(tick, held, np.minimum(sky_kw, free_kw), limit_kw, setpoint_kw)
        return time + 1

    def _count_curtailed(
        self,
        tick: Any,
        held: NDArray[np.bool_],
        wanted_kw: FloatArray,
        limit_kw: FloatArray,
        setpoint_kw: FloatArray,
    ) -> None:
        """Say what the operator keeps from flowing, and whose trip is the operator's doing.

        Whom the operator cut off stays held off until its inverter is back.
        """
        tripped = self._fleet.tripped
        self._held_off = held | (self._held_off & tripped)
        lost_kw = wanted_kw + np.maximum(setpoint_kw, 0.0) - tick.pv_kw - tick.battery_kw
        capped_kw = np.where((limit_kw < wanted_kw) & ~tripped, wanted_kw - tick.pv_kw, 0.0)
        curtailed_kw = np.maximum(np.where(self._held_off, lost_kw, capped_kw), 0.0)
        self.values["der"]["curtailed[kW]"] = curtailed_kw
        self.values["der"]["tripped"] = tripped & ~self._held_off


def _first(given: Mapping[str, Mapping[str, Any]], attr: str, otherwise: FloatArray) -> FloatArray:
    """Value of an attribute with one source, or what holds while nothing is connected."""
    sources = given.get(attr)
    value: FloatArray = only(sources) if sources else otherwise
    return value
