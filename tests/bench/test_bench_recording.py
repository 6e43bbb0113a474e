"""What recording costs the tick: 10 list columns, 1 000 signals; the floor is the copy alone."""

import time

import numpy as np
import pytest

from results.recording import TickRecorder

WIDTHS = {f"column_{i}": width for i, width in enumerate([116, 116, *[96] * 8])}


@pytest.mark.parametrize("way", ["write", "row", "copy alone"])
def test_bench_record_a_tick_of_1000_signals(benchmark, tmp_path, way):
    rng = np.random.default_rng(7)
    values = {name: rng.normal(size=width) for name, width in WIDTHS.items()}
    scalars = rng.normal(size=12)
    places = {name: np.empty(width) for name, width in WIDTHS.items()}
    names = [f"scalar_{i}" for i in range(12)]
    record = TickRecorder(tmp_path, scalars=names, lists=WIDTHS, metadata={})
    ticks = iter(range(10**9))

    def write() -> None:
        for _ in range(600):
            record.write(next(ticks), scalars, values)

    def row() -> None:
        for _ in range(600):
            row = record.row(next(ticks))
            row.scalars[:] = scalars
            for name, place in row.lists.items():
                place[:] = values[name]
            record.commit()

    def copy() -> None:
        for _ in range(600):
            for name, place in places.items():
                place[:] = values[name]

    benchmark.extra_info["ticks per round"] = 600
    benchmark.pedantic(
        {"write": write, "row": row, "copy alone": copy}[way],
        setup=lambda: time.sleep(0.06),  # a tick of 100 us leaves the writer this much
        rounds=20,
    )
    record.close()

    assert (tmp_path / "ticks.parquet").exists()
