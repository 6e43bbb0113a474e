"""One battery with its own inverter: what it is asked for, limited by power, charge and room."""

import math
from dataclasses import dataclass, field


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
    """

    capacity_kwh: float
    p_max_kw: float
    efficiency_charge: float = 0.95
    efficiency_discharge: float = 0.95
    soc_initial: float = 0.5
    ramp_kw_per_s: float = math.inf
    vm_full_pu: float = 0.9

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
        for name in ("ramp_kw_per_s", "vm_full_pu"):
            if not getattr(self, name) > 0.0:
                raise ValueError(f"{name} is {getattr(self, name)}; expected more than 0")


@dataclass(slots=True)
class Battery:
    """A battery that follows its set-point as far as charge and room go.

    Attributes
    ----------
    p_kw : float
        Injection over the last step; charging is negative. [kW]
    stored_kwh : float
        Energy in the store after the last step. [kWh]
    charged_kwh, discharged_kwh, conversion_loss_kwh : float
        Taken from and given to the grid so far, and what conversion cost. Their balance,
        charged − discharged − loss, is the change of `stored_kwh`. [kWh]
    """

    params: BatteryParams
    p_kw: float = 0.0
    stored_kwh: float = field(init=False)
    charged_kwh: float = 0.0
    discharged_kwh: float = 0.0
    conversion_loss_kwh: float = 0.0

    def __post_init__(self) -> None:
        """Fill the store to its initial state of charge."""
        self.stored_kwh = self.params.soc_initial * self.params.capacity_kwh

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
        possible_kw = params.p_max_kw * min(1.0, vm_pu / params.vm_full_pu)
        room_kwh = params.capacity_kwh - self.stored_kwh
        most_kw = min(possible_kw, self.stored_kwh * params.efficiency_discharge / dt_h)
        least_kw = 0.0 - min(possible_kw, room_kwh / (params.efficiency_charge * dt_h))
        largest_kw = params.ramp_kw_per_s * dt_s
        p_kw = min(max(setpoint_kw, self.p_kw - largest_kw), self.p_kw + largest_kw)
        self.p_kw = min(max(p_kw, least_kw), most_kw)
        self._integrate(self.p_kw * dt_h)

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
