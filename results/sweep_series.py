"""What of a run is kept over time in a sweep: few samples, which lose no extreme."""

from __future__ import annotations

import numpy as np

from .outcome import outcomes
from .reading import Record
from .report_data import bucket_reduce

__all__ = ["SAMPLES", "SERIES", "Series", "sampled"]

SAMPLES = 200
"""Samples of a run, unless it has fewer ticks."""

SERIES = {
    "f_hz": ("Frequency", "Hz"),
    "vm_min_pu": ("Lowest voltage", "p.u."),
    "vm_max_pu": ("Highest voltage", "p.u."),
    "traded_kw": ("Traded power", "kW"),
}
"""Names, what people call them, and units."""

NOMINAL_HZ = 50.0

Series = dict[str, list[float]]
"""Columns of equal length; ``at_s``, the first second of every sample, is always there."""


def sampled(record: Record, samples: int = SAMPLES) -> Series:
    """Sample a run over time; empty if it recorded no tick.

    Of the ticks that a sample stands for, the lowest and the highest voltage of all buses are
    taken, and the frequency that is furthest from 50 Hz. Traded power is what the market cleared
    for a delivery period, as mean power.
    """
    if not record.ticks.num_rows:
        return {}
    rows = np.unique(np.linspace(0, record.tick.size, samples, endpoint=False).astype(np.intp))
    series = {"at_s": (record.tick[rows] * record.dt_s).tolist()}
    if record.has("f_hz"):
        low = _extreme(record, "f_min_hz", np.minimum, samples)
        high = _extreme(record, "f_max_hz", np.maximum, samples)
        series["f_hz"] = np.where(NOMINAL_HZ - low > high - NOMINAL_HZ, low, high).tolist()
    if record.has("vm_pu"):
        values = record.values("vm_pu")
        for name, edge, how in (
            ("vm_min_pu", values.min(axis=1), np.minimum),
            ("vm_max_pu", values.max(axis=1), np.maximum),
        ):
            series[name] = bucket_reduce(edge, how, samples)[1].tolist()
    length = record.manifest.get("ticks_per_period")
    if length:
        cleared_wh = {one.period: one.volume_wh for one in outcomes(record)}
        hours = length * record.dt_s / 3600
        periods = (record.tick[rows] // length).tolist()
        series["traded_kw"] = [cleared_wh.get(period, 0) / 1000 / hours for period in periods]
    return series


def _extreme(record: Record, column: str, how: np.ufunc, samples: int) -> np.ndarray:
    column = column if record.has(column) else "f_hz"
    return bucket_reduce(record.scalar(column), how, samples)[1]
