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
KINDS = ("random", "nearest")
DRAWING = Path(__file__).parents[1] / "docs" / "admm-rounds.svg"


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


def main() -> None:
    """Negotiate, print the table, and write the drawing."""
    from _log_log import write_log_log

    found = {kind: [rounds(n, kind) for n in SIZES] for kind in KINDS}
    print(table(found))
    write_log_log(DRAWING, SIZES, found, over="peers", what="rounds")


if __name__ == "__main__":
    main()
