"""What makes an island's frequency: the grid-former and synchronous generators."""

from __future__ import annotations

from dataclasses import dataclass

from .checks import TINY, check, check_droop, check_lag, check_positive


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
            check_positive(owner, name, getattr(self, name), unit)
        check(owner, "p_max_kw", self.p_max_kw, "kW", "at most s_kva", 0, self.s_kva)
        for name in ("efficiency_charge", "efficiency_discharge"):
            check(owner, name, getattr(self, name), "", "above 0, at most 1", TINY, 1)
        check(owner, "soc_initial", self.soc_initial, "", "0 to 1", 0, 1)
        check(owner, "taper_soc", self.taper_soc, "", "0 to below 1", 0, 1 - 1e-9)
        check_droop(owner, self.droop_pu)
        check_lag(owner, "measurement_lag_s", self.measurement_lag_s, zero=True)
        if self.virtual_inertia_s is not None:
            check(owner, "virtual_inertia_s", self.virtual_inertia_s, "s", "0 to 100 s", 0, 100)
        check(owner, "voltage_droop_pu", self.voltage_droop_pu, "p.u.", "0 to 0.2", 0, 0.2)
        check(owner, "vm_set_pu", self.vm_set_pu, "p.u.", "0.8 to 1.2", 0.8, 1.2)
        check(owner, "vm_low_pu", self.vm_low_pu, "p.u.", "0.1 to vm_set_pu", 0.1, self.vm_set_pu)
        check_positive(owner, "overload_time_s", self.overload_time_s, "s")
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
        check(owner, "mechanical_gain", mechanical_gain, "", "above 0, at most 2", TINY, 2)
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
            check_positive(owner, name, getattr(self, name), unit)
        check(owner, "inertia_s", self.inertia_s, "s", "0.01 to 100 s", 0.01, 100)
        check(owner, "p_min_kw", self.p_min_kw, "kW", "0 to p_max_kw", 0, self.p_max_kw)
        limits = f"{self.p_min_kw} to {self.p_max_kw} kW"
        check(owner, "p_set_kw", self.p_set_kw, "kW", limits, self.p_min_kw, self.p_max_kw)
        check_droop(owner, self.droop_pu)
        check_lag(owner, "governor_lag_s", self.governor_lag_s, zero=True)
        check_lag(owner, "turbine_lag_s", self.turbine_lag_s, zero=True)
        expected = "0 to turbine_lag_s"
        check(owner, "turbine_lead_s", self.turbine_lead_s, "s", expected, 0, self.turbine_lag_s)
