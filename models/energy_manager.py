"""What every peer does about its contracts: what it offers, and how battery and PV keep a promise.

A contract's energy is due evenly over its period. A manager steers towards that path: the power
of the path, plus what it takes to catch up with the energy missed so far. Who has no contract
consumes what its own roof gives.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .battery import BatteryParams
from .draws import Floats, keys, uniform
from .forecast import Forecaster
from .promises import Promises, ScheduleLike

Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Offers:
    """What peers want to trade in one period, as plain numbers; every array is (n,).

    Attributes
    ----------
    side : int8 array
        +1 sells, −1 buys, 0 stays away.
    energy_wh : int64 array
        Whole Wh; 0 where nothing is offered. [Wh]
    limit_ticks : int64 array
        Lowest price of a seller, highest of a buyer; 0 where nothing is offered. [ticks]
    """

    side: npt.NDArray[np.int8]
    energy_wh: Ints
    limit_ticks: Ints


@dataclass(frozen=True, slots=True, kw_only=True)
class Tariffs:
    """Between which prices a peer can trade without loss.

    Parameters
    ----------
    feed_in_ticks, retail_ticks : int
        What the supplier pays and asks. [ticks]
    fee_cap_ticks : int
        The highest transport fee there is; buyers pay it on top. [ticks]
    """

    feed_in_ticks: int
    retail_ticks: int
    fee_cap_ticks: int = 0

    @property
    def span_ticks(self) -> int:
        """Room between the best alternatives of a seller and a buyer; 0 if there is none."""
        return max(0, self.retail_ticks - self.fee_cap_ticks - self.feed_in_ticks)


@dataclass(frozen=True, slots=True, kw_only=True)
class ManagerOptions:
    """How cautiously a manager promises and how quickly it catches up.

    Parameters
    ----------
    share : float
        Part of the forecast surplus or need that is offered. [1]
    battery_share : float
        Part of the charge above the reserve, and of the battery's power, that counts as
        deliverable in one period; the rest makes up for clouds. [1]
    soc_reserve : float
        State of charge that is kept for promises already made. [1]
    smallest_wh : int
        Less than this is not offered. [Wh]
    margin_spread : float
        How far a peer's margin moves from period to period, relative to it. [1]
    catch_up_s : float
        Time constant with which missed energy is made up; less near the period's end. [s]
    catch_up_kw : float
        Largest power on top of the path for catching up. [kW]
    """

    share: float = 0.8
    battery_share: float = 0.3
    soc_reserve: float = 0.2
    smallest_wh: int = 20
    margin_spread: float = 0.25
    catch_up_s: float = 60.0
    catch_up_kw: float = 5.0


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
    tariffs : Tariffs
        What the supplier pays and asks.
    margin : (n,) array or float
        Distance of a limit price from the peer's own tariff, as part of the span. [1]
    price_rngs : sequence of n generators
        One per peer; each gives one key when the object is made.
    lpd : int, optional
        Position of the local power distributor, which never offers.
    export_limit_kw : (n,) array or float
        Largest injection of a connection; PV is curtailed only for this. [kW]
    options : ManagerOptions
    """

    def __init__(
        self,
        *,
        forecaster: Forecaster,
        batteries: Sequence[BatteryParams | None],
        dt_s: float,
        ticks_per_period: int,
        tariffs: Tariffs,
        margin: npt.ArrayLike,
        price_rngs: Sequence[np.random.Generator],
        lpd: int | None = None,
        export_limit_kw: npt.ArrayLike = np.inf,
        options: ManagerOptions | None = None,
    ) -> None:
        self.n = len(batteries)
        for name, given in (("forecaster", forecaster.n), ("price_rngs", len(price_rngs))):
            if given != self.n:
                raise ValueError(f"{name} is for {given} peers, batteries for {self.n}")
        self._forecaster, self._tariffs = forecaster, tariffs
        self._options = options or ManagerOptions()
        self._margin = np.broadcast_to(np.asarray(margin, dtype=np.float64), self.n)
        self._export_kw = np.broadcast_to(np.asarray(export_limit_kw, dtype=np.float64), self.n)
        self._price_keys = keys(price_rngs)
        self._dt_s, self._ticks_per_period = dt_s, ticks_per_period
        self._promises = Promises(self.n, dt_s=dt_s, ticks_per_period=ticks_per_period)
        self._bids = np.ones(self.n, dtype=np.bool_)
        if lpd is not None:
            self._bids[lpd] = False
        stores = [b or BatteryParams(capacity_kwh=0.0, p_max_kw=0.0) for b in batteries]
        self._p_max_kw = np.array([b.p_max_kw for b in stores])
        self._deliverable_kwh = np.array([b.capacity_kwh * b.efficiency_discharge for b in stores])
        self._soc = np.array([b.soc_initial for b in stores])
        self._tripped = np.zeros(self.n, dtype=np.bool_)
        self._tick: int | None = None
        self._begin_wh = np.zeros(self.n)

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
        spare_kwh = np.maximum(soc - self._options.soc_reserve, 0.0) * self._deliverable_kwh
        most_kw = np.where(path_kw > 0.0, self._p_max_kw, spare_kwh / second_h)
        setpoint_kw = np.minimum(wanted_kw, np.minimum(most_kw, self._p_max_kw))
        setpoint_kw = np.maximum(setpoint_kw, -self._p_max_kw)
        limit_kw = np.maximum(self._export_kw + load_kw - setpoint_kw, 0.0)
        return setpoint_kw, limit_kw

    def offers(self, period: int) -> Offers:
        """Decide what every peer offers or asks for in a period, and at which limit.

        Returns
        -------
        Offers
            Of every peer; the local power distributor stays away.
        """
        options = self._options
        period_s = self._ticks_per_period * self._dt_s
        load_kwh, pv_kwh = self._forecaster.expect(
            period, period * period_s, (period + 1) * period_s
        )
        pv_kwh[self._tripped] = 0.0
        most_kwh = self._p_max_kw * period_s / 3600.0
        battery_kwh = options.battery_share * np.minimum(self._free_kwh(period), most_kwh)
        excess_wh = options.share * 1000.0 * (pv_kwh - load_kwh + battery_kwh)
        energy_wh = np.abs(excess_wh).astype(np.int64)
        offered = self._bids & (energy_wh >= max(options.smallest_wh, 1))
        side = np.where(offered, np.sign(excess_wh), 0.0).astype(np.int8)
        limit_ticks = np.where(offered, self._limits(period, side), 0)
        return Offers(side, np.where(offered, energy_wh, 0), limit_ticks)

    def _remember(
        self, tick: int, load_kw: Floats, pv_kw: Floats, soc: Floats, tripped: Bools
    ) -> None:
        """Keep what the next offers need."""
        elapsed_s = 1.0 if self._tick is None else (tick - self._tick) * self._dt_s
        self._forecaster.observe(load_kw, pv_kw, elapsed_s)
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
        if self._tick is None:
            return free_kwh
        until_h = max(0, period * self._ticks_per_period - self._tick) * self._dt_s / 3600.0
        load_kw, pv_kw = self._forecaster.recent_kw
        needed_kw = np.maximum(self._promises.path_kw(self._tick) + load_kw - pv_kw, 0.0)
        left_kwh: Floats = np.maximum(free_kwh - needed_kw * until_h, 0.0)
        return left_kwh

    def _limits(self, period: int, side: npt.NDArray[np.int8]) -> Ints:
        """Draw limit prices at which nobody loses: sellers' rounded up, buyers' down. [ticks]"""
        tariffs, spread = self._tariffs, self._options.margin_spread
        sway = 1.0 + spread * (2.0 * uniform(self._price_keys, period) - 1.0)
        margin_ticks = np.ceil(np.clip(self._margin * sway, 0.0, 1.0) * tariffs.span_ticks)
        highest_ticks = tariffs.retail_ticks - tariffs.fee_cap_ticks
        limits = np.where(
            side > 0, tariffs.feed_in_ticks + margin_ticks, highest_ticks - margin_ticks
        )
        return np.asarray(limits, dtype=np.int64)
