"""Every line of every bill: what was booked, said in the words of a bill, with its energy.

Each posting gives two lines, one to each of its accounts, so the lines of an account add up to
what happened to it, and all lines together to nothing. What collateral paid for stands on the
bill too: a line for each purpose, and one that says that the collateral paid them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ._bill_energy import Energies
from .reading import Record

__all__ = ["ESCROW", "KINDS", "Line", "account_of", "lines"]

Row = Mapping[str, Any]

ESCROW = "collateral"

KINDS: Mapping[str, tuple[str, ...]] = {
    "bought": (),
    "sold": (),
    "replacement": ("replacement",),
    "lpd": ("lpd cover", "taken back", "absorbed", "given back"),
    "cover": ("supplier cover", "price of cover", "kept", "fed in"),
    "retail": ("retail",),
    "feed-in": ("feed-in",),
    "imbalance": ("imbalance",),
    "critical": ("critical",),
    "community": ("community", "community bill"),
    "transport": ("transport", "longer path"),
    "stability fee": ("stability fee",),
    "compensation": ("compensation",),
    "guarantee": ("guarantee",),
    "subscription": ("subscription",),
    "flexibility": ("flexibility", "flexibility penalty"),
    "levies": ("levy", "value added tax"),
    "losses": ("losses",),
    "correction": ("correction",),
    "opening": ("opening",),
    "other": (),
    "collateral left": (),
    "from collateral": (),
    "collateral returned": (),
}
"""Kinds of lines in the order of a bill, with the reasons of postings that go by them; those
without reasons depend on who pays. A reason that is not here stands under "other"."""

_KIND_OF = {reason: kind for kind, reasons in KINDS.items() for reason in reasons}

_TRADED = ("price", "unabsorbed", "mechanism", "shed but delivered")

_OF_SELLER = (
    "price of cover",
    "taken back",
    "kept",
    "replacement",
    "lpd cover",
    "supplier cover",
    "longer path",
    "compensation",
)
_OF_BUYER = ("unabsorbed", "transport", "given back", "absorbed", "fed in")


@dataclass(frozen=True, slots=True)
class Line:
    """One line of one account's bill.

    Attributes
    ----------
    period : int
        Delivery period; -1 for what belongs to none.
    account, kind, reason : str
        `kind` is one of `KINDS`, `reason` that of the posting.
    contract_id : int
        0 where it belongs to no contract.
    party : str
        The other account.
    energy_milliwh : int or None
        What it is for, if that is energy. [mWh]
    amount_ueur : int
        What the account gets; negative for what it pays. [µ€]
    """

    period: int
    account: str
    kind: str
    reason: str
    contract_id: int
    party: str
    energy_milliwh: int | None
    amount_ueur: int


def account_of(peer: str) -> str:
    """Name a peer's account."""
    return peer if peer == "lpd" else f"peer:{peer}"


def lines(record: Record) -> list[Line]:
    """Write all bills of a run, in the order in which things were booked."""
    energies = Energies(record)
    told: list[Line] = []
    escrow: dict[int, list[Line]] = defaultdict(list)
    for posting in record.rows("postings"):
        two = _both_sides(posting, energies.of(posting))
        told += two
        escrow[posting["contract_id"]] += [line for line in two if line.account == ESCROW]
    claims: dict[int, list[Row]] = defaultdict(list)
    for row in record.rows("claims"):
        claims[row["contract_id"]].append(row)
    for contract in record.rows("contracts"):
        number = contract["contract_id"]
        told += _by_collateral(contract, escrow[number], claims[number])
    return told


def _both_sides(posting: Row, milliwh: int | None) -> list[Line]:
    sides = ((posting["debit"], posting["credit"], -1), (posting["credit"], posting["debit"], 1))
    return [
        Line(
            posting["period"],
            account,
            _kind(posting["reason"], sign * posting["amount_ueur"], party),
            posting["reason"],
            posting["contract_id"],
            party,
            milliwh,
            sign * posting["amount_ueur"],
        )
        for account, party, sign in sides
    ]


def _kind(reason: str, amount_ueur: int, party: str) -> str:
    if reason in _TRADED:
        return "bought" if amount_ueur < 0 else "sold"
    if reason == "price of cover" and amount_ueur < 0 and party == ESCROW:
        return "bought"  # at the contract's price, though others delivered it
    if reason in ("collateral", "released"):
        return "collateral left" if amount_ueur < 0 else "collateral returned"
    return _KIND_OF.get(reason, "other")


def _by_collateral(contract: Row, escrow: Iterable[Line], claims: Iterable[Row]) -> Iterator[Line]:
    """Tell both parties what passed through escrow for them; each side's lines add up to 0.

    The escrow account moved as the party would have, had it paid by itself.
    """
    moves = list(escrow)
    fees = [move for move in moves if move.reason == "stability fee"]
    for side, reasons in (("seller", _OF_SELLER), ("buyer", _OF_BUYER)):
        account = account_of(contract[side])
        mine = [move for move in moves if move.reason in reasons]
        mine += _guarantees(contract, contract[side], claims)
        back = sum(-m.amount_ueur for m in moves if m.reason == "released" and m.party == account)
        if not back and not mine and not fees:
            continue
        left = (contract[f"collateral_{side}_ueur"] or 0) + sum(m.amount_ueur for m in mine) - back
        # The only reason that both sides may have; the seller's is booked first.
        if fees and left == -fees[0].amount_ueur:
            mine.append(fees.pop(0))
        yield from _for_party(contract, account, mine)


def _guarantees(contract: Row, debtor: str, claims: Iterable[Row]) -> list[Line]:
    """What others put in where a party's collateral did not suffice."""
    return [
        Line(
            contract["period"],
            ESCROW,
            "guarantee",
            "guarantee",
            contract["contract_id"],
            claim["bearer"],
            None,
            claim["amount_ueur"],
        )
        for claim in claims
        if claim["debtor"] == debtor
    ]


def _for_party(contract: Row, account: str, moves: Iterable[Line]) -> Iterator[Line]:
    net_ueur = 0
    for move in moves:
        net_ueur += move.amount_ueur
        yield Line(
            move.period,
            account,
            _kind(move.reason, move.amount_ueur, move.party),
            move.reason,
            move.contract_id,
            move.party,
            move.energy_milliwh,
            move.amount_ueur,
        )
    if net_ueur:
        number, period = contract["contract_id"], contract["period"]
        kind = "from collateral"
        yield Line(period, account, kind, kind, number, ESCROW, None, -net_ueur)
