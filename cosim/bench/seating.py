"""Who plays whom: devices of the scenario, and of a station, in the seats of peers.

Devices that the scenario itself names are emulated ones; they become a bench of their own. A
station's devices take the seats that they play, also those of the scenario's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from hil.roles import Role
from hil.station import Limits, Station, StationDevice
from scenarios.resolve import ResolvedEvent, ResolvedScenario
from scenarios.schema_devices import OF_REPLIES, VALUED, DeviceSpec

from .. import build
from ..boxes.clock import Clock
from ..boxes.devices import Misdeed
from .emulated_faults import ALL_REPLIES

FAULTS_OF_LINKS = ("device_fault", "device_clear")
"""Kinds of events that need a device; a model has no link, and no readings that could be wrong."""

UNITS: Mapping[Role, str] = {"inverter": "pv", "storage": "battery"}
"""Roles that play a part of a peer, and which; a node has one of them."""


_AMPLE = 1.5
"""Rating of what stands beside a device of the scenario, over the device's own."""


class SeatingError(ValueError):
    """Scenario and station do not fit: change what a device plays, or the scenario."""


@dataclass(frozen=True, kw_only=True)
class Seating:
    """The devices of one run.

    Attributes
    ----------
    station : Station
        With those devices alone that take part.
    players : mapping of str to int
        Position of the peer that each node plays, by the node's name in the station.
    called : mapping of str to str
        What the event log calls each node: its inverter or store.
    node_of : mapping of str to str
        Node that stands for a device of the scenario.
    on_station : bool
        Whether a station file describes them.
    """

    station: Station
    players: Mapping[str, int]
    called: Mapping[str, str]
    node_of: Mapping[str, str]
    on_station: bool = False

    def playing(self, part: str) -> list[int]:
        """Positions of the peers whose PV, or battery, a device plays."""
        return [at for node, at in self.players.items() if self.part_of(node) == part]

    def part_of(self, node: str) -> str:
        """What a node plays of its peer: ``pv`` or ``battery``."""
        return UNITS[_unit(self.station.nodes()[node]).role]

    def instruments(self) -> dict[str, tuple[str, ...]]:
        """Names of the devices of every node."""
        return {
            node: tuple(device.name for device in devices)
            for node, devices in self.station.nodes().items()
        }

    def concerned(self, event: ResolvedEvent) -> str | None:
        """Device that an event befalls, by its name in the station; None where there is none."""
        node = self.node_of.get(event.target)
        if node is None:
            return None
        meant = event.instrument or self.called[node]
        of_node = self.station.nodes()[node]
        return next((one.name for one in of_node if meant in (one.name, one.role)), None)


def seated(resolved: ResolvedScenario, station: Station | None) -> Seating:
    """Give the devices of a scenario, and of a station, the seats that they play.

    Parameters
    ----------
    resolved : ResolvedScenario
    station : Station or None
        Read with the scenario, so that what it plays is known to exist.

    Raises
    ------
    SeatingError
        With everything that does not fit, a line each.
    """
    there = station.nodes() if station is not None else {}
    players, faults = {}, []
    for node, devices in there.items():
        try:
            players[node] = _seat(resolved, station, node, devices)
        except SeatingError as fault:
            faults.append(str(fault))
    if station is not None and not there:
        faults.append(f"{station.file}: station {station.name!r}: no device plays a peer")
    taken: dict[tuple[int, str], str] = {}
    for node, position in players.items():
        part = position, UNITS[_unit(there[node]).role]
        if part in taken:
            name = resolved.peers[position].name
            told = f"devices: {taken[part]!r} and {node!r} are both the {part[1]} of {name!r}"
            faults.append(f"{station and station.file}: {told}; expected one name for one node")
        taken.setdefault(part, node)
    if faults:
        raise SeatingError("\n".join(faults))
    own = {
        peer.name: _of_scenario(resolved, peer.device, position)
        for position, peer in enumerate(resolved.peers)
        if peer.device is not None and (position, "pv") not in taken
    }
    of_peers = {node: _like_its_peer(resolved, there[node], at) for node, at in players.items()}
    nodes = {**of_peers, **own}
    positions = {peer.name: position for position, peer in enumerate(resolved.peers)}
    players |= {node: positions[node] for node in own}
    return Seating(
        station=_bench(resolved, station, nodes),
        players=players,
        called={node: _unit(devices).name for node, devices in nodes.items()},
        node_of=dict(_stand_ins(resolved, {node: players[node] for node in _with_pv(nodes)})),
        on_station=station is not None,
    )


def _seat(
    resolved: ResolvedScenario,
    station: Station | None,
    node: str,
    devices: tuple[StationDevice, ...],
) -> int:
    """Position of the peer that a node plays.

    Raises
    ------
    SeatingError
        The node has not one inverter or store, or nobody there has what it could play.
    """
    names = ", ".join(device.name for device in devices)
    at = f"{station and station.file}: devices ({names}) play {node!r}"
    units = [device for device in devices if device.role in UNITS]
    if len(units) != 1:
        told = " and ".join(one.name for one in units) or "none of them is an inverter or a store"
        expected = "expected one inverter, for the PV of a peer, or one store, for its battery"
        raise SeatingError(f"{at}: {told}; {expected}")
    named = [place for place, peer in enumerate(resolved.peers) if peer.name == node]
    found = named or [place for place, peer in enumerate(resolved.peers) if peer.bus == node]
    if units[0].role == "storage":
        return _store_seat(resolved, at, found)
    with_pv = [place for place in found if resolved.peers[place].pv_kwp > 0]
    if len(with_pv) == 1:
        peer = resolved.peers[with_pv[0]]
        if peer.inverter is None:
            return with_pv[0]
        raise SeatingError(
            f"{at}: {peer.name} has pv.inverter, but a device brings functions of its own; "
            "set them there, and leave this out"
        )
    if not with_pv:
        raise SeatingError(f"{at}: no PV there that an inverter could play; give the peer pv")
    several = ", ".join(resolved.peers[place].name for place in with_pv)
    raise SeatingError(f"{at}: {several} have PV there; expected the name of one")


def _store_seat(resolved: ResolvedScenario, at: str, found: list[int]) -> int:
    """Position of the peer whose battery a store plays.

    Raises
    ------
    SeatingError
        Nobody, or not one alone, has a battery there; or it would have to answer to frequency.
    """
    peers = [resolved.peers[place] for place in found if resolved.peers[place].battery_kwh > 0]
    if resolved.scenario.island is not None:
        raise SeatingError(
            f"{at}: in an island stores answer to frequency within a tick, which no device can; "
            "leave it to its model"
        )
    if len(peers) != 1:
        told = f"{', '.join(peer.name for peer in peers)} have batteries" if peers else "no battery"
        raise SeatingError(f"{at}: {told} there; expected the name of a peer with a battery")
    return resolved.peers.index(peers[0])


def _like_its_peer(
    resolved: ResolvedScenario, devices: tuple[StationDevice, ...], position: int
) -> tuple[StationDevice, ...]:
    """Give an emulated store the battery of the peer that it plays, unless the station says."""
    battery = build.battery(resolved.peers[position])
    if battery is None:
        return devices
    return tuple(
        one
        if one.role != "storage" or one.emulated is None
        else replace(
            one,
            emulated={
                "capacity_kwh": battery.capacity_kwh / one.scale,
                "soc_initial": battery.soc_initial,
                "efficiency_charge": battery.efficiency_charge,
                "efficiency_discharge": battery.efficiency_discharge,
                "ramp_kw_per_s": battery.ramp_kw_per_s / one.scale,
                **one.emulated,
            },
        )
        for one in devices
    )


def _with_pv(nodes: Mapping[str, tuple[StationDevice, ...]]) -> list[str]:
    """Nodes that play the PV of a peer."""
    return [node for node, devices in nodes.items() if _unit(devices).role == "inverter"]


def _unit(devices: tuple[StationDevice, ...]) -> StationDevice:
    """The inverter or store of a node."""
    return next(device for device in devices if device.role in UNITS)


def _of_scenario(resolved: ResolvedScenario, name: str, position: int) -> tuple[StationDevice, ...]:
    """Describe an emulated device of the scenario, and what stands beside it, as a station does."""
    spec: DeviceSpec = resolved.scenario.devices[name]
    peer = resolved.peers[position]
    p_rated_kw, s_kva = spec.p_rated_kw or peer.pv_kwp, spec.s_kva or peer.inverter_kva
    unit = StationDevice(
        name=name,
        role=spec.role,
        driver="scpi-inverter",
        emulated={"reconnect_delay_s": spec.reconnect.seconds},
        plays=peer.name,
        p_rated_kw=p_rated_kw,
        s_rated_kva=s_kva,
        limits=Limits(p_max_kw=p_rated_kw, q_max_kvar=s_kva),
        timeout_s=spec.timeout.seconds,
        on_loss=spec.on_loss.settled(),
    )
    ample_kw = _AMPLE * s_kva
    beside = (
        replace(
            unit,
            name=f"{name}-{role}",
            role=role,
            driver="scpi",
            emulated={},
            p_rated_kw=ample_kw,
            s_rated_kva=ample_kw,
            limits=Limits(p_max_kw=ample_kw, q_max_kvar=ample_kw, v_max_v=300.0),
        )
        for role in spec.instruments
    )
    return (unit, *beside)


def _bench(
    resolved: ResolvedScenario,
    station: Station | None,
    nodes: Mapping[str, tuple[StationDevice, ...]],
) -> Station:
    """The station of this run, or where there is none, one for the scenario's own devices."""
    devices = tuple(device for of_node in nodes.values() for device in of_node)
    if station is not None:
        return replace(station, devices=devices)
    return Station(name=resolved.scenario.scenario, file=resolved.file, devices=devices)


def _stand_ins(resolved: ResolvedScenario, players: Mapping[str, int]) -> Iterator[tuple[str, str]]:
    """Devices of the scenario, each with the node that plays its peer."""
    at = {position: node for node, position in players.items()}
    for position, peer in enumerate(resolved.peers):
        if peer.device is not None:
            yield peer.device, at[position]


def refuse_real(station: Station) -> None:
    """Refuse devices that keep their own time where ticks would wait for them.

    Raises
    ------
    SeatingError
        Naming every real device.
    """
    real = [device.name for device in station.devices if device.emulated is None]
    if real:
        raise SeatingError(
            f"{station.file}: real devices ({', '.join(real)}) keep their own time, and ticks that "
            "wait for them would falsify ramps and energy; run with --real-time"
        )


def nobody(resolved: ResolvedScenario) -> Seating:
    """Leave all seats to models."""
    station = Station(name=resolved.scenario.scenario, file=resolved.file, devices=())
    return Seating(station=station, players={}, called={}, node_of={})


def misdeeds(resolved: ResolvedScenario, seating: Seating, clock: Clock) -> list[Misdeed]:
    """List what the scenario does to its devices, as their emulators take it."""
    return [
        Misdeed(
            at=clock.preroll + event.tick,
            node=seating.node_of[event.target],
            device=seating.called[seating.node_of[event.target]],
            fault=None if event.kind == "device_clear" else _fault(event),
            instrument=concerned,
            values=_values(event),
        )
        for event in resolved.events
        if (concerned := seating.concerned(event)) is not None
    ]


def _fault(event: ResolvedEvent) -> str:
    """What emulators call it."""
    return {"": "trip", "wrong-identity": "identity"}.get(event.fault, event.fault)


def _values(event: ResolvedEvent) -> tuple[float, ...]:
    """What an emulator takes with a fault."""
    if event.fault in OF_REPLIES:
        count = ALL_REPLIES if event.count is None else float(event.count)
        return (count, event.value) if event.fault == "delay" else (count,)
    return (event.value,) if event.fault in VALUED else ()


def unheeded(resolved: ResolvedScenario, seating: Seating) -> list[ResolvedEvent]:
    """Events of devices that no device plays in this run, which therefore do not happen."""
    return [
        event
        for event in resolved.events
        if event.kind in FAULTS_OF_LINKS and seating.concerned(event) is None
    ]
