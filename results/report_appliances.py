"""How appliances waited in a run: comfort by kind, vehicles when they left, and what was taken."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .reading import Record
from .report_canvas import BLUE, GREEN, ORANGE, Canvas, put_legend
from .report_plots import Plot
from .report_words import count

__all__ = ["appliances_plot", "appliances_section"]

KINDS = {
    "heat_pump": "Heat pumps",
    "electric_heating": "Electric heating",
    "water_heater": "Water heaters",
    "freezer": "Freezers",
}

Rows = Sequence[Mapping[str, Any]]


def appliances_section(record: Record) -> dict[str, Any] | None:
    """Everything that the page says of appliances; None where nobody has any."""
    things, stays = record.rows("appliances"), record.rows("charging")
    if not things and not stays:
        return None
    left = [stay for stay in stays if stay["has_left"]]
    length_s = record.ticks.num_rows * record.dt_s
    return {
        "told": [*_comfort(things), *_departures(left)],
        "kinds": [
            _line(name, [thing for thing in things if thing["kind"] == kind], length_s)
            for kind, name in KINDS.items()
            if any(thing["kind"] == kind for thing in things)
        ],
        "stays": [_stay(record, stay) for stay in stays],
    }


def _comfort(things: Rows) -> list[str]:
    if not things:
        return []
    cold = [thing for thing in things if thing["outside_s"] > 0]
    if not cold:
        return [f"All {len(things)} things with a thermostat kept their comfort all the time."]
    worst = max(cold, key=lambda thing: thing["outside_s"])
    who = f"{worst['kind'].replace('_', ' ')} of {worst['peer']}"
    return [
        f"{count(len(cold), 'thing').capitalize()} of {len(things)} left comfort; longest "
        f"the {who}, {worst['outside_s'] / 60:.1f} min, between {worst['lowest_c']:.1f} and "
        f"{worst['highest_c']:.1f} °C."
    ]


def _departures(left: Rows) -> list[str]:
    if not left:
        return []
    full = sum(_is_full(stay) for stay in left)
    return [f"{full} of {len(left)} vehicles that left were full."]


def _is_full(stay: Mapping[str, Any]) -> bool:
    return bool(stay["charged_kwh"] >= stay["wanted_kwh"] - 1e-6)


def _line(name: str, things: Rows, length_s: float) -> dict[str, Any]:
    outside_s = sum(thing["outside_s"] for thing in things)
    return {
        "kind": name,
        "things": len(things),
        "kept": 100 * (1 - outside_s / (length_s * len(things))),
        "lowest_c": min(thing["lowest_c"] for thing in things),
        "highest_c": max(thing["highest_c"] for thing in things),
        "drawn_kwh": sum(thing["drawn_kwh"] for thing in things),
    }


def _stay(record: Record, stay: Mapping[str, Any]) -> dict[str, Any]:
    told = "full" if _is_full(stay) else "not full" if stay["has_left"] else "still there"
    return {
        **stay,
        "arrival": record.clock(stay["arrival_tick"]),
        "departure": record.clock(stay["departure_tick"]),
        "told": told,
    }


def appliances_plot(record: Record, marks: Sequence[tuple[int, str]]) -> list[Plot]:
    """What the peers with appliances took, what of it these drew, and what had been bought."""
    if not record.has("flexible_kw") or record.ticks.num_rows < 2:
        return []
    of_peer = record.values("flexible_kw")
    having = np.flatnonzero(of_peer.any(axis=0))
    if not having.size:
        return []
    canvas = Canvas(record, marks)
    figure = canvas.figure("kW")
    taken_kw = -record.values("p_kw")[:, having].sum(axis=1)
    canvas.line(figure, taken_kw, "Taken at their meters", BLUE)
    canvas.line(figure, of_peer.sum(axis=1), "Drawn by appliances", GREEN)
    names = {record.peers[position] for position in having}
    canvas.steps(figure, _bought(record, names), "Bought", ORANGE, line_dash="dashed")
    put_legend(figure)
    about = "All peers with appliances together, against the mean power that their contracts say."
    return [Plot("appliances", "Appliances follow what was bought", about, figure)]


def _bought(record: Record, names: set[str]) -> list[tuple[int, int, float]]:
    """Mean power that some peers had bought, less what they sold, by period."""
    length = record.manifest.get("ticks_per_period")
    if not length:
        return []
    hours, bought_wh = length * record.dt_s / 3600, dict[int, int]()
    for row in record.rows("contracts"):
        sign = (row["buyer"] in names) - (row["seller"] in names)
        bought_wh[row["period"]] = bought_wh.get(row["period"], 0) + sign * row["energy_wh"]
    return [
        (period * length, (period + 1) * length, wh / 1000 / hours)
        for period, wh in sorted(bought_wh.items())
    ]
