"""Voltage and frequency as the standard for public supply judges them: by shares of means.

The numbers are those of EN 50160 for low voltage. They were read in a power monitor's manual [1]_,
and the standard's own text was not at hand: its clauses (4.2.1 power frequency, 4.2.2 supply
voltage variations, edition of 2010) are cited from memory, unverified.

References
----------
.. [1] Rockwell Automation, "PowerMonitor 5000 unit," publication 1426-UM001J-EN-P, August 2019,
   appendix H, "EN 50160 conformance tracking," p. 474.
"""

from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple

import numpy as np
import numpy.typing as npt
from pydantic import Field

from .checks_physics import gap
from .reading import Record
from .verdict import Verdict

__all__ = ["en50160", "voltage_unbalance"]

Floats = npt.NDArray[np.float64]

VOLTAGE_MEAN_S, FREQUENCY_MEAN_S = 600.0, 10.0
UNBALANCE_PERCENT = 2.0
_ROUNDING = 1e-7
"""A float32 stands for all values that round to it, the bound among them. [p.u.]"""


@dataclass(frozen=True)
class _Band:
    """At least a share of all means lies in a band."""

    low: float
    high: float
    share: float = 1.0

    def outside_allowed(self, means: int) -> int:
        return int((1 - self.share) * means + 1e-9)


class _Finding(NamedTuple):
    """What one band has to say of a quantity: the mean that is farthest out, or nearest to."""

    holds: bool
    told: str
    value: float
    bound: float
    unit: str


_VOLTAGE = {
    False: (_Band(0.90, 1.10, share=0.95), _Band(0.85, 1.10)),
    True: (_Band(0.85, 1.10),),
}
"""By whether there is no synchronous connection to an interconnected system. [p.u.]"""

_FREQUENCY = {
    False: (_Band(0.99, 1.01, share=0.995), _Band(0.94, 1.04)),
    True: (_Band(0.98, 1.02, share=0.95), _Band(0.85, 1.15)),
}
"""By the same, in parts of the nominal frequency. [1]"""


def en50160(record: Record, *, nominal_hz: Annotated[float, Field(gt=0)] = 50.0) -> Verdict:
    """Voltage and frequency keep to EN 50160 for low voltage, as far as a run can tell.

    Notes
    -----
    The r.m.s. of each bus over ten minutes: 95 % of them within 10 % of nominal, all within
    +10 % and −15 %; an island is held to the latter alone. The mean frequency over ten seconds:
    99.5 % of them within 1 %, all within +4 % and −6 %; in an island 95 % within 2 %, all
    within 15 %. Where phases were solved, voltages are those of each phase, and 95 % of the
    unbalance factors over ten minutes are at most 2 %.

    The standard speaks of a week (of a year for frequency). A run is judged by what it has: of
    six ten-minute means 5 % is none, so all six have to keep to the narrow band. Means follow
    one another from the start of the run, not from the full hour; the last one reaches back so
    that it is as long as the others and nothing is left out. A run shorter than ten minutes is
    one mean, and the verdict says so. The standard sets supply interruptions apart; here a bus
    without voltage fails, because a blackout must not pass for good supply.
    """
    name = "en50160"
    if missing := gap(record, "vm_pu", "f_hz"):
        return Verdict(name, False, missing, unit="p.u.")
    voltage = [_voltage(record, band) for band in _VOLTAGE[record.islanded]]
    frequency = [_frequency(record, band, nominal_hz) for band in _FREQUENCY[record.islanded]]
    unbalance = [_unbalance(record, UNBALANCE_PERCENT)] if record.has("vuf_percent") else []
    broken = [finding for finding in voltage + frequency + unbalance if not finding.holds]
    # The first band of each is its narrowest: what lies nearest to leaving that is told.
    told = broken or [voltage[0], frequency[0]]
    shown = told[0]
    worst = "; ".join(dict.fromkeys(finding.told for finding in told)) + _shortness(record)
    return Verdict(name, not broken, worst, shown.value, shown.bound, shown.unit)


def voltage_unbalance(
    record: Record, *, limit_percent: Annotated[float, Field(gt=0)] = UNBALANCE_PERCENT
) -> Verdict:
    """Negative over positive sequence of each bus, as EN 50160 means it, stays within a limit.

    Notes
    -----
    The r.m.s. over ten minutes of the unbalance factor of each bus: 95 % of a bus's means are
    at most the limit (clause 4.2.4, unverified). A run shorter than that is one mean. A balanced
    grid records no unbalance, and fails.
    """
    name = "voltage_unbalance"
    if missing := gap(record, "vuf_percent"):
        return Verdict(name, False, missing, unit="%")
    found = _unbalance(record, limit_percent)
    worst = found.told + _shortness(record)
    return Verdict(name, found.holds, worst, found.value, found.bound, found.unit)


def _unbalance(record: Record, limit_percent: float) -> _Finding:
    starts, length = _windows(record, VOLTAGE_MEAN_S)
    means = _rms(record.values("vuf_percent"), starts, length)
    band = _Band(-limit_percent, limit_percent, share=0.95)
    return _judged(record, means, band, "%", starts, length, record.names("vuf_percent"))


def _rms(values: Any, starts: list[int], length: int) -> Floats:
    """(n_windows, n_places) root of the mean square over each window."""
    squares = [np.square(values[i : i + length], dtype=np.float64).mean(0) for i in starts]
    means: Floats = np.sqrt(np.stack(squares))
    return means


def _voltage(record: Record, band: _Band) -> _Finding:
    starts, length = _windows(record, VOLTAGE_MEAN_S)
    means = _rms(record.values("vm_pu"), starts, length)
    return _judged(record, means, band, "p.u.", starts, length, record.names("vm_pu"))


def _frequency(record: Record, band: _Band, nominal_hz: float) -> _Finding:
    starts, length = _windows(record, FREQUENCY_MEAN_S)
    f_hz = record.scalar("f_hz")
    means = np.array([[f_hz[i : i + length].mean()] for i in starts])
    absolute = _Band(band.low * nominal_hz, band.high * nominal_hz, band.share)
    return _judged(record, means, absolute, "Hz", starts, length, ("",))


def _windows(record: Record, mean_s: float) -> tuple[list[int], int]:
    """First rows and length of the means, the last one reaching back to be whole."""
    ticks = record.tick.size
    length = min(max(1, round(mean_s / record.dt_s)), ticks)
    starts = list(range(0, ticks - length + 1, length))
    return (starts if ticks % length == 0 else [*starts, ticks - length]), length


def _judged(
    record: Record,
    means: Floats,
    band: _Band,
    unit: str,
    starts: list[int],
    length: int,
    places: tuple[str, ...],
) -> _Finding:
    """Hold the means of every place, one column each, against a band."""
    excess = np.maximum(band.low - means, means - band.high)
    outside = (excess > _ROUNDING).sum(0)
    allowed = band.outside_allowed(len(means))
    # The place with most means outside; among those alike, the one that is farthest out.
    place = int(np.lexsort((excess.max(0), outside))[-1])
    row = int(excess[:, place].argmax())
    value = float(means[row, place])
    holds = bool(outside[place] <= allowed)
    at = f" at {places[place]}" if places[place] else ""
    digits = 3 if unit == "p.u." else 2
    told = (
        f"{value:.{digits}f} {unit} over {_span(length * record.dt_s)} from "
        f"{record.clock(int(record.tick[starts[row]]))}{at}"
    )
    if not holds:
        told += (
            f" ({outside[place]} of {len(means)} means outside {band.low:g} to {band.high:g} "
            f"{unit}, {allowed} allowed)"
        )
    low_is_nearer = band.low - value > value - band.high
    return _Finding(holds, told, value, band.low if low_is_nearer else band.high, unit)


def _shortness(record: Record) -> str:
    length_s = record.tick.size * record.dt_s
    if length_s >= VOLTAGE_MEAN_S:
        return ""
    return f"; the run is shorter than the standard's ten minutes, so {_span(length_s)} were judged"


def _span(seconds: float) -> str:
    return f"{seconds / 60:g} min" if seconds >= 60 else f"{seconds:g} s"
