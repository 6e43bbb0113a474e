"""Opens the energy managers to mosaik: a decision a second, offers at the gates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from market.book import Orders
from models.energy_manager import EnergyManagers

from .box import Box, Inputs, happened, model, only
from .clock import NEVER, Clock


class ManagerSim(Box):
    """Lets every peer follow its contracts, and bid for the next ones.

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
            ],
            events_in=["schedule"],
            events_out=["orders"],
        )
    }

    def init(
        self,
        sid: str,
        time_resolution: float = 1.0,
        *,
        managers: EnergyManagers,
        peers: tuple[str, ...],
        clock: Clock,
    ) -> dict[str, Any]:
        """Take the energy managers and the peers' names in their order."""
        self._managers, self._peers, self._clock = managers, peers, clock
        self._position = {name: index for index, name in enumerate(peers)}
        self._tripped = np.zeros(len(peers), dtype=np.bool_)
        self._orders_given = 0
        meta: dict[str, Any] = self.meta
        return meta

    def advance(self, time: int, inputs: Inputs) -> int | None:
        clock, values = self._clock, self.values["manager"]
        values.pop("orders", None)
        for batch in happened(inputs, "manager", "schedule"):
            for schedule in batch:
                self._managers.adopt(self._position[schedule.peer], schedule)
        given = inputs.get("manager", {})
        if clock.is_physics(time):
            self._plan(time, given)
        period = clock.period_gated_at(time)
        if period is not None:
            values["orders"] = (period, self._bid(period, time))
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

    def _bid(self, period: int, time: int) -> Orders:
        offers = self._managers.offers(period)
        giving = np.flatnonzero(offers.side)
        first = self._orders_given
        self._orders_given += giving.size
        return Orders(
            peers=self._peers,
            peer_index=giving,
            is_buy=offers.side[giving] < 0,
            price_ticks=offers.limit_ticks[giving],
            energy_wh=offers.energy_wh[giving],
            order_id=np.arange(first, first + giving.size),
            period=period,
            arrival=time,
        )
