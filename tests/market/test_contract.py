import pytest
from hypothesis import given
from hypothesis import strategies as st

from market.delivery.contract import Clock, Segment, add_segments, energy_milliwh
from market.delivery.cover import fit_energy, ramped

segments = st.lists(
    st.tuples(st.integers(0, 50), st.integers(1, 50), st.floats(-10, 10)).map(
        lambda s: Segment(s[0], s[0] + s[1], s[2])
    ),
    max_size=6,
)


def test_periods_follow_one_another_on_the_ticks():
    clock = Clock(9000, 0.1, origin=3000)
    assert (clock.start(0), clock.end(0), clock.start(1)) == (3000, 12_000, 12_000)
    assert clock.period_h == 0.25


@given(segments)
def test_summed_segments_do_not_overlap_and_keep_the_power_of_every_tick(parts):
    summed = add_segments(parts)
    for tick in range(100):
        before = sum(s.p_kw for s in parts if s.start_tick <= tick < s.end_tick)
        after = [s.p_kw for s in summed if s.start_tick <= tick < s.end_tick]
        assert len(after) <= 1
        assert sum(after) == pytest.approx(before, abs=1e-9)


def test_energy_of_segments_counts_both_directions():
    # 1 kW for 36 s is 10 Wh.
    assert energy_milliwh([Segment(0, 360, 1.0), Segment(360, 720, -1.0)], 0.1) == 20_000


def test_a_ramp_has_the_energy_of_its_straight_line():
    # To 4 kW at 1 kW/s: 4 s of ramp, half of 16 kWs; then 6 s of 4 kW: 32 kWs in all, 8.889 Wh.
    plan = ramped(0, 100, 4.0, dt_s=0.1, ramp_kw_per_s=1.0)
    assert energy_milliwh(plan, 0.1) == 8_889
    assert plan[-1] == Segment(40, 100, 4.0)


def test_a_ramp_that_has_no_time_to_finish_stops_where_it_got():
    # 1 s at 1 kW/s reaches 1 of 4 kW: 0.5 kWs.
    plan = ramped(0, 10, 4.0, dt_s=0.1, ramp_kw_per_s=1.0)
    assert plan[-1].p_kw < 1.0
    assert energy_milliwh(plan, 0.1) == round(0.5 / 3.6e-3)


def test_no_power_or_no_time_is_no_plan():
    assert ramped(10, 10, 4.0, dt_s=0.1, ramp_kw_per_s=1.0) == ()
    assert ramped(0, 10, 0.0, dt_s=0.1, ramp_kw_per_s=1.0) == ()


@given(segments, st.floats(0, 5))
def test_a_plan_never_uses_more_energy_than_there_is(parts, limit_wh):
    plan = fit_energy(add_segments(parts), limit_wh, 0.1)
    assert energy_milliwh(plan, 0.1) <= 1000 * limit_wh + 1
