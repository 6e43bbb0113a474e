"""A PV system that stands alone: modules under the sky, an inverter behind them."""

from ..inverters.inverter import Inverter, InverterParams


class PvSystem:
    """PV modules with an inverter, fed by an irradiance or by a ready-made power.

    Parameters
    ----------
    p_kwp : float
        Power of the modules at 1000 W/m². [kW]
    inverter : InverterParams, optional
        Left out: one as large as the modules.
    performance_ratio : float
        Share of the nominal power that reaches the inverter. [1]

    Attributes
    ----------
    inverter : Inverter
        Holds power, state and energy register; `trip` and `clear` are its.
    """

    def __init__(
        self,
        p_kwp: float,
        *,
        inverter: InverterParams | None = None,
        performance_ratio: float = 0.85,
    ) -> None:
        if not p_kwp >= 0.0:
            raise ValueError(f"p_kwp is {p_kwp}; expected 0 or more")
        if not 0.0 < performance_ratio <= 1.0:
            raise ValueError(
                f"performance_ratio is {performance_ratio}; expected 0 to 1, without 0"
            )
        self.p_kwp, self.performance_ratio = p_kwp, performance_ratio
        self.inverter = Inverter(inverter or InverterParams(p_rated_kw=p_kwp, s_kva=p_kwp))

    @property
    def p_kw(self) -> float:
        """Active power over the last step. [kW]"""
        return self.inverter.p_kw

    @property
    def q_kvar(self) -> float:
        """Reactive power over the last step. [kvar]"""
        return self.inverter.q_kvar

    def available_kw(self, irradiance_w_per_m2: float) -> float:
        """Give what the modules offer under an irradiance in their plane. [kW]"""
        return max(0.0, self.p_kwp * self.performance_ratio * irradiance_w_per_m2 / 1000.0)

    def step(
        self,
        dt_s: float,
        available_kw: float,
        *,
        limit_kw: float = float("inf"),
        vm_pu: float = 1.0,
        f_hz: float = 50.0,
    ) -> None:
        """Advance by one step; see `Inverter.step`."""
        self.inverter.step(dt_s, min(available_kw, self.p_kwp), limit_kw, vm_pu, f_hz)
