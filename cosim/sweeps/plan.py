"""Which points a sweep has: combinations of values, each with every seed, in a fixed order."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from scenarios.schema_sweep import Choice, Sampling, Span, SweepSpec
from scenarios.seeds import generator

__all__ = ["GRID_VALUES", "Combination", "Plan", "Point", "json_text", "part_of", "plan_of"]

GRID_VALUES = 5
"""Values of a range in a grid, unless told otherwise."""

Combination = tuple[tuple[str, Any], ...]
"""Every varied path with its value."""


@dataclass(frozen=True)
class Point:
    """One run of a sweep.

    Attributes
    ----------
    index : int
        Its place in the table.
    values : tuple of (path, value)
    seed : int
    """

    index: int
    values: Combination
    seed: int

    def __str__(self) -> str:
        told = [f"{path}={json_text(value)}" for path, value in self.values]
        return ", ".join([*told, f"seed={self.seed}"])


@dataclass(frozen=True)
class Plan:
    """A sweep as it is asked for.

    Attributes
    ----------
    name, about : str
    scenario : Path
        Absolute.
    axes : mapping of str to tuple or Span
    seeds : tuple of int
    sampling : str
    points : int or None
        As in `scenarios.schema_sweep.SweepSpec`.
    model_devices : bool
        Models play the devices, rather than emulators reached through VISA.
    find : mapping or None
        `cosim.sweeps.find.Question`, if values are looked for rather than given.
    """

    name: str
    scenario: Path
    axes: Mapping[str, Choice | Span] = field(default_factory=dict)
    seeds: tuple[int, ...] = (1,)
    sampling: Sampling = "grid"
    points: int | None = None
    about: str = ""
    model_devices: bool = True
    find: Mapping[str, Any] | None = None

    def combinations(self) -> list[Combination]:
        """Combinations of values, in the order in which they are drawn."""
        if self.sampling == "grid":
            columns = [_levels(axis, self.points or GRID_VALUES) for axis in self.axes.values()]
            return [tuple(zip(self.axes, row, strict=True)) for row in itertools.product(*columns)]
        unit = _unit(self.sampling, self.points or 1, len(self.axes), self.name)
        paths, axes = tuple(self.axes), tuple(self.axes.values())
        rows = (map(_at, axes, row) for row in unit.tolist())
        return [tuple(zip(paths, row, strict=True)) for row in rows]

    def all_points(self) -> list[Point]:
        """Every combination with every seed."""
        pairs = itertools.product(self.combinations(), self.seeds)
        return [Point(index, values, seed) for index, (values, seed) in enumerate(pairs)]

    def plain(self) -> dict[str, Any]:
        """As JSON holds it."""
        axes = [  # a list: their order is the table's
            [path, axis.model_dump() if isinstance(axis, Span) else list(axis)]
            for path, axis in self.axes.items()
        ]
        return {**vars(self), "scenario": str(self.scenario), "axes": axes}

    @classmethod
    def of_plain(cls, told: Mapping[str, Any]) -> Plan:
        """Back from `plain`."""
        axes = {
            path: Span(**axis) if isinstance(axis, dict) else tuple(axis)
            for path, axis in told["axes"]
        }
        scenario, seeds = Path(told["scenario"]), tuple(told["seeds"])
        return cls(**{**told, "axes": axes, "scenario": scenario, "seeds": seeds})


def plan_of(spec: SweepSpec, *, beside: Path, own_seed: int, model_devices: bool = True) -> Plan:
    """Plan a sweep.

    Parameters
    ----------
    spec : SweepSpec
    beside : Path
        Folder from which the scenario's path counts.
    own_seed : int
        The scenario's; seeds count up from it.
    model_devices : bool
    """
    seeds = spec.seeds
    if isinstance(seeds, int):
        seeds = tuple(range(own_seed, own_seed + seeds))
    return Plan(
        name=spec.sweep,
        about=spec.about,
        scenario=(beside / spec.scenario).resolve(),
        axes=dict(spec.set),
        seeds=seeds,
        sampling=spec.sampling,
        points=spec.points,
        model_devices=model_devices,
    )


def json_text(value: Any) -> str:
    """Say a value in one line: text as it is, anything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True, default=str)


def _levels(axis: Choice | Span, count: int) -> list[Any]:
    """All values of a list, or evenly spaced ones of a range, both its ends among them."""
    if not isinstance(axis, Span):
        return list(axis)
    found = [_of_span(axis, u) for u in np.linspace(0, 1, count).tolist()]
    return list(dict.fromkeys(found))  # whole numbers may fall together


def _unit(sampling: str, points: int, dimensions: int, name: str) -> np.ndarray[Any, Any]:
    """Draw points of the unit cube, the same ones whenever a sweep of this name is planned.

    Latin hypercube after McKay, Beckman and Conover (1979), Sobol' points with Owen's scrambling
    (1998), both as scipy.stats.qmc has them.
    """
    rng = generator(0, "sweep", sampling, name)
    if sampling == "random" or dimensions == 0:
        return rng.random((points, dimensions))
    from scipy.stats import qmc

    engine = qmc.Sobol if sampling == "sobol" else qmc.LatinHypercube
    drawn: np.ndarray[Any, Any] = engine(dimensions, rng=rng).random(points)
    return drawn


def _at(axis: Choice | Span, u: float) -> Any:
    """Value at a place of the unit interval; a list has equal stretches of it."""
    if isinstance(axis, Span):
        return _of_span(axis, u)
    return axis[min(int(u * len(axis)), len(axis) - 1)]


def _of_span(axis: Span, u: float) -> float | int:
    low, high = axis.low, axis.high
    if axis.whole and not axis.log:
        return int(min(low + np.floor(u * (high - low + 1)), high))  # every number as likely
    value = low * (high / low) ** u if axis.log else low + u * (high - low)
    # Ten digits: what is typed is what is set, 0.3 rather than 0.30000000000000004.
    return round(value) if axis.whole else float(f"{value:.10g}")


def part_of(points: Sequence[Point], only: tuple[int, int] | None) -> list[Point]:
    """Points of one part, (which, of how many) counted from 1: every n-th, so parts weigh alike."""
    which, of = only or (1, 1)
    return [point for point in points if point.index % of == which - 1]
