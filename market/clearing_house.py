"""Where promises and money are kept: collateral, tokens, settlement, and the record of it all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .contract import Contract
from .cover import Cover
from .dues import COLLATERAL, DSO, ENDOWMENT, GUARANTEE_FUND, OPERATOR, SUPPLIER, account_of
from .ledger import Ledger, Posting
from .period import LPD, Period
from .records import LifeRecord, Records
from .rules import Rules, Terms
from .settlement import Outcome, Settlement, settle_period
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
    ) -> None:
        self.terms, self.rules, self.ledger, self.tokens = terms, rules, ledger, TokenBook()
        self.records = Records()
        self._efficiency, self._lpd_cost_ticks = efficiency, terms.feed_in_ticks
        self.next_cover_id = 1
        market = [LPD, DSO, SUPPLIER, OPERATOR, GUARANTEE_FUND, COLLATERAL, ENDOWMENT]
        for account in [*map(account_of, peers), *market]:
            ledger.open_account(account)
        capital = terms.guarantee_fund_ueur
        ledger.post(Posting(now, -1, 0, "opening", ENDOWMENT, GUARANTEE_FUND, capital))

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
            self.ledger.post(
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
        settlement = settle_period(
            period, self.terms, self.rules, first_cover_id=self.next_cover_id
        )
        self.next_cover_id += sum(c.kind in ("supplier", "shed") for c in settlement.covers)
        self.ledger.post_all(settlement.postings)
        for peer, milliwh in settlement.burned:
            self.tokens.burn(period.period, peer, milliwh)
        self.tokens.expire(period.period)
        self._value_stock(period, settlement)
        self.records.settled(period, self.terms, settlement, self.lpd_stock_ticks)
        return {o.contract.contract_id: o for o in settlement.outcomes}

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
        return self.records.tables(lives, pending, self.tokens, self.ledger)
