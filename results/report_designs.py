"""A market design in figures, period by period: welfare, the world outside, communities, prices.

For the mechanisms `full_p2p`, `community` and `hybrid`. Welfare is by what the orders said, less
what the way between the two sides costs: transport and transaction costs.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from .outcome import PeriodOutcome, outcomes
from .reading import Record
from .report_negotiation import negotiation_told
from .report_words import ct, eur, kwh

__all__ = ["DESIGNS", "DesignPeriod", "design_periods", "designs_section"]

DESIGNS = ("full_p2p", "community", "hybrid")
"""Mechanisms that are designs."""

SIDES = ("seller", "buyer")

Rows = Sequence[Mapping[str, Any]]


class DesignPeriod(NamedTuple):
    """What a design came to in one period.

    Attributes
    ----------
    period : int
    welfare_ueur : int or None
        None where premiums hide what a trade is worth. [µ€]
    import_milliwh, export_milliwh : int
        What peers bought from the supplier and sold to it. [mWh]
    import_ueur, export_ueur : int
        What that cost and brought, at the tariffs. [µ€]
    across_wh : int or None
        What communities sold to one another; None without communities. [Wh]
    low_ticks, mean_ticks, high_ticks : float or None
        What buyers paid; None without trades. [µ€/Wh]
    """

    period: int
    welfare_ueur: int | None
    import_milliwh: int
    export_milliwh: int
    import_ueur: int
    export_ueur: int
    across_wh: int | None
    low_ticks: float | None
    mean_ticks: float | None
    high_ticks: float | None


def design_periods(record: Record) -> list[DesignPeriod]:
    """Work out each period from the recorded tables alone."""
    contracts, outside = _by_period(record, "contracts"), _by_period(record, "rows")
    communities = _communities(record)
    return [
        _period(one, contracts[one.period], outside[one.period], communities)
        for one in outcomes(record)
    ]


def designs_section(record: Record) -> dict[str, Any] | None:
    """Everything that the page says of a design; None where the market is none."""
    if record.market["mechanism"] not in DESIGNS:
        return None
    periods = design_periods(record)
    with_communities = any(one.across_wh is not None for one in periods)
    heads = ["From", "Social welfare [€]", "Imported [kWh]", "Import cost [€]", "Exported [kWh]"]
    heads += ["Export revenue [€]"]
    heads += ["Between communities [kWh]"] if with_communities else []
    heads += ["Lowest price [ct/kWh]", "Mean", "Highest", "Spread"]
    return {
        "told": _told(periods),
        "negotiation": negotiation_told(record),
        "heads": heads,
        "rows": [_row(record, one, with_communities) for one in periods],
    }


def _period(
    one: PeriodOutcome, contracts: Rows, rows: Rows, communities: Mapping[str, str]
) -> DesignPeriod:
    retail, feed_in = one.retail_ticks or 0, one.feed_in_ticks or 0
    with_supplier = [row["energy_milliwh"] for row in rows if row["kind"] == "supplier"]
    bought = -sum(energy for energy in with_supplier if energy < 0)
    sold = sum(energy for energy in with_supplier if energy > 0)
    paid = one.paid
    return DesignPeriod(
        period=one.period,
        welfare_ueur=_welfare_ueur(one, contracts),
        import_milliwh=bought,
        export_milliwh=sold,
        import_ueur=bought * retail // 1000,
        export_ueur=sold * feed_in // 1000,
        across_wh=_across_wh(contracts, communities),
        low_ticks=paid.lowest_ticks if paid else None,
        mean_ticks=paid.mean_ticks if paid else None,
        high_ticks=paid.highest_ticks if paid else None,
    )


def _welfare_ueur(one: PeriodOutcome, contracts: Rows) -> int | None:
    if one.book is None or not one.book.by_limits:
        return None
    way: int = sum(row["energy_wh"] * (row["fee_ticks"] + _kept_ticks(row)) for row in contracts)
    return one.book.gain_ueur - way


def _kept_ticks(contract: Mapping[str, Any]) -> int:
    """What of a Wh's price is the operator's. [µ€/Wh]"""
    receipt = contract["receipt_ticks"]
    return 0 if receipt is None else int(contract["price_ticks"] - receipt)


def _across_wh(contracts: Rows, communities: Mapping[str, str]) -> int | None:
    if not communities:
        return None
    # Who is in no community stands for itself.
    group = {
        row[side]: communities.get(row[side], row[side]) for row in contracts for side in SIDES
    }
    across: list[int] = [
        row["energy_wh"] for row in contracts if group[row["seller"]] != group[row["buyer"]]
    ]
    return sum(across)


def _communities(record: Record) -> dict[str, str]:
    """The outermost community of each member, by the options; else the zone that it is in."""
    resolved = record.manifest.get("resolved") or {}
    market = (resolved.get("scenario") or {}).get("market") or {}
    parts = (market.get("options") or {}).get("communities") or ()
    found = {name: part["name"] for part in parts for name in _members(part)}
    zones = {peer["name"]: peer.get("zone") for peer in resolved.get("peers") or ()}
    return found or {name: zone for name, zone in zones.items() if zone}


def _members(part: Mapping[str, Any]) -> list[str]:
    inner = [name for one in part.get("parts") or () for name in _members(one)]
    return [*(part.get("members") or ()), *inner]


def _told(periods: Sequence[DesignPeriod]) -> list[str]:
    told = []
    known = [one.welfare_ueur for one in periods if one.welfare_ueur is not None]
    if len(known) == len(periods) and known:
        told.append(
            f"By what the orders said, less what the way between the two sides costs, the design "
            f"is worth {eur(sum(known))}."
        )
    imported, exported = (
        sum(getattr(one, name) for one in periods) for name in ("import_milliwh", "export_milliwh")
    )
    told.append(
        f"From the supplier, peers took {kwh(imported)} for "
        f"{eur(sum(one.import_ueur for one in periods))}; to it they gave {kwh(exported)} for "
        f"{eur(sum(one.export_ueur for one in periods))}."
    )
    across = [one.across_wh for one in periods if one.across_wh is not None]
    if across:
        told.append(f"Between communities, {kwh(1000 * sum(across))} were sold.")
    return told


def _row(record: Record, one: DesignPeriod, with_communities: bool) -> list[str]:
    cells = [record.period_begin(one.period), _eur(one.welfare_ueur)]
    cells += [f"{one.import_milliwh / 1e6:.3f}", _eur(one.import_ueur)]
    cells += [f"{one.export_milliwh / 1e6:.3f}", _eur(one.export_ueur)]
    if with_communities:
        cells.append("" if one.across_wh is None else f"{one.across_wh / 1000:.3f}")
    low, mean, high = one.low_ticks, one.mean_ticks, one.high_ticks
    if low is None or mean is None or high is None:
        return [*cells, "", "", "", ""]
    return [*cells, ct(low), ct(mean), ct(high), ct(high - low)]


def _eur(ueur: int | None) -> str:
    return "" if ueur is None else f"{ueur / 1e6:.3f}"


def _by_period(record: Record, table: str) -> dict[int, list[dict[str, Any]]]:
    found: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for row in record.rows(table):
        found[row["period"]].append(row)
    return found
