"""How late ticks were: a histogram of fixed size, however long the run."""

import math
import time
from array import array

PER_DECADE = 100
_DECADES = 8  # 1 µs to 100 s


class Lateness:
    """Counts lateness by its logarithm: quantiles are exact to 2.4 %, the largest is exact.

    Attributes
    ----------
    ticks : int
        How many were counted.
    most_us : float
        The largest; NaN before the first. [µs]
    """

    def __init__(self) -> None:
        self._counts = array("q", bytes(8 * (PER_DECADE * _DECADES + 1)))
        self.ticks = 0
        self.most_us = math.nan

    def add(self, late_us: float) -> None:
        """Count one tick; a tick that was early, or less than 1 µs late, counts as 1 µs."""
        bin_ = math.ceil(PER_DECADE * math.log10(late_us)) if late_us > 1.0 else 0
        self._counts[min(bin_, PER_DECADE * _DECADES)] += 1
        self.most_us = late_us if self.ticks == 0 else max(self.most_us, late_us)
        self.ticks += 1

    def quantile(self, share: float) -> float:
        """Lateness that this share of the ticks did not exceed; NaN before the first. [µs]"""
        wanted, seen = max(1, math.ceil(share * self.ticks)), 0
        for bin_, count in enumerate(self._counts):
            seen += count
            if seen >= wanted:
                return min(math.pow(10.0, bin_ / PER_DECADE), self.most_us)
        return math.nan

    def histogram(self) -> list[tuple[float, int]]:
        """Ticks up to each bound and above the bound before, three bounds to a decade. [µs]

        The last bound that was reached ends the list.
        """
        rows: list[tuple[float, int]] = []
        start = 0
        for third in range(3 * _DECADES + 1):
            end = round(third * PER_DECADE / 3) + 1
            rows.append((10.0 ** (third / 3), sum(self._counts[start:end])))
            start = end
        while rows and rows[-1][1] == 0:
            rows.pop()
        return rows

    def __str__(self) -> str:
        """Say it in one line."""
        if self.ticks == 0:
            return "no ticks"
        p50_us, p99_us = self.quantile(0.5), self.quantile(0.99)
        return (
            f"p50 {p50_us:.0f} µs, p99 {p99_us:.0f} µs, max {self.most_us:.0f} µs "
            f"over {self.ticks} ticks"
        )


def timer_jitter(period_s: float, ticks: int) -> Lateness:
    """How late this machine wakes a process that sleeps to a deadline and does nothing else."""
    jitter = Lateness()
    start_s = time.monotonic()
    for tick in range(1, ticks + 1):
        deadline_s = start_s + tick * period_s
        time.sleep(max(0.0, deadline_s - time.monotonic()))
        jitter.add(1e6 * (time.monotonic() - deadline_s))
    return jitter
