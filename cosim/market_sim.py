"""Opens a market mechanism to mosaik: a book of orders in, its clearing out."""

from __future__ import annotations

from typing import Any

from market.book import Mechanism

from .box import Box, Inputs, happened, model
from .clock import NEVER, Clock


class MarketSim(Box):
    """Clears each book that arrives; steps at the gates and at no other time."""

    models = {"Market": model([], events_in=["orders"], events_out=["cleared"])}

    def init(
        self,
        sid: str,
        time_resolution: float = 1.0,
        *,
        mechanism: Mechanism,
        clock: Clock | None = None,
    ) -> dict[str, Any]:
        """Take the mechanism.

        With a clock, it waits for the next gate by itself: one who waits for an event alone
        leaves an entry in mosaik's list of those who wait, at every event.
        """
        self._mechanism, self._clock = mechanism, clock
        meta: dict[str, Any] = self.meta
        return meta

    def advance(self, time: int, inputs: Inputs) -> int | None:
        values = self.values["market"]
        values.clear()
        for period, orders in happened(inputs, "market", "orders"):
            clearing = self._mechanism.clear(orders)
            values["cleared"] = (period, orders, clearing)
        upcoming = NEVER if self._clock is None else self._clock.next_gate(time)
        return upcoming if upcoming < NEVER else None
