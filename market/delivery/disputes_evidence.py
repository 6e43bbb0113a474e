"""What a contested reading is judged by: its signature, the device's log, and the sum check.

The sum check is the feeder's balance: what flows out at the busbar plus what the lines lose is
what all meters show together, so the others imply what the contested one should have shown.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import isqrt
from typing import Literal

__all__ = [
    "LIMITS_PERMILLE",
    "SUBSTITUTES",
    "Evidence",
    "MeterClass",
    "Signature",
    "implied",
    "limit_milliwh",
    "reading_message",
    "substitute",
]

MeterClass = Literal["A", "B", "C"]
Signature = Literal["valid", "wrong", "none"]

LIMITS_PERMILLE: Mapping[str, int] = {"A": 35, "B": 20, "C": 7}
"""Maximum permissible errors of meters of EN 50470-3's classes between transitional and largest
current, at +5 to +30 °C, balanced load: Directive 2014/32/EU, Annex V, Table 2. [‰]"""

LONGEST_GAP = 8
"""Periods over which is interpolated; two hours of quarter-hours (unverified)."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that a decision depends on. Energies are net injection. [mWh]

    Attributes
    ----------
    read_milliwh, claimed_milliwh : int
        What was settled by, and what the party says.
    missing : bool
        No reading came, or the device's log says that its register stood still.
    signature : {"valid", "wrong", "none"}
        The meter's, under the reading that was settled by.
    implied_milliwh : int or None
        What the sum check leaves for this meter; None where other readings are in doubt.
    tolerance_milliwh : int
        How far the sum check may be off within all meters' classes.
    substitutes : mapping of method to int
        Other estimates that can be made.
    log : tuple of str
        What the device noted.
    """

    read_milliwh: int
    claimed_milliwh: int
    missing: bool = False
    signature: Signature = "none"
    implied_milliwh: int | None = None
    tolerance_milliwh: int = 0
    substitutes: Mapping[str, int] = field(default_factory=dict)
    log: tuple[str, ...] = ()


def reading_message(period: int, peer: str, net_milliwh: int) -> bytes:
    """What a meter signs of a period."""
    return f"peerwatt reading\x1f{period}\x1f{peer}\x1f{net_milliwh}".encode()


def limit_milliwh(milliwh: int, meter_class: MeterClass) -> int:
    """Largest error that a meter of a class may make, rounded up. [mWh]"""
    return -(-abs(milliwh) * LIMITS_PERMILLE[meter_class] // 1000)


def implied(
    peer: str,
    net_milliwh: Mapping[str, int],
    busbar_milliwh: int,
    losses_milliwh: int,
    meter_class: MeterClass,
) -> tuple[int, int]:
    """What the sum check leaves for one meter, and its tolerance. [mWh]

    Errors of different meters are independent, so their limits add up in squares; the contested
    meter's own and the busbar's are among them.

    Parameters
    ----------
    net_milliwh : mapping of peer to int
        All readings of the period.
    busbar_milliwh : int
        What flows out of the feeder. [mWh]

    Examples
    --------
    >>> implied("b", {"a": 1000, "b": -300}, 400, 100, "B")
    (-500, 23)
    """
    others = {name: net for name, net in net_milliwh.items() if name != peer}
    left = busbar_milliwh + losses_milliwh - sum(others.values())
    limits = [limit_milliwh(net, meter_class) for net in (*others.values(), busbar_milliwh, left)]
    return left, isqrt(sum(limit * limit for limit in limits))


def interpolation(before: tuple[int, int] | None, after: tuple[int, int] | None) -> int | None:
    """On the straight line between a sound reading before and one after, rounded down. [mWh]

    Each is (how many periods away, its reading).

    Examples
    --------
    >>> interpolation((1, 300), (2, 0))
    200
    """
    if before is None or after is None:
        return None
    return (before[1] * after[0] + after[1] * before[0]) // (before[0] + after[0])


def similar_days(same_time: Sequence[int]) -> int | None:
    """Mean of the same time on similar days, rounded down. [mWh]"""
    return sum(same_time) // len(same_time) if same_time else None


SUBSTITUTES: Mapping[str, str] = {
    "balance": "what the sum check leaves for the meter",
    "interpolation": "on the line from the period before to the period after",
    "similar_days": "mean of the same time on the days before",
    "profile": "what was forecast for the peer",
}
"""Methods by name, in the order in which they are taken; after the balance as substitute values
are made in practice (VDEW Metering Code, VDE-AR-N 4400; unverified)."""

Reading = Callable[[int], int | None]


def substitute(
    period: int, reading: Reading, periods_per_day: int | None, profile_milliwh: int | None
) -> dict[str, int]:
    """Every substitute value that can be made of other periods' readings. [mWh]

    Parameters
    ----------
    reading : callable
        Gives the sound reading of a period, None where there is none.
    periods_per_day : int or None
        Length of a day; without it there are no similar days.
    profile_milliwh : int or None
        What was forecast.
    """
    days = range(periods_per_day or 0, 3 * (periods_per_day or 0) + 1, periods_per_day or 1)
    earlier = [reading(period - back) for back in days if back]
    found = {
        "interpolation": interpolation(_nearest(period, reading, -1), _nearest(period, reading, 1)),
        "similar_days": similar_days([net for net in earlier if net is not None]),
        "profile": profile_milliwh,
    }
    return {method: value for method, value in found.items() if value is not None}


def _nearest(period: int, reading: Reading, step: int) -> tuple[int, int] | None:
    """The next sound reading on one side, and how far it is."""
    for away in range(1, LONGEST_GAP + 1):
        net = reading(period + step * away)
        if net is not None:
            return away, net
    return None
