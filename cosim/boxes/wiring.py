"""Who is wired to whom: connections as data, laid either through mosaik or inside a bundle."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Wire:
    """One directed connection between the entities of two boxes.

    Parameters
    ----------
    source, target : str
        Names of the boxes.
    attrs : mapping of str to str
        Source attribute to target attribute.
    source_eid, target_eid : str
        Entities; the fleet entity of a box unless said otherwise.
    delayed : bool
        The target sees the value one tick later, which closes a loop.
    initial : mapping
        Values of a delayed wire's source attributes before the first step; events have none.
    """

    source: str
    target: str
    attrs: Mapping[str, str]
    source_eid: str
    target_eid: str
    delayed: bool = False
    initial: Mapping[str, Any] = field(default_factory=dict)


def split(wires: Iterable[Wire], inside: Sequence[str]) -> tuple[list[Wire], list[Wire]]:
    """Part wires into those between the boxes of a bundle and the others."""
    within: list[Wire] = []
    across: list[Wire] = []
    for wire in wires:
        both = wire.source in inside and wire.target in inside
        (within if both else across).append(wire)
    return within, across


def connect(world: Any, entities: Mapping[str, Mapping[str, Any]], wires: Iterable[Wire]) -> None:
    """Lay wires in a mosaik world; `entities[box][eid]` are mosaik's entities."""
    for wire in wires:
        shift: dict[str, Any] = {}
        if wire.delayed:
            shift = {"time_shifted": 1, "initial_data": dict(wire.initial)}
        world.connect(
            entities[wire.source][wire.source_eid],
            entities[wire.target][wire.target_eid],
            *wire.attrs.items(),
            **shift,
        )
