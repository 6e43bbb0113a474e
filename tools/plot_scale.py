"""Measures what a tick costs from 10 to 10 000 peers: `docs/scale.csv`, `docs/scale.svg`.

    python tools/plot_scale.py [--drawing-only]

Plays `scenarios/thousand.yaml` with another number of villages, every box and check included, and
prints the table of `docs/scale.md`. A tick's cost is the slope between the 200th and the last
tick, so that setting up does not count; of several plays the one that took least processor time,
since whatever else the machine does only adds.
"""

from __future__ import annotations

import csv
import os
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[1]
SCENARIO = ROOT / "scenarios" / "thousand.yaml"
NUMBERS, DRAWING = ROOT / "docs" / "scale.csv", ROOT / "docs" / "scale.svg"

VILLAGES = {10: 1, 57: 1, 228: 4, 1026: 18, 9975: 175}
"""Villages that hold so many households."""
FEWEST = "loadbus_1_*"
"""Nine houses of one village, and the local power distributor, make ten peers."""
TICK_S = 0.1
PLAYS = 3


@dataclass(frozen=True)
class Scale:
    """What a tick costs with so many peers, and what there was to solve."""

    peers: int
    buses: int
    wall_ms_per_tick: float
    cpu_ms_per_tick: float
    set_up_s: float
    load_average: float

    @property
    def times_real_time(self) -> float:
        """Simulated seconds per second of wall-clock time."""
        return 1e3 * TICK_S / self.wall_ms_per_tick

    @property
    def times_real_time_of_cpu(self) -> float:
        """Simulated seconds per second of one processor's time."""
        return 1e3 * TICK_S / self.cpu_ms_per_tick


def district(folder: Path, households: int) -> Path:
    """Write the shipped scenario with this many households."""
    told = yaml.safe_load(SCENARIO.read_text("utf-8"))
    copies = VILLAGES[households]
    shipped = told["grid"]["copies"]["count"]
    told["grid"] = {"network": str(SCENARIO.parent / told["grid"]["network"])}
    if copies > 1:
        told["grid"]["copies"] = {"count": copies}
    else:
        del told["lpd"]["bus"]
    for rating in ("capacity_kwh", "p_max_kw"):
        told["lpd"][rating] = round(told["lpd"][rating] * copies / shipped, 1)
    # Ten peers may find nobody to trade with.
    told["checks"] = [check for check in told["checks"] if "delivered_share" not in check]
    if households == min(VILLAGES):
        told["peers"][0]["buses"] = FEWEST
    file = folder / f"households-{households}.yaml"
    file.write_text(yaml.safe_dump(told, sort_keys=False), "utf-8")
    return file


def measured(file: Path, out: Path) -> Scale:
    """Play a scenario once, and see what its ticks took."""
    from cosim.run import run_scenario
    from scenarios.load import load_scenario

    seen: list[tuple[int, float, float]] = []

    def look(ticks: int, _of: int, *_: Any) -> None:
        seen.append((ticks, time.perf_counter(), time.process_time()))

    began = time.perf_counter()
    resolved = load_scenario(file)
    outcome = run_scenario(file, out=out, progress=look, report=False)
    if not outcome.passed:
        raise SystemExit(f"{file.name}: a check failed; see {outcome.folder}")
    (first, wall, cpu), (last, wall_then, cpu_then) = seen[0], seen[-1]
    buses = len(resolved.network.bus_names)
    per_tick = 1e3 / (last - first)
    set_up_s = wall - began - first * (wall_then - wall) / (last - first)
    return Scale(
        len(resolved.peers),
        buses,
        round((wall_then - wall) * per_tick, 3),
        round((cpu_then - cpu) * per_tick, 3),
        round(set_up_s, 1),
        round(os.getloadavg()[0], 1),
    )


def table(rows: list[Scale]) -> str:
    """Print the numbers as the docs have them."""
    lines = ["| peers | buses | ms a tick | × real time | ms of processor | × real time of it |"]
    lines += ["|---:|---:|---:|---:|---:|---:|"]
    lines += [
        f"| {row.peers} | {row.buses} | {row.wall_ms_per_tick:.2f} | {row.times_real_time:.3g} "
        f"| {row.cpu_ms_per_tick:.2f} | {row.times_real_time_of_cpu:.3g} |"
        for row in rows
    ]
    return "\n".join(lines)


def read() -> list[Scale]:
    """Read the stored numbers."""
    kinds = {one.name: int if one.type == "int" else float for one in fields(Scale)}
    with NUMBERS.open(encoding="utf-8", newline="") as file:
        return [
            Scale(**{name: kinds[name](value) for name, value in row.items()})
            for row in csv.DictReader(file)
        ]


def main() -> None:
    """Play, unless told to draw only; print the table, and write numbers and drawing."""
    from _log_log import write_log_log

    if "--drawing-only" not in sys.argv:
        rows = [_best(households) for households in VILLAGES]
        with NUMBERS.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, [one.name for one in fields(Scale)])
            writer.writeheader()
            writer.writerows(map(asdict, rows))
    print(table(read()))
    write_log_log(
        DRAWING,
        [row.peers for row in read()],
        {
            "processor": [row.cpu_ms_per_tick for row in read()],
            "wall clock": [row.wall_ms_per_tick for row in read()],
        },
        over="peers",
        what="ms a tick",
    )


def _best(households: int) -> Scale:
    plays = 1 if households > 5000 else PLAYS
    with tempfile.TemporaryDirectory(prefix="peerwatt-scale-") as folder:
        file = district(Path(folder), households)
        every = [measured(file, Path(folder)) for _ in range(plays)]
    best = min(every, key=lambda one: one.cpu_ms_per_tick)
    print(best, file=sys.stderr)
    return best


if __name__ == "__main__":
    main()
