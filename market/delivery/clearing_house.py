"""Where promises and money are kept: collateral, tokens, settlement, and the record of it all."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from ..billing.rule import Rule
from .community import Billed, bill_members, name_of, settle_by_rule
from .contract import Contract, ContractError
from .cover import Cover
from .disputes import Dispute, DisputeError
from .disputes_desk import Complaint, DisputeDesk
from .dues import (
    COLLATERAL,
    COMMUNITY,
    DSO,
    ENDOWMENT,
    GUARANTEE_FUND,
    OPERATOR,
    STATE,
    SUPPLIER,
    account_of,
)
from .ledger import Ledger, Posting
from .outcome import Outcome, Settlement
from .period import LPD, Period
from .records import LifeRecord, Records
from .rules import Rules, Terms
from .settlement import settle_period
from .tokens import TokenBook

__all__ = ["ClearingHouse"]


class ClearingHouse:
    """Holds what contracts leave with it, and settles their periods.

    Parameters
    ----------
    peers : sequence of str
        All meters in order.
    terms, rules : Terms, Rules
        Tariffs and rules of settlement.
    ledger : Ledger
        Where money is booked.
    efficiency : float
        Charging efficiency of the LPD's storage, for the value of its stock.
    now : int
        Tick of the opening entry.
    rule : Rule, optional
        Bills the members' meters in place of contracts.
    """

    def __init__(
        self,
        peers: Sequence[str],
        terms: Terms,
        rules: Rules,
        ledger: Ledger,
        *,
        efficiency: float,
        now: int,
        rule: Rule | None = None,
    ) -> None:
        self.terms, self.rules, self.ledger, self.tokens = terms, rules, ledger, TokenBook()
        self.rule, self._peers = rule, tuple(peers)
        self.records = Records(None if rule is None else name_of(rule), rules.replaced)
        if rule is not None:
            # A rule that refuses these tariffs shall say so before the run, not after a period.
            members = [peer for peer in peers if peer != LPD]
            bill_members(rule, members, np.zeros(len(members), dtype=np.int64), terms)
        self._efficiency, self._lpd_cost_ticks = efficiency, terms.feed_in_ticks
        self.next_cover_id = 1
        self._absent: dict[int, frozenset[str]] = {}
        self.desk = DisputeDesk(lambda period: self._settlement_of(period)[0].postings)
        market = [LPD, DSO, SUPPLIER, OPERATOR, GUARANTEE_FUND, COLLATERAL, ENDOWMENT]
        market += [] if rule is None else [COMMUNITY]
        market += [STATE] if terms.taxed else []
        for account in [*map(account_of, peers), *market]:
            ledger.open_account(account)
        capital = terms.guarantee_fund_ueur
        self._post(Posting(now, -1, 0, "opening", ENDOWMENT, GUARANTEE_FUND, capital))

    def _post(self, *postings: Posting) -> None:
        """Book amounts, and note them for the bills."""
        for posting in postings:
            self.ledger.post(posting)
        self.records.posted(postings)

    def hold_collateral(self, contract: Contract, tick: int) -> None:
        """Take both sides' collateral into escrow."""
        self._move_collateral(contract, tick, "collateral", 1)

    def release_collateral(self, contract: Contract, tick: int) -> None:
        """Give both sides their collateral back untouched."""
        self._move_collateral(contract, tick, "released", -1)

    def _move_collateral(self, contract: Contract, tick: int, reason: str, sign: int) -> None:
        for peer, amount in (
            (contract.seller, contract.collateral_seller_ueur),
            (contract.buyer, contract.collateral_buyer_ueur),
        ):
            self._post(
                Posting(
                    tick,
                    contract.period,
                    contract.contract_id,
                    reason,
                    account_of(peer),
                    COLLATERAL,
                    sign * amount,
                )
            )

    def settle(self, period: Period) -> dict[int, Outcome]:
        """Settle a period, book it, burn and expire its tokens; outcomes by contract."""
        settlement, billed = self._settlement_of(period)
        self.next_cover_id += sum(c.kind in ("supplier", "shed") for c in settlement.covers)
        self._post(*settlement.postings)
        self.ledger.commit()
        self.desk.settled(period)
        for peer, milliwh in settlement.burned:
            self.tokens.burn(period.period, peer, milliwh)
        self.tokens.expire(period.period)
        self._value_stock(period, settlement)
        self.records.settled(period, self.terms, settlement, self.lpd_stock_ticks)
        if billed is not None:
            self.records.billed(period.period, billed)
        return {o.contract.contract_id: o for o in settlement.outcomes}

    def _settlement_of(self, period: Period) -> tuple[Settlement, Billed | None]:
        if self.rule is not None:
            absent = self._absent.get(period.period, frozenset())
            return settle_by_rule(period, self.terms, self.rule, self.rules, absent=absent)
        first = self.next_cover_id
        return settle_period(period, self.terms, self.rules, first_cover_id=first), None

    def hear(self, tick: int, complaint: Complaint) -> Dispute:
        """Hear who contests a reading, and book what a correction comes to.

        Raises
        ------
        DisputeError
            The period is not settled, the peer has no meter in it, or a rule billed it.
        """
        if self.rule is not None:
            told = f"period {complaint.period}: {name_of(self.rule)} billed it"
            raise DisputeError([f"{told}; expected a period of contracts to correct"])
        dispute, postings = self.desk.hear(tick, complaint)
        self._post(*postings)
        self.ledger.commit()
        return dispute

    def sit_out(self, period: int, peers: Collection[str]) -> None:
        """Note who trades not in a period; a rule is shown nothing of theirs."""
        self._absent[period] = frozenset(peers)
        self.records.absent(period, peers)

    def subscribe(self, tick: int, period: int, amounts_ueur: Mapping[str, int]) -> None:
        """Book what peers owe the mechanism's operator for a period, whatever they trade.

        Raises
        ------
        ContractError
            With every peer that is not known, or whose amount is no whole number from 0.
        """
        members = {peer for peer in self._peers if peer != LPD}
        faults = [
            f"no peer {peer!r} can subscribe; expected a peer other than the LPD"
            for peer in amounts_ueur
            if peer not in members
        ]
        faults += [
            f"{peer!r}: a subscription of {amount!r} µ€; expected a whole number from 0"
            for peer, amount in amounts_ueur.items()
            if not isinstance(amount, int | np.integer) or amount < 0
        ]
        if faults:
            raise ContractError("\n".join(f"period {period}: {fault}" for fault in faults))
        for peer, amount in amounts_ueur.items():
            if amount:
                self._post(
                    Posting(
                        tick, period, 0, "subscription", account_of(peer), OPERATOR, int(amount)
                    )
                )
                self.records.subscribed(period, peer, int(amount))

    def pay(self, tick: int, period: int, payments: Iterable[tuple[str, str, str, int]]) -> None:
        """Book payments that no contract knows of: (reason, debit, credit, µ€) each."""
        for reason, debit, credit, amount in payments:
            self._post(Posting(tick, period, 0, reason, debit, credit, amount))
        self.ledger.commit()

    def _value_stock(self, period: Period, settlement: Settlement) -> None:
        """Value the LPD's stock at what its last charging cost."""
        for row in settlement.rows:
            if row.peer == LPD and row.energy_milliwh < 0 and period.residual != LPD:
                from_peers = row.kind == "lpd"
                terms = self.terms
                self._lpd_cost_ticks = terms.lpd_buy_ticks if from_peers else terms.retail_ticks

    @property
    def lpd_stock_ticks(self) -> int:
        """Value of the LPD's stock: its last charging cost over efficiency. [µ€/Wh]"""
        return round(self._lpd_cost_ticks / self._efficiency)

    def tables(
        self, lives: Sequence[LifeRecord], pending: Sequence[Cover]
    ) -> dict[str, list[dict[str, Any]]]:
        """Everything to record, as plain rows."""
        return self.records.tables(lives, pending, self.tokens, self.ledger) | {
            "disputes": self.desk.rows()
        }
