"""What settlement starts from: a period's meters, split over its contracts and covers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, NamedTuple

from .contract import Contract
from .cover import Cover
from .rules import Rules, Terms

__all__ = ["LPD", "Metered", "Period", "Residual", "confirm_covers", "meter_contracts"]

LPD = "lpd"

Residual = Literal["supplier", "lpd"]


@dataclass(frozen=True, slots=True)
class Period:
    """All that a period's settlement depends on, besides terms and rules.

    `net_milliwh` and `shed_milliwh` are the meters, by peer; contracts are in
    order of their number, covers likewise. `fund_ueur` is what the guarantee
    fund holds before. `curtailed_milliwh` is what the grid's operator kept each
    peer from feeding in.
    """

    period: int
    tick: int
    contracts: Sequence[Contract]
    covers: Sequence[Cover]
    net_milliwh: Mapping[str, int]
    shed_milliwh: Mapping[str, int]
    residual: Residual = "supplier"
    losses_milliwh: int = 0
    fund_ueur: int = 0
    curtailed_milliwh: Mapping[str, int] = field(default_factory=dict)


class Metered(NamedTuple):
    """What meters say about one contract, after R2. [mWh]"""

    delivered: int
    accepted: int
    shed_in_gap: int
    shed_delivered: int
    seller_failed: bool
    buyer_failed: bool

    @property
    def shed(self) -> int:
        """What the operator shed of the accepted energy. [mWh]"""
        return self.shed_in_gap + self.shed_delivered

    @property
    def served(self) -> int:
        """What the buyer was served. [mWh]"""
        return self.accepted - self.shed


def meter_contracts(period: Period, terms: Terms, rules: Rules) -> dict[int, Metered]:
    """R2: split every meter over the contracts of its peer; by contract number."""
    sold, bought = defaultdict(list), defaultdict(list)
    for contract in period.contracts:
        sold[contract.seller].append(contract)
        bought[contract.buyer].append(contract)
    given: dict[int, int] = {}
    failed: dict[str, bool] = {}
    for seller, mine in sold.items():
        promised = [c.energy_milliwh for c in mine]
        parts = rules.delivered(period.net_milliwh[seller], promised)
        given |= {c.contract_id: s for c, s in zip(mine, parts, strict=True)}
        failed[seller] = rules.failed(sum(promised), sum(parts), terms)
    metered: dict[int, Metered] = {}
    for buyer, mine in bought.items():
        taken, in_gaps, beyond = _take(period, rules, buyer, mine, given)
        wanted = sum(c.energy_milliwh for c in mine)
        buyer_failed = rules.failed(wanted, sum(taken), terms)
        for c, b, gap, rest in zip(mine, taken, in_gaps, beyond, strict=True):
            metered[c.contract_id] = Metered(
                given[c.contract_id], b, gap, rest, failed[c.seller], buyer_failed
            )
    return metered


def _take(
    period: Period,
    rules: Rules,
    buyer: str,
    mine: Sequence[Contract],
    given: Mapping[int, int],
) -> tuple[list[int], list[int], list[int]]:
    """R2 for one buyer: accepted, shed in its sellers' gaps, shed beyond them."""
    net, shed = period.net_milliwh[buyer], period.shed_milliwh.get(buyer, 0)
    taken, unserved = rules.accepted(net, shed, [c.energy_milliwh for c in mine])
    gaps = [max(0, b - given[c.contract_id]) for c, b in zip(mine, taken, strict=True)]
    placed = rules.place_shed(unserved, taken, gaps)
    return taken, [in_gap for in_gap, _ in placed], [beyond for _, beyond in placed]


def confirm_covers(period: Period, rules: Rules) -> list[Cover]:
    """Count of every called cover what meters confirm, in order of its number."""
    called = sorted(period.covers, key=lambda c: c.cover_id)
    confirmed = {c.cover_id: c.energy_milliwh for c in called if c.kind == "own"}
    confirmed |= _confirm_replacements(period, rules, called)
    out = [c for c in called if c.kind == "lpd" and c.direction == "cover"]
    into = [c for c in called if c.kind == "lpd" and c.direction == "absorb"]
    parts_out, parts_in = rules.lpd_metered(
        period.net_milliwh.get(LPD, 0),
        [c.planned_milliwh for c in out],
        [c.planned_milliwh for c in into],
        islanded=period.residual == LPD,
    )
    for covers, parts in ((out, parts_out), (into, parts_in)):
        confirmed |= {c.cover_id: x for c, x in zip(covers, parts, strict=True)}
    return [replace(c, energy_milliwh=confirmed[c.cover_id]) for c in called]


def _confirm_replacements(period: Period, rules: Rules, called: Sequence[Cover]) -> dict[int, int]:
    promised: dict[str, int] = defaultdict(int)
    for contract in period.contracts:
        promised[contract.seller] += contract.energy_milliwh
    by_party: dict[str, list[Cover]] = defaultdict(list)
    for cover in called:
        if cover.kind == "replacement":
            by_party[cover.party].append(cover)
    confirmed: dict[int, int] = {}
    for party, covers in by_party.items():
        planned = [c.planned_milliwh for c in covers]
        parts = rules.replacement_metered(period.net_milliwh[party], promised[party], planned)
        confirmed |= {c.cover_id: r for c, r in zip(covers, parts, strict=True)}
    return confirmed
