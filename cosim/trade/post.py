"""The post of a run: what its parties tell one another arrives when their links let it.

A scenario that says nothing of communication has none, and everything arrives at once.
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from market.communication import (
    LINKS,
    AnyOf,
    Courier,
    Inbox,
    Lines,
    Link,
    Outages,
    RandomOutages,
    Retry,
    ScheduledOutages,
    Skew,
)
from market.communication.courier import SIZES
from market.delivery.contract import Schedule
from market.orders import Orders
from scenarios.resolve import ResolvedScenario
from scenarios.schema_communication import CommunicationSpec, OutageSpec
from scenarios.seeds import generator

from ..boxes.clock import Clock
from ..boxes.meters import Alarm, Closing

__all__ = ["Post", "courier_of", "post_of"]


def post_of(resolved: ResolvedScenario, courier: Courier | None, clock: Clock) -> Post | None:
    """The post of a scenario; None where it says nothing of communication."""
    spec = resolved.scenario.communication
    if spec is None or courier is None:
        return None
    return Post(
        courier,
        clock,
        tuple(peer.name for peer in resolved.peers),
        offers_before=spec.offers_before.ns // resolved.scenario.time.tick.ns,
        settle_within=spec.settle_within.ns // resolved.scenario.time.tick.ns,
    )


def courier_of(resolved: ResolvedScenario) -> Courier | None:
    """The courier of a scenario; None where it says nothing of communication."""
    spec = resolved.scenario.communication
    if spec is None:
        return None
    lines = Lines(
        meters=_link(spec, LINKS[spec.meters]),
        peers=_link(spec, LINKS[spec.peers]),
        outages=_outages(resolved, spec, "party"),
        link_outages=_outages(resolved, spec, "link"),
        skews={one.party: Skew(one.ahead_s, one.drift_ppm) for one in spec.clocks},
        retry=Retry(
            first_s=spec.retry.first_s,
            factor=spec.retry.factor,
            most_s=spec.retry.most_s,
            attempts=spec.retry.attempts,
        ),
        in_order=spec.in_order,
        duplicate=spec.duplicate,
    )
    return Courier(lines, resolved.dt_s, partial(generator, resolved.seed, "communication"))


def _link(spec: CommunicationSpec, link: Link) -> Link:
    """A link with what the scenario says in place of the table."""
    changes: dict[str, Any] = {"jitter_s": spec.jitter_s or link.jitter_s}
    if spec.loss is not None:
        changes["loss"] = spec.loss
    if spec.spreading_factor is not None and link.spreading_factor is not None:
        changes["spreading_factor"] = spec.spreading_factor
    return replace(link, **changes)


def _outages(resolved: ResolvedScenario, spec: CommunicationSpec, of: str) -> dict[str, Outages]:
    """Outages by party, or by class of link. [s] after the start of physics."""
    found: dict[str, list[Outages]] = defaultdict(list)
    for number, one in enumerate(spec.outages):
        name = getattr(one, of)
        if name is not None:
            found[name].append(_outage(resolved, spec, one, f"{number}"))
    return {name: AnyOf(several) for name, several in found.items()}


def _outage(
    resolved: ResolvedScenario, spec: CommunicationSpec, one: OutageSpec, number: str
) -> Outages:
    start = resolved.scenario.time.start
    if one.from_ is not None and one.to is not None:
        return ScheduledOutages([(one.from_.after(start).seconds, one.to.after(start).seconds)])
    assert one.every is not None
    assert one.lasts is not None
    first_s = -resolved.scenario.market.gate.seconds - spec.offers_before.seconds
    rng = generator(resolved.seed, "communication", "outage", number)
    return RandomOutages(rng, one.every.seconds, one.lasts.seconds, first_s)


class Post:
    """Holds what is under way, and hands each message over once, when it arrives.

    Parameters
    ----------
    courier : Courier
    clock : Clock
    peers : tuple of str
        All meters in order, the LPD's included.
    offers_before, settle_within : int
        Ticks before a gate at which offers are sent, and after a period until which its
        settlement waits for readings.
    """

    def __init__(
        self,
        courier: Courier,
        clock: Clock,
        peers: tuple[str, ...],
        *,
        offers_before: int,
        settle_within: int,
    ) -> None:
        self._courier, self._clock, self._peers = courier, clock, peers
        self._before, self._within = offers_before, settle_within
        self._under_way: list[tuple[int, int, tuple[str, int], Any]] = []
        self._number = 0
        self._inbox = Inbox()

    def receive(self, period: int, orders: Orders) -> Orders:
        """Leave of a gate's book what had arrived by then; one message brings a peer's orders."""
        gate = self._clock.tick(self._clock.gate(period))
        index, sizes = np.unique(orders.peer_index, return_counts=True)
        there = [
            peer
            for peer, count in zip(index.tolist(), sizes.tolist(), strict=True)
            if self._courier.carry(
                "offer",
                orders.peers[peer],
                "market",
                gate - self._before,
                gate,
                count * SIZES["offer"],
            )
            is not None
        ]
        return orders.take(np.isin(orders.peer_index, there))

    def send_alarm(self, tick: int, alarm: Alarm) -> None:
        """Have a meter tell the market; of use until its period is over."""
        last = self._last_tick(tick // self._clock.ticks_per_period)
        carried = self._courier.send("alarm", alarm.peer, "market", tick, last)
        self._keep(carried.arrivals, (alarm.peer, carried.sequence), alarm)

    def send_readings(self, tick: int, closing: Closing) -> None:
        """Have all meters tell the DSO; settled when all have, or when it waits no longer."""
        latest = tick + self._within
        came = {
            peer: self._courier.carry("reading", peer, "dso", tick, latest, SIZES["reading"])
            for peer in self._peers
        }
        missing = tuple(peer for peer, at in came.items() if at is None)
        last = latest if missing else max(at for at in came.values() if at is not None)
        self._keep((last,), ("dso", -1 - closing.period), replace(closing, missing=missing))

    def send_schedules(self, tick: int, schedules: Iterable[Schedule]) -> None:
        """Have the market tell peers; of use until the period is over."""
        for one in schedules:
            last = self._last_tick(one.period)
            carried = self._courier.send("schedule", "market", one.peer, tick, last)
            self._keep(carried.arrivals, ("market", carried.sequence), one)

    def arrived(self, tick: int) -> Iterator[Alarm | Closing | Schedule]:
        """Hand over what has arrived by now, in the order of arrival; copies have no effect."""
        while self._under_way and self._under_way[0][0] <= tick:
            _, _, (sender, sequence), content = heapq.heappop(self._under_way)
            if self._inbox.takes(sender, sequence):
                yield content

    @property
    def next_tick(self) -> int | None:
        """When something arrives next."""
        return self._under_way[0][0] if self._under_way else None

    def _last_tick(self, period: int) -> int:
        return (period + 1) * self._clock.ticks_per_period - 1

    def _keep(self, arrivals: Iterable[int], key: tuple[str, int], content: Any) -> None:
        for at in arrivals:
            heapq.heappush(self._under_way, (at, self._number, key, content))
            self._number += 1
