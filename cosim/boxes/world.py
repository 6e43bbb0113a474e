"""A run's boxes in a mosaik world: those of the clock in one bundle, or every one by itself."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import mosaik

from ..plan import CLOCKED_BOXES
from .box import Box
from .bundle import Bundle
from .clock import Clock
from .wiring import Wire, connect, split

Boxes = Mapping[str, tuple[Box, Mapping[str, Any]]]

STARTERS = {"Hosted": {"python": "cosim.boxes.starting:Hosted"}}


@contextmanager
def prepared(
    boxes: Boxes, wires: Sequence[Wire], clock: Clock, *, bundled: bool = True
) -> Iterator[Callable[[], None]]:
    """Start and wire boxes in a mosaik world, and give what plays the run.

    Parameters
    ----------
    boxes : mapping of str to (Box, options)
        In the order in which a tick passes them.
    wires : sequence of Wire
    clock : Clock
    bundled : bool
        Boxes that live by the clock share one slot of mosaik's scheduler; the result is the
        same to the last bit, in a fraction of the time.
    """
    inside = [name for name in CLOCKED_BOXES if name in boxes] if bundled else []
    within, across = split(wires, inside)
    with mosaik.World(STARTERS, cache=False, skip_greetings=True, configure_logging=False) as world:
        entities: dict[str, dict[str, Any]] = {}
        if inside:
            sharing = {
                "boxes": {name: boxes[name] for name in inside},
                "wires": within,
                "leaping": "pacer" not in boxes
                and all(_events_alone(boxes, wire) for wire in across),
            }
            bundle = world.start("Hosted", box=Bundle(), options=sharing)
        for name, (box, options) in boxes.items():
            alone = name not in inside
            started = world.start("Hosted", box=box, options=options) if alone else bundle
            entities[name] = _entities(started, box)
        connect(world, entities, across)
        yield lambda: _play(world, clock)


def _events_alone(boxes: Boxes, wire: Wire) -> bool:
    """Whether a wire carries nothing but events, from their source to whom they wake."""
    ends = (
        (wire.source, wire.source_eid, "non-persistent", wire.attrs.keys()),
        (wire.target, wire.target_eid, "trigger", wire.attrs.values()),
    )
    for name, eid, kind, attrs in ends:
        box, _ = boxes[name]
        described = next((one for of, one in box.models.items() if of.lower() == eid), {})
        if box.kind != "event-based" and not set(attrs) <= set(described.get(kind, ())):
            return False
    return True


def _play(world: Any, clock: Clock) -> None:
    """Play to the end; when a box raises, the others' waiting tasks go too, without a word."""
    try:
        world.run(until=clock.until, print_progress=False, lazy_stepping=False)
    except BaseException:
        waiting = asyncio.all_tasks(world.loop)
        for task in waiting:
            task.cancel()
        world.loop.run_until_complete(asyncio.gather(*waiting, return_exceptions=True))
        raise


def _entities(started: Any, box: Box) -> dict[str, Any]:
    """Make a box's fleet entity, and list it with its children by entity id."""
    public = next(name for name, described in box.models.items() if described["public"])
    fleet = getattr(started, public)()
    return {entity.eid: entity for entity in [fleet, *fleet.children]}
