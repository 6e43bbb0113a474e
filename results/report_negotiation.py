"""How peers negotiated: what came of each gate, and convergence against time and loss."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from .reading import Record
from .report_canvas import BLUE, GREEN, ORANGE, PINK, PURPLE, RED, plain_figure, put_legend, short
from .report_plots import Plot
from .report_words import count, join, percent

__all__ = ["negotiation_plots", "negotiation_told"]

PERIODS = 6
"""Periods that are drawn; of more, those in which most welfare was missed."""

_COLOURS = (BLUE, ORANGE, GREEN, PINK, PURPLE, RED)
_LEAST = 1e-6
"""What is missed below is drawn as this, as a logarithm has no zero. [1]"""

_RESULTS = {
    "agreed": "agreed before the gate",
    "repaired": "did not agree: what was offered by then was repaired to what all bounds allow",
    "last": "did not agree: the last contracts held, as far as the orders allowed",
}

Rows = list[dict[str, Any]]


def negotiation_told(record: Record) -> list[str]:
    """Sentences on all negotiations of a run; none where nobody negotiated."""
    events = [event for event in record.events if event["kind"] == "market_negotiated"]
    if not events:
        return []
    told = [
        f"In {count(len(of), 'period')} peers {said}."
        for result, said in _RESULTS.items()
        if (of := [event for event in events if event["result"] == result])
    ]
    sent, lost = (sum(event[name] for event in events) for name in ("messages", "lost"))
    rounds = [event["rounds"] for event in events]
    spread = f"{min(rounds)} to {max(rounds)}" if min(rounds) != max(rounds) else f"{rounds[0]}"
    told.append(
        f"That took {spread} rounds a period and {count(sent, 'message')}, of which "
        f"{percent(lost, sent) if sent else 'none'} were lost."
    )
    told.append(_worst(record, events))
    if silent := sorted({name for event in events for name in event["silent"]}):
        told.append(f"{join(silent)} fell silent.")
    return [sentence for sentence in told if sentence]


def _worst(record: Record, events: Sequence[Mapping[str, Any]]) -> str:
    known = [event for event in events if event["gap"] is not None]
    if not known:
        return ""
    worst = max(known, key=lambda event: float(event["gap"]))
    return (
        f"Most was missed in the period from {record.period_begin(worst['period'])}: "
        f"{100 * worst['gap']:.2g} % of the greatest welfare. Before the repair, two ends of a "
        f"trade were up to {max(event['missed_wh'] for event in events):.3g} Wh apart."
    )


def negotiation_plots(record: Record) -> list[Plot]:
    """Convergence against time and against lost messages; against rounds where those take none."""
    found: dict[int, Rows] = defaultdict(list)
    for row in record.rows("negotiation"):
        found[row["period"]].append(row)
    if not found:
        return []
    drawn = sorted(sorted(found, key=lambda period: -_missed(found[period]))[:PERIODS])
    lines = {record.period_begin(period): found[period] for period in drawn}
    rows = [row for of in lines.values() for row in of]
    timed = all(row["time_s"] is not None for row in rows)
    x, label = ("time_s", "since the first word [s]") if timed else ("round", "round")
    plots = [
        Plot(
            "negotiation-residual",
            "How offers came to agree",
            "What still disagrees, in energy or in price, whichever is worse, in terms of what is "
            "allowed; at 1 peers agree. One line per period.",
            _figure(lines, x, label, _residual, "disagreement"),
        )
    ]
    if all(row["gap"] is not None for row in rows):
        told = "Share of the greatest welfare that would be missed if the gate closed then."
        made = _figure(lines, x, label, _gap, "missed")
        plots.append(Plot("negotiation-gap", "What the gate would have missed", told, made))
        if any(row["lost"] for row in rows):
            told = "The same against the messages lost so far."
            made = _figure(lines, "lost", "messages lost", _gap, "missed")
            plots.append(Plot("negotiation-loss", "The same against loss", told, made))
    return plots


def _missed(rows: Rows) -> float:
    return rows[-1]["gap"] or 0.0


def _gap(row: Mapping[str, Any]) -> float:
    return max(float(row["gap"]), _LEAST)


def _residual(row: Mapping[str, Any]) -> float:
    """The worse of both; not a number as long as somebody has never heard a partner."""
    worst = max(float(row["primal"]), float(row["dual"]))
    return worst if np.isfinite(worst) else float("nan")


def _figure(
    lines: Mapping[str, Rows],
    x: str,
    label: str,
    value: Callable[[Mapping[str, Any]], float],
    unit: str,
) -> Any:
    from bokeh.models.annotations import Span

    made = plain_figure(
        unit,
        240,
        y_axis_type="log",
        x_axis_label=label,
        tools="xbox_zoom,xpan,xwheel_zoom,reset,hover",
        active_drag="xbox_zoom",
    )
    made.hover.tooltips = [("from", "$name"), (label, "@x"), (unit, "@y")]
    for colour, (name, rows) in zip(_COLOURS, lines.items(), strict=False):
        made.line(
            short(np.array([float(row[x]) for row in rows]), 2),
            np.array([float(f"{value(row):.4g}") for row in rows]),
            name=name,
            legend_label=f"from {name}",
            color=colour,
            line_width=1.6,
        )
    if value is _residual:
        made.add_layout(Span(location=1.0, dimension="width", line_color=RED, line_dash="dotted"))
    put_legend(made)
    return made
