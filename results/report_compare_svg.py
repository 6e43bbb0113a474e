"""Draws curves laid over each other, and below them their difference, as SVG.

The report of a run draws with Bokeh, whose loading alone takes as long as comparing two runs may;
and curves drawn as text make a page of a tenth of the size.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from html import escape

import numpy as np
import numpy.typing as npt

__all__ = ["Curve", "Overlay", "Strip", "draw", "nice_steps"]

Floats = npt.NDArray[np.float64]

WIDTH, LEFT, INNER = 1100, 66, 1020
"""Of the drawing, of the space for numbers, and of the curves. [px]"""

HEIGHT, STRIP, GAP, FOOT = 190, 58, 16, 24


@dataclass(frozen=True, eq=False)
class Curve:
    """One line, or a band where it has an upper edge.

    Attributes
    ----------
    run : str
        "a" or "b" (the colour goes by it), or "bound".
    seconds, values : (n,) array
        From the start of the physics. [s], [unit of the overlay]
    upper : (n,) array, optional
    """

    run: str
    seconds: Floats
    values: Floats
    upper: Floats | None = None


@dataclass(frozen=True, eq=False)
class Strip:
    """What the second run has more than the first: lowest and highest by time."""

    seconds: Floats
    lowest: Floats
    highest: Floats


@dataclass(frozen=True, eq=False)
class Overlay:
    """One quantity of two runs."""

    key: str
    title: str
    about: str
    unit: str
    curves: Sequence[Curve]
    strip: Strip | None
    begin: datetime
    span_s: tuple[float, float]
    marks_s: tuple[float, ...] = ()


def draw(plot: Overlay) -> str:
    """Draw an overlay as an SVG element; names in it are escaped."""
    edges = [c.values for c in plot.curves] + [c.upper for c in plot.curves if c.upper is not None]
    scale = _Scale.around(edges, plot.span_s, HEIGHT)
    bottom = 8 + HEIGHT
    parts = [*_axis(scale, 8, plot.unit), *_pane(scale, 8, _curves(scale, plot), plot)]
    if plot.strip is not None:
        below = _Scale.around(
            [plot.strip.lowest, plot.strip.highest, np.zeros(1)], plot.span_s, STRIP
        )
        top = bottom + GAP
        parts += _axis(below, top, "B − A", few=True)
        parts += _pane(below, top, _strip(below, plot.strip), plot)
        bottom = top + STRIP
    parts += _times(plot, bottom)
    start, end = plot.span_s
    return (
        f'<svg class="overlay" viewBox="0 0 {WIDTH} {bottom + FOOT}" role="img" '
        f'aria-label="{escape(plot.title)}" data-begin="{_epoch(plot.begin):.3f}" '
        f'data-start="{start:.6g}" data-end="{end:.6g}" data-unit="{escape(plot.unit)}" '
        f'data-bottom="{bottom}">{"".join(parts)}</svg>'
    )


@dataclass(frozen=True)
class _Scale:
    """Maps seconds and values to a pane."""

    span_s: tuple[float, float]
    low: float
    high: float
    height: int

    @classmethod
    def around(cls, values: Sequence[Floats], span_s: tuple[float, float], height: int) -> "_Scale":
        finite = [v[np.isfinite(v)] for v in values]
        whole = np.concatenate([np.zeros(0), *finite])
        low, high = (float(whole.min()), float(whole.max())) if whole.size else (0.0, 1.0)
        room = 0.06 * (high - low) or max(abs(high) * 0.01, 1e-6)
        return cls(span_s, low - room, high + room, height)

    def x(self, seconds: Floats) -> Floats:
        start, end = self.span_s
        return INNER * (seconds - start) / (end - start)

    def y(self, values: Floats) -> Floats:
        return self.height * (self.high - values) / (self.high - self.low)


def _curves(scale: _Scale, plot: Overlay) -> list[str]:
    drawn = []
    for curve in plot.curves:
        if curve.upper is None:
            drawn.append(_line(scale, curve.seconds, curve.values, curve.run))
        else:
            drawn.append(_band(scale, curve.seconds, curve.values, curve.upper, curve.run))
            drawn.append(_line(scale, curve.seconds, curve.upper, f"{curve.run} edge"))
            drawn.append(_line(scale, curve.seconds, curve.values, f"{curve.run} edge"))
    return drawn


def _strip(scale: _Scale, strip: Strip) -> list[str]:
    zero = float(scale.y(np.zeros(1))[0])
    return [
        f'<path class="zero" d="M0 {zero:.1f}H{INNER}"/>',
        _band(scale, strip.seconds, strip.lowest, strip.highest, "difference"),
        _line(scale, strip.seconds, strip.highest, "difference edge"),
        _line(scale, strip.seconds, strip.lowest, "difference edge"),
    ]


def _line(scale: _Scale, seconds: Floats, values: Floats, kind: str) -> str:
    """A path, broken where there is no value."""
    d, pen = list[str](), "M"
    for x, y in zip(scale.x(seconds).tolist(), scale.y(values).tolist(), strict=True):
        if y != y:
            pen = "M"
            continue
        d.append(f"{pen}{x:.1f} {y:.2f}")
        pen = "L"
    range_ = f'data-low="{scale.low:.9g}" data-high="{scale.high:.9g}"'
    return f'<path class="line {kind}" {range_} d="{"".join(d)}"/>'


def _band(scale: _Scale, seconds: Floats, low: Floats, high: Floats, kind: str) -> str:
    known = np.isfinite(low) & np.isfinite(high)
    x, down, up = scale.x(seconds[known]), scale.y(low[known]), scale.y(high[known])
    points = [f"{a:.1f} {b:.2f}" for a, b in zip(x.tolist(), up.tolist(), strict=True)]
    back = zip(x[::-1].tolist(), down[::-1].tolist(), strict=True)
    points += [f"{a:.1f} {b:.2f}" for a, b in back]
    return f'<path class="band {kind}" d="M{"L".join(points)}Z"/>' if points else ""


def _pane(scale: _Scale, top: int, drawn: list[str], plot: Overlay) -> list[str]:
    """Curves in a view of their own, so that zooming moves the view and not every point."""
    marks = [
        f'<path class="mark" d="M{x:.1f} 0V{scale.height}"/>'
        for x in scale.x(np.array(plot.marks_s)).tolist()
    ]
    return [
        f'<svg class="curves" x="{LEFT}" y="{top}" width="{INNER}" height="{scale.height}" '
        f'viewBox="0 0 {INNER} {scale.height}" preserveAspectRatio="none">',
        *drawn,
        *marks,
        "</svg>",
    ]


def _axis(scale: _Scale, top: int, unit: str, *, few: bool = False) -> list[str]:
    parts = []
    for value in nice_steps(scale.low, scale.high, 2 if few else 5):
        y = top + float(scale.y(np.array([value]))[0])
        parts.append(f'<path class="grid" d="M{LEFT} {y:.1f}h{INNER}"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{y + 4:.1f}" class="value">{value:.7g}</text>')
    middle = top + scale.height / 2
    parts.append(
        f'<text class="unit" transform="translate(12 {middle:.0f}) rotate(-90)">'
        f"{escape(unit)}</text>"
    )
    return parts


def nice_steps(low: float, high: float, wanted: int) -> list[float]:
    """Give round values between two bounds, about as many as wanted."""
    rough = (high - low) / wanted
    size = 10.0 ** np.floor(np.log10(rough))
    step = float(size * next(n for n in (1, 2, 5, 10) if n * size >= rough))
    first, last = int(np.ceil(low / step)), int(np.floor(high / step))
    return [float(f"{i * step:.10g}") for i in range(first, last + 1)]


STEPS_S = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400)
"""Distances between times that one reads well; days follow. [s]"""


def _times(plot: Overlay, bottom: int) -> list[str]:
    """Times below the curves, at round times of day."""
    start, end = plot.span_s
    rough = (end - start) / 8
    step = next((s for s in STEPS_S if s >= rough), 86_400 * max(1, round(rough / 86_400)))
    offset = _epoch(plot.begin)
    first = np.ceil((offset + start) / step - 1e-9) * step - offset
    parts = ['<g class="times">']
    for at in np.arange(first, end + 1e-9, step).tolist():
        x = LEFT + INNER * (at - start) / (end - start)
        told = _clock(plot.begin + timedelta(seconds=at), step)
        parts.append(f'<text x="{x:.1f}" y="{bottom + 17}">{told}</text>')
    return [*parts, "</g>"]


def _clock(at: datetime, step: float) -> str:
    if step >= 86_400:
        return f"{at:%d %b}"
    if step >= 60:
        return f"{at:%H:%M}"
    return f"{at:%H:%M:%S}" if step >= 1 else f"{at:%H:%M:%S}.{round(at.microsecond / 1e5)}"


def _epoch(at: datetime) -> float:
    """Local time as seconds since 1970, whatever its zone."""
    return (at.replace(tzinfo=None) - datetime(1970, 1, 1)).total_seconds()
