"""Frequency from a record, and the shipped events against the figures of their reports."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.frequency.trace import Trace, TracedFrequency, TraceError, event_names, frequency_event


def played(trace, dt_s, ticks, **options):
    source = TracedFrequency(trace, dt_s, **options)
    rows = []
    for _ in range(ticks):
        tick = source.step()
        rows.append((tick.f_hz, tick.f_min_hz, tick.f_max_hz, tick.rocof_hz_per_s))
    return np.array(rows)


def test_a_tick_has_the_mean_and_the_extremes_of_the_line_inside_it():
    # By hand: 50 at 0 s, 49 at 0.5 s, 51 at 1 s. First tick: mean (49.5 + 50) / 2 = 49.75.
    trace = Trace.of([0.0, 0.5, 1.0], [50.0, 49.0, 51.0])
    rows = played(trace, 1.0, 2)
    assert rows[0] == pytest.approx([49.75, 49.0, 51.0, 1.0])
    assert rows[1] == pytest.approx([51.0, 51.0, 51.0, 0.0])


def test_before_its_beginning_a_trace_stands_still():
    trace = Trace.of([0.0, 1.0], [50.0, 49.0])
    rows = played(trace, 0.5, 6, starts_s=1.0)
    assert rows[:, 0] == pytest.approx([50, 50, 49.75, 49.25, 49, 49])


@given(
    steps=st.lists(st.floats(0.01, 5.0), min_size=1, max_size=20),
    seed=st.integers(0, 1000),
    dt_s=st.sampled_from([0.02, 0.1, 1.0]),
)
def test_the_mean_over_all_ticks_is_the_integral_of_the_lines(steps, seed, dt_s):
    t_s = np.cumsum([0.0, *steps])
    f_hz = np.random.default_rng(seed).uniform(47, 52, t_s.size)
    ticks = int(np.ceil(t_s[-1] / dt_s)) + 1
    rows = played(Trace.of(t_s, f_hz), dt_s, ticks)
    whole = np.trapezoid(f_hz, t_s) + f_hz[-1] * (ticks * dt_s - t_s[-1])
    assert rows[:, 0].sum() * dt_s == pytest.approx(whole, rel=1e-12)
    assert (rows[:, 1] <= rows[:, 0] + 1e-9).all()
    assert (rows[:, 0] <= rows[:, 2] + 1e-9).all()
    assert rows[:, 1].min() == pytest.approx(f_hz.min())


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_a_file_is_read(tmp_path, suffix):
    table = pd.DataFrame({"t_s": [0.0, 2.0], "f_hz": [50.0, 49.9]})
    file = tmp_path / f"day.{suffix}"
    table.to_csv(file, index=False) if suffix == "csv" else table.to_parquet(file)
    trace = Trace.read(file)
    assert trace.t_s.tolist() == [0, 2]
    assert trace.f_hz.tolist() == [50, 49.9]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("t_s,f_hz\n0,50\n0,50\n", r"point 1: t_s is 0 s after 0 s; expected rising times"),
        ("t_s,f_hz\n0,nan\n1,500\n", r"point 0: f_hz is nan Hz.*point 1: f_hz is 500 Hz"),
        ("t_s,hz\n0,50\n", r"no column 'f_hz'; expected .* found t_s, hz"),
        ("t_s,f_hz\n", r"0 times and 0 values"),
        ("t_s,f_hz\n0,fifty\n", r"could not convert string to float: 'fifty'"),
        ("", r"No columns to parse"),
    ],
)
def test_a_bad_file_is_refused_with_every_fault(tmp_path, text, expected):
    file = tmp_path / "bad.csv"
    file.write_text(text)
    with pytest.raises(TraceError, match=expected):
        Trace.read(file)


def test_a_missing_file_another_kind_and_an_unknown_event_are_refused(tmp_path):
    with pytest.raises(TraceError, match=r"no trace 'none.csv' beside the scenario"):
        Trace.read(tmp_path / "none.csv")
    with pytest.raises(TraceError, match=r"expected a file that ends in .csv or .parquet"):
        Trace.read(tmp_path / "trace.txt")
    with pytest.raises(TraceError, match=r"no event 'gb-2020'; known: ce-2021.*gb-2019-08-09"):
        frequency_event("gb-2020")


@pytest.mark.parametrize(
    ("name", "lowest_hz", "highest_hz"),
    [
        ("gb-2019-08-09", 48.8, 50.0),
        ("ce-2021-01-08-north-west", 49.74, 50.0),
        ("ce-2021-01-08-south-east", 50.0, 50.6),
    ],
)
def test_events_have_the_extremes_that_their_reports_name(name, lowest_hz, highest_hz):
    rows = played(frequency_event(name).trace, 0.1, 6000)
    assert rows[:, 1].min() == pytest.approx(lowest_hz)
    assert rows[:, 2].max() == pytest.approx(highest_hz)


def test_great_britain_was_below_49_7_hz_for_183_seconds():
    # mainsfrequency.uk logged 183 s below 49.7 Hz.
    rows = played(frequency_event("gb-2019-08-09").trace, 0.1, 6000)
    assert (rows[:, 0] < 49.7).sum() * 0.1 == pytest.approx(183, abs=5)


def test_every_point_of_an_event_names_its_source_and_how_sure_we_are():
    assert len(event_names()) == 3
    for name in event_names():
        points = frequency_event(name).points
        assert {point.sure for point in points} == {"reported", "unverified"}
        assert all(len(point.source) > 20 for point in points)
