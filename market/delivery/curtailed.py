"""What the grid's operator kept a seller from delivering: the operator stands in for it.

A seller that is curtailed, or cut off, has not failed, and neither has its buyer. What it lacks
for its contracts (its own load included, which its feed-in would have met), up to what was
curtailed, counts as delivered: its buyer pays it the contract
price, and the operator buys as much from the residual party at retail. Beyond its contracts a
curtailed seller gets nothing. So the side that kept its word never pays for the operator's need.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace

from .dues import DSO, Till
from .outcome import Row
from .period import Period
from .rules import Terms, money

__all__ = ["credited", "settle_credit", "with_credit"]


def credited(period: Period) -> dict[str, int]:
    """Give what counts as delivered beyond each seller's meter. [mWh]"""
    sold: dict[str, int] = defaultdict(int)
    for contract in period.contracts:
        sold[contract.seller] += contract.energy_milliwh
    return {
        peer: credit
        for peer, curtailed in period.curtailed_milliwh.items()
        if sold[peer]
        and (credit := min(curtailed, sold[peer] - min(period.net_milliwh[peer], sold[peer]))) > 0
    }


def with_credit(period: Period, credit: Mapping[str, int]) -> Period:
    """Give a period whose meters show what counts as delivered."""
    if not credit:
        return period
    net = {peer: milliwh + credit.get(peer, 0) for peer, milliwh in period.net_milliwh.items()}
    return replace(period, net_milliwh=net)


def settle_credit(
    period: Period, credit: Mapping[str, int], terms: Terms, rows: list[Row], till: Till
) -> None:
    """Take the credit out of the meters' rows again, and have the operator buy it."""
    for peer, milliwh in credit.items():
        rows.append(Row(period.period, peer, "curtailed", None, DSO, -milliwh))
        till.pay("curtailed", DSO, period.residual, money(terms.retail_ticks, milliwh))
