"""One delivery period by a rule: no contract, no cover; meters are billed when it has ended."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..billing.rule import (
    BillingError,
    Bills,
    Rule,
    Tariffs,
    check_bills,
    status_quo_ueur,
    supply_and_demand_milliwh,
)
from ..known import MECHANISMS
from .dues import COMMUNITY, Till, account_of
from .outcome import Row, RowKind, Settlement
from .period import LPD, Period
from .remainder import settle_remainder
from .rules import Rules, Terms
from .taxes import settle_taxes

__all__ = ["Billed", "bill_members", "name_of", "settle_by_rule"]

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Billed:
    """A period's bills, beside what each member would have got by itself. [mWh], [µ€]"""

    members: tuple[str, ...]
    net_milliwh: Ints
    bills: Bills
    status_quo_ueur: Ints
    absent: frozenset[str] = frozenset()

    def rows(self, period: int) -> list[dict[str, Any]]:
        """One row a member that was there."""
        columns = {
            "net_milliwh": self.net_milliwh,
            "inside_milliwh": self.bills.inside_milliwh,
            "receives_ueur": self.bills.receives_ueur,
            "status_quo_ueur": self.status_quo_ueur,
        }
        values = zip(*(column.tolist() for column in columns.values()), strict=True)
        return [
            {"period": period, "peer": peer, **dict(zip(columns, row, strict=True))}
            for peer, row in zip(self.members, values, strict=True)
            if peer not in self.absent
        ]


def name_of(rule: Rule) -> str:
    """Give the name by which a scenario knows a rule, else its class."""
    found = f"{type(rule).__module__}:{type(rule).__qualname__}"
    return next((name for name, where in MECHANISMS.items() if where == found), found)


def bill_members(rule: Rule, members: Sequence[str], net_milliwh: Ints, terms: Terms) -> Billed:
    """Ask a rule for its bills, and hold it to its promises.

    Raises
    ------
    BillingError
        The meters cannot be billed, the rule refuses them or the tariffs, or breaks a promise.
    """
    tariffs = Tariffs(terms.retail_ticks, terms.feed_in_ticks)
    supply_and_demand_milliwh(net_milliwh, tariffs, members)
    bills = rule.share(net_milliwh.copy(), tariffs)
    check_bills(net_milliwh, tariffs, bills, members)
    return Billed(tuple(members), net_milliwh, bills, status_quo_ueur(net_milliwh, tariffs))


def settle_by_rule(
    period: Period,
    terms: Terms,
    rule: Rule,
    rules: Rules | None = None,
    *,
    absent: Collection[str] = (),
) -> tuple[Settlement, Billed]:
    """Settle one period of a community.

    Every peer but the LPD is a member. What the rule exchanges inside stands in rows of kind
    "community", the rest of each meter with the residual party; money passes through the
    community's account, which holds nothing afterwards. Where nothing is exchanged inside and
    everybody has its own bill, there is nothing to pass on, and members settle with the residual
    party directly. Energy that was shed is not metered, so nobody pays for it.

    Parameters
    ----------
    period : Period
        Meters; it has no contracts.
    terms : Terms
        Its tariffs count.
    rule : Rule
    rules : Rules, optional
    absent : collection of str
        Members that have left for the retailer: to the rule their meters show nothing, and the
        residual party bills all of them.

    Raises
    ------
    BillingError
        See :func:`bill_members`; also where a rule bills somebody who is absent.
    """
    members = [peer for peer in period.net_milliwh if peer != LPD]
    net = np.array([_shown(period, peer, absent) for peer in members], dtype=np.int64)
    billed = replace(bill_members(rule, members, net, terms), absent=frozenset(absent))
    _refuse_bills_of_absent(billed)
    till = Till(period, terms, rules or Rules())
    rows = _rows(period, billed)
    _pay_bills(billed, period.residual, till)
    settle_remainder(period, terms, rows, till)
    settle_taxes(period, till)
    return Settlement(rows=tuple(rows), postings=tuple(till.postings)), billed


def _shown(period: Period, peer: str, absent: Collection[str]) -> int:
    return 0 if peer in absent else period.net_milliwh[peer]


def _refuse_bills_of_absent(billed: Billed) -> None:
    receives = billed.bills.receives_ueur.tolist()
    faults = [
        f"{peer!r}: {ueur} µ€, though it has left; expected 0 for a meter that shows 0"
        for peer, ueur in zip(billed.members, receives, strict=True)
        if peer in billed.absent and ueur
    ]
    if faults:
        raise BillingError(faults)


def _rows(period: Period, billed: Billed) -> list[Row]:
    """R1: every metered mWh in one row, inside or outside the community."""
    inside = billed.bills.inside_milliwh
    parts: list[tuple[RowKind, str, list[int]]] = [
        ("community", COMMUNITY, inside.tolist()),
        ("supplier", period.residual, (billed.net_milliwh - inside).tolist()),
    ]
    return [
        Row(period.period, peer, kind, None, party, energy)
        for kind, party, energies in parts
        for peer, energy in zip(billed.members, energies, strict=True)
        if energy
    ]


def _pay_bills(billed: Billed, residual: str, till: Till) -> None:
    receives = billed.bills.receives_ueur.tolist()
    by_itself = not billed.bills.inside_milliwh.any() and np.array_equal(
        billed.bills.receives_ueur, billed.status_quo_ueur
    )
    if by_itself:
        for peer, net, ueur in zip(
            billed.members, billed.net_milliwh.tolist(), receives, strict=True
        ):
            _settle(till, "feed-in" if net > 0 else "retail", residual, account_of(peer), ueur)
        return
    _settle(till, "community bill", residual, COMMUNITY, billed.bills.supplier_ueur)
    for peer, ueur in zip(billed.members, receives, strict=True):
        _settle(till, "community", COMMUNITY, account_of(peer), ueur)


def _settle(till: Till, reason: str, payer: str, receiver: str, ueur: int) -> None:
    """Pay an amount, backwards where it is negative. [µ€]"""
    if ueur < 0:
        payer, receiver = receiver, payer
    till.pay(reason, payer, receiver, abs(int(ueur)))
