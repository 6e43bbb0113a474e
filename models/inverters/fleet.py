"""All inverters with functions, advanced together once a tick.

What a unit sees of voltage and frequency is what held over the last tick; what it answers holds
over this one.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from . import _kernels as k
from .functions import FrequencyTrip, InverterFunctions, VoltageTrip, faults
from .inverter import InverterParams, State

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

ROCOF_WINDOW_S = 0.5
MEAN_WINDOW_S, MEAN_BLOCK_S = 600.0, 3.0
TO_90_PERCENT = math.log(10.0)
"""Time constants from a step to 90 % of it: open-loop response time per time constant."""

_STATES: dict[float, State] = {k.RUNNING: "running", k.TRIPPED: "tripped", k.WAITING: "waiting"}
_REACTIVE = {
    "constant_pf": k.PF,
    "constant_q": k.CONSTANT_Q,
    "volt_var": k.VOLT_VAR,
    "watt_var": k.WATT_VAR,
}
_MODES = {
    "mandatory": k.MANDATORY,
    "permissive": k.PERMISSIVE,
    "momentary": k.MOMENTARY,
    "cease": k.CEASE,
}


def share_of_step(response_s: float, dt_s: float) -> float:
    """Part of the way to a target that a tick goes, by a response to 90 % in `response_s`."""
    return 1.0 - math.exp(-TO_90_PERCENT * dt_s / response_s) if response_s > 0.0 else 1.0


class InverterFleet:
    """Inverters of n peers, each with ratings and functions.

    Parameters
    ----------
    ratings : sequence of n InverterParams
        Rated powers, and the plant's own ramp, lag and current limit; their protection and
        fixed power factor are not used.
    functions : sequence of n InverterFunctions
    dt_s : float
        Length of a tick. [s]

    Raises
    ------
    ValueError
        Settings that no inverter can have, all of a unit's at once.

    Attributes
    ----------
    p_kw, q_kvar : (n,) float64 array
        Injection over the last tick; reused by the next step. [kW], [kvar]
    """

    def __init__(
        self,
        ratings: Sequence[InverterParams],
        functions: Sequence[InverterFunctions],
        *,
        dt_s: float,
    ) -> None:
        if len(ratings) != len(functions):
            raise ValueError(f"{len(ratings)} ratings for {len(functions)} sets of functions")
        if not 0.0 < dt_s < math.inf:
            raise ValueError(f"dt_s is {dt_s}; expected a finite time above 0")
        self.n, self.dt_s = len(ratings), dt_s
        kinds = list(dict.fromkeys(functions))
        self._kinds = np.array([settings_row(kind, dt_s) for kind in kinds]).reshape(-1, k.N_KIND)
        number = {kind: index for index, kind in enumerate(kinds)}
        self._kind_of = np.array([number[kind] for kind in functions], dtype=np.int64)
        self._ratings = np.array(
            [_ratings(own, kind, dt_s) for own, kind in zip(ratings, functions, strict=True)]
        ).reshape(-1, k.N_RATINGS)
        self._state = np.zeros((self.n, k.N_STATE))
        self._state[:, k.T_ZONE : k.P] = -1.0
        self._state[:, k.LIMIT_SET] = [
            kind.power_limit.p_pu if kind.power_limit.enabled else 1.0 for kind in functions
        ]
        self._state[:, k.ES] = self._state[:, k.VW_LAG] = self._state[:, k.V_MEAN] = 1.0
        self._inputs, self._out = np.zeros((3, self.n)), np.zeros((2, self.n))
        self.p_kw, self.q_kvar = self._out
        self._seen_hz: deque[float] = deque(maxlen=max(1, round(ROCOF_WINDOW_S / dt_s)) + 1)
        self._block_ticks, self._ticks = max(1, round(MEAN_BLOCK_S / dt_s)), 0
        blocks = max(1, round(MEAN_WINDOW_S / (self._block_ticks * dt_s)))
        self._block_sum = np.full((blocks, self.n), float(self._block_ticks))
        self._window_sum = self._block_sum.sum(axis=0)

    def step(
        self, available_kw: Floats, limit_kw: Floats, vm_pu: Floats, f_hz: float
    ) -> tuple[Floats, Floats]:
        """Advance by one tick.

        Parameters
        ----------
        available_kw : (n,) float64 array
            What the sources could give. [kW]
        limit_kw : (n,) float64 array
            What the owner wants at most, infinite for no limit; an under-frequency overrules it.
            [kW]
        vm_pu : (n,) float64 array
            Voltage at the terminals. [p.u.]
        f_hz : float
            Frequency. [Hz]

        Returns
        -------
        p_kw, q_kvar : (n,) float64 array
            The same arrays every time; copy what you keep.
        """
        self._inputs[0], self._inputs[1], self._inputs[2] = available_kw, limit_kw, vm_pu
        k.step_inverters(
            self._kinds,
            self._kind_of,
            self._ratings,
            self._state,
            self._inputs,
            f_hz,
            self._rocof(f_hz),
            self.dt_s,
            self._out,
        )
        self._ticks += 1
        if self._ticks % self._block_ticks == 0:
            self._close_block()
        return self.p_kw, self.q_kvar

    def set_functions(self, unit: int, functions: InverterFunctions) -> None:
        """Give a unit other functions from the next tick on; its timers and lags go on.

        Raises
        ------
        ValueError
            Settings that no inverter can have; nothing is changed.
        """
        row, kind = settings_row(functions, self.dt_s), int(self._kind_of[unit])
        if np.count_nonzero(self._kind_of == kind) == 1:
            self._kinds[kind] = row
        else:
            self._kinds = np.vstack([self._kinds, row])
            self._kind_of[unit] = len(self._kinds) - 1
        p_kw, s_kva = self._ratings[unit, :2]
        if p_kw > 0 and s_kva > 0:
            self._ratings[unit, k.P_MEET] = meeting_pu(functions, p_kw / s_kva)

    def command_limit(self, unit: int, p_pu: float) -> None:
        """Limit a unit's active power, by its rating; the revert timer starts anew.

        Raises
        ------
        ValueError
            Outside 0 to 1.
        """
        if not 0.0 <= p_pu <= 1.0:
            raise ValueError(f"a limit of {p_pu} p.u. of the rating; expected 0 to 1")
        self._state[unit, k.LIMIT_SET], self._state[unit, k.LIMIT_AGE] = p_pu, 0.0

    def trip(self, unit: int) -> None:
        """Open a unit at once; it stays open until `reconnect`."""
        self._state[unit, k.MODE], self._state[unit, k.LATCHED] = k.TRIPPED, 1.0
        self._state[unit, k.WAITED] = 0.0

    def reconnect(self, unit: int) -> None:
        """Release a trip; the unit enters service by its own rules."""
        self._state[unit, k.LATCHED] = 0.0

    def state(self, unit: int) -> State:
        """Give the state of a unit, in `Inverter`'s words."""
        return _STATES[float(self._state[unit, k.MODE])]

    @property
    def modes(self) -> Floats:
        """State of every unit, by the kernel's numbers. (n,)"""
        return np.asarray(self._state[:, k.MODE])

    @property
    def ceased(self) -> Bools:
        """Which units are connected and have ceased to feed for a dip or a swell. (n,)"""
        return np.asarray((self._state[:, k.CEASED] > 0.0) & (self.modes == k.RUNNING))

    @property
    def mean_vm_pu(self) -> Floats:
        """Mean voltage of the last ten minutes, in blocks of 3 s; nominal before the start."""
        return np.asarray(self._state[:, k.V_MEAN])

    def _rocof(self, f_hz: float) -> float:
        """Change of frequency over the last half second; 0 until one has passed. [Hz/s]"""
        seen = self._seen_hz
        seen.append(f_hz)
        if len(seen) < (seen.maxlen or 0) or not math.isfinite(f_hz - seen[0]):
            return 0.0
        return (f_hz - seen[0]) / ((len(seen) - 1) * self.dt_s)

    def _close_block(self) -> None:
        """Move the ten-minute window by a block."""
        at = (self._ticks // self._block_ticks - 1) % len(self._block_sum)
        self._window_sum += self._state[:, k.V_SUM] - self._block_sum[at]
        self._block_sum[at] = self._state[:, k.V_SUM]
        self._state[:, k.V_SUM] = 0.0
        self._state[:, k.V_MEAN] = self._window_sum / (len(self._block_sum) * self._block_ticks)


def _ratings(own: InverterParams, kind: InverterFunctions, dt_s: float) -> Floats:
    row = np.zeros(k.N_RATINGS)
    share = 1.0 - math.exp(-dt_s / own.response_s) if own.response_s > 0 else 1.0
    row[:] = own.p_rated_kw, own.s_kva, share, own.ramp_kw_per_s * dt_s, own.vm_full_pu, 1.0
    if own.p_rated_kw > 0 and own.s_kva > 0:
        row[k.P_MEET] = meeting_pu(kind, own.p_rated_kw / own.s_kva)
    return row


def meeting_pu(kind: InverterFunctions, p_per_s: float) -> float:
    """Largest active power at which the watt-var curve is within the apparent power. [p.u.]"""
    curve = kind.watt_var
    corners = [(0.0, curve.q_pu[0]), *zip(curve.p_pu, curve.q_pu, strict=True)]
    corners.append((max(1.0, curve.p_pu[-1]), curve.q_pu[-1]))
    for (p0, q0), (p1, q1) in zip(corners[-2::-1], corners[:0:-1], strict=True):
        if math.hypot(p1 * p_per_s, q1) <= 1.0:
            return p1
        if math.hypot(p0 * p_per_s, q0) > 1.0 or p1 == p0:
            continue
        # |(p0 + t dp, q0 + t dq)| = 1, the root between the two corners.
        dp, dq, p0_s = (p1 - p0) * p_per_s, q1 - q0, p0 * p_per_s
        a, b, c = dp * dp + dq * dq, p0_s * dp + q0 * dq, p0_s * p0_s + q0 * q0 - 1.0
        return p0 + (p1 - p0) * (math.sqrt(b * b - a * c) - b) / a
    return 0.0


def settings_row(kind: InverterFunctions, dt_s: float) -> Floats:
    """Write one kind's row, in the order of the kernel's columns."""
    found = faults(kind)
    if found:
        told = "; ".join(f"{'.'.join(path)}: {message}" for path, message in found)
        raise ValueError(f"inverter functions: {told}")
    row = np.zeros(k.N_KIND)
    _reactive_settings(row, kind, dt_s)
    _active_settings(row, kind, dt_s)
    _able_settings(row, kind)
    _protective_settings(row, kind, dt_s)
    return row


def _reactive_settings(row: Floats, kind: InverterFunctions, dt_s: float) -> None:
    # Without a function the lag goes to nothing at once, also from what another one left in it.
    row[k.Q_SHARE] = 1.0
    if kind.reactive is not None:
        row[k.Q_MODE] = _REACTIVE[kind.reactive]
        row[k.Q_SHARE] = share_of_step(getattr(kind, kind.reactive).response_s, dt_s)
    tangent = math.sqrt(1.0 / kind.constant_pf.cos_phi**2 - 1.0)
    row[k.TANGENT] = tangent if kind.constant_pf.excitation == "inject" else -tangent
    row[k.Q_SET] = kind.constant_q.q_pu
    row[k.VV_V : k.VV_V + 4], row[k.VV_Q : k.VV_Q + 4] = kind.volt_var.v_pu, kind.volt_var.q_pu
    row[k.WV_P : k.WV_P + 3], row[k.WV_Q : k.WV_Q + 3] = kind.watt_var.p_pu, kind.watt_var.q_pu


def _active_settings(row: Floats, kind: InverterFunctions, dt_s: float) -> None:
    droop, nominal, limit = kind.frequency_droop, kind.f_nominal_hz, kind.power_limit
    row[k.VW_ON], row[k.VW_SHARE] = kind.volt_watt.enabled, 0.0
    row[k.VW_SHARE] = share_of_step(kind.volt_watt.response_s, dt_s)
    row[k.VW_V : k.VW_V + 2], row[k.VW_P : k.VW_P + 2] = kind.volt_watt.v_pu, kind.volt_watt.p_pu
    row[k.FD_ON], row[k.FD_SHARE] = droop.enabled, share_of_step(droop.response_s, dt_s)
    row[k.F_OVER], row[k.F_UNDER] = nominal + droop.dead_over_hz, nominal - droop.dead_under_hz
    row[k.K_OVER] = 1.0 / (nominal * droop.droop_over)
    row[k.K_UNDER] = 1.0 / (nominal * droop.droop_under)
    row[k.LIMIT_STEP] = _per_tick(limit.ramp_s, dt_s)
    row[k.REVERT_S], row[k.REVERT_TO] = limit.revert_s, limit.revert_p_pu


def _per_tick(ramp_s: float, dt_s: float) -> float:
    return dt_s / ramp_s if ramp_s > 0 else math.inf


def _able_settings(row: Floats, kind: InverterFunctions) -> None:
    able, first = kind.capability, kind.capability.priority == "reactive"
    row[k.ABLE_P : k.ABLE_P + 5] = able.p_pu
    row[k.ABLE_INJECT : k.ABLE_INJECT + 5] = able.inject_pu
    row[k.ABLE_ABSORB : k.ABLE_ABSORB + 5] = able.absorb_pu
    row[k.KEPT_INJECT] = math.inf if first else able.kept_inject_pu
    row[k.KEPT_ABSORB] = math.inf if first else able.kept_absorb_pu


def _protective_settings(row: Floats, kind: InverterFunctions, dt_s: float) -> None:
    enter, through = kind.enter_service, kind.ride_through
    row[k.ENTER_LOW : k.ENTER_F_HIGH + 1] = *enter.vm_pu, *enter.f_hz
    row[k.DELAY], row[k.ES_STEP] = enter.delay_s, _per_tick(enter.ramp_s, dt_s)
    row[k.RESTORE_STEP] = _per_tick(through.restore_s, dt_s)
    row[k.BAND_LOW], row[k.BAND_HIGH] = through.continuous_vm_pu
    row[k.MAY_TRIP], row[k.MEAN_OVER] = through.may_trip, kind.voltage_trip.mean_over_pu
    row[k.ROCOF], row[k.ROCOF_S] = kind.rocof.trip_hz_per_s, kind.rocof.trip_s
    trips = (
        *kind.voltage_trip.over,
        *kind.voltage_trip.under,
        *kind.frequency_trip.over,
        *kind.frequency_trip.under,
    )
    row[k.TRIPS : k.ZONES] = np.array(trips).ravel()
    zones = np.full((k.N_ZONES, 5), k.NO_ZONE)
    for number, (*bounds, mode) in enumerate(through.voltage):
        zones[number] = *bounds, _MODES[mode]
    row[k.ZONES : k.F_ZONES] = zones.ravel()
    row[k.F_ZONES : k.CALM_LOW] = np.array(through.frequency).ravel()
    volts, hertz = kind.voltage_trip, kind.frequency_trip
    row[k.CALM_LOW : k.CALM_HIGH + 1] = _calm(volts, through.continuous_vm_pu)
    row[k.CALM_F_LOW : k.CALM_F_HIGH + 1] = _calm(hertz, through.continuous_f_hz)


def _calm(trips: VoltageTrip | FrequencyTrip, band: tuple[float, ...]) -> tuple[float, float]:
    """Where no timer runs: inside every must-trip setting and the continuous band."""
    low = max(band[0], *(level for level, _ in trips.under))
    return low, min(band[1], *(level for level, _ in trips.over))
