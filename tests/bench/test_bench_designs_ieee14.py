"""How long the IEEE 14-bus case takes: its designs over a year, and reading it."""

from pathlib import Path

import pytest

from market.designs.ieee14 import DESIGNS, solve
from market.designs.ieee14_case import Rules
from market.designs.ieee14_file import read_shipped
from market.designs.ieee14_wishes import wishing

SHIPPED = Path(__file__).parents[2] / "scenarios" / "ieee14"


@pytest.fixture(scope="module")
def case():
    return read_shipped(SHIPPED)


@pytest.mark.parametrize("days", [30, 365])
@pytest.mark.parametrize("design", [*DESIGNS, "wishes"])
def test_bench_ieee14(benchmark, case, design, days):
    some, rules = case.periods(slice(0, 48 * days)), Rules()
    layout = (
        wishing(some, rules, "own-community", 5.0, 7)
        if design == "wishes"
        else DESIGNS[design](some, rules)
    )
    solve(case.periods(slice(0, 2)), rules, layout)

    year = benchmark(solve, some, rules, layout)

    assert year.welfare.sum() > 0


def test_bench_ieee14_three_designs(benchmark, case):
    rules = Rules()

    def all_three():
        return [solve(case, rules, design(case, rules)) for design in DESIGNS.values()]

    assert len(benchmark(all_three)) == 3


def test_bench_ieee14_reading(benchmark):
    assert len(benchmark(read_shipped, SHIPPED)) == 17_520
