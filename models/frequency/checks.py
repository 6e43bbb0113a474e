"""Checks that the frequency models' parameters share; messages name owner, value and unit."""

from __future__ import annotations

import math


def check(
    owner: str, name: str, value: float, unit: str, expected: str, low: float, high: float
) -> None:
    """Raise ValueError unless low <= value <= high; NaN never passes."""
    if not low <= value <= high:
        quantity = f"{value} {unit}".rstrip()
        raise ValueError(f"{owner}: {name} is {quantity}; expected {expected}")


TINY = 1e-12  # makes "greater than zero" a closed bound
HUGE = 1e12


def check_positive(owner: str, name: str, value: float, unit: str) -> None:
    check(owner, name, value, unit, "a finite value above 0", TINY, HUGE)


def check_lag(owner: str, name: str, value: float, *, zero: bool) -> None:
    if zero and value == 0:
        return
    check(owner, name, value, "s", f"{'0 (none) or ' if zero else ''}1 ms to 1000 s", 1e-3, 1e3)


def check_droop(owner: str, droop_pu: float) -> None:
    if droop_pu != math.inf:
        expected = "0.001 to 1 p.u. of nominal frequency at rated power, or inf for none"
        check(owner, "droop_pu", droop_pu, "p.u.", expected, 1e-3, 1.0)
