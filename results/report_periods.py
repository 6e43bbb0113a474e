"""One delivery period at a time: a sentence or two on each, and the table of all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from .outcome import PeriodOutcome, Prices
from .reading import Record
from .report_words import count, ct, join, kwh, span

__all__ = [
    "PERIOD_ROWS",
    "busiest",
    "inside_prices",
    "left",
    "nothing",
    "period_sentence",
    "period_table",
    "spread",
]

Outcomes = Sequence[PeriodOutcome]

PERIOD_ROWS = 1000
"""Rows of the table of periods; beyond, those in which most was exchanged."""


def period_sentence(period: PeriodOutcome) -> str:
    """Tell one period in a sentence or two."""
    if period.by_rule:
        told = f"{kwh(1000 * period.volume_wh)} were exchanged inside, of "
        told += f"{kwh(1000 * period.offers_wh)} fed in and {kwh(1000 * period.requests_wh)} drawn"
        return " ".join([f"{told}{inside_prices([period])}.", *period.remarks])
    if not period.volume_wh:
        return nothing(period)
    told = f"{kwh(1000 * period.volume_wh)} were traded in {count(period.trades, 'contract')}"
    if period.contracted_wh < period.volume_wh:
        told = f"{kwh(1000 * period.volume_wh)} were cleared, of which "
        told += f"{kwh(1000 * period.contracted_wh)} became {count(period.trades, 'contract')}"
    return f"{told}, {_paid(period)}. {left([period])}"


def left(periods: Outcomes) -> str:
    """Say what found no partner."""
    offers = sum(period.offers_wh - period.volume_wh for period in periods)
    requests = sum(period.requests_wh - period.volume_wh for period in periods)
    parts = [
        f"{kwh(1000 * energy)} {what}"
        for energy, what in (
            (offers, "of offers found no buyer"),
            (requests, "of requests found no seller"),
        )
        if energy > 0
    ]
    return f"{join(parts)}." if parts else "Nothing was left over."


def nothing(period: PeriodOutcome) -> str:
    """Say why a period has no trade, as far as its book tells."""
    book = period.book
    if book is None or not (book.buy_wh.size or book.sell_wh.size):
        return "Nobody gave an order."
    if not book.buy_wh.size:
        return f"{kwh(1000 * int(book.sell_wh.sum()))} were offered, and nobody asked for energy."
    if not book.sell_wh.size:
        return f"{kwh(1000 * int(book.buy_wh.sum()))} were asked for, and nobody offered energy."
    bid, ask = int(book.buy_ticks[0]), int(book.sell_ticks[0])
    best = f"the best bid was {ct(bid)} ct/kWh, the cheapest offer {ct(ask)} ct/kWh"
    if bid < ask:
        return f"Nobody would pay what anybody asked: {best}."
    return f"Nothing was traded though prices met ({best}): this mechanism's rules left it out."


def inside_prices(periods: Outcomes) -> str:
    """Internal prices of a rule, over all periods."""
    names = dict.fromkeys(name for period in periods for name in period.inside)
    parts = []
    for name in names:
        ticks = [period.inside[name] for period in periods if name in period.inside]
        parts.append(f"{name.replace('_', ' ')} {span(min(ticks), max(ticks))}")
    return f", at internal prices: {join(parts)}" if parts else ""


def spread(prices: Prices) -> str:
    told = span(prices.lowest_ticks, prices.highest_ticks)
    return told if prices.one else f"{told} ({ct(prices.mean_ticks)} on average)"


def _paid(period: PeriodOutcome) -> str:
    if period.paid is None or period.received is None:
        return "at no recorded price"
    if period.paid == period.received and period.paid.one:
        return f"all at {spread(period.paid)}"
    if period.paid == period.received:
        return f"at {spread(period.paid)}"
    return f"buyers paying {spread(period.paid)}, sellers getting {spread(period.received)}"


class Column(NamedTuple):
    """A column of numbers.

    Attributes
    ----------
    head : str
        What stands over it.
    digits : int
        Decimals.
    of : callable
        Where it comes from; None where there is nothing to say.
    zero_tells : bool
        Whether a column of zeros says something, as one of prices does.
    """

    head: str
    digits: int
    of: Callable[[PeriodOutcome], float | None]
    zero_tells: bool = False

    def tells(self, period: PeriodOutcome) -> bool:
        """Whether it says something of this period."""
        value = self.of(period)
        return value is not None and (self.zero_tells or value != 0)


def period_table(record: Record, periods: Outcomes) -> dict[str, Any]:
    """One row per period; columns that would say nothing are left out.

    Returns
    -------
    dict
        ``heads``, ``rows`` of text, the first column a time and the others numbers, and how
        many periods are ``left_out``.
    """
    rule = any(period.by_rule for period in periods)
    columns = _rule_columns(periods) if rule else _order_columns(periods)
    kept = [column for column in columns if any(column.tells(p) for p in periods)]
    rows = [
        [record.period_begin(period.period), *(_cell(column, period) for column in kept)]
        for period in busiest(periods, PERIOD_ROWS)
    ]
    heads = ["From", *(column.head for column in kept)]
    return {"heads": heads, "rows": rows, "left_out": len(periods) - len(rows)}


def busiest(periods: Outcomes, at_most: int) -> list[PeriodOutcome]:
    """Keep the periods in which most was exchanged, in order of time."""
    most = sorted(periods, key=lambda period: -period.volume_wh)[:at_most]
    return sorted(most, key=lambda period: period.period)


def _cell(column: Column, period: PeriodOutcome) -> str:
    value = column.of(period)
    return "–" if value is None else f"{value:.{column.digits}f}"


def _order_columns(periods: Outcomes) -> list[Column]:
    cut = any(p.contracted_wh < p.volume_wh for p in periods)
    contracted = Column("Contracted [kWh]", 3, lambda p: p.contracted_wh / 1e3)
    alike = all(p.paid == p.received for p in periods)
    sides = [("Paid", _paid_of), ("Received", _received_of)]
    prices = [
        column
        for what, of in ([("Price", _paid_of)] if alike else sides)
        for column in _price_columns(what, of, periods)
    ]
    return [
        Column("Traded [kWh]", 3, lambda p: p.volume_wh / 1e3),
        *([contracted] if cut else ()),
        Column("Contracts", 0, lambda p: p.trades),
        *prices,
        Column("Offers left [kWh]", 3, lambda p: (p.offers_wh - p.volume_wh) / 1e3),
        Column("Requests left [kWh]", 3, lambda p: (p.requests_wh - p.volume_wh) / 1e3),
        Column("Operator kept [€]", 4, lambda p: p.operator_ueur / 1e6),
        Column("Transport [€]", 4, lambda p: p.charges_ueur / 1e6),
        Column("Subscriptions [€]", 4, lambda p: p.subscriptions_ueur / 1e6),
        Column("Gain [€]", 4, _gain),
        Column("Of the possible [%]", 1, _efficiency),
    ]


def _paid_of(period: PeriodOutcome) -> Prices | None:
    return period.paid


def _received_of(period: PeriodOutcome) -> Prices | None:
    return period.received


def _price_columns(
    what: str, of: Callable[[PeriodOutcome], Prices | None], periods: Outcomes
) -> list[Column]:
    """One column where every period has but one price, else lowest, mean and highest."""
    if all(prices is None or prices.one for prices in map(of, periods)):
        return [_price_column(f"{what} [ct/kWh]", of, "mean_ticks")]
    return [
        _price_column(f"{what} {field} [ct/kWh]", of, f"{field}_ticks")
        for field in ("lowest", "mean", "highest")
    ]


def _price_column(head: str, of: Callable[[PeriodOutcome], Prices | None], field: str) -> Column:
    def price(period: PeriodOutcome) -> float | None:
        prices = of(period)
        return None if prices is None else getattr(prices, field) / 10

    return Column(head, 1, price, zero_tells=True)


def _gain(period: PeriodOutcome) -> float | None:
    book = period.book
    return book.gain_ueur / 1e6 if book is not None and book.by_limits else None


def _efficiency(period: PeriodOutcome) -> float | None:
    book = period.book
    if book is None or not book.by_limits or not book.possible_ueur:
        return None
    return 100 * book.gain_ueur / book.possible_ueur


def _rule_columns(periods: Outcomes) -> list[Column]:
    names = dict.fromkeys(name for period in periods for name in period.inside)
    return [
        Column("Fed in [kWh]", 3, lambda p: p.offers_wh / 1e3),
        Column("Drawn [kWh]", 3, lambda p: p.requests_wh / 1e3),
        Column("Met inside [kWh]", 3, lambda p: p.volume_wh / 1e3),
        *(_inside_column(name) for name in names),
        Column("From the supplier [€]", 4, lambda p: (p.supplier_ueur or 0) / 1e6),
    ]


def _inside_column(name: str) -> Column:
    def price(period: PeriodOutcome) -> float | None:
        return period.inside[name] / 10 if name in period.inside else None

    return Column(f"{name.replace('_', ' ').capitalize()} [ct/kWh]", 1, price, zero_tells=True)
