"""A village that stands alone, always or for a while: its parts, and its feeder's story."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from market.delivery.life import TransactionLoop
from models.frequency.area_parameters import SecondaryControl, SynchroCheck
from models.frequency.island import IslandFrequency
from models.frequency.joined import FrequencySource, JoinedIsland
from models.frequency.parameters import (
    Generator,
    GridFormer,
    InverterResponse,
    IslandParams,
    ShedStage,
)
from models.frequency.stores import AnyStore, ContainmentStore, FastStore, FormingStore
from models.grid.power_flow import Grid
from scenarios.resolve import ResolvedScenario
from scenarios.schema_feeder import FeederEvent, IslandEvent
from scenarios.schema_island import FormerSpec, GeneratorSpec, IslandSpec
from scenarios.schema_island_stores import StoreSpec

from .box import FloatArray, Log
from .clock import Clock
from .recorder import FEEDER_SCALARS, ISLAND_SCALARS, STORE_SCALARS

__all__ = ["Feeder", "columns", "feeder_of", "island_of", "sources"]

NOBODY = GridFormer(s_kva=1.0, p_max_kw=1.0, capacity_kwh=1.0)
"""Stands for the former of a village that has none; it never runs."""

Act = tuple[int, str, int | None]
"""Mosaik time, what happens, and until when closing waits."""


def island_of(
    resolved: ResolvedScenario, source: Callable[[], FrequencySource]
) -> IslandFrequency | None:
    """Everything in an island that answers to frequency; `source` makes the grid's above it."""
    spec = resolved.scenario.island
    if spec is None:
        return None
    params = IslandParams(
        former=_former(spec.former) if spec.former else NOBODY,
        generators=tuple(_generator(one) for one in spec.generators),
        inverters=InverterResponse(
            start_hz=spec.p_f.start_hz,
            percent_per_hz=spec.p_f.percent_per_hz,
            lag_s=spec.p_f.lag_s,
        ),
        stages=tuple(
            ShedStage(below_hz=stage.below_hz, delay_s=stage.delay_s, share=stage.share)
            for stage in spec.shedding
        ),
        stage_of_peer=[peer.shed_stage for peer in resolved.peers],
        load_percent_per_hz=spec.load_percent_per_hz,
        nominal_hz=spec.nominal_hz,
        stores=tuple(_store(one) for one in spec.stores),
        secondary=SecondaryControl(**spec.secondary.model_dump()) if spec.secondary else None,
    )
    if not _has_story(resolved):
        return IslandFrequency(params, len(resolved.peers), resolved.dt_s)
    feeder = spec.feeder
    more: dict[str, Any] = {}
    if feeder is not None:
        more["check"] = SynchroCheck(**feeder.synchro_check.model_dump())
        more["restore_every_s"] = feeder.restore_every.seconds
    return JoinedIsland(
        params,
        len(resolved.peers),
        resolved.dt_s,
        source=source(),
        connected=feeder is not None,
        has_former=spec.former is not None,
        **more,
    )


def _has_story(resolved: ResolvedScenario) -> bool:
    """Whether something parts it, joins it, or switches it off."""
    spec = resolved.scenario.island
    switched = any(isinstance(event, IslandEvent) for event in resolved.scenario.events)
    return spec is not None and (spec.feeder is not None or switched)


def _former(former: FormerSpec) -> GridFormer:
    one_way = math.sqrt(former.efficiency)
    return GridFormer(
        s_kva=former.s_kva,
        p_max_kw=former.p_max_kw,
        capacity_kwh=former.capacity_kwh,
        soc_initial=former.soc_initial,
        efficiency_charge=one_way,
        efficiency_discharge=one_way,
        droop_pu=former.droop_percent / 100,
        measurement_lag_s=former.measurement_lag_s,
        virtual_inertia_s=former.virtual_inertia_s,
        voltage_droop_pu=former.q_droop_percent / 100,
        vm_set_pu=former.vm_pu,
    )


def _generator(spec: GeneratorSpec) -> Generator:
    return Generator(
        name=spec.name,
        s_kva=spec.s_kva,
        inertia_s=spec.inertia_s,
        p_max_kw=spec.p_max_kw,
        p_min_kw=spec.p_min_kw,
        p_set_kw=spec.p_set_kw,
        droop_pu=spec.droop_percent / 100,
        governor_lag_s=spec.governor_lag_s,
        turbine_lag_s=spec.turbine_lag_s,
        turbine_lead_s=spec.turbine_lead_s,
    )


def _store(spec: StoreSpec) -> AnyStore:
    given = spec.model_dump(exclude={"kind", "bus", "efficiency"})
    given["efficiency_charge"] = given["efficiency_discharge"] = math.sqrt(spec.efficiency)
    if spec.kind == "forming":
        given["droop_pu"] = given.pop("droop_percent") / 100
        return FormingStore(**given)
    return ContainmentStore(**given) if spec.kind == "containment" else FastStore(**given)


def columns(spec: IslandSpec | None) -> Mapping[str, tuple[str, float]]:
    """What an island's frequency has to record, beside what a grid's has."""
    if spec is None:
        return {}
    stores, feeder = STORE_SCALARS if spec.stores else {}, FEEDER_SCALARS if spec.feeder else {}
    return {**ISLAND_SCALARS, **stores, **feeder}


def sources(resolved: ResolvedScenario) -> dict[str, str]:
    """Entities of the frequency's box that feed the grid, and the bus of each."""
    spec, busbar = resolved.scenario.island, resolved.network.busbar
    if spec is None:
        return {}
    generators = {f"generator:{one.name}": one.bus or busbar for one in spec.generators}
    return generators | {f"store:{one.name}": one.bus or busbar for one in spec.stores}


class Feeder:
    """Opens and closes between a village and the grid above, by the scenario's events.

    Parameters
    ----------
    village : JoinedIsland
    grid : Grid
        Of the run; it hangs on the grid above where the village does.
    bus : str
        Bus of the former, behind the feeder.
    has_former : bool
    vm_pu : float
        What the former holds without reactive power. [p.u.]
    acts : sequence of (mosaik time, what happens, until when closing waits)
    clock : Clock
    log : Log

    Attributes
    ----------
    because : str
        Why it is black, if it is.
    lives : (n_bus,) bool array
        Buses behind it.
    references : list of int
        Those among them that hold the voltage when it is open.
    """

    def __init__(
        self,
        village: JoinedIsland,
        grid: Grid,
        *,
        bus: str,
        has_former: bool,
        vm_pu: float,
        acts: Sequence[Act],
        clock: Clock,
        log: Log,
    ) -> None:
        self._village, self._grid, self._clock, self._log = village, grid, clock, log
        self._bus, self._at, self._vm_pu = bus, grid.bus_position(bus), vm_pu
        self._has_former = has_former
        self._acts: dict[int, list[tuple[str, int | None]]] = {}
        for at, what, until in acts:
            self._acts.setdefault(at, []).append((what, until))
        self._upstream_vm_pu, self._upstream_deg = self._unloaded()
        self._reference_pu = float(abs(grid.case.v_start[grid.case.ref[0]]))
        self.lives, self.references = self._behind()
        self._closes_until: int | None = None
        self._alone: Counter[int] = Counter()
        self.because = "the grid-former tripped"

    @property
    def connected(self) -> bool:
        return self._village.connected

    def reference_vm_pu(self, former_vm_pu: float) -> float:
        """Voltage of the grid's reference, which is the former's in an island. [p.u.]"""
        return self._reference_pu if self.connected else former_vm_pu

    def act(self, time: int, load_kw: FloatArray, vm_pu: float) -> None:
        """Let happen what is due, before the tick; `vm_pu` is what the former holds. [kW]"""
        for what, until in self._acts.pop(time, ()):
            if what in ("open", "fault"):
                self._part(time, "by command" if what == "open" else "a fault upstream")
            elif what == "close":
                if not self.connected:
                    self._closes_until = until
                    self._close(time, vm_pu, first=True)
            elif what == "black_out":
                self._part(time, "by command")
                self.because = "by command"
                self._village.trip_former()
            else:
                faults = self._village.black_start(load_kw)
                told = {"because": faults} if faults else {}
                self._log(time, "black_start_refused" if faults else "black_start", **told)
        if self._closes_until is not None:
            self._close(time, vm_pu, first=False)
        if not self.connected:
            self._alone[self._clock.tick(time) // self._clock.ticks_per_period] += 1

    def settling(self, settle: Callable[..., None], loop: TransactionLoop) -> Callable[..., None]:
        """Give `settle` with an eye on who supplied: alone for half of a period, it is the LPD."""

        def settled(tick: int, closing: Any) -> None:
            alone = self._alone[closing.period]
            loop.islanded = 2 * alone >= self._clock.ticks_per_period
            settle(tick, closing)

        return settled

    def _behind(self) -> tuple[Any, list[int]]:
        """Tell which buses live on when it is open, and which of them hold the voltage then."""
        connected = self.connected
        if connected:
            self._grid.open_island(self._bus)
        case = self._grid.case
        lives, held = case.node_of_bus >= 0, np.isin(case.node_of_bus, case.ref)
        if connected:
            self._grid.close_island()
        return lives, np.flatnonzero(held).tolist()

    def _unloaded(self) -> tuple[float, float]:
        """Voltage behind the feeder when nothing flows: what the village has to match."""
        none = np.zeros(self._grid.n_bus)
        state = self._grid.solve(none, none)
        angle_deg = float(self._grid.va_degree()[self._at])
        return float(state.vm_pu[self._at]), angle_deg

    def _part(self, time: int, because: str) -> None:
        if not self.connected:
            return
        angle_deg = float(self._grid.va_degree()[self._at]) - self._upstream_deg
        self._village.part(angle_deg)
        self._log(time, "islanded", because=because)
        self.because = "the grid-former tripped" if self._has_former else "no grid-former"
        if self._has_former:
            self._grid.open_island(self._bus, vm_pu=self._vm_pu)

    def _close(self, time: int, vm_pu: float, *, first: bool) -> None:
        """Try to close; tell why not when it is first tried, and when it is given up."""
        beyond_pu = vm_pu - self._upstream_vm_pu
        apart = self._village.differences(beyond_pu)
        faults = self._village.join(beyond_pu)
        if not faults:
            self._closes_until = None
            if self._has_former:
                self._grid.close_island()
            told = {name: round(value, 4) for name, value in apart.items()}
            self._log(time, "resynchronised", **told)
        elif time >= (self._closes_until or 0):
            self._closes_until = None
            self._village.give_up()
            self._log(time, "resynchronisation_failed", because=faults)
        elif first:
            self._log(time, "resynchronisation_refused", because=faults)


def feeder_of(
    resolved: ResolvedScenario, village: IslandFrequency | None, grid: Grid, clock: Clock, log: Log
) -> Feeder | None:
    """Give the feeder of a village that parts, joins or is switched off; None without events."""
    spec = resolved.scenario.island
    if spec is None or not isinstance(village, JoinedIsland):
        return None
    former = spec.former
    return Feeder(
        village,
        grid,
        bus=(former.bus if former else None) or resolved.network.busbar,
        has_former=former is not None,
        vm_pu=former.vm_pu if former else 1.0,
        acts=_acts(resolved, clock),
        clock=clock,
        log=log,
    )


def _acts(resolved: ResolvedScenario, clock: Clock) -> list[Act]:
    """What befalls feeder and island, by mosaik time."""
    time, acts = resolved.scenario.time, list[Act]()
    for event in resolved.scenario.events:
        if isinstance(event, FeederEvent | IslandEvent):
            at = clock.preroll + event.at.after(time.start).in_ticks(time.tick)
            what = event.feeder if isinstance(event, FeederEvent) else event.island
            within = getattr(event, "within", None)
            acts.append(
                (at, what, clock.end if within is None else at + within.in_ticks(time.tick))
            )
    return acts
