"""What an island is made of, as frozen numbers with units; every one is checked here.

The classes name the physics; `frequency_island.IslandFrequency` plays it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field


def check(
    owner: str, name: str, value: float, unit: str, expected: str, low: float, high: float
) -> None:
    """Raise ValueError unless low <= value <= high; NaN never passes."""
    if not low <= value <= high:
        quantity = f"{value} {unit}".rstrip()
        raise ValueError(f"{owner}: {name} is {quantity}; expected {expected}")


_TINY = 1e-12  # makes "greater than zero" a closed bound
_HUGE = 1e12


def _positive(owner: str, name: str, value: float, unit: str) -> None:
    check(owner, name, value, unit, "a finite value above 0", _TINY, _HUGE)


def _lag(owner: str, name: str, value: float, *, zero: bool) -> None:
    if zero and value == 0:
        return
    check(owner, name, value, "s", f"{'0 (none) or ' if zero else ''}1 ms to 1000 s", 1e-3, 1e3)


def _droop(owner: str, droop_pu: float) -> None:
    if droop_pu != math.inf:
        expected = "0.001 to 1 p.u. of nominal frequency at rated power, or inf for none"
        check(owner, "droop_pu", droop_pu, "p.u.", expected, 1e-3, 1.0)


@dataclass(frozen=True, kw_only=True)
class GridFormer:
    """The storage inverter that forms the island's voltage and closes its balance.

    Two ways of forming, which differ in where the lag sits:

    * ``virtual_inertia_s=None``: frequency follows the measured power,
      f = f0 - m (P_measured - P_set), through the measurement's low pass. That
      is a swing equation with M = lag / m [1]_.
    * ``virtual_inertia_s=H``: a swing equation with that H, whose droop power
      follows the frequency through the measurement's lag.

    Attributes
    ----------
    s_kva : float
        Rated apparent power; beyond it the current is limited. [kVA]
    p_max_kw : float
        Limit of active power, both directions. [kW]
    capacity_kwh, soc_initial : float
        Usable energy and its share stored at the start. [kWh], [1]
    efficiency_charge, efficiency_discharge : float
        AC to store and back. [1]
    droop_pu : float
        Fall of frequency from no load to `p_max_kw`, of nominal; ``math.inf``
        holds the set power instead. [p.u.]
    measurement_lag_s : float
        Low pass of the power or frequency measurement, also of Q-V droop. [s]
    virtual_inertia_s : float or None
        H on `s_kva`; 0 only beside a rotating generator. [s]
    voltage_droop_pu : float
        Fall of voltage from no to rated reactive power. [p.u.]
    vm_set_pu, vm_low_pu : float
        No-load voltage; lowest voltage that current limiting goes down to. [p.u.]
    overload_time_s : float
        Power or apparent power above its limit for so long trips it; unverified,
        of the order of data sheets of household battery inverters. [s]
    peak_factor : float
        Multiple of `s_kva` that trips at once; unverified. [1]
    taper_soc : float
        Above it the charge limit falls linearly to zero at full; unverified. [1]
    f_low_trip_hz, f_high_trip_hz : float
        Frequencies beyond which it trips at once; unverified. [Hz]

    References
    ----------
    .. [1] S. D'Arco and J. A. Suul, "Equivalence of virtual synchronous machines
       and frequency-droops for converter-based microgrids," IEEE Trans. Smart
       Grid, vol. 5, no. 1, 2014.
    """

    s_kva: float
    p_max_kw: float
    capacity_kwh: float
    soc_initial: float = 0.5
    efficiency_charge: float = 0.95
    efficiency_discharge: float = 0.95
    droop_pu: float = 0.02
    measurement_lag_s: float = 0.05
    virtual_inertia_s: float | None = None
    voltage_droop_pu: float = 0.03
    vm_set_pu: float = 1.0
    vm_low_pu: float = 0.8
    overload_time_s: float = 3.0
    peak_factor: float = 1.5
    taper_soc: float = 0.98
    f_low_trip_hz: float = 45.0
    f_high_trip_hz: float = 55.0

    def __post_init__(self) -> None:
        owner = "grid-former"
        for name, unit in (("s_kva", "kVA"), ("p_max_kw", "kW"), ("capacity_kwh", "kWh")):
            _positive(owner, name, getattr(self, name), unit)
        check(owner, "p_max_kw", self.p_max_kw, "kW", "at most s_kva", 0, self.s_kva)
        for name in ("efficiency_charge", "efficiency_discharge"):
            check(owner, name, getattr(self, name), "", "above 0, at most 1", _TINY, 1)
        check(owner, "soc_initial", self.soc_initial, "", "0 to 1", 0, 1)
        check(owner, "taper_soc", self.taper_soc, "", "0 to below 1", 0, 1 - 1e-9)
        _droop(owner, self.droop_pu)
        _lag(owner, "measurement_lag_s", self.measurement_lag_s, zero=True)
        if self.virtual_inertia_s is not None:
            check(owner, "virtual_inertia_s", self.virtual_inertia_s, "s", "0 to 100 s", 0, 100)
        check(owner, "voltage_droop_pu", self.voltage_droop_pu, "p.u.", "0 to 0.2", 0, 0.2)
        check(owner, "vm_set_pu", self.vm_set_pu, "p.u.", "0.8 to 1.2", 0.8, 1.2)
        check(owner, "vm_low_pu", self.vm_low_pu, "p.u.", "0.1 to vm_set_pu", 0.1, self.vm_set_pu)
        _positive(owner, "overload_time_s", self.overload_time_s, "s")
        check(owner, "peak_factor", self.peak_factor, "", "1.05 to 10", 1.05, 10)
        check(owner, "f_low_trip_hz", self.f_low_trip_hz, "Hz", "0 to 60 Hz", 0, 60)
        check(owner, "f_high_trip_hz", self.f_high_trip_hz, "Hz", "50 to 100 Hz", 50, 100)


@dataclass(frozen=True, kw_only=True)
class Generator:
    """A synchronous generator with governor and turbine.

    Mechanical power follows (P_set - df/R) through a governor lag T1 with a
    limited valve and a turbine (1 + T2 s) / (1 + T3 s), as TGOV1 does. Without
    T1, with T3 = T_R and T2 = F_H T_R, it is the reheat turbine of Anderson and
    Mirheydar's low-order model [1]_ (their K_m goes into the droop, R / K_m);
    `reheat` builds that.

    Attributes
    ----------
    name : str
    s_kva : float
        Rated apparent power, base of `inertia_s` and `droop_pu`. [kVA]
    inertia_s : float
        H, stored energy over rated power. [s]
    p_max_kw, p_min_kw : float
        Limits of the valve. [kW]
    p_set_kw : float
        Power at nominal frequency. [kW]
    droop_pu : float
        Governor droop R; ``math.inf`` for no governor. [p.u.]
    governor_lag_s, turbine_lead_s, turbine_lag_s : float
        T1, T2, T3; a lag of 0 leaves its block out. [s]

    References
    ----------
    .. [1] P. M. Anderson and M. Mirheydar, "A low-order system frequency response
       model," IEEE Trans. Power Syst., vol. 5, no. 3, 1990.
    """

    name: str
    s_kva: float
    inertia_s: float
    p_max_kw: float
    p_min_kw: float = 0.0
    p_set_kw: float = 0.0
    droop_pu: float = 0.05
    governor_lag_s: float = 0.1
    turbine_lead_s: float = 0.0
    turbine_lag_s: float = 0.3

    @classmethod
    def reheat(
        cls,
        *,
        name: str,
        s_kva: float,
        inertia_s: float,
        p_max_kw: float,
        p_set_kw: float = 0.0,
        droop_pu: float = 0.05,
        reheat_time_s: float = 8.0,
        high_pressure_share: float = 0.3,
        mechanical_gain: float = 0.95,
    ) -> Generator:
        """Turbine of the low-order model; the defaults are its paper's example."""
        owner = f"generator {name!r}"
        check(owner, "high_pressure_share", high_pressure_share, "", "0 to 1", 0, 1)
        check(owner, "mechanical_gain", mechanical_gain, "", "above 0, at most 2", _TINY, 2)
        return cls(
            name=name,
            s_kva=s_kva,
            inertia_s=inertia_s,
            p_max_kw=p_max_kw,
            p_set_kw=p_set_kw,
            droop_pu=droop_pu / mechanical_gain,
            governor_lag_s=0.0,
            turbine_lead_s=high_pressure_share * reheat_time_s,
            turbine_lag_s=reheat_time_s,
        )

    def __post_init__(self) -> None:
        owner = f"generator {self.name!r}"
        for name, unit in (("s_kva", "kVA"), ("p_max_kw", "kW")):
            _positive(owner, name, getattr(self, name), unit)
        check(owner, "inertia_s", self.inertia_s, "s", "0.01 to 100 s", 0.01, 100)
        check(owner, "p_min_kw", self.p_min_kw, "kW", "0 to p_max_kw", 0, self.p_max_kw)
        limits = f"{self.p_min_kw} to {self.p_max_kw} kW"
        check(owner, "p_set_kw", self.p_set_kw, "kW", limits, self.p_min_kw, self.p_max_kw)
        _droop(owner, self.droop_pu)
        _lag(owner, "governor_lag_s", self.governor_lag_s, zero=True)
        _lag(owner, "turbine_lag_s", self.turbine_lag_s, zero=True)
        expected = "0 to turbine_lag_s"
        check(owner, "turbine_lead_s", self.turbine_lead_s, "s", expected, 0, self.turbine_lag_s)


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
        _lag(owner, "lag_s", self.lag_s, zero=False)
        _lag(owner, "support_lag_s", self.support_lag_s, zero=False)
        for peer, rated_kw in enumerate(() if self.rated_kw is None else self.rated_kw):
            check(owner, f"rated_kw[{peer}]", rated_kw, "kW", "0 or more", 0, _HUGE)


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
    """

    former: GridFormer
    generators: tuple[Generator, ...] = ()
    inverters: InverterResponse = field(default_factory=InverterResponse)
    stages: tuple[ShedStage, ...] = FNN_STAGES
    stage_of_peer: Sequence[int] | None = None
    load_percent_per_hz: float = 1.0
    nominal_hz: float = 50.0

    def __post_init__(self) -> None:
        names = [generator.name for generator in self.generators]
        for name in sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"island: two generators are named {name!r}; expected unique names")
        check("island", "nominal_hz", self.nominal_hz, "Hz", "40 to 70 Hz", 40, 70)
        expected = "0 to 100 %/Hz"
        check("island", "load_percent_per_hz", self.load_percent_per_hz, "%/Hz", expected, 0, 100)
        self._check_band()
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
