"""Areas that swing against one another: governors, reserves, secondary control, tie-lines.

An area whose ties are open is an island; a tie closes again only where its two sides pass the
synchro-check. An area beyond its frequency trips is black until it is restarted.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from . import _kernels_areas as k
from .area_parameters import Area, Containment, SynchroCheck, Tie
from .checks import check
from .tables import set_powers

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class AreasTick:
    """What a tick came to, per area or tie: views that the next step changes.

    Attributes
    ----------
    f_hz, f_min_hz, f_max_hz, f_end_hz : (n_areas,) array
        Mean, extrema and end; 0 where black. [Hz]
    rocof_hz_per_s : (n_areas,) array
        Steepest slope, with its sign. [Hz/s]
    mechanical_kw, reserves_kw, served_kw : (n_areas,) array
        Means. [kW]
    tie_kw : (n_ties,) array
        Flow at the end of the tick. [kW]
    dark : (n_areas,) array
        1 where black, else 0.
    """

    f_hz: Floats
    f_min_hz: Floats
    f_max_hz: Floats
    f_end_hz: Floats
    rocof_hz_per_s: Floats
    mechanical_kw: Floats
    reserves_kw: Floats
    served_kw: Floats
    tie_kw: Floats
    dark: Floats


class AreaFrequency:
    """Frequencies of one or several areas.

    Parameters
    ----------
    areas : sequence of Area
    ties : sequence of Tie
    dt_s : float
        Length of a tick. [s]
    load_kw : mapping of str to float
        Load of each area at the start, at nominal frequency. [kW]
    nominal_hz : float

    Raises
    ------
    ValueError
        For unknown or repeated names, scheduled flows that no angles make, or units that
        cannot carry load and exports.

    Notes
    -----
    It starts at rest: the units carry load and scheduled exports, moved in order where
    their set powers do not.
    """

    def __init__(
        self,
        areas: Sequence[Area],
        ties: Sequence[Tie] = (),
        *,
        dt_s: float,
        load_kw: Mapping[str, float],
        nominal_hz: float = 50.0,
    ) -> None:
        check("areas", "dt_s", dt_s, "s", "1 ms to 60 s", 1e-3, 60)
        self.areas, self.ties = tuple(areas), tuple(ties)
        self.nominal_hz, self.dt_s = nominal_hz, dt_s
        self._names = [area.name for area in areas]
        if not areas or len(set(self._names)) < len(self._names):
            raise ValueError(f"areas {self._names}; expected one at least, unique names")
        self._index(*(name for tie in ties for name in (tie.start, tie.end)), *load_kw)
        self._table()
        self._area[k.LOAD] = [load_kw[name] for name in self._names]
        n_states = self._reserve.shape[1] + 3 * len(self.areas)
        self._states = np.zeros((k.N_STATE_ROWS, n_states))
        self._x = self._states[k.X]
        self._f_at = self._x.size - 3 * len(self.areas)
        self._angles = self._x[self._f_at + len(self.areas) : self._x.size - len(self.areas)]
        pairs = [self._index(tie.start, tie.end) for tie in self.ties]
        self._angles[:] = _angles(self.ties, pairs, len(self.areas))
        for at in range(len(self.areas)):
            self._rest(at)
        self._cut()
        row = self._area
        frequencies = (row[k.MEAN], row[k.MIN], row[k.MAX], row[k.END], row[k.ROCOF])
        powers = (row[k.MECHANICAL], row[k.RESERVES], row[k.SERVED], self._tie[k.FLOW])
        self._told = AreasTick(*frequencies, *powers, row[k.DARK])

    def _index(self, *names: str) -> list[int]:
        for name in names:
            if name not in self._names:
                raise ValueError(f"no area {name!r}; known: {', '.join(self._names)}")
        return [self._names.index(name) for name in names]

    def _table(self) -> None:
        """Make the kernel's tables."""
        f0 = self.nominal_hz
        self._area = np.zeros((k.N_AREA, len(self.areas)))
        self._unit = np.array([u for a in self.areas for u in _unit_rows(a, f0)])
        reserves = [r for a in self.areas for r in _reserve_rows(a, f0)]
        self._reserve = np.array(reserves).reshape(-1, k.N_RESERVE).T.copy()
        self._tie = np.zeros((k.N_TIE, len(self.ties)))
        counts = [[len(a.units) for a in self.areas], [len(a.reserves) for a in self.areas]]
        self._firsts = np.zeros((2, len(self.areas) + 1), dtype=np.int64)
        self._firsts[:, 1:] = np.cumsum(counts, axis=1)
        for at, tie in enumerate(self.ties):
            self._tie[: k.FLOW, at] = *self._index(tie.start, tie.end), tie.p_max_kw, 1.0
            start, end = self._index(tie.start, tie.end)
            self._area[k.SCHEDULED, start] += tie.p_set_kw
            self._area[k.SCHEDULED, end] -= tie.p_set_kw
        for at, area in enumerate(self.areas):
            row = self._area[:, at]
            row[k.INERTIA] = self._unit[self._of(at), k.UNIT_M].sum()
            row[k.NOMINAL] = f0
            row[k.PER_HZ] = area.load_percent_per_hz / 100
            row[k.LOW_TRIP], row[k.HIGH_TRIP] = area.f_low_trip_hz - f0, area.f_high_trip_hz - f0
            if area.secondary is not None:
                row[k.BIAS], row[k.KP] = area.secondary.bias_kw_per_hz, area.secondary.proportional
                row[k.KI] = 1.0 / area.secondary.integral_time_s
                row[k.AGC_LIMIT] = area.secondary.p_max_kw

    def _of(self, area: int) -> slice:
        return slice(int(self._firsts[0, area]), int(self._firsts[0, area + 1]))

    def _rest(self, at: int) -> None:
        """Put one area at nominal frequency with its units carrying load and exports."""
        area, of = self.areas[at], self._of(at)
        need_kw = float(self._area[k.LOAD, at] + self._area[k.SCHEDULED, at])
        sets_kw = np.array(set_powers(area.units, need_kw, 0.0, 0.0))
        if abs(sets_kw.sum() - need_kw) > 1e-9 * max(1.0, abs(need_kw)):
            raise ValueError(
                f"area {area.name!r}: its units give {sets_kw.sum():g} kW at most or least; "
                f"expected {need_kw:g} kW for its load and exports"
            )
        self._unit[of, k.SET] = sets_kw
        self._unit[of, k.VALVE] = self._unit[of, k.TURBINE] = sets_kw
        self._x[[self._f_at + at, self._x.size - len(self.areas) + at]] = 0.0

    def _cut(self) -> None:
        """Choose inner steps below half of the fastest lag, decay and swing, 10 ms at most."""
        area, unit = self._area, self._unit
        rates = [100.0 / 2, *unit[:, k.LAG_RATE], *unit[:, k.TURBINE_RATE], *self._reserve[k.RATE]]
        gains = unit[:, k.GAIN] * np.maximum(unit[:, k.LAG_RATE], unit[:, k.TURBINE_RATE])
        for at in range(len(self.areas)):
            of, m = self._of(at), area[k.INERTIA, at]
            stiff = unit[of, k.GAIN].sum() + area[k.PER_HZ, at] * abs(area[k.LOAD, at])
            joined = (self._tie[k.FROM] == at) | (self._tie[k.TO] == at)
            swing = gains[of].sum() + 2 * math.pi * self._tie[k.TIE_MAX, joined].sum()
            rates += [stiff / m, math.sqrt(swing / m)]
        self._steps = max(math.ceil(2 * max(rates) * self.dt_s - 1e-9), 1)

    def step(self, load_kw: Sequence[float] | Floats) -> AreasTick:
        """Carry all areas through one tick.

        Parameters
        ----------
        load_kw : (n_areas,) array
            Load at nominal frequency less what is infed without answering frequency. [kW]

        Raises
        ------
        ValueError
            For values that are not finite.
        """
        load = np.asarray(load_kw, dtype=np.float64)
        steps = self._steps
        if (
            load.shape != (len(self.areas),)
            or k.areas_tick(
                self._states,
                self._area,
                self._unit,
                self._reserve,
                self._tie,
                self._firsts,
                load,
                steps,
                self.dt_s / steps,
            )
            == k.BAD
        ):
            raise ValueError(f"areas: load_kw is {load}; expected {len(self.areas)} finite values")
        return self._told

    def trip_unit(self, area: str, name: str) -> None:
        """Take a unit off at the start of the next step: its power and its inertia."""
        (at,) = self._index(area)
        names = [unit.name for unit in self.areas[at].units]
        if name not in names:
            raise ValueError(f"no unit {name!r} in {area!r}; known: {', '.join(names)}")
        row = self._of(at).start + names.index(name)
        self._area[k.INERTIA, at] -= self._unit[row, k.ON] * self._unit[row, k.UNIT_M]
        self._unit[row, [k.ON, k.PART]] = 0.0
        if not self._unit[self._of(at), k.ON].any():
            self._area[k.DARK, at] = 1.0
            self._area[k.INERTIA, at] = 1.0
            touching = (self._tie[k.FROM] == at) | (self._tie[k.TO] == at)
            self._tie[k.CLOSED, touching] = 0.0

    def _tie_at(self, name: str) -> int:
        names = [tie.name for tie in self.ties]
        if name not in names:
            raise ValueError(f"no tie {name!r}; known: {', '.join(names) or 'none'}")
        return names.index(name)

    def open_tie(self, name: str) -> None:
        """Open a tie: what it joined swings on its own."""
        self._tie[k.CLOSED, self._tie_at(name)] = 0.0

    def differences(self, name: str) -> tuple[float, float]:
        """Frequency [Hz] and angle [degrees, -180 to 180] of a tie's start beyond its end."""
        tie = self.ties[self._tie_at(name)]
        a, b = self._index(tie.start, tie.end)
        angle = math.degrees(self._angles[a] - self._angles[b])
        f_hz = float(self._x[self._f_at + a] - self._x[self._f_at + b])
        return f_hz, (angle + 180.0) % 360.0 - 180.0

    def close_tie(
        self, name: str, checks: SynchroCheck | None = None, *, vm_pu: float = 0.0
    ) -> list[str]:
        """Close a tie if its sides are alike enough.

        Parameters
        ----------
        name : str
        checks : SynchroCheck, optional
        vm_pu : float
            Difference of the voltages, which this model does not know. [p.u.]

        Returns
        -------
        list of str
            What forbids it; empty when the tie is closed.
        """
        at = self._tie_at(name)
        tie = self.ties[at]
        a, b = self._index(tie.start, tie.end)
        dark = [n for n, i in ((tie.start, a), (tie.end, b)) if self._area[k.DARK, i]]
        f_hz, angle_deg = self.differences(name)
        faults = [f"{name!r} is black; restart it first" for name in dark]
        faults += (checks or SynchroCheck()).faults(f_hz=f_hz, vm_pu=vm_pu, angle_deg=angle_deg)
        if not faults:
            self._tie[k.CLOSED, at] = 1.0
        return faults

    def restart(self, area: str, load_kw: float) -> None:
        """Start a black area at nominal frequency with all its units and this load. [kW]"""
        (at,) = self._index(area)
        if not self._area[k.DARK, at]:
            raise ValueError(f"area {area!r} is not black; expected a black one to restart")
        of, scheduled_kw = self._of(at), float(self._area[k.SCHEDULED, at])
        self._area[k.LOAD, at], self._area[k.SCHEDULED, at] = load_kw, 0.0
        self._rest(at)
        self._area[k.SCHEDULED, at] = scheduled_kw
        self._unit[of, k.ON] = 1.0
        self._unit[of, k.PART] = _parts(self.areas[at])
        self._area[k.INERTIA, at] = self._unit[of, k.UNIT_M].sum()
        self._area[k.DARK, at] = 0.0
        rows = slice(int(self._firsts[1, at]), int(self._firsts[1, at + 1]))
        self._x[rows] = 0.0
        self._reserve[[k.TIMER, k.ACTIVE], rows] = 0.0


def _parts(area: Area) -> list[float]:
    """Each unit's part of secondary control: by rated power, none without a governor."""
    shares = [0.0 if unit.droop_pu == math.inf else unit.s_kva for unit in area.units]
    return [share / (sum(shares) or 1.0) for share in shares]


def _unit_rows(area: Area, f0: float) -> list[list[float]]:
    rows = []
    for unit, part in zip(area.units, _parts(area), strict=True):
        t1, t3 = unit.governor_lag_s, unit.turbine_lag_s
        lag, turbine = (float(t > 0) for t in (t1, t3))
        rates = [1.0 / t if t > 0 else 0.0 for t in (t1, t3)]
        gain, inertia = unit.s_kva / (unit.droop_pu * f0), 2 * unit.inertia_s * unit.s_kva / f0
        limits = [unit.p_min_kw, unit.p_max_kw]
        lags = [lag, rates[0], turbine, rates[1], unit.turbine_lead_s]
        rows.append([1.0, 0.0, *limits, gain, part, *lags, inertia, *np.zeros(6)])
    return rows


def _reserve_rows(area: Area, f0: float) -> list[list[float]]:
    rows = []
    for one in area.reserves:
        if isinstance(one, Containment):
            slope = one.p_max_kw / (one.full_at_hz - one.insensitivity_hz)
            row = [0.0, one.p_max_kw, one.insensitivity_hz, slope, 1 / one.lag_s, 0.0, 0.0]
        else:
            row = [1.0, one.p_max_kw, f0 - one.below_hz, 0.0, 1 / one.lag_s, one.delay_s]
            row.append(one.hold_s)
        rows.append([*row, 0.0, 0.0, 0.0])
    return rows


def _angles(ties: Sequence[Tie], pairs: Sequence[Sequence[int]], n_areas: int) -> Floats:
    """Angles at which every tie carries its scheduled flow. [rad]"""
    wanted = np.array([math.asin(tie.p_set_kw / tie.p_max_kw) for tie in ties])
    incidence = np.zeros((len(ties), n_areas))
    for row, (start, end) in enumerate(pairs):
        incidence[row, start], incidence[row, end] = 1.0, -1.0
    angles: Floats = np.linalg.lstsq(incidence, wanted, rcond=None)[0]
    apart = np.abs(incidence @ angles - wanted)
    if apart.size and apart.max() > 1e-9:
        worst = ties[int(apart.argmax())]
        raise ValueError(
            f"tie {worst.name!r}: p_set_kw {worst.p_set_kw:g} kW fits no angles beside the other "
            "ties of its loop; expected angles that add up to 0 around it"
        )
    return angles
