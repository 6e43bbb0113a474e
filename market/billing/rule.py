"""Rule-based pricing: who pays what is worked out from the meters, after the period.

A rule takes no orders and makes no contracts. It shares the bill that the supplier writes for the
community as a whole.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel

from ..delivery.rules import money
from ..faulty import Faulty
from ._kernels_rules import bill_each, supply_and_demand

__all__ = [
    "LARGEST_MILLIWH",
    "BillingError",
    "Bills",
    "Rule",
    "Tariffs",
    "check_bills",
    "status_quo_ueur",
    "supplier_bill_ueur",
    "supply_and_demand_milliwh",
]

Ints = NDArray[np.int64]

#: What a community may inject, or draw, in one period; the sums of its money then fit int64. [mWh]
LARGEST_MILLIWH = 10**15
_LARGEST_NANO_EUR = 2**60


class BillingError(Faulty):
    """A rule cannot bill what it was given, or broke a promise; mend the one that is named."""


@dataclass(frozen=True)
class Tariffs:
    """What the supplier sells and buys at. [µ€/Wh]

    Raises
    ------
    BillingError
        The supplier buys dearer than it sells.
    """

    retail_ticks: int
    feed_in_ticks: int

    def __post_init__(self) -> None:
        if self.feed_in_ticks > self.retail_ticks:
            raise BillingError(
                [
                    f"feed-in of {self.feed_in_ticks} ticks is above retail of "
                    f"{self.retail_ticks} ticks; expected at most that"
                ]
            )


@dataclass(frozen=True, eq=False)
class Bills:
    """What a rule makes of one period.

    Parameters
    ----------
    receives_ueur : (n,) int64 array
        What each member gets, negative where it pays. [µ€]
    inside_milliwh : (n,) int64 array
        Part of each member's net that was exchanged inside the community; sums to 0. [mWh]
    supplier_ueur : int
        What the supplier pays the community as a whole, negative where it is paid. [µ€]
    prices : mapping of str to float
        For the report, such as "sell" and "buy". [µ€/Wh]
    remarks : tuple of str
        Sentences for the report.
    """

    receives_ueur: Ints
    inside_milliwh: Ints
    supplier_ueur: int
    prices: Mapping[str, float] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()


@runtime_checkable
class Rule(Protocol):
    """Shares a community's bill; built as ``cls(cls.Options(...))``.

    `Options` is a pydantic model nested in the class, so that a scenario's options are checked
    before anything runs. A rule that has to know the members may have a method
    ``meet(members, investment_eur)``; it is called once, before the run.
    """

    @property
    def Options(self) -> type[BaseModel]:
        """What a scenario may say about it."""
        ...

    def share(self, net_milliwh: Ints, tariffs: Tariffs) -> Bills:
        """Bill one period; `net_milliwh` are the members' meters, injection positive."""
        ...


def supply_and_demand_milliwh(
    net_milliwh: Ints, tariffs: Tariffs, members: Sequence[str] | None = None
) -> tuple[int, int]:
    """Add up what members inject and what they draw. [mWh]

    Parameters
    ----------
    net_milliwh : (n,) int64 array
        Injection positive. [mWh]
    tariffs : Tariffs
    members : sequence of str, optional
        Their names, for an error; their positions unless given.

    Raises
    ------
    BillingError
        The meters are no int64 column, or more than int64 can bill.
    """
    if net_milliwh.ndim != 1 or net_milliwh.dtype != np.int64:
        raise BillingError(
            [f"net_milliwh is {net_milliwh.dtype} {net_milliwh.shape}, expected int64 (n,)"]
        )
    dearest = max(abs(tariffs.retail_ticks), abs(tariffs.feed_in_ticks), 1)
    limit = min(LARGEST_MILLIWH, _LARGEST_NANO_EUR // dearest)
    supply, demand = supply_and_demand(np.ascontiguousarray(net_milliwh), limit)
    if supply < 0:
        largest = int(np.abs(net_milliwh.astype(np.float64)).argmax())
        raise BillingError(
            [
                f"{_who(members, largest)}: {net_milliwh[largest]} mWh is the largest of meters "
                f"that add up to more than {limit} mWh, the most that can be billed at "
                f"{dearest} ticks; check its unit"
            ]
        )
    return int(supply), int(demand)


def supplier_bill_ueur(net_milliwh: int, tariffs: Tariffs) -> int:
    """Say what the supplier pays for energy that one meter shows; negative: it is paid. [µ€]"""
    return money(tariffs.feed_in_ticks if net_milliwh >= 0 else tariffs.retail_ticks, net_milliwh)


def status_quo_ueur(net_milliwh: Ints, tariffs: Tariffs) -> Ints:
    """Say what each member would get from the supplier by itself; negative: it pays. [µ€]"""
    receives_ueur = np.empty(net_milliwh.size, dtype=np.int64)
    net_milliwh = np.ascontiguousarray(net_milliwh)
    bill_each(net_milliwh, tariffs.retail_ticks, tariffs.feed_in_ticks, receives_ueur)
    return receives_ueur


def check_bills(
    net_milliwh: Ints, tariffs: Tariffs, bills: Bills, members: Sequence[str] | None = None
) -> None:
    """Hold a rule to what every rule promises.

    Nobody exchanges more inside than its meter shows, what is exchanged inside adds up to 0, the
    supplier is paid for what is left (as for one customer, or for each member by itself), and
    what members get and pay adds up to that to the µ€.

    Parameters
    ----------
    net_milliwh : (n,) int64 array
    tariffs : Tariffs
    bills : Bills
    members : sequence of str, optional
        Their names, for an error; their positions unless given.

    Raises
    ------
    BillingError
        With every broken promise.
    """
    supply_and_demand_milliwh(net_milliwh, tariffs, members)
    faults = _form_faults(net_milliwh, bills)
    faults = faults or _energy_faults(net_milliwh, bills.inside_milliwh, members)
    faults = faults or _money_faults(net_milliwh, tariffs, bills)
    if faults:
        raise BillingError(faults)


def _form_faults(net: Ints, bills: Bills) -> list[str]:
    if not isinstance(bills, Bills):
        return [f"share gives {type(bills).__name__}, expected Bills"]
    columns = {"receives_ueur": bills.receives_ueur, "inside_milliwh": bills.inside_milliwh}
    faults = [
        f"{name} is {_form(column)}, expected int64 {net.shape}"
        for name, column in columns.items()
        if _form(column) != f"int64 {net.shape}"
    ]
    return faults + [
        f"price {name!r} is {price}, expected a finite number; leave out what has no price"
        for name, price in bills.prices.items()
        if not isfinite(price)
    ]


def _form(column: object) -> str:
    if isinstance(column, np.ndarray):
        return f"{column.dtype} {column.shape}"
    return type(column).__name__


def _energy_faults(net: Ints, inside: Ints, members: Sequence[str] | None) -> list[str]:
    beyond = (inside > np.maximum(net, 0)) | (inside < np.minimum(net, 0))
    faults = [
        f"{_who(members, i)}: {inside[i]} mWh inside the community of {net[i]} mWh metered; "
        f"expected a part of it"
        for i in np.flatnonzero(beyond).tolist()
    ]
    if not faults and inside.sum():
        faults = [f"inside_milliwh adds up to {inside.sum()} mWh, expected 0"]
    return faults


def _money_faults(net: Ints, tariffs: Tariffs, bills: Bills) -> list[str]:
    outside = net - bills.inside_milliwh
    as_one = supplier_bill_ueur(int(outside[outside > 0].sum()), tariffs)
    as_one += supplier_bill_ueur(int(outside[outside < 0].sum()), tariffs)
    each = int(status_quo_ueur(outside, tariffs).sum())
    faults = []
    if bills.supplier_ueur not in (as_one, each):
        faults.append(
            f"supplier_ueur is {bills.supplier_ueur} µ€, but its bill for what is not exchanged "
            f"inside is {as_one} µ€"
        )
    shared = _sum(bills.receives_ueur)
    if shared != bills.supplier_ueur:
        faults.append(
            f"members get {shared} µ€, but the supplier pays {bills.supplier_ueur} µ€; "
            f"expected the same to the µ€"
        )
    return faults


def _sum(values: Ints) -> int:
    """Add up without overflow, whatever a rule returned."""
    high, low = values >> 32, values & 0xFFFFFFFF
    return (int(high.sum()) << 32) + int(low.sum())


def _who(members: Sequence[str] | None, i: int) -> str:
    return f"member {i}" if members is None else repr(members[i])
