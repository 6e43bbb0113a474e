"""The ideal transformer method, quasi-static: the node's voltage to the source, power back.

The grid simulator plays the node's voltage and frequency as it was last solved; what the device
then feeds is the node's injection in the next solution (A. Viehweider, G. Lauss, F. Lehfuß,
"Stabilization of power hardware-in-the-loop simulations," Simul. Model. Pract. Theory 19, 2011).
Phasors only: nothing that happens within a cycle goes through here.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

from hil.errors import SetpointError
from models.inverters.fleet import share_of_step


@dataclass(frozen=True, kw_only=True)
class QuasiStatic:
    """How a node and its grid simulator are joined.

    Attributes
    ----------
    v_nominal_v : float
        Phase to neutral, of the source. [V]
    step_s : float
        How often a set point goes out. [s]
    response_s : float
        Time to 90 % of the first-order lag on voltage and frequency; 0 is none. [s]
    v_slew_pu_per_s, f_slew_hz_per_s : float
        Fastest change of the set points. [p.u./s], [Hz/s]
    ahead_s : float
        Delay of the loop that is made up for by linear extrapolation. [s]
    v_window_pu, f_window_hz : (float, float)
        What the source is never asked to leave. [p.u.], [Hz]
    scale : float
        Power of the node over the device's own: 10 when 3 kW play 30 kW.
    """

    v_nominal_v: float
    step_s: float
    response_s: float = 0.0
    v_slew_pu_per_s: float = math.inf
    f_slew_hz_per_s: float = math.inf
    ahead_s: float = 0.0
    v_window_pu: tuple[float, float] = (0.85, 1.15)
    f_window_hz: tuple[float, float] = (47.0, 52.0)
    scale: float = 1.0

    def __post_init__(self) -> None:
        """Refuse what cannot be."""
        positive = ("v_nominal_v", "step_s", "v_slew_pu_per_s", "f_slew_hz_per_s", "scale")
        wrong = [
            f"{name} {getattr(self, name)}; expected more than 0"
            for name in positive
            if not getattr(self, name) > 0
        ]
        wrong += [
            f"{name} {getattr(self, name)}; expected 0 or more"
            for name in ("response_s", "ahead_s")
            if not getattr(self, name) >= 0
        ]
        for name in ("v_window_pu", "f_window_hz"):
            low, high = getattr(self, name)
            if not 0 < low < high:
                wrong.append(f"{name} {low} to {high}; expected a low and a higher end above 0")
        if wrong:
            raise ValueError("; ".join(wrong))


class SourcePoint(NamedTuple):
    """What the grid simulator is told.

    Attributes
    ----------
    vm_v, f_hz : float
        Phase to neutral. [V], [Hz]
    held : bool
        A window or a slew limit keeps it from where the node is: the loop is open as long.
    """

    vm_v: float
    f_hz: float
    held: bool


class Interface:
    """One node's side of the loop, step by step; see `QuasiStatic`."""

    def __init__(self, settings: QuasiStatic, *, f_nominal_hz: float = 50.0) -> None:
        self.settings = settings
        window = (settings.v_window_pu, settings.v_slew_pu_per_s)
        self._v = _Follower(settings, *window, 1.0, "p.u.")
        self._f = _Follower(
            settings, settings.f_window_hz, settings.f_slew_hz_per_s, f_nominal_hz, "Hz"
        )

    def source(self, vm_pu: float, f_hz: float) -> SourcePoint:
        """Tell what the source plays next, from what the node's last solution says.

        Parameters
        ----------
        vm_pu, f_hz : float
            [p.u.], [Hz]

        Raises
        ------
        SetpointError
            The node has no voltage or frequency; the source keeps what it has.
        """
        if not (math.isfinite(vm_pu) and math.isfinite(f_hz)):
            raise SetpointError(
                f"the node is at {vm_pu} p.u. and {f_hz} Hz; expected finite numbers; "
                "nothing was sent"
            )
        v_pu, v_held = self._v.follow(vm_pu)
        f_hz, f_held = self._f.follow(f_hz)
        return SourcePoint(self.settings.v_nominal_v * v_pu, f_hz, v_held or f_held)

    def node(self, p_kw: float, q_kvar: float) -> tuple[float, float]:
        """Tell what the node feeds, from what was measured at the device. [kW], [kvar]"""
        return self.settings.scale * p_kw, self.settings.scale * q_kvar


class _Follower:
    """One quantity on its way to the source: ahead, into its window, lagged, slewed."""

    def __init__(
        self,
        settings: QuasiStatic,
        window: tuple[float, float],
        slew_per_s: float,
        start: float,
        unit: str,
    ) -> None:
        if not window[0] <= start <= window[1]:
            raise ValueError(f"window {window} {unit} does not hold the nominal {start} {unit}")
        self._share = share_of_step(settings.response_s, settings.step_s)
        self._ahead = settings.ahead_s / settings.step_s
        self._window, self._most = window, slew_per_s * settings.step_s
        self._last, self._out = start, start

    def follow(self, value: float) -> tuple[float, bool]:
        """Go one step; whether a limit holds it back."""
        wanted = value + self._ahead * (value - self._last)
        self._last = value
        low, high = self._window
        target = min(max(wanted, low), high)
        change = self._share * (target - self._out)
        allowed = min(max(change, -self._most), self._most)
        self._out += allowed
        return self._out, target != wanted or allowed != change
