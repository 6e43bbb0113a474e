"""What no contract and no rule accounts for: the rest of every meter, and the grid's losses."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable

from .dues import DSO, Till, account_of
from .outcome import Row
from .period import LPD, Period
from .rules import Terms, money

__all__ = ["settle_remainder"]


def settle_remainder(period: Period, terms: Terms, rows: list[Row], till: Till) -> None:
    """Settle with the residual party what stands in no row yet, and the losses.

    R2, last sentence: what a meter shows beyond goes to the supplier, at feed-in or retail, or at
    imbalance prices. An island has no upstream system, hence no imbalance price; its critical
    peers draw at a rate of their own. The DSO buys the losses at retail.

    Parameters
    ----------
    period : Period
    terms : Terms
    rows : list of Row, extended
        What stands in rows already.
    till : Till
        Takes the payments.
    """
    in_rows: dict[str, int] = defaultdict(int)
    for row in rows:
        in_rows[row.peer] += row.energy_milliwh
    residual = period.residual
    prices = _prices(period, terms, till)
    for peer, net in period.net_milliwh.items():
        beyond = net - in_rows[peer]
        if not beyond:
            continue
        rows.append(Row(period.period, peer, "supplier", None, residual, beyond))
        reason, price_ticks = prices(peer, beyond)
        if beyond > 0:
            till.pay(reason, residual, account_of(peer), money(price_ticks, beyond))
        else:
            till.pay(reason, account_of(peer), residual, money(price_ticks, -beyond))
    till.pay("losses", DSO, residual, money(terms.retail_ticks, period.losses_milliwh))


def _prices(period: Period, terms: Terms, till: Till) -> Callable[[str, int], tuple[str, int]]:
    """Give what energy beyond contracts is booked as, and its price, by peer and energy."""
    islanded = period.residual == LPD
    priced = terms.imbalance != "none" or "imbalance" in till.rules.replaced
    if priced and not islanded:
        system = sum(period.net_milliwh.values()) - period.losses_milliwh
        short_ticks, long_ticks = till.rules.imbalance(terms, system)
        return lambda peer, beyond: ("imbalance", long_ticks if beyond > 0 else short_ticks)
    critical = frozenset(terms.critical_peers) if islanded else frozenset()

    def at_tariff(peer: str, beyond: int) -> tuple[str, int]:
        if beyond > 0:
            return "feed-in", terms.feed_in_ticks
        if peer in critical:
            return "critical", terms.critical_ticks
        return "retail", terms.retail_ticks

    return at_tariff
