"""The integer time of a run, by hand for the shipped village and in general."""

from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cosim.boxes.clock import NEVER, Clock

START = datetime(2016, 6, 14, 11, 45, tzinfo=timezone(timedelta(hours=2)))


def make(dt_s=0.1, ticks=36_000, ticks_per_period=9_000, gate_ticks=3_000):
    """The shipped village: an hour at 100 ms, quarter hours, gates 5 min before."""
    return Clock(
        start=START,
        dt_s=dt_s,
        ticks=ticks,
        ticks_per_period=ticks_per_period,
        gate_ticks=gate_ticks,
    )


VILLAGE = make()


def test_the_first_gate_is_time_zero_and_physics_follows_it():
    assert VILLAGE.gate(0) == 0
    assert VILLAGE.preroll == VILLAGE.begins(0) == 3_000
    assert (VILLAGE.end, VILLAGE.until) == (39_000, 39_010)
    assert VILLAGE.periods == 4


def test_gates_and_period_ends_of_the_village_fall_where_the_hand_puts_them():
    # By hand, 100 ms ticks: gates at −5, 10, 25 and 40 min, ends at 15, 30, 45 and 60 min,
    # both counted from 5 min before the physics.
    assert [VILLAGE.gate(period) for period in range(4)] == [0, 9_000, 18_000, 27_000]
    assert [VILLAGE.ends(period) for period in range(4)] == [12_000, 21_000, 30_000, 39_000]
    gated = [time for time in range(40_000) if VILLAGE.period_gated_at(time) is not None]
    ended = [time for time in range(40_000) if VILLAGE.period_ended_at(time) is not None]
    assert gated == [0, 9_000, 18_000, 27_000]
    assert ended == [12_000, 21_000, 30_000, 39_000]


def test_no_gate_opens_for_a_period_that_would_end_after_the_physics():
    assert VILLAGE.period_gated_at(36_000) is None
    assert VILLAGE.next_gate(26_999) == 27_000
    assert VILLAGE.next_gate(27_000) == NEVER


def test_an_unfinished_period_is_not_traded():
    # By hand: 1000 ticks hold one period of 600 and 400 ticks that belong to none.
    clock = make(ticks=1_000, ticks_per_period=600, gate_ticks=100)
    assert clock.periods == 1
    assert [clock.next_gate(time) for time in (0, 599)] == [NEVER, NEVER]
    assert clock.period_ended_at(700) == 0
    assert clock.period_ended_at(1_100) is None


def test_the_slow_clock_counts_seconds_from_the_first_tick():
    clock = make(gate_ticks=3_003)
    assert clock.ticks_per_second == 10
    assert clock.next_second(0) == 3_003
    assert clock.next_second(3_003) == 3_013
    assert clock.next_second(3_009) == 3_013
    assert clock.next_second(3_013) == 3_023


def test_the_slow_clock_ends_with_the_physics():
    assert VILLAGE.next_second(38_980) == 38_990
    assert VILLAGE.next_second(38_990) == NEVER


def test_one_step_after_the_last_tick_closes_the_books():
    assert VILLAGE.next_tick(17) == 3_000
    assert VILLAGE.next_tick(38_999) == 39_000
    assert VILLAGE.next_tick(39_000) == NEVER
    assert not VILLAGE.is_physics(39_000)


def test_a_gate_without_lead_is_the_beginning_of_its_period():
    clock = make(gate_ticks=0)
    assert clock.gate(2) == clock.begins(2) == 18_000
    assert clock.preroll == 0


@pytest.mark.parametrize(
    ("dt_s", "offset_s", "time", "wall"),
    [
        (0.1, 2_340.0, 26_400, "12:24:00"),  # the village's trip, 39 min after 11:45
        (0.1, 0.0, 3_000, "11:45:00"),
        (0.25, 0.5, 3_002, "11:45:00.500000"),
        (1.0, -60.0, 2_940, "11:44:00"),
    ],
)
def test_an_instant_has_one_tick_and_a_tick_one_instant(dt_s, offset_s, time, wall):
    clock = make(dt_s=dt_s)
    assert clock.time_of(offset_s) == time
    assert clock.wall(time).time().isoformat() == wall
    assert clock.tick(time) == round(offset_s / dt_s)


clocks = st.builds(
    make,
    dt_s=st.sampled_from([0.01, 0.05, 0.1, 0.2, 0.25, 0.5, 1.0]),
    ticks=st.integers(1, 400),
    ticks_per_period=st.integers(1, 90),
    gate_ticks=st.integers(0, 120),
)


@given(clock=clocks)
def test_every_period_is_gated_and_ended_once_and_in_order(clock):
    times = range(clock.until + 1)
    gated = [(clock.period_gated_at(t), t) for t in times if clock.period_gated_at(t) is not None]
    ended = [(clock.period_ended_at(t), t) for t in times if clock.period_ended_at(t) is not None]
    periods = range(clock.periods)
    assert gated == [(period, clock.gate(period)) for period in periods]
    assert ended == [(period, clock.ends(period)) for period in periods]
    assert all(clock.ends(p) - clock.begins(p) == clock.ticks_per_period for p in periods)
    assert all(clock.begins(p) - clock.gate(p) == clock.gate_ticks for p in periods)


@given(clock=clocks)
def test_following_the_next_gate_visits_all_gates(clock):
    time, visited = 0, []
    while time < NEVER:
        visited.append(time)
        time = clock.next_gate(time)
    # Time 0 is the first step of everybody, whether or not a period fits into the physics.
    assert visited == [clock.gate(period) for period in range(max(1, clock.periods))]


@given(clock=clocks)
def test_following_the_next_second_visits_every_second_of_physics(clock):
    time, visited = clock.next_second(-1), []
    while time < NEVER:
        visited.append(clock.tick(time))
        time = clock.next_second(time)
    assert visited == list(range(0, clock.ticks, clock.ticks_per_second))


@given(clock=clocks, time=st.integers(0, 700))
def test_what_comes_next_is_later_and_physics_has_its_ticks(clock, time):
    for upcoming in (clock.next_gate(time), clock.next_second(time), clock.next_tick(time)):
        assert upcoming > time
    assert clock.is_physics(time) == (0 <= clock.tick(time) < clock.ticks)
    assert clock.time_of(clock.tick(time) * clock.dt_s) == time
