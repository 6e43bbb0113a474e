"""From a scenario to its bidders: who bids for whom, and what they are told at a gate."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from market.bidders.protocol import Bidder, Outlook
from market.bidders.table import Seat, Table
from market.book import Clearing, Orders
from market.network.charges import Charges
from market.products import block_outlook, on_their_side, remaining
from models.draws import keys
from models.managers.energy_manager import EnergyManagers
from scenarios.peers import Peer
from scenarios.plugins import build_bidder
from scenarios.resolve import ResolvedScenario
from scenarios.schema_market import to_ticks
from scenarios.seeds import generator

from ..boxes.members import away_from, membership
from .forward import Forward

__all__ = ["Bidding", "table"]

SMALLEST_WH = 20
"""Nobody makes a contract for less. [Wh]"""


def table(resolved: ResolvedScenario) -> Table:
    """Seat the bidders of a scenario: one for all peers with the same agent and options."""
    bids, tick = resolved.scenario.market.bids, resolved.scenario.time.tick
    return Table(
        [peer.name for peer in resolved.peers],
        [_seat(resolved, members) for members in _by_agent(resolved.peers)],
        traits={
            name: [getattr(peer, name) or None for peer in resolved.peers]
            for name in ("zone", "flexible", "curtailed")
        },
        smallest_wh=SMALLEST_WH,
        arrive_within=bids.arrive_within.ns // tick.ns,
    )


def _by_agent(peers: Sequence[Peer]) -> list[list[int]]:
    """Positions of the peers that share an agent; the LPD has none."""
    shared: dict[tuple[str, str], list[int]] = {}
    for position, peer in enumerate(peers):
        if peer.agent:
            same = (peer.agent, json.dumps(peer.agent_options, sort_keys=True, default=str))
            shared.setdefault(same, []).append(position)
    return list(shared.values())


def _seat(resolved: ResolvedScenario, members: list[int]) -> Seat:
    one = resolved.peers[members[0]]
    made: Bidder = build_bidder(one.agent, one.agent_options, resolved.file.parent)
    return Seat(one.agent, made, np.array(members, dtype=np.int64))


class Bidding:
    """What happens at a gate: managers say what peers know, bidders make a book of it.

    Parameters
    ----------
    resolved : ResolvedScenario
    managers : EnergyManagers
    seated : Table
        The scenario's bidders.
    fee_cap_ticks : int
        The highest transport fee there is, which a buyer reckons with. [µ€/Wh]
    charges : Charges
        What trades between the peers pay for transport; every book brings them.
    forward : Forward, optional
        The market of blocks, in which they bid first.
    """

    def __init__(
        self,
        resolved: ResolvedScenario,
        managers: EnergyManagers,
        seated: Table,
        fee_cap_ticks: int,
        charges: Charges,
        forward: Forward | None = None,
    ) -> None:
        self._charges, self._forward = charges, forward
        self._resolved, self._members = resolved, membership(resolved)
        tariffs = resolved.scenario.market.tariffs
        self._managers, self._table, self._fee_cap_ticks = managers, seated, fee_cap_ticks
        self._feed_in_ticks = to_ticks(tariffs.feed_in_eur_per_kwh)
        self._retail_ticks = to_ticks(tariffs.retail_eur_per_kwh)
        self._margin = resolved.array("margin")
        self._keys = keys(
            generator(resolved.seed, "peer", peer.name, "limit price") for peer in resolved.peers
        )
        self._given = 0

    def book(self, period: int, gate_tick: int) -> Orders:
        """Have everybody bid for a period; orders are numbered through the run.

        Raises
        ------
        BidError
            A bidder raised or broke a promise; it is named.
        """
        outlook, standing_wh = self._outlook(period), None
        if self._forward is not None:
            standing_wh = self._forward.position_wh(period)
            outlook = remaining(outlook, standing_wh)
        orders = self._table.orders(outlook, gate_tick=gate_tick, first_id=self._given)
        self._given += len(orders)
        if standing_wh is not None:
            orders = on_their_side(orders, standing_wh)
        return self._of_members(period, orders).with_charges(self._charges)

    def ahead(self, tick: int) -> None:
        """Have everybody bid for the blocks whose gates have come, and clear them.

        Raises
        ------
        BidError, MechanismFailed
            A bidder or a product's mechanism raised or broke a promise; it is named.
        """
        if self._forward is None:
            return
        for block in self._forward.due(tick):
            first, length = block.periods.start, len(block.periods)
            outlook = self._outlook(first, periods_ahead=length - 1)
            outlook = replace(outlook, fee_cap_ticks=block.fee_cap_ticks)
            outlook = block_outlook(outlook, self._forward.positions_wh(block.periods))
            orders = self._table.orders(outlook, gate_tick=tick, first_id=self._given)
            self._given += length * len(orders)
            orders = self._of_members(first, orders).with_charges(self._charges)
            self._forward.clear(block, orders, tick)

    def _of_members(self, period: int, orders: Orders) -> Orders:
        """Drop what peers would order who have left; they bid at the retailer's only."""
        away = away_from(self._resolved, self._members, period)
        if not away:
            return orders
        left = np.array([peer in away for peer in orders.peers])
        return orders.take(~left[orders.peer_index])

    def learn(self, orders: Orders, clearing: Clearing) -> None:
        """Tell all bidders how the book of a gate was cleared.

        Raises
        ------
        BidError
            A bidder raised; it is named.
        """
        self._table.learn(orders, clearing)

    def _outlook(self, period: int, periods_ahead: int | None = None) -> Outlook:
        ahead = self._table.periods_ahead if periods_ahead is None else periods_ahead
        known = self._managers.prospects(period, periods_ahead=ahead)
        return Outlook(
            period=period,
            feed_in_ticks=self._feed_in_ticks,
            retail_ticks=self._retail_ticks,
            fee_cap_ticks=self._fee_cap_ticks,
            net_wh=known.net_wh,
            stored_wh=known.stored_wh,
            room_wh=known.room_wh,
            efficiency=known.efficiency,
            ahead_wh=known.ahead_wh,
            held_wh=known.held_wh,
            size_wh=known.size_wh,
            power_wh=known.power_wh,
            margin=self._margin,
            keys=self._keys,
        )
