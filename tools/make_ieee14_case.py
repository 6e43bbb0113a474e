"""Make the year of half-hours that `peerwatt ieee14` uses when no other data are named.

    python tools/make_ieee14_case.py [FOLDER]

writes ``case.parquet`` beside ``peers.csv``; what is in it stands in
``scenarios/ieee14/README.md``. Needs the extra ``simbench``.
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import simbench

TARGET = Path(__file__).parents[1] / "scenarios" / "ieee14"
CLOCK = "Etc/GMT-1"  # UTC+1 all year: the case knows no summer time
FIRST = pd.Timestamp("2012-07-01 00:00")  # a Sunday
STEPS = 17_520
SEED = 14
ABOUT = {
    "source": "shapes: SimBench, scenario 0, year 2016; price: synthetic; see README.md",
    "licence": "ODbL 1.0, contents DbCL 1.0; see ../profiles/LICENSE-SimBench.txt",
    "values": "shapes: per mille of the year's largest half-hour; price_cents: hundredths of "
    "$/MWh. Mean of the half-hour that begins at `time`, UTC+1 all year",
}


def half_hours(names: list[str]) -> pd.DataFrame:
    """Read SimBench's shapes and lay the year 2016 over the case's 365 days, weekday on weekday.

    Returns
    -------
    DataFrame
        (17 520, n) factors, each column's largest value 1. [1]

    Notes
    -----
    SimBench's stamps are German wall-clock times. The case begins on a Sunday, as 3 July 2016
    is; after 31 December 2016 it goes on with 3 January 2016, a Sunday too.
    """
    folder = Path(simbench.complete_data_path(0))
    tables = [pd.read_csv(folder / f"{kind}Profile.csv", sep=";") for kind in ("Load", "RES")]
    wall = pd.to_datetime(tables[0]["time"], format="%d.%m.%Y %H:%M")
    stamps = pd.DatetimeIndex(wall).tz_localize("Europe/Berlin", ambiguous="infer")
    load, res = (table.drop(columns="time") for table in tables)
    load.columns = [column.removesuffix("_pload") for column in load.columns]
    # a profile of the grid's own name is a load there and PV here
    both = pd.concat([load, res[[c for c in res if c[:2] in ("PV", "WP")]]], axis=1)[names]
    both.index = stamps.tz_convert(CLOCK).tz_localize(None)
    halves = both.resample("30min").mean()
    year = pd.concat([halves.loc["2016-07-03":"2016-12-31"], halves.loc["2016-01-03":"2016-07-03"]])
    if len(year) != STEPS or year.isna().any(axis=None):
        raise SystemExit(f"SimBench gave {len(year)} half-hours or gaps; expected {STEPS}")
    return year / year.max()


def synthetic_price(shapes: pd.DataFrame) -> np.ndarray:
    """Give a market price that follows residual load and wanders, in $/MWh.

    It belongs to no market: residual load (the mean load shape less half the mean of wind and
    PV), brought to mean 0 and variance 1, moves the price by 13 $/MWh and, cubed, by 1.5; an
    autoregression of half a day's memory adds noise of 6 $/MWh; the mean is brought to 50.
    """
    loads = shapes[[c for c in shapes if c[:2] not in ("PV", "WP")]].mean(axis=1)
    green = shapes[[c for c in shapes if c[:2] in ("PV", "WP")]].mean(axis=1)
    residual = (loads - 0.5 * green).to_numpy()
    scaled = (residual - residual.mean()) / residual.std()
    rng = np.random.default_rng(SEED)
    kept = np.exp(-1 / 24)
    noise = np.zeros(STEPS)
    for step, shock in enumerate(rng.normal(0, 6 * np.sqrt(1 - kept**2), STEPS - 1), start=1):
        noise[step] = kept * noise[step - 1] + shock
    price = 13 * scaled + 1.5 * scaled**3 + noise
    return price - price.mean() + 50


def write(folder: Path) -> None:
    """Write the year; the same library versions write the same bytes."""
    with (folder / "peers.csv").open(encoding="utf-8", newline="") as file:
        names = sorted({row["shape"] for row in csv.DictReader(file)} - {""})
    shapes = half_hours(names)
    columns = {name: np.rint(1000 * shapes[name].to_numpy()).astype(np.int16) for name in names}
    cents = np.rint(100 * synthetic_price(shapes)).astype(np.int16)
    time = pa.array(pd.date_range(FIRST, periods=STEPS, freq="30min"), pa.timestamp("ms"))
    table = pa.table({"time": time, **columns, "price_cents": cents}).replace_schema_metadata(ABOUT)
    path = folder / "case.parquet"
    pq.write_table(
        table,
        path,
        compression="zstd",
        compression_level=19,
        use_dictionary=False,
        column_encoding=dict.fromkeys(table.column_names, "DELTA_BINARY_PACKED"),
    )
    print(f"{path}: written, {path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    write(Path(sys.argv[1]) if len(sys.argv) > 1 else TARGET)
