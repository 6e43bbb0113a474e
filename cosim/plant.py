"""A run's plain objects: everything that a scenario describes, before mosaik sees it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from market.delivery.ledger import Ledger
from market.delivery.meters import Meters
from models.der import DerFleet
from models.frequency.island import IslandFrequency
from models.grid.power_flow import Grid
from models.grid.unbalanced import UnbalancedGrid
from models.loads.flexible import FlexibleLoads
from models.loads.response import LoadResponse
from models.managers.energy_manager import EnergyManagers
from models.refine import RefinedProfiles
from scenarios.resolve import ResolvedScenario

from . import build
from .bench.seating import Seating, nobody
from .boxes.box import FloatArray, Log
from .boxes.clock import Clock
from .boxes.consuming import flexible_loads
from .boxes.islanding import Feeder, feeder_of, island_of, sources
from .boxes.operating import completed, traffic_light
from .boxes.operator_light import TrafficLight
from .boxes.responding import load_response
from .trade.admitting import Admitting
from .trade.agreeing import shortest_paths
from .trade.bidders import Bidding, table
from .trade.charging import charges
from .trade.flexing import Flexing
from .trade.forward import forward_of
from .trade.gatekeeper import Gatekeeper
from .trade.post import Post, courier_of, post_of
from .trade.pricing import HeldMechanism, Pricing, fees_come_on_top, pricing
from .trade.trading import Trading


@dataclass(frozen=True, kw_only=True)
class Plant:
    """The plain objects of one run.

    Attributes
    ----------
    seating : Seating
        Devices of this run, and the peer that each of them plays.
    peer_bus : tuple of int
        Position of every peer's bus.
    three_phase : UnbalancedGrid or None
        The network in three phases, which then is what the tick solves.
    voltage_loop_gain : float
        Of the loop from voltage to power and back, closed one tick late. [1]
    flexible : FlexibleLoads or None
        Appliances that can be asked to wait.
    following : LoadResponse or None
        How loads follow voltage and frequency.
    """

    resolved: ResolvedScenario
    clock: Clock
    grid: Grid
    peer_bus: tuple[int, ...]
    voltage_loop_gain: float
    refined: RefinedProfiles
    seating: Seating
    fleet: DerFleet
    managers: EnergyManagers
    pricing: Pricing
    bidding: Bidding
    meters: Meters
    island: IslandFrequency | None
    trading: Trading
    post: Post | None = None
    three_phase: UnbalancedGrid | None = None
    light: TrafficLight | None = None
    flexible: FlexibleLoads | None = None
    following: LoadResponse | None = None
    feeder: Feeder | None = None

    @property
    def by_orders(self) -> bool:
        """Whether energy is priced by orders at the gates, rather than by a rule afterwards."""
        return isinstance(self.pricing, HeldMechanism)

    @property
    def played(self) -> list[int]:
        """Positions of the peers whose PV a device plays."""
        return self.seating.playing("pv")

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the peers, in the order of all arrays."""
        return tuple(peer.name for peer in self.resolved.peers)

    def live_buses(self) -> list[int]:
        """Buses that are energised when the run begins: all but those above an island."""
        lives = self.grid.case.node_of_bus >= 0
        return np.flatnonzero(lives if self.feeder is None else lives & self.feeder.lives).tolist()

    def references(self) -> list[int]:
        """Buses that something beside the peers feeds: the boundary and generators."""
        case = self.grid.case
        held = np.flatnonzero(np.isin(case.node_of_bus, case.ref)).tolist()
        if self.feeder is not None:
            held += self.feeder.references
        return sorted({*held, *map(self.grid.bus_position, sources(self.resolved).values())})

    def losses_kw(self, p_mw: FloatArray, q_mvar: FloatArray) -> float:
        """What the lines lose when the peers inject this and the reference the rest. [kW]"""
        at_bus = np.zeros((2, self.grid.n_bus))
        for total, peers in zip(at_bus, (p_mw, q_mvar), strict=True):
            np.add.at(total, np.asarray(self.peer_bus), peers)
        return 1e3 * self.grid.solve(*at_bus).losses_mw


def plant(
    resolved: ResolvedScenario, *, ledger: Ledger, log: Log, seating: Seating | None = None
) -> Plant:
    """Make everything that a scenario describes.

    Parameters
    ----------
    resolved : ResolvedScenario
    ledger : Ledger
        Where money is booked.
    log : Log
    seating : Seating, optional
        Devices that take part; without it the fleet's models play them.
    """
    seating = seating or nobody(resolved)
    grid = completed(resolved, build.grid(resolved))
    peer_bus = build.peer_buses(resolved, grid)
    three_phase = build.unbalanced_grid(resolved)
    gain = build.voltage_loop_gain(resolved, grid, peer_bus, three_phase)
    refined = build.profiles(resolved)
    charged = charges(resolved, grid, peer_bus)
    seated = table(resolved)
    flexible = flexible_loads(resolved)
    alone = island_of(resolved, lambda: build.frequency(resolved))
    managers = build.managers(resolved, refined, seated.periods_ahead, flexible)
    priced = pricing(resolved)
    reckoned_ticks = charged.cap_ticks if fees_come_on_top(resolved) else 0
    clock, courier = build.clock(resolved), courier_of(resolved)
    light = traffic_light(resolved)
    forward = forward_of(resolved, charged, log)
    return Plant(
        resolved=resolved,
        clock=clock,
        grid=grid,
        peer_bus=peer_bus,
        voltage_loop_gain=gain,
        refined=refined,
        seating=seating,
        fleet=build.fleet(resolved, seating.playing("pv"), seating.playing("battery")),
        managers=managers,
        pricing=priced,
        bidding=Bidding(resolved, managers, seated, reckoned_ticks, charged, forward),
        meters=_meters(resolved),
        island=alone,
        trading=Trading(
            resolved,
            priced,
            charged,
            _admitting(resolved, peer_bus, managers),
            ledger,
            log,
            shortest_paths(grid, [p.name for p in resolved.peers], peer_bus),
            courier,
            _flexing(resolved, managers, light),
            forward,
        ),
        post=post_of(resolved, courier, clock),
        three_phase=three_phase,
        light=light,
        flexible=flexible,
        following=load_response(resolved),
        feeder=feeder_of(resolved, alone, grid, clock, log),
    )


def _meters(resolved: ResolvedScenario) -> Meters:
    settlement = resolved.scenario.settlement
    return Meters(
        len(resolved.peers),
        resolved.dt_s,
        bound_wh=settlement.call_wh,
        bound_share=settlement.call_share,
        trip_ticks=settlement.trip_ticks,
        read_ticks=build.read_ticks(resolved),
    )


def _admitting(
    resolved: ResolvedScenario, peer_bus: tuple[int, ...], managers: EnergyManagers
) -> Admitting | None:
    """Who admits trades, with a grid of its own to try their schedules on."""
    spec, market = resolved.scenario.market.admission, resolved.scenario.market
    if spec is None:
        return None
    period_h = market.period.seconds / 3600
    names = [peer.name for peer in resolved.peers]
    keeper = Gatekeeper(build.grid(resolved), peer_bus, spec, peers=names, period_h=period_h)
    return Admitting(keeper, managers.expected_wh, period_h)


def _flexing(
    resolved: ResolvedScenario, managers: EnergyManagers, light: TrafficLight | None
) -> Flexing | None:
    """Who answers system operators, where any calls."""
    spec = resolved.scenario.flexibility
    if spec is None:
        return None
    return Flexing(resolved, spec, managers.prospects, managers.expected_wh, light)
