"""Supply and demand of each delivery period as steps, and what was cleared of them.

One figure shows one period; the page holds the steps of all and swaps them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from .outcome import Book, PeriodOutcome
from .reading import Record
from .report_canvas import BLUE, GREEN, ORANGE, PURPLE, plain_figure, put_legend
from .report_data import bucket_extremes
from .report_market import price_paths
from .report_periods import busiest
from .report_plots import Plot

__all__ = ["STEPS", "curves", "market_plots", "steps"]

STEPS = 150
"""Steps of a curve that are drawn; of more, neighbours are drawn as one at their mean price."""

PERIODS = 200
"""Periods that can be chosen: of more, those in which most was traded."""

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Line = dict[str, list[float | None]]
"""A line's ``x`` and ``y``; None breaks it."""


class Look(NamedTuple):
    """How a line is drawn."""

    label: str
    colour: str
    width: float
    dash: str = "solid"


LOOKS = {
    "supply": Look("Offers", ORANGE, 1.4),
    "demand": Look("Requests", BLUE, 1.4),
    "sold": Look("Sold", ORANGE, 4.5),
    "bought": Look("Bought", BLUE, 4.5),
    "premium": Look("Requests with premium", BLUE, 1.4, "dotted"),
    "price": Look("Price", PURPLE, 2, "dashed"),
    "paid": Look("Buyers pay", PURPLE, 2, "dashed"),
    "received": Look("Sellers get", GREEN, 2, "dashed"),
}


CURVES = ("supply", "demand", "sold", "bought", "premium")
"""Lines of every market; prices are one more or two."""


def market_plots(
    record: Record, periods: Sequence[PeriodOutcome]
) -> tuple[list[Plot], dict[str, Any]]:
    """Draw supply and demand, and the price path of a continuous auction.

    Returns
    -------
    list of Plot
        Empty when nobody gave an order.
    dict
        By period what each named data source of the plots shows, and the ``view`` of the axes;
        under ``first`` the period that is drawn.
    """
    lines = curves(record, periods)
    if not lines:
        return [], {}
    first = max(periods, key=lambda period: (str(period.period) in lines, period.volume_wh))
    shown = lines[str(first.period)]
    alike = all(found["price"] == found["paid"] for found in lines.values())
    names = [*CURVES, "price"] if alike else [*CURVES, "paid", "received"]
    seen = [name for name in names if any(found[name]["x"] for found in lines.values())]
    drawn = [_curves_plot(shown, seen)]
    if any("path" in found for found in lines.values()):
        drawn.append(_path_plot(shown))
    return drawn, {"first": first.period, "periods": lines}


def curves(record: Record, periods: Sequence[PeriodOutcome]) -> dict[str, dict[str, Any]]:
    """Lines of every period that has orders, by its number as text."""
    contracts: dict[int, list[Mapping[str, Any]]] = {}
    for row in record.rows("contracts"):
        contracts.setdefault(row["period"], []).append(row)
    paths = price_paths(record) if record.market["mechanism"] == "continuous" else {}
    found: dict[str, dict[str, Any]] = {}
    for period in busiest(periods, PERIODS):
        book = period.book
        if book is None:
            continue
        lines: dict[str, Any] = {
            **_side("supply", "sold", book.sell_ticks, book.sell_wh, book.sell_filled_wh),
            "premium": _premium(book),
            **_side("demand", "bought", book.buy_ticks, book.buy_wh, book.buy_filled_wh),
            **_cleared(contracts.get(period.period, [])),
        }
        if paths:
            lines["path"] = _path(paths.get(period.period, []))
        found[str(period.period)] = {**lines, "view": _view(period, book)}
    return found


def steps(ticks: Ints, energy_wh: Ints, filled_wh: Ints) -> tuple[Floats, Floats, Floats]:
    """Merge a sorted side of a book to steps of one price.

    Parameters
    ----------
    ticks, energy_wh, filled_wh : (n,) int64 array
        Sorted as the curve is. [µ€/Wh], [Wh]

    Returns
    -------
    (m,) float64 arrays
        Price in ct/kWh, energy and what is filled in kWh; at most `STEPS` steps.
    """
    if not ticks.size:
        return (np.empty(0),) * 3
    starts = np.flatnonzero(np.diff(ticks, prepend=ticks[0] - 1))
    if starts.size > STEPS:
        edges = np.linspace(0, energy_wh.sum(), STEPS, endpoint=False)
        starts = np.unique(np.searchsorted(np.cumsum(energy_wh), edges, side="right"))
    energy, filled = (np.add.reduceat(column, starts) for column in (energy_wh, filled_wh))
    worth = np.add.reduceat(ticks.astype(np.float64) * energy_wh, starts)
    return worth / energy / 10, energy / 1e3, filled / 1e3


def _side(curve: str, done: str, ticks: Ints, energy: Ints, filled: Ints) -> dict[str, Line]:
    """A curve, and the part of it that was traded."""
    price, width, of_it = steps(ticks, energy, filled)
    ends = np.cumsum(width)
    part: Line = {"x": [], "y": []}
    joined = True
    for at, begin, size, got in zip(price, ends - width, width, of_it, strict=True):
        if got > 0:
            gap = [] if joined else [None]
            part["x"] += [*gap, *_short([begin, begin + got])]
            part["y"] += [*gap, *_short([at, at])]
        joined = bool(got == size) or not part["x"]
    return {curve: _levels(price, width), done: part}


def _premium(book: Book) -> Line:
    """Requests at what buyers would pay for what they like best; empty if nobody says so."""
    if book.by_limits:
        return {"x": [], "y": []}
    ticks = book.buy_ticks + book.buy_premium_ticks
    turn = np.argsort(-ticks, kind="stable")
    price, width, _ = steps(ticks[turn], book.buy_wh[turn], book.buy_wh[turn])
    return _levels(price, width)


def _levels(price: Floats, width: Floats) -> Line:
    ends = np.cumsum(width)
    between = np.stack([ends - width, ends], axis=1).ravel()
    return {"x": _short(between), "y": _short(np.repeat(price, 2))}


def _cleared(contracts: Sequence[Mapping[str, Any]]) -> dict[str, Line]:
    """What buyers pay from the dearest, what sellers get from the cheapest, and where they end.

    Where every seller gets what its buyer pays, that is one line: ``price``, else empty.
    """
    energy = np.array([row["energy_wh"] for row in contracts], dtype=np.int64)
    paid = [row["price_ticks"] for row in contracts]
    got = [row["receipt_ticks"] for row in contracts]
    received = [pay if get is None else get for pay, get in zip(paid, got, strict=True)]
    lines: dict[str, Line] = {"price": {"x": [], "y": []}, "points": {"x": [], "y": []}}
    for name, ticks, sign in (("paid", paid, -1), ("received", received, 1)):
        column = np.array(ticks, dtype=np.int64)
        turn = np.argsort(sign * column, kind="stable")
        price, width, _ = steps(column[turn], energy[turn], energy[turn])
        lines[name] = _levels(price, width)
    if paid == received:
        lines["price"] = lines["paid"]
    for name in ("price",) if paid == received else ("paid", "received"):
        for axis in ("x", "y"):
            lines["points"][axis] += lines[name][axis][-1:]
    return lines


def _path(ticks: Sequence[int]) -> Line:
    values = np.array(ticks, dtype=np.float64) / 10
    rows = bucket_extremes(values) if values.size else np.empty(0, dtype=np.intp)
    return {"x": _short(rows + 1), "y": _short(values[rows])}


def _view(period: PeriodOutcome, book: Book) -> dict[str, float]:
    """Axes that show where the market happens, though an order may stand far above or below."""
    asked = book.buy_ticks + book.buy_premium_ticks
    limits = np.concatenate([asked, book.buy_ticks, book.sell_ticks]) / 10
    low, high = float(limits.min()), float(limits.max())
    retail, feed_in = period.retail_ticks, period.feed_in_ticks
    if retail is not None and feed_in is not None:
        room = abs(retail - feed_in) / 10
        low = max(low, min(retail, feed_in) / 10 - room)
        high = min(high, max(retail, feed_in) / 10 + room)
    for prices in (period.paid, period.received):
        if prices is not None:
            low = min(low, prices.lowest_ticks / 10)
            high = max(high, prices.highest_ticks / 10)
    margin = 0.06 * (high - low) or 1.0
    most = max(int(book.buy_wh.sum()), int(book.sell_wh.sum())) / 1e3
    return {"right": 1.02 * most, "bottom": low - margin, "top": high + margin}


def _short(values: npt.ArrayLike) -> list[float | None]:
    rounded: list[float | None] = np.round(np.asarray(values, dtype=np.float64), 4).tolist()
    return rounded


def _source(line: Line, name: str) -> Any:
    from bokeh.models.sources import ColumnDataSource

    columns: dict[str, Any] = {
        axis: np.array([np.nan if value is None else value for value in line[axis]])
        for axis in ("x", "y")
    }
    return ColumnDataSource(columns, name=f"market-{name}")


def _curves_plot(shown: Mapping[str, Any], names: Sequence[str]) -> Plot:
    from bokeh.models.ranges import Range1d

    view = shown["view"]
    figure = plain_figure(
        "ct/kWh",
        320,
        x_axis_label="kWh",
        x_range=Range1d(start=0, end=view["right"], name="market-x"),
        y_range=Range1d(start=view["bottom"], end=view["top"], name="market-y"),
        tools="box_zoom,pan,wheel_zoom,reset,hover",
        active_drag=None,
    )
    figure.hover.tooltips = [("", "$name"), ("kWh", "@x{0.000}"), ("ct/kWh", "@y{0.0}")]
    for name in names:
        look = LOOKS[name]
        figure.line(
            "x",
            "y",
            source=_source(shown[name], name),
            legend_label=look.label,
            name=look.label,
            color=look.colour,
            line_width=look.width,
            line_dash=look.dash,
        )
    figure.scatter(
        "x", "y", source=_source(shown["points"], "points"), size=9, color=PURPLE, name="Cleared"
    )
    put_legend(figure)
    about = "Offers from the cheapest, requests from the dearest"
    if "sold" in names:
        about += "; thick is what was traded of them. Prices paid run from the dearest"
        about += ", prices received from the cheapest" if "received" in names else ""
        about += "; a dot marks where they end"
    about += "."
    return Plot("curves", "Supply and demand", about, figure)


def _path_plot(shown: Mapping[str, Any]) -> Plot:
    figure = plain_figure(
        "ct/kWh",
        200,
        x_axis_label="trade after trade",
        tools="box_zoom,pan,wheel_zoom,reset,hover",
        active_drag=None,
    )
    figure.hover.tooltips = [("trade", "@x{0}"), ("ct/kWh", "@y{0.0}")]
    source = _source(shown["path"], "path")
    figure.step("x", "y", source=source, mode="after", color=PURPLE, line_width=1.6)
    figure.scatter("x", "y", source=source, color=PURPLE, size=4)
    about = "Price of each trade in the order in which the continuous auction made them."
    return Plot("path", "Price path", about, figure)
