"""Writes a sweep's `report.html`: one self-contained page, made from its folder alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .page import embedded, write_page
from .report_sweep_plots import sweep_plots
from .report_words import count, join
from .sweep_reading import Sweep
from .sweep_statistics import influence, wilson
from .sweep_table import RAN

__all__ = ["write_sweep_report"]

ROWS = 1000
"""Rows of a table on the page; the Parquet file has all."""

NO_CHANCE = 0.05
"""An influence that chance would show more often than this is set back in the ranking. [1]"""

CALLED = {
    "passed": "passed",
    "failed": "a check failed",
    "broke": "the run broke",
    "wrong": "no scenario",
    "error": "the machine failed",
    "lost": "its worker died",
    "not run": "not run yet",
}


def write_sweep_report(folder: Path) -> Path:
    """Write the report of a sweep, complete or not, and give its path.

    Parameters
    ----------
    folder : Path
        Holds `sweep.parquet`, `series.parquet` and `sweep.json`.
    """
    return write_page(folder / "report.html", "sweep.html.j2", _context(Sweep(folder)))


def _context(sweep: Sweep) -> dict[str, Any]:
    """Everything that the template shows."""
    drawn = sweep_plots(sweep)
    failures = [row for row in sweep.rows if row["status"] != "passed"]
    about = sweep.about
    return {
        "name": about["name"],
        "about": about["about"],
        "asked": list(_asked(sweep)),
        "banner": _banner(sweep),
        "cards": _cards(sweep),
        "found": about["found"],
        "drawn": drawn,
        **embedded(plot for plots in drawn.values() for plot in plots),
        "paths": sweep.paths,
        "influences": _influences(sweep),
        "chance": NO_CHANCE,
        "left_out": sweep.bands[2],
        "failures": [_shown(sweep, row) for row in failures[:ROWS]],
        "failures_left_out": max(0, len(failures) - ROWS),
        "points": [_shown(sweep, row) for row in sweep.rows[:ROWS]],
        "points_left_out": max(0, len(sweep.rows) - ROWS),
        "chosen": sweep.chosen,
        "made": list(_made(sweep)),
    }


def _asked(sweep: Sweep) -> Iterator[tuple[str, str]]:
    """Every varied path with its values, as one would write them."""
    for path, axis in sweep.about["axes"]:
        if isinstance(axis, dict):
            how = " by ratios" if axis["log"] else " in whole numbers" if axis["whole"] else ""
            yield path, f"{axis['low']:g} to {axis['high']:g}{how}"
        else:
            yield path, ", ".join(map(str, axis))
    seeds = sweep.about["seeds"]
    told = f"{seeds[0]} to {seeds[-1]}" if len(seeds) > 12 else ", ".join(map(str, seeds))
    yield "seed", told


def _banner(sweep: Sweep) -> dict[str, str]:
    statuses = Counter(row["status"] for row in sweep.rows)
    parts = [f"{statuses[key]} × {told}" for key, told in CALLED.items() if statuses[key]]
    told = f"{count(len(sweep.rows), 'point')}: {join(parts)}."
    if all(status == "passed" for status in statuses):
        return {"kind": "passed", "sign": "✓", "title": "All points passed", "told": told}
    if any(status not in RAN for status in statuses):
        return {"kind": "failed", "sign": "!", "title": "Not every point was run", "told": told}
    return {"kind": "failed", "sign": "✕", "title": "Not every point passed", "told": told}


def _cards(sweep: Sweep) -> list[dict[str, str]]:
    passed, of = sum(row["passed"] for row in sweep.ran), len(sweep.ran)
    low, high = wilson(passed, of)
    share = f"{100 * passed / of:.1f}" if of else "–"
    note = f"{passed} of {of}; 95 % confidence {100 * low:.1f} to {100 * high:.1f} %"
    cards = [{"label": "Pass rate", "value": share, "unit": "%", "note": note}]
    for name in sweep.chosen[:5]:
        values = sweep.figure(name)
        values = values[np.isfinite(values)]
        if values.size:
            low, middle, high = np.quantile(values, [0.05, 0.5, 0.95]).tolist()
            note = f"median; nine of ten between {low:.4g} and {high:.4g}"
            label = name.replace("_", " ")
            cards.append({"label": label, "value": f"{middle:.4g}", "unit": "", "note": note})
    return cards


def _influences(sweep: Sweep) -> list[dict[str, Any]]:
    """What moves what, strongest first; what may be chance last."""
    rows = []
    wanted = [("passed", np.array([row["passed"] for row in sweep.ran], dtype=np.float64))]
    wanted += [(name, sweep.figure(name)) for name in sweep.chosen]
    for name, figure in wanted:
        for path in sweep.paths:
            found = influence([row[path] for row in sweep.ran], figure)
            if found is not None:
                rows.append({"figure": name.replace("_", " "), "path": path, "found": found})
    return sorted(rows, key=lambda row: (row["found"].chance > NO_CHANCE, -row["found"].share))


def _shown(sweep: Sweep, row: dict[str, Any]) -> dict[str, Any]:
    return {
        "index": row["index"],
        "set": [_short(row[path]) for path in sweep.paths],
        "seed": row["seed"],
        "status": row["status"],
        "called": CALLED[row["status"]],
        "failed_checks": row["failed_checks"].replace("_", " "),
        "because": row["because"],
        "figures": [_short(row[name]) for name in sweep.chosen],
        "again": _again(sweep, row),
    }


def _again(sweep: Sweep, row: dict[str, Any]) -> str:
    """The command that plays one point by itself, and leaves its run folder with its report."""
    from shlex import quote

    words = ["peerwatt", "run", sweep.about["scenario"], "--seed", str(row["seed"])]
    words += ["--model-devices"] if sweep.about["model_devices"] else []
    for path, _ in sweep.about["axes"]:
        words += ["--set", f"{path}={_plain(row[path])}"]
    return " ".join(map(quote, words))


def _plain(value: Any) -> str:
    return f"{value:.10g}" if isinstance(value, float) else str(value)


def _short(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.5g}"
    return "" if value is None else str(value)


def _made(sweep: Sweep) -> Sequence[tuple[str, str]]:
    """How the sweep came to be, as the reader of a paper wants it."""
    about, versions = sweep.about, sweep.about["versions"]
    sampling = about["sampling"] + (f", {about['points']} points" if about["points"] else "")
    return [
        ("command", about["command"]),
        ("scenario", about["scenario"]),
        ("sampling", sampling),
        ("devices", "played by models" if about["model_devices"] else "emulated, through VISA"),
        ("machine", ", ".join(f"{key} {value}" for key, value in about["machine"].items())),
        ("versions", ", ".join(f"{name} {what}" for name, what in versions.items())),
        ("folder", sweep.folder.name),
    ]
