"""An island that sheds who would pay least: the order from bids, the stages, and a short run."""

import math
from pathlib import Path

import numpy as np
import pytest
import yaml

from cosim.boxes.shedding import SheddingOrder
from cosim.run import run_scenario
from market.book import Order
from models.frequency.island import IslandFrequency
from models.frequency.parameters import Generator, GridFormer, IslandParams, ShedStage
from results.reading import Record

SCENARIOS = Path(__file__).parents[2] / "scenarios"
PEERS = ("ada", "ben", "cleo", "dora", "emil", "lpd")


def book(*bids):
    return [Order(i, peer, side, ticks, 100) for i, (peer, side, ticks) in enumerate(bids)]


def test_who_bids_not_at_all_goes_first_then_who_bids_least_and_critical_peers_never():
    hears = SheddingOrder(PEERS, {"dora", "lpd"}, ticks_per_period=60)
    orders = book(
        ("ada", "buy", 300), ("ben", "buy", 200), ("ben", "buy", 320), ("cleo", "buy", 250),
        ("dora", "buy", 100), ("emil", "sell", 400),
    )  # fmt: skip
    # By hand: emil wants nothing; cleo 250, ada 300, ben at best 320; dora is critical.
    assert [PEERS[i] for i in hears.order_of(orders)] == ["emil", "cleo", "ada", "ben"]


def test_the_order_is_handed_over_once_when_its_period_begins():
    hears = SheddingOrder(PEERS, {"lpd"}, ticks_per_period=60)
    orders = book(("ada", "buy", 300))
    concluded = hears.hearing(lambda *told: told)(50, 2, orders, None)
    assert concluded == (50, 2, orders, None)
    assert hears.due(119) is None
    assert hears.due(120).tolist() == [1, 2, 3, 4, 0]
    assert hears.due(120) is None


def falling():
    """20 of 80 kW are missing; two stages of a quarter each, drawn for the first two peers."""
    params = IslandParams(
        former=GridFormer(s_kva=200, p_max_kw=200, capacity_kwh=50, droop_pu=math.inf),
        generators=(
            Generator(
                name="g", s_kva=500, p_max_kw=400, p_set_kw=60, inertia_s=1, droop_pu=math.inf
            ),
        ),
        stages=(ShedStage(below_hz=49.0, share=0.25), ShedStage(below_hz=48.5, share=0.25)),
        stage_of_peer=[0, 1, -1, -1],
        load_percent_per_hz=0,
    )
    island = IslandFrequency(params, 4, 0.1)
    island.equilibrate(60.0, 0.0)
    return island


LOAD_KW = np.array([20.0, 25.0, 15.0, 20.0])


def first_shed(island):
    nothing = np.zeros(4)
    for _ in range(100):
        tick = island.step(load_kw=LOAD_KW, der_kw=nothing, down_kw=nothing, up_kw=nothing)
        if tick.stages_shed:
            break
    tick = island.step(load_kw=LOAD_KW, der_kw=nothing, down_kw=nothing, up_kw=nothing)
    return tick.shed_fraction.tolist()


def test_stages_fill_in_the_order_given_until_they_have_their_share():
    # By hand: each stage has 20 of 80 kW. In the order 3, 2, 1 middles lie at 10, 27.5 and 47.5:
    # the first stage takes 3, the second 2, none takes 1, and 0 is spared.
    assert first_shed(falling()) == pytest.approx([1, 0, 0, 0])
    ordered = falling()
    assert ordered.order_shedding(np.array([3, 2, 1]), LOAD_KW)
    assert first_shed(ordered) == pytest.approx([0, 0, 0, 1])


def test_the_order_stays_while_a_stage_is_active():
    island = falling()
    before = first_shed(island)
    assert not island.order_shedding(np.array([3, 2, 1]), LOAD_KW)
    assert first_shed(island) == before == pytest.approx([1, 0, 0, 0])


@pytest.fixture(scope="module")
def played(tmp_path_factory):
    """Three minutes of the shipped island, which loses its generator in the second period."""
    folder = tmp_path_factory.mktemp("shedding")
    told = yaml.safe_load((SCENARIOS / "island.yaml").read_text("utf-8"))
    told["grid"]["network"] = str(SCENARIOS / "grids/kerber-village.json")
    told["time"] |= {"start": "2016-06-17T18:00:00+02:00", "duration": "3 min"}
    told["market"] |= {"period": "1 min", "gate": "30 s", "bids": {"agent": "zero_intelligence"}}
    told["island"] |= {"shedding_order": "price"}
    told["events"] = [{"at": "90 s", "generator": "genset", "fault": "loss"}]
    told["settlement"] = {"critical_rate_eur_per_kwh": 0.2}
    file = folder / "island.yaml"
    file.write_text(yaml.safe_dump(told, sort_keys=False), "utf-8")
    outcome = run_scenario(file, out=folder / "runs", model_devices=True, report=False)
    return Record(outcome.folder)


def test_a_run_sheds_who_bid_least_for_the_period(played):
    shed_kw = played.values("shed_kw").astype(float)
    tick = int(np.flatnonzero(shed_kw.any(axis=1))[0])
    period = tick // 600
    bids = {}
    for row in played.rows("orders"):
        if row["period"] == period and row["side"] == "buy":
            bids[row["peer"]] = max(row["price_ticks"], bids.get(row["peer"], 0))
    shed = {played.peers[i] for i in np.flatnonzero(shed_kw[tick])}
    load_kw = played.values("load_kw")[tick]
    loads = [p for p, kw in zip(played.peers, load_kw, strict=True) if kw > 0 and p != "dairy"]
    ranked = sorted(loads, key=lambda peer: bids.get(peer, -1000))
    assert 0 < len(shed) < len(ranked)
    assert shed == set(ranked[: len(shed)])


def test_accounts_of_the_island_are_recomputed_with_the_critical_rate(played):
    from results.checks_money import accounts_recomputed

    verdict = accounts_recomputed(played)
    assert verdict.passed, verdict.worst
    (row, *_) = played.rows("settlement")
    assert (row["critical_ticks"], row["critical_peers"]) == (200, "dairy")
