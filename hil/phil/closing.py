"""Closing the loop over a grid simulator: what the station says of it, tried before the run.

Before the first tick the device is stepped a little, under a little more and a little less
voltage, and a loop whose gain is above half of what it bears is not closed.
"""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from hil.errors import UnsafeError
from hil.roles import (
    Analyser,
    GridSimulator,
    Inverter,
    Lockstep,
    PvSimulator,
    Questionable,
    Storage,
    Surrounded,
)
from hil.station import GridLoop, Station, StationDevice

from .commissioning import Commissioned, Feeder, Steps, commission
from .interface import QuasiStatic

_LIVE_DELAY_STEPS = 2
"""Of devices in their own time: one until they are told, one until they are read."""
_F_WINDOW = (0.94, 1.04)  # of the nominal frequency: 47 to 52 Hz
_V_WINDOW = (0.85, 1.15)  # [p.u.]
_P_STEPS = (0.2, 0.8)  # of the largest power
_SLICE_S = 0.1
_PATIENCE_S = 330.0  # IEEE 1547-2018, table 4: up to 300 s before it enters service, by default
_RAMP_SHARE = 0.9


class NodeLoop(NamedTuple):
    """What a run says of the loop over one node: its tick, and the grid as seen from there."""

    step_s: float
    feeder: Feeder


class Parts(NamedTuple):
    """The devices of a node that its loop goes through, as drivers."""

    source: GridSimulator
    unit: Inverter | Storage
    pv: PvSimulator | None
    analyser: Analyser | None


def quasi_static(loop: GridLoop, station: Station, *, step_s: float, scale: float) -> QuasiStatic:
    """Say how a node and its source are joined."""
    f_hz = station.f_nominal_hz
    return QuasiStatic(
        v_nominal_v=station.v_nominal_v,
        step_s=step_s,
        response_s=loop.response_s,
        v_slew_pu_per_s=loop.v_slew_pu_per_s,
        f_slew_hz_per_s=loop.f_slew_hz_per_s,
        ahead_s=loop.ahead_s,
        v_window_pu=loop.v_window_pu or _V_WINDOW,
        f_window_hz=loop.f_window_hz or (_F_WINDOW[0] * f_hz, _F_WINDOW[1] * f_hz),
        scale=scale,
    )


def longest_s(loop: GridLoop) -> float:
    """How long commissioning one node may take. [s]"""
    return _PATIENCE_S + (len(loop.v_steps_pu) + 6) * loop.settle_s


def close_loop(
    node: str,
    parts: Parts,
    unit: StationDevice,
    loop: GridLoop,
    run: NodeLoop,
    station: Station,
    *,
    live: bool,
    beat: Callable[[], None],
) -> Commissioned:
    """Try the loop over one node, and refuse to close one that would not hold.

    Parameters
    ----------
    node : str
    parts : Parts
        Energised, within their limits; left at nominal voltage, no sun, limit 0.
    unit : StationDevice
        What the station says of the device that feeds.
    loop : GridLoop
    run : NodeLoop
    station : Station
    live : bool
        Devices keep their own time; otherwise they live it tick by tick, and afterwards their
        clock is free, so that a run begins as if nothing had been tried.
    beat : callable
        Shows the guardian that this goes on.

    Raises
    ------
    UnsafeError
        Naming the node, what was moved and what followed, and what to change.
    """
    delay_steps = loop.delay_steps
    if delay_steps is None:
        delay_steps = _LIVE_DELAY_STEPS if live else 0
    settings = quasi_static(loop, station, step_s=run.step_s, scale=unit.scale)
    with _in_hand(parts, unit, station, live=live, beat=beat) as hand:
        try:
            hand.enter_service(parts.unit)
            return commission(
                parts.source,
                hand,
                parts.analyser,
                settings,
                feeder=_feeder(loop, run, station),
                steps=_steps(loop, unit, station),
                phase=unit.phase,
                wait=hand.wait,
                f_nominal_hz=station.f_nominal_hz,
                delay_s=delay_steps * run.step_s,
            )
        except UnsafeError as refusal:
            raise UnsafeError(f"{node}: {refusal}") from None


def _feeder(loop: GridLoop, run: NodeLoop, station: Station) -> Feeder:
    """Take the impedance that the station gives, else the grid's own."""
    if loop.r_ohm is None or loop.x_ohm is None:
        return run.feeder
    v_nominal_v = math.sqrt(3.0) * station.v_nominal_v
    return Feeder(r_ohm=loop.r_ohm, x_ohm=loop.x_ohm, v_nominal_v=v_nominal_v)


def _steps(loop: GridLoop, unit: StationDevice, station: Station) -> Steps:
    """Say what is moved: within what the bench allows."""
    low_v, high_v = station.v_window_v or (0.0, math.inf)
    p_most_kw = min(unit.p_rated_kw, unit.limits.p_max_kw)
    v_pu = [v for v in loop.v_steps_pu if low_v <= v * station.v_nominal_v <= high_v]
    return Steps(
        p_low_kw=_P_STEPS[0] * p_most_kw,
        p_high_kw=_P_STEPS[1] * p_most_kw,
        v_pu=tuple(v_pu),
        f_step_hz=loop.f_step_hz,
        settle_s=loop.settle_s,
    )


@contextmanager
def _in_hand(
    parts: Parts,
    unit: StationDevice,
    station: Station,
    *,
    live: bool,
    beat: Callable[[], None],
) -> Iterator["_Hand"]:
    """Give the device sun and time; afterwards it has neither, and stands at limit 0."""
    sun_kw = min(unit.p_rated_kw, unit.limits.p_max_kw)
    if parts.pv is not None:
        parts.pv.set_available(sun_kw)
    kind = _LiveHand if live else _ClockedHand
    hand = kind(parts, unit, sun_kw, station.f_nominal_hz, beat)
    try:
        yield hand
    finally:
        hand.limit_power(0.0)
        hand.wait(0.0)
        if parts.pv is not None:
            parts.pv.set_available(0.0)
        hand.let_go()


class _Hand:
    """Holds the device while it is tried: its limit moves within its ramp, and time passes."""

    name: str

    def __init__(
        self,
        parts: Parts,
        unit: StationDevice,
        sun_kw: float,
        f_hz: float,
        beat: Callable[[], None],
    ) -> None:
        self.name, self.p_rated_kw = unit.name, unit.p_rated_kw
        self._parts, self._device, self._beat = parts, unit, beat
        self._sun_kw, self._f_hz = sun_kw, f_hz
        self._wanted_kw = self._held_kw = 0.0

    def limit_power(self, p_kw: float) -> None:
        """Have the limit go there while time passes. [kW]"""
        self._wanted_kw = p_kw

    def wait(self, seconds: float) -> None:
        """Let the limit arrive, and then this time pass. [s]"""
        while self._held_kw != self._wanted_kw:
            self._pass_slice()
        for _ in range(math.ceil(seconds / _SLICE_S - 1e-9)):
            self._pass_slice()

    def enter_service(self, unit: Inverter | Storage) -> None:
        """Wait until the device is on its grid.

        Raises
        ------
        UnsafeError
            It does not come.
        """
        for _ in range(math.ceil(_PATIENCE_S / _SLICE_S)):
            self._pass_slice()
            if not unit.measure().tripped:
                return
        raise UnsafeError(
            f"commissioning: {self.name} is not in service after {_PATIENCE_S:g} s at nominal "
            "voltage and frequency; the run does not start; look at its grid profile and its wiring"
        )

    def let_go(self) -> None:
        """Leave its clock as it was found."""

    def _pass_slice(self) -> None:
        """Let a little time pass, and the limit go on its way."""
        self._beat()
        ramp = self._device.ramp_kw_per_s
        reach_kw = math.inf if ramp is None else _RAMP_SHARE * ramp * _SLICE_S
        low_kw, high_kw = self._held_kw - reach_kw, self._held_kw + reach_kw
        self._tell(min(max(self._wanted_kw, low_kw), high_kw))

    def _tell(self, p_kw: float) -> None:
        raise NotImplementedError


class _ClockedHand(_Hand):
    """Of a device on the bench's clock."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        unit = self._parts.unit
        assert isinstance(unit, Lockstep)
        self._clock: Lockstep = unit
        unit.begin_lockstep(_SLICE_S)

    def let_go(self) -> None:
        """Give the node's clock back, so that a run takes it anew."""
        assert isinstance(self._parts.source, Questionable)
        self._parts.source.ask("SIM:CLOC:WALL;:SIM:CLOC?")

    def _tell(self, p_kw: float) -> None:
        self._clock.tick(self._sun_kw, p_kw, 1.0, self._f_hz)
        self._held_kw = p_kw


class _LiveHand(_Hand):
    """Of a device in its own time, whose revert timer every message renews."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        unit = self._parts.unit
        if self._device.emulated is not None and isinstance(unit, Surrounded):
            unit.surround(self._sun_kw, 1.0, self._f_hz)
        self._command = unit.set_power if hasattr(unit, "set_power") else unit.limit_power

    def _tell(self, p_kw: float) -> None:
        if p_kw != self._held_kw:
            self._command(p_kw)
            self._held_kw = p_kw
        time.sleep(_SLICE_S)
        for one in self._parts:
            if one is not None:
                one.measure()
