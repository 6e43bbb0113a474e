"""Villages of any length for benchmarks, and how they are played and timed."""

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from rich.console import Console
from rich.table import Table

from cosim.run import run_scenario

SCENARIOS = Path(__file__).parents[2] / "scenarios"
DT_S = 0.1
"""The village's tick. [s]"""


@dataclass(frozen=True)
class Played:
    """What a run of the village took, wall-clock time per tick. [µs]"""

    ticks: int
    tick_us: float
    by_box_us: dict[str, float]
    passed: bool

    @property
    def times_real_time(self) -> float:
        return 1e6 * DT_S / self.tick_us


WriteVillage = Callable[..., Path]
Play = Callable[..., Played]


@pytest.fixture(scope="session")
def write_village() -> WriteVillage:
    """Write the shipped village with as many ticks as wanted; its trip comes at two thirds.

    Without a period, market and length are the shipped ones, and the file is the shipped one.
    """

    def write(folder: Path, ticks: int, *, period_s: int | None = None) -> Path:
        if period_s is None:
            return SCENARIOS / "village.yaml"
        seconds = round(ticks * DT_S)
        told = yaml.safe_load((SCENARIOS / "village.yaml").read_text("utf-8"))
        told["time"]["duration"] = f"{seconds} s"
        told["grid"]["network"] = str(SCENARIOS / "grids/kerber-village.json")
        told["market"] |= {"period": f"{period_s} s", "gate": f"{period_s // 2} s"}
        told["events"] = [{"at": f"{2 * seconds // 3} s", "device": "mill-inverter"}]
        told["events"][0]["fault"] = "trip"
        file = folder / f"village-{ticks}-{period_s}.yaml"
        file.write_text(yaml.safe_dump(told, sort_keys=False), "utf-8")
        return file

    return write


@pytest.fixture(scope="session")
def play(tmp_path_factory: pytest.TempPathFactory, write_village: WriteVillage) -> Play:
    """Play a village without its report; the first call has compiled every kernel before."""
    folder = tmp_path_factory.mktemp("villages")

    def played(ticks: int, *, period_s: int | None = None, **how: Any) -> Played:
        file = write_village(folder, ticks, period_s=period_s)
        outcome = run_scenario(file, out=folder / "runs", report=False, **how)
        timing = json.loads((outcome.folder / "timing.json").read_text("utf-8"))
        by_box_us = {k: 1e6 * s / ticks for k, s in timing["by_simulator_s"].items()}
        return Played(ticks, 1e6 * timing["physics_s"] / ticks, by_box_us, outcome.passed)

    played(100, period_s=10, model_devices=True)
    return played


Note = Callable[..., None]


@pytest.fixture(scope="session")
def note() -> Iterator[Note]:
    """Collect rows of (what, µs per tick, remark), and print them when all benchmarks are done."""
    rows: list[tuple[str, float, str]] = []

    def add(what: str, tick_us: float, remark: str = "") -> None:
        rows.append((what, tick_us, remark))

    yield add
    load = ", ".join(f"{one:.1f}" for one in os.getloadavg())
    table = Table(title=f"Cost of a tick; load average {load}", title_justify="left")
    table.add_column("what")
    table.add_column("µs per tick", justify="right")
    table.add_column("× real time", justify="right")
    table.add_column("of it, or beside it", overflow="fold")
    for what, tick_us, remark in rows:
        table.add_row(what, f"{tick_us:.0f}", f"{1e6 * DT_S / tick_us:.0f}", remark)
    Console(width=150).print("\n", table)
