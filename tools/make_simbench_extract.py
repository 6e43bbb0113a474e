"""Cut a summer and a winter week out of SimBench's profiles of the year 2016.

    python tools/make_simbench_extract.py [FOLDER]

writes ``simbench-summer.parquet`` and ``simbench-winter.parquet``; what is in
them stands in ``scenarios/profiles/README.md``. Needs the extra ``simbench``.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import simbench

ZONE = "Europe/Berlin"
TARGET = Path(__file__).parents[1] / "scenarios" / "profiles"
WEEKS = {"simbench-summer": "2016-06-13", "simbench-winter": "2016-01-18"}  # both Mondays
LOW_VOLTAGE = 7  # SimBench's number of the 0.4 kV level
ABOUT = {
    "source": "SimBench, scenario 0, year 2016; see README.md beside this file",
    "licence": "ODbL 1.0, contents DbCL 1.0; see LICENSE-SimBench.txt beside this file",
    "values": "per unit: load, of its rated active (_pload) or reactive (_qload) power; "
    "PV, of its rated power. Mean of the quarter hour that begins at `time`",
}


def profiles() -> pd.DataFrame:
    """Read what SimBench gives to low-voltage loads, and its PV plants, over one year.

    Returns
    -------
    DataFrame
        (35 136, n) factors [1], indexed by aware time, one row a quarter hour;
        columns named as SimBench names them.

    Notes
    -----
    SimBench's times are German wall-clock times, though its documentation does
    not say so: 2016-03-27 lacks 02:00 to 02:45 and 2016-10-30 has them twice.
    """
    folder = Path(simbench.complete_data_path(0))
    loads = pd.read_csv(folder / "Load.csv", sep=";", usecols=["profile", "voltLvl"])
    used = sorted(set(loads.loc[loads["voltLvl"] == LOW_VOLTAGE, "profile"]))
    demand = pd.read_csv(
        folder / "LoadProfile.csv",
        sep=";",
        usecols=["time", *(f"{name}_{kind}" for name in used for kind in ("pload", "qload"))],
    )
    pv = pd.read_csv(
        folder / "RESProfile.csv", sep=";", usecols=lambda c: c == "time" or c.startswith("PV")
    )
    if not demand["time"].equals(pv["time"]):
        raise SystemExit("SimBench's load and PV profiles do not share their times")
    table = pd.concat([demand.drop(columns="time"), pv.drop(columns="time")], axis=1)
    wall = pd.to_datetime(demand["time"], format="%d.%m.%Y %H:%M")
    table.index = pd.DatetimeIndex(wall, name="time").tz_localize(ZONE, ambiguous="infer")
    return table.sort_index(axis=1)


def week(table: pd.DataFrame, monday: str) -> pa.Table:
    """Cut one week, refuse gaps, and say beside the values what they mean."""
    start = pd.Timestamp(monday, tz=ZONE)
    stamps = pd.date_range(start, periods=7 * 96, freq="15min")
    part = table.loc[stamps]
    columns = {name: pa.array(part[name].to_numpy(dtype="float64")) for name in part.columns}
    if any(column.null_count for column in columns.values()) or part.isna().any(axis=None):
        raise SystemExit(f"SimBench's profiles have a gap in the week of {monday}")
    time = pa.array(stamps.as_unit("ms"), type=pa.timestamp("ms", tz=ZONE))
    return pa.table({"time": time, **columns}).replace_schema_metadata(ABOUT)


def write(folder: Path) -> None:
    """Write both weeks; the same library versions write the same bytes."""
    table = profiles()
    for name, monday in WEEKS.items():
        path = folder / f"{name}.parquet"
        pq.write_table(week(table, monday), path, compression="zstd")
        print(f"{path}: written")


if __name__ == "__main__":
    write(Path(sys.argv[1]) if len(sys.argv) > 1 else TARGET)
