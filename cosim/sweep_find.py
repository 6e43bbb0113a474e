"""Finds how far a value can go while the checks hold, although every seed answers differently.

Bisection with the same seeds at every value. A value is good enough when the asked share of its
seeds holds; what that says of all seeds is Wilson's interval. Bisection believes that what fails
once fails further on as well, so a few values between are tried on top, and every seed that holds
again beyond a failure is told.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
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
    With n seeds and a step s of the range it takes at most 2 + log2(1 / s) + 6 values, n runs each.
    With the same seeds everywhere the answer is exact for these seeds: it is the bisection of a
    step function, and its noise is in the choice of the seeds alone, which the interval tells
    (common random numbers, as in A. M. Law, "Simulation Modeling and Analysis", 5th ed., 11.2).
    """
    known: dict[float, Tried] = {}

    def at(*places: float) -> list[Tried]:
        values = [question.at(place) for place in places]
        new = [value for value in dict.fromkeys(values) if value not in known]
        for value, answers in zip(new, evaluate(new) if new else (), strict=True):
            known[value] = Tried(value, tuple(answers), question.share)
        return [known[value] for value in values]

    easy, hard = at(0.0, 1.0)
    low, high = 0.0, 1.0
    if easy.enough and not hard.enough:
        while high - low > question.step * (1 + 1e-9):
            middle = (low + high) / 2
            if question.at(middle) in (question.at(low), question.at(high)):
                break
            low, high = (middle, high) if at(middle)[0].enough else (low, middle)
    ends = (0.0, low), (high, 1.0)
    at(*(start + place * (end - start) for start, end in ends for place in PROBES if end > start))
    if easy.enough == hard.enough:
        at(*PROBES)
    return _judged(question, known)


def _judged(question: Question, known: Mapping[float, Tried]) -> Found:
    """Read off what was found: what bisection took for granted is looked up in all that was tried."""
    tried = sorted(known.values(), key=lambda one: one.value, reverse=question.hard < question.easy)
    first_bad = next((i for i, one in enumerate(tried) if not one.enough), len(tried))
    good = tried[first_bad - 1] if first_bad > 0 else None
    bad = tried[first_bad] if first_bad < len(tried) else None
    return Found(question, tried, good, bad, list(_violations(tried)))


def _violations(tried: Sequence[Tried]) -> list[tuple[int, float, float]]:
    found = []
    for seed in range(len(tried[0].answers)):
        fails = next((one.value for one in tried if one.answers[seed] is False), None)
        if fails is None:
            continue
        after = [one for one in tried[[one.value for one in tried].index(fails) :]]
        holds = next((one.value for one in after if one.answers[seed] is True), None)
        if holds is not None:
            found.append((seed, fails, holds))
    return found


def _held(tried: Tried) -> str:
    return f"{tried.held} of {tried.of} seeds hold"
