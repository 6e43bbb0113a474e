"""What the market was worth to each account: what it has, less what the tariffs would have given.

In the status quo every meter settles alone with the supplier: injection of a delivery period at
the feed-in tariff, withdrawal at the retail tariff, for the energy that was metered in the run.
Where a rule billed a period, it is the status quo that was recorded with its bills.
Losses are bought and the guarantee fund is endowed as in the run. So the accounts sum to zero in
both worlds, and what one gains by the market another forgoes.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from .reading import Record
from .readings import final_readings
from .tables import NEVER_IN_FORCE

__all__ = ["GROUPS", "MEMBERS", "Benefit", "GroupBenefit", "benefits", "by_group"]

MEMBERS = ("consumer", "prosumer", "producer", "peer")
"""Groups of peers; "peer" where the record does not say which."""

GROUPS = (*MEMBERS, "operator", "dso", "supplier", "lpd", "guarantee_fund")
"""Groups in the order in which they are told; further accounts follow under their roles."""

FUND, ESCROW, ENDOWMENT = "guarantee_fund", "collateral", "endowment"


@dataclass(frozen=True, slots=True)
class Benefit:
    """One account in the run and in the status quo.

    Attributes
    ----------
    account, group : str
        `group` is one of `GROUPS` or the account's role.
    fed_in_milliwh, drawn_milliwh : int
        Metered in settled periods. [mWh]
    balance_ueur : int
        All that it got less all that it paid; collateral that is still held counts as its
        owner's. [µ€]
    status_quo_ueur : int
        The same at the tariffs alone. [µ€]
    """

    account: str
    group: str
    fed_in_milliwh: int
    drawn_milliwh: int
    balance_ueur: int
    status_quo_ueur: int

    @property
    def name(self) -> str:
        """The peer, without what marks its account."""
        return self.account.removeprefix("peer:")

    @property
    def is_member(self) -> bool:
        """Whether a peer of the community has it."""
        return self.group in MEMBERS

    @property
    def benefit_ueur(self) -> int:
        """What the market was worth to it. [µ€]"""
        return self.balance_ueur - self.status_quo_ueur


@dataclass(frozen=True, slots=True)
class GroupBenefit:
    """Several accounts together. [µ€]"""

    group: str
    accounts: int
    balance_ueur: int
    status_quo_ueur: int
    benefit_ueur: int


def benefits(record: Record) -> list[Benefit]:
    """Compare every account with the status quo, in the order of the accounts.

    Returns
    -------
    list of Benefit
        Balances, status quo and benefits each sum to zero. Empty if no account was recorded.
    """
    kinds = record.manifest.get("peers") or record.manifest.get("roles") or {}
    quo, held = _status_quo(record), _held_collateral(record)
    fed_in, drawn = _metered(record)
    return [
        Benefit(
            name := row["account"],
            _group(name, row["role"], kinds),
            fed_in[name],
            drawn[name],
            row["balance_ueur"] + held[name],
            quo[name],
        )
        for row in record.rows("accounts")
    ]


def by_group(rows: Sequence[Benefit]) -> list[GroupBenefit]:
    """Sum benefits by group, members first; groups without an account are left out."""
    members: dict[str, list[Benefit]] = defaultdict(list)
    for row in rows:
        members[row.group].append(row)
    known = [group for group in GROUPS if group in members]
    return [
        group_of(group, members[group])
        for group in [*known, *(group for group in members if group not in GROUPS)]
    ]


def group_of(group: str, rows: Iterable[Benefit]) -> GroupBenefit:
    """Sum some accounts under one name."""
    listed = list(rows)
    return GroupBenefit(
        group,
        len(listed),
        sum(row.balance_ueur for row in listed),
        sum(row.status_quo_ueur for row in listed),
        sum(row.benefit_ueur for row in listed),
    )


def _group(account: str, role: str, kinds: dict[str, str]) -> str:
    if account.startswith("peer:"):
        kind = kinds.get(account.removeprefix("peer:"), "peer")
        return kind if kind in MEMBERS else "peer"
    return FUND if account == ENDOWMENT else role


def _account_of(peer: str) -> str:
    return "lpd" if peer == "lpd" else f"peer:{peer}"


def _metered(record: Record) -> tuple[defaultdict[str, int], defaultdict[str, int]]:
    """Injection and withdrawal of settled periods by account. [mWh]"""
    fed_in, drawn = defaultdict[str, int](int), defaultdict[str, int](int)
    for row in final_readings(record):
        net = row["net_milliwh"]
        (fed_in if net > 0 else drawn)[_account_of(row["peer"])] += abs(net)
    return fed_in, drawn


def _status_quo(record: Record) -> defaultdict[str, int]:
    """Every account's balance if nobody had traded. [µ€]"""
    accounts = defaultdict[str, int](int)
    billed = {(row["period"], row["peer"]): row["status_quo_ueur"] for row in record.rows("bills")}
    for row in final_readings(record):
        tariff = row["feed_in_ticks"] if row["net_milliwh"] > 0 else row["retail_ticks"]
        gets = billed.get((row["period"], row["peer"]), _worth(tariff, row["net_milliwh"]))
        accounts[_account_of(row["peer"])] += gets
        accounts[row["residual"] or "supplier"] -= gets
    for of in record.rows("settlement"):
        lost = _worth(of["retail_ticks"], max(0, of["losses_milliwh"] or 0))
        accounts["dso"] -= lost
        accounts[of["residual"] or "supplier"] += lost
    for row in record.rows("accounts"):
        if row["account"] == ENDOWMENT:
            accounts[ENDOWMENT] += row["balance_ueur"]
            accounts[FUND] -= row["balance_ueur"]
    return accounts


def _worth(price_ticks: int, milliwh: int) -> int:
    """Price times energy, halves away from zero, as settlement pays it. [µ€]"""
    amount = (price_ticks * abs(milliwh) + 500) // 1000
    return amount if milliwh > 0 else -amount


def _held_collateral(record: Record) -> defaultdict[str, int]:
    """Collateral of contracts that were not settled when the run ended, by its owner. [µ€]"""
    settled = {row["period"] for row in record.rows("settlement")}
    held = defaultdict[str, int](int)
    for row in record.rows("contracts"):
        if row["period"] not in settled and row["state"] not in NEVER_IN_FORCE:
            for side in ("seller", "buyer"):
                amount = row[f"collateral_{side}_ueur"] or 0
                held[_account_of(row[side])] += amount
                held[ESCROW] -= amount
    return held
