"""One delivery period as it goes on: its offers, contracts and covers, and who is told what."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .contract import (
    Contract,
    OfferLike,
    Schedule,
    Segment,
    State,
    UnsoldOffer,
    add_segments,
    follow,
)
from .cover import Call, Cover, Spare
from .outcome import Outcome

if TYPE_CHECKING:
    import simpy

__all__ = ["Life", "Outbox", "PeriodBook"]


@dataclass(slots=True)
class Life:
    """One contract on its way."""

    contract: Contract
    called: simpy.Event
    metered: simpy.Event
    state: State = State.MATCHED
    called_at_tick: int | None = None
    outcome: Outcome | None = None
    process: simpy.Process | None = None

    def to(self, state: State) -> None:
        """Take the next step, if it is one."""
        self.state = follow(self.contract.contract_id, self.state, state)


@dataclass(slots=True)
class PeriodBook:
    """One delivery period."""

    period: int
    reading: simpy.Event
    settled: simpy.Event
    offers: list[UnsoldOffer] = field(default_factory=list)
    bidders: list[str] = field(default_factory=list)
    spares: list[Spare] = field(default_factory=list)
    lives: list[Life] = field(default_factory=list)
    covers: list[Cover] = field(default_factory=list)
    segments: dict[str, list[Segment]] = field(default_factory=lambda: defaultdict(list))
    net_wh: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    called: set[str] = field(default_factory=set)

    @property
    def contracts(self) -> list[Contract]:
        """All contracts, in order of conclusion."""
        return [life.contract for life in self.lives]

    def offered(self, order: OfferLike) -> None:
        """Note an order, and what it offers if it sells."""
        if order.peer not in self.bidders:
            self.bidders.append(order.peer)
        if order.side == "sell":
            energy_wh, price_ticks = int(order.energy_wh), int(order.price_ticks)
            self.offers.append(UnsoldOffer(order.peer, energy_wh, price_ticks))

    def concluded(self, life: Life) -> None:
        """Note a contract."""
        self.lives.append(life)
        self.net_wh[life.contract.seller] += life.contract.energy_wh
        self.net_wh[life.contract.buyer] -= life.contract.energy_wh

    def expected_wh(self, peers: Sequence[str]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Add up what each peer sold and bought. [Wh]"""
        net = np.array([self.net_wh.get(peer, 0) for peer in peers], dtype=np.int64)
        return np.maximum(net, 0), np.maximum(-net, 0)

    def lives_of(self, peer: str) -> list[Life]:
        """Give the contracts that a peer is a party of."""
        return [x for x in self.lives if peer in (x.contract.seller, x.contract.buyer)]

    def covered_kw(self, lives: Sequence[Life], call: Call, dt_s: float) -> float:
        """Power that an earlier call of the same contracts has ordered already. [kW]"""
        numbers = {life.contract.contract_id for life in lives}
        return sum(
            cover.planned_milliwh * 3.6e-3 / ((cover.end_tick - cover.start_tick) * dt_s)
            for cover in self.covers
            if cover.contract_id in numbers
            and cover.direction == call.direction
            and cover.start_tick is not None
            and cover.end_tick is not None
            and cover.end_tick > call.start_tick
            and cover.kind != "own"
        )


class Outbox:
    """The schedules that changed, each peer's numbered in turn."""

    def __init__(self) -> None:
        self._sequence: dict[str, int] = defaultdict(int)
        self._messages: list[Schedule] = []

    def tell(self, peer: str, book: PeriodBook) -> None:
        """Tell a peer what it shall deliver now."""
        self._sequence[peer] += 1
        cover = add_segments(book.segments[peer])
        net_wh = book.net_wh[peer]
        self._messages.append(Schedule(peer, self._sequence[peer], book.period, net_wh, cover))

    def take(self) -> list[Schedule]:
        """Give what has not been taken yet."""
        messages, self._messages = self._messages, []
        return messages
