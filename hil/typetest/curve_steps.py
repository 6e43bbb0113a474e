"""Steps along a curve: set the cause, wait, compare with the target at the cause as measured."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from .bands import Curve, reached, response_s
from .lab import Sample
from .setup import Found, Setup, attempt, settled
from .steps import Criterion, Line, Plot, Point, Step

Quantity = Literal["p_kw", "q_kvar"]
Cause = Literal["vm_pu", "f_hz", "p_kw"]

UNITS = {"p_kw": "kW", "q_kvar": "kvar", "vm_pu": "p.u.", "f_hz": "Hz"}
NAMES = {
    "p_kw": "active power",
    "q_kvar": "reactive power",
    "vm_pu": "voltage",
    "f_hz": "frequency",
}
SETTLE = 2.5
"""Response times that a step waits: an answer of first order is then within 0.4 % of its end."""

DRAWN = 121


@dataclass(frozen=True)
class Sweep:
    """One way along one curve.

    Attributes
    ----------
    series : str
        Names the curve and the power it is tested at.
    cause, result : str
        Fields of a sample.
    settings : sequence of float
        What the cause is set to, in order.
    apply : callable
        Sets it.
    target : callable
        From a settled sample to the curve that holds at it, in kW or kvar.
    accuracy : float
        Half width of the cause's band.
    response_s : float
        Time in which 90 % of a step must be done. [s]
    judges_response : bool
    """

    series: str
    cause: Cause
    result: Quantity
    settings: Sequence[float]
    apply: Callable[[float], None]
    target: Callable[[Sample], Curve]
    accuracy: float
    response_s: float
    judges_response: bool = True


def sweep(setup: Setup, along: Sweep) -> list[Step]:
    """Play all steps of one way."""
    return [_step(setup, along, value) for value in along.settings]


def plot_of(setup: Setup, along: Sweep, at: Sample, span: tuple[float, float]) -> Plot:
    """Draw the target and its band."""
    curve = along.target(at)
    x = np.unique([*np.linspace(*span, DRAWN), *(c for c in curve.x if span[0] < c < span[1])])
    bands = [curve.band(float(one), along.accuracy, setup.power_band_kw) for one in x]
    line = Line(
        "target",
        tuple(map(float, x)),
        tuple(band.target for band in bands),
        tuple(band.low for band in bands),
        tuple(band.high for band in bands),
    )
    return Plot(
        along.series,
        "curve",
        f"{NAMES[along.cause]} [{UNITS[along.cause]}]",
        f"{NAMES[along.result]} [{UNITS[along.result]}]",
        (line,),
    )


def _step(setup: Setup, along: Sweep, value: float) -> Step:
    unit = UNITS[along.cause]
    asked = f"{NAMES[along.cause]} {value:.4g} {unit}" if unit == "p.u." else ""
    asked = asked or f"{NAMES[along.cause]} {value:.5g} {unit}"

    def judge() -> Found:
        lab = setup.lab
        before = lab.observe(lab.resolution_s, lab.resolution_s)[-1]
        begun_s = lab.now_s
        along.apply(value)
        wait_s = max(SETTLE * along.response_s, 1.0)
        course = lab.observe(wait_s, max(lab.resolution_s, along.response_s / 40.0))
        last = settled(course, max(0.1 * along.response_s, 1.5 * lab.resolution_s))
        measured, cause = getattr(last, along.result), getattr(last, along.cause)
        band = along.target(last).band(cause, along.accuracy, setup.power_band_kw)
        result = f"settled {NAMES[along.result]}"
        criteria = [Criterion.within(result, UNITS[along.result], measured, band)]
        if along.judges_response:
            criteria += _response(setup, along, before, course, begun_s)
        return Found(criteria, Point(cause, measured), course)

    return attempt(f"{along.series}: {asked}", asked, judge, series=along.series)


def _response(
    setup: Setup, along: Sweep, before: Sample, course: Sequence[Sample], begun_s: float
) -> list[Criterion]:
    """Judge how much of the way was done in the response time; small steps say nothing of it."""
    first = getattr(before, along.result)
    times = [0.0, *(sample.t_s - begun_s for sample in course)]
    values = [first, *(getattr(sample, along.result) for sample in course)]
    way = abs(values[-1] - first)
    if way < 2.0 * setup.power_band_kw:
        return []
    lab, at_s = setup.lab, along.response_s + setup.accuracy.time_s(along.response_s)
    what = f"share of the step done after {at_s:.3g} s"
    if lab.resolution_s > max(0.25 * along.response_s, setup.accuracy.time_s(along.response_s)):
        because = (
            f"response time of {along.response_s:g} s with samples {lab.resolution_s:.2g} s apart"
        )
        return [Criterion(what, "1", "not testable", because=because)]
    done = abs(reached(times, values, at_s) - first) / way
    low = 0.9 - setup.power_band_kw / way
    because = (
        "" if done >= low else f"too slow: 90 % after {response_s(times, values, first):.3g} s"
    )
    return [Criterion.bounded(what, "1", done, low=low, because=because)]


def within(values: Sequence[float], low: float, high: float) -> list[float]:
    """Bring set points into a window; what then repeats its neighbour goes."""
    found: list[float] = []
    for value in (min(max(value, low), high) for value in values):
        if not found or abs(value - found[-1]) > 1e-9:
            found.append(value)
    return found
