"""docs/flexibility.md says what the code does."""

from pathlib import Path

import numpy as np

from market.billing.rule import Tariffs
from market.flexibility import BASELINES, Incentive, Sites, answer

PAGE = (Path(__file__).parents[1] / "docs" / "flexibility.md").read_text("utf-8")


def test_every_baseline_is_on_the_page_as_it_is():
    for name, of in BASELINES.items():
        assert f"| `{name}` | {of.days} | {of.highest} | {of.adjustment} |" in PAGE


def test_the_worked_example_comes_out_as_printed():
    sites = Sites(
        names=("load", "battery"),
        operators=("dso", "dso"),
        net_wh=np.array([[-500, -500], [0, 0]]),
        up_wh=np.array([[0, 0], [900, 900]]),
        down_wh=np.zeros((2, 2), dtype=np.int64),
        up_ticks=np.array([0, 100]),
        down_ticks=np.array([0, 0]),
        up_total_wh=np.array([0, 1000]),
        down_total_wh=np.array([0, 0]),
    )
    call = Incentive(
        name="call",
        operator="dso",
        direction="up",
        price_ticks=500,
        wanted_wh=1000,
        first=0,
        periods=2,
    )
    for priority, parts in ((1.0, "−0.10 € | 0 | −0.10 €"), (0.5, "−0.35 € | 0.40 € | 0.05 €")):
        found = answer(sites, Tariffs(350, 80), [call], local_priority=priority)
        values = (found.inside_ueur, found.operators_ueur, found.total_ueur)
        told = [f"{x / 1e6:.2f} €".replace("-", "−") if x else "0" for x in values]
        assert " | ".join(told) == parts
        assert parts in PAGE
