import pytest

from results.metrics import key_figures
from results.reading import Record
from results.tables import write_table

ROWS = [
    {"peer": "mill", "full_cycles": 0.2, "deepest_cycle": 0.1, "life_used": 4e-6},
    {"peer": "house 1", "full_cycles": 0.4, "deepest_cycle": 0.3, "life_used": 9e-6},
]


def test_key_figures_give_the_mean_of_cycles_and_the_battery_that_aged_most(village_copy):
    folder = village_copy()
    write_table(folder, "ageing", ROWS)
    figures = {figure.key: figure for figure in key_figures(Record(folder))}
    assert figures["battery_full_cycles_milli"].value == pytest.approx(300.0)
    assert figures["battery_life_used_ppm"].value == pytest.approx(9.0)
    assert figures["battery_life_used_ppm"].note == "house 1, deepest cycle 30 %"


def test_a_run_that_counts_no_cycles_has_no_such_figure(village):
    assert not [figure for figure in key_figures(Record(village)) if "battery" in figure.key]
