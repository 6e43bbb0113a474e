import datetime as dt
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scenarios.times import NS_PER_UNIT, Duration, Moment

START = dt.datetime.fromisoformat("2016-06-14T11:45:00+02:00")


@pytest.mark.parametrize(
    ("text", "ns"),
    [
        # By hand.
        ("100 ms", 100_000_000),
        ("1 h", 3_600_000_000_000),
        ("1 h 30 min", 5_400_000_000_000),
        ("0.1 s", 100_000_000),
        ("15min", 900_000_000_000),
        ("1.5 us", 1_500),
    ],
)
def test_durations_are_exact(text, ns):
    assert Duration.parse(text).ns == ns


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("15", "is not a duration; expected numbers with a unit of ns, us, ms, s, min, h, d"),
        ("15 minutes", "is not a duration"),
        ("-1 h", "is negative; expected more than zero"),
        ("0 s", "is zero; expected more than zero"),
        ("0.5 ns", "is finer than a nanosecond"),
        ("", "expected a number with its unit, such as '15 min'"),
        (900, "900 is not a duration; expected a number with its unit"),
        (None, "None is not a duration"),
        (True, "True is not a duration"),
    ],
)
def test_what_is_no_duration_is_refused_with_what_was_expected(text, told):
    with pytest.raises(ValueError, match=re.escape(told)):
        Duration.positive(text)


@given(
    parts=st.lists(
        st.tuples(st.integers(0, 10_000), st.sampled_from(sorted(NS_PER_UNIT))), min_size=1
    )
)
def test_a_duration_is_the_sum_of_its_parts(parts):
    text = " ".join(f"{number} {unit}" for number, unit in parts)
    assert Duration.parse(text).ns == sum(number * NS_PER_UNIT[unit] for number, unit in parts)


@given(ns=st.integers(1, 10**18))
def test_a_duration_is_read_back_as_it_is_printed(ns):
    assert Duration.parse(str(Duration(ns))) == Duration(ns)


@given(tick_ns=st.integers(1, 10**12), ticks=st.integers(0, 10**6), rest_ns=st.integers(0, 10**12))
def test_whole_ticks_are_told_from_broken_ones(tick_ns, ticks, rest_ns):
    tick, length = Duration(tick_ns), Duration(tick_ns * ticks + rest_ns % tick_ns)
    assert length.is_multiple_of(tick) == (rest_ns % tick_ns == 0)
    assert length.in_ticks(tick) == ticks


@given(text=st.text(max_size=20))
def test_any_text_is_a_duration_or_a_fault_and_never_a_crash(text):
    try:
        ns = Duration.positive(text).ns
    except ValueError:
        ns = 1
    assert ns > 0


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        # By hand, from 11:45.
        ("12:24", 39 * 60),
        ("11:45", 0),
        ("12:24:30.5", 39 * 60 + 30.5),
        ("39 min", 39 * 60),
        ("0", 0),
        ("11:44", 86_400 - 60),  # has passed, so it is tomorrow's
    ],
)
def test_a_moment_is_a_time_of_day_or_a_time_since_the_start(text, seconds):
    assert Moment.parse(text).after(START).seconds == seconds


@pytest.mark.parametrize("text", ["24:00", "12:60", "noon", "-5 min", 744])
def test_what_is_no_moment_is_refused(text):
    with pytest.raises(ValueError, match="expected a time of day such as '12:24' or a time since"):
        Moment.parse(text)
