"""What every peer does about its contracts: what it can promise, and how battery and PV keep it.

A contract's energy is due evenly over its period. A manager steers towards that path: the power
of the path, plus what it takes to catch up with the energy missed so far. Who has no contract
consumes what its own roof gives.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ..draws import Floats
from ..forecast import Forecaster
from ..promises import Promises, ScheduleLike
from ..storage.battery import BatteryParams

if TYPE_CHECKING:  # kernels are loaded by who plays, not by who checks a scenario
    from ..loads.flexible import FlexibleLoads

Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]

NO_BATTERY = BatteryParams(
    capacity_kwh=0.0, p_max_kw=0.0, efficiency_charge=1.0, efficiency_discharge=1.0
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Prospects:
    """What peers can give and need in one period, as plain numbers; injection positive.

    Attributes
    ----------
    net_wh : (n,) int64 array
        Forecast surplus or need without storage, as far as it is offered. [Wh]
    stored_wh, room_wh : (n,) int64 array
        What batteries could give and take in this period, as far as it is offered. [Wh]
    held_wh, size_wh : (n,) int64 array
        What batteries could give above their reserve in all, then and if they were full. [Wh]
    power_wh : (n,) int64 array
        The most that they give or take in a period. [Wh]
    efficiency : (n,) float64 array
        Round trip, grid side to grid side; 1 without a battery. [1]
    ahead_wh : (n, h) int64 array
        Forecast surplus or need of the periods that follow, as far as the profiles reach. [Wh]
    less_wh, more_wh : (n,) int64 array
        By how much flexible devices could consume less and more than is forecast of them, within
        their comfort, as far as it is offered. [Wh]
    """

    net_wh: Ints
    stored_wh: Ints
    room_wh: Ints
    held_wh: Ints
    size_wh: Ints
    power_wh: Ints
    efficiency: Floats
    ahead_wh: Ints
    less_wh: Ints
    more_wh: Ints


@dataclass(frozen=True, slots=True, kw_only=True)
class ManagerOptions:
    """How cautiously a manager promises and how quickly it catches up.

    Parameters
    ----------
    share : float
        Part of the forecast surplus or need that is offered. [1]
    battery_share : float
        Part of the charge above the reserve, of the room left, and of the battery's power, that
        counts as deliverable in one period; the rest makes up for clouds. [1]
    soc_reserve : float
        State of charge that is kept for promises already made. [1]
    catch_up_s : float
        Time constant with which missed energy is made up; less near the period's end. [s]
    catch_up_kw : float
        Largest power on top of the path for catching up. [kW]
    devices_share : float
        Part of what flexible devices could change that is offered; they have moved on until the
        period begins. [1]
    """

    share: float = 0.8
    battery_share: float = 0.3
    soc_reserve: float = 0.2
    catch_up_s: float = 60.0
    catch_up_kw: float = 5.0
    devices_share: float = 0.5


class EnergyManagers:
    """The energy managers of n peers.

    Parameters
    ----------
    forecaster : Forecaster
        Of the same peers; `plan` feeds it with what is measured.
    batteries : sequence of n BatteryParams or None
        None for a peer without.
    dt_s : float
        Length of a tick. [s]
    ticks_per_period : int
        Length of a delivery period; period p begins at tick p · `ticks_per_period`. [ticks]
    export_limit_kw : (n,) array or float
        Largest injection of a connection; PV is curtailed only for this. [kW]
    options : ManagerOptions

    Attributes
    ----------
    ask_kw : (n,) float64 array
        Change of consumption that flexible devices are asked for: what batteries lack or have
        no room for. [kW]
    devices : FlexibleLoads or None
        The flexible devices of the same peers; whoever makes the run sets it. What they draw is
        part of the load, and of the forecast by their own plans.
    """

    devices: "FlexibleLoads | None" = None

    def __init__(
        self,
        *,
        forecaster: Forecaster,
        batteries: Sequence[BatteryParams | None],
        dt_s: float,
        ticks_per_period: int,
        export_limit_kw: npt.ArrayLike = np.inf,
        options: ManagerOptions | None = None,
    ) -> None:
        self.n = len(batteries)
        if forecaster.n != self.n:
            raise ValueError(f"forecaster is for {forecaster.n} peers, batteries for {self.n}")
        self._forecaster = forecaster
        self._options = options or ManagerOptions()
        self._export_kw = np.broadcast_to(np.asarray(export_limit_kw, dtype=np.float64), self.n)
        self._dt_s, self._ticks_per_period = dt_s, ticks_per_period
        self._promises = Promises(self.n, dt_s=dt_s, ticks_per_period=ticks_per_period)
        stores = [b or NO_BATTERY for b in batteries]
        self._p_max_kw = np.array([b.p_max_kw for b in stores])
        self._capacity_kwh = np.array([b.capacity_kwh for b in stores])
        self._deliverable_kwh = np.array([b.capacity_kwh * b.efficiency_discharge for b in stores])
        self._efficiency_in = np.array([b.efficiency_charge for b in stores])
        self._efficiency = self._efficiency_in * [b.efficiency_discharge for b in stores]
        self._soc = np.array([b.soc_initial for b in stores])
        self._caps_kw: dict[int, Floats] = {}
        self._tripped = np.zeros(self.n, dtype=np.bool_)
        self._tick: int | None = None
        self._begin_wh = np.zeros(self.n)
        self.ask_kw = np.zeros(self.n)

    def adopt(self, peer: int, schedule: ScheduleLike) -> bool:
        """Take a peer's schedule, unless it is stale, doubled or for a period that is over.

        Returns
        -------
        bool
            Whether it was taken.
        """
        return self._promises.adopt(peer, schedule)

    def plan(
        self,
        tick: int,
        *,
        load_kw: Floats,
        pv_available_kw: Floats,
        soc: Floats,
        metered_wh: Floats,
        tripped: Bools,
    ) -> tuple[Floats, Floats]:
        """Decide what batteries and PV do until the next whole second.

        Call it at every whole second, and in between when a schedule has changed.

        Parameters
        ----------
        tick : int
            Tick that begins now, counted from the start of physics.
        load_kw, pv_available_kw : (n,) float64 array
            Consumption, and what the sky offers, as measured now. [kW]
        soc : (n,) float64 array
            State of charge of the batteries. [1]
        metered_wh : (n,) float64 array
            Register of the meters: net injection so far, never reset. [Wh]
        tripped : (n,) bool array
            Peers whose PV inverter is off.

        Returns
        -------
        battery_setpoint_kw, pv_limit_kw : (n,) float64 array
            Wanted injection of the batteries; what PV may feed in. [kW]
        """
        pv_kw = np.where(tripped, 0.0, pv_available_kw)
        self._remember(tick, load_kw, pv_kw, soc, tripped)
        if self._promises.enter(tick // self._ticks_per_period):
            self._begin_wh[:] = metered_wh
        path_kw = self._promises.path_kw(tick)
        target_kw = path_kw + self._catch_up_kw(tick, metered_wh)
        target_kw = np.where(path_kw > 0.0, np.maximum(target_kw, 0.0), target_kw)
        target_kw = np.where(path_kw < 0.0, np.minimum(target_kw, 0.0), target_kw)
        wanted_kw = target_kw + load_kw - pv_kw
        second_h = self._promises.ticks_per_second * self._dt_s / 3600.0
        kept, most_kw = self._keep(tick, load_kw, pv_kw, metered_wh)
        spare_kwh = np.maximum(soc - kept, 0.0) * self._deliverable_kwh
        most_kw = np.where(path_kw > 0.0, np.inf, np.minimum(most_kw, spare_kwh / second_h))
        setpoint_kw = np.minimum(wanted_kw, np.minimum(most_kw, self._p_max_kw))
        setpoint_kw = np.maximum(setpoint_kw, -self._p_max_kw)
        export_kw = self._caps_kw.get(tick // self._ticks_per_period, self._export_kw)
        limit_kw = np.maximum(export_kw + load_kw - setpoint_kw, 0.0)
        self.ask_kw = np.where(self._promises.bound, setpoint_kw - wanted_kw, 0.0)
        return setpoint_kw, limit_kw

    @property
    def free(self) -> Bools:
        """Peers without a contract now, whose flexible devices do as they like. (n,)"""
        return ~self._promises.bound

    def cap(self, period: int, export_kw: Floats) -> None:
        """Hold peers to less injection in one period than their connections allow. (n,) [kW]

        A battery's contracted path stays; PV yields.
        """
        self._caps_kw[period] = np.minimum(export_kw, self._export_kw)

    def expected_wh(self, period: int) -> Floats:
        """Net injection of every peer in a period, as it is forecast, without storage. (n,) [Wh]"""
        return 1000.0 * self._net_kwh(period)

    def prospects(self, period: int, *, periods_ahead: int = 0) -> Prospects:
        """Say what every peer can give or needs in a period, and what is to be expected after it.

        Parameters
        ----------
        period : int
        periods_ahead : int
            How many periods to forecast after it; fewer where the profiles end.
        """
        options = self._options
        most_kwh = self._p_max_kw * self._period_h
        free_kwh, room_kwh = self._free_kwh(period), self._room_kwh(period)
        give_kwh = options.battery_share * np.minimum(free_kwh, most_kwh)
        take_kwh = options.battery_share * np.minimum(room_kwh, most_kwh)
        net_kwh = self._net_kwh(period)
        net_wh, with_store_wh = (
            (options.share * 1000.0 * kwh).astype(np.int64) for kwh in (net_kwh, net_kwh + give_kwh)
        )
        usable_kwh = (1.0 - options.soc_reserve) * self._deliverable_kwh
        less_wh, more_wh = self._devices_wh(period)
        return Prospects(
            net_wh=net_wh,
            stored_wh=with_store_wh - net_wh,
            room_wh=(options.share * 1000.0 * take_kwh).astype(np.int64),
            held_wh=(1000.0 * free_kwh).astype(np.int64),
            size_wh=(1000.0 * usable_kwh).astype(np.int64),
            power_wh=(1000.0 * most_kwh).astype(np.int64),
            efficiency=self._efficiency,
            ahead_wh=self._ahead_wh(period, periods_ahead),
            less_wh=less_wh,
            more_wh=more_wh,
        )

    def _keep(
        self, tick: int, load_kw: Floats, pv_kw: Floats, metered_wh: Floats
    ) -> tuple[Floats, Floats]:
        """Say what batteries keep for later, and the most that they give now, unless they sell.

        Returns
        -------
        kept, most_kw : (n,) float64 array
            State of charge [1], injection [kW].
        """
        return np.full(self.n, self._options.soc_reserve), np.full(self.n, np.inf)

    @property
    def _period_h(self) -> float:
        return self._ticks_per_period * self._dt_s / 3600.0

    def _net_kwh(self, period: int) -> Floats:
        """Forecast a period's surplus; a tripped inverter has no sun. (n,) [kWh]"""
        period_s = self._ticks_per_period * self._dt_s
        load_kwh, pv_kwh = self._forecaster.expect(
            period, period * period_s, (period + 1) * period_s
        )
        pv_kwh[self._tripped] = 0.0
        net_kwh: Floats = pv_kwh - load_kwh
        return net_kwh

    def _devices_wh(self, period: int) -> tuple[Ints, Ints]:
        """Say by how much devices can leave what is forecast of them. (n,), (n,) [Wh]"""
        if self.devices is None:
            return np.zeros(self.n, dtype=np.int64), np.zeros(self.n, dtype=np.int64)
        until_h, _ = self._until(period)
        less_wh, more_wh = self.devices.margins_wh(3600.0 * until_h, 3600.0 * self._period_h)
        share = self._options.devices_share
        return (share * less_wh).astype(np.int64), (share * more_wh).astype(np.int64)

    def _ahead_wh(self, period: int, periods_ahead: int) -> Ints:
        """Forecast the periods that follow, as far as the profiles reach. (n, h) [Wh]"""
        period_s = self._ticks_per_period * self._dt_s
        reach = int(self._forecaster.until_s / period_s + 1e-9) - (period + 1)
        ahead = [
            (1000.0 * self._net_kwh(period + 1 + k)).astype(np.int64)
            for k in range(min(periods_ahead, max(reach, 0)))
        ]
        return np.stack(ahead, axis=1) if ahead else np.zeros((self.n, 0), dtype=np.int64)

    def _remember(
        self, tick: int, load_kw: Floats, pv_kw: Floats, soc: Floats, tripped: Bools
    ) -> None:
        """Keep what the next prospects need."""
        elapsed_s = 1.0 if self._tick is None else (tick - self._tick) * self._dt_s
        fixed_kw = load_kw if self.devices is None else load_kw - self.devices.drawn_kw
        self._forecaster.observe(fixed_kw, pv_kw, elapsed_s)
        self._tick = tick
        self._soc[:] = soc
        self._tripped[:] = tripped

    def _catch_up_kw(self, tick: int, metered_wh: Floats) -> Floats:
        """Give the power that makes up for the energy missed so far. [kW]"""
        due_wh = self._promises.due_wh(tick) - (metered_wh - self._begin_wh)
        behind_wh = np.where(self._promises.bound, due_wh, 0.0)
        within = tick % self._ticks_per_period
        left_s = (self._ticks_per_period - within) * self._dt_s
        within_s = max(min(self._options.catch_up_s, left_s), 1.0)
        most_kw = self._options.catch_up_kw
        catch_up_kw: Floats = np.clip(behind_wh * 3.6 / within_s, -most_kw, most_kw)
        return catch_up_kw

    def _free_kwh(self, period: int) -> Floats:
        """Give what batteries could deliver above their reserve when a period begins. [kWh]"""
        spare = np.maximum(self._soc - self._options.soc_reserve, 0.0)
        free_kwh: Floats = spare * self._deliverable_kwh
        until_h, wanted_kw = self._until(period)
        left_kwh: Floats = np.maximum(free_kwh - np.maximum(wanted_kw, 0.0) * until_h, 0.0)
        return left_kwh

    def _room_kwh(self, period: int) -> Floats:
        """Give what batteries could still take from the grid when a period begins. [kWh]"""
        room_kwh = (1.0 - self._soc) * self._capacity_kwh / self._efficiency_in
        until_h, wanted_kw = self._until(period)
        left_kwh: Floats = np.maximum(room_kwh - np.maximum(-wanted_kw, 0.0) * until_h, 0.0)
        return left_kwh

    def _until(self, period: int) -> tuple[float, Floats]:
        """Give the time until a period begins, and what batteries are asked for now. [h], [kW]"""
        if self._tick is None:
            return 0.0, np.zeros(self.n)
        until_h = max(0, period * self._ticks_per_period - self._tick) * self._dt_s / 3600.0
        load_kw, pv_kw = self._forecaster.recent_kw
        return until_h, self._promises.path_kw(self._tick) + load_kw - pv_kw
