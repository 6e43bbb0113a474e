"""A run put together: the boxes that open its objects to mosaik, and the wires between them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from results.recording import TickRecorder

from . import build
from .audit import EnergyBooks
from .bench.seating import FAULTS_OF_LINKS, misdeeds
from .boxes.box import Box, Log
from .boxes.contracts import ContractsSim, Settle
from .boxes.der import DerSim
from .boxes.devices import NO_BENCH, SETTLING_S, Bench, DevicesSim
from .boxes.frequency import FrequencySim, IslandSim
from .boxes.grid import GridSim
from .boxes.islanding import columns, sources
from .boxes.manager import ManagerSim
from .boxes.market import MarketSim
from .boxes.meters import MetersSim
from .boxes.operating import operates, operator_options
from .boxes.operator import OperatorSim
from .boxes.pacer import PacerSim
from .boxes.profiles import ProfilesSim
from .boxes.recorder import RecorderSim, Watch
from .boxes.shedding import SheddingOrder
from .boxes.unbalanced import UnbalancedGridSim
from .boxes.wiring import Wire
from .boxes.world import Boxes
from .plan import wires
from .plant import Plant
from .trade.pricing import HeldMechanism


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
    happening, shedding = _events(made), _shedding(made)
    found: dict[str, tuple[Box, Mapping[str, Any]]] = {}
    if pacing is not None:
        found["pacer"] = (PacerSim(), {"clock": made.clock, **pacing})
    found["profiles"] = _profiles(made, happening, log)
    found["manager"] = _manager(made)
    found.update(_market(made))
    if operates(made.resolved):
        found["operator"] = _operator(made, log)
    if bench.exchange is not None:
        found["devices"] = _devices(made, bench, log)
    found["der"] = _der(made, happening, log)
    found["frequency"] = _frequency(made, happening, shedding, log)
    found["grid"] = _grid(made)
    found["meters"] = (
        MetersSim(),
        {"meters": made.meters, "peers": made.names, "clock": made.clock},
    )
    found["recorder"] = _recorder(made, recorder, watch)
    found["contracts"] = _contracts(made, shedding, log)
    return found


def _profiles(made: Plant, happening: Mapping[str, Any], log: Log) -> Any:
    return (
        ProfilesSim(),
        {
            "read": build.second_reader(made.resolved, made.refined),
            "clock": made.clock,
            "peers": made.names,
            "load_scales": happening["load_scale"],
            "flexible": made.flexible,
            "following": made.following,
            "log": log,
        },
    )


def _manager(made: Plant) -> Any:
    return (
        ManagerSim(),
        {
            "managers": made.managers,
            "bidding": made.bidding if made.by_orders else None,
            "peers": made.names,
            "clock": made.clock,
            "asks": made.flexible is not None,
        },
    )


def _der(made: Plant, happening: Mapping[str, Any], log: Log) -> Any:
    return (
        DerSim(),
        {
            "fleet": made.fleet,
            "clock": made.clock,
            "trips": happening["peer_trip"],
            "failures": happening["store_failure"],
            "measured": made.played,
            "stores": made.seating.playing("battery"),
            "peers": made.names,
            "log": log,
        },
    )


def _recorder(made: Plant, recorder: TickRecorder, watch: Watch) -> Any:
    return (
        RecorderSim(),
        {
            "recorder": recorder,
            "clock": made.clock,
            "buses": made.live_buses(),
            "islanded": made.island is not None,
            "unbalanced": made.three_phase is not None,
            "watch": watch,
        },
    )


def _contracts(made: Plant, shedding: SheddingOrder | None, log: Log) -> Any:
    trading = made.trading
    return (
        ContractsSim(),
        {
            "loop": trading.loop,
            "conclude": shedding.hearing(trading.conclude) if shedding else trading.conclude,
            "settle": _settling(made),
            "stores": trading.stores,
            "clock": made.clock,
            "log": log,
            "post": made.post,
        },
    )


def _market(made: Plant) -> Boxes:
    """The market's box; a rule needs none."""
    if not isinstance(made.pricing, HeldMechanism):
        return {}
    receive = None if made.post is None else made.post.receive
    options = {"mechanism": made.pricing, "clock": made.clock, "receive": receive}
    return {"market": (MarketSim(), options)}


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
