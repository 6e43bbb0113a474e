"""How fast messages are carried: every attempt is reckoned at once, without events."""

import numpy as np
import pytest

from market.communication import LINKS, Courier, Lines


@pytest.mark.parametrize("link", ["ideal", "lte", "lorawan"])
@pytest.mark.parametrize("messages", [10_000])
def test_bench_courier(benchmark, link, messages):
    def play():
        lines = Lines(meters=LINKS[link], peers=LINKS[link])
        courier = Courier(lines, 0.1, lambda *names: np.random.default_rng(len(names)))
        for number in range(messages):
            now = 1000 * (number // 100)
            courier.carry("alarm", f"house-{number % 100}", "market", now, now + 9000, 16)
        return courier.rows

    assert len(benchmark(play)) == messages
