"""Frequency from a record: a file of points, or one of the events that ship with us.

Between points the frequency moves in a straight line; before the first and after the last it
stands still.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import yaml
from numpy.typing import ArrayLike, NDArray

from .checks import check
from .process import FrequencyTick

Floats = NDArray[np.float64]

EVENTS = Path(__file__).parent / "events"
LOW_HZ, HIGH_HZ = 30.0, 80.0


class TraceError(ValueError):
    """A trace that cannot be read, or is none; all faults at once."""


@dataclass(frozen=True)
class Trace:
    """Points of a frequency.

    Attributes
    ----------
    t_s : (n,) array
        Strictly rising. [s]
    f_hz : (n,) array
        [Hz]
    """

    t_s: Floats
    f_hz: Floats

    @classmethod
    def of(cls, t_s: ArrayLike, f_hz: ArrayLike, *, name: str = "trace") -> Trace:
        """Check the points.

        Raises
        ------
        TraceError
            Fewer than one point, times that do not rise, or values that are no
            mains frequency.
        """
        t, f = np.asarray(t_s, dtype=np.float64), np.asarray(f_hz, dtype=np.float64)
        if t.ndim != 1 or t.shape != f.shape or t.size == 0:
            raise TraceError(f"{name}: {t.size} times and {f.size} values; expected as many, not 0")
        faults = [
            f"point {i}: t_s is {t[i]:g} s after {t[i - 1]:g} s; expected rising times"
            for i in np.flatnonzero(~(np.diff(t) > 0)) + 1
        ]
        if not np.isfinite(t[0]):
            faults.insert(0, f"point 0: t_s is {t[0]:g} s; expected a finite time")
        faults += [
            f"point {i}: f_hz is {f[i]:g} Hz; expected {LOW_HZ:g} to {HIGH_HZ:g} Hz"
            for i in np.flatnonzero(~((f >= LOW_HZ) & (f <= HIGH_HZ)))
        ]
        if faults:
            more = f"; and {len(faults) - 5} more" if len(faults) > 5 else ""
            raise TraceError(f"{name}: " + "; ".join(faults[:5]) + more)
        return cls(t, f)

    @classmethod
    def read(cls, file: Path) -> Trace:
        """Read a CSV or Parquet file with the columns `t_s` and `f_hz`.

        Raises
        ------
        TraceError
            For a file that is missing, of another kind, without these columns,
            or with points that `of` refuses.
        """
        import pandas as pd

        if file.suffix not in {".csv", ".parquet"}:
            raise TraceError(f"{file.name}: expected a file that ends in .csv or .parquet")
        try:
            table = pd.read_csv(file) if file.suffix == ".csv" else pd.read_parquet(file)
            points = table["t_s"].to_numpy(np.float64), table["f_hz"].to_numpy(np.float64)
        except FileNotFoundError:
            raise TraceError(f"no trace {file.name!r} beside the scenario") from None
        except KeyError as missing:
            columns = ", ".join(map(str, table.columns))
            raise TraceError(
                f"{file.name}: no column {missing}; expected t_s [s] and f_hz [Hz], found {columns}"
            ) from None
        except (ValueError, OSError) as error:
            raise TraceError(f"{file.name}: {error}") from None
        return cls.of(*points, name=file.name)


@dataclass(frozen=True)
class EventPoint:
    """One point of a shipped event, and where it is from."""

    t_s: float
    f_hz: float
    source: str
    sure: str


@dataclass(frozen=True)
class FrequencyEvent:
    """A disturbance rebuilt from the figures of public reports.

    Attributes
    ----------
    name, title, starts_at : str
        As a scenario names it; place and date; instant of t_s = 0, with its zone.
    points : tuple of EventPoint
    """

    name: str
    title: str
    starts_at: str
    points: tuple[EventPoint, ...]

    @property
    def trace(self) -> Trace:
        """The points alone."""
        return Trace.of([p.t_s for p in self.points], [p.f_hz for p in self.points], name=self.name)


def event_names() -> tuple[str, ...]:
    """Names of the shipped events."""
    return tuple(sorted(file.stem for file in EVENTS.glob("*.yaml")))


@cache
def frequency_event(name: str) -> FrequencyEvent:
    """Read a shipped event.

    Raises
    ------
    TraceError
        If there is none of this name.
    """
    if name not in event_names():
        raise TraceError(f"no event {name!r}; known: {', '.join(event_names())}")
    told = yaml.safe_load((EVENTS / f"{name}.yaml").read_text(encoding="utf-8"))
    points = tuple(
        EventPoint(float(p["s"]), float(p["f_hz"]), told["sources"][p["source"]], p["sure"])
        for p in told["points"]
    )
    return FrequencyEvent(name, told["title"], told["starts_at"].isoformat(), points)


class TracedFrequency:
    """A grid whose frequency is given.

    Parameters
    ----------
    trace : Trace
    dt_s : float
        Length of a tick. [s]
    starts_s : float
        Time of the run at which the trace's t_s = 0 lies. [s]

    Notes
    -----
    Means and extrema of a tick are those of the straight lines, exactly.
    """

    def __init__(self, trace: Trace, dt_s: float, *, starts_s: float = 0.0) -> None:
        check("traced frequency", "dt_s", dt_s, "s", "1 ms to 3600 s", 1e-3, 3600)
        check("traced frequency", "starts_s", starts_s, "s", "a finite time", -1e9, 1e9)
        self._t_s, self._f_hz, self._dt_s = trace.t_s + starts_s, trace.f_hz, dt_s
        self._at = 0
        first = float(trace.f_hz[0])
        self._tick = FrequencyTick(first, first, first, 0.0)

    def step(self) -> FrequencyTick:
        """Return the next tick, always the same object."""
        begin_s, end_s = self._at * self._dt_s, (self._at + 1) * self._dt_s
        self._at += 1
        inside = slice(*np.searchsorted(self._t_s, [begin_s, end_s], side="right"))
        ends = np.interp([begin_s, end_s], self._t_s, self._f_hz)
        t_s = np.concatenate([[begin_s], self._t_s[inside], [end_s]])
        f_hz = np.concatenate([ends[:1], self._f_hz[inside], ends[1:]])
        tick = self._tick
        tick.f_hz = float(np.trapezoid(f_hz, t_s) / self._dt_s)
        tick.f_min_hz, tick.f_max_hz = float(f_hz.min()), float(f_hz.max())
        tick.rocof_hz_per_s = float(ends[1] - ends[0]) / self._dt_s
        return tick
