"""How much energy each posting is for, from the recorded contracts, covers and meters."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .reading import Record

__all__ = ["Energies"]

Row = Mapping[str, Any]

_COVERS = {"replacement": "replacement", "lpd cover": "lpd", "supplier cover": "supplier"}
"""Reasons by which a seller's cover is paid, and the kind of cover that each pays."""


class Energies:
    """Looks up energies of postings; ask for each once, in the order in which they were booked."""

    def __init__(self, record: Record) -> None:
        self._contracts = {row["contract_id"]: row for row in record.rows("contracts")}
        self._covers: dict[tuple[int, str, str], deque[int]] = defaultdict(deque)
        for row in record.rows("covers"):
            if row["direction"] == "cover" and row["cost_ueur"]:
                key = (row["contract_id"], row["kind"], row["party"])
                self._covers[key].append(row["energy_milliwh"])
        self._beyond: dict[tuple[int, str], int] = defaultdict(int)
        for row in record.rows("rows"):
            if row["contract_id"] is None and row["kind"] == "supplier":
                self._beyond[row["period"], row["peer"]] += abs(row["energy_milliwh"])
        self._net = {
            (row["period"], row["peer"]): row["net_milliwh"] for row in record.rows("bills")
        }
        self._losses = {row["period"]: row["losses_milliwh"] for row in record.rows("settlement")}

    def of(self, posting: Row) -> int | None:
        """Energy that a posting pays for; None where it pays for something else. [mWh]"""
        reason, period = posting["reason"], posting["period"]
        if reason in ("retail", "feed-in"):
            peer = _peer(posting["debit" if reason == "retail" else "credit"])
            return self._beyond.get((period, peer))
        if reason == "community":
            either = (posting["debit"], posting["credit"])
            found = [self._net.get((period, _peer(account))) for account in either]
            return next((abs(net) for net in found if net is not None), None)
        if reason == "losses":
            return self._losses.get(period)
        contract = self._contracts.get(posting["contract_id"])
        return None if contract is None else self._of_contract(contract, posting)

    def _of_contract(self, contract: Row, posting: Row) -> int | None:
        reason = posting["reason"]
        if (kind := _COVERS.get(reason)) is not None:
            covers = self._covers[contract["contract_id"], kind, _peer(posting["credit"])]
            return covers.popleft() if covers else None
        delivered, served = contract["delivered_milliwh"] or 0, contract["served_milliwh"] or 0
        over = max(0, delivered - (contract["accepted_milliwh"] or 0))
        from_escrow = posting["debit"] == "collateral"
        return {
            "price": min(delivered, served),
            "mechanism": delivered,
            "price of cover": max(0, served - delivered),
            "unabsorbed": over,
            "shed but delivered": max(0, delivered - served - over),
            "transport": over if from_escrow else served,
        }.get(reason)


def _peer(account: str) -> str:
    return account.removeprefix("peer:")
