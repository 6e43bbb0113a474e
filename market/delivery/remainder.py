"""What no contract and no rule accounts for: the rest of every meter, and the grid's losses."""

from __future__ import annotations

from collections import defaultdict

from .dues import DSO, Till, account_of
from .outcome import Row
from .period import Period
from .rules import Terms, money

__all__ = ["settle_remainder"]


def settle_remainder(period: Period, terms: Terms, rows: list[Row], till: Till) -> None:
    """Settle with the residual party what stands in no row yet, and the losses.

    R2, last sentence: what a meter shows beyond goes to the supplier, at feed-in or retail. The
    DSO buys the losses at retail.

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
    for peer, net in period.net_milliwh.items():
        beyond = net - in_rows[peer]
        if beyond:
            rows.append(Row(period.period, peer, "supplier", None, residual, beyond))
        if beyond > 0:
            till.pay("feed-in", residual, account_of(peer), money(terms.feed_in_ticks, beyond))
        else:
            till.pay("retail", account_of(peer), residual, money(terms.retail_ticks, -beyond))
    till.pay("losses", DSO, residual, money(terms.retail_ticks, period.losses_milliwh))
