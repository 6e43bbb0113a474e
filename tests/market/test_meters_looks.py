"""Meters that look at what they measured only now and then."""

import numpy as np
import pytest

from market.delivery.meters import Meters


def called_at(read_ticks, *, p_kw=0.0, ticks=600):
    """Ticks after which the one seller of 600 Wh in 60 s is called when it delivers `p_kw`."""
    meters = Meters(1, 0.1, read_ticks=read_ticks)
    meters.expect(np.array([600.0]), np.array([0.0]), ticks)
    at = []
    for tick in range(1, ticks + 1):
        power = p_kw(tick) if callable(p_kw) else p_kw
        if meters.step(np.array([power]), np.zeros(1), np.zeros(1, dtype=np.bool_)).size:
            at.append(tick)
    return at


@pytest.mark.parametrize(("read_ticks", "at"), [(1, 21), (10, 30), (100, 100), (600, 600)])
def test_a_deficit_is_noticed_at_the_first_look_after_it(read_ticks, at):
    # By hand: a Wh is due in each tick, and more than 20 Wh are missing after the 21st.
    assert called_at(read_ticks) == [at]


def test_a_deficit_that_is_over_at_the_look_is_not_noticed():
    # By hand: 30 ticks of nothing, then all that was missed by the hundredth.
    def makes_up(tick):
        return 0.0 if tick <= 30 else 36.0 * 100 / 70 if tick <= 100 else 36.0

    assert called_at(1, p_kw=makes_up) == [21]
    assert called_at(100, p_kw=makes_up) == []
