"""Finds how far a value can go while the checks hold, although every seed answers differently.

Bisection with the same seeds at every value. A value is good enough when the asked share of its
seeds holds; what that says of all seeds is Wilson's interval. Bisection believes that what fails
once fails further on as well, so a few values between are tried on top, and every seed that holds
again beyond a failure is told.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from results.sweep_statistics import wilson

__all__ = ["Found", "Question", "Tried", "find"]

PROBES = (0.25, 0.5, 0.75)
"""Places between the easy end and what was found, and between that and the hard end."""

Evaluate = Callable[[Sequence[float]], Sequence[Sequence[bool | None]]]
"""Gives for every value whether the checks hold, seed by seed; None where nobody knows."""


@dataclass(frozen=True)
class Question:
    """What is looked for.

    Attributes
    ----------
    path : str
    easy, hard : float
        Ends of the range: where the checks should hold, and where they may not; from the first
        towards the second it is looked for the last value that holds.
    share : float
        Of the seeds that have to hold. [1]
    tolerance : float
        How finely, in the value's unit.
    whole : bool
        Whole numbers only.
    """

    path: str
    easy: float
    hard: float
    share: float = 1.0
    tolerance: float = 0.02
    whole: bool = False

    def at(self, place: float) -> float:
        """Value at a place between the ends, 0 the easy one and 1 the hard one."""
        value = self.easy + place * (self.hard - self.easy)
        return float(round(value)) if self.whole else float(f"{value:.10g}")

    def place(self, value: float) -> float:
        """Where between the ends a value is."""
        return (value - self.easy) / (self.hard - self.easy)

    @property
    def step(self) -> float:
        """The tolerance as a part of the range."""
        finest = max(self.tolerance, 1.0) if self.whole else self.tolerance
        return finest / abs(self.hard - self.easy)

    def __str__(self) -> str:
        word = "Largest" if self.hard > self.easy else "Smallest"
        whom = "" if self.share == 1 else f" for {self.share:g} of the seeds"
        return f"{word} {self.path} for which all checks hold{whom}"


@dataclass(frozen=True)
class Tried:
    """One value and how its seeds answered."""

    value: float
    answers: tuple[bool | None, ...]
    share: float

    @property
    def held(self) -> int:
        """Seeds that hold."""
        return sum(answer is True for answer in self.answers)

    @property
    def of(self) -> int:
        """Seeds that are known."""
        return sum(answer is not None for answer in self.answers)

    @property
    def enough(self) -> bool:
        """Whether enough of them hold."""
        return self.of > 0 and self.held >= self.share * self.of - 1e-9

    @property
    def interval(self) -> tuple[float, float]:
        """95 % confidence interval of the share of all seeds that hold."""
        return wilson(self.held, self.of)


@dataclass(frozen=True)
class Found:
    """What was found.

    Attributes
    ----------
    question : Question
    tried : list of Tried
        From the easy end to the hard one.
    good, bad : Tried or None
        The last value that is good enough before the first that is not; None beyond an end.
    violations : list of (seed's position, fails at, holds at)
        Seeds that hold again further on.
    """

    question: Question
    tried: list[Tried]
    good: Tried | None
    bad: Tried | None
    violations: list[tuple[int, float, float]] = field(default_factory=list)

    def told(self, seeds: Sequence[int]) -> list[str]:
        """Say what was found, and how sure it is."""
        ask, lines = self.question, list[str]()
        if self.good is None:
            lines.append(f"None: already at {ask.easy:g} {_held(self.tried[0])}.")
        elif self.bad is None:
            lines.append(
                f"{self.good.value:g}, the end of the range: there {_held(self.good)}. "
                "Ask for a wider one to find where it ends."
            )
        else:
            lines.append(f"{self.good.value:g}: there {_held(self.good)}.")
            lines.append(f"At {self.bad.value:g} {_held(self.bad)}.")
        sure = self.good or self.tried[0]
        low, high = sure.interval
        lines.append(
            f"With 95 % confidence the checks hold at {sure.value:g} for {100 * low:.0f} to "
            f"{100 * high:.0f} % of all seeds; more seeds narrow that."
        )
        unknown = sum(len(one.answers) - one.of for one in self.tried)
        if unknown:
            lines.append(f"{unknown} runs were not played to an answer and are not counted.")
        lines += [
            f"Not monotone: seed {seeds[seed]} fails at {fails:g} and holds at {holds:g}; what is "
            "found holds for the values that were tried, not for all below."
            for seed, fails, holds in self.violations
        ]
        if not self.violations:
            lines.append("No seed holds again beyond a value at which it fails.")
        return lines

    def plain(self, seeds: Sequence[int]) -> dict[str, Any]:
        """As JSON and the report have it."""
        tried = [
            {
                "value": one.value,
                "held": one.held,
                "of": one.of,
                "low": one.interval[0],
                "high": one.interval[1],
                "enough": one.enough,
            }
            for one in self.tried
        ]
        return {
            "question": str(self.question),
            "path": self.question.path,
            "value": None if self.good is None else self.good.value,
            "told": self.told(seeds),
            "tried": tried,
            "monotone": not self.violations,
        }


def find(question: Question, evaluate: Evaluate) -> Found:
    """Look for the last value that is good enough.

    Parameters
    ----------
    question : Question
    evaluate : callable
        Asked for several values at once where it is known that all will be needed.

    Notes
    -----
    With n seeds and a step s of the range it takes about 8 + log2(1 / s) values, n runs each.
    With the same seeds everywhere the answer is exact for these seeds: it is the bisection of a
    step function, and its noise is in the choice of the seeds alone, which the interval tells
    (common random numbers, as in A. M. Law, "Simulation Modeling and Analysis", 5th ed., 11.2).
    """
    known: dict[float, Tried] = {}

    def ask(places: Sequence[float]) -> None:
        values = dict.fromkeys(question.at(place) for place in places)
        new = [value for value in values if value not in known]
        for value, answers in zip(new, evaluate(new) if new else (), strict=True):
            known[value] = Tried(value, tuple(answers), question.share)

    def narrow() -> Found:
        found = _judged(question, known)
        while found.good is not None and found.bad is not None:
            start, end = question.place(found.good.value), question.place(found.bad.value)
            before = len(known)
            if end - start > question.step * (1 + 1e-9):
                ask([(start + end) / 2])
            if len(known) == before:
                break
            found = _judged(question, known)
        return found

    ask([0.0, 1.0])
    found = narrow()
    start = 0.0 if found.good is None else question.place(found.good.value)
    end = 1.0 if found.bad is None else question.place(found.bad.value)
    sides = ((0.0, start), (end, 1.0))
    ask([a + place * (b - a) for a, b in sides for place in PROBES])
    return narrow()


def _judged(question: Question, known: Mapping[float, Tried]) -> Found:
    """Read off what was found; what bisection takes for granted is looked up in all values."""
    tried = sorted(known.values(), key=lambda one: question.place(one.value))
    first_bad = next((i for i, one in enumerate(tried) if not one.enough), len(tried))
    good = tried[first_bad - 1] if first_bad > 0 else None
    bad = tried[first_bad] if first_bad < len(tried) else None
    return Found(question, tried, good, bad, list(_violations(tried)))


def _violations(tried: Sequence[Tried]) -> Iterator[tuple[int, float, float]]:
    """Find seeds that fail somewhere and hold further on."""
    for seed in range(len(tried[0].answers)):
        failed: float | None = None
        for one in tried:
            if failed is None and one.answers[seed] is False:
                failed = one.value
            elif failed is not None and one.answers[seed] is True:
                yield seed, failed, one.value
                break


def _held(tried: Tried) -> str:
    return f"{tried.held} of {tried.of} seeds hold"
