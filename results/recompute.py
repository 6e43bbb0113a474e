"""Every account a second time, slowly: from meters, contracts, planned cover and prices alone.

Written from the rules R1 to R9, and for rule-based pricing from the papers' prices, and from
nothing else: it shares no line with the settlement it checks, uses Python's whole numbers and
fractions only, and ignores every column that the settlement derived.

Of a rule whose formula it does not know (a user's own, a sharing of benefits) it takes from the
bills how the members split the money, and what was exchanged inside; the supplier's bill for the
rest, the community's account (what the supplier pays and members get adds up to 0) and what each
member would have got by itself are worked out again all the same.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ._recomputed_corrections import Corrections, misread
from ._recomputed_flexibility import pay_for_flexibility
from ._recomputed_period import ESCROW, FUND, OPERATOR, Period, account_of
from ._recomputed_rule import RulePeriod
from .tables import NEVER_IN_FORCE

__all__ = ["Difference", "UnknownRules", "differences", "read_tables", "recompute"]

Row = Mapping[str, Any]
Tables = Mapping[str, Sequence[Row]]

ENDOWMENT = "endowment"


class UnknownRules(ValueError):
    """Rules of settlement were replaced by the user's own; nothing here knows what they say."""


@dataclass(frozen=True, slots=True)
class Difference:
    """An account that does not hold, or a bill that is not, what the records say. [µ€]"""

    account: str
    booked_ueur: int
    recomputed_ueur: int

    def __str__(self) -> str:
        return (
            f"{self.account}: {self.booked_ueur} µ€ booked, {self.recomputed_ueur} µ€ recomputed, "
            f"{self.booked_ueur - self.recomputed_ueur:+d} µ€ too much"
        )


def read_tables(folder: Path) -> dict[str, list[dict[str, Any]]]:
    """Read what the recomputation needs from a run folder."""
    from .tables import read_table

    names = ["settlement", "contracts", "covers", "meters", "bills", "subscriptions", "accounts"]
    names += ["absent", "disputes", "flexibility", "curtailments"]
    return {name: read_table(folder, name).to_pylist() for name in names}


def differences(tables: Tables | Path) -> list[Difference]:
    """Compare every booked account and bill with its recomputation; empty when all agree."""
    if isinstance(tables, Path):
        tables = read_tables(tables)
    booked = {row["account"]: row["balance_ueur"] for row in tables["accounts"]}
    again = recompute(tables)
    return [
        *_differences(booked, again),
        *_differences(*misread(tables)),
        *_wrong_rule_bills(tables),
    ]


def _wrong_rule_bills(tables: Tables) -> list[Difference]:
    return [
        found
        for terms in tables["settlement"]
        if terms.get("rule") is not None
        for found in _wrong_bills(terms, tables)
    ]


def _wrong_bills(terms: Row, tables: Tables) -> list[Difference]:
    period = RulePeriod(terms, tables, defaultdict(int))
    found: list[Difference] = []
    for what, column, again in (
        ("bill", "receives_ueur", period.receives()),
        ("status quo", "status_quo_ueur", period.status_quo()),
    ):
        written = {peer: int(row[column]) for peer, row in period.bills.items()}
        told = f"{what} of {{}} in period {terms['period']}"
        found += _differences(
            {told.format(peer): amount for peer, amount in written.items()},
            {told.format(peer): amount for peer, amount in again.items()},
        )
    return found


def _differences(booked: Mapping[str, int], again: Mapping[str, int]) -> list[Difference]:
    return [
        Difference(account, booked.get(account, 0), again.get(account, 0))
        for account in sorted(booked.keys() | again.keys())
        if booked.get(account, 0) != again.get(account, 0)
    ]


def recompute(tables: Tables | Path) -> dict[str, int]:
    """Work out every account's balance. [µ€]

    Parameters
    ----------
    tables : mapping of name to rows, or a run folder
        ``settlement`` (one row per settled period, with its terms), ``contracts``, ``covers``
        and ``meters``; ``bills`` where a rule that is not known here billed a period, and
        ``subscriptions`` where there are any. A run in which nothing was settled also needs
        ``accounts``, for the guarantee fund's opening.

    Returns
    -------
    dict
        Balance by account; accounts that nothing ever touched may be missing.

    Raises
    ------
    UnknownRules
        A period was settled by rules that are not the design's.
    """
    if isinstance(tables, Path):
        tables = read_tables(tables)
    _refuse_unknown_rules(tables["settlement"])
    accounts: defaultdict[str, int] = defaultdict(int)
    periods = sorted(tables["settlement"], key=lambda row: row["period"])
    opening_ueur = _opening(periods, tables)
    accounts[FUND] += opening_ueur
    accounts[ENDOWMENT] -= opening_ueur
    settled = {row["period"] for row in periods}
    for contract in tables["contracts"]:
        if contract["period"] not in settled and contract["state"] not in NEVER_IN_FORCE:
            _hold_collateral(contract, accounts)
    corrections = Corrections(tables)
    for terms in periods:
        corrections.book(accounts, before_tick=terms.get("closed_tick"))
        corrections.settling(terms, accounts)
        billed = terms.get("rule") is not None
        (RulePeriod if billed else Period)(terms, tables, accounts).settle()
    corrections.book(accounts)
    pay_for_flexibility(tables.get("flexibility", ()), tables["meters"], accounts)
    for row in tables.get("subscriptions", ()):
        accounts[account_of(row["peer"])] -= row["amount_ueur"]
        accounts[OPERATOR] += row["amount_ueur"]
    return dict(accounts)


def _refuse_unknown_rules(periods: Sequence[Row]) -> None:
    replaced = [(row["period"], row.get("replaced_rules")) for row in periods]
    unknown = [f"period {period}: {names}" for period, names in replaced if names]
    if unknown:
        raise UnknownRules(
            f"{len(unknown)} periods were settled by replaced rules, the first {unknown[0]}; "
            f"accounts can be recomputed from the design's rules only"
        )


def _opening(periods: Sequence[Row], tables: Tables) -> int:
    if periods:
        return int(periods[0]["guarantee_fund_ueur"])
    booked = {row["account"]: int(row["balance_ueur"]) for row in tables.get("accounts", ())}
    return -booked.get(ENDOWMENT, 0)


def _hold_collateral(contract: Row, accounts: defaultdict[str, int]) -> None:
    for side in ("seller", "buyer"):
        held_ueur = contract[f"collateral_{side}_ueur"]
        accounts[account_of(contract[side])] -= held_ueur
        accounts[ESCROW] += held_ueur
