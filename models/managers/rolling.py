"""Energy managers that look ahead: a linear program says what batteries keep for later."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from ..draws import Floats
from ..forecast import Forecaster
from ..promises import ScheduleLike
from ..storage.battery import BatteryParams
from ..storage.plan import PlanPrices, Stores, plan_storage
from .energy_manager import EnergyManagers, ManagerOptions

__all__ = ["RollingManagers", "RollingOptions"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RollingOptions:
    """How far and how often the optimisation looks.

    Raises
    ------
    ValueError
        If it looks at less than a period, or plans without pause.
    """

    periods: int = 8
    """Delivery periods that are planned at once, fewer where the profiles end."""
    every_s: float = 60.0
    """Time between plans; a new contract or period brings one at once. [s]"""
    soc_least: float = 0.05
    """State of charge below which only a sale discharges; for errors of the forecast. [1]"""
    prices: PlanPrices = field(default_factory=PlanPrices)

    def __post_init__(self) -> None:
        if self.periods < 1 or not self.every_s > 0.0 or not 0.0 <= self.soc_least <= 1.0:
            raise ValueError(
                f"a plan over {self.periods} periods every {self.every_s:g} s that keeps "
                f"{self.soc_least:g} of the charge; expected at least 1, more than 0 s, 0 to 1"
            )


class RollingManagers(EnergyManagers):
    """Follows contracts second by second as the rule does, and lets a plan say what is kept.

    In place of a fixed reserve, a battery keeps what the cheapest plan wants it to hold at the
    end of the period, less the surplus that is still expected until then. Where the plan charges
    from the grid, for a promise that the sun will not keep, it charges evenly.

    Parameters
    ----------
    forecaster, batteries, dt_s, ticks_per_period, export_limit_kw, options
        As of `EnergyManagers`.
    rolling : RollingOptions
    """

    def __init__(
        self,
        *,
        forecaster: Forecaster,
        batteries: Sequence[BatteryParams | None],
        dt_s: float,
        ticks_per_period: int,
        export_limit_kw: npt.ArrayLike = np.inf,
        options: ManagerOptions | None = None,
        rolling: RollingOptions | None = None,
    ) -> None:
        super().__init__(
            forecaster=forecaster,
            batteries=batteries,
            dt_s=dt_s,
            ticks_per_period=ticks_per_period,
            export_limit_kw=export_limit_kw,
            options=options,
        )
        self._rolling = rolling or RollingOptions()
        self._with = np.flatnonzero(self._capacity_kwh > 0.0)
        efficiency_out = self._efficiency / self._efficiency_in
        self._stores = Stores(
            capacity_kwh=self._capacity_kwh[self._with],
            p_max_kw=self._p_max_kw[self._with],
            efficiency_charge=self._efficiency_in[self._with],
            efficiency_discharge=efficiency_out[self._with],
        )
        self._plan_until = -1
        self._kept, self._most_kw = np.zeros(self.n), np.full(self.n, np.inf)

    def adopt(self, peer: int, schedule: ScheduleLike) -> bool:
        """Take a peer's schedule as the rule does, and plan anew with it."""
        taken = super().adopt(peer, schedule)
        if taken:
            self._plan_until = -1
        return taken

    def _keep(
        self, tick: int, load_kw: Floats, pv_kw: Floats, metered_wh: Floats
    ) -> tuple[Floats, Floats]:
        """Say what the plan wants kept; plan anew when it is time to."""
        if tick >= self._plan_until and self._with.size:
            self._look_ahead(tick, metered_wh)
            next_period = (tick // self._ticks_per_period + 1) * self._ticks_per_period
            pause = max(round(self._rolling.every_s / self._dt_s), 1)
            self._plan_until = min(tick + pause, next_period)
        return self._kept, self._most_kw

    def _look_ahead(self, tick: int, metered_wh: Floats) -> None:
        """Plan from this tick on, and keep what it says about the present period."""
        surplus_kwh, due_kwh, bound, hours = self._outlook(tick, metered_wh)
        held_kwh = self._soc[self._with] * self._stores.capacity_kwh
        planned_kwh = plan_storage(
            surplus_kwh, due_kwh, bound, held_kwh, self._stores, hours, self._rolling.prices
        )[:, 0]
        spare_kwh = np.maximum(surplus_kwh[:, 0] - due_kwh[:, 0], 0.0)
        still_kwh = self._stores.efficiency_charge * spare_kwh
        kept = (planned_kwh - still_kwh) / self._stores.capacity_kwh
        self._kept[self._with] = np.maximum(kept, self._rolling.soc_least)
        bought_kwh = (planned_kwh - held_kwh) / self._stores.efficiency_charge - spare_kwh
        buys = ~bound[:, 0] & (bought_kwh > 1e-6)
        self._most_kw[self._with] = np.where(buys, -bought_kwh / hours[0], np.inf)

    def _outlook(
        self, tick: int, metered_wh: Floats
    ) -> tuple[Floats, Floats, npt.NDArray[np.bool_], Floats]:
        """Gather what is left of this period, and the next ones, of those with a battery."""
        period, within = divmod(tick, self._ticks_per_period)
        reach = int(self._forecaster.until_s / (3600.0 * self._period_h) + 1e-9)
        periods = range(period, max(min(period + self._rolling.periods, reach), period + 1))
        left = np.ones(len(periods))
        left[0] = 1.0 - within / self._ticks_per_period
        asked = [self._promises.asked_wh(p) for p in periods]
        due_kwh = np.stack([wh for wh, _ in asked], axis=1) / 1000.0
        due_kwh[:, 0] -= (metered_wh - self._begin_wh) / 1000.0
        bound = np.stack([who for _, who in asked], axis=1)
        due_kwh[~bound] = 0.0
        surplus_kwh = np.stack([self._net_kwh(p) for p in periods], axis=1) * left
        mine = self._with
        return surplus_kwh[mine], due_kwh[mine], bound[mine], left * self._period_h
