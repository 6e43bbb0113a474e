"""What each delivery period's market came to: energy, prices, what was left over, who kept what.

Worked out from the recorded tables alone, for order-driven markets and for pricing rules alike.
Gains from trade are measured by what the orders said: what buyers would have paid at most, less
what sellers would have taken at least, before charges; where buyers offer premiums for what they
prefer, limits do not say it, and no gain is told.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from .reading import Record

__all__ = ["Book", "PeriodOutcome", "Prices", "books", "outcomes", "possible_gain_ueur"]

Ints = npt.NDArray[np.int64]
Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Prices:
    """Prices over the energy traded at them. [µ€/Wh]"""

    lowest_ticks: int
    mean_ticks: float
    highest_ticks: int

    @property
    def one(self) -> bool:
        """Whether there is but one price."""
        return self.lowest_ticks == self.highest_ticks


@dataclass(frozen=True, eq=False)
class Book:
    """The orders of one period: buys from the dearest, sells from the cheapest.

    Attributes
    ----------
    buy_ticks, buy_wh, buy_filled_wh, sell_ticks, sell_wh, sell_filled_wh : (n,), (m,) int64
        Limits, energies and what of them was cleared. [µ€/Wh], [Wh]
    buy_premium_ticks : (n,) int64
        The most that a buyer would add to its limit for energy that it prefers. [µ€/Wh]
    """

    buy_ticks: Ints
    buy_wh: Ints
    buy_filled_wh: Ints
    sell_ticks: Ints
    sell_wh: Ints
    sell_filled_wh: Ints
    buy_premium_ticks: Ints

    @property
    def by_limits(self) -> bool:
        """Whether limits alone say what trade is worth; premiums say more, seller by seller."""
        return not self.buy_premium_ticks.any()

    @cached_property
    def gain_ueur(self) -> int:
        """Gain from the trades that were cleared. [µ€]"""
        return int(self.buy_filled_wh @ self.buy_ticks - self.sell_filled_wh @ self.sell_ticks)

    @cached_property
    def possible_ueur(self) -> int:
        """Gain at competitive equilibrium. [µ€]"""
        return possible_gain_ueur(self.buy_ticks, self.buy_wh, self.sell_ticks, self.sell_wh)


@dataclass(frozen=True, kw_only=True)
class PeriodOutcome:
    """One delivery period.

    Attributes
    ----------
    volume_wh : int
        Cleared by orders, or exchanged inside the community by a rule.
    offers_wh, requests_wh : int
        Asked and offered in orders; by a rule, metered injection and withdrawal.
    price_ticks : int or None
        The uniform price, where there is one.
    paid, received : Prices or None
        What buyers pay and sellers get by contract; None without contracts.
    trades, contracted_wh : int
        Number of contracts and their energy, which is less than the volume where the grid did not
        admit all of it.
    operator_ueur : int
        What the mechanism's operator kept (or added, negative) on delivered energy.
    charges_ueur, subscriptions_ueur : int
        Transport fees to the DSO, and what peers owed whatever they traded.
    book : Book or None
        None when there are no orders.
    supplier_ueur : int or None
        By a rule: what the supplier pays the community (negative: is paid).
    inside : Mapping of str to float
        By a rule: internal prices by name. [µ€/Wh]
    remarks : tuple of str
        What a rule says of its result.
    """

    period: int
    volume_wh: float
    offers_wh: float = 0
    requests_wh: float = 0
    price_ticks: int | None = None
    retail_ticks: int | None = None
    feed_in_ticks: int | None = None
    paid: Prices | None = None
    received: Prices | None = None
    trades: int = 0
    contracted_wh: int = 0
    operator_ueur: int = 0
    charges_ueur: int = 0
    subscriptions_ueur: int = 0
    book: Book | None = None
    supplier_ueur: int | None = None
    inside: Mapping[str, float] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()

    @property
    def by_rule(self) -> bool:
        """Whether a rule shared what meters showed."""
        return self.supplier_ueur is not None


def outcomes(record: Record) -> list[PeriodOutcome]:
    """Every period that the market or a rule dealt with, in order of time."""
    contracts = _by_period(record.rows("contracts"))
    bills = _by_period(record.rows("bills"))
    known = {row["period"]: row for row in record.rows("periods")}
    owed: dict[int, int] = defaultdict(int)
    for row in record.rows("subscriptions"):
        owed[row["period"]] += row["amount_ueur"]
    prices, terms = _rule_prices(record), _by_period(record.rows("settlement"))
    orders = books(record)
    return [
        _by_bills(period, bills[period], terms.get(period, [{}])[0], *prices.get(period, ({}, ())))
        if period in bills
        else _by_orders(
            known.get(period, {"period": period}),
            contracts.get(period, []),
            orders.get(period),
            owed[period],
        )
        for period in sorted(known.keys() | contracts.keys() | bills.keys())
    ]


def books(record: Record) -> dict[int, Book]:
    """The orders of every period, sorted by limit, equal limits in the order given.

    The table may bring a column ``premium_ticks``; see `Book`.
    """
    table = record.table("orders")
    if not table.num_rows:
        return {}
    period, ticks, energy, filled = (
        table[name].to_numpy() for name in ("period", "price_ticks", "energy_wh", "filled_wh")
    )
    premium = np.zeros(table.num_rows, dtype=np.int64)
    if "premium_ticks" in table.column_names:
        premium[:] = table["premium_ticks"].fill_null(0).to_numpy()
    is_buy = np.array(table["side"].to_pylist()) == "buy"
    turn = np.lexsort((np.where(is_buy, -ticks, ticks), ~is_buy, period))
    found = {}
    for rows in np.split(turn, np.flatnonzero(np.diff(period[turn])) + 1):
        buys, sells = np.split(rows, [int(is_buy[rows].sum())])
        found[int(period[rows[0]])] = Book(
            buy_ticks=ticks[buys],
            buy_wh=energy[buys],
            buy_filled_wh=filled[buys],
            sell_ticks=ticks[sells],
            sell_wh=energy[sells],
            sell_filled_wh=filled[sells],
            buy_premium_ticks=premium[buys],
        )
    return found


def possible_gain_ueur(buy_ticks: Ints, buy_wh: Ints, sell_ticks: Ints, sell_wh: Ints) -> int:
    """Work out the gain from trade at competitive equilibrium.

    Parameters
    ----------
    buy_ticks, buy_wh : (n,) int64 array
        Dearest first. [µ€/Wh], [Wh]
    sell_ticks, sell_wh : (m,) int64 array
        Cheapest first. [µ€/Wh], [Wh]

    Returns
    -------
    int
        The area between both curves as far as demand lies above supply. [µ€]
    """
    if not (buy_wh.size and sell_wh.size):
        return 0
    asked, offered = np.cumsum(buy_wh), np.cumsum(sell_wh)
    ends = np.union1d(asked, offered)
    ends = ends[ends <= min(asked[-1], offered[-1])]
    widths = np.diff(ends, prepend=0)
    margin = buy_ticks[np.searchsorted(asked, ends)] - sell_ticks[np.searchsorted(offered, ends)]
    return int(widths @ np.maximum(margin, 0))


def _by_period(rows: Sequence[dict[str, Any]]) -> dict[int, list[dict[str, Any]]]:
    found: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        found[row["period"]].append(row)
    return dict(found)


def _by_orders(
    known: Row, contracts: Sequence[Row], book: Book | None, subscriptions_ueur: int
) -> PeriodOutcome:
    energy = [row["energy_wh"] for row in contracts]
    paid = [row["price_ticks"] for row in contracts]
    received = [_receipt(row) for row in contracts]
    return PeriodOutcome(
        period=known["period"],
        volume_wh=known.get("volume_wh", sum(energy)),
        offers_wh=known.get("offers_wh", 0),
        requests_wh=known.get("requests_wh", 0),
        price_ticks=known.get("price_ticks"),
        retail_ticks=known.get("retail_ticks"),
        feed_in_ticks=known.get("feed_in_ticks"),
        paid=_prices(paid, energy),
        received=_prices(received, energy),
        trades=len(contracts),
        contracted_wh=sum(energy),
        operator_ueur=sum(_kept_ueur(row) for row in contracts),
        charges_ueur=sum(row["fee_ueur"] or 0 for row in contracts),
        subscriptions_ueur=subscriptions_ueur,
        book=book,
    )


def _receipt(contract: Row) -> int:
    receipt = contract["receipt_ticks"]
    return int(contract["price_ticks"] if receipt is None else receipt)


def _kept_ueur(contract: Row) -> int:
    """What the operator keeps of a contract's delivered energy, as settlement rounds it. [µ€]"""
    margin_ticks = _receipt(contract) - contract["price_ticks"]
    return -int((margin_ticks * (contract["delivered_milliwh"] or 0) + 500) // 1000)


def _prices(ticks: Sequence[int], energy_wh: Sequence[int]) -> Prices | None:
    traded = sum(energy_wh)
    if not traded:
        return None
    worth = sum(price * energy for price, energy in zip(ticks, energy_wh, strict=True))
    return Prices(min(ticks), worth / traded, max(ticks))


def _by_bills(
    period: int,
    bills: Sequence[Row],
    terms: Row,
    inside: Mapping[str, float],
    remarks: tuple[str, ...],
) -> PeriodOutcome:
    net = [row["net_milliwh"] for row in bills]
    return PeriodOutcome(
        period=period,
        volume_wh=sum(max(0, row["inside_milliwh"]) for row in bills) / 1000,
        offers_wh=sum(max(0, milliwh) for milliwh in net) / 1000,
        requests_wh=sum(max(0, -milliwh) for milliwh in net) / 1000,
        retail_ticks=terms.get("retail_ticks"),
        feed_in_ticks=terms.get("feed_in_ticks"),
        supplier_ueur=sum(row["receives_ueur"] for row in bills),
        inside=inside,
        remarks=remarks,
    )


def _rule_prices(record: Record) -> dict[int, tuple[dict[str, float], tuple[str, ...]]]:
    """Internal prices and remarks by period."""
    prices: dict[int, dict[str, float]] = defaultdict(dict)
    remarks: dict[int, list[str]] = defaultdict(list)
    for row in record.rows("rule_prices"):
        prices[row["period"]][row["name"]] = row["price_ticks"]
    for row in record.rows("remarks"):
        remarks[row["period"]].append(row["remark"])
    return {
        period: (prices[period], tuple(remarks[period]))
        for period in prices.keys() | remarks.keys()
    }
