"""Opens the transaction loop to mosaik: it steps when something happens, and never otherwise."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from market.book import Clearing, Orders
from market.delivery.life import TransactionLoop

from .box import Box, FloatArray, Inputs, Log, happened, silent
from .clock import NEVER, Clock
from .meters_sim import Alarm, Closing

Conclude = Callable[[int, int, Orders, Clearing], FloatArray | None]
"""Makes contracts of a clearing (tick, period, orders, clearing); gives caps on injections. [kW]"""

Settle = Callable[[int, Closing], None]
"""Settles a period from its meters: (tick, closing)."""


class ContractsSim(Box):
    """Turns clearings into contracts, alarms into cover, and readings into settlement.

    The loop counts ticks from the start of physics, as the tables do; gates are before it.
    """

    kind = "event-based"
    models = {
        "Contracts": {
            "public": True,
            "params": [],
            "attrs": ["cleared", "alarm", "reading", "schedule", "outcome", "caps"],
        }
    }

    def init(
        self,
        sid: str,
        time_resolution: float = 1.0,
        *,
        loop: TransactionLoop,
        conclude: Conclude,
        settle: Settle,
        stores: Callable[[Alarm], None],
        clock: Clock,
        log: Log = silent,
    ) -> dict[str, Any]:
        """Take the loop, how clearings become contracts and periods money, and who hears of
        the stores.
        """
        self._loop, self._conclude, self._stores = loop, conclude, stores
        self._settle = settle
        self._clock, self._log = clock, log
        meta: dict[str, Any] = self.meta
        return meta

    def advance(self, time: int, inputs: Inputs) -> int | None:
        loop, tick = self._loop, self._clock.tick(time)
        for closing in happened(inputs, "contracts", "reading"):
            self._settle(tick, closing)
            self._log(time, "period_settled", period=closing.period)
        for alarms in happened(inputs, "contracts", "alarm"):
            for alarm in alarms:
                self._call(time, alarm)
        said = self.values["contracts"]
        said.clear()
        for period, orders, clearing in happened(inputs, "contracts", "cleared"):
            caps_kw = self._conclude(tick, period, orders, clearing)
            said["outcome"] = (period, orders, clearing)
            if caps_kw is not None:
                said["caps"] = (period, caps_kw)
        loop.advance(tick)
        if messages := loop.take_messages():
            said["schedule"] = tuple(messages)
        event = loop.next_event()
        # A period's end brings a reading anyway. To wait for it keeps mosaik's list of those who
        # wait short: one who waits for an event alone leaves an entry there at every event.
        upcoming = self._clock.next_end(time)
        if event is not None:
            upcoming = min(upcoming, event + self._clock.preroll)
        return upcoming if upcoming < NEVER else None

    def _call(self, time: int, alarm: Alarm) -> None:
        """Have a peer's shortfall covered; after a trip, what it still gives is what counts."""
        self._stores(alarm)
        self._log(
            time,
            "shortfall_called",
            peer=alarm.peer,
            deficit_wh=round(alarm.deficit_wh, 3),
            because=alarm.because,
        )
        self._loop.shortfall(
            self._clock.tick(time),
            alarm.peer,
            alarm.deficit_wh,
            alarm.because,
            delivering_kw=alarm.p_kw if alarm.because == "trip" else None,
        )
