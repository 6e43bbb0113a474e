"""What all our simulators share: one fleet entity, its attributes, and the time that steps took."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from time import perf_counter
from typing import Any, Protocol

import mosaik_api_v3
import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
Inputs = dict[str, dict[str, dict[str, Any]]]


class Log(Protocol):
    """Takes a mosaik time, what happened, and details by name."""

    def __call__(self, time: int, kind: str, **what: Any) -> None: ...


def silent(time: int, kind: str, **what: Any) -> None:
    """Log nothing."""


def model(
    attrs: Sequence[str],
    *,
    events_in: Sequence[str] = (),
    events_out: Sequence[str] = (),
    public: bool = True,
) -> dict[str, Any]:
    """Describe one model of a hybrid simulator as mosaik wants it.

    Parameters
    ----------
    attrs : sequence of str
        Attributes that hold between steps.
    events_in, events_out : sequence of str
        Attributes that wake the simulator, and those that it emits only when something happened.
    """
    return {
        "public": public,
        "params": [],
        "attrs": [*attrs, *events_in, *events_out],
        "trigger": list(events_in),
        "non-persistent": list(events_out),
    }


class Box(mosaik_api_v3.Simulator):  # type: ignore[misc]  # mosaik's API is untyped
    """A mosaik simulator with fleets inside and entities at the border.

    A subclass names its models, answers `advance` with the time of its next step, and leaves in
    `values[eid][attr]` what others may read; an event is put there only when it happened.
    """

    kind = "hybrid"
    models: Mapping[str, dict[str, Any]] = {}

    def __init__(self) -> None:
        super().__init__({"type": self.kind, "models": dict(self.models)})
        self.values: dict[str, dict[str, Any]] = {}
        self._models: dict[str, str] = {}
        self.seconds = 0.0
        self.steps = 0

    def create(self, num: int, model: str, **params: Any) -> list[dict[str, Any]]:
        """Offer the one fleet entity of a box, whose name is its model's in lower case."""
        if num != 1 or params:
            raise ValueError(f"{model}: a box has one fleet entity and no parameters, not {num}")
        eid = model.lower()
        children = self.children(eid)
        for one, of in [(eid, model), *((child["eid"], child["type"]) for child in children)]:
            self.values.setdefault(one, {})
            self._models[one] = of
        return [{"eid": eid, "type": model, "children": children}]

    def model_of(self, eid: str) -> str:
        """Name of the model that an entity is one of."""
        return self._models[eid]

    def children(self, eid: str) -> list[dict[str, Any]]:
        """Entities of single peers or buses, for those who connect a foreign simulator."""
        return []

    def step(self, time: int, inputs: Inputs, max_advance: int) -> int | None:
        began = perf_counter()
        upcoming = self.advance(time, inputs)
        self.seconds += perf_counter() - began
        self.steps += 1
        return upcoming

    def advance(self, time: int, inputs: Inputs) -> int | None:
        """Take one step at a mosaik time and say when the next one is due."""
        raise NotImplementedError

    def get_data(self, outputs: Mapping[str, Sequence[str]]) -> dict[str, dict[str, Any]]:
        values = self.values
        return {
            eid: {attr: values[eid][attr] for attr in attrs if attr in values[eid]}
            for eid, attrs in outputs.items()
        }


def total(sources: Mapping[str, FloatArray], into: FloatArray) -> FloatArray:
    """Sum what all sources of one attribute say, in the order in which they were connected."""
    into[:] = 0.0
    for value in sources.values():
        np.add(into, value, out=into)
    return into


def only(sources: Mapping[str, Any]) -> Any:
    """Value of an attribute that has exactly one source."""
    (value,) = sources.values()
    return value


def happened(inputs: Inputs, eid: str, attr: str) -> Iterable[Any]:
    """Events that arrived on an attribute now, if any; `None` stands for none."""
    for value in inputs.get(eid, {}).get(attr, {}).values():
        if value is not None:
            yield value
