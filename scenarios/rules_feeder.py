"""What events of a feeder and of an island say together with the island that they befall."""

from typing import TYPE_CHECKING

from .schema_feeder import FeederEvent, IslandEvent
from .spec import Problem

if TYPE_CHECKING:
    from .schema import Scenario


def feeder_problems(scenario: "Scenario") -> list[Problem]:
    """Find feeders that no village has, and black-outs of what is no island."""
    island, problems = scenario.island, []
    for index, event in enumerate(scenario.events):
        if isinstance(event, FeederEvent) and (island is None or island.feeder is None):
            message = "opens and closes for a village that may stand alone; expected island.feeder"
            problems.append(Problem(("events", index, "feeder"), message))
        if isinstance(event, IslandEvent) and island is None:
            message = "befalls an island; expected an island section"
            problems.append(Problem(("events", index, "island"), message))
    if island is None or island.feeder is None:
        return problems
    nominal_hz = scenario.frequency.nominal_hz
    if nominal_hz != island.nominal_hz:
        message = f"is {island.nominal_hz:g} Hz and the upstream grid's {nominal_hz:g} Hz"
        problems.append(Problem(("island", "nominal_hz"), f"{message}; expected the same"))
    return problems
