"""From a resolved scenario to the plain objects that the boxes open to mosaik."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial

import numpy as np

from models.der import DerFleet
from models.forecast import Forecaster
from models.frequency.process import NominalFrequency, OrnsteinUhlenbeckFrequency
from models.frequency.trace import TracedFrequency
from models.grid.case import load_net
from models.grid.copies import copied
from models.grid.gain import loop_gain
from models.grid.power_flow import Grid
from models.grid.sources import made_net
from models.grid.unbalanced import UnbalancedGrid, ZeroSequence
from models.inverters.functions import InverterFunctions
from models.inverters.gain import VoltageAnswer, voltage_answer
from models.inverters.inverter import InverterParams
from models.loads.flexible import FlexibleLoads
from models.managers.energy_manager import EnergyManagers, ManagerOptions
from models.managers.rolling import RollingManagers, RollingOptions
from models.refine import QUARTER_S, RefinedProfiles
from models.storage.battery import BatteryParams
from models.storage.plan import PlanPrices
from scenarios.frequency_traces import frequency_trace
from scenarios.peers import Peer
from scenarios.plugins_manager import manager_class
from scenarios.profiles import ProfileError
from scenarios.resolve import ResolvedScenario
from scenarios.seeds import generator
from scenarios.weather import roofed, roofs, sky

from .boxes.box import FloatArray
from .boxes.clock import Clock
from .boxes.frequency import FrequencySource
from .boxes.profiles import SecondReader
from .boxes.responding import loads_gain

SHORTEST_TAIL = 10
"""Ticks after physics in which settlement may still act."""


def clock(resolved: ResolvedScenario) -> Clock:
    """Lay out the run's integer time."""
    return Clock(
        start=resolved.scenario.time.start,
        dt_s=resolved.dt_s,
        ticks=resolved.n_ticks,
        ticks_per_period=resolved.ticks_per_period,
        gate_ticks=resolved.gate_ticks,
        tail=_tail(resolved),
    )


def _tail(resolved: ResolvedScenario) -> int:
    """Ticks after physics, so that the last period can be settled when its readings are in."""
    spec = resolved.scenario.communication
    waits = 0 if spec is None else spec.settle_within.ns // resolved.scenario.time.tick.ns
    return max(SHORTEST_TAIL, waits + 1)


def read_ticks(resolved: ResolvedScenario) -> int:
    """Ticks between a meter's looks at what it has measured."""
    spec, tick = resolved.scenario.communication, resolved.scenario.time.tick
    return 1 if spec is None or spec.read_every is None else spec.read_every.in_ticks(tick)


def grid(resolved: ResolvedScenario) -> Grid:
    """Read or make the network, and part it from the upstream grid for an island."""
    file, spec = resolved.network_file, resolved.scenario.grid
    net = made_net(spec.network) if file is None else load_net(file)
    built = Grid(net if spec.copies is None else copied(net, **spec.copies.model_dump()))
    island = resolved.scenario.island
    if island is not None and island.former is not None and island.feeder is None:
        built.open_island(island.former.bus or resolved.network.busbar, vm_pu=island.former.vm_pu)
    return built


def unbalanced_grid(resolved: ResolvedScenario) -> UnbalancedGrid | None:
    """Read or make the network in three phases; None where the scenario is content with one."""
    spec, file = resolved.scenario.grid.unbalanced, resolved.network_file
    if not spec:
        return None
    filling = None if spec is True else ZeroSequence(**spec.model_dump())
    if file is not None:
        return UnbalancedGrid.from_json(file, filling=filling)
    return UnbalancedGrid(made_net(resolved.scenario.grid.network), filling=filling)


def peer_buses(resolved: ResolvedScenario, network: Grid) -> tuple[int, ...]:
    """Position of each peer's bus."""
    return tuple(network.bus_position(peer.bus) for peer in resolved.peers)


def inverter(peer: Peer) -> InverterParams | None:
    """Ratings of a peer's PV inverter; None without PV."""
    if peer.pv_kwp <= 0:
        return None
    # Modules that are described bring their own clipping, so that the rating is the inverter's.
    rated_kw = peer.pv_kwp if peer.roof is None else peer.inverter_kva
    return InverterParams(p_rated_kw=rated_kw, s_kva=peer.inverter_kva)


def battery(peer: Peer) -> BatteryParams | None:
    """Ratings of a peer's battery, its losses shared evenly by both directions."""
    if peer.battery_kwh <= 0:
        return None
    one_way = math.sqrt(peer.battery_efficiency)
    return BatteryParams(
        capacity_kwh=peer.battery_kwh,
        p_max_kw=peer.battery_kw,
        efficiency_charge=one_way,
        efficiency_discharge=one_way,
        soc_initial=peer.soc_initial,
        ramp_kw_per_s=peer.ramp_kw_per_s,
        **peer.battery_losses,
    )


def fleet(
    resolved: ResolvedScenario, played: Collection[int], stores: Collection[int] = ()
) -> DerFleet:
    """All PV inverters and batteries; those played by a device are taken as measured.

    A battery that a device plays does as it is told, which is what was measured: the device has
    its own ramp.
    """
    batteries = [battery(peer) for peer in resolved.peers]
    for place in stores:
        of_peer = batteries[place]
        assert of_peer is not None
        batteries[place] = replace(of_peer, ramp_kw_per_s=math.inf, vm_full_pu=0.01)
    measured = np.zeros(len(resolved.peers), dtype=np.bool_)
    measured[list(played)] = True
    return DerFleet(
        [inverter(peer) for peer in resolved.peers],
        batteries,
        dt_s=resolved.dt_s,
        measured=measured,
        functions=[functions(resolved, peer) for peer in resolved.peers],
        battery_functions=[peer.battery_inverter for peer in resolved.peers],
    )


def functions(resolved: ResolvedScenario, peer: Peer) -> InverterFunctions | None:
    """Functions of a peer's PV inverter, at the scenario's nominal frequency; None without.

    An island's answer to frequency is found inside the frequency model's inner steps, so that it
    takes the place of the inverters' own droop.
    """
    if peer.inverter is None:
        return None
    island = resolved.scenario.island
    if island is None:
        return peer.inverter.at_nominal(resolved.scenario.frequency.nominal_hz)
    quiet = replace(peer.inverter.frequency_droop, enabled=False)
    return replace(peer.inverter, frequency_droop=quiet).at_nominal(island.nominal_hz)


def frequency(resolved: ResolvedScenario) -> FrequencySource:
    """Frequency of the upstream grid."""
    spec = resolved.scenario.frequency
    trace = frequency_trace(spec, resolved.file.parent)
    if trace is not None:
        later = spec.starts_after
        return TracedFrequency(trace, resolved.dt_s, starts_s=later.seconds if later else 0.0)
    if spec.mode == "nominal":
        return NominalFrequency(spec.nominal_hz)
    return OrnsteinUhlenbeckFrequency(
        generator(resolved.seed, "frequency"),
        resolved.dt_s,
        nominal_hz=spec.nominal_hz,
        sigma_hz=spec.deviation_hz,
        tau_s=spec.relaxation.seconds,
    )


def profiles(resolved: ResolvedScenario) -> RefinedProfiles:
    """Loads and PV by the second, from a period before the first gate to one after the end."""
    start, end = profile_window(resolved)
    load_kw, pv_kw = resolved.quarter_hours(start, end)
    tangent = np.tan(np.arccos(resolved.array("cos_phi")))
    weather, ratings = sky(resolved.scenario), [inverter(peer) for peer in resolved.peers]
    names = [peer.name for peer in resolved.peers]
    return RefinedProfiles(
        start=start,
        load_kw=load_kw,
        load_kvar=load_kw * tangent,
        pv_kw=pv_kw,
        pv_rated_kw=np.array([own.p_rated_kw if own else 0.0 for own in ratings]),
        latitude_deg=weather.latitude_deg,
        longitude_deg=weather.longitude_deg,
        load_rngs=[generator(resolved.seed, "peer", name, "switching") for name in names],
        pv_rngs=[generator(resolved.seed, "peer", name, "clouds") for name in names],
        sky_rng=generator(resolved.seed, "sky"),
        edges=weather.clouds.edges if weather.clouds else "smooth",
    )


def profile_window(resolved: ResolvedScenario) -> tuple[datetime, datetime]:
    """First and last instant of the quarter hours that a run may ask for."""
    from scenarios.resolve import profile_span

    start, end = profile_span(resolved.scenario)
    return _quarter_hour_before(start), end


def _quarter_hour_before(instant: datetime) -> datetime:
    whole = int(instant.timestamp()) // QUARTER_S * QUARTER_S
    return datetime.fromtimestamp(whole, tz=instant.tzinfo or UTC)


def second_reader(resolved: ResolvedScenario, refined: RefinedProfiles) -> SecondReader:
    """Read refined profiles, and modules under the weather, by seconds after physics began."""
    start = resolved.scenario.time.start
    first_s = (start - refined.start) // timedelta(seconds=1)
    own, lit = roofed(resolved.peers), roofs(resolved, *profile_window(resolved))

    def read(second: int) -> tuple[FloatArray, FloatArray, FloatArray]:
        found = refined.second(first_s + second)
        if lit is None:
            return found.load_kw, found.load_kvar, found.pv_kw
        pv_kw = found.pv_kw.copy()
        pv_kw[own] = lit.second_kw(int(start.timestamp()) + second)
        return found.load_kw, found.load_kvar, pv_kw

    return read


class VoltageLoopError(ValueError):
    """Devices that see the voltage one tick late would hunt; weaken them or stiffen the feeder."""


LARGEST_LOOP_GAIN = 0.5
"""Half the stability bound of the voltage loop, closed one tick late."""


def voltage_loop_gain(
    resolved: ResolvedScenario,
    network: Grid,
    buses: tuple[int, ...],
    three_phase: UnbalancedGrid | None = None,
) -> float:
    """Estimate the gain of the loop from voltage to power and back, one tick late.

    What follows the voltage in this fleet is the current limit of inverters and batteries: below
    `vm_full_pu` their power falls in proportion. All are taken to be there at once; those on a
    single phase count by what they move it, and all as if it were the same one.

    Raises
    ------
    VoltageLoopError
        The gain is above half the stability bound.
    """
    slope_kw = np.zeros(len(resolved.peers))
    for position, peer in enumerate(resolved.peers):
        for rating_kw, params in (
            (peer.inverter_kva, inverter(peer)),
            (peer.battery_kw, battery(peer)),
        ):
            slope_kw[position] += rating_kw / params.vm_full_pu if params else 0.0
        if three_phase is not None and peer.phase != "abc":
            slope_kw[position] *= three_phase.single_phase_factor
    gain = loop_gain(network, np.array(buses), slope_kw, np.zeros_like(slope_kw))
    of_loads = loads_gain(resolved, network, buses, _phase_factors(resolved, three_phase))
    gain = max(gain, _functions_gain(resolved, network, buses)) + of_loads
    if gain > LARGEST_LOOP_GAIN and _refuses(resolved):
        largest = resolved.peers[int(slope_kw.argmax())]
        raise VoltageLoopError(
            f"the voltage loop has a gain of {gain:.2f}, expected at most {LARGEST_LOOP_GAIN:g}: "
            f"inverters and batteries at their current limit{_and_loads(of_loads)} would hunt "
            f"from tick to tick; make the largest smaller ({largest.name} at {largest.bus}), or "
            "its feeder stronger"
        )
    return gain


def _refuses(resolved: ResolvedScenario) -> bool:
    """Whether a loop that could hunt is a fault; a scenario may want to see it."""
    return resolved.scenario.grid.voltage_loop == "refuse"


def _phase_factors(resolved: ResolvedScenario, three_phase: UnbalancedGrid | None) -> FloatArray:
    """By what a peer moves its voltage more than one on three phases does. (n_peers,) [1]"""
    factors = np.ones(len(resolved.peers))
    if three_phase is not None:
        factors[[peer.phase != "abc" for peer in resolved.peers]] = three_phase.single_phase_factor
    return factors


def _and_loads(gain: float) -> str:
    return f", and loads that follow the voltage ({gain:.2f} of it)," if gain > 0.0 else ""


def _voltage_answers(resolved: ResolvedScenario) -> Iterator[tuple[int, VoltageAnswer]]:
    """Answers of all PV inverters and of all batteries' inverters to voltage, by peer."""
    for position, peer in enumerate(resolved.peers):
        own, kind, store = inverter(peer), functions(resolved, peer), battery(peer)
        if own is not None and kind is not None:
            yield position, voltage_answer(own, kind, resolved.dt_s)
        if store is not None and (kind := peer.battery_inverter) is not None:
            no_watt = replace(kind, volt_watt=replace(kind.volt_watt, enabled=False))
            rated = InverterParams(p_rated_kw=store.p_max_kw, s_kva=store.s_kva)
            yield position, voltage_answer(rated, no_watt, resolved.dt_s)


def _functions_gain(resolved: ResolvedScenario, network: Grid, buses: tuple[int, ...]) -> float:
    """Gain of volt-watt and volt-var, as a part of what their response times leave stable.

    A sufficient condition: answers that bring the shares A of their slopes S a tick settle on a
    feeder X while the largest eigenvalue of A S X stays below 2 − max A.
    """
    slopes, largest_share = np.zeros((2, len(resolved.peers))), 0.0
    for position, answer in _voltage_answers(resolved):
        slopes[:, position] += answer.p_kw * answer.p_share, answer.q_kvar * answer.q_share
        largest_share = max(largest_share, answer.p_share, answer.q_share)
    if not slopes.any():
        return 0.0
    gain = loop_gain(network, np.array(buses), *slopes) / (2.0 - largest_share)
    if gain > LARGEST_LOOP_GAIN and _refuses(resolved):
        steepest = resolved.peers[int(np.abs(slopes).sum(axis=0).argmax())]
        raise VoltageLoopError(
            f"volt-watt and volt-var reach {gain:.2f} of the gain at which they hunt from tick to "
            f"tick, expected at most {LARGEST_LOOP_GAIN:g}: give them a longer response_s or a "
            f"flatter curve (steepest: {steepest.name} at {steepest.bus}), or a stronger feeder; "
            "grid.voltage_loop: play shows what they do"
        )
    return gain


def managers(
    resolved: ResolvedScenario,
    refined: RefinedProfiles,
    periods_ahead: int = 0,
    flexible: FlexibleLoads | None = None,
) -> EnergyManagers:
    """Energy managers of all peers; `periods_ahead` is how far their bidders look."""
    bids, names = resolved.scenario.market.bids, [peer.name for peer in resolved.peers]
    load_kw, pv_kw = _forecast_kw(resolved, refined, periods_ahead)
    first_s = (refined.start - resolved.scenario.time.start).total_seconds()

    def per_peer(what: str) -> list[np.random.Generator]:
        return [generator(resolved.seed, "peer", name, what) for name in names]

    made = _manager_class(resolved)(
        forecaster=Forecaster(
            load_kw=load_kw,
            pv_kw=pv_kw,
            planned_kw=flexible.planned_kw(first_s, len(load_kw)) if flexible else None,
            first_quarter_s=first_s,
            load_rngs=per_peer("load forecast"),
            pv_rngs=per_peer("pv forecast"),
            load_error=bids.load_error,
            pv_error=bids.pv_error,
            persistence_weight=PERSISTENCE[bids.forecast],
        ),
        batteries=[battery(peer) for peer in resolved.peers],
        dt_s=resolved.dt_s,
        ticks_per_period=resolved.ticks_per_period,
        options=ManagerOptions(share=bids.share),
    )
    made.devices = flexible
    return made


def _manager_class(resolved: ResolvedScenario) -> Callable[..., EnergyManagers]:
    """Who is made: the rule, the one that plans with the market's tariffs, or the user's own."""
    spec, tariffs = resolved.scenario.energy_manager, resolved.scenario.market.tariffs
    if spec.kind == "rule":
        return EnergyManagers
    if spec.kind != "rolling":
        return manager_class(spec.kind, resolved.file.parent)
    retail, feed_in = tariffs.retail_eur_per_kwh, tariffs.feed_in_eur_per_kwh
    prices = PlanPrices(
        retail_eur_per_kwh=retail,
        feed_in_eur_per_kwh=feed_in,
        missed_eur_per_kwh=spec.missed_eur_per_kwh,
        kept_eur_per_kwh=0.5 * (retail + feed_in),
    )
    rolling = RollingOptions(periods=spec.periods, every_s=spec.every_s, prices=prices)
    return partial(RollingManagers, rolling=rolling)


def _forecast_kw(
    resolved: ResolvedScenario, refined: RefinedProfiles, periods_ahead: int
) -> tuple[FloatArray, FloatArray]:
    """Extend what is played by the periods that a bidder looks ahead, as far as profiles reach."""
    _, end = profile_window(resolved)
    period = resolved.scenario.market.period.delta
    for more in range(periods_ahead, 0, -1):
        try:
            later = resolved.quarter_hours(end, end + more * period)
        except ProfileError:
            continue
        if all(np.isfinite(kw).all() for kw in later):
            known = len(refined.load_kw) - (int(end.timestamp()) % QUARTER_S > 0)
            return (
                np.concatenate([refined.load_kw[:known], later[0]]),
                np.concatenate([refined.pv_kw[:known], later[1]]),
            )
    return refined.load_kw, refined.pv_kw


PERSISTENCE = {"persistence": 1.0, "profile": 0.0, "blend": 0.5}
"""Weight of the recent minutes against the profile in a forecast, by the scenario's word."""
