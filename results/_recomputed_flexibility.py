"""What operators owe for flexibility, a second time: from meters, references and prices alone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, MutableMapping
from typing import Any

from ._recomputed_period import account_of

__all__ = ["pay_for_flexibility"]

Row = Mapping[str, Any]


def pay_for_flexibility(
    rows: Iterable[Row], meters: Iterable[Row], accounts: MutableMapping[str, int]
) -> None:
    """Add what calls for flexibility move between operators and peers.

    How peers split what a call earns is taken from the record; what it earns in all is worked out
    again, so a split that does not add up to it shows.

    Parameters
    ----------
    rows : rows of the table ``flexibility``, in the order of the calls
    meters : rows of the table ``meters``
    accounts : mapping of account to balance
        Changed in place. [µ€]
    """
    net = {(row["period"], row["peer"]): int(row["net_milliwh"]) for row in meters}
    shown: dict[tuple[Any, ...], int] = {}
    delivered: defaultdict[tuple[Any, ...], int] = defaultdict(int)
    for row in rows:
        if not row["bid_wh"] or (row["period"], row["peer"]) not in net:
            continue
        place = row["period"], row["peer"], row["direction"]
        moved = net[place[:2]] - int(row["reference_milliwh"])
        left = shown.get(place, max(moved if row["direction"] == "up" else -moved, 0))
        proven = min(left, 1000 * int(row["bid_wh"]))
        shown[place] = left - proven
        delivered[row["period"], row["call"], row["operator"], int(row["price_ticks"])] += proven
        missing = 1000 * int(row["bid_wh"]) - proven
        penalty = (int(row["penalty_ticks"]) * missing + 500) // 1000
        accounts[account_of(row["peer"])] += int(row["earned_ueur"]) - penalty
        accounts[row["operator"]] += penalty
    for (_, _, operator, price_ticks), milliwh in delivered.items():
        accounts[operator] -= (price_ticks * milliwh + 500) // 1000
