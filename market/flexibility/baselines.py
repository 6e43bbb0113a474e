"""What a site would have done without the call: named methods on the meters of similar days.

*X of Y*: of the Y most recent similar days the X with the largest consumption in the event window
are averaged period by period; "10 of 10" is the plain mean of ten similar days, the method of
CAISO and, after it, of AEMO's register of baseline methodologies [1]_ [2]_. A *day-of adjustment*
then moves the mean towards the event day's own meter in hours just before the event.

Everything is whole mWh, so that a baseline is the same wherever it is computed.

References
----------
.. [1] J. Bode and A. Ciccone, "California ISO baseline accuracy assessment," Nexant, 2017.
.. [2] AEMO, "Baseline methodology register," wholesale demand response mechanism.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from .sites import FlexibilityError

__all__ = ["BASELINES", "Baseline", "baseline_milliwh", "similar_days"]

Ints = NDArray[np.int64]

Adjustment = Literal["none", "scaled", "shifted"]

_SATURDAY = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """One method.

    Attributes
    ----------
    days : int
        Y, how many similar days are looked at.
    highest : int
        X, how many of them are averaged: those with the largest consumption in the event window.
    adjustment : {"none", "scaled", "shifted"}
        Whether the event day's own meter multiplies the mean, or is added to it.
    most_permille : int
        The most that the adjustment changes the mean by; 200 is CAISO's ± 20 % (remembered,
        unverified). [‰]
    """

    days: int = 10
    highest: int = 10
    adjustment: Adjustment = "none"
    most_permille: int = 200


#: Known name to method.
BASELINES: Mapping[str, Baseline] = MappingProxyType(
    {
        "mean_10_of_10": Baseline(),
        "mean_10_of_10_scaled": Baseline(adjustment="scaled"),
        "mean_10_of_10_shifted": Baseline(adjustment="shifted"),
        "high_5_of_10": Baseline(highest=5),
        "high_5_of_10_scaled": Baseline(highest=5, adjustment="scaled"),
        "high_4_of_5": Baseline(days=5, highest=4),
    }
)


def similar_days(
    days: Sequence[date], event: date, count: int, *, excluded: Collection[date] = ()
) -> list[int]:
    """Give the positions of the latest days like that of the event, in their order.

    Weekdays are like weekdays and days of the weekend like one another; days with a call of their
    own are left out, because their meters show its answer.

    Parameters
    ----------
    days : sequence of date
        Days that were metered.
    event : date
        Only days before it count.
    count : int
        How many are wanted.
    excluded : collection of date
        Days with a call, and holidays.

    Raises
    ------
    FlexibilityError
        There are fewer.
    """
    kind = event.weekday() >= _SATURDAY
    like = [
        i
        for i, day in enumerate(days)
        if day < event and day not in excluded and (day.weekday() >= _SATURDAY) == kind
    ]
    if len(like) < count:
        what = "days of a weekend" if kind else "weekdays"
        raise FlexibilityError(
            [
                f"{len(like)} {what} without a call before {event}, expected {count}; give a "
                f"longer history or a method that looks at fewer days"
            ]
        )
    return sorted(like, key=lambda i: days[i])[-count:]


def baseline_milliwh(
    method: Baseline,
    history_milliwh: Ints,
    event: slice,
    *,
    today_milliwh: Ints | None = None,
    before: slice | None = None,
) -> Ints:
    """Say what a site would have injected in the periods of an event.

    Parameters
    ----------
    method : Baseline
    history_milliwh : (days, periods) int64 array
        Net injection on similar days, the latest last. [mWh]
    event : slice
        Periods of the day that the call is for.
    today_milliwh : (periods,) int64 array, optional
        The event day's meter; an adjustment needs it. [mWh]
    before : slice, optional
        Periods of the day that an adjustment compares; CAISO's begin four hours and end one hour
        before the event (remembered, unverified), so that getting ready does not count.

    Returns
    -------
    (length of event,) int64 array
        Injection positive, so consumption is negative. Rounded half up. [mWh]

    Raises
    ------
    FlexibilityError
        Too few days, or no meter of today for a method that adjusts.
    """
    history = np.asarray(history_milliwh, dtype=np.int64)[-method.days :]
    faults = _faults(method, history, today_milliwh, before)
    if faults:
        raise FlexibilityError(faults)
    used = history[:, event].sum(axis=1)  # the lowest injection is the largest consumption
    chosen = np.sort(np.argsort(used, kind="stable")[: method.highest])
    total = history[chosen].sum(axis=0)
    mean = (2 * total + method.highest) // (2 * method.highest)
    if method.adjustment == "none" or today_milliwh is None or before is None:
        return np.asarray(mean[event], dtype=np.int64)
    was, now = int(mean[before].sum()), int(np.asarray(today_milliwh)[before].sum())
    if method.adjustment == "scaled":
        return _scaled(mean[event], was, now, method.most_permille)
    periods = len(range(*before.indices(mean.size)))
    most = method.most_permille * abs(was)
    change = min(max(1000 * (now - was), -most), most)
    shift = _rounded(change, 1000 * periods)
    return np.asarray(mean[event] + shift, dtype=np.int64)


def _scaled(mean: Ints, was: int, now: int, most_permille: int) -> Ints:
    """Multiply by now/was within 1 ± most; a site that injects before the event stays as it is."""
    if was >= 0 or now > 0:
        return np.asarray(mean, dtype=np.int64)
    over, under = -now * 1000, -was * 1000
    over = min(max(over, -was * (1000 - most_permille)), -was * (1000 + most_permille))
    return np.array([_rounded(value * over, under) for value in mean.tolist()], dtype=np.int64)


def _rounded(over: int, under: int) -> int:
    """Divide, rounding half up."""
    return (2 * over + under) // (2 * under)


def _faults(method: Baseline, history: Ints, today: Ints | None, before: slice | None) -> list[str]:
    faults = []
    if not 1 <= method.highest <= method.days:
        faults.append(
            f"baseline: {method.highest} of {method.days} days, expected 1 to all of them"
        )
    if history.ndim != 2 or len(history) < method.days:
        faults.append(
            f"baseline: a history of shape {history.shape}, expected {method.days} similar days "
            f"in rows; give more days or a method that looks at fewer"
        )
    if method.adjustment != "none" and (today is None or before is None):
        faults.append(
            f"baseline: {method.adjustment!r} compares the event day's own meter; give "
            f"today_milliwh and before, or a method without adjustment"
        )
    return faults
