"""What every time plot of a report has in common: axis, marks, lines, limits, colours."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from .reading import Record
from .report_data import bucket_extremes, wall_ms

__all__ = [
    "BLUE",
    "GREEN",
    "GREY",
    "ORANGE",
    "PINK",
    "PURPLE",
    "RED",
    "Canvas",
    "plain_figure",
    "put_legend",
    "short",
]

ORANGE, BLUE, GREEN, PINK, GREY, RED, PURPLE = (
    "#d98c00",
    "#3b8fd6",
    "#1a9e77",
    "#c46fa0",
    "#87919c",
    "#d55e00",
    "#8467c0",
)
"""After Okabe and Ito, darkened or lightened until they show on white and on near black."""


class Canvas:
    """Makes figures that share their time axis, and draws on them."""

    def __init__(self, record: Record, marks: Sequence[tuple[int, str]]) -> None:
        from bokeh.models.ranges import Range1d

        self.record, self.marks = record, marks
        tick = record.tick
        edges = wall_ms(record, np.array([tick[0], tick[-1] + 1]))
        begin, end = edges.tolist()
        self.x_range = Range1d(start=begin, end=end, bounds=(begin, end))

    def figure(self, unit: str, height: int = 240) -> Any:
        """Make an empty figure over the shared time axis."""
        from bokeh.models.annotations import Span

        made = plain_figure(
            unit,
            height,
            x_range=self.x_range,
            x_axis_type="datetime",
            tools="xbox_zoom,xpan,xwheel_zoom,reset,hover",
            active_drag="xbox_zoom",
        )
        made.hover.tooltips = [("", "$name"), ("time", "@x{%H:%M:%S}"), (unit, "@y{0.000}")]
        made.hover.formatters = {"@x": "datetime"}
        _clock_labels(made.xaxis[0].formatter)
        for at in wall_ms(self.record, np.array([tick for tick, _ in self.marks], dtype=np.int64)):
            mark = Span(location=at, dimension="height", line_color=RED, line_dash="dashed")
            mark.line_alpha = 0.8
            made.add_layout(mark)
        return made

    def line(
        self, figure: Any, values: npt.NDArray[np.floating], label: str, colour: str, **look: Any
    ) -> None:
        """Draw a signal through the extremes of every bucket."""
        rows = bucket_extremes(values)
        figure.line(
            short(wall_ms(self.record, self.record.tick[rows]), 0),
            short(values[rows], 4),
            legend_label=label,
            name=label,
            color=colour,
            line_width=look.pop("width", 1.6),
            **look,
        )

    def steps(
        self,
        figure: Any,
        levels: Sequence[tuple[int, int, float]],
        label: str,
        colour: str,
        **look: Any,
    ) -> None:
        """Draw (first tick, end tick, value) levels, broken where one does not follow another."""
        xs, ys, last = list[float](), list[float](), None
        for first, end, value in levels:
            if last is not None and last != first:
                xs, ys = [*xs, xs[-1]], [*ys, float("nan")]
            xs += wall_ms(self.record, np.array([first, end])).tolist()
            ys += [value, value]
            last = end
        figure.line(
            xs, ys, legend_label=label, name=label, color=colour, **{"line_width": 1.8, **look}
        )

    def limit(self, figure: Any, value: float, text: str, *, below: bool = False) -> None:
        """Draw a limit across the plot, with its name on it."""
        from bokeh.models.annotations import Label, Span

        figure.add_layout(
            Span(location=value, dimension="width", line_color=RED, line_dash="dotted")
        )
        told = Label(x=6, y=value, x_units="screen", text=text, text_font_size="11px")
        told.text_color, told.y_offset = RED, -15 if below else 2
        figure.add_layout(told)


def plain_figure(unit: str, height: int, **axes: Any) -> Any:
    """Make an empty figure in the looks of the page.

    Parameters
    ----------
    unit : str
        Of the vertical axis.
    height : int
        [px]
    axes
        Axes, ranges and tools, as `bokeh.plotting.figure` takes them.
    """
    from bokeh.plotting import figure

    made = figure(
        height=height,
        sizing_mode="stretch_width",
        y_axis_label=unit,
        toolbar_location="above",
        toolbar_inner=True,
        background_fill_color=None,
        border_fill_color=None,
        outline_line_color=None,
        min_border_left=74,
        min_border_right=26,
        **axes,
    )
    made.toolbar.logo, made.toolbar.autohide = None, True
    made.xgrid.grid_line_color = None
    made.ygrid.grid_line_color = GREY
    made.ygrid.grid_line_alpha = 0.25
    for axis in (made.xaxis, made.yaxis):
        axis.axis_line_color = GREY
        axis.major_tick_line_color = GREY
        axis.minor_tick_line_color = None
        axis.major_label_text_font_size = "12px"
        axis.axis_label_text_font_style = "normal"
    return made


def put_legend(figure: Any) -> None:
    """Put the legend above the plot, where it hides nothing; a click mutes a line."""
    if not figure.legend:
        return
    legend = figure.legend[0]
    legend.orientation, legend.location, legend.click_policy = "horizontal", "left", "mute"
    legend.background_fill_alpha, legend.border_line_color = 0, None
    legend.label_text_font_size, legend.padding, legend.margin = "12px", 2, 2
    legend.glyph_width, legend.spacing, legend.nrows = 14, 10, "auto"
    figure.add_layout(legend, "above")


def _clock_labels(formatter: Any) -> None:
    formatter.context = None
    for unit in ("hours", "hourmin", "minutes"):
        setattr(formatter, unit, "%H:%M")
    for unit in ("minsec", "seconds"):
        setattr(formatter, unit, "%H:%M:%S")


def short(values: npt.NDArray[np.floating], digits: int) -> npt.NDArray[np.float64]:
    """Round: Bokeh ships the bytes, but hover text and file compress better."""
    rounded: npt.NDArray[np.float64] = values.astype(np.float64).round(digits)
    return rounded
