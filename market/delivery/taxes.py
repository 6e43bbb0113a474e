"""What the state gets: a levy on every Wh drawn, and value added tax on what is paid for energy.

Both are rounded once per peer and period. The LPD and the DSO are traders, not consumers: their
input tax is deducted, so that none is booked. Damages (stability fee, compensation, the cost of
cover) are no supply, and bear no value added tax.
"""

from __future__ import annotations

from collections import defaultdict

from .dues import STATE, Till, account_of
from .period import LPD, Period

__all__ = ["settle_taxes"]

_TAXED = frozenset({"price", "price of cover", "transport", "retail", "imbalance", "critical"}) | {
    "community",
    "levy",
}


def settle_taxes(period: Period, till: Till) -> None:
    """Book the taxes of a period, after everything that they are on. [µ€]"""
    if not till.terms.taxed:
        return
    consumers = {account_of(peer): net for peer, net in period.net_milliwh.items() if peer != LPD}
    for account, net in consumers.items():
        till.pay("levy", account, STATE, till.rules.levy(till.terms, max(0, -net)))
    bases: dict[str, int] = defaultdict(int)
    for posting in till.postings:
        if posting.reason in _TAXED:
            bases[posting.debit] += posting.amount_ueur
    for account in consumers:
        till.pay("value added tax", account, STATE, till.rules.vat(till.terms, bases[account]))
