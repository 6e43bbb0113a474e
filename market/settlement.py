"""One delivery period from meters to money: rows, postings, fates and claims.

Applies :mod:`market.rules` in order, to whole numbers only. Money is rounded
once per contract and reason, the same for both sides; every posting moves an
amount from one account to another, so nothing is made and nothing lost.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

from .contract import Contract
from .cover import Cover
from .ledger import Posting
from .rules import Borne, Exchange, Price, Rules, Terms, apportion, money

__all__ = [
    "COLLATERAL",
    "DSO",
    "ENDOWMENT",
    "GUARANTEE_FUND",
    "LPD",
    "OPERATOR",
    "SUPPLIER",
    "Claim",
    "Fate",
    "Outcome",
    "Period",
    "Residual",
    "Row",
    "Rules",
    "Settlement",
    "Terms",
    "account_of",
    "settle_period",
]

LPD, DSO, SUPPLIER, OPERATOR = "lpd", "dso", "supplier", "operator"
GUARANTEE_FUND, COLLATERAL, ENDOWMENT = "guarantee_fund", "collateral", "endowment"

Fate = Literal["delivered", "covered", "short", "unabsorbed", "void", "shed", "cancelled"]
Residual = Literal["supplier", "lpd"]


def account_of(peer: str) -> str:
    """Name a peer's account; the LPD's meter has the LPD's account."""
    return LPD if peer == LPD else f"peer:{peer}"


class Row(NamedTuple):
    """R1: energy of one meter, in exactly one row; injection is positive. [mWh]"""

    period: int
    peer: str
    kind: Literal["contract", "replacement", "lpd", "supplier"]
    contract_id: int | None
    party: str
    energy_milliwh: int


class Claim(NamedTuple):
    """R7: what `bearer` paid in a failing party's place; it stands. [µ€]"""

    period: int
    contract_id: int
    debtor: str
    bearer: Literal["guarantee_fund", "lpd"]
    of: Literal["any", "fee", "energy", "other"]
    amount_ueur: int


@dataclass(frozen=True, slots=True)
class Outcome:
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
class Period:
    """All that a period's settlement depends on, besides terms and rules.

    `net_milliwh` and `shed_milliwh` are the meters, by peer; contracts are in
    order of their number, covers likewise. `fund_ueur` is what the guarantee
    fund holds before.
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


@dataclass(frozen=True, slots=True)
class Settlement:
    """The result: `burned` are (peer, mWh) pairs, `covers` have their settled energy."""

    rows: tuple[Row, ...]
    postings: tuple[Posting, ...]
    outcomes: tuple[Outcome, ...]
    covers: tuple[Cover, ...]
    claims: tuple[Claim, ...]
    burned: tuple[tuple[str, int], ...]


def settle_period(
    period: Period,
    terms: Terms,
    rules: Rules | None = None,
    *,
    first_cover_id: int | None = None,
) -> Settlement:
    """Settle one period.

    Parameters
    ----------
    period : Period
        Meters, contracts and called covers.
    terms : Terms
        Tariffs and parameters.
    rules : Rules, optional
        The rules; those of the design unless replaced.
    first_cover_id : int, optional
        Number of the first cover that settlement adds (supplier, shed); one
        more than the largest called so far unless given.
    """
    last = max((c.cover_id for c in period.covers), default=0)
    till = _Till(period, terms, rules or Rules(), first_cover_id or last + 1)
    till.settle()
    return till.result()


class _Metered(NamedTuple):
    """What meters say about one contract, after R2. [mWh]"""

    delivered: int
    accepted: int
    shed_in_gap: int
    shed_delivered: int
    seller_failed: bool
    buyer_failed: bool

    @property
    def shed(self) -> int:
        return self.shed_in_gap + self.shed_delivered

    @property
    def served(self) -> int:
        return self.accepted - self.shed


class _Till:
    """Collects rows, postings and claims while the contracts of a period pass by."""

    def __init__(self, period: Period, terms: Terms, rules: Rules, next_cover_id: int) -> None:
        self._of, self._terms, self._rules = period, terms, rules
        self._fund_ueur = period.fund_ueur
        self._next_cover_id = next_cover_id
        self._rows: list[Row] = []
        self._postings: list[Posting] = []
        self._outcomes: list[Outcome] = []
        self._claims: list[Claim] = []
        self._burned: dict[str, int] = defaultdict(int)
        self._covers: dict[int, Cover] = {}
        self._covers_of: dict[int, list[int]] = defaultdict(list)

    def settle(self) -> None:
        """Meters first, then each contract in turn, then what is nobody's contract."""
        metered = self._meter_contracts()
        self._meter_covers()
        for contract in self._of.contracts:
            self._settle_contract(contract, metered[contract.contract_id])
        self._settle_residuals()
        losses = money(self._terms.retail_ticks, self._of.losses_milliwh)
        self._pay("losses", DSO, self._of.residual, losses)

    def result(self) -> Settlement:
        """Everything collected, as it came."""
        return Settlement(
            rows=tuple(self._rows),
            postings=tuple(self._postings),
            outcomes=tuple(self._outcomes),
            covers=tuple(self._covers[i] for i in sorted(self._covers)),
            claims=tuple(self._claims),
            burned=tuple(self._burned.items()),
        )

    # Energy

    def _meter_contracts(self) -> dict[int, _Metered]:
        """R2: split every meter over the contracts of its peer."""
        contracts = self._of.contracts
        sold, bought = defaultdict(list), defaultdict(list)
        for c in contracts:
            sold[c.seller].append(c)
            bought[c.buyer].append(c)
        given: dict[int, int] = {}
        failed: dict[str, bool] = {}
        for seller, mine in sold.items():
            promised = [c.energy_milliwh for c in mine]
            parts = self._rules.delivered(self._of.net_milliwh[seller], promised)
            given |= {c.contract_id: s for c, s in zip(mine, parts, strict=True)}
            failed[seller] = self._rules.failed(sum(promised), sum(parts), self._terms)
        metered: dict[int, _Metered] = {}
        for buyer, mine in bought.items():
            metered |= self._meter_buyer(buyer, mine, given, failed)
        return metered

    def _meter_buyer(
        self,
        buyer: str,
        mine: Sequence[Contract],
        given: Mapping[int, int],
        seller_failed: Mapping[str, bool],
    ) -> dict[int, _Metered]:
        wanted = [c.energy_milliwh for c in mine]
        net, shed = self._of.net_milliwh[buyer], self._of.shed_milliwh.get(buyer, 0)
        taken, unserved = self._rules.accepted(net, shed, wanted)
        gaps = [max(0, b - given[c.contract_id]) for c, b in zip(mine, taken, strict=True)]
        placed = self._rules.place_shed(unserved, taken, gaps)
        failed = self._rules.failed(sum(wanted), sum(taken), self._terms)
        return {
            c.contract_id: _Metered(
                given[c.contract_id], b, in_gap, beyond, seller_failed[c.seller], failed
            )
            for c, b, (in_gap, beyond) in zip(mine, taken, placed, strict=True)
        }

    def _meter_covers(self) -> None:
        """Count of every called cover what meters confirm."""
        called = sorted(self._of.covers, key=lambda c: c.cover_id)
        confirmed = {c.cover_id: c.energy_milliwh for c in called if c.kind == "own"}
        promised: dict[str, int] = defaultdict(int)
        for contract in self._of.contracts:
            promised[contract.seller] += contract.energy_milliwh
        by_party: dict[str, list[Cover]] = defaultdict(list)
        for cover in called:
            if cover.kind == "replacement":
                by_party[cover.party].append(cover)
        for party, covers in by_party.items():
            planned = [c.planned_milliwh for c in covers]
            net = self._of.net_milliwh[party]
            parts = self._rules.replacement_metered(net, promised[party], planned)
            confirmed |= {c.cover_id: r for c, r in zip(covers, parts, strict=True)}
        out = [c for c in called if c.kind == "lpd" and c.direction == "cover"]
        into = [c for c in called if c.kind == "lpd" and c.direction == "absorb"]
        parts_out, parts_in = self._rules.lpd_metered(
            self._of.net_milliwh.get(LPD, 0),
            [c.planned_milliwh for c in out],
            [c.planned_milliwh for c in into],
            islanded=self._of.residual == LPD,
        )
        confirmed |= {c.cover_id: x for c, x in zip(out, parts_out, strict=True)}
        confirmed |= {c.cover_id: x for c, x in zip(into, parts_in, strict=True)}
        for cover in called:
            self._covers[cover.cover_id] = replace(cover, energy_milliwh=confirmed[cover.cover_id])
            self._covers_of[cover.contract_id].append(cover.cover_id)

    def _called(self, contract: Contract, kind: str, direction: str = "cover") -> list[Cover]:
        covers = (self._covers[i] for i in self._covers_of[contract.contract_id])
        return [c for c in covers if c.kind == kind and c.direction == direction]

    def _settle_contract(self, contract: Contract, metered: _Metered) -> None:
        replacements = self._called(contract, "replacement")
        lpd_out, lpd_in = (self._called(contract, "lpd", d) for d in ("cover", "absorb"))
        energy = self._rules.exchange(
            metered.delivered,
            metered.accepted,
            metered.served,
            replacement=_total(replacements),
            lpd=_total(lpd_out),
            absorbed=_total(lpd_in),
            islanded=self._of.residual == LPD,
        )
        price = self._rules.price(
            contract.price_ticks, metered.delivered, metered.served, energy.over
        )
        fee, fee_unabsorbed = self._rules.transport(contract.fee_ticks, metered.served, energy.over)
        self._close_covers(contract, metered, energy, lpd_out, lpd_in)
        self._write_rows(contract, metered, energy, replacements)
        self._burn(contract, metered, replacements)
        self._pay_price(contract, metered, energy, price, fee)
        owed_seller, by_seller = self._seller_dues(contract, metered, energy, price, replacements)
        owed_buyer, by_buyer = self._buyer_dues(contract, energy, price, fee_unabsorbed)
        self._outcomes.append(
            Outcome(
                contract=contract,
                fate=_fate(metered, energy, _total(replacements)),
                delivered_milliwh=metered.delivered,
                accepted_milliwh=metered.accepted,
                shed_milliwh=metered.shed,
                paid_ueur=price.served + price.unabsorbed,
                received_ueur=price.receipt,
                fee_ueur=fee + fee_unabsorbed,
                owed_seller_ueur=owed_seller,
                owed_buyer_ueur=owed_buyer,
                borne_fund_ueur=by_seller.fund + by_buyer.fund,
                borne_lpd_ueur=by_seller.lpd + by_buyer.lpd,
            )
        )

    def _close_covers(
        self,
        contract: Contract,
        metered: _Metered,
        energy: Exchange,
        lpd_out: Sequence[Cover],
        lpd_in: Sequence[Cover],
    ) -> None:
        """Write what each cover came to, and add those that nobody called."""
        terms = self._terms
        for covers, total in ((lpd_out, energy.lpd), (lpd_in, energy.absorbed)):
            parts = apportion(total, [c.energy_milliwh for c in covers])
            for cover, part in zip(covers, parts, strict=True):
                self._covers[cover.cover_id] = replace(cover, energy_milliwh=part)
        for i in self._covers_of[contract.contract_id]:
            cover = self._covers[i]
            cost = money(cover.price_ticks, cover.energy_milliwh)
            self._covers[i] = replace(cover, cost_ueur=cost)
        residual, compensation = self._of.residual, terms.compensation_ticks
        self._add_cover(
            contract, "cover", "supplier", residual, energy.residual, terms.retail_ticks
        )
        self._add_cover(
            contract, "absorb", "supplier", residual, energy.fed_in, terms.feed_in_ticks
        )
        owed = compensation if metered.seller_failed else 0
        self._add_cover(contract, "cover", "shed", residual, metered.shed_in_gap, owed)

    def _add_cover(
        self,
        contract: Contract,
        direction: Literal["cover", "absorb"],
        kind: Literal["supplier", "shed"],
        party: str,
        milliwh: int,
        price_ticks: int,
    ) -> None:
        if milliwh:
            self._covers[self._next_cover_id] = Cover(
                cover_id=self._next_cover_id,
                contract_id=contract.contract_id,
                period=contract.period,
                direction=direction,
                kind=kind,
                party=party,
                energy_milliwh=milliwh,
                price_ticks=price_ticks,
                cost_ueur=money(price_ticks, milliwh),
            )
            self._next_cover_id += 1

    def _write_rows(
        self,
        contract: Contract,
        metered: _Metered,
        energy: Exchange,
        replacements: Sequence[Cover],
    ) -> None:
        """R1, as far as this contract goes."""
        number, seller, buyer = contract.contract_id, contract.seller, contract.buyer
        self._row(seller, "contract", number, buyer, metered.delivered)
        self._row(buyer, "contract", number, seller, -min(metered.delivered, metered.served))
        left = energy.replacement_used
        for cover in replacements:
            used = min(left, cover.energy_milliwh)
            self._row(buyer, "replacement", number, cover.party, -used)
            self._row(cover.party, "replacement", number, buyer, cover.energy_milliwh)
            left -= used
        self._row(buyer, "lpd", number, LPD, -energy.lpd_used)
        self._row(buyer, "supplier", number, self._of.residual, -energy.residual)
        if LPD in self._of.net_milliwh:
            self._row(LPD, "lpd", number, seller, energy.lpd)
            self._row(LPD, "lpd", number, buyer, -energy.absorbed)
            self._row(LPD, "lpd", number, seller, -energy.excess)
            self._row(LPD, "lpd", number, buyer, energy.returned)

    def _row(
        self,
        peer: str,
        kind: Literal["contract", "replacement", "lpd", "supplier"],
        contract_id: int | None,
        party: str,
        milliwh: int,
    ) -> None:
        if milliwh:
            self._rows.append(Row(self._of.period, peer, kind, contract_id, party, milliwh))

    def _burn(self, contract: Contract, metered: _Metered, replacements: Sequence[Cover]) -> None:
        """R8: what was delivered, by whom."""
        self._burned[contract.seller] += self._rules.burned(metered.delivered)
        for cover in replacements:
            self._burned[cover.party] += self._rules.burned(cover.energy_milliwh)

    # Money

    def _pay(
        self, reason: str, debit: str, credit: str, amount_ueur: int, contract_id: int = 0
    ) -> None:
        if amount_ueur and debit != credit:
            self._fund_ueur += amount_ueur * (
                (credit == GUARANTEE_FUND) - (debit == GUARANTEE_FUND)
            )
            self._postings.append(
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

    def _pay_price(
        self, contract: Contract, metered: _Metered, energy: Exchange, price: Price, fee: int
    ) -> None:
        """R3, R4, R6: the contract price and the fee on what the buyer was served."""
        number = contract.contract_id
        seller, buyer = account_of(contract.seller), account_of(contract.buyer)
        if metered.served >= metered.delivered:
            self._pay("price", buyer, seller, price.receipt, number)
        else:
            by_operator = price.receipt - price.served - price.unabsorbed
            self._pay("price", buyer, seller, price.served, number)
            self._pay("shed but delivered", LPD, seller, by_operator, number)
        if contract.receipt_ticks is not None:
            margin_ticks = contract.receipt_ticks - contract.price_ticks
            self._pay("mechanism", OPERATOR, seller, money(margin_ticks, metered.delivered), number)
        self._pay("transport", buyer, DSO, fee, number)

    def _seller_dues(
        self,
        contract: Contract,
        metered: _Metered,
        energy: Exchange,
        price: Price,
        replacements: Sequence[Cover],
    ) -> tuple[int, Borne]:
        """R3 to R7 for the seller: cover, longer path, stability fee, compensation."""
        terms, rules, number = self._terms, self._rules, contract.contract_id
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
        self._pay("price of cover", buyer, COLLATERAL, pool, number)
        self._pay("taken back", LPD, COLLATERAL, taken_back, number)
        self._pay("kept", COLLATERAL, GUARANTEE_FUND, max(0, pool - cost), number)
        held = contract.collateral_seller_ueur
        borne = self._bear(contract, contract.seller, liability, held, fee, lpd_energy)
        self._pay_dues(dues, number)
        self._pay("released", COLLATERAL, seller, held - borne.party, number)
        return liability, borne

    def _buyer_dues(
        self, contract: Contract, energy: Exchange, price: Price, transport: int
    ) -> tuple[int, Borne]:
        """R3 to R7 for the buyer: what it left, less what others paid for it."""
        terms, number = self._terms, contract.contract_id
        seller, buyer = account_of(contract.seller), account_of(contract.buyer)
        fee = self._rules.stability_fee(terms, energy.absorbed)
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
        self._pay("absorbed", LPD, COLLATERAL, absorbed, number)
        self._pay("fed in", self._of.residual, COLLATERAL, fed_in, number)
        held, liability = contract.collateral_buyer_ueur, max(0, owed)
        borne = self._bear(contract, contract.buyer, liability, held, fee, returned)
        self._pay_dues(dues, number)
        self._pay("released", COLLATERAL, buyer, held - borne.party + max(0, -owed), number)
        return liability, borne

    def _pay_dues(self, dues: Sequence[tuple[str, str, int]], number: int) -> None:
        for reason, creditor, amount in dues:
            self._pay(reason, COLLATERAL, creditor, amount, number)

    def _bear(
        self, contract: Contract, debtor: str, liability: int, held: int, fee: int, energy: int
    ) -> Borne:
        """R7: let fund and LPD put in what the collateral lacks, and note the claim."""
        borne = self._rules.bear(liability, held, self._fund_ueur)
        number = contract.contract_id
        self._pay("guarantee", GUARANTEE_FUND, COLLATERAL, borne.fund, number)
        self._pay("guarantee", LPD, COLLATERAL, borne.lpd, number)
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
            self._claims.append(claim)

    def _settle_residuals(self) -> None:
        """R2, last sentence: what a meter shows beyond goes to the residual party."""
        in_rows: dict[str, int] = defaultdict(int)
        for row in self._rows:
            in_rows[row.peer] += row.energy_milliwh
        residual = self._of.residual
        for peer, net in self._of.net_milliwh.items():
            beyond = net - in_rows[peer]
            self._row(peer, "supplier", None, residual, beyond)
            if beyond > 0:
                earned = money(self._terms.feed_in_ticks, beyond)
                self._pay("feed-in", residual, account_of(peer), earned)
            else:
                owed = money(self._terms.retail_ticks, -beyond)
                self._pay("retail", account_of(peer), residual, owed)


def _total(covers: Sequence[Cover]) -> int:
    return sum(cover.energy_milliwh for cover in covers)


def _fate(metered: _Metered, energy: Exchange, replacement: int) -> Fate:
    if metered.shed:
        return "shed"
    if replacement + energy.lpd:
        return "covered"
    if metered.accepted > metered.delivered and metered.seller_failed:
        return "short"
    if metered.delivered > metered.accepted and metered.buyer_failed:
        return "unabsorbed"
    return "void" if metered.seller_failed and metered.buyer_failed else "delivered"
