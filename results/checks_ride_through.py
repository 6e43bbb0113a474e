"""Whether inverters stayed on the grid while they had to, and left it when they had to.

The rules are those that a run's manifest holds for every inverter that follows a standard; the
voltages and frequencies are those that were recorded, one tick before the inverter could act.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple

import numpy as np
import numpy.typing as npt
from pydantic import Field

from .checks_physics import gap
from .reading import Record
from .verdict import Verdict

__all__ = ["ride_through"]

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

_ROUNDING = 1e-6
"""A float32 near one stands for all values that round to it. [p.u.]"""
_MEAN_S, _MEAN_ROUNDING = 600.0, 2e-3
"""The ten-minute mean moves in blocks, so that its trip may come some seconds apart. [s], [p.u.]"""
_ROCOF_WINDOW_S = 0.5
_DARK_PU = 0.05
"""Below, there is no grid to stay connected to. [p.u.]"""


def ride_through(record: Record, *, late_ticks: Annotated[int, Field(ge=0)] = 1) -> Verdict:
    """Every inverter that follows a standard trips when it must, and never while it must not.

    Notes
    -----
    Must trip: voltage or frequency beyond a trip setting, without interruption, for its time;
    `late_ticks` more are allowed. Must not: inside the continuous band, or in a region of
    ride-through for less than its time. What the scenario trips itself is left out, as is
    whoever has no voltage at all.
    """
    name = "ride_through"
    if missing := gap(record, "inverter_open", "vm_pu", "f_hz"):
        return Verdict(name, False, missing)
    units = list(_units(record))
    if not units:
        return Verdict(name, False, "no inverter of this run follows a standard")
    found = [finding for unit in units for finding in _findings(unit, record, late_ticks)]
    wrong = sorted((f for f in found if f.wrong), key=lambda f: f.row)
    trips = sum(not finding.late for finding in found)
    if not wrong:
        told = f"{trips} trips of {len(units)} inverters, each where it had to or might"
        return Verdict(name, True, told, 0.0, 0.0)
    more = f"; {len(wrong) - 1} more" if len(wrong) > 1 else ""
    worst = f"{wrong[0].told} at {record.clock(int(record.tick[wrong[0].row]))}{more}"
    return Verdict(name, False, worst, float(len(wrong)), 0.0)


class _Finding(NamedTuple):
    """A trip, or the lack of one."""

    row: int
    wrong: bool
    late: bool
    told: str


@dataclass(frozen=True)
class _Unit:
    """One inverter: what it saw at every tick, and whether it was off the grid."""

    name: str
    rules: Mapping[str, Any]
    hertz: float
    vm_pu: Floats
    f_hz: Floats
    is_open: Bools
    dt_s: float


def _units(record: Record) -> Iterator[_Unit]:
    """All inverters that follow a standard."""
    peers = (record.manifest.get("resolved") or {}).get("peers") or []
    scenario = record.manifest["resolved"]["scenario"]
    nominal_hz = (scenario.get("island") or scenario["frequency"])["nominal_hz"]
    is_open, vm_pu = record.values("inverter_open"), record.values("vm_pu")
    f_hz = _seen(record.scalar("f_hz"), nominal_hz)
    place_of = {peer: place for place, peer in enumerate(record.peers)}
    for peer in peers:
        if (rules := peer.get("inverter")) is None or not peer["pv_kwp"] > 0.0:
            continue
        columns = _columns(record, peer)
        if not columns:
            continue
        yield _Unit(
            name=peer["name"],
            rules=rules,
            hertz=nominal_hz / rules["f_nominal_hz"],
            vm_pu=_seen(vm_pu[:, columns].astype(np.float64).mean(axis=1), 1.0),
            f_hz=f_hz,
            is_open=is_open[:, place_of[peer["name"]]] > 0.5,
            dt_s=record.dt_s,
        )


def _columns(record: Record, peer: Mapping[str, Any]) -> list[int]:
    """Where the voltages stand that a peer sees: its bus's, or those of its phases."""
    names = record.names("vm_pu")
    phases = peer.get("phase") if record.phases else None
    wanted = [f"{peer['bus']}.{phase}" for phase in phases] if phases else [peer["bus"]]
    return [names.index(name) for name in wanted if name in names]


def _seen(values: Floats, before: float) -> Floats:
    """What an inverter knows at each tick: the value of the one before."""
    return np.concatenate([[before], values[:-1]])


def _findings(unit: _Unit, record: Record, late_ticks: int) -> Iterator[_Finding]:
    """Judge every trip of a unit, and every stretch in which it lacks one."""
    must, told = _must_trip(unit, late_ticks)
    for row in np.flatnonzero(must & ~unit.is_open)[:1]:
        yield _Finding(int(row), True, True, f"{unit.name} did not trip: {told[int(row)]}")
    forced = {
        int(np.searchsorted(record.tick, event["tick"]))
        for event in record.events
        if event["kind"] == "trip" and event.get("peer") == unit.name
    }
    may = _may_trip(unit)
    begins = np.flatnonzero(unit.is_open & ~np.concatenate([[False], unit.is_open[:-1]]))
    for row in begins:
        excused = row in forced or row - 1 in forced or bool(may[row])
        saw = f"{unit.vm_pu[row]:.3f} p.u. and {unit.f_hz[row]:.3f} Hz"
        yield _Finding(int(row), not excused, False, f"{unit.name} tripped too early: {saw}")


def _stages(unit: _Unit) -> Iterator[tuple[str, Floats, float, float, float]]:
    """Must-trip settings: unit, value, sign (1 above, −1 below), level and time."""
    for side, sign in (("over", 1.0), ("under", -1.0)):
        for level, after_s in unit.rules["voltage_trip"][side]:
            yield "p.u.", unit.vm_pu, sign, level, after_s
        for level, after_s in unit.rules["frequency_trip"][side]:
            yield "Hz", unit.f_hz, sign, level * unit.hertz, after_s


def _must_trip(unit: _Unit, late_ticks: int) -> tuple[Bools, dict[int, str]]:
    """Ticks at which a unit has to be open, and why for the first of each setting."""
    must = np.zeros(unit.vm_pu.size, dtype=np.bool_)
    told: dict[int, str] = {}
    for what, values, sign, level, after_s in _stages(unit):
        lasted_s = _lasted(sign * (values - level) > _ROUNDING, unit.dt_s)
        over = lasted_s > after_s + (late_ticks - 0.5) * unit.dt_s
        must |= over
        for row in np.flatnonzero(over & ~unit.is_open)[:1]:
            side = "above" if sign > 0 else "below"
            told.setdefault(
                int(row),
                f"{values[row]:.3f} {what}, {side} {level:.4g} for {lasted_s[row]:.2f} s where "
                f"{after_s:g} s trip it",
            )
    return must, told


def _may_trip(unit: _Unit) -> Bools:
    """Ticks at which a trip is no fault."""
    may = unit.vm_pu < _DARK_PU
    for _, values, sign, level, after_s in _stages(unit):
        lasted_s = _lasted(sign * (values - level) > -_ROUNDING, unit.dt_s)
        may |= lasted_s > after_s - 0.5 * unit.dt_s
    through = unit.rules["ride_through"]
    hertz = tuple(unit.hertz * edge for edge in through["continuous_f_hz"])
    f_regions = [
        (unit.hertz * low, unit.hertz * high, for_s, 0.0)
        for low, high, for_s in through["frequency"]
    ]
    v_regions = [tuple(region[:4]) for region in through["voltage"]]
    may |= _stood(unit.vm_pu, through["continuous_vm_pu"], v_regions, unit.dt_s)
    may |= _stood(unit.f_hz, hertz, f_regions, unit.dt_s)
    return may | _too_fast(unit) | _mean_over(unit)


def _stood(values: Floats, band: Any, regions: Sequence[tuple[float, ...]], dt_s: float) -> Bools:
    """Ticks by which a disturbance was stood for as long as its region asks."""
    outside = (values < band[0] - _ROUNDING) | (values > band[1] + _ROUNDING)
    lasted_s = _lasted(outside, dt_s)
    needed_s = np.zeros(values.size)
    for low, high, for_s, slope in regions:
        inside = (values >= low - _ROUNDING) & (values <= high + _ROUNDING)
        needed_s[inside] = np.maximum(needed_s, for_s + slope * (values - low))[inside]
    done = outside & (lasted_s > needed_s - 0.5 * dt_s)
    # Once stood, it stays so until the disturbance is over.
    since = np.maximum.accumulate(np.where(done, np.arange(values.size), -1))
    first = np.arange(values.size) - np.round(lasted_s / dt_s)
    stood: Bools = outside & (since >= first)
    return stood


def _too_fast(unit: _Unit) -> Bools:
    """Ticks at which the frequency has changed faster than the unit's own setting."""
    rocof, ticks = unit.rules["rocof"], max(1, round(_ROCOF_WINDOW_S / unit.dt_s))
    change = np.zeros(unit.f_hz.size)
    if not rocof["trip_hz_per_s"] > 0.0 or unit.f_hz.size <= ticks:
        return np.zeros(unit.f_hz.size, dtype=np.bool_)
    change[ticks:] = (unit.f_hz[ticks:] - unit.f_hz[:-ticks]) / (ticks * unit.dt_s)
    lasted_s = _lasted(np.abs(change) > rocof["trip_hz_per_s"] - _ROUNDING, unit.dt_s)
    fast: Bools = lasted_s > rocof["trip_s"] - 0.5 * unit.dt_s
    return fast


def _mean_over(unit: _Unit) -> Bools:
    """Ticks at which the voltage's ten-minute mean, nominal before the run, is too high."""
    level, ticks = unit.rules["voltage_trip"]["mean_over_pu"], round(_MEAN_S / unit.dt_s)
    if not level > 0.0:
        return np.zeros(unit.vm_pu.size, dtype=np.bool_)
    summed = np.cumsum(np.concatenate([np.ones(ticks), unit.vm_pu]))
    mean = (summed[ticks:] - summed[:-ticks]) / ticks
    high: Bools = mean > level - _MEAN_ROUNDING
    return high


def _lasted(outside: Bools, dt_s: float) -> Floats:
    """Time since the first tick of a stretch outside; −1 inside. [s]"""
    rows = np.arange(outside.size)
    inside_before = np.maximum.accumulate(np.where(outside, -1, rows))
    lasted: Floats = np.where(outside, (rows - inside_before - 1) * dt_s, -1.0)
    return lasted
