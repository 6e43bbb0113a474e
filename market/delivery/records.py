"""What the contracts' world leaves to be recorded, as plain rows of named values."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from .community import Billed
from .contract import Contract
from .cover import Cover
from .ledger import Ledger, Posting
from .life_states import DEAD, State
from .outcome import Outcome, Settlement
from .period import Period
from .rules import Terms
from .tokens import TokenBook

__all__ = ["LifeRecord", "Records"]

Table = list[dict[str, Any]]

_AMOUNTS = (
    "delivered_milliwh",
    "accepted_milliwh",
    "shed_milliwh",
    "paid_ueur",
    "received_ueur",
    "fee_ueur",
    "owed_seller_ueur",
    "owed_buyer_ueur",
    "borne_fund_ueur",
    "borne_lpd_ueur",
)


@dataclass(frozen=True, slots=True)
class LifeRecord:
    """One contract as it stands."""

    contract: Contract
    state: State
    called_at_tick: int | None
    outcome: Outcome | None


class Records:
    """Collects rows while periods are metered and settled.

    Parameters
    ----------
    rule : str, optional
        Name of the rule that bills every period; contracts do unless given.
    replaced : sequence of str
        Names of the rules of settlement that are not the design's.
    """

    def __init__(self, rule: str | None = None, replaced: Sequence[str] = ()) -> None:
        self._rule, self._replaced = rule, replaced
        self._meters: Table = []
        self._rows: Table = []
        self._claims: Table = []
        self._settlement: Table = []
        self._bills: Table = []
        self._prices: Table = []
        self._remarks: Table = []
        self._subscriptions: Table = []
        self._covers: list[Cover] = []
        self._postings: list[Posting] = []
        self._absent: Table = []

    def posted(self, postings: Iterable[Posting]) -> None:
        """Note what was booked, so that bills need not open the ledger."""
        self._postings += [posting for posting in postings if posting.amount_ueur]

    def absent(self, period: int, peers: Iterable[str]) -> None:
        """Note who traded not."""
        self._absent += [{"period": period, "peer": peer} for peer in sorted(peers)]

    def meters(self, period: int, net: Mapping[str, int], shed: Mapping[str, int]) -> None:
        """Note what every meter showed. [mWh]"""
        self._meters += [
            {
                "period": period,
                "peer": peer,
                "net_milliwh": net[peer],
                "shed_milliwh": shed[peer],
            }
            for peer in net
        ]

    def settled(
        self, period: Period, terms: Terms, settlement: Settlement, lpd_stock_ticks: int
    ) -> None:
        """Note a period's settlement and the terms it was settled by."""
        self._rows += [row._asdict() for row in settlement.rows]
        self._claims += [claim._asdict() for claim in settlement.claims]
        self._covers += settlement.covers
        self._settlement.append(
            {
                "period": period.period,
                "closed_tick": period.tick,
                "residual": period.residual,
                "rule": self._rule,
                "losses_milliwh": period.losses_milliwh,
                **terms.row(),
                "replaced_rules": ",".join(self._replaced),
                "lpd_stock_ticks": lpd_stock_ticks,
            }
        )

    def billed(self, period: int, billed: Billed) -> None:
        """Note what a rule made of a period."""
        self._bills += billed.rows(period)
        self._prices += [
            {"period": period, "name": name, "price_ticks": float(price)}
            for name, price in billed.bills.prices.items()
        ]
        self._remarks += [{"period": period, "remark": said} for said in billed.bills.remarks]

    def subscribed(self, period: int, peer: str, amount_ueur: int) -> None:
        """Note what a peer owed the operator. [µ€]"""
        self._subscriptions.append({"period": period, "peer": peer, "amount_ueur": amount_ueur})

    def tables(
        self,
        lives: Sequence[LifeRecord],
        pending: Iterable[Cover],
        tokens: TokenBook,
        ledger: Ledger,
    ) -> dict[str, Table]:
        """Give every table; covers of periods that are not settled come last."""
        covers = [*self._covers, *pending]
        covers_of: dict[int, list[Cover]] = defaultdict(list)
        for cover in covers:
            covers_of[cover.contract_id].append(cover)
        return {
            "settlement": list(self._settlement),
            "contracts": [_contract_row(r, covers_of[r.contract.contract_id]) for r in lives],
            "covers": [asdict(cover) for cover in covers],
            "meters": list(self._meters),
            "rows": list(self._rows),
            "claims": list(self._claims),
            "bills": list(self._bills),
            "rule_prices": list(self._prices),
            "remarks": list(self._remarks),
            "subscriptions": list(self._subscriptions),
            "absent": list(self._absent),
            "postings": [posting._asdict() for posting in self._postings],
            "accounts": [
                {"account": account, "role": _role(account), "balance_ueur": balance}
                for account, balance in ledger.balances().items()
            ],
            "tokens": [dict(row) for row in tokens.rows()],
        }


def _role(account: str) -> str:
    if account.startswith("peer:"):
        return "peer"
    return "escrow" if account == "collateral" else account


def _contract_row(life: LifeRecord, covers: Sequence[Cover]) -> dict[str, Any]:
    contract, outcome = life.contract, life.outcome
    row: dict[str, Any] = asdict(contract)
    row["state"] = life.state.value
    row["fate"] = "cancelled" if life.state in DEAD else outcome and outcome.fate
    for name in _AMOUNTS:
        row[name] = 0 if outcome is None else getattr(outcome, name)
    row["served_milliwh"] = row["accepted_milliwh"] - row["shed_milliwh"]
    row["called_at_tick"] = life.called_at_tick
    row["covered_by"] = _covered_by(covers)
    return row


def _covered_by(covers: Sequence[Cover]) -> str | None:
    kinds = dict.fromkeys(
        f"{c.kind}:{c.party}" if c.kind == "replacement" else c.kind
        for c in covers
        if c.energy_milliwh
    )
    return "+".join(kinds) or None
