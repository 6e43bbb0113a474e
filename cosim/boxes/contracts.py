"""Opens the transaction loop to mosaik: it steps when something happens, and never otherwise."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from market.book import Clearing, Orders
from market.delivery.contract import Schedule
from market.delivery.life import TransactionLoop

from ..trade.post import Post
from .box import Box, FloatArray, Inputs, Log, happened, silent
from .clock import NEVER, Clock
from .meters import Alarm, Closing

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
        stores: Callable[[int, Alarm], None],
        clock: Clock,
        log: Log = silent,
        post: Post | None = None,
    ) -> dict[str, Any]:
        """Take the loop, how clearings become contracts and periods money, who hears of the
        stores, and the post; without one, everything arrives at once.
        """
        self._loop, self._conclude, self._stores = loop, conclude, stores
        self._settle, self._post = settle, post
        self._clock, self._log = clock, log
        meta: dict[str, Any] = self.meta
        return meta

    def advance(self, time: int, inputs: Inputs) -> int | None:
        loop, tick = self._loop, self._clock.tick(time)
        closings = happened(inputs, "contracts", "reading")
        alarms = [one for batch in happened(inputs, "contracts", "alarm") for one in batch]
        schedules: list[Schedule] = []
        if self._post is not None:
            closings, alarms, schedules = self._posted(tick, closings, alarms)
        for closing in closings:
            self._settle(tick, closing)
            missing = {"missing": list(closing.missing)} if closing.missing else {}
            self._log(time, "period_settled", period=closing.period, **missing)
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
        messages = loop.take_messages()
        if self._post is not None:
            messages = [*schedules, *self._told(tick, messages)]
        if messages:
            said["schedule"] = tuple(messages)
        event = loop.next_event()
        # A period's end brings a reading anyway. To wait for it keeps mosaik's list of those who
        # wait short: one who waits for an event alone leaves an entry there at every event.
        upcoming = self._clock.next_end(time)
        arrival = None if self._post is None else self._post.next_tick
        for due in (event, arrival):
            if due is not None:
                upcoming = min(upcoming, due + self._clock.preroll)
        return upcoming if upcoming < NEVER else None

    def _posted(
        self, tick: int, closings: Iterable[Closing], alarms: Iterable[Alarm]
    ) -> tuple[list[Closing], list[Alarm], list[Schedule]]:
        """Hand over what meters tell, and give what has arrived by now, by its kind."""
        assert self._post is not None
        for closing in closings:
            self._post.send_readings(tick, closing)
        for alarm in alarms:
            self._post.send_alarm(tick, alarm)
        arrived = list(self._post.arrived(tick))
        return (
            [one for one in arrived if isinstance(one, Closing)],
            [one for one in arrived if isinstance(one, Alarm)],
            [one for one in arrived if isinstance(one, Schedule)],
        )

    def _told(self, tick: int, messages: Iterable[Schedule]) -> list[Schedule]:
        """Hand over what the loop tells peers, and give what of it arrives at once."""
        assert self._post is not None
        self._post.send_schedules(tick, messages)
        return [one for one in self._post.arrived(tick) if isinstance(one, Schedule)]

    def _call(self, time: int, alarm: Alarm) -> None:
        """Have a shortfall covered; after a trip or in the dark, what is still given counts."""
        self._stores(self._clock.tick(time), alarm)
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
            delivering_kw=None if alarm.because == "deficit" else alarm.p_kw,
        )
