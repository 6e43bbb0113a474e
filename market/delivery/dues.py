"""The money of one contract: its price, what a failing party owes, and who bears it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

from .contract import Contract
from .cover import Cover
from .ledger import Posting
from .period import LPD, Metered, Period
from .rules import Borne, Exchange, Price, Rules, Terms, money

__all__ = [
    "COLLATERAL",
    "COMMUNITY",
    "DSO",
    "ENDOWMENT",
    "GUARANTEE_FUND",
    "OPERATOR",
    "STATE",
    "SUPPLIER",
    "Claim",
    "Till",
    "account_of",
]

DSO, SUPPLIER, OPERATOR, COMMUNITY = "dso", "supplier", "operator", "community"
GUARANTEE_FUND, COLLATERAL, ENDOWMENT = "guarantee_fund", "collateral", "endowment"
STATE = "state"


def account_of(peer: str) -> str:
    """Name a peer's account; the LPD's meter has the LPD's account."""
    return LPD if peer == LPD else f"peer:{peer}"


class Claim(NamedTuple):
    """R7: what `bearer` paid in a failing party's place; it stands. [µ€]"""

    period: int
    contract_id: int
    debtor: str
    bearer: Literal["guarantee_fund", "lpd"]
    of: Literal["any", "fee", "energy", "other"]
    amount_ueur: int


class Till:
    """Takes the payments of a period, and knows what the guarantee fund still has."""

    def __init__(self, period: Period, terms: Terms, rules: Rules) -> None:
        self._of, self.terms, self.rules = period, terms, rules
        self._fund_ueur = period.fund_ueur
        self.postings: list[Posting] = []
        self.claims: list[Claim] = []

    def pay(
        self, reason: str, debit: str, credit: str, amount_ueur: int, contract_id: int = 0
    ) -> None:
        """Move an amount from one account to another. [µ€]"""
        if amount_ueur and debit != credit:
            self._fund_ueur += amount_ueur * (
                (credit == GUARANTEE_FUND) - (debit == GUARANTEE_FUND)
            )
            self.postings.append(
                Posting(
                    self._of.tick,
                    self._of.period,
                    contract_id,
                    reason,
                    debit,
                    credit,
                    amount_ueur,
                )
            )

    def pay_price(self, contract: Contract, metered: Metered, price: Price, fee: int) -> None:
        """R3, R4, R6: the contract price and the fee on what the buyer was served."""
        number = contract.contract_id
        seller, buyer = account_of(contract.seller), account_of(contract.buyer)
        if metered.served >= metered.delivered:
            self.pay("price", buyer, seller, price.receipt, number)
        else:
            by_operator = price.receipt - price.served - price.unabsorbed
            self.pay("price", buyer, seller, price.served, number)
            operator = LPD if self._of.residual == LPD else DSO
            self.pay("shed but delivered", operator, seller, by_operator, number)
        if contract.receipt_ticks is not None:
            margin_ticks = contract.receipt_ticks - contract.price_ticks
            self.pay("mechanism", OPERATOR, seller, money(margin_ticks, metered.delivered), number)
        self.pay("transport", buyer, DSO, fee, number)

    def seller_dues(
        self,
        contract: Contract,
        metered: Metered,
        energy: Exchange,
        price: Price,
        replacements: Sequence[Cover],
    ) -> tuple[int, Borne]:
        """R3 to R7 for the seller: cover, longer path, stability fee, compensation."""
        terms, rules, number = self.terms, self.rules, contract.contract_id
        seller, buyer = account_of(contract.seller), account_of(contract.buyer)
        pool = price.for_cover if metered.served >= metered.delivered else 0
        taken_back = money(terms.lpd_buy_ticks, energy.excess)
        dues = [
            ("replacement", account_of(c.party), money(c.price_ticks, c.energy_milliwh))
            for c in replacements
        ]
        lpd_energy = money(terms.lpd_sell_ticks, energy.lpd)
        dues += [
            ("lpd cover", LPD, lpd_energy),
            ("supplier cover", self._of.residual, money(terms.retail_ticks, energy.residual)),
        ]
        cost = sum(amount for *_, amount in dues) - taken_back
        fee = rules.stability_fee(terms, energy.lpd)
        longer = sum(
            rules.longer_path(contract.fee_ticks, c.fee_ticks, c.energy_milliwh)
            for c in replacements
        )
        compensation = rules.compensation(terms, metered.shed_in_gap, metered.seller_failed)
        dues += [
            ("longer path", DSO, longer),
            ("stability fee", LPD, fee),
            ("compensation", buyer, compensation),
        ]
        liability = max(0, cost - pool) + longer + fee + compensation
        self.pay("price of cover", buyer, COLLATERAL, pool, number)
        self.pay("taken back", LPD, COLLATERAL, taken_back, number)
        self.pay("kept", COLLATERAL, GUARANTEE_FUND, max(0, pool - cost), number)
        held = contract.collateral_seller_ueur
        borne = self._bear(contract, contract.seller, liability, held, fee, lpd_energy)
        self._pay_dues(dues, number)
        self.pay("released", COLLATERAL, seller, held - borne.party, number)
        return liability, borne

    def buyer_dues(
        self, contract: Contract, energy: Exchange, price: Price, transport: int
    ) -> tuple[int, Borne]:
        """R3 to R7 for the buyer: what it left, less what others paid for it."""
        terms, number = self.terms, contract.contract_id
        seller, buyer = account_of(contract.seller), account_of(contract.buyer)
        fee = self.rules.stability_fee(terms, energy.absorbed)
        returned = money(terms.lpd_sell_ticks, energy.returned)
        dues = [
            ("unabsorbed", seller, price.unabsorbed),
            ("transport", DSO, transport),
            ("stability fee", LPD, fee),
            ("given back", LPD, returned),
        ]
        absorbed = money(terms.lpd_buy_ticks, energy.absorbed)
        fed_in = money(terms.feed_in_ticks, energy.fed_in)
        owed = sum(amount for *_, amount in dues) - absorbed - fed_in
        self.pay("absorbed", LPD, COLLATERAL, absorbed, number)
        self.pay("fed in", self._of.residual, COLLATERAL, fed_in, number)
        held, liability = contract.collateral_buyer_ueur, max(0, owed)
        borne = self._bear(contract, contract.buyer, liability, held, fee, returned)
        self._pay_dues(dues, number)
        self.pay("released", COLLATERAL, buyer, held - borne.party + max(0, -owed), number)
        return liability, borne

    def _pay_dues(self, dues: Sequence[tuple[str, str, int]], number: int) -> None:
        for reason, creditor, amount in dues:
            self.pay(reason, COLLATERAL, creditor, amount, number)

    def _bear(
        self, contract: Contract, debtor: str, liability: int, held: int, fee: int, energy: int
    ) -> Borne:
        """R7: let fund and LPD put in what the collateral lacks, and note the claim."""
        borne = self.rules.bear(liability, held, self._fund_ueur)
        number = contract.contract_id
        self.pay("guarantee", GUARANTEE_FUND, COLLATERAL, borne.fund, number)
        self.pay("guarantee", LPD, COLLATERAL, borne.lpd, number)
        of_fee = min(borne.lpd, fee)
        of_energy = min(borne.lpd - of_fee, energy)
        self._claim(number, debtor, "guarantee_fund", "any", borne.fund)
        self._claim(number, debtor, "lpd", "fee", of_fee)
        self._claim(number, debtor, "lpd", "energy", of_energy)
        self._claim(number, debtor, "lpd", "other", borne.lpd - of_fee - of_energy)
        return borne

    def _claim(
        self,
        contract_id: int,
        debtor: str,
        bearer: Literal["guarantee_fund", "lpd"],
        of: Literal["any", "fee", "energy", "other"],
        amount_ueur: int,
    ) -> None:
        if amount_ueur:
            claim = Claim(self._of.period, contract_id, debtor, bearer, of, amount_ueur)
            self.claims.append(claim)
