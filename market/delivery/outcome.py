"""What settlement says of a period: whose energy stands where, and what became of each contract."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

from .contract import Contract
from .cover import Cover
from .dues import Claim
from .ledger import Posting
from .period import Metered
from .rules import Exchange

__all__ = ["Fate", "Outcome", "Row", "RowKind", "Settlement", "fate_of"]

Fate = Literal["delivered", "covered", "short", "unabsorbed", "void", "shed", "cancelled"]
RowKind = Literal["contract", "replacement", "lpd", "supplier", "community", "curtailed"]


class Row(NamedTuple):
    """R1: energy of one meter, in exactly one row; injection is positive. [mWh]"""

    period: int
    peer: str
    kind: RowKind
    contract_id: int | None
    party: str
    energy_milliwh: int


class Outcome(NamedTuple):
    """What became of one contract. [mWh], [µ€]"""

    contract: Contract
    fate: Fate
    delivered_milliwh: int
    accepted_milliwh: int
    shed_milliwh: int
    paid_ueur: int
    received_ueur: int
    fee_ueur: int
    owed_seller_ueur: int
    owed_buyer_ueur: int
    borne_fund_ueur: int
    borne_lpd_ueur: int


@dataclass(frozen=True, slots=True)
class Settlement:
    """The result: `burned` are (peer, mWh) pairs, `covers` have their settled energy."""

    rows: tuple[Row, ...]
    postings: tuple[Posting, ...]
    outcomes: tuple[Outcome, ...] = ()
    covers: tuple[Cover, ...] = ()
    claims: tuple[Claim, ...] = ()
    burned: tuple[tuple[str, int], ...] = ()


def fate_of(metered: Metered, energy: Exchange, replacement: int) -> Fate:
    """Say in one word what became of a contract; `replacement` is its metered energy. [mWh]"""
    if metered.shed:
        return "shed"
    if replacement + energy.lpd:
        return "covered"
    if metered.accepted > metered.delivered and metered.seller_failed:
        return "short"
    if metered.delivered > metered.accepted and metered.buyer_failed:
        return "unabsorbed"
    return "void" if metered.seller_failed and metered.buyer_failed else "delivered"
