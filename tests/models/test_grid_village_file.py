"""The shipped village is what its script makes."""

import runpy
from pathlib import Path

import pandapower as pp
import pandas as pd
import pytest

ROOT = Path(__file__).parents[2]
SHIPPED = ROOT / "scenarios" / "grids" / "kerber-village.json"


@pytest.fixture(scope="module")
def script():
    return runpy.run_path(str(ROOT / "tools" / "make_village_grid.py"))


@pytest.fixture(scope="module")
def made(script):
    return script["village"]()


@pytest.fixture(scope="module")
def shipped():
    return pp.from_json(SHIPPED)


@pytest.mark.parametrize("table", ["bus", "line", "load", "trafo", "ext_grid", "switch"])
def test_the_script_makes_the_same_feeder_again(made, shipped, table):
    pd.testing.assert_frame_equal(made[table], shipped[table], check_dtype=False)


def test_the_village_has_kerber_s_numbers(shipped):
    # Kerber 2011 as pandapower documents it: 116 buses, 57 loads of 6 kW, one 400 kVA transformer.
    assert len(shipped.bus) == 116
    assert len(shipped.load) == 57
    assert shipped.load["p_mw"].eq(0.006).all()
    assert shipped.trafo["sn_mva"].tolist() == [0.4]


@pytest.mark.parametrize("table", ["bus", "line", "load"])
def test_every_name_is_given_once(shipped, table):
    assert shipped[table]["name"].is_unique
    assert {"main_busbar", "loadbus_1_1"} <= set(shipped.bus["name"])


def test_making_it_leaves_the_global_random_numbers_alone(script):
    import random

    random.seed(1)
    first = random.random()
    random.seed(1)
    script["village"]()

    assert random.random() == first
