"""Reads a sweep's folder back: what its report knows of it."""

from __future__ import annotations

import json
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from .sweep_series import SERIES
from .sweep_table import RAN
from .tables import read_table

__all__ = ["Sweep"]

Floats = npt.NDArray[np.float64]

CHOSEN = (
    "voltage_lowest_pu",
    "voltage_highest_pu",
    "frequency_lowest_hz",
    "energy_traded_kwh",
    "volume_kwh",
    "energy_delivered_kwh",
    "unserved_kwh",
    "import_kwh",
    "export_kwh",
    "losses_kwh",
    "self_sufficiency",
    "self_consumption",
    "gain_efficiency",
    "benefit_total_eur",
    "benefit_worst_peer_eur",
    "trip_to_cover_s",
)
"""Figures that a report draws unless told otherwise, those that vary."""

AT_MOST = 8


class Sweep:
    """One sweep, by its folder alone.

    Parameters
    ----------
    folder : Path
        Holds `sweep.parquet`, `series.parquet` and `sweep.json`.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.about: dict[str, Any] = json.loads((folder / "sweep.json").read_text("utf-8"))
        self.table = read_table(folder, "sweep")
        self.rows: list[dict[str, Any]] = self.table.to_pylist()

    @property
    def paths(self) -> list[str]:
        """What is varied, seeds aside: those with more than one value."""
        return [path for path, _ in self.about["axes"] if len(set(map(str, self.column(path)))) > 1]

    @cached_property
    def ran(self) -> list[dict[str, Any]]:
        """Rows that say something of the scenario rather than of the machine."""
        return [row for row in self.rows if row["status"] in RAN]

    def column(self, name: str) -> list[Any]:
        """One column of the table, as plain values."""
        values: list[Any] = self.table.column(name).to_pylist()
        return values

    @cached_property
    def figures(self) -> list[str]:
        """Names of all figures that were measured."""
        names = self.table.column_names
        return [str(name) for name in names[names.index("because") + 1 :]]

    @cached_property
    def chosen(self) -> list[str]:
        """Figures that are drawn: what was asked for, else what varies of the usual ones."""
        asked = [name for name in self.about.get("metrics", ()) if name in self.figures]
        varying = [name for name in CHOSEN if name in self.figures and self._varies(name)]
        return asked or varying[:AT_MOST]

    def figure(self, name: str) -> Floats:
        """A figure of every row that ran, NaN where it has none."""
        return np.array([np.nan if row[name] is None else row[name] for row in self.ran], float)

    def _varies(self, name: str) -> bool:
        values = self.figure(name)
        known = values[np.isfinite(values)]
        return known.size > 1 and bool(np.ptp(known) > 1e-9 * np.abs(known).max())

    @cached_property
    def bands(self) -> tuple[Floats, dict[str, Floats], int]:
        """Samples over time of the runs that share the commonest time base.

        Returns
        -------
        at_s : (k,) float64 array
            First second of every sample. [s]
        series : dict of str to (n, k) float64 array
        left_out : int
            Runs with another time base.
        """
        table = read_table(self.folder, "series")
        index, at_s = (table.column(name).to_numpy() for name in ("index", "at_s"))
        starts = np.flatnonzero(np.diff(index, prepend=-1))
        runs = [slice(a, b) for a, b in pairwise([*starts.tolist(), index.size])]
        by_base: dict[bytes, list[slice]] = {}
        for run in runs:
            by_base.setdefault(at_s[run].tobytes(), []).append(run)
        if not by_base:
            return np.zeros(0), {}, 0
        common = max(by_base.values(), key=len)
        series = {}
        for name in SERIES:
            column = table.column(name).to_numpy(zero_copy_only=False).astype(np.float64)
            rows = np.stack([column[run] for run in common])
            if np.isfinite(rows).all():
                series[name] = rows
        return at_s[common[0]], series, len(runs) - len(common)
