"""The plots of a sweep: how often it passes, how figures are spread, and bands over time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from .report_canvas import BLUE, GREEN, GREY, ORANGE, RED, plain_figure, put_legend, short
from .report_plots import Plot
from .sweep_reading import Sweep
from .sweep_series import SERIES
from .sweep_statistics import wilson

__all__ = ["sweep_plots"]

GROUPS = 8
"""Stretches of a range, where there are more values than can be told one by one."""

BINS = 24
TOOLS = "xbox_zoom,xpan,xwheel_zoom,reset,hover"
COLOURS = {"f_hz": GREEN, "vm_min_pu": BLUE, "vm_max_pu": ORANGE, "traded_kw": GREEN}

Floats = npt.NDArray[np.float64]
Group = tuple[str, list[dict[str, Any]]]


def sweep_plots(sweep: Sweep) -> dict[str, list[Plot]]:
    """Every plot that the sweep has something for, by section of the page."""
    return {
        "rates": [_rate(sweep, path) for path in sweep.paths if sweep.ran],
        "spreads": [_spread(sweep, name) for name in sweep.chosen],
        "bands": _bands(sweep),
    }


def _rate(sweep: Sweep, path: str) -> Plot:
    """Pass rate over the values of one path, with its confidence interval."""
    from bokeh.models.sources import ColumnDataSource

    groups = _grouped(sweep.ran, path)
    passed = [sum(row["passed"] for row in rows) for _, rows in groups]
    ends = [wilson(one, len(rows)) for one, (_, rows) in zip(passed, groups, strict=True)]
    source = ColumnDataSource(
        {
            "x": [name for name, _ in groups],
            "share": [100 * p / len(rows) for p, (_, rows) in zip(passed, groups, strict=True)],
            "low": [100 * low for low, _ in ends],
            "high": [100 * high for _, high in ends],
            "told": [f"{p} of {len(rows)}" for p, (_, rows) in zip(passed, groups, strict=True)],
        }
    )
    names = [name for name, _ in groups]
    figure = plain_figure("%", 230, x_range=names, y_range=(-3, 103), tools="hover")
    figure.hover.tooltips = [
        (path, "@x"),
        ("passed", "@told"),
        ("95 % confidence", "@low{0.0} to @high{0.0} %"),
    ]
    figure.segment("x", "low", "x", "high", source=source, color=GREY, line_width=2)
    figure.scatter("x", "share", source=source, color=BLUE, size=9)
    figure.xaxis.major_label_orientation = 0.0 if len("".join(names)) < 44 else 0.6
    about = "Share of runs in which all checks hold; the lines are 95 % confidence intervals."
    return Plot(f"rate-{path}", path, about, figure)


def _grouped(rows: Sequence[dict[str, Any]], path: str) -> list[Group]:
    """Rows by the value of a path, or by stretches of it."""
    values = [row[path] for row in rows]
    numbers = all(isinstance(value, int | float) for value in values)
    if len(set(values)) <= GROUPS or not numbers:
        known = sorted(set(values)) if numbers else list(dict.fromkeys(values))
        return [(_name(one), [row for row in rows if row[path] == one]) for one in known]
    told = np.array(values, dtype=np.float64)
    edges = np.unique(np.quantile(told, np.linspace(0, 1, GROUPS + 1)))
    place = np.clip(np.searchsorted(edges, told, side="right") - 1, 0, edges.size - 2)
    return [
        (
            f"{edges[i]:.3g}–{edges[i + 1]:.3g}",
            [rows[j] for j in np.flatnonzero(place == i).tolist()],
        )
        for i in range(edges.size - 1)
        if (place == i).any()
    ]


def _name(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _spread(sweep: Sweep, name: str) -> Plot:
    """Distribution of one figure, runs that passed below those that did not."""
    values = sweep.figure(name)
    passed = np.array([bool(row["passed"]) for row in sweep.ran], dtype=bool)
    known = np.isfinite(values)
    edges = np.histogram_bin_edges(values[known], bins=min(BINS, max(1, int(known.sum()))))
    good, _ = np.histogram(values[known & passed], edges)
    bad, _ = np.histogram(values[known & ~passed], edges)
    figure = plain_figure("runs", 210, tools=TOOLS, active_drag=None)
    figure.hover.tooltips = [("", "$name"), ("from", "@left{0.0000}"), ("to", "@right{0.0000}")]
    for label, colour, bottom, top in (
        ("passed", GREEN, np.zeros_like(good), good),
        ("failed", RED, good, good + bad),
    ):
        if (top > bottom).any():
            figure.quad(
                left=short(edges[:-1], 6),
                right=short(edges[1:], 6),
                bottom=bottom,
                top=top,
                color=colour,
                alpha=0.75,
                line_width=0,
                name=label,
                legend_label=label,
            )
    put_legend(figure)
    middle = float(np.median(values[known])) if known.any() else float("nan")
    about = f"{int(known.sum())} runs; median {middle:.4g}."
    return Plot(f"spread-{name}", name.replace("_", " "), about, figure)


def _bands(sweep: Sweep) -> list[Plot]:
    at_s, series, _ = sweep.bands
    plots = []
    for name, rows in series.items():
        label, unit = SERIES[name]
        figure = plain_figure(unit, 240, tools=TOOLS, active_drag="xbox_zoom")
        figure.xaxis.axis_label = "minutes since the start"
        figure.hover.tooltips = [("", "$name"), ("min", "@x{0.00}"), (unit, "@y{0.000}")]
        _band(figure, at_s / 60, rows, COLOURS[name])
        put_legend(figure)
        about = f"Quantiles over {rows.shape[0]} runs, at every instant by itself."
        plots.append(Plot(f"band-{name}", label, about, figure))
    return plots


def _band(figure: Any, x: Floats, rows: Floats, colour: str) -> None:
    lowest, low, middle, high, highest = np.quantile(rows, [0.05, 0.25, 0.5, 0.75, 0.95], axis=0)
    for below, above, alpha, label in (
        (lowest, highest, 0.18, "5 to 95 %"),
        (low, high, 0.32, "25 to 75 %"),
    ):
        figure.varea(
            short(x, 4),
            short(below, 5),
            short(above, 5),
            color=colour,
            alpha=alpha,
            legend_label=label,
        )
    for edge, label, width in ((middle, "median", 2.0),):
        figure.line(
            short(x, 4),
            short(edge, 5),
            color=colour,
            line_width=width,
            name=label,
            legend_label=label,
        )
    for edge, label in ((rows.min(axis=0), "lowest"), (rows.max(axis=0), "highest")):
        figure.line(
            short(x, 4),
            short(edge, 5),
            color=GREY,
            line_width=1,
            line_dash="dotted",
            name=label,
            legend_label="lowest and highest",
        )
