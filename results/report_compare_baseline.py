"""Writes the page of a run that is not as its baseline expects: the curves of both, overlaid."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from .baseline_check import Held
from .baseline_figures import window_edges
from .baseline_text import Baseline, Figure, Series, allowance, within
from .compare_record import OpenedRun
from .page import write_page
from .report_compare import metric_words
from .report_compare_svg import Curve, Overlay, Strip, draw

__all__ = ["write_baseline_page"]

Floats = npt.NDArray[np.float64]


def write_baseline_page(
    old: Baseline, new: Baseline, held: Held, run: OpenedRun, file: Path, page: Path
) -> Path:
    """Write the page."""
    drawn, alike = _plots(old, new, run)
    figures = [{"title": p.title, "about": p.about, "svg": draw(p)} for p in drawn]
    return write_page(
        page,
        "compare.html.j2",
        {
            "title": f"{old.scenario} against its baseline",
            "kind": "Peerwatt baseline",
            "same": held.same,
            "banner": "As expected" if held.same else "Not as expected",
            "told": "Within every tolerance." if held.same else held.differences[0],
            "runs": [
                ("A", f"{file}, seed {old.made.seed}, Peerwatt {old.made.peerwatt}"),
                ("B", f"{run.folder}, seed {new.made.seed}, Peerwatt {new.made.peerwatt}"),
            ],
            "first": None,
            "lines": held.differences,
            "notes": held.notes,
            "near": [],
            "plots": figures,
            "alike": alike,
            "metrics": _metrics(old, new),
            "tables": [],
            "signals": [],
            "clock": run.clock,
            "settings": [],
        },
    )


def _plots(old: Baseline, new: Baseline, run: OpenedRun) -> tuple[list[Overlay], list[str]]:
    """Signals that left their band; of the others the names."""
    drawn, alike = list[Overlay](), list[str]()
    for key in [key for key in old.series if key in new.series]:
        one, other = old.series[key], new.series[key]
        title = key.replace("pv_", "PV_").replace("_", " ")
        if len(one.values) != len(other.values):
            continue
        pairs = zip(one.values, other.values, strict=True)
        if all(within(a, b, one.tolerance) for a, b in pairs):
            alike.append(title)
        else:
            drawn.append(_overlay(key, title[0].upper() + title[1:], one, other, run))
    return drawn, alike


def _overlay(key: str, title: str, one: Series, other: Series, run: OpenedRun) -> Overlay:
    edges = window_edges(run.ticks.num_rows)
    ticks = np.append(run.tick, run.end_tick)
    begin_s, end_s = ticks[edges[:-1]] * run.dt_s, ticks[edges[1:]] * run.dt_s
    middle_s = (begin_s + end_s) / 2
    a, b = _floats(one), _floats(other)
    allowed = np.array([allowance(v, one.tolerance) for v in np.nan_to_num(a).tolist()])
    unit = "" if isinstance(one.tolerance, str) else f" {one.unit}"
    about = f"Window by window; the shade is as far as it may be off: {one.tolerance}{unit}"
    outside = np.flatnonzero(
        [not within(x, y, one.tolerance) for x, y in zip(one.values, other.values, strict=True)]
    )
    return Overlay(
        key,
        title,
        about,
        one.unit,
        [
            Curve("bound", middle_s, a - allowed, a + allowed),
            Curve("a", middle_s, a),
            Curve("b", middle_s, b),
        ],
        Strip(middle_s, b - a, b - a),
        run.moment(0),
        (float(begin_s[0]), float(end_s[-1])),
        (float(middle_s[outside[0]]),),
    )


def _floats(series: Series) -> Floats:
    return np.array([np.nan if v is None else v for v in series.values], dtype=np.float64)


def _metrics(old: Baseline, new: Baseline) -> list[dict[str, Any]]:
    keys = dict.fromkeys([*old.metrics, *new.metrics])
    return [_metric(key, old.metrics.get(key), new.metrics.get(key)) for key in keys]


def _metric(key: str, one: Figure | None, other: Figure | None) -> dict[str, Any]:
    a, b = (None if figure is None else figure.value for figure in (one, other))
    by = None if a is None or b is None else b - a
    either = one or other
    return {
        "label": key.replace("_", " "),
        "unit": "" if either is None else either.unit,
        "a": metric_words(a),
        "b": metric_words(b),
        "by": "" if not by else f"{by:+.6g}",
        "share": "" if one is None or not by else f"tolerance {one.tolerance}",
        "same": one is not None and other is not None and within(a, b, one.tolerance),
    }
