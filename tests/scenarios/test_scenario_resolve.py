import datetime as dt
from pathlib import Path

import numpy as np
import pytest

import scenarios
from scenarios.load import load_scenario
from scenarios.peers import placed_loads
from scenarios.seeds import generator

FOLDER = Path(scenarios.__file__).parent
VILLAGE = FOLDER / "village.yaml"


@pytest.fixture(scope="module")
def village():
    return load_scenario(VILLAGE)


def variant(tmp_path, old, new):
    """The village with one thing changed, beside its network."""
    (tmp_path / "grids").mkdir()
    for file in (FOLDER / "grids").glob("*.json"):
        (tmp_path / "grids" / file.name).write_bytes(file.read_bytes())
    text = VILLAGE.read_text("utf-8")
    assert old in text
    file = tmp_path / "village.yaml"
    file.write_text(text.replace(old, new), "utf-8")
    return load_scenario(file)


def test_names_key_the_generators_and_nothing_runs_together():
    draws = [generator(7, *names).random() for names in [("a", "b"), ("ab",), ("b", "a"), ("a",)]]
    assert len(set(draws)) == 4
    assert generator(7, "a", "b").random() == draws[0]
    assert generator(8, "a", "b").random() != draws[0]


def test_the_village_is_57_households_half_with_pv_a_third_with_a_battery(village):
    houses = [peer for peer in village.peers if peer.name.startswith("house-")]
    assert len(houses) == 57
    # Binomial: half of 57 is 28.5 with a deviation of 3.8; a third is 18.8 with 3.5.
    assert 21 <= sum(peer.pv_kwp > 0 for peer in houses) <= 36
    assert 12 <= sum(peer.battery_kwh > 0 for peer in houses) <= 26


def test_the_lpd_is_last_and_the_mill_is_played_by_its_device(village):
    names = [peer.name for peer in village.peers]
    assert names[0] == "mill"
    assert names[-1] == "lpd"
    assert village.peers[0].device == "mill-inverter"
    assert village.peers[0].role == "producer"
    assert village.peers[-1].bus == "main_busbar"


def test_drawn_sizes_stay_in_their_ranges(village):
    for peer in village.peers[3:-1]:
        assert peer.pv_kwp == 0 or 3 <= peer.pv_kwp <= 10
        assert peer.battery_kwh == 0 or 5 <= peer.battery_kwh <= 12
        assert peer.load is not None
        assert peer.load.full_load_h is not None
        assert 3000 <= peer.load_scale * peer.load.full_load_h <= 5000


def test_another_seed_draws_another_village_and_the_same_seed_the_same(village):
    assert load_scenario(VILLAGE, seed=8).peers != village.peers
    assert load_scenario(VILLAGE, seed=village.seed).peers == village.peers


def test_one_more_peer_does_not_reshuffle_the_others(village, tmp_path):
    extra = "peers:\n  - {name: smith, bus: KV_4_2, pv: {p_kwp: [3, 9]}}\n"
    more = variant(tmp_path, "peers:\n", extra)
    assert [peer for peer in more.peers if peer.name != "smith"] == list(village.peers)


def test_the_trip_is_39_minutes_after_the_start(village):
    # By hand: 11:45 to 12:24 is 39 min, 10 ticks a second.
    assert [(event.tick, event.kind) for event in village.events] == [(23_400, "device_trip")]
    assert (village.n_ticks, village.n_periods) == (36_000, 4)
    assert (village.ticks_per_period, village.gate_ticks) == (9_000, 3_000)


def test_quarter_hours_are_the_profile_times_the_scale(village):
    # From SimBench's table LoadProfile.csv, 14.06.2016 11:45, G1-A: 0.756071 of 34 kW.
    start = village.scenario.time.start
    load_kw, pv_kw = village.quarter_hours(start, start + dt.timedelta(hours=1))
    assert load_kw.shape == pv_kw.shape == (4, len(village.peers))
    workshop = [peer.name for peer in village.peers].index("workshop")
    assert load_kw[0, workshop] == pytest.approx(34 * 0.756071, abs=1e-5)
    assert (load_kw >= 0).all()
    assert (pv_kw >= 0).all()
    assert not load_kw[:, -1].any()


def test_a_span_that_cuts_quarter_hours_gets_them_whole(village):
    start = village.scenario.time.start + dt.timedelta(minutes=5)
    whole, _ = village.quarter_hours(village.scenario.time.start, start + dt.timedelta(minutes=25))
    cut, _ = village.quarter_hours(start, start + dt.timedelta(minutes=20))
    assert np.array_equal(whole, cut)


def test_every_load_has_one_peer_and_a_single_peer_takes_its_bus(tmp_path):
    more = variant(tmp_path, "bus: KV_1_4", "bus: loadbus_1_1")
    placed = placed_loads(more.scenario, more.network)
    assert sum(len(buses) for buses in placed.values()) == 56
    assert all("loadbus_1_1" not in buses for buses in placed.values())


def test_a_resolved_scenario_can_be_read_again(village):
    again = type(village.scenario).model_validate(village.manifest()["scenario"])
    assert again == village.scenario


def test_shedding_spares_the_critical_and_fills_stages_by_load():
    island = load_scenario(FOLDER / "island.yaml")
    start = island.scenario.time.start
    load_kw, _ = island.quarter_hours(start, start + island.scenario.time.duration.delta)
    mean_kw = load_kw.mean(axis=0)
    stages = np.array([peer.shed_stage for peer in island.peers])
    assert stages[[peer.critical for peer in island.peers]].tolist() == [-1, -1]
    largest = mean_kw[stages >= 0].max()
    for stage in range(3):
        # A stage takes whole peers, so it misses its share by at most one peer at each end.
        assert mean_kw[stages == stage].sum() == pytest.approx(0.125 * mean_kw.sum(), abs=largest)
