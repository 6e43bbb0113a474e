"""Opens energy managers and bidders to mosaik: a decision a second, a book of orders at a gate."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from models.managers.energy_manager import EnergyManagers

from ..trade.bidders import Bidding
from .box import Box, Inputs, happened, model, only
from .clock import NEVER, Clock


class ManagerSim(Box):
    """Lets every peer follow its contracts, bid for the next ones, and hear what came of it.

    It has a clock of one second and is also woken by its contracts, so that cover does not
    wait for the next second. Before physics it only bids.
    """

    models = {
        "Manager": model(
            [
                "load[kW]",
                "available[kW]",
                "soc[1]",
                "metered[Wh]",
                "tripped",
                "setpoint[kW]",
                "limit[kW]",
                "ask[kW]",
                "free",
            ],
            events_in=["schedule", "outcome", "caps"],
            events_out=["orders"],
        )
    }

    def init(
        self,
        sid: str,
        time_resolution: float = 1.0,
        *,
        managers: EnergyManagers,
        bidding: Bidding | None,
        peers: tuple[str, ...],
        clock: Clock,
        asks: bool = False,
    ) -> dict[str, Any]:
        """Take the energy managers, who bids, and the peers' names in their order.

        Nobody bids where a rule prices what meters show, and nobody `asks` where no appliance
        could do what it is asked.
        """
        self._managers, self._bidding, self._clock = managers, bidding, clock
        self._asks = asks
        self._position = {name: index for index, name in enumerate(peers)}
        self._tripped = np.zeros(len(peers), dtype=np.bool_)
        meta: dict[str, Any] = self.meta
        return meta

    def advance(self, time: int, inputs: Inputs) -> int | None:
        clock, values = self._clock, self.values["manager"]
        values.pop("orders", None)
        for _, orders, clearing in happened(inputs, "manager", "outcome"):
            if self._bidding is not None:
                self._bidding.learn(orders, clearing)
        for capped, export_kw in happened(inputs, "manager", "caps"):
            self._managers.cap(capped, export_kw)
        told = [one for batch in happened(inputs, "manager", "schedule") for one in batch]
        for schedule in told:
            self._managers.adopt(self._position[schedule.peer], schedule)
        period = clock.period_gated_at(time)
        whole_second = clock.tick(time) % clock.ticks_per_second == 0
        if clock.is_physics(time) and (told or whole_second or period is not None):
            self._plan(time, inputs.get("manager", {}))
        if self._bidding is not None:
            self._bidding.ahead(clock.tick(time))
        if period is not None and self._bidding is not None:
            values["orders"] = (period, self._bidding.book(period, clock.tick(time)))
        upcoming = min(clock.next_second(time), clock.next_gate(time))
        return upcoming if upcoming < NEVER else None

    def _plan(self, time: int, given: Mapping[str, Mapping[str, Any]]) -> None:
        self._tripped[:] = False
        for flags in given.get("tripped", {}).values():
            self._tripped |= flags
        setpoint_kw, limit_kw = self._managers.plan(
            self._clock.tick(time),
            load_kw=only(given["load[kW]"]),
            pv_available_kw=only(given["available[kW]"]),
            soc=only(given["soc[1]"]),
            metered_wh=only(given["metered[Wh]"]),
            tripped=self._tripped,
        )
        self.values["manager"].update({"setpoint[kW]": setpoint_kw, "limit[kW]": limit_kw})
        if self._asks:
            told = {"ask[kW]": self._managers.ask_kw, "free": self._managers.free}
            self.values["manager"].update(told)
