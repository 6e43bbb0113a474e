"""Opens a market mechanism to mosaik: a book of orders in, its clearing out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from market.book import Mechanism, Orders

from .box import Box, Inputs, happened, model
from .clock import NEVER, Clock

Receive = Callable[[int, Orders], Orders]
"""Gives what of a period's book has arrived by its gate: (period, orders)."""


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
        receive: Receive | None = None,
    ) -> dict[str, Any]:
        """Take the mechanism, and what of a book has arrived by its gate; None: all.

        With a clock, it waits for the next gate by itself: one who waits for an event alone
        leaves an entry in mosaik's list of those who wait, at every event.
        """
        self._mechanism, self._clock, self._receive = mechanism, clock, receive
        meta: dict[str, Any] = self.meta
        return meta

    def advance(self, time: int, inputs: Inputs) -> int | None:
        values = self.values["market"]
        values.clear()
        for period, orders in happened(inputs, "market", "orders"):
            if self._receive is not None:
                orders = self._receive(period, orders)
            clearing = self._mechanism.clear(orders)
            values["cleared"] = (period, orders, clearing)
        upcoming = NEVER if self._clock is None else self._clock.next_gate(time)
        return upcoming if upcoming < NEVER else None
