"""What a feeder in three phases and the rest of a scenario say together."""

from typing import TYPE_CHECKING

from .spec import Problem

if TYPE_CHECKING:
    from .schema import Scenario


def phase_problems(scenario: "Scenario") -> list[Problem]:
    """Find phases where there are none, and what is modelled for balanced feeders alone."""
    if not scenario.grid.unbalanced:
        message = "means nothing on a balanced grid; expected it with grid: {unbalanced: true}"
        return [
            Problem(("peers", index, "phase"), message)
            for index, peer in enumerate(scenario.peers)
            if peer.phase is not None
        ]
    if scenario.island is not None:
        message = "is modelled with the grid above alone; expected no island beside it"
        return [Problem(("grid", "unbalanced"), message)]
    return []
