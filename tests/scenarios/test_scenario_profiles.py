import datetime as dt
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from scenarios.profiles import ProfileError, open_source, split

START = dt.datetime.fromisoformat("2016-06-14T10:00:00+00:00")
HOUR = dt.timedelta(hours=1)


def csv(tmp_path, step_min, values, *, column="mill_kw", zone="+00:00"):
    first = START.replace(tzinfo=None)
    times = [first + i * dt.timedelta(minutes=step_min) for i in range(len(values))]
    rows = [f"{t.isoformat()}{zone},{v}" for t, v in zip(times, values, strict=True)]
    (tmp_path / "mill.csv").write_text("\n".join([f"time,{column}", *rows]))
    return open_source("mill.csv", tmp_path)


def test_finer_steps_are_averaged_over_each_quarter_hour(tmp_path):
    # By hand: (1 + 2 + 6) / 3 = 3 and (0 + 0 + 3) / 3 = 1.
    source = csv(tmp_path, 5, [1, 2, 6, 0, 0, 3])
    (mill,) = source.matches("*", "load")
    assert source.quarters(mill, START, START + HOUR / 2).tolist() == [3.0, 1.0]


def test_coarser_steps_hold_over_their_quarter_hours(tmp_path):
    source = csv(tmp_path, 30, [4, 8])
    (mill,) = source.matches("mill*", "load")
    assert source.quarters(mill, START, START + HOUR).tolist() == [4.0, 4.0, 8.0, 8.0]


def test_watts_become_kilowatts(tmp_path):
    source = csv(tmp_path, 15, [500, 1500], column="mill_w")
    (mill,) = source.matches("mill_w", "load")
    assert mill.unit == "kw"
    assert source.quarters(mill, START, START + HOUR / 2).tolist() == [0.5, 1.5]


def test_a_column_without_a_unit_is_no_profile(tmp_path):
    source = csv(tmp_path, 15, [1, 2], column="mill")
    with pytest.raises(ProfileError, match=r"no load profile 'mill' in 'mill.csv'; there are none"):
        source.matches("mill", "load")


def test_times_without_a_zone_are_refused(tmp_path):
    with pytest.raises(
        ProfileError, match=r"times of 'mill.csv' have no zone; expected times with"
    ):
        csv(tmp_path, 15, [1, 2], zone="")


def test_an_uneven_quarter_hour_is_refused(tmp_path):
    with pytest.raises(ProfileError, match="has a row every 420 s"):
        csv(tmp_path, 7, [1, 2])


def test_the_time_that_is_not_covered_is_named(tmp_path):
    source = csv(tmp_path, 15, [1, 2])
    told = "holds 2016-06-14 10:00 UTC to 2016-06-14 10:30 UTC; expected it to reach from"
    with pytest.raises(ProfileError, match=told):
        source.check(source.matches("*", "load"), START, START + HOUR)


def test_parquet_reads_as_csv_does(tmp_path):
    times = pa.array([START, START + HOUR / 4], pa.timestamp("ms", "Europe/Berlin"))
    pq.write_table(pa.table({"time": times, "roof_pu": [0.25, 0.5]}), tmp_path / "roof.parquet")
    source = open_source("roof.parquet", tmp_path)
    (roof,) = source.matches("roof_pu", "pv")
    assert roof.unit == "pu"
    assert source.quarters(roof, START, START + HOUR / 2).tolist() == [0.25, 0.5]


def test_what_is_no_table_is_refused(tmp_path):
    (tmp_path / "roof.parquet").write_text("nothing of the kind")
    with pytest.raises(ProfileError, match=r"'roof.parquet' cannot be read"):
        open_source("roof.parquet", tmp_path)


def test_a_reference_needs_a_source_and_a_name():
    assert split("data/mill.csv:mill_kw") == ("data/mill.csv", "mill_kw")
    with pytest.raises(ProfileError, match="'H0-A' names no profile; expected source:name"):
        split("H0-A")


def test_households_and_roofs_are_told_apart():
    source = open_source("simbench", Path())
    assert [profile.name for profile in source.matches("PV[12]", "pv")] == ["PV1", "PV2"]
    assert {profile.name for profile in source.matches("H0-*", "load")} == {
        "H0-A",
        "H0-B",
        "H0-C",
        "H0-G",
        "H0-L",
    }
    with pytest.raises(ProfileError, match="no load profile 'PV1'"):
        source.matches("PV1", "load")
