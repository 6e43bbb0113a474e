"""One delivery period that a rule billed, again from the papers' prices, in fractions.

Prices in ticks of 1 µ€/Wh, energy in mWh, so that their product is a nano-euro; money in µ€.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from math import floor
from typing import Any

from ._recomputed_period import LPD, STATE, SUPPLIER, Period, account_of

Row = Mapping[str, Any]
Tables = Mapping[str, Sequence[Row]]
Prices = tuple[Fraction, Fraction]

COMMUNITY = "community"
HALF = Fraction(1, 2)


def _mid_market_rate(retail: int, feed_in: int, supply: int, demand: int) -> Prices:
    """Long et al. 2017: the mean of the tariffs inside; the longer side averages with the grid."""
    mid = Fraction(retail + feed_in, 2)
    if supply >= demand:
        return (demand * mid + (supply - demand) * feed_in) / supply, mid
    return mid, (supply * mid + (demand - supply) * retail) / demand


def _bill_sharing(retail: int, feed_in: int, supply: int, demand: int) -> Prices:
    """Long et al. 2017: exports over all that is injected, imports over all that is drawn."""
    sell = Fraction(feed_in * max(0, supply - demand), supply) if supply else Fraction(0)
    buy = Fraction(retail * max(0, demand - supply), demand) if demand else Fraction(0)
    return sell, buy


def _supply_demand_ratio(retail: int, feed_in: int, supply: int, demand: int) -> Prices:
    """Liu et al. 2017: hyperbolic in the ratio for sellers, budget balanced for buyers."""
    if supply >= demand:
        return Fraction(feed_in), Fraction(feed_in)
    ratio = Fraction(supply, demand)
    sell = retail * feed_in / ((retail - feed_in) * ratio + feed_in)
    return sell, sell * ratio + retail * (1 - ratio)


PRICES: Mapping[str, Callable[[int, int, int, int], Prices]] = {
    "mid_market_rate": _mid_market_rate,
    "bill_sharing": _bill_sharing,
    "supply_demand_ratio": _supply_demand_ratio,
}


class RulePeriod:
    """One delivery period without contracts: what each member gets, then who pays whom."""

    def __init__(self, terms: Row, tables: Tables, accounts: defaultdict[str, int]) -> None:
        self.terms, self.tables, self.accounts = terms, tables, accounts
        self.residual = LPD if terms["residual"] == LPD else SUPPLIER
        self.by_themselves = {LPD, *(row["peer"] for row in self._rows("absent"))}
        self.net = {
            row["peer"]: int(row["net_milliwh"])
            for row in self._rows("meters")
            if row["peer"] not in self.by_themselves
        }
        self.bills = {row["peer"]: row for row in self._rows("bills")}

    def _rows(self, table: str) -> list[Row]:
        return [row for row in self.tables.get(table, ()) if row["period"] == self.terms["period"]]

    def settle(self) -> None:
        receives = self.receives()
        supplier_pays = self._supplier_pays(sum(receives.values()))
        self.accounts[self.residual] -= supplier_pays
        self.accounts[COMMUNITY] += supplier_pays - sum(receives.values())
        for peer, amount in receives.items():
            self.accounts[account_of(peer)] += amount
        self._tax(receives)
        no_member = [row for row in self._rows("meters") if row["peer"] in self.by_themselves]
        beside = {"meters": no_member, "contracts": (), "covers": ()}
        rest = Period(self.terms, beside, self.accounts)
        rest.everybody = self.net | rest.net
        rest.settle()

    def _tax(self, receives: Mapping[str, int]) -> None:
        """A levy on all that is drawn; value added tax on bills to be paid, and on the levy."""
        for peer, net in self.net.items():
            levy = floor(Fraction((self.terms.get("levy_ticks") or 0) * max(0, -net), 1000) + HALF)
            base = max(0, levy - min(0, receives[peer]))
            vat = floor(Fraction(base * (self.terms.get("vat_permille") or 0), 1000) + HALF)
            self.accounts[account_of(peer)] -= levy + vat
            self.accounts[STATE] += levy + vat

    def receives(self) -> dict[str, int]:
        """What each member gets; of a rule that is not known, what its bills say. [µ€]"""
        rule = self.terms["rule"]
        if rule == "status_quo":
            return self.status_quo()
        if rule in PRICES:
            return self._at(PRICES[rule])
        return {peer: int(row["receives_ueur"]) for peer, row in self.bills.items()}

    def status_quo(self) -> dict[str, int]:
        """What each member would get by itself. [µ€]"""
        return {peer: floor(self._nano(net) / 1000 + HALF) for peer, net in self.net.items()}

    def _nano(self, net: int) -> Fraction:
        """What the supplier pays for energy, exactly; negative for what it sells. [n€]"""
        return Fraction(net * self.terms["feed_in_ticks" if net > 0 else "retail_ticks"])

    def _supplier_pays(self, shared: int) -> int:
        """The supplier's bill of what was not exchanged inside, as one customer's.

        A rule may also leave every member to its own bill; then these add up to what is shared.
        """
        if self.terms["rule"] in PRICES:
            return floor(self._nano(sum(self.net.values())) / 1000 + HALF)
        outside = [
            net - int(self.bills[peer]["inside_milliwh"]) if peer in self.bills else net
            for peer, net in self.net.items()
        ]
        each = sum(floor(self._nano(net) / 1000 + HALF) for net in outside)
        sides = [sum(n for n in outside if n > 0), sum(n for n in outside if n < 0)]
        as_one = sum(floor(self._nano(side) / 1000 + HALF) for side in sides)
        return each if shared == each or self.terms["rule"] == "status_quo" else as_one

    def _at(self, prices_of: Callable[[int, int, int, int], Prices]) -> dict[str, int]:
        """Bill everybody at a price for sellers and one for buyers.

        What sellers get together is cut to half nano-euros, and rounded to µ€ when it is paid out;
        buyers pay the rest of the supplier's bill.
        """
        sellers = {peer: net for peer, net in self.net.items() if net > 0}
        buyers = {peer: net for peer, net in self.net.items() if net < 0}
        supply, demand = sum(sellers.values()), -sum(buyers.values())
        if not supply and not demand:
            return dict.fromkeys(self.net, 0)
        tariffs = self.terms["retail_ticks"], self.terms["feed_in_ticks"]
        sell, buy = prices_of(*tariffs, supply, demand)
        earned = floor(2 * sell * supply) * HALF
        paid = -buy * demand + (sell * supply - earned)
        total = floor(self._nano(supply - demand) / 1000 + HALF)
        to_sellers = floor(earned / 1000 + HALF)
        receives = dict.fromkeys(self.net, 0)
        receives |= _round_to(
            to_sellers, {p: earned * n / (1000 * supply) for p, n in sellers.items()}
        )
        receives |= _round_to(
            total - to_sellers, {p: -paid * n / (1000 * demand) for p, n in buyers.items()}
        )
        return receives


def _round_to(total: int, exact: Mapping[str, Fraction]) -> dict[str, int]:
    """Round down, and up where most is cut off, the earlier first, until the total is reached."""
    whole = {peer: floor(amount) for peer, amount in exact.items()}
    by_cut = sorted(exact, key=lambda peer: whole[peer] - exact[peer])
    for peer in by_cut[: total - sum(whole.values())]:
        whole[peer] += 1
    return whole
