"""The bench of a run, for a lab's file: devices, readings, lateness, losses, how it was left."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .reading import Record
from .report_words import count

__all__ = ["bench_section", "losses_told"]

EVENTS = {
    "device_lost": "lost; its fallback stands in",
    "device_back": "back",
    "device_fault": "fault injected",
    "device_fault_cleared": "faults cleared",
    "device_fault_ignored": "fault ignored: it has no link",
    "device_begun_anew": "was begun anew, as after a restart",
    "device_refused": "fault not taken",
    "device_made_safe": "made safe, since no tick came",
}
STANDS_IN = {True: "its last power was taken to go on", False: "it counted as tripped"}
EVENT_ROWS = 500
"""Rows of the table of what happened; the rest is left to events.jsonl."""


def bench_section(record: Record) -> dict[str, Any] | None:
    """Everything that the page says of devices; None where a run had none."""
    bench = _json(record.folder / "bench.json")
    names = record.devices if record.has("device_age_s") else ()
    if not bench and not names:
        return None
    timed = (_json(record.folder / "timing.json") or {}).get("real_time")
    happened = [event for event in record.events if event["kind"] in EVENTS]
    return {
        "told": _told(record, bench, names, timed),
        "facts": _facts(bench),
        "devices": [_device(one) for one in bench.get("devices", [])],
        "readings": _readings(record, names),
        "lateness": _lateness(timed or {}),
        "events": [_event(record, event) for event in happened[:EVENT_ROWS]],
        "left_out": max(0, len(happened) - EVENT_ROWS),
        "left": _left(record.folder, bench),
    }


def _told(
    record: Record, bench: dict[str, Any], names: Sequence[str], timed: dict[str, Any] | None
) -> list[str]:
    real = [one for one in bench.get("devices", []) if not one["emulated"]]
    mode = bench.get("mode") or ("real time" if timed else "lockstep")
    who = f"{count(len(names), 'node')} of devices took part, in {mode}"
    told = [f"{who}, {count(len(real), 'real device')} among them." if bench else f"{who}."]
    if names:
        stale = record.values("device_stale").astype(bool)
        lost = int(stale.sum())
        told.append(
            f"{lost} of {stale.size} readings were too old to be believed; the energy of those "
            "ticks is flagged."
            if lost
            else "Every reading was young enough to be believed."
        )
    if timed and timed.get("ticks"):
        told.append(
            f"Ticks began {1e3 * timed['p50_s']:.2f} ms late in the middle, 99 % within "
            f"{1e3 * timed['p99_s']:.2f} ms, the latest {1e3 * timed['max_s']:.2f} ms; "
            f"{count(timed.get('overruns', 0), 'tick')} overran, "
            f"{timed.get('skipped', 0)} skipped."
        )
    return told


def losses_told(record: Record) -> list[str]:
    """Say in a sentence for each device how often and how long it was lost, and what stood in."""
    told = []
    for name in dict.fromkeys(
        one["device"] for one in record.events if one["kind"] == "device_lost"
    ):
        mine = [one for one in record.events if one.get("device") == name]
        lost = [one for one in mine if one["kind"] == "device_lost"]
        back = [one for one in mine if one["kind"] == "device_back"]
        away_s = sum(float(one["lost_s"]) for one in back)
        holds = any(float(one["p_kw"]) for one in lost)
        last = record.clock(lost[-1]["tick"])
        ending = f"{away_s:g} s in all" if len(back) == len(lost) else f"from {last} to the end"
        times = "once" if len(lost) == 1 else f"{len(lost)} times"
        told.append(f"{name} was not heard {times}, {ending}: {STANDS_IN[holds]} meanwhile.")
    return told


def _facts(bench: dict[str, Any]) -> list[tuple[str, str]]:
    """Who ran what: pairs of a word and what it is."""
    station = bench.get("station") or {}
    facts = [
        ("station", station.get("name")),
        ("what it is", station.get("about")),
        ("answers for it", station.get("operator")),
        ("run by", f"{bench['user']} on {bench['host']}" if "user" in bench else None),
        ("began", bench.get("began")),
        ("ended", bench.get("ended")),
        ("armed by", bench.get("armed_by")),
        ("station file", station.get("file")),
        ("its SHA-256", station.get("sha256")),
    ]
    return [(key, str(value)) for key, value in facts if value]


def _device(one: dict[str, Any]) -> dict[str, Any]:
    identity = one.get("identity") or {}
    kind = "emulated " if one["emulated"] else ""
    trips = one.get("median_s"), one.get("p99_s")
    ratios = one.get("current_ratio", 1), one.get("voltage_ratio", 1)
    wired = [f"phase {one['phase']}"]
    wired += [f"CT {ratios[0]:g}"] * (ratios[0] != 1) + [f"VT {ratios[1]:g}"] * (ratios[1] != 1)
    wired += [f"{channel} reversed" for channel, sign in one.get("signs", {}).items() if sign < 0]
    return {
        "name": one["name"],
        "role": f"{kind}{one['role']}",
        "plays": one.get("plays") or "–",
        "model": " ".join(identity.get(key, "") for key in ("maker", "model")).strip() or "–",
        "serial": identity.get("serial", "–"),
        "firmware": identity.get("firmware", "–"),
        "calibrated": _calibrated(one),
        "wired": ", ".join(wired),
        "round_trip": " / ".join("–" if s is None else f"{1e3 * s:.2f}" for s in trips),
        "remarks": [*one.get("amiss", ()), *one.get("noted", ()), *(one.get("errors") or ())],
    }


def _calibrated(one: dict[str, Any]) -> str:
    if one["emulated"]:
        return "not needed"
    done, due = one.get("calibrated"), one.get("calibration_due")
    told = [f"on {done}"] * bool(done) + [f"until {due}"] * bool(due)
    return ", ".join(told) or "unknown"


def _readings(record: Record, names: Sequence[str]) -> list[dict[str, Any]]:
    """Age of each node's readings, and how many were stale."""
    if not names:
        return []
    ages, stale = record.values("device_age_s"), record.values("device_stale").astype(bool)
    rows = []
    for place, name in enumerate(names):
        known = ages[:, place][np.isfinite(ages[:, place])]
        rows.append(
            {
                "name": name,
                "median_ms": 1e3 * float(np.median(known)) if known.size else None,
                "p99_ms": 1e3 * float(np.quantile(known, 0.99)) if known.size else None,
                "most_ms": 1e3 * float(known.max()) if known.size else None,
                "stale": int(stale[:, place].sum()),
                "stale_s": float(stale[:, place].sum()) * record.dt_s,
            }
        )
    return rows


def _lateness(timed: dict[str, Any]) -> list[dict[str, Any]]:
    """Histogram of how late ticks began, with the length of each bar. [µs]"""
    rows = timed.get("histogram", [])
    most = max((row["ticks"] for row in rows), default=0) or 1
    first = next((place for place, row in enumerate(rows) if row["ticks"]), len(rows))
    return [{**row, "share": row["ticks"] / most} for row in rows[first:]]


def _event(record: Record, event: dict[str, Any]) -> dict[str, str]:
    what = EVENTS[event["kind"]]
    if "fault" in event:
        what = f"{what}: {event['fault']}"
    if "lost_s" in event:
        what = f"{what} after {event['lost_s']:g} s"
    return {
        "time": record.clock(event["tick"]),
        "device": str(event.get("instrument") or event.get("device", "")),
        "peer": str(event.get("peer", "")),
        "what": what,
    }


def _left(folder: Path, bench: dict[str, Any]) -> list[dict[str, Any]]:
    """How each device was left: by the run itself, else by the guardian's last word on it."""
    left = {name: (not why, why) for name, why in (bench.get("safe") or {}).items()}
    journal = folder / "guardian.jsonl"
    lines = journal.read_text("utf-8").splitlines() if journal.exists() else []
    for line in lines:
        note = json.loads(line)
        if note.get("event") in ("safe", "gone", "NOT SAFE"):
            why = "" if note["event"] == "safe" else note.get("failure") or note["event"]
            left[note["device"]] = (note["event"] != "NOT SAFE", why)
    return [{"name": name, "safe": safe, "why": why} for name, (safe, why) in left.items()]


def _json(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text("utf-8")) if path.exists() else {}
    return found
