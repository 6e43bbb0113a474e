"""Every account a second time, slowly: from meters, contracts, planned cover and prices alone.

Written from the rules R1 to R9 and from nothing else: it shares no line with the settlement it
checks, uses Python's whole numbers only, and ignores every column that the settlement derived.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ._recomputed_period import ESCROW, FUND, Period, account_of

__all__ = ["Difference", "differences", "read_tables", "recompute"]

Row = Mapping[str, Any]
Tables = Mapping[str, Sequence[Row]]

ENDOWMENT = "endowment"


@dataclass(frozen=True, slots=True)
class Difference:
    """An account that does not hold what the records say it should. [µ€]"""

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

    names = ("settlement", "contracts", "covers", "meters", "accounts")
    return {name: read_table(folder, name).to_pylist() for name in names}


def differences(tables: Tables | Path) -> list[Difference]:
    """Compare every booked account with its recomputation; empty when all agree."""
    if isinstance(tables, Path):
        tables = read_tables(tables)
    booked = {row["account"]: row["balance_ueur"] for row in tables["accounts"]}
    again = recompute(tables)
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
        and ``meters``. A run in which nothing was settled also needs ``accounts``, for the
        guarantee fund's opening.

    Returns
    -------
    dict
        Balance by account; accounts that nothing ever touched may be missing.
    """
    if isinstance(tables, Path):
        tables = read_tables(tables)
    accounts: defaultdict[str, int] = defaultdict(int)
    periods = sorted(tables["settlement"], key=lambda row: row["period"])
    opening_ueur = _opening(periods, tables)
    accounts[FUND] += opening_ueur
    accounts[ENDOWMENT] -= opening_ueur
    settled = {row["period"] for row in periods}
    for contract in tables["contracts"]:
        if contract["period"] not in settled and contract["state"] != "cancelled":
            _hold_collateral(contract, accounts)
    for terms in periods:
        Period(terms, tables, accounts).settle()
    return dict(accounts)


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
