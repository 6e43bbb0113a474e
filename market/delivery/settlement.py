"""One delivery period from meters to money: rows, postings, fates and claims.

Applies :mod:`market.delivery.rules` in order, to whole numbers only. Money is rounded
once per contract and reason, the same for both sides; every posting moves an
amount from one account to another, so nothing is made and nothing lost.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from itertools import zip_longest
from typing import Literal

from .batch import RULES_OF_A_KEPT_CONTRACT, KeptContracts
from .contract import Contract
from .cover import Cover
from .curtailed import credited, settle_credit, with_credit
from .dues import Till, account_of
from .outcome import Outcome, Row, RowKind, Settlement, fate_of
from .period import LPD, Metered, Period, confirm_covers, meter_contracts
from .remainder import settle_remainder
from .rules import Exchange, Rules, Terms, apportion, money
from .taxes import settle_taxes

__all__ = ["LPD", "Period", "Rules", "Settlement", "Terms", "account_of", "settle_period"]


def settle_period(
    period: Period,
    terms: Terms,
    rules: Rules | None = None,
    *,
    first_cover_id: int | None = None,
    one_by_one: bool = False,
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
    one_by_one : bool
        Also take those contracts one at a time that both sides kept. The result is the same,
        and takes about four times as long.
    """
    last = max((c.cover_id for c in period.covers), default=0)
    settling = _Settling(period, terms, rules or Rules(), first_cover_id or last + 1)
    settling.settle(one_by_one=one_by_one)
    return settling.result()


class _Settling:
    """Collects rows, covers and outcomes while the contracts of a period pass by the till."""

    def __init__(self, period: Period, terms: Terms, rules: Rules, next_cover_id: int) -> None:
        self._metered, self._credit = period, credited(period)
        self._terms, self._rules = terms, rules
        self._of = period = with_credit(period, self._credit)
        self._till = Till(period, terms, rules)
        self._next_cover_id = next_cover_id
        self._rows: list[Row] = []
        self._outcomes: list[Outcome] = []
        self._burned: dict[str, int] = defaultdict(int)
        self._covers: dict[int, Cover] = {}
        self._covers_of: dict[int, list[int]] = defaultdict(list)

    def settle(self, *, one_by_one: bool) -> None:
        """Meters first, then each contract in turn, then what is nobody's contract."""
        for cover in confirm_covers(self._of, self._rules):
            self._covers[cover.cover_id] = cover
            self._covers_of[cover.contract_id].append(cover.cover_id)
        if one_by_one or RULES_OF_A_KEPT_CONTRACT.intersection(self._rules.replaced):
            self._settle_each(self._of)
        else:
            self._settle_in_stretches()
        settle_remainder(self._of, self._terms, self._rows, self._till)
        settle_taxes(self._metered, self._till)
        settle_credit(self._metered, self._credit, self._terms, self._rows, self._till)

    def _settle_each(self, period: Period) -> None:
        metered = meter_contracts(period, self._terms, self._rules)
        for contract in period.contracts:
            self._settle_contract(contract, metered[contract.contract_id])

    def _settle_in_stretches(self) -> None:
        """Write stretches of kept contracts at once, and settle each contract between them.

        Meters are split over the broken contracts alone: who is short has all of its own among
        them, and who is not has enough for those that it has here.
        """
        kept = KeptContracts(self._of)
        broken = [self._of.contracts[i] for i in kept.others]
        metered = meter_contracts(replace(self._of, contracts=broken), self._terms, self._rules)
        for contract, (begin, end) in zip_longest(broken, kept.stretches()):
            self._write_kept(kept, begin, end)
            if contract is not None:
                self._settle_contract(contract, metered[contract.contract_id])

    def _write_kept(self, kept: KeptContracts, begin: int, end: int) -> None:
        if begin == end:
            return
        self._rows += kept.rows(begin, end)
        self._till.postings += kept.postings(begin, end)
        self._outcomes += kept.outcomes(begin, end)
        for seller, energy in kept.sellers(begin, end):
            self._burned[seller] += energy

    def result(self) -> Settlement:
        """Everything collected, as it came."""
        return Settlement(
            rows=tuple(self._rows),
            postings=tuple(self._till.postings),
            outcomes=tuple(self._outcomes),
            covers=tuple(self._covers[i] for i in sorted(self._covers)),
            claims=tuple(self._till.claims),
            burned=tuple(self._burned.items()),
        )

    def _called(self, contract: Contract, kind: str, direction: str = "cover") -> list[Cover]:
        covers = (self._covers[i] for i in self._covers_of[contract.contract_id])
        return [c for c in covers if c.kind == kind and c.direction == direction]

    def _settle_contract(self, contract: Contract, metered: Metered) -> None:
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
        self._till.pay_price(contract, metered, price, fee)
        owed_seller, by_seller = self._till.seller_dues(
            contract, metered, energy, price, replacements
        )
        owed_buyer, by_buyer = self._till.buyer_dues(contract, energy, price, fee_unabsorbed)
        self._outcomes.append(
            Outcome(
                contract=contract,
                fate=fate_of(metered, energy, _total(replacements)),
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
        metered: Metered,
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
        metered: Metered,
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
        kind: RowKind,
        contract_id: int | None,
        party: str,
        milliwh: int,
    ) -> None:
        if milliwh:
            self._rows.append(Row(self._of.period, peer, kind, contract_id, party, milliwh))

    def _burn(self, contract: Contract, metered: Metered, replacements: Sequence[Cover]) -> None:
        """R8: what was delivered, by whom."""
        self._burned[contract.seller] += self._rules.burned(metered.delivered)
        for cover in replacements:
            self._burned[cover.party] += self._rules.burned(cover.energy_milliwh)


def _total(covers: Sequence[Cover]) -> int:
    return sum(cover.energy_milliwh for cover in covers)
