"""Any key figure of a run against a bound, and any account or bill."""

import difflib
import math
from collections import defaultdict
from collections.abc import Iterable
from typing import Literal

from .checks_options import agrees, bound_needed
from .checks_physics import gap
from .metrics import key_figures
from .reading import Record
from .verdict import Verdict

__all__ = ["metric", "money_bounds"]


@agrees(bound_needed("at_least", "at_most"))
def metric(
    record: Record, *, key: str, at_least: float | None = None, at_most: float | None = None
) -> Verdict:
    """A key figure of the verdict lies within bounds, in its own unit.

    Notes
    -----
    `key` is one of those under `metrics` in `verdict.json`. A figure that this run has nothing to
    measure by fails.
    """
    name = f"metric {key}"
    if missing := gap(record):
        return Verdict(name, False, missing)
    figures = {figure.key: figure for figure in key_figures(record)}
    if key not in figures:
        return Verdict(name, False, f"no key figure {key!r}; {_nearest(key, figures)}")
    figure = figures[key]
    if figure.value is None or math.isnan(figure.value):
        why = f"{figure.label}: nothing to measure it by in this run"
        return Verdict(name, False, why, unit=figure.unit)
    note = f" ({figure.note})" if figure.note else ""
    worst = f"{figure.label}: {figure.told()}{note}"
    return _within(name, worst, figure.value, at_least, at_most, figure.unit)


@agrees(bound_needed("at_least_eur", "at_most_eur"))
def money_bounds(
    record: Record,
    *,
    who: str,
    of: Literal["balance", "bill"] = "balance",
    at_least_eur: float | None = None,
    at_most_eur: float | None = None,
) -> Verdict:
    """The balance or the bill of an account, or of each account of a role, lies within bounds.

    Notes
    -----
    `who` is a peer (`mill`), an account (`guarantee_fund`) or a role (`peer`); positive is what
    they got. A balance is that at the end, what an account was endowed with included. A bill is
    the sum over all delivery periods of what a rule billed a peer; a period without one is a
    gap. Of a role, every account has to keep to the bounds, and the worst is named.
    """
    name, unit = f"money_bounds {who}", "€"
    if missing := gap(record):
        return Verdict(name, False, missing, unit=unit)
    holders, unread = _balances(record) if of == "balance" else _bills(record)
    if unread:
        return Verdict(name, False, unread, unit=unit)
    chosen = {
        account: ueur / 1e6
        for (account, role), ueur in holders.items()
        if who in (account, account.removeprefix("peer:"), role)
    }
    if not chosen:
        known = {word for key in holders for word in (key[0].removeprefix("peer:"), key[1])}
        return Verdict(name, False, f"no {of} of {who!r}; {_nearest(who, known)}", unit=unit)
    verdicts = [
        _within(name, f"{of} of {account}: {eur:.6f} €", eur, at_least_eur, at_most_eur, unit)
        for account, eur in chosen.items()
    ]
    return max(verdicts, key=_excess)


def _balances(record: Record) -> tuple[dict[tuple[str, str], int], str]:
    """Balances by account and role [µ€], or why there are none."""
    rows = record.rows("accounts")
    found = {(row["account"], row["role"]): int(row["balance_ueur"]) for row in rows}
    return found, "" if found else "no account was recorded"


def _bills(record: Record) -> tuple[dict[tuple[str, str], int], str]:
    """Sums of bills by account and role [µ€], or where they have a gap."""
    rows = record.rows("bills")
    if not rows:
        return {}, "no bill was recorded; only a rule that shares writes them"
    billed: dict[str, set[int]] = defaultdict(set)
    sums: dict[tuple[str, str], int] = defaultdict(int)
    for row in rows:
        billed[row["peer"]].add(row["period"])
        sums[f"peer:{row['peer']}", "peer"] += row["receives_ueur"]
    length = record.manifest.get("ticks_per_period")
    last = max(period for periods in billed.values() for period in periods)
    periods = range(record.tick.size // length if length else last + 1)
    for peer, seen in billed.items():
        if missing := sorted(set(periods) - seen):
            return {}, f"{peer} has no bill for period {missing[0]}"
    return sums, ""


def _within(
    name: str, worst: str, value: float, low: float | None, high: float | None, unit: str
) -> Verdict:
    """Hold a value against one bound or two; the nearer is the verdict's."""
    bounds = [bound for bound in (low, high) if bound is not None]
    bound = min(bounds, key=lambda one: abs(one - value))
    passed = (low is None or value >= low) and (high is None or value <= high)
    return Verdict(name, passed, worst, value, bound, unit)


def _excess(verdict: Verdict) -> float:
    """How far a value lies outside its bounds, or, negative, inside. [its unit]"""
    if verdict.value is None or verdict.bound is None:
        return math.inf
    apart = abs(verdict.value - verdict.bound)
    return -apart if verdict.passed else apart


def _nearest(name: str, known: Iterable[str]) -> str:
    """End of a sentence that names what could have been meant."""
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
    return f"nearest names: {', '.join(close)}" if close else f"known: {', '.join(names)}"
