"""What a comparison draws: each quantity of both runs over the whole time, and where they part.

A quantity that is the same in both is not drawn, only named.
"""

from collections import defaultdict
from collections.abc import Callable
from datetime import datetime
from functools import partial

import numpy as np
import numpy.typing as npt

from .compare import Comparison
from .compare_record import OpenedRun
from .compare_ticks import comparable
from .report_compare_svg import Curve, Overlay, Strip
from .report_data import bucket_extremes, bucket_reduce

__all__ = ["close_ups", "overlays"]

Floats = npt.NDArray[np.float64]
Measured = tuple[Floats, Floats]
"""Seconds, and values over them."""

BEFORE, AFTER = 150, 450
"""Ticks before and after the first divergence in a close-up."""

MOST_CLOSE_UPS = 3

SIGNALS = (
    ("p_boundary_kw", "Power from the grid above", "kW", "What the feeder draws."),
    ("generator_kw", "Generator", "kW", ""),
    ("pv_kw", "Production", "kW", "PV of all peers together."),
    ("load_kw", "Load", "kW", "Of all peers together."),
    ("battery_kw", "Batteries", "kW", "All together; above zero they discharge."),
    ("shed_kw", "Shed", "kW", "Load of all peers that was cut off."),
    ("vm_pu", "Voltage", "p.u.", "From the lowest to the highest bus at every instant."),
    ("f_hz", "Frequency", "Hz", "Mean of each tick."),
)
"""Column, title, unit and remark of what is drawn from the tick table."""


def overlays(found: Comparison) -> tuple[list[Overlay], list[str]]:
    """Draw what differs over the whole time.

    Returns
    -------
    list of Overlay
    list of str
        Titles of what both recorded and is the same.
    """
    runs = found.a, found.b
    span_s = _span(runs)
    drawn, same = list[Overlay](), list[str]()
    if span_s is None:
        return drawn, same
    mark = () if found.first is None else (found.first.tick * found.a.dt_s,)
    marks = tuple(at for at in mark if span_s[0] <= at <= span_s[1])
    changed = {change.column for change in found.signals}
    for column, title, unit, about in SIGNALS:
        if not all(run.has(column) for run in runs):
            continue
        if column not in changed and not comparable(*runs):
            same.append(title)
            continue
        curves, strip = _signal(column, runs)
        drawn.append(
            Overlay(column, title, about, unit, curves, strip, _begin(runs), span_s, marks)
        )
    for key, title, unit, about, levels in PERIODS:
        one, other = (levels(run) for run in runs)
        if one and one == other:
            same.append(title)
        elif one or other:
            curves = [_steps("a", runs[0], one), _steps("b", runs[1], other)]
            drawn.append(
                Overlay(key, title, about, unit, curves, None, _begin(runs), span_s, marks)
            )
    return drawn, same


def close_ups(found: Comparison) -> list[Overlay]:
    """Draw the signals that part first, tick by tick, around where they do."""
    if not found.signals:
        return []
    runs, tick = (found.a, found.b), found.signals[0].tick
    first, last = tick - BEFORE, tick + AFTER
    drawn = []
    for change in [c for c in found.signals if c.tick <= last][:MOST_CLOSE_UPS]:
        measured = [_one_place(run, change.column, change.place, first, last) for run in runs]
        curves = [Curve(name, *m) for name, m in zip("ab", measured, strict=True)]
        where = change.place or "the feeder"
        title = f"{change.column} at {where}"
        span_s = (measured[0][0][0].item(), measured[0][0][-1].item() + runs[0].dt_s)
        drawn.append(
            Overlay(
                f"near-{change.column}",
                title,
                f"Parts at {runs[0].clock(change.tick)}, tick {change.tick}.",
                _unit(change.column),
                curves,
                _strip(*measured),
                _begin(runs),
                span_s,
                (tick * runs[0].dt_s,),
            )
        )
    return drawn


def _span(runs: tuple[OpenedRun, OpenedRun]) -> tuple[float, float] | None:
    """Time that either recorded."""
    known = [run for run in runs if run.ticks.num_rows]
    if not known:
        return None
    return (
        min(int(run.tick[0]) * run.dt_s for run in known),
        max(run.end_tick * run.dt_s for run in known),
    )


def _begin(runs: tuple[OpenedRun, OpenedRun]) -> datetime:
    return runs[0].moment(0) if runs[0].ticks.num_rows else runs[1].moment(0)


def _signal(column: str, runs: tuple[OpenedRun, OpenedRun]) -> tuple[list[Curve], Strip | None]:
    """Curves of one column: of a voltage the band, of powers the sum."""
    if column == "vm_pu":
        lows, highs = (
            [_measured(run, how(run.values(column), axis=1)) for run in runs]
            for how in (np.min, np.max)
        )
        curves = [_band(name, low, high) for name, low, high in zip("ab", lows, highs, strict=True)]
        return curves, _widest(_strip(*lows), _strip(*highs))
    both = [_measured(run, _whole(run, column)) for run in runs]
    curves = [_curve(name, *measured) for name, measured in zip("ab", both, strict=True)]
    return curves, _strip(*both)


def _whole(run: OpenedRun, column: str) -> Floats:
    """The feeder's value of a column."""
    if run.ticks[column].type == "double":
        return run.scalar(column)
    whole: Floats = run.values(column).sum(axis=1, dtype=np.float64)
    return whole


def _one_place(run: OpenedRun, column: str, place: str, first: int, last: int) -> Measured:
    inside = (run.tick >= first) & (run.tick <= last)
    values = run.values(column)[:, run.names(column).index(place)] if place else run.scalar(column)
    return np.multiply(run.tick[inside], run.dt_s, dtype=np.float64), values[inside].astype(
        np.float64
    )


def _measured(run: OpenedRun, values: npt.NDArray[np.floating]) -> Measured:
    return np.multiply(run.tick, run.dt_s, dtype=np.float64), values.astype(np.float64)


def _curve(name: str, seconds: Floats, values: Floats) -> Curve:
    rows = bucket_extremes(values)
    return Curve(name, seconds[rows], values[rows])


def _band(name: str, low: Measured, high: Measured) -> Curve:
    rows, lowest = bucket_reduce(low[1], np.minimum)
    _, highest = bucket_reduce(high[1], np.maximum)
    return Curve(name, low[0][rows], lowest, highest)


def _strip(one: Measured, other: Measured) -> Strip | None:
    """Second less first where both have been recorded; between ticks of unlike length, in line."""
    if not one[0].size or not other[0].size:
        return None
    seconds, values = one
    inside = (seconds >= other[0][0]) & (seconds <= other[0][-1])
    if not inside.any():
        return None
    by = np.interp(seconds[inside], *other) - values[inside]
    rows, lowest = bucket_reduce(by, np.minimum)
    _, highest = bucket_reduce(by, np.maximum)
    return Strip(seconds[inside][rows], lowest, highest)


def _widest(one: Strip | None, other: Strip | None) -> Strip | None:
    if one is None or other is None:
        return None
    return Strip(
        one.seconds,
        np.minimum(one.lowest, other.lowest),
        np.maximum(one.highest, other.highest),
    )


def _steps(name: str, run: OpenedRun, levels: dict[int, float]) -> Curve:
    """Levels of delivery periods, broken where one does not follow another."""
    length_s = run.manifest["ticks_per_period"] * run.dt_s
    seconds, values = list[float](), list[float]()
    for period, value in sorted(levels.items()):
        if period - 1 not in levels:
            seconds.append(period * length_s)
            values.append(np.nan)
        seconds += [period * length_s, (period + 1) * length_s]
        values += [value, value]
    return Curve(name, np.array(seconds), np.array(values))


def _traded_kw(run: OpenedRun) -> dict[int, float]:
    """Mean power of the contracts of each period."""
    length = run.manifest.get("ticks_per_period")
    if not length:
        return {}
    energy: dict[int, float] = defaultdict(float)
    for row in run.rows("contracts"):
        energy[row["period"]] += row["energy_wh"]
    hours = length * run.dt_s / 3600
    return {period: wh / 1000 / hours for period, wh in energy.items()}


def _price_ct(run: OpenedRun) -> dict[int, float]:
    """What is paid in each period, on average over the energy of its contracts."""
    paid: dict[int, list[int]] = defaultdict(lambda: [0, 0])
    for row in run.rows("contracts"):
        paid[row["period"]][0] += row["energy_wh"] * row["price_ticks"]
        paid[row["period"]][1] += row["energy_wh"]
    if not run.manifest.get("ticks_per_period"):
        return {}
    return {period: ueur / wh / 10 for period, (ueur, wh) in paid.items() if wh}


def _inside_ct(name: str, run: OpenedRun) -> dict[int, float]:
    """A rule's price inside the community."""
    if not run.manifest.get("ticks_per_period"):
        return {}
    return {
        row["period"]: row["price_ticks"] / 10
        for row in run.rows("rule_prices")
        if row["name"] == name
    }


Levels = Callable[[OpenedRun], dict[int, float]]

PERIODS: tuple[tuple[str, str, str, str, Levels], ...] = (
    ("traded", "Traded", "kW", "Mean power of the contracts of each period.", _traded_kw),
    ("price", "Price", "ct/kWh", "Paid in each period, on average over its contracts.", _price_ct),
    ("buy", "Price inside, bought", "ct/kWh", "", partial(_inside_ct, "buy")),
    ("sell", "Price inside, sold", "ct/kWh", "", partial(_inside_ct, "sell")),
)


def _unit(column: str) -> str:
    units = {"kw": "kW", "kvar": "kvar", "pu": "p.u.", "hz": "Hz", "s": "Hz/s"}
    return units.get(column.rsplit("_", 1)[-1], "")
