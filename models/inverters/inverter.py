"""One inverter as plain numbers: power limit, ramp, interface protection, reconnection.

It needs nothing but the standard library, so that a device emulator may carry it in a
process of its own. `models._kernels_der` repeats the same arithmetic for a whole fleet;
a test holds the two together bit by bit.
"""

import math
from dataclasses import dataclass, field
from typing import Literal

State = Literal["running", "tripped", "waiting"]

_TIMER_SLACK_S = 1e-9  # timers are sums of tick lengths, which rarely add up to the bit


@dataclass(frozen=True, slots=True, kw_only=True)
class InverterParams:
    """Ratings and settings of an inverter.

    Parameters
    ----------
    p_rated_kw : float
        Largest active power. [kW]
    s_kva : float
        Largest apparent power, at `vm_full_pu` and above. [kVA]
    q_per_p : float
        Reactive power injected per active power; the tangent of the angle. [kvar/kW]
    ramp_kw_per_s : float
        Fastest change towards a new target. What the sky takes away is gone at once. [kW/s]
    response_s : float
        Time constant of the first-order response to a new target. [s]
    vm_full_pu : float
        Voltage below which the current limit takes apparent power away in proportion. [p.u.]
    reconnect_delay_s : float
        How long voltage and frequency must stay in the window before it feeds again. [s]
    enter_vm_pu, enter_f_hz : (float, float)
        The window for entering service. [p.u.], [Hz]
    under_vm_pu, under_vm_s : float
        Undervoltage protection, first stage. [p.u.], [s]
    deep_vm_pu, deep_vm_s : float
        Undervoltage protection, second stage. [p.u.], [s]
    over_vm_pu, over_vm_s : float
        Overvoltage protection. [p.u.], [s]
    trip_f_hz, trip_f_s : (float, float), float
        Frequency protection: below the first or above the second. [Hz], [s]

    Notes
    -----
    Protection, window and delay default to the settings that a manufacturer publishes as its
    profile for VDE-AR-N 4105:2018 in Germany [1]_: 0.80 Un for 3 s, 0.45 Un for 0.3 s,
    1.25 Un for 0.1 s, 47.5 and 51.5 Hz for 0.1 s; 60 s within 0.85 to 1.10 Un and
    47.5 to 50.1 Hz before it reconnects.

    References
    ----------
    .. [1] Grid profile DE_VDE4105_2018 of Hoymiles micro-inverters, as documented by the
       AhoyDTU project.
    """

    p_rated_kw: float
    s_kva: float
    q_per_p: float = 0.0
    ramp_kw_per_s: float = math.inf
    response_s: float = 0.2
    vm_full_pu: float = 0.9
    reconnect_delay_s: float = 60.0
    enter_vm_pu: tuple[float, float] = (0.85, 1.10)
    enter_f_hz: tuple[float, float] = (47.5, 50.1)
    under_vm_pu: float = 0.80
    under_vm_s: float = 3.0
    deep_vm_pu: float = 0.45
    deep_vm_s: float = 0.3
    over_vm_pu: float = 1.25
    over_vm_s: float = 0.1
    trip_f_hz: tuple[float, float] = (47.5, 51.5)
    trip_f_s: float = 0.1

    def __post_init__(self) -> None:
        """Refuse what no inverter can be.

        Raises
        ------
        ValueError
            Naming the setting, its value and what was expected.
        """
        for name in ("p_rated_kw", "s_kva", "response_s", "reconnect_delay_s"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value >= 0):
                raise ValueError(f"{name} is {value}; expected a finite number, 0 or more")
        for name in ("ramp_kw_per_s", "vm_full_pu"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} is {getattr(self, name)}; expected more than 0")
        for name in ("enter_vm_pu", "enter_f_hz", "trip_f_hz"):
            low, high = getattr(self, name)
            if not low < high:
                raise ValueError(f"{name} is {low} to {high}; expected the lower bound first")

    @property
    def p_max_kw(self) -> float:
        """Active power that rating and apparent power leave at full voltage. [kW]"""
        return min(self.p_rated_kw, self.s_kva / math.sqrt(1.0 + self.q_per_p * self.q_per_p))


@dataclass(slots=True)
class Inverter:
    """An inverter that feeds what is available, within its limit.

    Attributes
    ----------
    p_kw, q_kvar : float
        Injection over the last step. [kW], [kvar]
    state : str
        ``running``; ``tripped``: the protection or `trip` opened it, and the grid is outside
        the window or nobody has called `clear`; ``waiting``: the grid is back and the
        reconnection delay runs.
    latched : bool
        Whether it waits for `clear`. A trip of the protection is not latched.
    energy_kwh : float
        Everything fed in so far. [kWh]
    """

    params: InverterParams
    p_kw: float = 0.0
    q_kvar: float = 0.0
    state: State = "running"
    latched: bool = False
    energy_kwh: float = 0.0
    _waited_s: float = field(default=0.0, repr=False)
    _under_s: float = field(default=0.0, repr=False)
    _deep_s: float = field(default=0.0, repr=False)
    _over_s: float = field(default=0.0, repr=False)
    _f_s: float = field(default=0.0, repr=False)

    @property
    def tripped(self) -> bool:
        """Whether it is off the grid: tripped, or waiting to come back."""
        return self.state != "running"

    def step(
        self, dt_s: float, available_kw: float, limit_kw: float, vm_pu: float, f_hz: float
    ) -> None:
        """Advance by one step; `p_kw` and `q_kvar` then hold over that step.

        Parameters
        ----------
        dt_s : float
            Length of the step. [s]
        available_kw : float
            What the source could give. [kW]
        limit_kw : float
            What it may give at most; infinite for no limit. [kW]
        vm_pu, f_hz : float
            Voltage at its terminals and frequency. [p.u.], [Hz]
        """
        self._protect(dt_s, vm_pu, f_hz)
        if self.state == "running":
            self.p_kw = self._follow(dt_s, available_kw, limit_kw, vm_pu)
        else:
            self.p_kw = 0.0
        self.q_kvar = self.p_kw * self.params.q_per_p
        self.energy_kwh += self.p_kw * dt_s / 3600.0

    def trip(self) -> None:
        """Open at once and stay open until `clear` is called."""
        self.state, self.latched = "tripped", True
        self.p_kw = self.q_kvar = self._waited_s = 0.0

    def clear(self) -> None:
        """Release a latched trip; the reconnection delay starts when the grid is in the window."""
        self.latched = False

    def _protect(self, dt_s: float, vm_pu: float, f_hz: float) -> None:
        """Run the protection's timers and the way back."""
        params = self.params
        f_low_hz, f_high_hz = params.trip_f_hz
        self._under_s = self._under_s + dt_s if vm_pu < params.under_vm_pu else 0.0
        self._deep_s = self._deep_s + dt_s if vm_pu < params.deep_vm_pu else 0.0
        self._over_s = self._over_s + dt_s if vm_pu > params.over_vm_pu else 0.0
        self._f_s = self._f_s + dt_s if f_hz < f_low_hz or f_hz > f_high_hz else 0.0
        if self.state == "running":
            if (
                self._under_s >= params.under_vm_s - _TIMER_SLACK_S
                or self._deep_s >= params.deep_vm_s - _TIMER_SLACK_S
                or self._over_s >= params.over_vm_s - _TIMER_SLACK_S
                or self._f_s >= params.trip_f_s - _TIMER_SLACK_S
            ):
                self.state, self._waited_s = "tripped", 0.0
            return
        vm_low_pu, vm_high_pu = params.enter_vm_pu
        f_low_hz, f_high_hz = params.enter_f_hz
        inside = vm_low_pu <= vm_pu <= vm_high_pu and f_low_hz <= f_hz <= f_high_hz
        if self.latched or not inside:
            self.state, self._waited_s = "tripped", 0.0
        elif self._waited_s >= params.reconnect_delay_s - _TIMER_SLACK_S:
            self.state, self._waited_s = "running", 0.0
        else:
            self.state, self._waited_s = "waiting", self._waited_s + dt_s

    def _follow(self, dt_s: float, available_kw: float, limit_kw: float, vm_pu: float) -> float:
        """Move towards the target with lag and ramp, never above what sky and current allow."""
        params = self.params
        possible_kw = params.p_max_kw * min(1.0, vm_pu / params.vm_full_pu)
        possible_kw = max(0.0, min(possible_kw, available_kw))
        target_kw = max(0.0, min(possible_kw, limit_kw))
        share = 1.0 - math.exp(-dt_s / params.response_s) if params.response_s > 0 else 1.0
        step_kw = share * (target_kw - self.p_kw)
        largest_kw = params.ramp_kw_per_s * dt_s
        step_kw = min(max(step_kw, -largest_kw), largest_kw)
        return min(max(self.p_kw + step_kw, 0.0), possible_kw)
