"""One delivery period as it goes on: its offers, contracts and covers, and who is told what."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .contract import Contract, OfferLike, Schedule, Segment, UnsoldOffer, add_segments
from .cover import Call, Cover, Spare
from .deed import Deed, Said, said_in
from .life_states import DEAD, PENDING, Cause, State, follow
from .outcome import Outcome

if TYPE_CHECKING:
    import simpy

__all__ = ["Life", "Outbox", "PeriodBook"]


@dataclass(slots=True)
class Life:
    """One contract on its way; `agreed` happens with what ends its agreement, good or bad."""

    contract: Contract
    offer: Said
    request: Said
    agreed: simpy.Event
    called: simpy.Event
    metered: simpy.Event
    state: State = State.OFFERED
    path: tuple[str, ...] = ()
    deed: Deed | None = None
    secured: bool = False
    unsigned: set[str] = field(default_factory=set)
    called_at_tick: int | None = None
    outcome: Outcome | None = None
    process: simpy.Process | None = None

    def take(self, cause: Cause) -> None:
        """Let something happen to it, if it can."""
        self.state = follow(self.contract.contract_id, self.state, cause)

    @property
    def pending(self) -> bool:
        """Whether its agreement is still open."""
        return self.state in PENDING and not self.agreed.triggered


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
    said: dict[tuple[str, str], Said] = field(default_factory=dict)
    barred: frozenset[str] = frozenset()
    told: bool = False
    curtailed: dict[str, int] = field(default_factory=dict)

    @property
    def contracts(self) -> list[Contract]:
        """What is or may come into force, in order of conclusion."""
        return [life.contract for life in self.lives if life.state not in DEAD]

    def offered(self, order: OfferLike, tick: int) -> None:
        """Note an order, and what it offers if it sells."""
        if order.peer not in self.bidders:
            self.bidders.append(order.peer)
        key, said = (order.peer, order.side), said_in(order, tick)
        if key in self.said:
            self.said[key].add(said)
        else:
            self.said[key] = said
        if order.side == "sell":
            energy_wh, price_ticks = int(order.energy_wh), int(order.price_ticks)
            self.offers.append(UnsoldOffer(order.peer, energy_wh, price_ticks))

    def entered(self, contract: Contract) -> None:
        """Note a contract that is in force."""
        self.net_wh[contract.seller] += contract.energy_wh
        self.net_wh[contract.buyer] -= contract.energy_wh

    def unsold_again(self, contract: Contract, hours: float) -> None:
        """Note what a contract that never came into force leaves, at the ask it was made of."""
        asked = [o.price_ticks for o in self.offers if o.peer == contract.seller]
        reached = [ask for ask in asked if ask <= contract.price_ticks]
        if contract.seller not in self.barred:
            price_ticks = max(reached, default=contract.price_ticks)
            kilowatts = contract.energy_wh / hours / 1000
            self.spares.append(Spare(contract.seller, price_ticks, kilowatts))

    def expected_wh(self, peers: Sequence[str]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Add up what each peer sold and bought. [Wh]"""
        net = np.array([self.net_wh.get(peer, 0) for peer in peers], dtype=np.int64)
        return np.maximum(net, 0), np.maximum(-net, 0)

    def lives_of(self, peer: str) -> list[Life]:
        """Give the contracts that a peer is a party of."""
        return [
            life
            for life in self.lives
            if life.state not in DEAD and peer in (life.contract.seller, life.contract.buyer)
        ]

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
