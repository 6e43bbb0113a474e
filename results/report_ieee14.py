"""Writes the page of `peerwatt ieee14`: the paper's tables beside ours, and its Figure 7."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .page import embedded, write_page
from .report_plots import Plot

__all__ = ["write_ieee14_report"]

KINDS = {"published": "the paper", "sums": "sum of half-hours", "halved": "sum × 0.5 h"}

COLOURS = (
    "#0072b2",
    "#56b4e9",
    "#a6cee3",
    "#e69f00",
    "#f0e442",
    "#8c6d31",
    "#4d4d4d",
    "#bd9e39",
    "#009e73",
    "#66c2a5",
    "#cc79a7",
    "#d55e00",
)
"""Of partners, in the order in which they first come."""


def write_ieee14_report(found: Mapping[str, Any], path: Path) -> Path:
    """Write the page, one self-contained file, and give its path.

    Parameters
    ----------
    found : mapping
        What the case's summary holds: designs, orderings, figure, preference, peers, notes.
    path : Path
        Its folder is there.
    """
    return write_page(path, "ieee14.html.j2", _context(found))


def _context(found: Mapping[str, Any]) -> dict[str, Any]:
    """Everything that the template shows."""
    drawn = [] if found["figure"] is None else [_figure_7(found["figure"])]
    failed = sum(not claim["holds"] for claim in found["orderings"])
    return {
        **found,
        "kinds": KINDS,
        "failed": failed,
        "drawn": drawn,
        **embedded(drawn),
        "rest": {
            name: after - before
            for name, (before, after) in (
                ("bill", found["preference"]["bill"]),
                ("bill_of_others", found["preference"]["bill_of_others"]),
            )
        },
    }


def _figure_7(figure: Mapping[str, Any]) -> Plot:
    """Stack whom the peer buys from, one column a design and half-hour."""
    from bokeh.models import FactorRange

    from .report_canvas import plain_figure, put_legend

    moments = [moment[11:] for moment in figure["moments"]]
    factors = [(design["name"], moment) for design in figure["designs"] for moment in moments]
    partners: list[str] = []
    for design in figure["designs"]:
        partners += [name for name in design["partners"] if name not in partners]
    nothing = [0.0] * len(moments)
    columns: dict[str, Any] = {
        name: [mw for design in figure["designs"] for mw in design["partners"].get(name, nothing)]
        for name in partners
    }
    drawn = plain_figure(
        "MW",
        380,
        x_range=FactorRange(factors=factors),
        tools="reset,hover",
        tooltips="$name: @$name MW",
    )
    drawn.vbar_stack(
        partners,
        x="x",
        width=0.86,
        color=[COLOURS[n % len(COLOURS)] for n in range(len(partners))],
        source={"x": factors, **columns},
        legend_label=partners,
    )
    drawn.y_range.start = 0
    put_legend(drawn)
    day = figure["moments"][0][:10]
    return Plot(
        "figure7",
        f"Whom peer {figure['peer']} buys from, {day}",
        "The paper's Figure 7, drawn anew; each half-hour begins at the time below it. Within full "
        "P2P and within a community the pairing is one of many that are equally good: a share of "
        "every seller.",
        drawn,
    )
