"""The market in words and tables: how it arrives at its result, and what it came to."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from .outcome import PeriodOutcome, Prices, outcomes
from .reading import Record
from .report_forward import forward_sentence
from .report_levels import LEVEL_HEADS, level_rows, levels_sentence
from .report_periods import (
    PERIOD_ROWS,
    busiest,
    inside_prices,
    left,
    nothing,
    period_sentence,
    period_table,
    spread,
)
from .report_words import count, ct, eur, kwh, percent

__all__ = ["market_section", "price_paths", "summary"]

Outcomes = Sequence[PeriodOutcome]


def market_section(record: Record) -> dict[str, Any] | None:
    """Everything that the page says of the market; None where no market was recorded."""
    periods = outcomes(record)
    if not periods:
        return None
    return {
        "how": how(record),
        "summary": summary(record, periods),
        "table": period_table(record, periods),
        "sentences": [
            (period.period, record.period_span(period.period), period_sentence(period))
            for period in busiest(periods, PERIOD_ROWS)
        ],
        "admission": _admission(record),
        "levels": {"heads": LEVEL_HEADS, "rows": level_rows(record)},
    }


def how(record: Record) -> dict[str, str]:
    """The name that the scenario gives the mechanism, and the mechanism's sentence on itself."""
    return {"name": record.market["mechanism"], "summary": record.market["summary"]}


def summary(record: Record, periods: Outcomes) -> list[str]:
    """Tell what all periods together came to."""
    if not periods:
        return ["No delivery period was cleared."]
    if any(period.by_rule for period in periods):
        return _rule_summary(periods)
    told = [_volume(periods), _price(periods), _path(record, periods), _gain(periods)]
    told += [_operator(periods), _charges(periods), _subscriptions(periods)]
    told += [forward_sentence(record), levels_sentence(record), _cut(record)]
    return [sentence for sentence in told if sentence]


def _volume(periods: Outcomes) -> str:
    volume = sum(period.volume_wh for period in periods)
    over = f"Over {count(len(periods), 'period')}"
    if not volume:
        return f"{over} nothing was traded. {nothing(periods[0])}"
    offers = sum(period.offers_wh for period in periods)
    requests = sum(period.requests_wh for period in periods)
    cut = any(period.contracted_wh < period.volume_wh for period in periods)
    told = f"{over}, {kwh(1000 * volume)} were {'cleared' if cut else 'traded'}"
    if offers and requests:
        told += f": {percent(volume, offers)} of what was offered and "
        told += f"{percent(volume, requests)} of what was asked for"
    idle = sum(not period.volume_wh for period in periods)
    quiet = f" In {count(idle, 'period')} nothing was traded." if idle else ""
    return f"{told}. {left(periods)}{quiet}"


def _price(periods: Outcomes) -> str:
    traded = [period for period in periods if period.paid is not None]
    if not traded:
        return ""
    volumes = [period.volume_wh for period in traded]
    paid = _together([period.paid for period in traded], volumes)
    received = _together([period.received for period in traded], volumes)
    told = f"Buyers paid {spread(paid)}"
    alike = all(period.paid == period.received for period in traded)
    told += " and sellers got the same" if alike else f"; sellers got {spread(received)}"
    if all(period.paid is not None and period.paid.one for period in traded) and len(traded) > 1:
        told += ", one price in each period"
    tariffs = [p for p in traded if p.retail_ticks is not None and p.feed_in_ticks is not None]
    if tariffs:
        retail, feed_in = tariffs[0].retail_ticks or 0, tariffs[0].feed_in_ticks or 0
        told += f". The supplier asks {ct(retail)} and pays {ct(feed_in)} ct/kWh"
    return f"{told}."


def _together(prices: Sequence[Prices | None], volumes_wh: Sequence[float]) -> Prices:
    """Prices of several periods, weighted by what was traded in them."""
    found = [(one, wh) for one, wh in zip(prices, volumes_wh, strict=True) if one is not None]
    worth = sum(one.mean_ticks * wh for one, wh in found)
    return Prices(
        min(one.lowest_ticks for one, _ in found),
        worth / (sum(wh for _, wh in found) or 1),
        max(one.highest_ticks for one, _ in found),
    )


def _path(record: Record, periods: Outcomes) -> str:
    """Say how many trades a continuous auction saw, and how far its price moved."""
    if record.market["mechanism"] != "continuous":
        return ""
    moves = 0.0
    trades = sum(period.trades for period in periods)
    for rows in price_paths(record).values():
        moves = max([moves, *(abs(b - a) for a, b in pairwise(rows))])
    told = f"{count(trades, 'trade')} followed one another"
    return f"{told[0].upper()}{told[1:]}; the price moved by at most {ct(moves)} ct/kWh at once."


def price_paths(record: Record) -> dict[int, list[int]]:
    """Prices of each period's trades in their order. [µ€/Wh]"""
    found: dict[int, list[int]] = {}
    for row in sorted(record.rows("contracts"), key=lambda row: row["contract_id"]):
        found.setdefault(row["period"], []).append(row["price_ticks"])
    return found


def _gain(periods: Outcomes) -> str:
    books = [p.book for p in periods if p.book is not None and p.book.by_limits]
    possible = sum(book.possible_ueur for book in books)
    if not possible:
        return ""
    gain = sum(book.gain_ueur for book in books)
    return (
        f"By what the orders said, trade was worth {eur(gain)}: {percent(gain, possible)} of what "
        f"a competitive equilibrium of these orders gives."
    )


def _operator(periods: Outcomes) -> str:
    kept = sum(period.operator_ueur for period in periods)
    if kept > 0:
        return f"Buyers paid more than sellers got: the operator kept {eur(kept)}."
    if kept < 0:
        return (
            f"Sellers got more than buyers paid: the operator made up the deficit of {eur(-kept)}."
        )
    return ""


def _charges(periods: Outcomes) -> str:
    charges = sum(period.charges_ueur for period in periods)
    return f"For transport, buyers paid the DSO {eur(charges)} on top." if charges else ""


def _subscriptions(periods: Outcomes) -> str:
    owed = sum(period.subscriptions_ueur for period in periods)
    return f"Subscriptions brought the operator {eur(owed)}." if owed else ""


def _cut(record: Record) -> str:
    cut = _cut_rows(record)
    if not cut:
        return ""
    rejected = sum(not row["admitted_wh"] for row in cut)
    lost = sum(row["asked_wh"] - row["admitted_wh"] for row in cut)
    return (
        f"The grid did not admit {kwh(1000 * lost)}: {count(rejected, 'trade')} "
        f"{'was' if rejected == 1 else 'were'} rejected and {len(cut) - rejected} cut."
    )


def _rule_summary(periods: Outcomes) -> list[str]:
    inside = sum(period.volume_wh for period in periods)
    fed_in = sum(period.offers_wh for period in periods)
    drawn = sum(period.requests_wh for period in periods)
    told = (
        f"Over {count(len(periods), 'period')}, members fed in {kwh(1000 * fed_in)} and drew "
        f"{kwh(1000 * drawn)}; {kwh(1000 * inside)} of it met inside the community"
    )
    due = sum(period.supplier_ueur or 0 for period in periods)
    whom = "The supplier paid the community" if due > 0 else "The community paid the supplier"
    remarks = dict.fromkeys(remark for period in periods for remark in period.remarks)
    return [
        f"{told}{inside_prices(periods)}.",
        f"{whom} {eur(abs(due))}.",
        *list(remarks)[:REMARKS],
    ]


REMARKS = 6
"""Remarks of a rule that the summary repeats; those of every period stand with its period."""


def _cut_rows(record: Record) -> list[dict[str, Any]]:
    rows = record.rows("admission")
    return [row for row in rows if row["admitted_wh"] < row["asked_wh"]]


ADMISSION_ROWS = 1000
"""Rows of the table of trades that were not admitted; of more, those that lost most."""


def _admission(record: Record) -> dict[str, Any]:
    """Trades that the grid cut or rejected, with the time they were for."""
    cut = _cut_rows(record)
    kept = sorted(cut, key=lambda row: row["admitted_wh"] - row["asked_wh"])[:ADMISSION_ROWS]
    kept.sort(key=lambda row: row["period"])
    rows = [{**row, "time": record.period_begin(row["period"])} for row in kept]
    return {"rows": rows, "left_out": len(cut) - len(rows)}
