"""What a test leaves: steps with criteria, each with a verdict of three words."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from .bands import Band
from .lab import Sample

Verdict = Literal["passed", "failed", "not testable"]


@dataclass(frozen=True, slots=True)
class Criterion:
    """One thing that was judged: what was measured, and where it had to be.

    Attributes
    ----------
    what, unit : str
    measured, target : float or None
        None where there is no number: nothing was fed, no target but bounds.
    low, high : float or None
        None for no bound.
    """

    what: str
    unit: str
    verdict: Verdict
    measured: float | None = None
    target: float | None = None
    low: float | None = None
    high: float | None = None
    because: str = ""

    @classmethod
    def within(cls, what: str, unit: str, measured: float, band: Band) -> "Criterion":
        """Judge a value by a band."""
        verdict: Verdict = "passed" if band.holds(measured) else "failed"
        return cls(what, unit, verdict, measured, band.target, band.low, band.high)

    @classmethod
    def bounded(
        cls,
        what: str,
        unit: str,
        measured: float,
        *,
        low: float | None = None,
        high: float | None = None,
        because: str = "",
    ) -> "Criterion":
        """Judge a value by one bound, or two."""
        good = (low is None or measured >= low) and (high is None or measured <= high)
        verdict: Verdict = "passed" if good else "failed"
        return cls(what, unit, verdict, measured, None, low, high, because)


@dataclass(frozen=True, slots=True)
class Point:
    """Where a step stands in its procedure's plot."""

    x: float
    y: float


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a procedure.

    Attributes
    ----------
    name, asked : str
        What the step is; what was set.
    series : str
        Which of the procedure's plots it belongs to.
    course : tuple of Sample
        What flowed meanwhile, thinned out.
    """

    name: str
    asked: str
    verdict: Verdict
    criteria: tuple[Criterion, ...] = ()
    because: str = ""
    series: str = ""
    point: Point | None = None
    course: tuple[Sample, ...] = ()


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a plot; with `low` and `high` its band."""

    name: str
    x: tuple[float, ...]
    y: tuple[float, ...]
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Plot:
    """What is drawn beside a procedure's steps of one series.

    Attributes
    ----------
    kind : {"curve", "durations"}
        Durations have a logarithmic x.
    """

    series: str
    kind: Literal["curve", "durations"]
    x: str
    y: str
    lines: tuple[Line, ...] = ()


@dataclass(slots=True)
class Trial:
    """One procedure as it was played."""

    key: str
    title: str
    about: str
    settings: dict[str, Any]
    steps: list[Step] = field(default_factory=list)
    plots: list[Plot] = field(default_factory=list)

    @property
    def verdict(self) -> Verdict:
        """The worst of its steps; nothing judged is not testable."""
        return worst(step.verdict for step in self.steps)

    def as_dict(self) -> dict[str, Any]:
        """Give it as JSON takes it."""
        return {**asdict(self), "verdict": self.verdict}


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """A failure before what could not be tested before what passed."""
    found = set(verdicts)
    if "failed" in found:
        return "failed"
    return "passed" if found == {"passed"} else "not testable"
