"""The store behind a grid-former: what it holds, what it can still take, what voltage it sets."""

from __future__ import annotations

import math

from .sources import GridFormer


class FormerStore:
    """State of charge and reference voltage of the grid-former.

    It integrates the power that the power flow made it deliver, whatever it had
    wanted; `close` books one tick.

    Attributes
    ----------
    stored_kwh, conversion_loss_kwh : float
        Energy held, and energy lost in conversion since the start. [kWh]
    vm_pu : float
        Voltage it sets at its bus. [p.u.]
    """

    def __init__(self, params: GridFormer, dt_s: float) -> None:
        self._params = params
        self._hours = dt_s / 3600
        self.stored_kwh = params.soc_initial * params.capacity_kwh
        self.conversion_loss_kwh = 0.0
        self._p_max_kw, self._s2_kva2 = float(params.p_max_kw), float(params.s_kva**2)
        self.vm_pu = float(params.vm_set_pu)
        full_power_kw = max(2 * params.p_max_kw, params.peak_factor * params.s_kva)
        self._full_kwh = params.capacity_kwh - 2 * (
            params.p_max_kw * self._hours * params.efficiency_charge
        )
        self._taper_per_h = params.p_max_kw / (params.capacity_kwh * (1 - params.taper_soc))
        self._reserve_kwh = full_power_kw * self._hours / params.efficiency_discharge
        lag_s = params.measurement_lag_s
        self._follow = 1.0 if lag_s == 0 else -math.expm1(-dt_s / lag_s)
        if self.empty:
            low = self._reserve_kwh / params.capacity_kwh
            raise ValueError(
                f"grid-former: soc_initial is {params.soc_initial}; expected above {low:.6f}, "
                "since it trips while two ticks of full power are left"
            )

    @property
    def soc(self) -> float:
        """State of charge. [1]"""
        return self.stored_kwh / self._params.capacity_kwh

    @property
    def empty(self) -> bool:
        """Whether no more than two ticks of full power are left."""
        return self.stored_kwh <= self._reserve_kwh

    def overfull(self, former_kw: float) -> bool:
        """Whether another two ticks of this charging power no longer fit."""
        gained_kwh = -2 * former_kw * self._hours * self._params.efficiency_charge
        room_kwh = self._params.capacity_kwh - self.stored_kwh
        return former_kw < 0 and gained_kwh > room_kwh

    def close(self, former_kw: float) -> None:
        """Book one tick at this power, positive into the grid. [kW]"""
        energy_kwh = former_kw * self._hours
        if energy_kwh > 0:
            drawn_kwh = energy_kwh / self._params.efficiency_discharge
        else:
            drawn_kwh = energy_kwh * self._params.efficiency_charge
        self.stored_kwh -= drawn_kwh
        self.conversion_loss_kwh += drawn_kwh - energy_kwh

    def limits_kw(self, former_kvar: float) -> tuple[float, float]:
        """Least and greatest active power beside this reactive power. [kW]

        Near full the charge limit tapers to zero while two ticks of full power
        would still fit, so that a sudden surplus finds room.
        """
        high_kw = min(self._p_max_kw, math.sqrt(max(self._s2_kva2 - former_kvar**2, 0.0)))
        room_kwh = max(self._full_kwh - self.stored_kwh, 0.0)
        return -min(high_kw, self._taper_per_h * room_kwh), high_kw

    def follow_voltage(self, former_kw: float, former_kvar: float) -> None:
        """Move the voltage towards Q-V droop, lowered where the current is limited."""
        params = self._params
        wanted_pu = params.vm_set_pu - params.voltage_droop_pu * former_kvar / params.s_kva
        apparent_kva = math.hypot(former_kw, former_kvar)
        if apparent_kva > params.s_kva:
            wanted_pu *= params.s_kva / apparent_kva
        wanted_pu = max(wanted_pu, params.vm_low_pu)
        self.vm_pu += self._follow * (wanted_pu - self.vm_pu)
