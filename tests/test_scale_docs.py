"""The page on scale says what was measured."""

import runpy
from itertools import pairwise
from pathlib import Path

ROOT = Path(__file__).parents[1]
TOOL = runpy.run_path(str(ROOT / "tools/plot_scale.py"))


def test_the_table_is_that_of_the_stored_numbers():
    rows = TOOL["read"]()

    assert TOOL["table"](rows) in (ROOT / "docs/scale.md").read_text("utf-8")
    assert [row.peers for row in rows][1:] == [n + 1 for n in list(TOOL["VILLAGES"])[1:]]


def test_beyond_two_hundred_peers_cost_grows_no_faster_than_they_do():
    rows = [row for row in TOOL["read"]() if row.peers > 200]

    for few, many in pairwise(rows):
        assert many.cpu_ms_per_tick / few.cpu_ms_per_tick < 1.15 * many.peers / few.peers
    assert next(row for row in rows if row.peers > 1000).times_real_time >= 20
