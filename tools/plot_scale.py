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

import numpy as np
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

WIDTH, HEIGHT, LEFT, FOOT, TOP, RIGHT = 720, 360, 64, 44, 14, 110


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


def drawing(rows: list[Scale]) -> str:
    """Draw both costs on logarithmic axes, and a line that grows as the peers do."""
    peers = [row.peers for row in rows]
    kinds = {"wall-clock": ("#d98c00", [row.wall_ms_per_tick for row in rows])}
    kinds["processor"] = ("#1a9e77", [row.cpu_ms_per_tick for row in rows])
    every = [value for _, values in kinds.values() for value in values]
    low, high = 10.0 ** np.floor(np.log10(min(every))), 10.0 ** np.ceil(np.log10(max(every)))

    def at(n: float, value: float) -> tuple[float, float]:
        across = np.log(n / peers[0]) / np.log(peers[-1] / peers[0])
        up = np.log(value / low) / np.log(high / low)
        wide, tall = WIDTH - LEFT - RIGHT, HEIGHT - TOP - FOOT
        return round(LEFT + wide * float(across), 1), round(TOP + tall * (1 - float(up)), 1)

    def line(points: list[tuple[float, float]], look: str) -> str:
        return f'<polyline fill="none" {look} points="{" ".join(f"{x},{y}" for x, y in points)}"/>'

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        'font-family="sans-serif" font-size="12">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
    ]
    for n in peers:
        x, y = at(n, low)
        parts.append(f'<text x="{x}" y="{y + 18}" text-anchor="middle">{n}</text>')
    value = low
    while value <= high * 1.001:
        x, y = at(peers[0], value)
        parts += [line([(x, y), at(peers[-1], value)], 'stroke="#d5d9de"')]
        parts += [f'<text x="{x - 8}" y="{y + 4}" text-anchor="end">{value:g}</text>']
        value *= 10
    last = rows[-1]
    fewest = last.peers * low / last.cpu_ms_per_tick
    x, y = at(fewest, low)
    steep = [(x, y), at(last.peers, last.cpu_ms_per_tick)]
    parts.append(line(steep, 'stroke="#87919c" stroke-dasharray="5 4"'))
    parts.append(f'<text x="{x + 36}" y="{y - 10}" fill="#87919c">as the peers</text>')
    for kind, (colour, values) in kinds.items():
        points = [at(n, value) for n, value in zip(peers, values, strict=True)]
        parts.append(line(points, f'stroke="{colour}" stroke-width="2"'))
        parts += [f'<circle cx="{x}" cy="{y}" r="3.5" fill="{colour}"/>' for x, y in points]
        x, y = points[-1]
        y += 14 if kind == "processor" else -4
        parts.append(f'<text x="{x + 10}" y="{y}" fill="{colour}">{kind}</text>')
    middle = (LEFT + WIDTH - RIGHT) / 2
    parts.append(f'<text x="{middle}" y="{HEIGHT - 6}" text-anchor="middle">peers</text>')
    turned = f'transform="rotate(-90 14 {HEIGHT / 2})"'
    parts.append(
        f'<text x="14" y="{HEIGHT / 2}" text-anchor="middle" {turned}>ms a tick</text></svg>'
    )
    return "\n".join(parts) + "\n"


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
    if "--drawing-only" not in sys.argv:
        rows = [_best(households) for households in VILLAGES]
        with NUMBERS.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, [one.name for one in fields(Scale)])
            writer.writeheader()
            writer.writerows(map(asdict, rows))
    print(table(read()))
    DRAWING.write_text(drawing(read()), encoding="utf-8")


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
