"""The time plots of a report: linked figures over one wall-clock axis."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from .outcome import PeriodOutcome, outcomes
from .reading import Record
from .report_canvas import BLUE, GREEN, GREY, ORANGE, PINK, PURPLE, RED, Canvas, put_legend, short
from .report_data import bucket_reduce, wall_ms

__all__ = ["Plot", "plots"]


@dataclass(frozen=True)
class Plot:
    """One figure with what the page says about it."""

    key: str
    title: str
    about: str
    figure: Any


def plots(record: Record, failed: str | None, marks: Sequence[tuple[int, str]]) -> list[Plot]:
    """Every plot that this record has the columns for.

    Parameters
    ----------
    record : Record
    failed : str or None
        The seller whose delivery is drawn against its contracts.
    marks : sequence of (tick, what)
        Instants marked in every plot.
    """
    if record.ticks.num_rows < 2:
        return []
    canvas = Canvas(record, marks)
    drawn = [
        _power(canvas),
        _voltage(canvas),
        _delivery(canvas, failed),
        _frequency(canvas),
        _prices(canvas, outcomes(record)),
    ]
    return [plot for plot in drawn if plot is not None]


def _power(canvas: Canvas) -> Plot | None:
    record = canvas.record
    figure = canvas.figure("kW", 280)
    lpd = record.peers.index("lpd") if "lpd" in record.peers else None
    drawn = False
    for column, sign, label, colour in (
        ("pv_kw", 1, "PV", ORANGE),
        ("load_kw", -1, "Load", BLUE),
        ("battery_kw", 1, "Batteries", GREEN),
    ):
        if record.has(column):
            values = sign * record.values(column).astype(np.float64)
            if column == "battery_kw" and lpd is not None:
                canvas.line(figure, values[:, lpd], "LPD's storage", PINK)
                values = np.delete(values, lpd, axis=1)
            if values.any():
                canvas.line(figure, values.sum(axis=1), label, colour)
                drawn = True
    above = "Grid-former" if record.islanded else "Grid above"
    if record.has("connected"):
        above = "Grid above, or grid-former when alone"
    for column, label, colour, dash in (
        ("p_boundary_kw", above, GREY, "solid"),
        ("generator_kw", "Generator", PURPLE, "solid"),
        ("stores_kw", "Stores beside the former", PURPLE, "dotted"),
    ):
        if record.has(column):
            canvas.line(figure, record.scalar(column), label, colour, line_dash=dash)
            drawn = True
    if record.has("shed_kw") and record.values("shed_kw").any():
        canvas.line(figure, record.values("shed_kw").sum(axis=1), "Shed", RED, line_dash="dashed")
    put_legend(figure)
    about = "All peers together. Above zero flows into the feeder, below zero out of it."
    return Plot("power", "Power", about, figure) if drawn else None


def _voltage(canvas: Canvas) -> Plot | None:
    record = canvas.record
    if not record.has("vm_pu"):
        return None
    values = record.values("vm_pu")
    figure = canvas.figure("p.u.")
    lowest, highest = values.min(axis=1), values.max(axis=1)
    rows, low = bucket_reduce(lowest, np.minimum)
    _, high = bucket_reduce(highest, np.maximum)
    x = wall_ms(record, record.tick[rows])
    figure.varea(x, short(low, 5), short(high, 5), color=BLUE, alpha=0.18)
    for edge, label, colour in ((high, "Highest bus", ORANGE), (low, "Lowest bus", BLUE)):
        y = short(edge, 5)
        figure.line(x, y, legend_label=label, name=label, color=colour, line_width=1.6)
    low_pu, high_pu = _band(record)
    spread = float(high.max() - low.min())
    near = max(0.02, spread)
    if high.max() > high_pu - near:
        canvas.limit(figure, high_pu, f"limit {high_pu:g} p.u.", below=True)
    if low.min() < low_pu + near:
        canvas.limit(figure, low_pu, f"limit {low_pu:g} p.u.")
    put_legend(figure)
    about = f"Lowest and highest bus at every instant; the band is {low_pu:g} to {high_pu:g} p.u."
    return Plot("voltage", "Voltage", about, figure)


def _band(record: Record) -> tuple[float, float]:
    """The voltage band that the scenario checks, or that of EN 50160."""
    checks = (record.manifest.get("resolved") or {}).get("checks") or ()
    for check in checks:
        if isinstance(check, dict) and "voltage_band" in check:
            options = check["voltage_band"] or {}
            return options.get("low_pu", 0.9), options.get("high_pu", 1.1)
    return 0.9, 1.1


def _delivery(canvas: Canvas, failed: str | None) -> Plot | None:
    """What one seller promised, what it delivered, and who stood in."""
    record, length = canvas.record, canvas.record.manifest.get("ticks_per_period")
    if failed is None or failed not in record.peers or not length or not record.has("p_kw"):
        return None
    mine = [row for row in record.rows("contracts") if failed in (row["seller"], row["buyer"])]
    if not mine:
        return None
    figure = canvas.figure("kW")
    hours = length * record.dt_s / 3600
    promised: dict[int, int] = {}
    for row in mine:
        sign = 1 if row["seller"] == failed else -1
        promised[row["period"]] = promised.get(row["period"], 0) + sign * row["energy_wh"]
    levels = [
        (period * length, (period + 1) * length, energy / 1000 / hours)
        for period, energy in sorted(promised.items())
    ]
    power = record.values("p_kw")[:, record.peers.index(failed)]
    canvas.line(figure, power, "Delivered", ORANGE)
    canvas.steps(figure, levels, "Contracted", BLUE, line_dash="dashed")
    covered = _covered_kw(record, {row["contract_id"] for row in mine if row["seller"] == failed})
    if covered.any():
        canvas.line(figure, covered, "Covered by others", GREEN)
    put_legend(figure)
    about = (
        f"{failed}: power at its meter against the mean power of its contracts, and who stood in."
    )
    return Plot("delivery", "Delivered against contracted", about, figure)


def _covered_kw(record: Record, contracts: set[int]) -> npt.NDArray[np.float64]:
    """Mean power of the cover that others gave for some contracts, by tick."""
    power = np.zeros(record.tick.size)
    length = record.manifest["ticks_per_period"]
    for row in record.rows("covers"):
        if row["contract_id"] not in contracts or row["start_tick"] is None:
            continue
        if row["direction"] == "absorb" or row["kind"] == "own":
            continue
        end = row["end_tick"] or (row["period"] + 1) * length
        hours = (end - row["start_tick"]) * record.dt_s / 3600
        if hours > 0:
            inside = (record.tick >= row["start_tick"]) & (record.tick < end)
            power[inside] += row["energy_milliwh"] / 1e6 / hours
    return power


def _frequency(canvas: Canvas) -> Plot | None:
    record = canvas.record
    if not record.has("f_hz"):
        return None
    figure = canvas.figure("Hz", 220)
    low = record.scalar("f_min_hz" if record.has("f_min_hz") else "f_hz")
    high = record.scalar("f_max_hz" if record.has("f_max_hz") else "f_hz")
    rows, lowest = bucket_reduce(low, np.minimum)
    _, highest = bucket_reduce(high, np.maximum)
    x = wall_ms(record, record.tick[rows])
    figure.varea(x, short(lowest, 4), short(highest, 4), color=GREEN, alpha=0.22)
    canvas.line(figure, record.scalar("f_hz"), "Frequency", GREEN)
    put_legend(figure)
    about = "Mean of each tick; the shade has the extremes between ticks."
    if not record.islanded:
        about = "An input: the grid above sets it, a village cannot move it."
    return Plot("frequency", "Frequency", about, figure)


def _prices(canvas: Canvas, periods: Sequence[PeriodOutcome]) -> Plot | None:
    length = canvas.record.manifest.get("ticks_per_period")
    if not length:
        return None
    figure = canvas.figure("ct/kWh", 220)
    drawn = False
    for label, colour, look, price in _price_lines(periods):
        levels = [
            (period.period * length, (period.period + 1) * length, ticks / 10)
            for period in periods
            if (ticks := price(period)) is not None
        ]
        if levels:
            canvas.steps(figure, levels, label, colour, **look)
            drawn = True
    put_legend(figure)
    about = "Prices of each delivery period, between what the supplier pays and asks."
    return Plot("prices", "Prices", about, figure) if drawn else None


PriceLine = tuple[str, str, dict[str, Any], Callable[[PeriodOutcome], float | None]]
"""Label, colour, look, and the price of a period. [µ€/Wh]"""


def _price_lines(periods: Sequence[PeriodOutcome]) -> list[PriceLine]:
    """The supplier's prices, and those of the market: one, or means where they differ."""
    thin, thick = {"line_dash": "dotted"}, {"line_width": 3}
    lines: list[PriceLine] = [
        ("Supplier sells", RED, thin, lambda period: period.retail_ticks),
        ("Supplier buys", GREY, thin, lambda period: period.feed_in_ticks),
    ]
    inside = dict.fromkeys(name for period in periods for name in period.inside)
    colours = (PURPLE, GREEN, ORANGE, BLUE, PINK)
    for name, colour in zip(inside, colours, strict=False):
        label = f"Inside: {name.replace('_', ' ')}"
        lines.append((label, colour, thick, partial(_inside_price, name)))
    if all(period.paid == period.received and _one(period) for period in periods):
        return [*lines, ("Cleared", BLUE, thick, _mean_paid)]
    return [
        *lines,
        ("Buyers pay on average", PURPLE, thick, _mean_paid),
        ("Sellers get on average", GREEN, thick, _mean_received),
    ]


def _inside_price(name: str, period: PeriodOutcome) -> float | None:
    return period.inside.get(name)


def _one(period: PeriodOutcome) -> bool:
    return period.paid is None or period.paid.one


def _mean_paid(period: PeriodOutcome) -> float | None:
    return None if period.paid is None else period.paid.mean_ticks


def _mean_received(period: PeriodOutcome) -> float | None:
    return None if period.received is None else period.received.mean_ticks
