"""What a tick costs from 10 to 10 000 peers, every box included; `tools/plot_scale.py` draws it."""

import runpy
from pathlib import Path

import pytest

TOOL = runpy.run_path(str(Path(__file__).parents[2] / "tools/plot_scale.py"))
FEW = 60
"""Households when nobody looks at the clock."""


@pytest.mark.benchmark(group="scale")
@pytest.mark.parametrize("households", TOOL["VILLAGES"])
def test_bench_scale(benchmark, tmp_path, note, households):
    """Two minutes of the shipped thousand households, with more villages or fewer."""
    if not benchmark.enabled and households > FEW:
        pytest.skip("as the smaller ones, for longer")
    file = TOOL["district"](tmp_path, households)
    seen = []

    benchmark.pedantic(lambda: seen.append(TOOL["measured"](file, tmp_path)), rounds=1)

    scale = seen[0]
    remark = f"{scale.cpu_ms_per_tick:.2f} ms of processor, set up in {scale.set_up_s:.0f} s"
    note(f"{scale.peers} peers, {scale.buses} buses", 1e3 * scale.wall_ms_per_tick, remark)
    assert scale.peers == households + (households > 10), "the local power distributor is one"
