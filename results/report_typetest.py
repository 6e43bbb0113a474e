"""Writes the page of `peerwatt type-test`: a verdict for every step, what was measured, plots."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from .page import write_page

__all__ = ["write_typetest_report"]

WIDTH, HEIGHT, LEFT, FOOT, TOP = 520, 250, 58, 40, 10
"""Of a drawing, and the space around its curves. [px]"""

COUNT = 5
COLOURS = {"passed": "#1a9e77", "failed": "#d55e00", "not testable": "#87919c"}
SIGNS = {"passed": "✓", "failed": "✕", "not testable": "–"}
ROWS = {"passed": "ok", "failed": "bad", "not testable": "open"}


def write_typetest_report(found: Mapping[str, Any], path: Path) -> Path:
    """Write the page, one self-contained file, and give its path.

    Parameters
    ----------
    found : mapping
        What ``type-test.json`` holds: about, standard, full, when, version, trials.
    path : Path
        Its folder is there.
    """
    return write_page(path, "typetest.html.j2", _context(found))


def _context(found: Mapping[str, Any]) -> dict[str, Any]:
    """Everything that the template shows."""
    trials = [_shown(trial) for trial in found["trials"]]
    verdicts = [step["verdict"] for trial in trials for step in trial["steps"]]
    counts = {word: verdicts.count(word) for word in SIGNS}
    return {**found, "trials": trials, "counts": counts, "verdict": _worst(counts)}


def _worst(counts: Mapping[str, int]) -> str:
    if counts["failed"]:
        return "failed"
    return "passed" if counts["passed"] and not counts["not testable"] else "not testable"


def _shown(trial: Mapping[str, Any]) -> dict[str, Any]:
    """One procedure with its drawings."""
    steps = [
        {**step, "sign": SIGNS[step["verdict"]], "row": ROWS[step["verdict"]]}
        for step in trial["steps"]
    ]
    verdicts = [step["verdict"] for step in steps]
    drawn = [{"series": plot["series"], "svg": _drawn(plot, steps)} for plot in trial["plots"]]
    counts = {word: verdicts.count(word) for word in SIGNS if word in verdicts}
    return {**trial, "steps": steps, "drawn": drawn, "counts": counts}


def _drawn(plot: Mapping[str, Any], steps: Sequence[Mapping[str, Any]]) -> str:
    """Draw a target, its band and what was measured, as an SVG element."""
    dots = [step for step in steps if step["series"] == plot["series"] and step["point"]]
    scale = _Scale(plot, [step["point"] for step in dots])
    parts = [*scale.axes(plot)]
    for line in plot["lines"]:
        if line["low"]:
            edge = [*zip(line["x"], line["low"], strict=True)]
            edge += reversed([*zip(line["x"], line["high"], strict=True)])
            parts.append(f'<polygon points="{scale.path(edge)}" fill="#3b8fd6" opacity="0.16"/>')
        way = scale.path([*zip(line["x"], line["y"], strict=True)])
        parts.append(f'<polyline points="{way}" fill="none" stroke="#3b8fd6" stroke-width="1.6"/>')
    for step in dots:
        x, y = scale.at(step["point"]["x"], step["point"]["y"])
        colour = COLOURS[step["verdict"]]
        parts.append(
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.6" fill="{colour}">'
            f"<title>{escape(step['name'])}: {step['verdict']}</title></circle>"
        )
    title = escape(f"{plot['series']}: {plot['y']} by {plot['x']}")
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{title}" '
        f'style="width:100%;max-width:{WIDTH}px">{"".join(parts)}</svg>'
    )


class _Scale:
    """From values to pixels."""

    def __init__(self, plot: Mapping[str, Any], points: Sequence[Mapping[str, float]]) -> None:
        xs, ys = [point["x"] for point in points], [point["y"] for point in points]
        for line in plot["lines"]:
            xs += line["x"]
            ys += [*line["y"], *line["low"], *line["high"]]
        self._x, self._y = _span(xs), _span(ys)

    def at(self, x: float, y: float) -> tuple[float, float]:
        """Give the place of a point. [px], [px]"""
        (x0, x1), (y0, y1) = self._x, self._y
        across, up = (x - x0) / (x1 - x0), (y - y0) / (y1 - y0)
        inner = HEIGHT - TOP - FOOT
        return LEFT + across * (WIDTH - LEFT - 26), TOP + (1.0 - up) * inner

    def path(self, points: Sequence[tuple[float, float]]) -> str:
        """Spell points as SVG takes them."""
        return " ".join(f"{x:.1f},{y:.1f}" for x, y in (self.at(*point) for point in points))

    def axes(self, plot: Mapping[str, Any]) -> Iterator[str]:
        """Draw numbers, thin lines and names."""
        words = 'fill="currentColor" font-size="11"'
        for number in range(COUNT):
            share = number / (COUNT - 1)
            x = self._x[0] + share * (self._x[1] - self._x[0])
            y = self._y[0] + share * (self._y[1] - self._y[0])
            across, up = self.at(x, self._y[0])[0], self.at(self._x[0], y)[1]
            yield (
                f'<line x1="{LEFT}" x2="{WIDTH - 26}" y1="{up:.1f}" y2="{up:.1f}" '
                'stroke="#87919c" opacity="0.25"/>'
            )
            yield f'<text x="{LEFT - 6}" y="{up + 4:.1f}" text-anchor="end" {words}>{y:.3g}</text>'
            yield (
                f'<text x="{across:.1f}" y="{HEIGHT - FOOT + 16}" text-anchor="middle" '
                f"{words}>{x:.4g}</text>"
            )
        middle = LEFT + (WIDTH - LEFT - 26) / 2
        yield (
            f'<text x="{middle:.0f}" y="{HEIGHT - 6}" text-anchor="middle" {words}>'
            f"{escape(plot['x'])}</text>"
        )
        yield (
            f'<text transform="translate(12 {(HEIGHT - FOOT) / 2:.0f}) rotate(-90)" '
            f'text-anchor="middle" {words}>{escape(plot["y"])}</text>'
        )


def _span(values: Sequence[float]) -> tuple[float, float]:
    """Lowest and highest with a little room; never nothing."""
    low, high = min(values, default=0.0), max(values, default=1.0)
    room = 0.04 * (high - low) or 0.5
    return low - room, high + room
