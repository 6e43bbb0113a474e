"""What the rules have in common: they differ only in what sellers earn together."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ._kernels_rules import split_by_energy
from .rule import Bills, Tariffs, supplier_bill_ueur, supply_and_demand_milliwh

Ints = NDArray[np.int64]

_SELLERS, _BUYERS = 1, -1
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
    community = Community(*supply_and_demand_milliwh(net_milliwh, tariffs), tariffs)
    net = np.ascontiguousarray(net_milliwh)
    beyond = community.supply - community.demand
    supplier_ueur = supplier_bill_ueur(beyond, tariffs)
    earned = sellers_earn(community)
    left = 2 * beyond * (tariffs.feed_in_ticks if beyond >= 0 else tariffs.retail_ticks) - earned
    sellers_ueur = (earned + _HALF_NANO_EUR // 2) // _HALF_NANO_EUR
    receives_ueur = np.zeros_like(net)
    prices = {}
    for name, side, energy, part, total_ueur in (
        ("sell", _SELLERS, community.supply, earned, sellers_ueur),
        ("buy", _BUYERS, community.demand, left, supplier_ueur - sellers_ueur),
    ):
        if energy:
            whole = _HALF_NANO_EUR * energy
            split_by_energy(net, side, part, whole, total_ueur, receives_ueur)
            prices[name] = side * part / (2 * energy)
    return Bills(receives_ueur, _inside(net, community), supplier_ueur, prices)


def _inside(net: Ints, community: Community) -> Ints:
    """Exchange all of the shorter side inside, and as much of the longer, by energy. [mWh]"""
    supply, demand = community.supply, community.demand
    exchanged, longer = min(supply, demand), _SELLERS if supply > demand else _BUYERS
    if not exchanged:
        return np.zeros_like(net)
    inside = np.abs(net)
    split_by_energy(net, longer, exchanged, max(supply, demand), exchanged, inside)
    return np.sign(net) * inside
