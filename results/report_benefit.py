"""Who gained what against the tariffs: by group, as bars, and peer by peer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .benefit import MEMBERS, Benefit, benefits, by_group, group_of
from .reading import Record
from .report_canvas import BLUE, GREEN, GREY, ORANGE, plain_figure, put_legend
from .report_plots import Plot
from .report_words import count, eur, join

__all__ = ["PEER_ROWS", "benefit_plot", "benefit_section"]

PEER_ROWS = 1000
"""Rows of the table of peers; of more, those in the middle are left out."""

NAMED = 24
"""Bars that have room for their names."""

SAID = {"dso": "DSO", "lpd": "LPD"} | {kind: f"{kind.capitalize()}s" for kind in MEMBERS}
"""How a group is called; others by their own names."""

COLOURS = {"consumer": BLUE, "prosumer": GREEN, "producer": ORANGE, "peer": GREY}


def benefit_section(record: Record) -> dict[str, Any] | None:
    """Everything that the page says of benefits; None where no period was settled."""
    rows = benefits(record)
    members = _ranked(rows)
    if not members or not record.rows("settlement"):
        return None
    return {
        "told": _told(members),
        "groups": _groups(rows),
        "peers": _trimmed(members),
        "left_out": max(0, len(members) - PEER_ROWS),
    }


def benefit_plot(record: Record) -> list[Plot]:
    """One bar per peer, from the one that gained least; none where all bars would be zero."""
    members = _ranked(benefits(record))
    if not record.rows("settlement") or not any(row.benefit_ueur for row in members):
        return []
    about = "In ct over the whole run, from the peer that gained least to the one that gained most."
    return [Plot("benefit", "Benefit of each peer", about, _bars(members))]


def _ranked(rows: Sequence[Benefit]) -> list[Benefit]:
    members = [row for row in rows if row.is_member]
    return sorted(members, key=lambda row: (row.benefit_ueur, row.account))


def _told(members: Sequence[Benefit]) -> list[str]:
    total = sum(row.benefit_ueur for row in members)
    worst, best = members[0], members[-1]
    compared = f"{eur(abs(total))} {'more' if total > 0 else 'less'} than" if total else "just what"
    ways = (
        ("gained", sum(row.benefit_ueur > 0 for row in members)),
        ("lost", sum(row.benefit_ueur < 0 for row in members)),
        ("came out even", sum(row.benefit_ueur == 0 for row in members)),
    )
    parts = [f"{count(number, 'peer')} {how}" for how, number in ways if number]
    told = [
        f"All {len(members)} peers together have {compared} the tariffs would have left them: "
        f"{join(parts)}."
    ]
    if best.benefit_ueur > 0:
        told.append(f"{best.name} gained most, {eur(best.benefit_ueur)}.")
    if worst.benefit_ueur < 0:
        told.append(f"{worst.name} lost most, {eur(-worst.benefit_ueur)}.")
    return told


def _groups(rows: Sequence[Benefit]) -> list[dict[str, Any]]:
    """Groups, all members together, the other accounts, and the sum of everything. [µ€]"""
    groups = by_group(rows)
    members = [group for group in groups if group.group in MEMBERS]
    others = [g for g in groups if g not in members and (g.balance_ueur or g.status_quo_ueur)]
    everyone = group_of("all peers", [row for row in rows if row.is_member])
    whole = group_of("sum", rows)
    most = max((abs(group.benefit_ueur) for group in groups), default=0) or 1
    listed = [*members, *([everyone] if len(members) > 1 else []), *others, whole]
    return [
        {
            "group": _said(group.group),
            "total": group in (everyone, whole),
            "accounts": group.accounts,
            "status_quo_ueur": group.status_quo_ueur,
            "balance_ueur": group.balance_ueur,
            "benefit_ueur": group.benefit_ueur,
            "share": min(1.0, abs(group.benefit_ueur) / most),
        }
        for group in listed
    ]


def _said(group: str) -> str:
    return SAID.get(group, group.replace("_", " ").capitalize())


def _trimmed(members: Sequence[Benefit]) -> list[Benefit]:
    if len(members) <= PEER_ROWS:
        return list(members)
    half = PEER_ROWS // 2
    return [*members[:half], *members[-half:]]


def _bars(members: Sequence[Benefit]) -> Any:
    from bokeh.models.sources import ColumnDataSource

    figure = plain_figure(
        "ct", 260, tools="xbox_zoom,xpan,xwheel_zoom,reset,hover", active_drag=None
    )
    figure.hover.tooltips = [("", "@peer"), ("", "$name"), ("ct", "@ct{+0.00}")]
    for group, colour in COLOURS.items():
        mine = [(i, row) for i, row in enumerate(members) if row.group == group]
        if mine:
            columns: dict[str, Any] = {
                "x": np.array([i for i, _ in mine]),
                "ct": np.array([row.benefit_ueur / 1e4 for _, row in mine]),
                "peer": [row.name for _, row in mine],
            }
            source = ColumnDataSource(columns)
            look = {"color": colour, "name": group, "legend_label": _said(group)}
            figure.vbar("x", 0.8, "ct", source=source, **look)
    figure.xaxis.visible = len(members) <= NAMED
    if len(members) <= NAMED:
        figure.xaxis.ticker = list(range(len(members)))
        figure.xaxis.major_label_overrides = {i: row.name for i, row in enumerate(members)}
        figure.xaxis.major_label_orientation = 0.9
    put_legend(figure)
    return figure
