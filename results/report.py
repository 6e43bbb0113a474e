"""Writes `report.html`: one self-contained page about a run, made from its folder alone."""

from pathlib import Path
from typing import Any

from .metrics import COVER_LABELS, Metric, key_figures, role_of
from .outcome import outcomes
from .page import embedded, write_page
from .reading import Record
from .report_appliances import appliances_plot, appliances_section
from .report_bench import bench_section
from .report_benefit import benefit_plot, benefit_section
from .report_bills import bills_section
from .report_communication import communication_section
from .report_curves import market_plots
from .report_designs import designs_section
from .report_map import feeder_map
from .report_market import market_section
from .report_negotiation import negotiation_plots
from .report_plots import plots
from .report_story import failing_seller, marks, story

__all__ = ["write_report"]

CONTRACT_ROWS = 1500
"""Rows of the contracts table; beyond, those that went as agreed are left to the Parquet file."""


def write_report(run_folder: Path) -> Path:
    """Write the report of a run, finished or not, and give its path.

    Parameters
    ----------
    run_folder : Path
        Reads manifest, tables, events, network and verdict, as far as they are there.

    Raises
    ------
    FileNotFoundError
        The folder holds no record.
    """
    return write_page(run_folder / "report.html", "report.html.j2", _context(Record(run_folder)))


def _context(record: Record) -> dict[str, Any]:
    """Everything that the templates show."""
    seller = failing_seller(record)
    figures = {figure.key: figure for figure in key_figures(record)}
    instants = marks(record)
    drawn = [*plots(record, seller, instants), *appliances_plot(record, instants)]
    of_market, curves = market_plots(record, outcomes(record))
    of_benefit, of_design = benefit_plot(record), negotiation_plots(record)
    contracts, left_out = _contracts(record)
    return {
        "name": record.manifest.get("scenario", record.folder.name),
        "about": record.manifest.get("about", ""),
        "when": _when(record),
        "banner": _banner(record),
        "story": [sentence[0].upper() + sentence[1:] for sentence in story(record)],
        "cards": _cards(record, figures),
        "market": market_section(record),
        "market_plots": of_market,
        "designs": designs_section(record),
        "design_plots": of_design,
        "curves": curves,
        "benefit": benefit_section(record),
        "communication": communication_section(record),
        "benefit_plots": of_benefit,
        "bills": bills_section(record),
        "appliances": appliances_section(record),
        "bench": bench_section(record),
        "plots": drawn,
        **embedded([*drawn, *of_market, *of_design, *of_benefit]),
        "marks": [(record.clock(tick), what) for tick, what in instants],
        "map": feeder_map(record, seller),
        "seller": seller,
        "contracts": contracts,
        "contracts_left_out": left_out,
        "roles": _roles(record),
        "accounts": record.rows("accounts"),
        "checks": (record.verdict or {}).get("checks", []),
        "made": _made(record),
        "hashes": record.manifest.get("hashes", {}),
    }


def _when(record: Record) -> str:
    if record.start is None or not record.ticks.num_rows:
        return ""
    end = record.moment(int(record.tick[-1]) + 1)
    return f"{record.start:%A, %d %B %Y, %H:%M} to {end:%H:%M}"


def _banner(record: Record) -> dict[str, str]:
    """The first thing one sees: did it hold?"""
    verdict, status = record.verdict, record.manifest.get("status", "unknown")
    if status != "finished":
        told = f"The run is {status}: what follows is what was recorded until then."
        return {"kind": "failed", "sign": "!", "title": f"Not finished: {status}", "told": told}
    if verdict is None:
        told = "The checks were not made."
        return {"kind": "none", "sign": "?", "title": "No verdict", "told": told}
    checks = verdict["checks"]
    failed = [check["name"].replace("_", " ") for check in checks if not check["passed"]]
    if failed:
        told = f"{len(failed)} of {len(checks)} checks failed: {', '.join(failed)}."
        return {"kind": "failed", "sign": "✕", "title": "Failed", "told": told}
    told = f"All {len(checks)} checks hold." if checks else "The scenario asks for no check."
    return {"kind": "passed", "sign": "✓", "title": "Passed", "told": told}


def _cards(record: Record, figures: dict[str, Metric]) -> list[dict[str, str]]:
    cards = [
        _energy_card(record, figures),
        *_benefit_card(figures),
        *(_cover_card(figures) if record.table("contracts").num_rows else ()),
        *_range_card(figures, "voltage", "pu", "Voltage"),
        *_range_card(figures, "frequency", "hz", "Frequency"),
    ]
    for key, label in (
        ("trip_to_cover_s", "From trip to cover"),
        ("unserved_kwh", "Shed, not served"),
        ("losses_kwh", "Lost in lines"),
    ):
        if (figure := figures.get(key)) is not None:
            cards.append(_card(label, *_split_unit(figure), figure.note))
    return cards


def _card(label: str, value: str, unit: str, note: str) -> dict[str, str]:
    return {"label": label, "value": value, "unit": unit, "note": note}


def _split_unit(figure: Metric) -> tuple[str, str]:
    return figure.told().removesuffix(figure.unit).strip(), figure.unit


def _energy_card(record: Record, figures: dict[str, Metric]) -> dict[str, str]:
    if record.table("bills").num_rows:
        shared, note = figures["volume_kwh"], "by a rule, on what meters showed; no contracts"
        return _card("Met inside the community", *_split_unit(shared), note)
    traded, delivered = figures["energy_traded_kwh"], figures["energy_delivered_kwh"]
    periods = len({row["period"] for row in record.rows("contracts")})
    if not periods:
        return _card("Traded", *_split_unit(traded), "no contracts")
    note = (
        f"in {figures['contracts'].value:.0f} contracts over {periods} periods; "
        f"{delivered.told()} delivered by its sellers"
    )
    return _card("Traded", *_split_unit(traded), note)


def _benefit_card(figures: dict[str, Metric]) -> list[dict[str, str]]:
    total, worst = figures.get("benefit_total_eur"), figures.get("benefit_worst_peer_eur")
    if total is None or worst is None or worst.value is None:
        return []
    note = f"all peers together; least by {worst.note}, {worst.value:+.2f} €"
    return [_card("Gained against the tariffs", *_split_unit(total), note)]


def _cover_card(figures: dict[str, Metric]) -> list[dict[str, str]]:
    kinds = {key: figures.get(f"covered_{key}_kwh") for key in COVER_LABELS}
    given = {
        key: figure.value
        for key, figure in kinds.items()
        if figure is not None and figure.value is not None and figure.value >= 0.0005
    }
    names = {"own": "own storage", "lpd": "LPD"}
    note = ", ".join(f"{names.get(key, key)} {value:.2f} kWh" for key, value in given.items())
    whole = f"{sum(given.values()):.2f}"
    return [_card("Covered by others", whole, "kWh", note or "nothing missing")]


def _range_card(
    figures: dict[str, Metric], quantity: str, unit: str, label: str
) -> list[dict[str, str]]:
    low = figures.get(f"{quantity}_lowest_{unit}")
    high = figures.get(f"{quantity}_highest_{unit}")
    if low is None or high is None:
        return []
    (least, symbol), (most, _) = _split_unit(low), _split_unit(high)
    if low.note.startswith("input"):
        return [_card(label, f"{least}–{most}", symbol, "an input: the grid above sets it")]
    note = f"lowest at {low.note}; highest at {high.note}"
    return [_card(label, f"{least}–{most}", symbol, note)]


def _contracts(record: Record) -> tuple[list[dict[str, Any]], int]:
    """Contracts as the table shows them, in order of time; what failed is never left out."""
    rows = record.rows("contracts")
    kept = rows
    if len(rows) > CONTRACT_ROWS:
        amiss = [row for row in rows if row["fate"] != "delivered"]
        fine = [row for row in rows if row["fate"] == "delivered"]
        kept = amiss + fine[: max(0, CONTRACT_ROWS - len(amiss))]
        kept.sort(key=lambda row: (row["period"], row["contract_id"]))
    covered: dict[int, dict[str, int]] = {}
    for cover in record.rows("covers"):
        if cover["contract_id"] is not None and cover["energy_milliwh"]:
            by = covered.setdefault(cover["contract_id"], {})
            party = "shed" if cover["kind"] == "shed" else cover["party"]
            by[party] = by.get(party, 0) + cover["energy_milliwh"]
    length = record.manifest.get("ticks_per_period")
    shown = []
    for row in kept:
        tick = row["period"] * length if length else None
        time = str(row["period"]) if tick is None else f"{record.moment(tick):%H:%M}"
        parts = covered.get(row["contract_id"], {})
        told = ", ".join(f"{who} {milliwh / 1000:.0f} Wh" for who, milliwh in parts.items())
        fate = row["fate"] or row["state"] or "open"
        shown.append({**row, "time": time, "by": told, "fate": fate})
    return shown, len(rows) - len(kept)


def _roles(record: Record) -> list[dict[str, Any]]:
    """Money by role, with the length of its bar. [µ€]"""
    roles: dict[str, list[int]] = {}
    for row in record.rows("accounts"):
        roles.setdefault(role_of(row), []).append(row["balance_ueur"])
    most = max((abs(sum(balances)) for balances in roles.values()), default=0) or 1
    return [
        {
            "role": role.replace("_", " "),
            "accounts": len(balances),
            "balance_ueur": sum(balances),
            "share": abs(sum(balances)) / most,
        }
        for role, balances in roles.items()
    ]


def _plainly(value: object) -> str:
    """Say a value of the manifest, a mapping as its entries."""
    if isinstance(value, dict):
        return ", ".join(f"{key} {entry}" for key, entry in value.items())
    return str(value)


def _made(record: Record) -> list[tuple[str, str]]:
    """How the run came to be, as the reader of a paper wants it."""
    manifest = record.manifest
    given = ["command", "seed", "machine"]
    rows = [(key, _plainly(manifest[key])) for key in given if key in manifest]
    if record.ticks.num_rows:
        recorded = f"{record.ticks.num_rows} ticks of {record.dt_s:g} s"
        rows.append(("recorded", recorded))
    versions = manifest.get("versions", {})
    rows.append(("versions", ", ".join(f"{name} {what}" for name, what in versions.items())))
    rows.append(("folder", record.folder.name))
    return [(key, value) for key, value in rows if value]
