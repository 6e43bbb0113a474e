"""What a command line and a sweep file ask for, as one plan."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

from pydantic import ValidationError

from scenarios import document
from scenarios.messages import message
from scenarios.schema_sweep import (
    SweepSpec,
    is_sweep,
    load_sweep,
    parse_axis,
    parse_search,
    parse_seeds,
)

from .find import Question
from .folder import SweepFolder
from .plan import Plan, plan_of

__all__ = ["SEARCH_SEEDS", "Asked", "Refused", "part", "planned"]

SEARCH_SEEDS = 10
"""Seeds at every value of a search, unless told otherwise."""


class Refused(Exception):
    """The command line asks for what cannot be; every fault is a line."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """The words of a command line, as far as they say what is played."""

    file: Path | None
    set: Sequence[str] = ()
    seeds: str | None = None
    sampling: str | None = None
    points: int | None = None
    emulate: bool = False
    find: str | None = None
    share: float = 1.0
    tolerance: float | None = None


def planned(asked: Asked, out: Path | None) -> Plan:
    """Plan what is asked, or give the plan of a folder where no file is named.

    Raises
    ------
    Refused, OverrideError, ScenarioError, NoSweep
        What is asked cannot be; nothing was written.
    """
    if asked.file is None:
        if out is None:
            raise Refused("no scenario and no folder; expected SCENARIO, or --resume --out DIR")
        if any((asked.set, asked.seeds, asked.sampling, asked.points, asked.find)):
            raise Refused("a sweep goes on as it was asked; expected --out DIR without more")
        return SweepFolder(out).plan()
    base = _spec_of_file(asked.file)
    axes = base.get("set", {}) | dict(parse_axis(text) for text in asked.set)
    told = base | {"set": axes}
    told |= {} if asked.seeds is None else {"seeds": parse_seeds(asked.seeds)}
    told |= {} if asked.sampling is None else {"sampling": asked.sampling}
    told |= {} if asked.points is None else {"points": asked.points}
    if asked.find is not None and asked.seeds is None:
        told |= {"seeds": base.get("seeds", SEARCH_SEEDS)}
    try:
        spec = SweepSpec.model_validate(told)
    except ValidationError as error:
        raise Refused("\n".join(_lines(error))) from None
    beside, seed = asked.file.parent, _own_seed(asked.file.parent / spec.scenario)
    plan = plan_of(spec, beside=beside, own_seed=seed, model_devices=not asked.emulate)
    return plan if asked.find is None else _search(plan, asked)


def _spec_of_file(file: Path) -> dict[str, Any]:
    """A sweep file's keys, or those that stand for a scenario by itself."""
    if is_sweep(file):
        spec = load_sweep(file)
        return {name: getattr(spec, name) for name in spec.model_fields_set}
    root = document.read(file)[0].plain()
    named = root.get("scenario")
    name = re.sub(r"[^A-Za-z0-9_-]+", "-", str(named or file.stem)).strip("-_")[:60]
    return {"sweep": name or "sweep", "scenario": file.name}


def _own_seed(file: Path) -> int:
    """The scenario's seed; whether it is one is told with its other faults."""
    from scenarios.schema import Scenario

    seed = document.read(file)[0].plain().get("seed")
    usual = cast(int, Scenario.model_fields["seed"].default)
    return seed if isinstance(seed, int) and seed >= 0 else usual


def _lines(error: ValidationError) -> list[str]:
    lines = []
    for one in error.errors():
        problems = one.get("ctx", {}).get("problems")
        if problems is None:
            place = ".".join(str(p) for p in one["loc"] if not str(p).startswith("<"))
            lines.append(f"--{place}: {message(one, SweepSpec)}")
        else:
            lines += [f"--{'.'.join(map(str, p.path))}: {p.message}" for p in problems]
    return lines


def _search(plan: Plan, asked: Asked) -> Plan:
    path, easy, hard, span = parse_search(asked.find or "")
    varied = [other for other, axis in plan.axes.items() if other != path and not _fixed(axis)]
    if varied:
        raise Refused(f"--find varies {path} alone; expected one value each of {', '.join(varied)}")
    if not 0 < asked.share <= 1:
        raise Refused(f"--for {asked.share:g}: expected a share of the seeds, above 0 and up to 1")
    tolerance = abs(hard - easy) / 50 if asked.tolerance is None else asked.tolerance
    if tolerance <= 0:
        raise Refused(f"--tolerance {tolerance:g}: expected more than 0")
    question = Question(path, easy, hard, asked.share, tolerance, span.whole)
    return replace(plan, axes={**plan.axes, path: span}, find=vars(question))


def _fixed(axis: Any) -> bool:
    return isinstance(axis, tuple) and len(axis) == 1


def part(text: str | None) -> tuple[int, int] | None:
    """Read ``3/10``: the third of ten parts.

    Raises
    ------
    Refused
        It is no part.
    """
    if text is None:
        return None
    found = re.fullmatch(r"(\d+)/(\d+)", text.strip())
    which, of = (int(found[1]), int(found[2])) if found else (0, 0)
    if not 1 <= which <= of:
        raise Refused(f"--only {text}: expected which part of how many, as 3/10")
    return which, of
