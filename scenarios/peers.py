"""Peers as they are drawn: what one of them has depends on the seed and on its name alone."""

import fnmatch
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Literal

import numpy as np

from models.inverters.functions import InverterFunctions
from models.loads.zip_parts import ZipParams
from models.pv.plant import PvPlantParams, Roof
from models.pv.sky import Plane

from .appliances import Appliances, draw_appliances
from .network import NetworkOutline
from .profiles import Kind, Profile, ProfileSource, split
from .schema import Scenario
from .schema_bids import BidSpec
from .schema_peers import LPD_NAME, BatterySpec, PeerGroup, PvSpec, SinglePeer
from .schema_unbalanced import LARGEST_SINGLE_PHASE_KVA, Phase
from .schema_weather import ModulesSpec
from .seeds import generator
from .spec import Range

Role = Literal["consumer", "prosumer", "producer", "lpd"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """One participant.

    Attributes
    ----------
    name, bus : str
        Its name, and the name of its bus.
    role : {"consumer", "prosumer", "producer", "lpd"}
    load : Profile or None
        Profile of its consumption.
    load_scale : float
        What the profile is multiplied by to give kW; 1 for a profile in kW.
    cos_phi : float
        Power factor of the load, inductive. [1]
    pv : Profile or None
        Profile of its PV.
    pv_scale : float
        What that profile is multiplied by to give kW.
    pv_kwp, inverter_kva : float
        Peak power of its modules and apparent power of their inverter; 0 without. [kWp], [kVA]
    roof : Roof or None
        Its modules where they are described, instead of a profile.
    inverter : InverterFunctions or None
        What that inverter does for the grid by its standard; None for none.
    investment_eur : float
        What was invested in its PV. [€]
    battery_kwh, battery_kw : float
        Usable energy and limit of power at the grid side; 0 without. [kWh], [kW]
    soc_initial : float
        State of charge at the start. [1]
    battery_efficiency : float
        Round trip, grid side to grid side. [1]
    battery_losses : dict
        What else its battery's ratings say, in the words of `models.storage.battery.BatteryParams`;
        empty for one that loses by its efficiency alone.
    battery_inverter : InverterFunctions or None
        What its battery's inverter does with reactive power by a standard; None for none.
    battery_ageing : bool
        Whether its cycles are counted when the run is over.
    ramp_kw_per_s : float
        Fastest change of the battery's power. [kW/s]
    margin : float
        Distance of its limit price from its own tariff, per tariff span. [1]
    agent, agent_options : str, dict
        Who bids for it, and with which options; empty for one that does not bid.
    zone : str or None
        Zone that its orders tell to the market.
    flexible, curtailed : bool
        Whether its orders tell that what it buys, or sells, flows for the trade alone.
    device : str or None
        Device that plays its PV inverter.
    phase : {"a", "b", "c", "abc"} or None
        Phases that it hangs on; None where the grid is balanced.
    critical : bool
        Load shedding spares it.
    shed_stage : int
        Stage in which its load is shed, from 0; −1 for never.
    load_response : ZipParams or None
        How the load follows voltage and frequency; None for not at all.
    appliances : Appliances or None
        What it has that can wait; its draw comes on top of the load.
    """

    name: str
    bus: str
    role: Role
    load: Profile | None = None
    load_scale: float = 0.0
    cos_phi: float = 1.0
    pv: Profile | None = None
    pv_scale: float = 0.0
    pv_kwp: float = 0.0
    inverter_kva: float = 0.0
    roof: Roof | None = None
    inverter: InverterFunctions | None = None
    investment_eur: float = 0.0
    battery_kwh: float = 0.0
    battery_kw: float = 0.0
    soc_initial: float = 0.0
    battery_efficiency: float = 1.0
    battery_losses: dict[str, Any] = field(default_factory=dict)
    battery_inverter: InverterFunctions | None = None
    battery_ageing: bool = False
    ramp_kw_per_s: float = float("inf")
    margin: float = 0.0
    agent: str = ""
    agent_options: dict[str, Any] = field(default_factory=dict)
    zone: str | None = None
    flexible: bool = False
    curtailed: bool = False
    device: str | None = None
    phase: Phase | None = None
    critical: bool = False
    shed_stage: int = -1
    load_response: ZipParams | None = None
    appliances: Appliances | None = None


def placed_loads(scenario: Scenario, network: NetworkOutline) -> dict[int, list[str]]:
    """Share the network's loads out to groups of peers, by index of the group.

    A load at a single peer's bus is that peer's; of the others each goes to the first group whose
    pattern it matches.
    """
    taken = {peer.bus for peer in scenario.peers if isinstance(peer, SinglePeer)}
    free = [bus for bus in network.load_buses if bus not in taken]
    placed: dict[int, list[str]] = {}
    for index, peer in enumerate(scenario.peers):
        if isinstance(peer, PeerGroup):
            placed[index] = [bus for bus in free if fnmatch.fnmatchcase(bus, peer.buses)]
            free = [bus for bus in free if not fnmatch.fnmatchcase(bus, peer.buses)]
    return placed


def draw_peers(
    scenario: Scenario, network: NetworkOutline, sources: dict[str, ProfileSource], seed: int
) -> tuple[Peer, ...]:
    """Draw all peers, in the order of the scenario, the LPD last."""
    peers = (*_peers(scenario, network, sources, seed), _lpd(scenario, network))
    if scenario.grid.unbalanced:
        peers = tuple(_phased(peer, seed) for peer in peers)
    return peers if scenario.island is None else _staged(peers, scenario, sources, seed)


def _peers(
    scenario: Scenario, network: NetworkOutline, sources: dict[str, ProfileSource], seed: int
) -> Iterator[Peer]:
    placed = placed_loads(scenario, network)
    for index, spec in enumerate(scenario.peers):
        if isinstance(spec, SinglePeer):
            one = _Drawer(spec.name, spec.bus, seed, sources).single(spec, scenario.market.bids)
            yield _equipped(one, spec, scenario, seed)
            continue
        for number, bus in enumerate(placed[index], 1):
            name = f"{spec.prefix}-{number:02}"
            one = _Drawer(name, bus, seed, sources).member(spec, scenario.market.bids)
            yield _equipped(one, spec, scenario, seed)


def _equipped(peer: Peer, spec: SinglePeer | PeerGroup, scenario: Scenario, seed: int) -> Peer:
    """Give a peer the appliances that are drawn for it, and its load its response."""
    response, luck = spec.load_response, partial(generator, seed, "peer", peer.name)
    return replace(
        peer,
        load_response=None if response is None else response.params(),
        appliances=draw_appliances(spec.appliances, scenario, luck),
    )


class _Drawer:
    """Draws what one peer has; each thing has a generator of its own."""

    def __init__(self, name: str, bus: str, seed: int, sources: dict[str, ProfileSource]) -> None:
        self._name, self._bus, self._seed, self._sources = name, bus, seed, sources

    def single(self, spec: SinglePeer, bids: BidSpec) -> Peer:
        return self._peer(spec, bids, spec.profile, spec.critical, spec.device)

    def member(self, spec: PeerGroup, bids: BidSpec) -> Peer:
        critical = self._has("critical", spec.critical_share)
        return self._peer(spec, bids, spec.profile, critical, None)

    def _peer(
        self,
        spec: SinglePeer | PeerGroup,
        bids: BidSpec,
        reference: str | None,
        critical: bool,
        device: str | None,
    ) -> Peer:
        load = self._profile(reference, "load") if reference else None
        pv = self._pv(spec.pv)
        who = spec.bids or bids
        return Peer(
            name=self._name,
            bus=self._bus,
            role=("prosumer" if load else "producer") if pv else "consumer",
            load=load,
            load_scale=self._load_scale(spec, load) if load else 0.0,
            cos_phi=spec.cos_phi,
            margin=self._between("margin", spec.margin or bids.margin),
            agent=who.agent,
            agent_options=who.options,
            zone=spec.zone,
            flexible=spec.flexible,
            curtailed=spec.curtailed,
            device=device,
            phase=spec.phase,
            critical=critical,
            **pv,
            **self._battery(spec.battery),
        )

    def _load_scale(self, spec: SinglePeer | PeerGroup, load: Profile) -> float:
        if load.unit == "kw":
            return 1.0
        if spec.p_peak_kw is not None:
            return self._between("load", spec.p_peak_kw)
        assert spec.annual_kwh is not None
        assert load.full_load_h is not None
        return self._between("load", spec.annual_kwh) / load.full_load_h

    def _pv(self, spec: PvSpec | None) -> dict[str, Any]:
        if spec is None or not self._has("pv", spec.share):
            return {}
        p_kwp = self._between("pv size", spec.p_kwp)
        return {
            **self._feed_in(spec, p_kwp),
            "pv_kwp": p_kwp,
            "inverter_kva": p_kwp * spec.s_kva_per_kwp,
            "inverter": None if spec.inverter is None else spec.inverter.functions(),
            "investment_eur": p_kwp * spec.eur_per_kwp,
        }

    def _feed_in(self, spec: PvSpec, p_kwp: float) -> dict[str, Any]:
        """Where its power comes from: modules under the weather, or a profile."""
        if spec.modules is not None:
            return {"roof": self._roof(spec.modules, p_kwp, p_kwp * spec.s_kva_per_kwp)}
        profile = self._profile(spec.profile, "pv")
        return {"pv": profile, "pv_scale": p_kwp if profile.unit == "pu" else 1.0}

    def _roof(self, spec: ModulesSpec, p_kwp: float, ac_kw: float) -> Roof:
        plant = PvPlantParams(
            p_kwp=p_kwp,
            ac_kw=ac_kw,
            gamma_per_k=spec.gamma_percent_per_k / 100,
            losses=spec.losses,
            efficiency=spec.inverter_efficiency,
            noct_c=spec.noct_c,
        )
        plane = Plane(
            tilt_deg=self._between("pv tilt", spec.tilt_deg),
            azimuth_deg=self._between("pv azimuth", spec.azimuth_deg),
            albedo=spec.albedo,
        )
        return Roof(plant, plane)

    def _battery(self, spec: BatterySpec | None) -> dict[str, Any]:
        if spec is None or not self._has("battery", spec.share):
            return {}
        p_max_kw, losses = self._between("battery power", spec.p_max_kw), _losses(spec)
        if spec.inverter is not None:
            losses["s_kva"] = spec.s_kva or p_max_kw
        return {
            "battery_kwh": self._between("battery energy", spec.capacity_kwh),
            "battery_kw": p_max_kw,
            "soc_initial": self._between("battery charge", spec.soc_initial),
            "battery_efficiency": spec.efficiency,
            "battery_losses": losses,
            "battery_inverter": None if spec.inverter is None else spec.inverter.functions(),
            "battery_ageing": spec.ageing,
            "ramp_kw_per_s": spec.ramp_kw_per_s or float("inf"),
        }

    def _profile(self, reference: str, kind: Kind) -> Profile:
        source, pattern = split(reference)
        found = self._sources[source].matches(pattern, kind)
        return found[int(self._draws(f"{kind} profile").integers(len(found)))]

    def _draws(self, what: str) -> np.random.Generator:
        return generator(self._seed, "peer", self._name, what)

    def _has(self, what: str, share: float) -> bool:
        return bool(self._draws(f"{what} at all").random() < share)

    def _between(self, what: str, ends: Range) -> float:
        return float(self._draws(what).uniform(*ends)) if ends.low < ends.high else ends.low


def _losses(spec: BatterySpec) -> dict[str, Any]:
    """Give what a battery's ratings say beyond power, energy and one efficiency."""
    factor = spec.power_factor
    said = {
        "charge_curve": spec.efficiency_curve,
        "discharge_curve": spec.discharge_efficiency_curve or spec.efficiency_curve,
        "standby_kw": spec.standby_w * 1e-3,
        "self_discharge_percent_per_day": spec.self_discharge_percent_per_day,
        "s_kva": spec.s_kva,
        "q_per_p": math.copysign(math.tan(math.acos(abs(factor))), factor),
    }
    return {name: value for name, value in said.items() if value}


def _lpd(scenario: Scenario, network: NetworkOutline) -> Peer:
    spec = scenario.lpd
    return Peer(
        name=LPD_NAME,
        bus=spec.bus or network.busbar,
        role="lpd",
        battery_kwh=spec.capacity_kwh,
        battery_kw=spec.p_max_kw,
        soc_initial=spec.soc_initial,
        battery_efficiency=spec.efficiency,
        ramp_kw_per_s=spec.ramp_kw_per_s,
        phase="abc" if scenario.grid.unbalanced else None,
        critical=True,
    )


def _phased(peer: Peer, seed: int) -> Peer:
    """Give a peer that names no phase one at random, or all three where it is too large."""
    if peer.phase is not None:
        return peer
    if max(peer.inverter_kva, peer.battery_kw) > LARGEST_SINGLE_PHASE_KVA:
        return replace(peer, phase="abc")
    phases: tuple[Phase, ...] = ("a", "b", "c")
    return replace(peer, phase=phases[generator(seed, "peer", peer.name, "phase").integers(3)])


def _staged(
    peers: Sequence[Peer], scenario: Scenario, sources: dict[str, ProfileSource], seed: int
) -> tuple[Peer, ...]:
    """Assign peers to shedding stages, at random, so that each stage has its share of the load.

    Shares refer to the mean load of all peers while the scenario plays; critical ones are spared.
    """
    assert scenario.island is not None
    start, end = scenario.time.start, scenario.time.start + scenario.time.duration.delta
    mean_kw = {
        peer.name: peer.load_scale
        * float(sources[peer.load.source].quarters(peer.load, start, end).mean())
        for peer in peers
        if peer.load is not None
    }
    bounds_kw = np.cumsum([stage.share for stage in scenario.island.shedding]) * sum(
        mean_kw.values()
    )
    spared = {peer.name for peer in peers if peer.critical}
    lots = {name: generator(seed, "shedding", name).random() for name in mean_kw}
    stages: dict[str, int] = {}
    filled_kw = 0.0
    for name in sorted(set(mean_kw) - spared, key=lots.__getitem__):
        middle_kw = filled_kw + mean_kw[name] / 2
        stages[name] = int(np.searchsorted(bounds_kw, middle_kw, side="right"))
        filled_kw += mean_kw[name]
    last = len(bounds_kw)
    found = {name: stage if stage < last else -1 for name, stage in stages.items()}
    return tuple(replace(peer, shed_stage=found.get(peer.name, -1)) for peer in peers)
