"""Plots how many rounds ADMM takes as peers become more: `docs/admm-rounds.svg`.

    python tools/plot_rounds.py

Half of the peers sell, half buy, each seller has ten partners: drawn by lot, or its nearest
neighbours on a ring. Prints the table of `docs/designs.md` too. Same numbers on every run.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from market.designs.admm import solve_admm
from market.designs.problem import Agents, Edges

SIZES = (30, 100, 300, 1000, 3000, 10_000)
SEEDS = range(5)
PARTNERS = 10
KINDS = {"random": "#1a9e77", "nearest": "#d98c00"}
DRAWING = Path(__file__).parents[1] / "docs" / "admm-rounds.svg"

WIDTH, HEIGHT, LEFT, FOOT, TOP, RIGHT = 720, 360, 60, 44, 14, 90


def street(n: int, kind: str, seed: int) -> tuple[Agents, Edges]:
    """Draw n peers and their links: partners by lot, or the ten next along a ring."""
    rng = np.random.default_rng([n, seed])
    half = n // 2
    first = np.repeat(np.arange(half), PARTNERS)
    if kind == "nearest":
        other = (first + np.tile(np.arange(PARTNERS), half)) % half
    else:
        other = np.concatenate([rng.choice(half, PARTNERS, replace=False) for _ in range(half)])
    cap, sells = rng.uniform(20, 100, n), np.arange(n) < half
    agents = Agents(
        a=rng.uniform(0.05, 0.5, n),
        b=np.where(sells, rng.uniform(10, 30, n), rng.uniform(30, 60, n)),
        c=np.zeros(n),
        low_wh=np.where(sells, 0, -cap),
        high_wh=np.where(sells, cap, 0),
    )
    mine, its = rng.uniform(0, 2, (2, first.size))
    return agents, Edges(first=first, second=half + other, gamma_first=mine, gamma_second=its)


def rounds(n: int, kind: str) -> int:
    """Median over the seeds of the rounds to a relative error of 1e-4, from nothing."""
    return int(np.median([solve_admm(*street(n, kind, seed)).outcome.rounds for seed in SEEDS]))


def table(found: dict[str, list[int]]) -> str:
    """Print rounds by number of peers, as the docs have it."""
    lines = ["| peers | " + " | ".join(str(n) for n in SIZES) + " |"]
    lines += ["|---|" + "---:|" * len(SIZES)]
    lines += [f"| {kind} partners | {' | '.join(map(str, row))} |" for kind, row in found.items()]
    return "\n".join(lines)


def drawing(found: dict[str, list[int]]) -> str:
    """Draw both on logarithmic axes, and a line that grows as the peers do."""
    most = max(map(max, found.values()))
    low, high = 10.0, 10.0 ** np.ceil(np.log10(most))

    def at(n: float, value: float) -> tuple[float, float]:
        across = np.log(n / SIZES[0]) / np.log(SIZES[-1] / SIZES[0])
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
    for n in SIZES:
        x, y = at(n, low)
        parts.append(f'<text x="{x}" y="{y + 18}" text-anchor="middle">{n}</text>')
    value = low
    while value <= high:
        x, y = at(SIZES[0], value)
        grid = [(x, y), at(SIZES[-1], value)]
        parts += [line(grid, 'stroke="#d5d9de"')]
        parts += [f'<text x="{x - 8}" y="{y + 4}" text-anchor="end">{value:g}</text>']
        value *= 10
    steep = [at(SIZES[0], (start := min(row[0] for row in found.values())))]
    steep.append(at(SIZES[0] * high / start, high))
    parts.append(line(steep, 'stroke="#87919c" stroke-dasharray="5 4"'))
    x, y = steep[-1]
    parts.append(f'<text x="{x + 8}" y="{y + 14}" fill="#87919c">as the peers</text>')
    for kind, row in found.items():
        points = [at(n, value) for n, value in zip(SIZES, row, strict=True)]
        parts.append(line(points, f'stroke="{KINDS[kind]}" stroke-width="2"'))
        parts += [f'<circle cx="{x}" cy="{y}" r="3.5" fill="{KINDS[kind]}"/>' for x, y in points]
        x, y = points[-1]
        y += 16 if row[-1] == min(other[-1] for other in found.values()) else -8
        parts.append(f'<text x="{x + 10}" y="{y}" fill="{KINDS[kind]}">{kind}</text>')
    middle = (LEFT + WIDTH - RIGHT) / 2
    parts.append(f'<text x="{middle}" y="{HEIGHT - 6}" text-anchor="middle">peers</text>')
    turned = f'transform="rotate(-90 14 {HEIGHT / 2})"'
    parts.append(f'<text x="14" y="{HEIGHT / 2}" text-anchor="middle" {turned}>rounds</text></svg>')
    return "\n".join(parts) + "\n"


def main() -> None:
    """Negotiate, print the table, and write the drawing."""
    found = {kind: [rounds(n, kind) for n in SIZES] for kind in KINDS}
    print(table(found))
    DRAWING.write_text(drawing(found), encoding="utf-8")


if __name__ == "__main__":
    main()
