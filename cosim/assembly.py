"""A run put together: the plain objects of a scenario, and the boxes that open them to mosaik."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

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
from results.recording import TickRecorder
from scenarios.resolve import ResolvedScenario

from . import build
from .audit import EnergyBooks
from .bench.seating import FAULTS_OF_LINKS, Seating, misdeeds, nobody
from .boxes.box import FloatArray, Log
from .boxes.clock import Clock
from .boxes.consuming import flexible_loads
from .boxes.contracts import ContractsSim, Settle
from .boxes.der import DerSim
from .boxes.devices import NO_BENCH, SETTLING_S, Bench, DevicesSim
from .boxes.frequency import FrequencySim, IslandSim
from .boxes.grid import GridSim
from .boxes.islanding import Feeder, columns, feeder_of, island_of, sources
from .boxes.manager import ManagerSim
from .boxes.market import MarketSim
from .boxes.meters import MetersSim
from .boxes.operating import completed, operates, operator_options, traffic_light
from .boxes.operator import OperatorSim
from .boxes.operator_light import TrafficLight
from .boxes.pacer import PacerSim
from .boxes.profiles import ProfilesSim
from .boxes.recorder import RecorderSim, Watch
from .boxes.responding import load_response
from .boxes.shedding import SheddingOrder
from .boxes.unbalanced import UnbalancedGridSim
from .boxes.wiring import Wire
from .boxes.world import Boxes
from .plan import wires
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
    settlement = resolved.scenario.settlement
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
        meters=Meters(
            len(resolved.peers),
            resolved.dt_s,
            bound_wh=settlement.call_wh,
            bound_share=settlement.call_share,
            trip_ticks=settlement.trip_ticks,
            read_ticks=build.read_ticks(resolved),
        ),
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


def boxes(
    made: Plant,
    *,
    recorder: TickRecorder,
    watch: Watch,
    log: Log,
    bench: Bench = NO_BENCH,
    pacing: Mapping[str, Any] | None = None,
) -> Boxes:
    """Put every object into its box, in the order in which a tick passes them."""
    clock, names = made.clock, made.names
    happening = _events(made)
    trading, shedding = made.trading, _shedding(made)
    tick: dict[str, Any] = {}
    if operates(made.resolved):
        tick["operator"] = _operator(made, log)
    if bench.exchange is not None:
        tick["devices"] = _devices(made, bench, log)
    tick["der"] = (
        DerSim(),
        {
            "fleet": made.fleet,
            "clock": clock,
            "trips": happening["peer_trip"],
            "failures": happening["store_failure"],
            "measured": made.played,
            "stores": made.seating.playing("battery"),
            "peers": names,
            "log": log,
        },
    )
    tick["frequency"] = _frequency(made, happening, shedding, log)
    tick["grid"] = _grid(made)
    tick["meters"] = (MetersSim(), {"meters": made.meters, "peers": names, "clock": clock})
    recording = {
        "recorder": recorder,
        "clock": clock,
        "buses": made.live_buses(),
        "islanded": made.island is not None,
        "unbalanced": made.three_phase is not None,
        "watch": watch,
    }
    tick["recorder"] = (RecorderSim(), recording)
    paced = {} if pacing is None else {"pacer": (PacerSim(), {"clock": clock, **pacing})}
    return {
        **paced,
        "profiles": (
            ProfilesSim(),
            {
                "read": build.second_reader(made.resolved, made.refined),
                "clock": clock,
                "peers": names,
                "load_scales": happening["load_scale"],
                "flexible": made.flexible,
                "following": made.following,
                "log": log,
            },
        ),
        "manager": (
            ManagerSim(),
            {
                "managers": made.managers,
                "bidding": made.bidding if made.by_orders else None,
                "peers": names,
                "clock": clock,
                "asks": made.flexible is not None,
            },
        ),
        **_market(made),
        **tick,
        "contracts": (
            ContractsSim(),
            {
                "loop": trading.loop,
                "conclude": shedding.hearing(trading.conclude) if shedding else trading.conclude,
                "settle": _settling(made),
                "stores": trading.stores,
                "clock": clock,
                "log": log,
                "post": made.post,
            },
        ),
    }


def _market(made: Plant) -> Boxes:
    """The market's box; a rule needs none."""
    if not isinstance(made.pricing, HeldMechanism):
        return {}
    receive = None if made.post is None else made.post.receive
    options = {"mechanism": made.pricing, "clock": made.clock, "receive": receive}
    return {"market": (MarketSim(), options)}


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


def _operator(made: Plant, log: Log) -> Any:
    preroll = made.clock.preroll
    options = operator_options(made.resolved, made.grid, preroll=preroll, light=made.light)
    same = {"grid": made.grid, "clock": made.clock, "peer_bus": made.peer_bus, "log": log}
    return OperatorSim(), options | same


def _grid(made: Plant) -> Any:
    options = {"clock": made.clock, "peer_bus": made.peer_bus}
    if made.three_phase is None:
        return GridSim(), {"grid": made.grid, **options}
    phases = [peer.phase or "abc" for peer in made.resolved.peers]
    return UnbalancedGridSim(), {"grid": made.three_phase, "phases": phases, **options}


def _devices(made: Plant, bench: Bench, log: Log) -> Any:
    seating = made.seating
    return (
        DevicesSim(),
        {
            "exchange": bench.exchange,
            "faults": bench.faults,
            "instruments": seating.instruments(),
            "players": seating.players,
            "stores": [one for one in seating.players if seating.part_of(one) == "battery"],
            "called": seating.called,
            "peers": made.names,
            "clock": made.clock,
            "misdeeds": misdeeds(made.resolved, seating, made.clock),
            "settling_s": 0.0 if bench.lived else SETTLING_S,
            "log": log,
        },
    )


def _shedding(made: Plant) -> SheddingOrder | None:
    """Who hears bids for the order of shedding, where the scenario wants it by price."""
    spec = made.resolved.scenario.island
    if spec is None or spec.shedding_order == "share":
        return None
    spared = {peer.name for peer in made.resolved.peers if peer.critical}
    return SheddingOrder(made.names, spared, ticks_per_period=made.resolved.ticks_per_period)


def _frequency(
    made: Plant, happening: Mapping[str, Any], shedding: SheddingOrder | None, log: Log
) -> Any:
    if made.island is None:
        return FrequencySim(), {"source": build.frequency(made.resolved), "clock": made.clock}
    return (
        IslandSim(),
        {
            "island": made.island,
            "clock": made.clock,
            "losses": happening["generator_loss"],
            "losses_at": made.losses_kw,
            "shedding": shedding,
            "feeder": made.feeder,
            "log": log,
        },
    )


def _settling(made: Plant) -> Settle:
    """How periods become money; a feeder says who stood in the supplier's place."""
    settle = made.trading.settle
    return settle if made.feeder is None else made.feeder.settling(settle, made.trading.loop)


def _events(made: Plant) -> dict[str, list[Any]]:
    """Sort what happens to peers and generators by kind.

    A device whose part a model plays trips as a peer; a model has no link whose other faults
    could befall it.
    """
    clock, resolved = made.clock, made.resolved
    position = {name: index for index, name in enumerate(made.names)}
    player = {peer.device: peer.name for peer in resolved.peers if peer.device is not None}
    kinds: dict[str, list[Any]] = {
        "peer_trip": [],
        "load_scale": [],
        "generator_loss": [],
        "store_failure": [],
    }
    for event in resolved.events:
        at = clock.preroll + event.tick
        if event.kind == "generator_loss":
            kinds["generator_loss"].append((at, event.target))
        elif event.kind == "lpd_failure":
            kinds["store_failure"].append((at, position[event.target]))
        elif event.kind == "load_scale":
            kinds["load_scale"].append((at, position[event.target], event.value))
        elif event.target not in made.seating.node_of and event.kind not in FAULTS_OF_LINKS:
            peer = player.get(event.target, event.target)
            kinds["peer_trip"].append((at, position[peer]))
    return kinds


def laid(made: Plant, *, paced: bool = False) -> list[Wire]:
    """Lay all wires of a run, generators to their buses included."""
    island = made.resolved.scenario.island
    spec = made.resolved.scenario.frequency
    all_wires = wires(
        len(made.names),
        devices=bool(made.seating.players),
        islanded=island is not None,
        island_scalars=columns(island),
        unbalanced=made.three_phase is not None,
        operated=operates(made.resolved),
        by_orders=made.by_orders,
        paced=paced,
        flexible=made.flexible is not None,
        standards=made.fleet.follows_standards,
        following=made.following is not None,
        f_hz=island.nominal_hz if island is not None else spec.nominal_hz,
    )
    for source, bus in sources(made.resolved).items():
        all_wires.append(
            Wire(
                source="frequency",
                target="grid",
                attrs={"P[MW]": "P[MW]"},
                source_eid=source,
                target_eid=f"bus:{bus}",
            )
        )
    return all_wires


def energy_books(made: Plant, in_boxes: Boxes) -> EnergyBooks:
    """Ask every box for the energy that it integrated by itself."""
    der, island = made.fleet.audit(), made.island
    profiles, frequency = in_boxes["profiles"][0], in_boxes["frequency"][0]
    assert isinstance(profiles, ProfilesSim)
    books = EnergyBooks(
        stored_kwh=float(der.stored_kwh.sum()),
        conversion_loss_kwh=float((der.conversion_loss_kwh + der.standing_loss_kwh).sum()),
        produced_kwh=float(der.pv_kwh.sum()),
        consumed_kwh=profiles.consumed_kwh,
    )
    operator = in_boxes["operator"][0] if "operator" in in_boxes else None
    if isinstance(operator, OperatorSim):
        books = replace(books, consumed_kwh=books.consumed_kwh - operator.unserved_kwh)
    if island is None or not isinstance(frequency, IslandSim):
        return books
    return EnergyBooks(
        stored_kwh=books.stored_kwh + island.stored_kwh,
        conversion_loss_kwh=books.conversion_loss_kwh + island.conversion_loss_kwh,
        produced_kwh=books.produced_kwh + island.generator_kwh,
        consumed_kwh=books.consumed_kwh - frequency.unserved_kwh,
    )
