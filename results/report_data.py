"""Makes long records small enough to draw, without losing an extreme."""

from datetime import datetime
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from .reading import Record

__all__ = ["BUCKETS", "bucket_extremes", "bucket_reduce", "wall_ms"]

BUCKETS = 700
"""Points across a plot: about one per two pixels on a wide screen."""

Floats = npt.NDArray[np.float64]


def bucket_extremes(
    values: npt.NDArray[np.floating], buckets: int = BUCKETS
) -> npt.NDArray[np.intp]:
    """Choose the rows to draw: of each bucket its lowest and its highest, in order of time.

    Parameters
    ----------
    values : (n,) array
    buckets : int

    Returns
    -------
    (m,) int array
        Ascending indices, first and last row among them; all of them if they are few.
    """
    size = values.size
    if size <= 2 * buckets:
        return np.arange(size)
    edges = np.linspace(0, size, buckets + 1).astype(np.intp)
    chosen = [0, size - 1]
    for start, stop in pairwise(edges):
        part = values[start:stop]
        chosen += [start + int(part.argmin()), start + int(part.argmax())]
    return np.unique(np.array(chosen))


def bucket_reduce(
    values: npt.NDArray[np.floating], how: np.ufunc, buckets: int = BUCKETS
) -> tuple[npt.NDArray[np.intp], Floats]:
    """Reduce each bucket to one value by `np.minimum` or `np.maximum`.

    Returns
    -------
    (m,) int array, (m,) float64 array
        First row of each bucket, and the bucket's value.
    """
    starts = np.unique(np.linspace(0, values.size, buckets, endpoint=False).astype(np.intp))
    return starts, how.reduceat(values, starts).astype(np.float64)


def wall_ms(record: Record, ticks: npt.NDArray[np.integer]) -> Floats:
    """Local wall-clock time of ticks as milliseconds, the way Bokeh's time axis reads them."""
    start = record.moment(0).replace(tzinfo=None)
    offset = (start - datetime(1970, 1, 1)).total_seconds()
    return 1000 * (offset + ticks.astype(np.float64) * record.dt_s)
