"""Writes the page of a comparison: one self-contained HTML file."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .compare import Comparison, MetricChange
from .compare_record import OpenedRun
from .compare_settings import Setting
from .page import write_page
from .report_compare_plots import close_ups, overlays
from .report_compare_svg import Overlay, draw

__all__ = ["metric_words", "write_comparison"]

SETTINGS = 60
"""Settings shown; beyond, they are counted."""


def write_comparison(found: Comparison, path: Path) -> Path:
    """Write the page of two runs that were compared."""
    drawn, alike = overlays(found)
    first = found.first
    return write_page(
        path,
        "compare.html.j2",
        {
            "title": f"{_name(found.a)} and {_name(found.b)}",
            "kind": "Peerwatt comparison of two runs",
            "same": found.same,
            "banner": "The same" if found.same else "Different",
            "told": _told(found),
            "runs": [("A", _run(found.a)), ("B", _run(found.b))],
            "first": first,
            "lines": [],
            "notes": [*found.notes, *found.remarks],
            "near": _figures(close_ups(found)),
            "plots": _figures(drawn),
            "alike": alike,
            "metrics": [_metric(one) for one in found.metrics],
            "tables": found.tables,
            "signals": [
                {
                    "name": change.column,
                    "where": change.place,
                    "at": found.a.clock(change.tick),
                    "a": f"{change.values[0]:.6g}",
                    "b": f"{change.values[1]:.6g}",
                    "largest": f"{change.largest:+.6g}",
                    "largest_at": ", ".join(
                        filter(None, [change.largest_place, found.a.clock(change.largest_tick)])
                    ),
                }
                for change in found.signals
            ],
            "clock": found.a.clock,
            "settings": [
                ("Scenario", *_shown(found.scenario)),
                ("Versions, machine, inputs", *_shown(found.making)),
            ],
        },
    )


def metric_words(value: float | None) -> str:
    """Say a key figure in as many digits as tell it from its like."""
    return "–" if value is None else f"{value:.6g}"


def _told(found: Comparison) -> str:
    if found.same:
        return "Every order, contract, meter, account and signal is the same, bit for bit."
    if found.first is None:
        return "As far as both were recorded they are the same; what only one has is below."
    return f"They part at {found.first.clock}."


def _name(run: OpenedRun) -> str:
    return run.folder.resolve().name


def _run(run: OpenedRun) -> str:
    """Say which run it is, in a line."""
    manifest = run.manifest
    told = [str(manifest.get("scenario", "unnamed"))]
    told += [f"seed {manifest['seed']}"] if "seed" in manifest else []
    told += [f"{run.ticks.num_rows} ticks of {run.dt_s:g} s", run.status, str(run.folder)]
    return ", ".join(told)


def _metric(one: MetricChange) -> dict[str, Any]:
    by = one.difference
    share = f"{by / abs(one.a):+.2%}" if by and one.a else ""
    return {
        "label": _label(one),
        "unit": one.unit,
        "a": metric_words(one.a),
        "b": metric_words(one.b),
        "by": "" if not by else f"{by:+.6g}",
        "share": share,
        "same": one.a == one.b,
    }


def _label(one: MetricChange) -> str:
    if not one.key.startswith("money_"):
        return one.label[0].upper() + one.label[1:]
    role = one.label.upper() if one.label in ("dso", "lpd") else one.label
    return f"Money, {role}"


def _shown(settings: Sequence[Setting]) -> tuple[list[Setting], int]:
    return list(settings[:SETTINGS]), max(0, len(settings) - SETTINGS)


def _figures(drawn: Sequence[Overlay]) -> list[dict[str, str]]:
    return [{"title": plot.title, "about": plot.about, "svg": draw(plot)} for plot in drawn]
