"""What a peer earns by consuming more before a call, so that its baseline is higher.

The baseline is an average of the peer's own meters, so whoever knows that a call may come can
raise it: on the days that are averaged, or in the hours just before the event that a day-of
adjustment looks at. Each Wh of it is bought at retail; each Wh that the baseline rises by is paid
as if it had been delivered, in every event that the same days are averaged for, until the bid is
reached.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..delivery.rules import money
from .baselines import Baseline, baseline_milliwh

__all__ = ["Day", "Inflated", "inflate"]

Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False, kw_only=True)
class Day:
    """A site's meters around one event, and what it was called for; injection positive.

    Attributes
    ----------
    history_milliwh : (days, periods) int64 array
        Similar days, the latest last. [mWh]
    today_milliwh : (periods,) int64 array
        The event day. [mWh]
    event, before : slice
        Periods of the event, and those that a day-of adjustment compares.
    bid_milliwh : int
        What was bid in each period of the event. [mWh]
    price_ticks, retail_ticks : int
        What the operator pays, and what the supplier asks. [µ€/Wh]
    """

    history_milliwh: Ints
    today_milliwh: Ints
    event: slice
    before: slice
    bid_milliwh: int
    price_ticks: int
    retail_ticks: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Inflated:
    """What inflating came to.

    Attributes
    ----------
    honest_milliwh, inflated_milliwh : int
        Delivered in the event by either baseline; the meter of the event is the same. [mWh]
    wasted_milliwh : int
        Consumed only to raise the baseline. [mWh]
    honest_ueur, inflated_ueur : int
        What the operator pays in one event. [µ€]
    wasted_ueur : int
        What the waste costs at retail. [µ€]
    gain_ueur : int
        What all events bring more than honesty, less the waste. [µ€]
    """

    honest_milliwh: int
    inflated_milliwh: int
    wasted_milliwh: int
    honest_ueur: int
    inflated_ueur: int
    wasted_ueur: int
    gain_ueur: int


def inflate(
    day: Day,
    method: Baseline,
    *,
    extra_milliwh: int = 0,
    on_days: int = 0,
    before_milliwh: int = 0,
    events: int = 1,
) -> Inflated:
    """Compare honesty with a higher baseline, to the µ€.

    Parameters
    ----------
    day : Day
        As the meters honestly are.
    method : Baseline
    extra_milliwh : int
        More consumption in each period of the event window on past days. [mWh]
    on_days : int
        On how many of the latest days.
    before_milliwh : int
        More consumption on the event day in each period of `before`. [mWh]
    events : int
        How many such events the same days are averaged for, as the days of events themselves are
        left out of the average.
    """
    history, today = day.history_milliwh.copy(), day.today_milliwh.copy()
    history[len(history) - on_days :, day.event] -= extra_milliwh
    today[day.before] -= before_milliwh
    honest = _delivered(day, method, day.history_milliwh, day.today_milliwh)
    inflated = _delivered(day, method, history, today)
    raised = int(day.history_milliwh.sum() - history.sum())
    daily = int(day.today_milliwh.sum() - today.sum())
    wasted = raised + events * daily
    earned = money(day.price_ticks, honest), money(day.price_ticks, inflated)
    cost = money(day.retail_ticks, wasted)
    return Inflated(
        honest_milliwh=honest,
        inflated_milliwh=inflated,
        wasted_milliwh=wasted,
        honest_ueur=earned[0],
        inflated_ueur=earned[1],
        wasted_ueur=cost,
        gain_ueur=events * (earned[1] - earned[0]) - cost,
    )


def _delivered(day: Day, method: Baseline, history: Ints, today: Ints) -> int:
    """What the event's meter proves against a baseline. [mWh]"""
    expected = baseline_milliwh(method, history, day.event, today_milliwh=today, before=day.before)
    moved = day.today_milliwh[day.event] - expected
    return int(np.clip(moved, 0, day.bid_milliwh).sum())
