"""What a scenario's parts say together: clocks that divide, names that exist, moments inside."""

import difflib
from collections.abc import Iterable
from typing import TYPE_CHECKING

from .rules_appliances import appliance_problems
from .rules_feeder import feeder_problems
from .rules_flexibility import flexibility_problems
from .rules_operator import operator_problems
from .rules_products import products_problems
from .rules_unbalanced import phase_problems
from .schema_communication import HUBS
from .schema_peers import LPD_NAME, PeerGroup, SinglePeer
from .spec import Problem

if TYPE_CHECKING:
    from .schema import Scenario
    from .schema_communication import CommunicationSpec
    from .times import Duration


def nearest(name: str, known: Iterable[str], *, at_most: int = 6) -> str:
    """Return the end of a sentence that names what could have been meant."""
    names = sorted(set(known))
    close = difflib.get_close_matches(name, names, n=3, cutoff=0.55)
    if close:
        return f"nearest names: {', '.join(close)}"
    if not names:
        return "there are none"
    more = f" and {len(names) - at_most} more" if len(names) > at_most else ""
    return f"known: {', '.join(names[:at_most])}{more}"


def hang_together(scenario: "Scenario") -> list[Problem]:
    """Gather everything that two parts of a scenario contradict each other in."""
    return [
        *_clock_problems(scenario),
        *_twin_problems(scenario),
        *_device_problems(scenario),
        *_island_problems(scenario),
        *_event_problems(scenario),
        *operator_problems(scenario),
        *_switch_problems(scenario),
        *phase_problems(scenario),
        *appliance_problems(scenario),
        *_dispute_problems(scenario),
        *_communication_problems(scenario),
        *products_problems(scenario),
        *flexibility_problems(scenario, lambda name: _is_peer(name, *_names(scenario))),
    ]


def _clock_problems(scenario: "Scenario") -> list[Problem]:
    time, market = scenario.time, scenario.market
    problems = []
    for what, length in (("period", market.period), ("gate", market.gate)):
        if not length.is_multiple_of(time.tick):
            message = f"{time.tick} does not divide the market's {what} of {length}"
            problems.append(Problem(("time", "tick"), f"{message}; expected whole ticks"))
    if not time.duration.is_multiple_of(market.period):
        message = (
            f"{time.duration} is not a whole number of market periods of {market.period}; "
            "expected a multiple of it"
        )
        problems.append(Problem(("time", "duration"), message))
    return problems


def _twin_problems(scenario: "Scenario") -> list[Problem]:
    """Find peers, or prefixes of groups, that share a name; the LPD's is taken."""
    seen = {LPD_NAME}
    problems = []
    for index, peer in enumerate(scenario.peers):
        key = "prefix" if isinstance(peer, PeerGroup) else "name"
        name: str = getattr(peer, key)
        if name in seen:
            who = "the LPD's name" if name == LPD_NAME else f"second peer called {name!r}"
            path = ("peers", index, key)
            problems.append(Problem(path, f"{who}; expected names that differ"))
        seen.add(name)
    return problems


def _device_problems(scenario: "Scenario") -> list[Problem]:
    problems = []
    players: dict[str, str] = {}
    for index, peer in enumerate(scenario.peers):
        if not isinstance(peer, SinglePeer) or peer.device is None:
            continue
        path = ("peers", index, "device")
        if peer.device not in scenario.devices:
            problems.append(_undefined(path, "device", peer.device, "devices", scenario.devices))
        elif peer.device in players:
            message = f"{peer.device!r} already plays {players[peer.device]!r}"
            problems.append(Problem(path, f"{message}; expected one peer per device"))
        players.setdefault(peer.device, peer.name)
    for name in scenario.devices:
        if name not in players:
            message = "plays no peer; expected a peer that names it as its device"
            problems.append(Problem(("devices", name), message, refers=("peers",)))
    return problems


def _island_problems(scenario: "Scenario") -> list[Problem]:
    problems = feeder_problems(scenario)
    alone = scenario.island is not None and scenario.island.feeder is None
    if alone and "frequency" in scenario.model_fields_set:
        message = "is an input from an upstream grid, which an island has not; leave it out"
        problems.append(Problem(("frequency",), message))
    return problems


def _event_problems(scenario: "Scenario") -> list[Problem]:
    problems = []
    singles, prefixes = _names(scenario)
    island = scenario.island
    generators = [] if island is None else [generator.name for generator in island.generators]
    for index, event in enumerate(scenario.events):
        offset = event.at.after(scenario.time.start)
        if offset.ns >= scenario.time.duration.ns:
            message = (
                f"{event.at} is {offset} after the start; the run is over after "
                f"{scenario.time.duration}"
            )
            problems.append(Problem(("events", index, "at"), message))
        elif not offset.is_multiple_of(scenario.time.tick):
            message = f"{event.at} is not on a tick of {scenario.time.tick}"
            problems.append(Problem(("events", index, "at"), message))
        device, peer = getattr(event, "device", None), getattr(event, "peer", None)
        problems += _meter_problems(scenario, index, offset)
        generator = getattr(event, "generator", None)
        if device is not None and device not in scenario.devices:
            path = ("events", index, "device")
            problems.append(_undefined(path, "device", device, "devices", scenario.devices))
        problems += _lasting_problems(scenario, index)
        if peer is not None and not _is_peer(peer, singles, prefixes):
            path = ("events", index, "peer")
            problems.append(_undefined(path, "peer", peer, "peers", singles))
        if generator is not None and generator not in generators:
            path = ("events", index, "generator")
            problems.append(_undefined(path, "generator", generator, "island", generators))
    return problems


def _lasting_problems(scenario: "Scenario", index: int) -> list[Problem]:
    """Find faults of devices that end between two ticks."""
    lasts = getattr(scenario.events[index], "for_", None)
    if lasts is None or lasts.is_multiple_of(scenario.time.tick):
        return []
    message = f"{lasts} is not a whole number of ticks of {scenario.time.tick}"
    return [Problem(("events", index, "for"), message)]


def _communication_problems(scenario: "Scenario") -> list[Problem]:
    spec, tick, period = scenario.communication, scenario.time.tick, scenario.market.period
    if spec is None:
        return []
    problems = []
    if spec.read_every is not None and not (
        spec.read_every.is_multiple_of(tick) and period.is_multiple_of(spec.read_every)
    ):
        message = (
            f"{spec.read_every} is no multiple of the tick of {tick} that divides the market's "
            f"period of {period}"
        )
        problems.append(Problem(("communication", "read_every"), message))
    if spec.settle_within.ns >= period.ns:
        message = f"{spec.settle_within} is not below the market's period of {period}"
        problems.append(
            Problem(("communication", "settle_within"), f"{message}; the next one comes first")
        )
    return problems + _party_problems(scenario, spec)


def _party_problems(scenario: "Scenario", spec: "CommunicationSpec") -> list[Problem]:
    """Find outages and clocks of nobody, and outages that are over before they begin."""
    singles = [peer.name for peer in scenario.peers if isinstance(peer, SinglePeer)]
    prefixes = [peer.prefix for peer in scenario.peers if isinstance(peer, PeerGroup)]
    problems = []
    named: list[tuple[str, int, str | None, tuple[str, ...]]]
    named = [("outages", index, one.party, HUBS) for index, one in enumerate(spec.outages)]
    named += [("clocks", index, one.party, ()) for index, one in enumerate(spec.clocks)]
    for section, index, party, others in named:
        if party and party not in (*singles, *others) and not _is_peer(party, [], prefixes):
            path = ("communication", section, index, "party")
            problems.append(_undefined(path, "party", party, "peers", (*singles, *others)))
    for index, outage in enumerate(spec.outages):
        if outage.from_ is None or outage.to is None:
            continue
        begins, ends = (at.after(scenario.time.start) for at in (outage.from_, outage.to))
        if not begins.ns < ends.ns:
            message = f"{outage.to} is not after {outage.from_}; expected an outage that lasts"
            problems.append(Problem(("communication", "outages", index, "to"), message))
    return problems


def _names(scenario: "Scenario") -> tuple[list[str], list[str]]:
    """Names of single peers, and prefixes of groups."""
    singles = [peer.name for peer in scenario.peers if isinstance(peer, SinglePeer)]
    return singles, [peer.prefix for peer in scenario.peers if isinstance(peer, PeerGroup)]


def _meter_problems(scenario: "Scenario", index: int, offset: "Duration") -> list[Problem]:
    """Find faults of meters between readings, of which there is one a period."""
    event, period = scenario.events[index], scenario.market.period
    if getattr(event, "meter", None) is None or offset.is_multiple_of(period):
        return []
    message = f"{event.at} is inside a delivery period; expected its beginning, every {period}"
    return [Problem(("events", index, "at"), message)]


def _switch_problems(scenario: "Scenario") -> list[Problem]:
    """Find peers that leave though they are away, or join though they are there."""
    moves = [
        (event.at.after(scenario.time.start).ns, index, getattr(event, "peer", ""), move)
        for index, event in enumerate(scenario.events)
        if (move := getattr(event, "market", None)) is not None
    ]
    problems: list[Problem] = []
    away: set[str] = set()
    for _, index, peer, move in sorted(moves):
        if (move == "leave") == (peer in away):
            where = "away already" if peer in away else "there already"
            message = f"{peer!r} is {where}; expected it to {'join' if peer in away else 'leave'}"
            problems.append(Problem(("events", index, "market"), message))
        (away.add if move == "leave" else away.discard)(peer)
    return problems


def _dispute_problems(scenario: "Scenario") -> list[Problem]:
    """Find disputes about periods that have not ended; they are settled, then contested."""
    problems, start, period = [], scenario.time.start, scenario.market.period
    for index, event in enumerate(scenario.events):
        dispute = getattr(event, "dispute", None)
        if dispute is None:
            continue
        raised = event.at.after(start)
        about = raised if dispute.of is None else dispute.of.after(start)
        ends_ns = (about.ns // period.ns + (dispute.of is not None)) * period.ns
        if ends_ns == 0 or raised.ns < ends_ns:
            path = ("events", index, "at" if dispute.of is None else "dispute")
            message = (
                f"the period that it is about has not ended at {event.at}; each takes {period}"
            )
            problems.append(Problem(path, message))
    return problems


def _is_peer(name: str, singles: list[str], prefixes: list[str]) -> bool:
    prefix, _, number = name.rpartition("-")
    return name in singles or (prefix in prefixes and number.isdecimal())


def _undefined(
    path: tuple[str | int, ...], what: str, name: str, section: str, known: Iterable[str]
) -> Problem:
    message = f"no {what} {name!r} in the scenario; {nearest(name, known)}"
    return Problem(path, message, refers=(section, name))
