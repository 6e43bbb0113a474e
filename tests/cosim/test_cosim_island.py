"""Twenty evening minutes alone: rest, three blows, and where the former's energy went."""

import math

import numpy as np
import pytest

from results.reading import Record


@pytest.fixture(scope="module")
def record(island):
    return Record(island.folder)


@pytest.fixture(scope="module")
def spec(record):
    return record.manifest["resolved"]["scenario"]["island"]


def tick_of(record, kind):
    """Tick of the first event of a kind."""
    return next(event["tick"] for event in record.events if event["kind"] == kind)


def all_peers(record, column):
    return record.values(column).astype(float).sum(axis=1)


def test_the_island_passes_its_checks(island):
    assert [verdict.name for verdict in island.verdicts if not verdict.passed] == []
    assert island.passed


def test_the_island_starts_in_equilibrium(record):
    # Loads, weather and set-points hold for the first second, so nothing may move frequency.
    first = slice(0, round(1 / record.dt_s))
    load_kw = record.values("load_kw")[first]
    assert (load_kw == load_kw[0]).all()
    assert np.abs(record.scalar("rocof_hz_per_s")[first]).max() < 1e-3
    assert record.scalar("f_hz")[first] == pytest.approx(50.0, abs=1e-4)
    assert not record.values("response_kw")[first].any()
    assert not record.scalar("stages_shed")[first].any()


def test_the_loss_of_the_generator_sheds_two_stages_or_more(record, spec):
    loss = tick_of(record, "generator_lost")
    shed = [event for event in record.events if event["kind"] == "load_shed"]
    assert [event["stage"] for event in shed] == list(range(1, len(shed) + 1))
    assert len(shed) >= 2
    assert all(event["tick"] > loss for event in shed)
    for event, stage in zip(shed, spec["shedding"], strict=False):
        assert event["f_hz"] <= stage["below_hz"]
        # A stage acts when its delay has passed, and is seen in the tick in which it does.
        below = record.scalar("f_min_hz")[: event["tick"] + 1] < stage["below_hz"]
        acted_after_s = (event["tick"] + 1 - int(np.flatnonzero(below)[0])) * record.dt_s
        assert acted_after_s >= stage["delay_s"]
    assert not all_peers(record, "shed_kw")[:loss].any()


def test_stages_stay_shed_and_shed_no_critical_peer(record):
    stages = record.scalar("stages_shed")
    assert (np.diff(stages) >= 0).all()
    shed_kw = record.values("shed_kw")
    assert not shed_kw[:, record.peers.index("dairy")].any()
    assert shed_kw[-1].sum() > 0


def test_the_first_slope_is_lost_power_over_the_formers_inertia(record, spec):
    # By hand: M = 2 H S / f0 = 2 · 4 s · 15 kVA / 50 Hz = 2.4 kW s/Hz. Load and PV change in the
    # same second; the slope from before is below 0.06 Hz/s, which is the tolerance.
    former, at = spec["former"], tick_of(record, "generator_lost")
    inertia = 2 * former["virtual_inertia_s"] * former["s_kva"] / spec["nominal_hz"]
    assert inertia == pytest.approx(2.4)
    injected_kw = all_peers(record, "pv_kw") + all_peers(record, "battery_kw")
    net_kw = injected_kw - all_peers(record, "load_kw")
    lost_kw = record.scalar("generator_kw")[at - 1] - (net_kw[at] - net_kw[at - 1])
    assert record.scalar("rocof_hz_per_s")[at] == pytest.approx(-lost_kw / inertia, abs=0.06)


def test_both_slopes_are_recorded_and_the_window_is_the_gentler(record):
    steepest = np.abs(record.scalar("rocof_hz_per_s"))
    windowed = np.abs(record.scalar("rocof_500ms_hz_per_s"))
    after = slice(tick_of(record, "generator_lost"), tick_of(record, "generator_lost") + 20)
    assert 1 < windowed[after].max() < steepest[after].max() < 3
    # A mean over 500 ms is no steeper than the steepest instant of its six ticks.
    reach = np.max(np.lib.stride_tricks.sliding_window_view(steepest, 6), axis=1)
    assert (windowed[5:] <= reach + 1e-9).all()


def test_inverters_reduce_by_frequency_while_the_former_is_nearly_full(record, spec):
    gone = tick_of(record, "load_changed")
    reduced_kw, f_hz = all_peers(record, "response_kw"), record.scalar("f_hz")
    surplus = (record.tick > gone) & (f_hz > spec["p_f"]["start_hz"] + 0.05)
    assert surplus.sum() > 100
    assert (reduced_kw[surplus] < 0).all()
    assert reduced_kw[surplus].min() < -5
    assert record.scalar("former_soc")[surplus].min() > 0.99


def test_inverters_reduce_by_the_droop_that_the_scenario_gives(record, spec):
    # By hand: 40 % per hertz above 50.2 Hz of what a roof without a battery gives, in ticks in
    # which frequency moves by less than 0.1 mHz and so the lag hardly shows.
    gone, answer = tick_of(record, "load_changed"), spec["p_f"]
    f_hz = record.scalar("f_hz")
    moved_hz = record.scalar("f_max_hz") - record.scalar("f_min_hz")
    steady = (record.tick > gone) & (moved_hz < 1e-4) & (f_hz > answer["start_hz"] + 0.05)
    roofs = record.values("pv_kw")[steady].min(axis=0) > 0.1
    roofs &= ~record.values("battery_kw").any(axis=0)
    assert steady.sum() > 50
    assert roofs.sum() > 3
    share = answer["percent_per_hz"] / 100 * (f_hz - answer["start_hz"])[steady, None]
    expected_kw = -share * record.values("pv_kw")[steady][:, roofs]
    assert record.values("response_kw")[steady][:, roofs] == pytest.approx(expected_kw, rel=5e-3)


def test_extremes_between_ticks_lie_at_or_outside_the_mean(record):
    f_hz, low_hz, high_hz = (record.scalar(name) for name in ("f_hz", "f_min_hz", "f_max_hz"))
    assert (low_hz <= f_hz + 1e-12).all()
    assert (f_hz <= high_hz + 1e-12).all()
    # A tick begins where the one before ended, so neighbours' ranges touch.
    assert (low_hz[1:] <= high_hz[:-1] + 1e-12).all()
    assert (high_hz[1:] >= low_hz[:-1] - 1e-12).all()


def test_the_formers_charge_is_the_integral_of_what_the_power_flow_drew(record, spec):
    # By hand: stored energy falls by P·dt/η when it gives and rises by P·dt·η when it takes,
    # one-way efficiency η the root of the round trip's. Losses of the lines are in P.
    former = spec["former"]
    one_way = math.sqrt(former["efficiency"])
    drawn_kw = record.scalar("p_boundary_kw")
    drawn_kwh = np.where(drawn_kw > 0, drawn_kw / one_way, drawn_kw * one_way) * record.dt_s / 3600
    before = np.concatenate([[0.0], np.cumsum(drawn_kwh)[:-1]])
    expected = former["soc_initial"] - before / former["capacity_kwh"]
    assert record.scalar("former_soc") == pytest.approx(expected, abs=1e-12)
    assert np.ptp(expected) > 0.03
