"""The shipped profiles are SimBench's, at the times at which SimBench means them."""

import runpy
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest

ROOT = Path(__file__).parents[2]
PROFILES = ROOT / "scenarios" / "profiles"


@pytest.fixture(scope="module")
def summer():
    return pd.read_parquet(PROFILES / "simbench-summer.parquet").set_index("time")


@pytest.mark.parametrize("name", ["simbench-summer", "simbench-winter"])
def test_a_week_is_whole(name):
    table = pd.read_parquet(PROFILES / f"{name}.parquet")

    assert len(table) == 7 * 96
    assert table["time"].diff().dropna().eq(pd.Timedelta("15min")).all()
    assert table["time"].iloc[0].day_name() == "Monday"
    assert not table.isna().any(axis=None)


def test_noon_in_june_is_at_ten_o_clock_utc(summer):
    # SimBench's RESProfile.csv, row "14.06.2016 12:00": PV8 is 0.385679; wall clock is UTC+2.
    assert summer.loc["2016-06-14T10:00Z", "PV8"] == pytest.approx(0.385679, abs=5e-7)


def test_only_profiles_of_low_voltage_loads_are_kept(summer):
    names = {column.partition("_")[0] for column in summer.columns}

    assert {"H0-A", "H0-B", "H0-C", "H0-G", "H0-L", "PV1", "PV8"} <= names
    assert "H0-H" not in names  # a medium-voltage aggregate, its yearly mean is 0.66
    assert {f"{name}_qload" for name in names if name[0] in "GHL"} <= set(summer.columns)


def test_the_script_makes_the_same_weeks_again(tmp_path):
    pytest.importorskip("simbench")
    script = runpy.run_path(str(ROOT / "tools" / "make_simbench_extract.py"))

    script["write"](tmp_path)

    for path in PROFILES.glob("*.parquet"):
        assert pq.read_table(tmp_path / path.name).equals(pq.read_table(path), check_metadata=True)
