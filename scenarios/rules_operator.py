"""What an operator's part of a scenario says together with the rest, and with the network."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from .schema_operator import Element, switched
from .spec import Problem

if TYPE_CHECKING:
    from .network import NetworkOutline
    from .schema import Scenario

TABLES = {"line": "line", "trafo": "transformer", "switch": "switch"}


def has_operator(scenario: "Scenario") -> bool:
    """Tell whether anybody acts on the grid: an operator, or events that switch."""
    return scenario.operator is not None or any(switched(event) for event in scenario.events)


def operator_problems(scenario: "Scenario") -> list[Problem]:
    """Find what an operator's hand cannot be joined with yet, and clocks that do not divide."""
    if not has_operator(scenario):
        return []
    path = ("operator",) if scenario.operator is not None else ("events",)
    problems = []
    if scenario.island is not None:
        message = "acts on a feeder of the upstream grid; an island has its own shedding"
        problems.append(Problem(path, f"{message}; expected no island"))
    if scenario.grid.unbalanced:
        message = "acts on the grid in one phase; expected no grid.unbalanced"
        problems.append(Problem(path, message))
    light = scenario.operator.light if scenario.operator is not None else None
    for name in ("every", "hold") if light is not None else ():
        length = getattr(light, name)
        if not length.is_multiple_of(scenario.time.tick):
            message = f"{length} is no multiple of the tick of {scenario.time.tick}"
            problems.append(Problem(("operator", "light", name), message))
    return problems


def network_problems(scenario: "Scenario", network: "NetworkOutline") -> Iterator[Problem]:
    """Find elements that the network has not, and taps of which it says too little."""
    for path, table, element in _elements(scenario):
        names = network.elements.get(table, {})
        found = [
            i for i, name in names.items() if element == (i if isinstance(element, int) else name)
        ]
        if len(found) != 1:
            count = f"{len(found)} of that name" if found else "none"
            message = f"the network has {count}: {TABLES[table]} {element!r}"
            yield Problem(path, f"{message}; expected one of its {len(names)}, by name or index")
    for i, tap in enumerate(scenario.operator.taps if scenario.operator is not None else ()):
        lacking = network.lacking_taps.get(tap.trafo, ())
        step = network.tap_step_percent.get(tap.trafo, 0.0)
        if not tap.completes and 200 * tap.dead_band_pu <= step:
            yield Problem(
                ("operator", "taps", i, "dead_band_pu"),
                f"±{tap.dead_band_pu:g} p.u. is no wider than the network's step of {step:g} %: it "
                f"would hunt; expected more than ±{step / 200:g} p.u.",
            )
        if lacking and not tap.completes:
            message = f"the network gives no {', '.join(lacking)} of transformer {tap.trafo!r}"
            yield Problem(
                ("operator", "taps", i),
                f"{message}; expected side, step_percent, lowest and highest here",
            )


def _elements(scenario: "Scenario") -> Iterator[tuple[tuple[str | int, ...], str, Element]]:
    for i, event in enumerate(scenario.events):
        if (kind := switched(event)) is not None:
            yield ("events", i, kind[0]), *kind
    if scenario.operator is not None:
        for i, tap in enumerate(scenario.operator.taps):
            yield ("operator", "taps", i, "trafo"), "trafo", tap.trafo
        for i, one in enumerate(scenario.operator.protection):
            yield ("operator", "protection", i, "line"), "line", one.line
