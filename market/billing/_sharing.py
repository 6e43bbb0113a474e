"""What the rules have in common: they differ only in what sellers earn together."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ._kernels_rules import split_by_side
from .rule import Bills, Tariffs, supplier_bill_ueur, supply_and_demand_milliwh

Ints = NDArray[np.int64]

_HALF_NANO_EUR = 2000  # of them make one µ€; 2 of them are a price of 1 tick times 1 mWh


class Community(NamedTuple):
    """One period of a community: what it injects and draws in sum, and the tariffs. [mWh]"""

    supply: int
    demand: int
    tariffs: Tariffs


def share_by_side(
    net_milliwh: Ints, tariffs: Tariffs, sellers_earn: Callable[[Community], int]
) -> Bills:
    """Pay every seller the same price, let every buyer pay the same, and bill the community as one.

    Parameters
    ----------
    net_milliwh : (n,) int64 array
        Injection positive. [mWh]
    tariffs : Tariffs
    sellers_earn : callable
        What all sellers together get; buyers pay that, less what the supplier pays.
        [half nano-euro]

    Raises
    ------
    BillingError
        The meters are no int64 column, or more than int64 can bill.

    Notes
    -----
    Money is rounded once: each side's sum to the µ€, such that both make up the supplier's bill,
    and each member's exact amount down, or up where its remainder is among the largest of its
    side, ties to the earlier. So nobody is off by 1 µ€.
    """
    supply, demand = sums = supply_and_demand_milliwh(net_milliwh, tariffs)
    beyond, exchanged = supply - demand, min(sums)
    supplier_ueur = supplier_bill_ueur(beyond, tariffs)
    earned = sellers_earn(Community(supply, demand, tariffs))
    paid = earned - 2 * beyond * (tariffs.feed_in_ticks if beyond > 0 else tariffs.retail_ticks)
    sellers_ueur = (earned + _HALF_NANO_EUR // 2) // _HALF_NANO_EUR
    totals_ueur = sellers_ueur, supplier_ueur - sellers_ueur
    prices = {"sell": earned / (2 * supply)} if supply else {}
    if demand:
        prices["buy"] = paid / (2 * demand)
    net = np.ascontiguousarray(net_milliwh)
    return Bills(
        receives_ueur=_split(net, sums, (earned, -paid), totals_ueur, _HALF_NANO_EUR),
        inside_milliwh=_split(net, sums, (exchanged, -exchanged), (exchanged, -exchanged), 1),
        supplier_ueur=supplier_ueur,
        prices=prices,
    )


def _split(
    net: Ints, sums: tuple[int, int], parts: tuple[int, int], totals: tuple[int, int], unit: int
) -> Ints:
    """Split what each side gets, `parts` in units of 1/`unit`, by energy, into whole `totals`."""
    shares, room = np.empty_like(net), np.empty_like(net)
    whole = unit * np.maximum(sums, 1)
    split_by_side(net, np.array(parts), whole, np.array(totals), shares, room)
    return shares
