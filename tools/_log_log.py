"""Draws lines on logarithmic axes, the same bytes every time; for the tools beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter

COLOURS = ("#1a9e77", "#d98c00")
GREY, PALE = "#87919c", "#d5d9de"


def write_log_log(
    file: Path, x: Sequence[float], lines: Mapping[str, Sequence[float]], *, over: str, what: str
) -> None:
    """Draw each line over x, and one that grows as x does.

    Parameters
    ----------
    file
        SVG to write.
    x
        Shape (n,), ascending, above 0.
    lines
        Values of shape (n,), above 0, by what stands beside the line.
    over, what
        What the axes hold.
    """
    figure = Figure(figsize=(7.2, 3.6), layout="constrained")
    axes = figure.subplots()
    axes.set(xscale="log", yscale="log", xlabel=over, ylabel=what)
    low = 10.0 ** np.floor(np.log10(min(map(min, lines.values()))))
    high = 10.0 ** np.ceil(np.log10(max(map(max, lines.values()))))
    for (name, values), colour in zip(lines.items(), COLOURS, strict=False):
        axes.plot(x, values, marker="o", markersize=5, color=colour, label=name)
    steep = low * np.array(x, dtype=float) / x[0]
    axes.plot(x, steep, "--", color=GREY, linewidth=1, label=f"as the {over}")
    axes.set_ylim(low, high)
    axes.set_xticks(x, [f"{value:g}" for value in x])
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.grid(axis="y", color=PALE)
    axes.minorticks_off()
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, labelcolor="linecolor")
    with mpl.rc_context({"svg.hashsalt": "peerwatt", "svg.fonttype": "none"}):
        FigureCanvasSVG(figure).print_svg(str(file), metadata={"Date": None})
