"""What happened, in plain sentences made from tables and events."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from .metrics import first_trip
from .outcome import PeriodOutcome, outcomes
from .reading import Record
from .report_bench import losses_told
from .report_words import count, eur, join, kwh, span

__all__ = ["failing_seller", "marks", "story"]

MARKED = {
    "trip": "trips",
    "generator_lost": "is lost",
    "load_changed": "changes its load",
    "load_shed": "load is shed",
    "black": "the feeder goes dark",
    "islanded": "the village parts from the grid",
    "resynchronised": "it joins the grid again",
    "black_start": "the former starts anew",
    "device_lost": "is not heard",
}
"""Kinds of events that every plot marks, and what is said of them."""


def failing_seller(record: Record) -> str | None:
    """The seller that tripped, or else the one that was short by most; None if all delivered."""
    trip = first_trip(record)
    if trip and trip.get("peer") in record.peers:
        return str(trip["peer"])
    short: dict[str, int] = {}
    for row in record.rows("contracts"):
        if row["fate"] != "cancelled":
            missing = 1000 * row["energy_wh"] - (row["delivered_milliwh"] or 0)
            short[row["seller"]] = short.get(row["seller"], 0) + missing
    worst = max(short, key=lambda peer: short[peer], default=None)
    return worst if worst is not None and short[worst] > 0 else None


def marks(record: Record) -> list[tuple[int, str]]:
    """Instants worth a mark in every plot: trips, losses of generators, blackouts."""
    found = [
        (event["tick"], f"{_who(event)} {MARKED[event['kind']]}".strip())
        for event in record.events
        if event["kind"] in MARKED
    ]
    return [mark for i, mark in enumerate(found) if mark not in found[:i]]


def story(record: Record) -> list[str]:
    """Tell the run in a few sentences."""
    told = [_market(record)]
    trip, seller = first_trip(record), failing_seller(record)
    if trip is not None:
        told += _failure(record, trip, seller)
    elif seller is not None:
        told.append(_shortfall(record))
    told += losses_told(record)
    if record.islanded and record.ticks.num_rows:
        told += _island(record)
    return [sentence for sentence in told if sentence]


def _market(record: Record) -> str:
    contracts, periods = record.rows("contracts"), outcomes(record)
    if any(period.by_rule for period in periods):
        return _shared(periods)
    if not contracts:
        return "Nothing was traded."
    energy = sum(row["energy_wh"] for row in contracts)
    sellers = {row["seller"] for row in contracts}
    buyers = {row["buyer"] for row in contracts}
    told = (
        f"{count(len(sellers), 'seller')} and {count(len(buyers), 'buyer')} made "
        f"{count(len(contracts), 'contract')} over {kwh(1000 * energy)}"
    )
    cleared = [period.price_ticks for period in periods if period.price_ticks is not None]
    if cleared:
        told += f", cleared at {span(min(cleared), max(cleared))}"
    else:
        prices = [row["price_ticks"] for row in contracts]
        told += f", for which buyers pay {span(min(prices), max(prices))}"
    return f"{told}."


def _shared(periods: Sequence[PeriodOutcome]) -> str:
    inside = sum(period.volume_wh for period in periods)
    used = sum(period.requests_wh for period in periods)
    return (
        f"No contracts were made: a rule shared what the meters showed. Of the "
        f"{kwh(1000 * used)} that members drew, {kwh(1000 * inside)} came from each other."
    )


def _failure(record: Record, trip: dict[str, Any], seller: str | None) -> list[str]:
    tick = trip["tick"]
    length = record.manifest.get("ticks_per_period") or 1
    period = tick // length
    mine = [row for row in record.rows("contracts") if row["seller"] == seller]
    hit = [row for row in mine if row["period"] == period]
    told = [f"At {record.clock(tick)} {_who(trip)} tripped" + _owed(record, hit, period) + "."]
    numbers = {row["contract_id"] for row in mine if row["period"] >= period}
    covers = [row for row in record.rows("covers") if row["contract_id"] in numbers]
    told.append(_noticed(record, covers, tick))
    told.append(_covered(covers))
    told.append(_voltage(record, tick))
    told.append(_paid(record, mine, seller))
    return told


def _who(event: dict[str, Any]) -> str:
    for kind in ("peer", "generator"):
        if event.get(kind):
            return str(event[kind])
    return str(event.get("device", ""))


def _owed(record: Record, hit: Sequence[dict[str, Any]], period: int) -> str:
    if not hit:
        return ""
    energy = sum(row["energy_wh"] for row in hit)
    length = record.manifest["ticks_per_period"]
    begin, end = (f"{record.moment((period + k) * length):%H:%M}" for k in (0, 1))
    buyers = len({row["buyer"] for row in hit})
    return (
        f". For {begin} to {end} it had sold {kwh(1000 * energy)} to {count(buyers, 'neighbour')}"
    )


def _noticed(record: Record, covers: Sequence[dict[str, Any]], tick: int) -> str:
    called = [c["called_tick"] for c in covers if (c["called_tick"] or -1) >= tick]
    started = [c["start_tick"] for c in covers if (c["start_tick"] or -1) >= tick]
    if not called:
        return ""
    told = f"The shortfall was noticed after {_seconds(record, min(called) - tick)}"
    if started:
        told += f", and cover began {_seconds(record, min(started) - tick)} after the trip"
    return f"{told}."


def _covered(covers: Sequence[dict[str, Any]]) -> str:
    names = {
        "own": "by its own storage",
        "lpd": "by the LPD's storage",
        "supplier": "by the supplier",
        "residual": "by the LPD in the supplier's place",
        "shed": "by nobody (load was shed)",
    }
    energy: dict[str, int] = {}
    replacing: set[str] = set()
    for row in covers:
        if row["direction"] != "absorb" and row["energy_milliwh"]:
            residual = row["kind"] == "supplier" and row["party"] == "lpd"
            kind = "residual" if residual else row["kind"]
            energy[kind] = energy.get(kind, 0) + row["energy_milliwh"]
            replacing |= {row["party"]} if row["kind"] == "replacement" else set()
    names["replacement"] = f"from unsold offers of {count(len(replacing), 'other')}"
    parts = [f"{kwh(milliwh)} {names[kind]}" for kind, milliwh in energy.items()]
    return f"What was missing was covered: {join(parts)}." if parts else ""


def _voltage(record: Record, tick: int) -> str:
    """Where the voltage moved most within a minute of the trip."""
    if not record.has("vm_pu"):
        return ""
    minute = round(60 / record.dt_s)
    near = (record.tick >= tick - minute) & (record.tick < tick + minute)
    after = record.tick[near] >= tick
    values = record.values("vm_pu")[near]
    if not after.any() or after.all():
        return ""
    means = values[~after].mean(axis=0), values[after].mean(axis=0)
    bus = int(np.abs(means[1] - means[0]).argmax())
    before, then = float(means[0][bus]), float(means[1][bus])
    word = "fell" if then < before else "rose"
    return (
        f"Voltage {word} most at {record.names('vm_pu')[bus]}, from {before:.4f} to "
        f"{then:.4f} p.u. (means of the minute before and after)."
    )


def _paid(record: Record, mine: Sequence[dict[str, Any]], seller: str | None) -> str:
    owed = sum(row["owed_seller_ueur"] or 0 for row in mine)
    if not owed:
        return ""
    borne = sum((row["borne_fund_ueur"] or 0) + (row["borne_lpd_ueur"] or 0) for row in mine)
    told = f"For that {seller} owed {eur(owed)} beyond what its buyers paid anyway"
    if borne:
        told += f"; {eur(owed - borne)} came from its collateral, {eur(borne)} from others"
    else:
        told += ", all of it from its collateral"
    checks = (record.verdict or {}).get("checks", ())
    if any(check["name"] == "compliant_party_whole" and check["passed"] for check in checks):
        told += ". Those who kept their word paid what they had agreed to, to the micro-euro"
    return f"{told}."


def _shortfall(record: Record) -> str:
    short = [row for row in record.rows("contracts") if row["fate"] not in ("delivered", "void")]
    return f"Nothing tripped; {count(len(short), 'contract')} did not go as agreed."


_OF_ISLANDS = {
    "black": "the feeder went dark",
    "islanded": "the village parted from the grid",
    "resynchronisation_refused": "it was not let back onto the grid",
    "resynchronisation_failed": "it gave up to join the grid",
    "resynchronised": "it joined the grid again",
    "black_start": "the grid-former started from nothing",
    "black_start_refused": "the grid-former was not started",
}


def _island(record: Record) -> list[str]:
    told = []
    for event in record.events:
        if event["kind"] == "generator_lost":
            told.append(f"At {record.clock(event['tick'])} {_who(event)} was lost.")
        if event["kind"] in _OF_ISLANDS:
            because = event.get("because", "")
            why = ": " + (because if isinstance(because, str) else "; ".join(because))
            what = f"At {record.clock(event['tick'])} {_OF_ISLANDS[event['kind']]}"
            told.append(what + (why if because else "") + ".")
    low = int(record.scalar("f_min_hz").argmin())
    high = int(record.scalar("f_max_hz").argmax())
    told.append(
        f"Islanded, the frequency went down to {record.scalar('f_min_hz')[low]:.2f} Hz at "
        f"{record.clock(int(record.tick[low]))} and up to {record.scalar('f_max_hz')[high]:.2f} Hz "
        f"at {record.clock(int(record.tick[high]))}."
    )
    if record.has("stages_shed") and record.scalar("stages_shed").any():
        stages = record.scalar("stages_shed")
        first = record.clock(int(record.tick[int((stages > 0).argmax())]))
        energy = sum(row["shed_milliwh"] for row in record.rows("meters"))
        told.append(
            f"{count(int(stages.max()), 'shedding stage')} acted, the first at {first}; "
            f"{kwh(energy)} went unserved."
        )
    return told


def _seconds(record: Record, ticks: int) -> str:
    seconds = ticks * record.dt_s
    return f"{seconds:.1f} s" if seconds < 60 else f"{seconds / 60:.1f} min"
