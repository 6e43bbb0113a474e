"""Who of a scenario's peers trades at which gate: its leave and join events, on the run's ticks."""

from __future__ import annotations

from market.delivery.switching import Membership, Switch
from scenarios.resolve import ResolvedScenario
from scenarios.schema import PeerEvent

__all__ = ["away_from", "membership"]


def membership(resolved: ResolvedScenario) -> Membership:
    """Read who leaves and joins when; ticks count from the start of physics."""
    time = resolved.scenario.time
    names = [peer.name for peer in resolved.peers[:-1]]
    moves = [
        Switch(event.at.after(time.start).in_ticks(time.tick), event.peer, event.market)
        for event in resolved.scenario.events
        if isinstance(event, PeerEvent) and event.market is not None
    ]
    return Membership(names, moves)


def away_from(resolved: ResolvedScenario, members: Membership, period: int) -> frozenset[str]:
    """Who is away at a period's gate, and so for the whole period."""
    return members.away(period * resolved.ticks_per_period - resolved.gate_ticks)
