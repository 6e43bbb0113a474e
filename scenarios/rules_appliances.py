"""What vehicles' stays and the rest of a scenario say together."""

from typing import TYPE_CHECKING, Any

from .schema_appliances import EvSpec, point_kw
from .schema_peers import SinglePeer
from .spec import Problem

if TYPE_CHECKING:
    from .schema import Scenario
    from .schema_appliances import SessionSpec

HOUR_NS = 3_600_000_000_000


def appliance_problems(scenario: "Scenario") -> list[Problem]:
    """Find stays that end before they begin, come too late, want too much, or overlap, and
    responses of no load.
    """
    problems: list[Problem] = []
    for index, peer in enumerate(scenario.peers):
        if peer.appliances is not None and peer.appliances.ev is not None:
            path = ("peers", index, "appliances", "ev", "sessions")
            problems += _stays(scenario, peer.appliances.ev, path)
        response = peer.load_response
        if response is not None and isinstance(peer, SinglePeer) and peer.profile is None:
            message = "says how a load follows the voltage, but the peer has no profile"
            problems.append(Problem(("peers", index, "load_response"), message))
    return problems


def _stays(scenario: "Scenario", ev: EvSpec, path: tuple[Any, ...]) -> list[Problem]:
    problems: list[Problem] = []
    taken: list[tuple[int, int, SessionSpec]] = []
    for number, stay in enumerate(ev.sessions):
        begin, end = stay_ns(scenario, stay)
        at = (*path, number)
        if end <= begin:
            message = f"{stay.departure} is before its arrival at {stay.arrival}; expected after it"
            problems.append(Problem((*at, "departure"), message))
            continue
        if begin >= scenario.time.duration.ns:
            message = f"{stay.arrival} is after the end of the run, {scenario.time.duration} long"
            problems.append(Problem((*at, "arrival"), message))
        hours = (end - begin) / HOUR_NS
        most_kwh = point_kw(ev) * ev.efficiency * hours
        if stay.energy_kwh.high > most_kwh:
            message = (
                f"{stay.energy_kwh.high:g} kWh in {hours:.3g} h, but {point_kw(ev):.3g} kW at an "
                f"efficiency of {ev.efficiency:g} bring {most_kwh:.3g} kWh; expected less, or a "
                "longer stay"
            )
            problems.append(Problem((*at, "energy_kwh"), message))
        if any(begin < other_end and other_begin < end for other_begin, other_end, _ in taken):
            message = "overlaps another stay; expected one vehicle at a time"
            problems.append(Problem((*at, "arrival"), message))
        taken.append((begin, end, stay))
    return problems


def stay_ns(scenario: "Scenario", stay: "SessionSpec") -> tuple[int, int]:
    """Give a stay's begin and end after the start of the run. [ns]"""
    start = scenario.time.start
    begin = 0 if stay.arrival is None else stay.arrival.after(start).ns
    return begin, stay.departure.after(start).ns
