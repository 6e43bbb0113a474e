"""Several boxes in one mosaik slot.

mosaik's scheduler spends 100 µs and more on every step of a simulator, and looks at all others
each time, so six boxes that step on each tick cost more than the physics in them. A bundle is
a mosaik simulator that steps mosaik simulators: the same boxes, the same wires, the same
order, the same bytes, and one slot in the schedule. mosaik says with every step how far a
simulator may go before anybody can reach it; a bundle from which only events go out goes so
far in one step, or to the first event. Boxes stay ordinary mosaik simulators, and a world that
wants a foreign one in the place of ours wires them one by one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

import mosaik_api_v3

from .box import Box, Inputs
from .clock import NEVER
from .wiring import Wire


@dataclass
class _Link:
    """One attribute's way from a box to another, resolved to the dictionaries it ends in."""

    source_eid: str
    source_attr: str
    slot: dict[str, Any]
    key: str
    consumer: _Seat
    wakes: bool
    passing: bool


@dataclass(eq=False)
class _Seat:
    """A box's place in the bundle: what it waits for and what lies on its desk."""

    name: str
    box: Box
    due: int = 0
    woken: bool = False
    inputs: Inputs = field(default_factory=dict)
    passing: list[dict[str, Any]] = field(default_factory=list)
    links: list[_Link] = field(default_factory=list)
    delayed: list[_Link] = field(default_factory=list)
    wanted: dict[str, list[str]] = field(default_factory=dict)
    data: dict[str, dict[str, Any]] = field(default_factory=dict)
    events: dict[str, list[str]] = field(default_factory=dict)
    seconds: float = 0.0


def _attributes(box: Box, eid: str, kind: str) -> Sequence[str]:
    found: Sequence[str] = box.meta["models"][box.model_of(eid)].get(kind, ())
    return found


class Bundle(mosaik_api_v3.Simulator):  # type: ignore[misc]  # mosaik's API is untyped
    """Steps boxes in a fixed order on one mosaik time.

    A delayed wire may point anywhere; any other must point forward in the order given.
    """

    def __init__(self) -> None:
        super().__init__({"type": "hybrid", "models": {}})
        self._seats: dict[str, _Seat] = {}
        self._owner: dict[str, _Seat] = {}
        self._moved: list[_Seat] = []
        self._now = 0

    def init(
        self,
        sid: str,
        time_resolution: float = 1.0,
        *,
        boxes: Mapping[str, tuple[Box, Mapping[str, Any]]],
        wires: Sequence[Wire] = (),
        leaping: bool = False,
    ) -> dict[str, Any]:
        """Start the boxes in their order and lay the wires between them.

        Parameters
        ----------
        boxes : mapping of str to (Box, options)
        wires : sequence of Wire
        leaping : bool
            Nothing but events passes between the bundle and the world, so that it may go on
            within a step as far as mosaik lets it.

        Raises
        ------
        ValueError
            If two boxes share a model's name, or a wire without delay points backward.
        """
        for name, (box, options) in boxes.items():
            box.init(name, time_resolution, **options)
            for model_name, described in box.meta["models"].items():
                if model_name in self.meta["models"]:
                    raise ValueError(f"box {name!r}: another box has a model {model_name!r} too")
                self.meta["models"][model_name] = described
            self._seats[name] = _Seat(name, box)
        self._wires, self._leaping = list(wires), leaping
        meta: dict[str, Any] = self.meta
        return meta

    def create(self, num: int, model: str, **params: Any) -> list[dict[str, Any]]:
        seat = next(s for s in self._seats.values() if model in s.box.meta["models"])
        entities = seat.box.create(num, model, **params)
        for entity in entities:
            for one in [entity, *entity.get("children", [])]:
                self._owner[one["eid"]] = seat
                if events := _attributes(seat.box, one["eid"], "non-persistent"):
                    seat.events[one["eid"]] = list(events)
        return entities

    def setup_done(self) -> None:
        order = list(self._seats)
        for wire in self._wires:
            if not wire.delayed and order.index(wire.source) >= order.index(wire.target):
                raise ValueError(f"wire from {wire.source!r} back to {wire.target!r} needs a delay")
            self._lay(wire)
        for seat in self._seats.values():
            seat.box.setup_done()

    def _lay(self, wire: Wire) -> None:
        source, target = self._seats[wire.source], self._seats[wire.target]
        triggers = _attributes(target.box, wire.target_eid, "trigger")
        events = _attributes(source.box, wire.source_eid, "non-persistent")
        for source_attr, target_attr in wire.attrs.items():
            slot = target.inputs.setdefault(wire.target_eid, {}).setdefault(target_attr, {})
            link = _Link(
                wire.source_eid,
                source_attr,
                slot,
                f"{wire.source}.{wire.source_eid}",
                target,
                wakes=target_attr in triggers,
                passing=source_attr in events,
            )
            (source.delayed if wire.delayed else source.links).append(link)
            wanted = source.wanted.setdefault(wire.source_eid, [])
            if source_attr not in wanted:
                wanted.append(source_attr)
            if wire.delayed and source_attr in wire.initial:
                slot[link.key] = wire.initial[source_attr]

    def step(self, time: int, inputs: Inputs, max_advance: int) -> int | None:
        self._receive(inputs)
        upcoming = self._tick(time)
        if self._leaping:
            # The last of these instants may be the end of the world, which has no step.
            while upcoming < max_advance and not self._called():
                time = upcoming
                upcoming = self._tick(time)
        self._now = time
        return None if upcoming >= NEVER else upcoming

    def _called(self) -> bool:
        """Whether a box that has just moved has an event to tell."""
        return any(
            seat.events and any(seat.box.get_data(seat.events).values()) for seat in self._moved
        )

    def _tick(self, time: int) -> int:
        """Step those who are due at a time, and say when the next one is."""
        upcoming = NEVER
        moved: list[_Seat] = []
        for seat in self._seats.values():
            if seat.due <= time or seat.woken:
                self._advance(seat, time)
                moved.append(seat)
            upcoming = min(upcoming, seat.due)
        for seat in moved:
            for link in seat.delayed:
                _deliver(seat, link)
                if link.consumer.woken:
                    upcoming = min(upcoming, time + 1)
        self._moved = moved
        return upcoming

    def _receive(self, inputs: Inputs) -> None:
        """Put what came from outside on the desks of those whom it concerns."""
        for eid, attrs in inputs.items():
            seat = self._owner[eid]
            desk = seat.inputs.setdefault(eid, {})
            for attr, values in attrs.items():
                if attr in _attributes(seat.box, eid, "trigger"):
                    slot = desk.setdefault(attr, {})
                    slot.update(values)
                    seat.passing.append(slot)
                    seat.woken = True
                else:
                    desk.setdefault(attr, {}).update(values)

    def _advance(self, seat: _Seat, time: int) -> None:
        began = perf_counter()
        box = seat.box
        upcoming = box.step(time, seat.inputs, time)
        seat.due = NEVER if upcoming is None else upcoming
        seat.woken = False
        for slot in seat.passing:
            slot.clear()
        seat.passing.clear()
        seat.data = box.get_data(seat.wanted)
        for link in seat.links:
            _deliver(seat, link)
        seat.seconds += perf_counter() - began

    def get_data(self, outputs: Mapping[str, Sequence[str]]) -> dict[str, Any]:
        data: dict[str, Any] = {"time": self._now} if self._leaping else {}
        for eid, attrs in outputs.items():
            seat = self._owner[eid]
            if seat in self._moved:
                data.update(seat.box.get_data({eid: attrs}))
        return data

    @property
    def seconds(self) -> dict[str, float]:
        """Wall-clock time spent in each box so far. [s]"""
        return {name: seat.seconds for name, seat in self._seats.items()}

    def finalize(self) -> None:
        for seat in self._seats.values():
            seat.box.finalize()


def _deliver(seat: _Seat, link: _Link) -> None:
    """Carry one attribute's value to its consumer, if the box has said anything on it."""
    of_entity = seat.data.get(link.source_eid)
    if of_entity is None or link.source_attr not in of_entity:
        return
    link.slot[link.key] = of_entity[link.source_attr]
    if link.passing:
        link.consumer.passing.append(link.slot)
    if link.wakes:
        link.consumer.woken = True
