"""All PV inverters and batteries of a village, advanced together once per tick.

At each tick the fleet first books what really flowed in the last one, frequency response
included, into its stores, and then limits the new set-points so that power times time fits
into what is left.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from . import _kernels_der as k
from .inverters.fleet import InverterFleet
from .inverters.functions import InverterFunctions
from .inverters.inverter import InverterParams, State
from .storage.battery import BatteryParams
from .storage.curve import standing
from .storage.reactive import BatteryReactive

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

_MODES: dict[float, State] = {k.RUNNING: "running", k.TRIPPED: "tripped", k.WAITING: "waiting"}


@dataclass(frozen=True, slots=True)
class DerTick:
    """What the fleet does over one tick; every array is (n,) and reused by the next step.

    Attributes
    ----------
    pv_kw, battery_kw : float64 array
        Injection before any response to frequency; charging is negative. [kW]
    q_kvar : float64 array
        Reactive injection. [kvar]
    soc : float64 array
        State of charge at the beginning of the tick, 0 to 1. [1]
    headroom_down_kw, headroom_up_kw : float64 array
        How far injection can be reduced (PV to zero, then charging) and raised (discharging);
        a response within them never overfills or empties a store. [kW]
    last_pv_kw, last_battery_kw : float64 array
        What really flowed in the tick before, its response included. [kW]
    """

    pv_kw: Floats
    battery_kw: Floats
    q_kvar: Floats
    soc: Floats
    headroom_down_kw: Floats
    headroom_up_kw: Floats
    last_pv_kw: Floats
    last_battery_kw: Floats


@dataclass(frozen=True, slots=True)
class DerAudit:
    """Energy that the fleet integrated so far; every array is (n,). [kWh]

    Attributes
    ----------
    stored_kwh : float64 array
        In the batteries now.
    charged_kwh, discharged_kwh : float64 array
        Taken from and given to the grid.
    conversion_loss_kwh : float64 array
        Lost in conversion.
    standing_loss_kwh : float64 array
        What stand-by and self-discharge took.
    clipped_kwh : float64 array
        What a response beyond the headroom asked of full (positive) or empty (negative) stores.
        Rounding apart, it is zero; anything else is a fault of the caller.
    pv_kwh : float64 array
        Fed in by PV.
    """

    stored_kwh: Floats
    charged_kwh: Floats
    discharged_kwh: Floats
    conversion_loss_kwh: Floats
    standing_loss_kwh: Floats
    clipped_kwh: Floats
    pv_kwh: Floats


class DerFleet:
    """PV inverters and batteries of n peers.

    Parameters
    ----------
    inverters : sequence of n InverterParams or None
        The PV inverter of every peer; None for a peer without.
    batteries : sequence of n BatteryParams or None
        The battery of every peer; None for a peer without.
    dt_s : float
        Length of a tick. [s]
    measured : (n,) bool array, optional
        Peers whose PV power comes from a device (real or emulated): `pv_available_kw` and
        `measured_q_kvar` are then taken as they are, without limit, lag or protection.
    functions : sequence of n InverterFunctions or None, optional
        What a peer's PV inverter does for the grid by its standard; it then protects itself by
        that too. None for a peer whose inverter feeds what is available and trips by its params.
    battery_functions : sequence of n InverterFunctions or None, optional
        What a peer's battery inverter does with reactive power, in place of its power factor.
    """

    def __init__(
        self,
        inverters: Sequence[InverterParams | None],
        batteries: Sequence[BatteryParams | None],
        *,
        dt_s: float,
        measured: npt.ArrayLike | None = None,
        functions: Sequence[InverterFunctions | None] | None = None,
        battery_functions: Sequence[InverterFunctions | None] | None = None,
    ) -> None:
        if len(inverters) != len(batteries):
            raise ValueError(f"{len(inverters)} inverters for {len(batteries)} batteries")
        if not dt_s > 0.0:
            raise ValueError(f"dt_s is {dt_s}; expected more than 0")
        self.n, self.dt_s = len(inverters), dt_s
        self._params = np.zeros((k.N_PARAMS, self.n))
        self._state = np.zeros((k.N_STATES, self.n))
        self._inputs = np.zeros((6, self.n))
        self._out = np.zeros((k.N_OUTPUTS, self.n))
        for peer, (inverter, battery) in enumerate(zip(inverters, batteries, strict=True)):
            self._fill_inverter(peer, inverter or InverterParams(p_rated_kw=0.0, s_kva=0.0))
            self._fill_battery(peer, battery or BatteryParams(capacity_kwh=0.0, p_max_kw=0.0))
        self._curves = self._give_curves(batteries)
        if measured is not None:
            self._params[k.MEASURED] = np.asarray(measured, dtype=np.float64)
        self._give_functions(inverters, functions or [None] * self.n)
        self._give_reactive(batteries, battery_functions or [None] * self.n)
        self._tick = DerTick(*self._out)
        self._out[k.O_SOC] = self.soc

    def step(
        self,
        pv_available_kw: Floats,
        pv_limit_kw: Floats,
        battery_setpoint_kw: Floats,
        vm_pu: Floats,
        response_kw: Floats,
        *,
        f_hz: float = 50.0,
        measured_q_kvar: Floats | None = None,
    ) -> DerTick:
        """Book the last tick and limit this one.

        Parameters
        ----------
        pv_available_kw, pv_limit_kw : (n,) float64 array
            What the sky offers; what may be fed in, infinite for no limit. [kW]
        battery_setpoint_kw : (n,) float64 array
            Wanted injection of the batteries. [kW]
        vm_pu : (n,) float64 array
            Voltage at every peer's bus. [p.u.]
        response_kw : (n,) float64 array
            Mean response to frequency over the last tick: negative takes from PV first and then
            charges, positive discharges. [kW]
        f_hz : float
            Frequency. [Hz]
        measured_q_kvar : (n,) float64 array, optional
            Reactive power of peers whose inverter is a device; else 0. [kvar]

        Returns
        -------
        DerTick
            The same object every time; copy what you keep.
        """
        inputs = self._inputs
        inputs[0], inputs[1], inputs[2] = pv_available_kw, pv_limit_kw, battery_setpoint_kw
        inputs[3], inputs[4] = vm_pu, response_kw
        if measured_q_kvar is not None:
            inputs[5] = measured_q_kvar
        if self._functional is not None:
            own = self._own
            inputs[0, own], inputs[5, own] = self._functional.step(
                inputs[0, own], inputs[1, own], inputs[3, own], f_hz
            )
        if self._reactive is not None:
            room_kw = self._reactive.active_room_kw(inputs[3, self._var])
            self._params[k.B_P_MAX, self._var] = np.where(self._failed[self._var], 0.0, room_kw)
        k.step_der(self._params, self._state, self._curves, inputs, f_hz, self.dt_s, self._out)
        if self._reactive is not None:
            self._add_reactive(inputs[3, self._var])
        if self._functional is not None:
            self._state[k.MODE, self._own] = self._functional.modes
        return self._tick

    def settle(self, pv_available_kw: Floats, pv_limit_kw: Floats) -> None:
        """Begin with every PV inverter at its target, as if it had run for a while. [kW]"""
        pv_kw = np.minimum(np.minimum(pv_available_kw, pv_limit_kw), self._params[k.P_MAX])
        self._state[k.PV] = np.where(self.tripped, 0.0, pv_kw)
        # The first step books the tick before it, which is not part of the run.
        self._state[k.PV_ENERGY] -= self._state[k.PV] * (self.dt_s / 3600.0)

    def close(self, response_kw: Floats) -> DerTick:
        """Book the last tick of a run, and stop."""
        k.integrate_der(
            self._params, self._state, self._curves, response_kw, self.dt_s / 3600.0, self._out
        )
        self._state[k.PV], self._state[k.BATTERY] = 0.0, 0.0
        self._out[k.O_PV], self._out[k.O_BATTERY], self._out[k.O_Q] = 0.0, 0.0, 0.0
        self._out[k.O_DOWN], self._out[k.O_UP], self._out[k.O_SOC] = 0.0, 0.0, self.soc
        return self._tick

    def trip(self, peer: int) -> None:
        """Open a peer's PV inverter at once; it stays open until `reconnect`.

        Call it between ticks: the tick that is under way keeps its power.
        """
        self._state[k.MODE, peer], self._state[k.LATCHED, peer] = k.TRIPPED, 1.0
        self._state[k.WAITED, peer] = 0.0
        if self._functional is not None and peer in self._unit_of:
            self._functional.trip(self._unit_of[peer])

    def fail_store(self, peer: int) -> None:
        """Take a peer's battery out of service: it gives and takes nothing from the next tick on.

        What it holds stays in it.
        """
        self._params[k.B_P_MAX, peer], self._failed[peer] = 0.0, True

    def reconnect(self, peer: int) -> None:
        """Release a trip; the inverter comes back after its delay, grid permitting."""
        self._state[k.LATCHED, peer] = 0.0
        if self._functional is not None and peer in self._unit_of:
            self._functional.reconnect(self._unit_of[peer])

    def command_limit(self, peer: int, p_pu: float) -> None:
        """Limit a peer's PV by its rating, as a network operator does; the revert timer restarts.

        Raises
        ------
        ValueError
            The peer's inverter has no functions, or the limit is outside 0 to 1.
        """
        if self._functional is None or peer not in self._unit_of:
            raise ValueError(f"the PV inverter of peer {peer} follows no standard; give it one")
        self._functional.command_limit(self._unit_of[peer], p_pu)

    @property
    def follows_standards(self) -> bool:
        """Whether any of its PV inverters has functions."""
        return self._functional is not None

    @property
    def tripped(self) -> Bools:
        """Which PV inverters are off the grid, tripped or waiting to come back. (n,)"""
        off: Bools = self._state[k.MODE] != k.RUNNING
        return off

    @property
    def soc(self) -> Floats:
        """State of charge now; 0 for peers without a battery. (n,) [1]"""
        capacity_kwh = self._params[k.CAPACITY]
        full = np.where(capacity_kwh > 0.0, capacity_kwh, 1.0)
        return np.asarray(self._state[k.STORED] / full)

    def state(self, peer: int) -> State:
        """Give the state of a peer's PV inverter, in `Inverter`'s words."""
        return _MODES[float(self._state[k.MODE, peer])]

    def audit(self) -> DerAudit:
        """Give the energy integrated so far, as copies."""
        rows = (k.STORED, k.CHARGED, k.DISCHARGED, k.LOSS, k.STANDING, k.CLIPPED, k.PV_ENERGY)
        return DerAudit(*(self._state[row].copy() for row in rows))

    def _give_functions(
        self,
        inverters: Sequence[InverterParams | None],
        functions: Sequence[InverterFunctions | None],
    ) -> None:
        """Set apart the inverters with functions; the kernel takes what they decide as measured."""
        if len(functions) != self.n:
            raise ValueError(f"{len(functions)} sets of functions for {self.n} inverters")
        chosen = [
            (peer, inverter, kind)
            for peer, (inverter, kind) in enumerate(zip(inverters, functions, strict=True))
            if inverter is not None and kind is not None
        ]
        self._own: npt.NDArray[np.int64] | slice = np.array(
            [peer for peer, _, _ in chosen], dtype=np.int64
        )
        self._unit_of = {peer: unit for unit, (peer, _, _) in enumerate(chosen)}
        self._functional: InverterFleet | None = None
        if chosen:
            ratings, kinds = [own for _, own, _ in chosen], [kind for _, _, kind in chosen]
            self._functional = InverterFleet(ratings, kinds, dt_s=self.dt_s)
            self._params[k.MEASURED, self._own] = k.FUNCTIONAL
            first, last = chosen[0][0], chosen[-1][0]
            if last - first + 1 == len(chosen):  # views, then, rather than copies
                self._own = slice(first, last + 1)

    def _give_reactive(
        self,
        batteries: Sequence[BatteryParams | None],
        functions: Sequence[InverterFunctions | None],
    ) -> None:
        """Set apart the batteries whose inverters do something with reactive power."""
        if len(functions) != self.n:
            raise ValueError(f"{len(functions)} sets of functions for {self.n} batteries")
        chosen = [
            (peer, battery, kind)
            for peer, (battery, kind) in enumerate(zip(batteries, functions, strict=True))
            if battery is not None and kind is not None
        ]
        self._var = np.array([peer for peer, _, _ in chosen], dtype=np.int64)
        self._failed = np.zeros(self.n, dtype=np.bool_)
        self._reactive: BatteryReactive | None = None
        if chosen:
            stores, kinds = [own for _, own, _ in chosen], [kind for _, _, kind in chosen]
            self._reactive = BatteryReactive(stores, kinds, dt_s=self.dt_s)
            self._params[k.B_Q_PER_P, self._var] = 0.0

    def _add_reactive(self, vm_pu: Floats) -> None:
        """Put the batteries' reactive power beside what they and their PV do."""
        assert self._reactive is not None
        own, out = self._var, self._out
        q_kvar = self._reactive.reactive_kvar(
            vm_pu, out[k.O_BATTERY, own], out[k.O_LAST_BATTERY, own]
        )
        out[k.O_Q, own] += np.where(self._failed[own], 0.0, q_kvar)

    def _fill_inverter(self, peer: int, inverter: InverterParams) -> None:
        """Write one inverter's column, in the order of the kernel's rows."""
        share = 1.0 - math.exp(-self.dt_s / inverter.response_s) if inverter.response_s > 0 else 1.0
        self._params[k.P_MAX : k.TRIP_F_S + 1, peer] = (
            inverter.p_max_kw,
            inverter.q_per_p,
            inverter.ramp_kw_per_s * self.dt_s,
            share,
            inverter.vm_full_pu,
            inverter.reconnect_delay_s,
            *inverter.enter_vm_pu,
            *inverter.enter_f_hz,
            inverter.under_vm_pu,
            inverter.under_vm_s,
            inverter.deep_vm_pu,
            inverter.deep_vm_s,
            inverter.over_vm_pu,
            inverter.over_vm_s,
            *inverter.trip_f_hz,
            inverter.trip_f_s,
        )

    def _fill_battery(self, peer: int, battery: BatteryParams) -> None:
        """Write one battery's column and fill its store."""
        self._params[k.CAPACITY : k.B_VM_FULL + 1, peer] = (
            battery.capacity_kwh,
            battery.p_limit_kw,
            battery.efficiency_charge,
            battery.efficiency_discharge,
            battery.ramp_kw_per_s * self.dt_s,
            battery.vm_full_pu,
        )
        self._params[k.B_Q_PER_P, peer] = battery.q_per_p
        self._state[k.STORED, peer] = battery.soc_initial * battery.capacity_kwh

    def _give_curves(self, batteries: Sequence[BatteryParams | None]) -> Floats:
        """Write what detailed batteries lose while they stand; lay out their curves."""
        detailed = [
            (peer, battery)
            for peer, battery in enumerate(batteries)
            if battery is not None and battery.is_detailed
        ]
        self._params[k.CURVE] = k.PLAIN
        rows = []
        for unit, (peer, battery) in enumerate(detailed):
            decay_per_h, weight_h = standing(battery.self_discharge_percent_per_day, self.dt_s)
            self._params[k.CURVE : k.STANDBY + 1, peer] = (
                unit,
                decay_per_h,
                weight_h,
                battery.standby_kw,
            )
            rows.append([*battery.knots(charging=True), *battery.knots(charging=False)])
        longest = max((len(row) for unit_rows in rows for row in unit_rows), default=1)
        # A curve is flat behind its last point, so that repeating this point changes nothing.
        padded = [[[*r, *(r[-1],) * (longest - len(r))] for r in unit_rows] for unit_rows in rows]
        return np.array(padded, dtype=np.float64).reshape(len(rows), 4, longest)
