"""One battery with its own inverter: what it is asked for, limited by power, charge and room."""

import math
from dataclasses import dataclass, field

from . import curve as curve

Points = tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class BatteryParams:
    """Ratings of a battery, seen from its alternating-current side.

    Parameters
    ----------
    capacity_kwh : float
        Usable energy. [kWh]
    p_max_kw : float
        Largest power, both directions. [kW]
    efficiency_charge, efficiency_discharge : float
        Stored over taken; given over drawn from the store. [1]
    soc_initial : float
        State of charge at the start. [1]
    ramp_kw_per_s : float
        Fastest change. [kW/s]
    vm_full_pu : float
        Voltage below which the current limit takes power away in proportion. [p.u.]
    charge_curve, discharge_curve : tuple of (float, float)
        Points of power, per `p_max_kw`, and efficiency there, instead of the one efficiency;
        straight between them, flat outside. [1], [1]
    standby_kw : float
        What its electronics draw from the store all the time; an empty store's are off. [kW]
    self_discharge_percent_per_day : float
        What fades in a day of what is stored. [%/d]
    s_kva : float
        Largest apparent power, at `vm_full_pu` and above. [kVA]
    q_per_p : float
        Reactive power injected per active power; the tangent of the angle. [kvar/kW]
    """

    capacity_kwh: float
    p_max_kw: float
    efficiency_charge: float = 0.95
    efficiency_discharge: float = 0.95
    soc_initial: float = 0.5
    ramp_kw_per_s: float = math.inf
    vm_full_pu: float = 0.9
    charge_curve: Points = ()
    discharge_curve: Points = ()
    standby_kw: float = 0.0
    self_discharge_percent_per_day: float = 0.0
    s_kva: float = math.inf
    q_per_p: float = 0.0

    def __post_init__(self) -> None:
        """Refuse what no battery can be.

        Raises
        ------
        ValueError
            Naming the rating, its value and what was expected.
        """
        for name in ("capacity_kwh", "p_max_kw"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value >= 0.0):
                raise ValueError(f"{name} is {value}; expected a finite number, 0 or more")
        for name in ("efficiency_charge", "efficiency_discharge"):
            if not 0.0 < getattr(self, name) <= 1.0:
                raise ValueError(f"{name} is {getattr(self, name)}; expected 0 to 1, without 0")
        if not 0.0 <= self.soc_initial <= 1.0:
            raise ValueError(f"soc_initial is {self.soc_initial}; expected 0 to 1")
        for name in ("ramp_kw_per_s", "vm_full_pu", "s_kva"):
            if not getattr(self, name) > 0.0:
                raise ValueError(f"{name} is {getattr(self, name)}; expected more than 0")
        self._refuse_losses()

    def _refuse_losses(self) -> None:
        """Refuse losses that no battery has."""
        for name in ("charge_curve", "discharge_curve"):
            points = getattr(self, name)
            if points and (faults := curve.faults_of(points, charging=name == "charge_curve")):
                raise ValueError("; ".join(f"{name} {fault}" for fault in faults))
        if not 0.0 <= self.standby_kw <= self.p_max_kw:
            raise ValueError(
                f"standby_kw is {self.standby_kw}; expected 0 to p_max_kw, {self.p_max_kw}"
            )
        if not 0.0 <= self.self_discharge_percent_per_day < 100.0:
            raise ValueError(
                f"self_discharge_percent_per_day is {self.self_discharge_percent_per_day}; "
                "expected 0 to 100, without 100"
            )
        if not math.isfinite(self.q_per_p):
            raise ValueError(f"q_per_p is {self.q_per_p}; expected a finite number")

    @property
    def p_limit_kw(self) -> float:
        """Active power that rating and apparent power leave at full voltage. [kW]"""
        return min(self.p_max_kw, self.s_kva / math.sqrt(1.0 + self.q_per_p * self.q_per_p))

    @property
    def is_detailed(self) -> bool:
        """Whether its losses are more than one efficiency each way."""
        curved = self.charge_curve or self.discharge_curve
        return bool(curved) or self.standby_kw > 0.0 or self.self_discharge_percent_per_day > 0.0

    def knots(self, *, charging: bool) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Give one direction's curve as powers and efficiencies; flat where none was given.

        Returns
        -------
        knots_kw, efficiency : tuple of float
            [kW], [1]
        """
        flat = ((1.0, self.efficiency_charge if charging else self.efficiency_discharge),)
        points = (self.charge_curve if charging else self.discharge_curve) or flat
        return tuple(p * self.p_max_kw for p, _ in points), tuple(eta for _, eta in points)


@dataclass(slots=True)
class Battery:
    """A battery that follows its set-point as far as charge and room go.

    Attributes
    ----------
    p_kw : float
        Injection over the last step; charging is negative. [kW]
    stored_kwh : float
        Energy in the store after the last step. [kWh]
    charged_kwh, discharged_kwh, conversion_loss_kwh, standing_loss_kwh : float
        Taken from and given to the grid so far, what conversion cost, and what stand-by and
        self-discharge did. Their balance, charged − discharged − losses, is the change of
        `stored_kwh`. [kWh]
    """

    params: BatteryParams
    p_kw: float = 0.0
    stored_kwh: float = field(init=False)
    charged_kwh: float = 0.0
    discharged_kwh: float = 0.0
    conversion_loss_kwh: float = 0.0
    standing_loss_kwh: float = 0.0

    def __post_init__(self) -> None:
        """Fill the store to its initial state of charge."""
        self.stored_kwh = self.params.soc_initial * self.params.capacity_kwh

    @property
    def q_kvar(self) -> float:
        """Reactive injection over the last step. [kvar]"""
        return self.p_kw * self.params.q_per_p

    @property
    def soc(self) -> float:
        """State of charge, 0 to 1; 0 without capacity. [1]"""
        capacity_kwh = self.params.capacity_kwh
        return self.stored_kwh / capacity_kwh if capacity_kwh > 0.0 else 0.0

    def step(self, dt_s: float, setpoint_kw: float, vm_pu: float = 1.0) -> None:
        """Advance by one step; `p_kw` is what it could do of the set-point.

        Parameters
        ----------
        dt_s : float
            Length of the step. [s]
        setpoint_kw : float
            Wanted injection; charging is negative. [kW]
        vm_pu : float
            Voltage at its terminals. [p.u.]
        """
        params, dt_h = self.params, dt_s / 3600.0
        possible_kw = params.p_limit_kw * min(1.0, vm_pu / params.vm_full_pu)
        least_kw, most_kw = self._bounds(possible_kw, dt_s)
        largest_kw = params.ramp_kw_per_s * dt_s
        p_kw = min(max(setpoint_kw, self.p_kw - largest_kw), self.p_kw + largest_kw)
        self.p_kw = min(max(p_kw, least_kw), most_kw)
        if params.is_detailed:
            self._fade(dt_s)
        else:
            self._integrate(self.p_kw * dt_h)

    def _bounds(self, possible_kw: float, dt_s: float) -> tuple[float, float]:
        """Give the least and the most that charge and room allow over a step. [kW]"""
        params, dt_h = self.params, dt_s / 3600.0
        if not params.is_detailed:
            room_kwh = params.capacity_kwh - self.stored_kwh
            most_kw = min(possible_kw, self.stored_kwh * params.efficiency_discharge / dt_h)
            return 0.0 - min(possible_kw, room_kwh / (params.efficiency_charge * dt_h)), most_kw
        decay_per_h, weight_h = curve.standing(params.self_discharge_percent_per_day, dt_s)
        drawn_kw, stored_kw = curve.reach(
            self.stored_kwh, params.capacity_kwh, params.standby_kw, decay_per_h, weight_h
        )
        return (
            0.0 - min(possible_kw, curve.charging_kw(stored_kw, *params.knots(charging=True))),
            min(possible_kw, curve.discharging_kw(drawn_kw, *params.knots(charging=False))),
        )

    def _fade(self, dt_s: float) -> None:
        """Book what was moved by the curves, and what faded meanwhile."""
        params, dt_h = self.params, dt_s / 3600.0
        knots = params.knots(charging=self.p_kw < 0.0)
        gained_kw = curve.gained_kw(self.p_kw, *knots)
        stored_kwh, lost_kwh = curve.after_tick(
            self.stored_kwh,
            gained_kw,
            params.standby_kw,
            *curve.standing(params.self_discharge_percent_per_day, dt_s),
            dt_h,
        )
        self.charged_kwh += max(0.0, -self.p_kw) * dt_h
        self.discharged_kwh += max(0.0, self.p_kw) * dt_h
        self.conversion_loss_kwh -= (self.p_kw + gained_kw) * dt_h
        self.standing_loss_kwh += lost_kwh
        self.stored_kwh = min(max(stored_kwh, 0.0), params.capacity_kwh)

    def _integrate(self, moved_kwh: float) -> None:
        """Book what was moved; rounding never carries the store past empty or full."""
        params = self.params
        if moved_kwh < 0.0:
            stored_kwh = self.stored_kwh - moved_kwh * params.efficiency_charge
            self.charged_kwh -= moved_kwh
            self.conversion_loss_kwh -= moved_kwh * (1.0 - params.efficiency_charge)
        else:
            drawn_kwh = moved_kwh / params.efficiency_discharge
            stored_kwh = self.stored_kwh - drawn_kwh
            self.discharged_kwh += moved_kwh
            self.conversion_loss_kwh += drawn_kwh - moved_kwh
        self.stored_kwh = min(max(stored_kwh, 0.0), params.capacity_kwh)
