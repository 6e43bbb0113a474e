"""Opens the transaction loop to mosaik: it steps when something happens, and never otherwise."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from market.book import Clearing, Orders
from market.life import TransactionLoop

from .box import Box, Inputs, happened
from .clock import Clock
from .meters_sim import Alarm

Conclude = Callable[[int, int, Orders, Clearing], None]


class ContractsSim(Box):
    """Turns clearings into contracts, alarms into cover, and readings into settlement."""

    kind = "event-based"
    models = {
        "Contracts": {
            "public": True,
            "params": [],
            "attrs": ["cleared", "alarm", "reading", "schedule"],
        }
    }

    def init(
        self,
        sid: str,
        time_resolution: float = 1.0,
        *,
        loop: TransactionLoop,
        conclude: Conclude,
        storage: Callable[[Alarm], None],
        clock: Clock,
    ) -> dict[str, Any]:
        """Take the loop, how a clearing becomes contracts, and who is told of the stores."""
        self._loop, self._conclude, self._storage = loop, conclude, storage
        self._clock = clock
        meta: dict[str, Any] = self.meta
        return meta

    def advance(self, time: int, inputs: Inputs) -> int | None:
        loop = self._loop
        for period, orders, clearing in happened(inputs, "contracts", "cleared"):
            self._conclude(time, period, orders, clearing)
        for period, reading in happened(inputs, "contracts", "reading"):
            loop.close_period(time, period, reading)
        for alarms in happened(inputs, "contracts", "alarm"):
            for alarm in alarms:
                self._storage(alarm)
                loop.shortfall(time, alarm.peer, alarm.deficit_wh, alarm.because)
        loop.advance(time)
        messages = loop.take_messages()
        self.values["contracts"] = {"schedule": tuple(messages)} if messages else {}
        return loop.next_event()
