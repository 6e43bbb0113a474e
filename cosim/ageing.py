"""What a run cost its batteries in life, counted at its end from the recorded charge."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from models.storage.ageing import aged
from results.reading import Record
from scenarios.resolve import ResolvedScenario


def ageing_rows(resolved: ResolvedScenario, folder: Path) -> list[dict[str, Any]]:
    """Give a row for every battery that asks for its ageing; see `models.storage.ageing`."""
    asked = [peer.name for peer in resolved.peers if peer.battery_ageing]
    return list(_rows(asked, Record(folder))) if asked else []


def _rows(asked: list[str], record: Record) -> Iterator[dict[str, Any]]:
    if not record.has("soc"):
        return
    soc = record.values("soc")
    for name in asked:
        found = aged(soc[:, record.peers.index(name)].clip(0.0, 1.0))
        yield {
            "peer": name,
            "full_cycles": found.full_cycles,
            "deepest_cycle": float(found.depths.max(initial=0.0)),
            "life_used": found.life_used,
        }
