"""What an island is made of, as frozen numbers with units; every one is checked here.

The classes name the physics; `frequency_island.IslandFrequency` plays it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from .area_parameters import SecondaryControl
from .checks import HUGE, check, check_lag
from .sources import Generator, GridFormer
from .stores import AnyStore, FastStore

__all__ = [
    "FNN_STAGES",
    "Generator",
    "GridFormer",
    "InverterResponse",
    "IslandParams",
    "ShedStage",
]


@dataclass(frozen=True, kw_only=True)
class InverterResponse:
    """How every peer's inverter answers frequency: P(f) above, optionally support below.

    Attributes
    ----------
    start_hz, percent_per_hz, lag_s : float
        Reduction begins there and grows with this slope, first-order lag; the
        defaults are VDE-AR-N 4105's 50.2 Hz and 40 %/Hz. [Hz], [%/Hz], [s]
    support_start_hz, support_percent_per_hz, support_lag_s : float
        The same below nominal (fast frequency response), as far as the peers
        offer `up_kw`; a slope of 0 turns it off. [Hz], [%/Hz], [s]
    rated_kw : sequence of float or None
        Power the slope refers to, per peer; None refers it to the power at hand,
        `down_kw` and `up_kw` of the tick. [kW]
    """

    start_hz: float = 50.2
    percent_per_hz: float = 40.0
    lag_s: float = 0.05
    support_start_hz: float = 49.8
    support_percent_per_hz: float = 0.0
    support_lag_s: float = 0.05
    rated_kw: Sequence[float] | None = None

    def __post_init__(self) -> None:
        owner = "inverter response"
        check(owner, "start_hz", self.start_hz, "Hz", "50 to 100 Hz", 50, 100)
        check(owner, "support_start_hz", self.support_start_hz, "Hz", "30 to 60 Hz", 30, 60)
        for name in ("percent_per_hz", "support_percent_per_hz"):
            check(owner, name, getattr(self, name), "%/Hz", "0 to 10000", 0, 1e4)
        check_lag(owner, "lag_s", self.lag_s, zero=False)
        check_lag(owner, "support_lag_s", self.support_lag_s, zero=False)
        for peer, rated_kw in enumerate(() if self.rated_kw is None else self.rated_kw):
            check(owner, f"rated_kw[{peer}]", rated_kw, "kW", "0 or more", 0, HUGE)


@dataclass(frozen=True, kw_only=True)
class ShedStage:
    """One stage of under-frequency load shedding.

    Attributes
    ----------
    below_hz, delay_s : float
        Sheds when the frequency stayed below for so long. [Hz], [s]
    share : float
        Share of every peer's load; not used where peers are assigned to stages. [1]
    """

    below_hz: float
    delay_s: float = 0.1
    share: float = 0.125

    def __post_init__(self) -> None:
        check("shedding stage", "below_hz", self.below_hz, "Hz", "30 to 60 Hz", 30, 60)
        check("shedding stage", "delay_s", self.delay_s, "s", "0 to 60 s", 0, 60)
        check("shedding stage", "share", self.share, "", "0 to 1", 0, 1)


FNN_STAGES = tuple(ShedStage(below_hz=f_hz) for f_hz in (49.0, 48.8, 48.6, 48.4))
"""The four stages used in Germany, 12.5 % of the load each; the delay of 0.1 s is unverified."""


@dataclass(frozen=True, kw_only=True)
class IslandParams:
    """Everything that makes an island's frequency.

    Attributes
    ----------
    former : GridFormer
    generators : tuple of Generator
    inverters : InverterResponse
    stages : tuple of ShedStage
        From the first to the last to act.
    stage_of_peer : sequence of int or None
        Stage in which a peer's whole load is shed, -1 for never; None sheds the
        stages' shares from every peer.
    load_percent_per_hz : float
        Self-regulation of the load; about 1 to 2 %/Hz in large systems. [%/Hz]
    nominal_hz : float
        [Hz]
    stores : tuple of FormingStore, ContainmentStore or FastStore
        What helps the former.
    secondary : SecondaryControl or None
        Brings frequency back to nominal: moves the governed generators, by rated power, or the
        formers where there is none.
    """

    former: GridFormer
    generators: tuple[Generator, ...] = ()
    inverters: InverterResponse = field(default_factory=InverterResponse)
    stages: tuple[ShedStage, ...] = FNN_STAGES
    stage_of_peer: Sequence[int] | None = None
    load_percent_per_hz: float = 1.0
    nominal_hz: float = 50.0
    stores: tuple[AnyStore, ...] = ()
    secondary: SecondaryControl | None = None

    def __post_init__(self) -> None:
        for what, units in (("generators", self.generators), ("stores", self.stores)):
            names = [unit.name for unit in units]
            for name in sorted({name for name in names if names.count(name) > 1}):
                raise ValueError(f"island: two {what} are named {name!r}; expected unique names")
        check("island", "nominal_hz", self.nominal_hz, "Hz", "40 to 70 Hz", 40, 70)
        expected = "0 to 100 %/Hz"
        check("island", "load_percent_per_hz", self.load_percent_per_hz, "%/Hz", expected, 0, 100)
        self._check_band()
        for store in self.stores:
            if isinstance(store, FastStore):
                f_hz, high_hz = store.below_hz, self.nominal_hz - 1e-6
                owner = f"store {store.name!r}"
                check(owner, "below_hz", f_hz, "Hz", "below nominal_hz", 0, high_hz)
        self._check_stages()
        self._check_inertia()

    def _check_band(self) -> None:
        low_hz, high_hz = self.former.f_low_trip_hz, self.former.f_high_trip_hz
        expected = f"{low_hz} to {high_hz} Hz, where the grid-former stays on"
        check("island", "nominal_hz", self.nominal_hz, "Hz", expected, low_hz, high_hz)
        f_hz, expected = self.inverters.start_hz, "at least nominal_hz"
        check("inverter response", "start_hz", f_hz, "Hz", expected, self.nominal_hz, 100)
        f_hz, expected = self.inverters.support_start_hz, "at most nominal_hz"
        check("inverter response", "support_start_hz", f_hz, "Hz", expected, 0, self.nominal_hz)

    def _check_stages(self) -> None:
        for earlier, later in zip(self.stages, self.stages[1:], strict=False):
            if later.below_hz > earlier.below_hz:
                raise ValueError(
                    f"shedding stages: {later.below_hz} Hz follows {earlier.below_hz} Hz; "
                    "expected thresholds from the highest to the lowest"
                )
        for stage in self.stages:
            expected = "below nominal_hz"
            high_hz = self.nominal_hz - 1e-6
            check("shedding stage", "below_hz", stage.below_hz, "Hz", expected, 0, high_hz)
        if self.stage_of_peer is None:
            total = math.fsum(stage.share for stage in self.stages)
            expected = "at most 1 over all stages"
            check("shedding stages", "sum of share", total, "", expected, 0, 1 + 1e-12)
            return
        last = len(self.stages) - 1
        for peer, stage_index in enumerate(self.stage_of_peer):
            expected = f"-1 (never) to {last}"
            check("island", f"stage_of_peer[{peer}]", stage_index, "", expected, -1, last)

    def _check_inertia(self) -> None:
        former = self.former
        droop_forms = former.droop_pu != math.inf and former.measurement_lag_s > 0
        forms = droop_forms if former.virtual_inertia_s is None else former.virtual_inertia_s > 0
        if not forms and not self.generators:
            raise ValueError(
                f"island: without generators the grid-former's inertia is 0 s "
                f"(virtual_inertia_s {former.virtual_inertia_s}, measurement_lag_s "
                f"{former.measurement_lag_s} s, droop_pu {former.droop_pu}); expected a virtual "
                "inertia above 0 s, or a finite droop with a measurement lag above 0 s"
            )
