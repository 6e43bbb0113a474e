"""One delivery period by rules R1 to R9: who delivered what, then who pays whom.

Energy in mWh, money in µ€, prices in ticks of 1 µ€/Wh.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import floor
from typing import Any

from .tables import NEVER_IN_FORCE

Row = Mapping[str, Any]
Tables = Mapping[str, Sequence[Row]]

LPD, DSO, FUND, ESCROW, SUPPLIER = "lpd", "dso", "guarantee_fund", "collateral", "supplier"
OPERATOR, STATE = "operator", "state"


def account_of(peer: str) -> str:
    return LPD if peer == LPD else f"peer:{peer}"


def _money(price_ticks: int, energy_milliwh: int) -> int:
    """Round to whole µ€, halves up."""
    return floor(Fraction(price_ticks * energy_milliwh, 1000) + Fraction(1, 2))


def _split(total: int, weights: Mapping[int, int]) -> dict[int, int]:
    """Split by weight; what whole numbers leave over goes to the largest remainders, then to the
    smallest key.
    """
    whole = sum(weights.values())
    if whole == 0:
        return dict.fromkeys(weights, 0)
    exact = {key: Fraction(total * weight, whole) for key, weight in weights.items()}
    shares = {key: floor(share) for key, share in exact.items()}
    neediest = sorted(exact, key=lambda key: (shares[key] - exact[key], key))
    for key in neediest[: total - sum(shares.values())]:
        shares[key] += 1
    return shares


@dataclass(slots=True)
class _Deal:
    """One contract's energies, as far as the rules have been applied. [mWh]"""

    row: Row
    promised: int
    delivered: int = 0  # s
    accepted: int = 0  # b, with what the operator shed
    served: int = 0  # v, without it
    shed_in_gap: int = 0
    lpd_out: int = 0
    lpd_in: int = 0

    @property
    def number(self) -> int:
        return int(self.row["contract_id"])


class Period:
    """One delivery period: who delivered what, then who pays whom."""

    def __init__(self, terms: Row, tables: Tables, accounts: defaultdict[str, int]) -> None:
        period = terms["period"]
        self.terms, self.accounts = terms, accounts
        self.islanded = terms["residual"] == LPD
        self.residual = LPD if self.islanded else SUPPLIER
        meters = [row for row in tables["meters"] if row["period"] == period]
        self.net = {row["peer"]: int(row["net_milliwh"]) for row in meters}
        self.shed = {row["peer"]: int(row["shed_milliwh"]) for row in meters}
        self.everybody = self.net
        self.curtailed = {
            row["peer"]: int(row["curtailed_milliwh"])
            for row in tables.get("curtailments", ())
            if row["period"] == period
        }
        contracts = [
            row
            for row in tables["contracts"]
            if row["period"] == period and row["state"] not in NEVER_IN_FORCE
        ]
        self.deals = {
            row["contract_id"]: _Deal(row, 1000 * row["energy_wh"])
            for row in sorted(contracts, key=lambda row: row["contract_id"])
        }
        planned = [
            row
            for row in tables["covers"]
            if row["contract_id"] in self.deals and row["planned_milliwh"] > 0
        ]
        self.covers = {row["cover_id"]: row for row in planned}
        self.replaced: dict[int, int] = {}

    def settle(self) -> None:
        metered, stood_in = dict(self.net), self._stand_in()
        for peer in self.net:
            self._deliver(peer)
        for peer in self.net:
            self._accept(peer)
        for peer in self.net:
            self._replace(peer)
        self._measure_lpd()
        for deal in self.deals.values():
            self._settle_deal(deal)
        for peer, net in self.net.items():
            self._settle_rest(peer, net)
        for peer, net in metered.items():
            if peer != LPD:
                self._tax(peer, net)
        self._pay(DSO, self.residual, sum(_money(self.terms["retail_ticks"], e) for e in stood_in))
        self._pay(DSO, self.residual, _money(self.terms["retail_ticks"], self._losses()))

    def _stand_in(self) -> list[int]:
        """Count what the operator kept sellers from delivering as theirs; the DSO buys it."""
        stood_in = []
        for peer, curtailed in self.curtailed.items():
            lacking = self._sold(peer) - self.net[peer]
            if self._sold(peer) and min(curtailed, lacking) > 0:
                stood_in.append(min(curtailed, lacking))
                self.net[peer] += stood_in[-1]
        return stood_in

    def _pay(self, payer: str, receiver: str, amount_ueur: int) -> None:
        self.accounts[payer] -= amount_ueur
        self.accounts[receiver] += amount_ueur

    def _losses(self) -> int:
        return max(0, int(self.terms["losses_milliwh"]))

    # Energy: R1 and R2 -------------------------------------------------------------------------

    def _of(self, side: str, peer: str) -> list[_Deal]:
        return [deal for deal in self.deals.values() if deal.row[side] == peer]

    def _sold(self, peer: str) -> int:
        return sum(deal.promised for deal in self._of("seller", peer))

    def _deliver(self, seller: str) -> None:
        deals = self._of("seller", seller)
        energy = min(max(self.net[seller], 0), self._sold(seller))
        for number, share in _split(energy, {d.number: d.promised for d in deals}).items():
            self.deals[number].delivered = share

    def _accept(self, buyer: str) -> None:
        """Split withdrawal and shed energy; shed energy first fills what the seller left open."""
        deals = {deal.number: deal for deal in self._of("buyer", buyer)}
        promised = {number: deal.promised for number, deal in deals.items()}
        drawn = max(-self.net[buyer], 0)
        accepted = min(drawn + self.shed[buyer], sum(promised.values()))
        for number, share in _split(accepted, promised).items():
            deals[number].accepted = share
        unserved = accepted - min(drawn, sum(promised.values()))
        gaps = {n: max(0, deal.accepted - deal.delivered) for n, deal in deals.items()}
        in_gaps = _split(min(unserved, sum(gaps.values())), gaps)
        beside = {n: deal.accepted - in_gaps[n] for n, deal in deals.items()}
        elsewhere = _split(unserved - sum(in_gaps.values()), beside)
        for number, deal in deals.items():
            deal.shed_in_gap = in_gaps[number]
            deal.served = deal.accepted - in_gaps[number] - elsewhere[number]

    # Cover as metered: R1 and R9 ---------------------------------------------------------------

    def _planned(self, kind: str, direction: str = "cover", party: str = "") -> dict[int, int]:
        return {
            number: int(row["planned_milliwh"])
            for number, row in sorted(self.covers.items())
            if row["kind"] == kind
            and row["direction"] == direction
            and (not party or row["party"] == party)
        }

    def _replace(self, peer: str) -> None:
        """A replacement counts only as far as it is metered above its own contracts."""
        planned = self._planned("replacement", party=peer)
        beyond = max(0, self.net[peer] - self._sold(peer))
        self.replaced |= _split(min(beyond, sum(planned.values())), planned)

    def _measure_lpd(self) -> None:
        out, into = self._planned("lpd"), self._planned("lpd", "absorb")
        total_out, total_in = sum(out.values()), sum(into.values())
        if not self.islanded:
            missing = total_out - total_in - self.net.get(LPD, 0)
            total_out -= min(max(missing, 0), total_out)
            total_in -= min(max(-missing, 0), total_in)
        for number, share in _split(total_out, out).items():
            self._deal_of(number).lpd_out += share
        for number, share in _split(total_in, into).items():
            self._deal_of(number).lpd_in += share
        if self.islanded:
            for deal in self.deals.values():
                used = min(self._replacement(deal), self._gap(deal))
                deal.lpd_out = min(deal.lpd_out, self._gap(deal) - used)
                deal.lpd_in = min(deal.lpd_in, self._over(deal))

    def _deal_of(self, cover: int) -> _Deal:
        return self.deals[self.covers[cover]["contract_id"]]

    @staticmethod
    def _gap(deal: _Deal) -> int:
        return max(0, deal.served - deal.delivered)

    @staticmethod
    def _over(deal: _Deal) -> int:
        return max(0, deal.delivered - deal.accepted)

    def _replacements(self, deal: _Deal) -> list[tuple[Row, int]]:
        """Replacement covers of one contract and their metered energy."""
        return [
            (self.covers[number], energy)
            for number, energy in sorted(self.replaced.items())
            if self.covers[number]["contract_id"] == deal.number
        ]

    def _replacement(self, deal: _Deal) -> int:
        return sum(energy for _, energy in self._replacements(deal))

    def _excess_cover(self, deal: _Deal) -> int:
        """Cover that was activated but not needed in the end; the LPD takes it."""
        return max(0, self._replacement(deal) + deal.lpd_out - self._gap(deal))

    def _excess_intake(self, deal: _Deal) -> int:
        return max(0, deal.lpd_in - self._over(deal))

    # Money: R3 to R7 ---------------------------------------------------------------------------

    def _settle_deal(self, deal: _Deal) -> None:
        price, fee = deal.row["price_ticks"], deal.row["fee_ticks"]
        seller, buyer = account_of(deal.row["seller"]), account_of(deal.row["buyer"])
        worth_delivered = _money(price, deal.delivered)
        worth_served = _money(price, deal.served)
        over = self._over(deal)
        worth_over = _money(price, deal.served + over) - worth_served
        self._pay(buyer, DSO, _money(fee, deal.served))
        if deal.served >= deal.delivered:
            self._pay(buyer, seller, worth_delivered)
            pool = worth_served - worth_delivered
            self._pay(buyer, ESCROW, pool)
        else:
            self._pay(buyer, seller, worth_served)
            operator = LPD if self.islanded else DSO
            self._pay(operator, seller, worth_delivered - worth_served - worth_over)
            pool = 0
        receipt = deal.row.get("receipt_ticks")
        if receipt is not None:
            self._pay(OPERATOR, seller, _money(receipt - price, deal.delivered))
        self._settle_seller(deal, seller, buyer, pool)
        over_fee = _money(fee, deal.served + over) - _money(fee, deal.served)
        self._settle_buyer(deal, seller, buyer, worth_over, over_fee)

    def _settle_seller(self, deal: _Deal, seller: str, buyer: str, pool: int) -> None:
        """Cover is paid from what the buyer pays for it and then by the seller.

        Everything here passes through the escrow account, which ends where it began.
        """
        terms = self.terms
        replacements = self._replacements(deal)
        rest = max(0, self._gap(deal) - self._replacement(deal) - deal.lpd_out)
        cost = _money(terms["lpd_sell_ticks"], deal.lpd_out) + _money(terms["retail_ticks"], rest)
        self._pay(ESCROW, LPD, _money(terms["lpd_sell_ticks"], deal.lpd_out))
        self._pay(ESCROW, self.residual, _money(terms["retail_ticks"], rest))
        detour = 0
        for cover, energy in replacements:
            asked = _money(cover["price_ticks"], energy)
            cost += asked
            self._pay(ESCROW, account_of(cover["party"]), asked)
            detour += _money(max(0, cover["fee_ticks"] - deal.row["fee_ticks"]), energy)
        resold = _money(terms["lpd_buy_ticks"], self._excess_cover(deal))
        self._pay(LPD, ESCROW, resold)
        cost -= resold
        self._pay(ESCROW, FUND, max(0, pool - cost))

        stability = _money(terms["stability_fee_ticks"], deal.lpd_out)
        compensation = 0
        if self._failed(deal.row["seller"], "seller"):
            compensation = _money(terms["compensation_ticks"], deal.shed_in_gap)
        self._pay(ESCROW, DSO, detour)
        self._pay(ESCROW, LPD, stability)
        self._pay(ESCROW, buyer, compensation)
        dues = max(0, cost - pool) + detour + stability + compensation
        self._collect(seller, dues, deal.row["collateral_seller_ueur"])

    def _settle_buyer(
        self, deal: _Deal, seller: str, buyer: str, worth_over: int, over_fee: int
    ) -> None:
        """The buyer pays for what it left behind and is credited with what others gave for it."""
        terms = self.terms
        to_lpd = _money(terms["stability_fee_ticks"], deal.lpd_in)
        to_lpd += _money(terms["lpd_sell_ticks"], self._excess_intake(deal))
        from_lpd = _money(terms["lpd_buy_ticks"], deal.lpd_in)
        beyond_room = max(0, self._over(deal) - deal.lpd_in)
        from_residual = _money(terms["feed_in_ticks"], beyond_room)
        self._pay(ESCROW, seller, worth_over)
        self._pay(ESCROW, DSO, over_fee)
        self._pay(ESCROW, LPD, to_lpd)
        self._pay(LPD, ESCROW, from_lpd)
        self._pay(self.residual, ESCROW, from_residual)
        balance = worth_over + over_fee + to_lpd - from_lpd - from_residual
        self._pay(ESCROW, buyer, max(0, -balance))
        self._collect(buyer, max(0, balance), deal.row["collateral_buyer_ueur"])

    def _collect(self, debtor: str, dues: int, collateral: int) -> None:
        """R7: the party up to its collateral, then the guarantee fund, then the LPD."""
        from_debtor = min(dues, collateral)
        from_fund = min(dues - from_debtor, max(0, self.accounts[FUND]))
        self._pay(debtor, ESCROW, from_debtor)
        self._pay(FUND, ESCROW, from_fund)
        self._pay(LPD, ESCROW, dues - from_debtor - from_fund)

    def _failed(self, peer: str, side: str) -> bool:
        """Tell whether a peer missed its contracts by more than the dead band."""
        deals = self._of(side, peer)
        promised = sum(deal.promised for deal in deals)
        kept = sum(deal.delivered if side == "seller" else deal.accepted for deal in deals)
        band = Fraction(self.terms["dead_band_permille"] * promised, 1000)
        return promised - kept > max(band, Fraction(self.terms["dead_band_milliwh"]))

    # What a meter shows beyond contracts and cover ---------------------------------------------

    def _settle_rest(self, peer: str, net: int) -> None:
        rest = net - self._accounted_for(peer)
        worth_ueur = self._worth_of_rest(peer, rest)
        self._pay(self.residual, account_of(peer), worth_ueur)

    def _worth_of_rest(self, peer: str, rest: int) -> int:
        """What a peer gets for energy beyond contracts; it pays where this is negative. [µ€]"""
        short_ticks, long_ticks = self._beyond_ticks(peer)
        return _money(long_ticks, rest) if rest > 0 else -_money(short_ticks, -rest)

    def _beyond_ticks(self, peer: str) -> tuple[int, int]:
        """Prices of energy that a peer lacks and has too much; by the imbalance of all meters."""
        terms, kind = self.terms, self.terms.get("imbalance") or "none"
        if self.islanded:
            critical = peer in (terms.get("critical_peers") or "").split(",")
            return terms["critical_ticks" if critical else "retail_ticks"], terms["feed_in_ticks"]
        if kind == "none":
            return terms["retail_ticks"], terms["feed_in_ticks"]
        system = sum(self.everybody.values()) - int(terms["losses_milliwh"])
        sign = (system > 0) - (system < 0)
        regulating = {-1: "up_ticks", 0: "reference_ticks", 1: "down_ticks"}[sign]
        price, reference = terms[regulating], terms["reference_ticks"]
        if kind == "single":
            return price, price
        low, high = sorted((price, reference))
        return high, low

    # What the state gets -----------------------------------------------------------------------

    def _tax(self, peer: str, net: int) -> None:
        """A levy on all that is drawn; value added tax on its price, transport and the levy."""
        bought = [
            (d.row["price_ticks"], d.row["fee_ticks"], d.served) for d in self._of("buyer", peer)
        ]
        rest = net - self._accounted_for(peer)
        paid = sum(_money(price, energy) + _money(fee, energy) for price, fee, energy in bought)
        levy = _money(self.terms.get("levy_ticks") or 0, max(0, -net))
        base = max(0, paid + levy - (self._worth_of_rest(peer, rest) if rest < 0 else 0))
        vat = floor(Fraction(base * (self.terms.get("vat_permille") or 0), 1000) + Fraction(1, 2))
        self._pay(account_of(peer), STATE, levy + vat)

    def _accounted_for(self, peer: str) -> int:
        """Injection that some contract or cover has settled already."""
        if peer == LPD:
            return sum(
                deal.lpd_out - deal.lpd_in - self._excess_cover(deal) + self._excess_intake(deal)
                for deal in self.deals.values()
            )
        delivered = sum(deal.delivered for deal in self._of("seller", peer))
        drawn = sum(deal.served for deal in self._of("buyer", peer))
        replaced = self._planned("replacement", party=peer)
        return delivered - drawn + sum(self.replaced[number] for number in replaced)
