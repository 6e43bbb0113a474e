"""What calls for flexibility and the rest of a scenario say together."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from market.known import MECHANISMS

from .spec import Problem

if TYPE_CHECKING:
    from .schema import Scenario


def flexibility_problems(scenario: "Scenario", is_peer: Callable[[str], bool]) -> Iterator[Problem]:
    """Find windows that are no delivery periods of the run, and members that there are not.

    Parameters
    ----------
    scenario : Scenario
    is_peer : callable
        Whether a peer may have a name.
    """
    spec, period = scenario.flexibility, scenario.market.period
    if spec is None:
        return
    if MECHANISMS.get(scenario.market.mechanism, "").startswith("market.billing."):
        message = (
            f"{scenario.market.mechanism!r} bills meters and has no gates at which peers could "
            "answer; expected a mechanism that takes orders"
        )
        yield Problem(("market", "mechanism"), message)
    for i, call in enumerate(spec.calls):
        offset = call.at.after(scenario.time.start)
        if not offset.is_multiple_of(period):
            message = f"{call.at} is inside a period of {period}; expected a period's beginning"
            yield Problem(("flexibility", "calls", i, "at"), message)
        if not call.duration.is_multiple_of(period):
            message = f"{call.duration} is no whole number of periods of {period}"
            yield Problem(("flexibility", "calls", i, "duration"), message)
        if offset.ns + call.duration.ns > scenario.time.duration.ns:
            message = (
                f"{call.at} and {call.duration} end after the run of {scenario.time.duration}; "
                "expected a window inside it"
            )
            yield Problem(("flexibility", "calls", i, "duration"), message)
    for operator, peers in spec.members.items():
        for peer in peers:
            if not is_peer(peer):
                yield Problem(
                    ("flexibility", "members", operator),
                    f"no peer {peer!r}; expected the name of one",
                    refers=("peers",),
                )
