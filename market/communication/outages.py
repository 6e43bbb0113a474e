"""When a link is down: by schedule, or at random, with mean times up and down."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from typing import Protocol

import numpy as np

from .links import LinkError

__all__ = ["AnyOf", "NoOutages", "Outages", "RandomOutages", "ScheduledOutages"]


class Outages(Protocol):
    """Says whether a link is down."""

    def touches(self, start_s: float, end_s: float) -> bool:
        """Whether it is down at any instant of [start, end]. [s]"""


class NoOutages:
    """Never down."""

    def touches(self, start_s: float, end_s: float) -> bool:
        return False


class ScheduledOutages:
    """Down over given spans.

    Parameters
    ----------
    spans : iterable of (float, float)
        From, included, and to, excluded. [s]

    Raises
    ------
    LinkError
        With every span that does not end after its start.
    """

    def __init__(self, spans: Iterable[tuple[float, float]]) -> None:
        self._spans = sorted(spans)
        faults = [
            f"outage from {start:g} s to {end:g} s; expected an end after its start"
            for start, end in self._spans
            if not start < end
        ]
        if faults:
            raise LinkError(faults)

    def touches(self, start_s: float, end_s: float) -> bool:
        return any(start <= end_s and start_s < end for start, end in self._spans)


class RandomOutages:
    """Up and down in turn, both exponentially distributed; up at `first_s`.

    Parameters
    ----------
    rng : numpy.random.Generator
        Its own: how far ahead is asked must not change anybody's luck.
    between_s, repair_s : float
        Mean time up and mean time down; the share of time up is their ratio to the sum. [s]
    first_s : float
        From when on it may fail. [s]

    Raises
    ------
    LinkError
        A mean is not above zero.
    """

    def __init__(
        self, rng: np.random.Generator, between_s: float, repair_s: float, first_s: float = 0.0
    ) -> None:
        given = {"mean time between failures": between_s, "mean time to repair": repair_s}
        faults = [
            f"{name}: {value:g} s, expected more than 0"
            for name, value in given.items()
            if not value > 0
        ]
        if faults:
            raise LinkError(faults)
        self._rng, self._means = rng, (between_s, repair_s)
        # Turns: up until the first, down until the second, and so on.
        self._turns = [first_s + float(rng.exponential(between_s))]

    def touches(self, start_s: float, end_s: float) -> bool:
        turns = self._turns
        while turns[-1] <= end_s:
            turns.append(turns[-1] + float(self._rng.exponential(self._means[len(turns) % 2])))
        at_start, at_end = bisect_right(turns, start_s), bisect_right(turns, end_s)
        return at_start % 2 == 1 or at_end > at_start


class AnyOf:
    """Down when any of several is."""

    def __init__(self, outages: Sequence[Outages]) -> None:
        self._outages = tuple(outages)

    def touches(self, start_s: float, end_s: float) -> bool:
        return any(one.touches(start_s, end_s) for one in self._outages)
