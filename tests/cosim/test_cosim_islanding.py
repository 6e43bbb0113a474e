"""A village leaves the grid and comes back: by command, in the dark, and without a former."""

import math
from pathlib import Path

import numpy as np
import pytest
import yaml

from cosim.run import run_scenario
from results.reading import Record
from scenarios import ScenarioError, load_scenario

SCENARIOS = Path(__file__).parents[2] / "scenarios"

ALWAYS_KEPT = {"compliant_party_whole", "ledger_verifies", "accounts_recomputed"}


def write(folder, *, events, former=True, **otherwise):
    """The shipped islanding scenario, a minute and a half of it, without its reserves."""
    told = yaml.safe_load((SCENARIOS / "islanding.yaml").read_text("utf-8"))
    told["time"] |= {"duration": "90 s"}
    told["grid"]["network"] = str(SCENARIOS / "grids/kerber-village.json")
    told["market"] |= {"period": "30 s", "gate": "30 s"}
    told["checks"] = []
    island = told["island"]
    if not former:
        told["island"] = {"feeder": island["feeder"]}
    else:
        island["stores"] = [store for store in island["stores"] if store["kind"] == "forming"]
    told["events"] = events
    file = folder / "story.yaml"
    file.write_text(yaml.safe_dump(told | otherwise, sort_keys=False), "utf-8")
    return file


def told(record):
    kinds = {"market_cleared", "period_settled", "contracts_concluded", "shortfall_called"}
    return [(e["tick"], e["kind"]) for e in record.events if e["kind"] not in kinds]


@pytest.fixture(scope="module")
def story(tmp_path_factory):
    """Alone at 15 s, refused at 20 s, switched off at 35 s, started at 50 s, dead at 60 s, back."""
    folder = tmp_path_factory.mktemp("story")
    events = [
        {"at": "15 s", "feeder": "open"},
        {"at": "20 s", "feeder": "close", "within": "300 ms"},
        {"at": "35 s", "island": "black_out"},
        {"at": "50 s", "island": "black_start"},
        {"at": "60 s", "island": "black_out"},
        {"at": "70 s", "feeder": "close"},
    ]
    outcome = run_scenario(write(folder, events=events), out=folder / "runs", report=False)
    assert [verdict.name for verdict in outcome.verdicts if not verdict.passed] == []
    return Record(outcome.folder)


def test_the_story_is_told_in_its_order(story):
    seen = [(tick, kind) for tick, kind in told(story) if kind not in ("load_shed",)]
    assert [(t, k) for t, k in seen if k != "load_restored"] == [
        (150, "islanded"),
        (200, "resynchronisation_refused"),
        (203, "resynchronisation_failed"),
        (350, "black"),
        (500, "black_start"),
        (600, "black"),
        (700, "resynchronised"),
    ]
    refused = next(e for e in story.events if e["kind"] == "resynchronisation_refused")
    assert any("expected 20 degrees at most" in text for text in refused["because"])
    assert all(e["because"] == "by command" for e in story.events if e["kind"] == "black")


def test_frequency_is_the_grids_the_villages_own_or_none(story):
    f_hz, connected = story.scalar("f_hz"), story.scalar("connected")
    assert connected.tolist() == [1.0] * 150 + [0.0] * 550 + [1.0] * 200
    assert np.abs(f_hz[connected == 1] - 50).max() < 0.1
    dark = np.r_[350:500, 600:700]
    assert not f_hz[dark].any()
    assert not story.values("vm_pu")[dark].any()
    assert (f_hz[np.r_[150:350, 500:600]] > 49).all()
    # Secondary control works against the droop: the nadir is before the refusal.
    assert f_hz[345] > f_hz[150:200].min() + 0.01


def test_the_formers_pay_for_the_time_alone_and_the_grid_for_the_rest(story):
    # By hand: both formers have the root of 92 %; the reference gives the power flow's residual.
    alone = story.scalar("connected") == 0
    boundary_kw, soc = story.scalar("p_boundary_kw"), story.scalar("former_soc")
    drawn_kw = np.where(boundary_kw > 0, 1 / math.sqrt(0.92), math.sqrt(0.92)) * boundary_kw
    spent_kwh = (drawn_kw * alone).sum() * 0.1 / 3600
    assert 40 * (soc[0] - soc[-1]) == pytest.approx(spent_kwh, abs=1e-9)
    assert spent_kwh > 0.01
    assert boundary_kw[~alone].min() > boundary_kw[alone].max()
    stores_kw = story.scalar("stores_kw")
    assert not stores_kw[~alone].any()
    running = alone & (story.scalar("f_hz") > 0)
    assert np.abs(stores_kw[running]).min() > 0
    assert not stores_kw[alone & ~running].any()


def test_what_the_dark_kept_from_flowing_is_shed_and_has_its_cause(story):
    shed = {row["period"]: 0 for row in story.rows("meters")}
    for row in story.rows("meters"):
        shed[row["period"]] += row["shed_milliwh"]
    load_kw = story.values("load_kw").astype(float).sum(axis=1)
    unserved_kw = story.values("shed_kw").astype(float).sum(axis=1)
    assert unserved_kw[350:500] == pytest.approx(load_kw[350:500], rel=1e-6)
    assert shed[0] == 0
    for period in (1, 2):
        energy_mwh = unserved_kw[300 * period : 300 * (period + 1)].sum() * 0.1 / 3.6e-3
        # Each meter rounds to whole mWh.
        assert shed[period] == pytest.approx(energy_mwh, abs=0.5 * len(story.peers))
    called = [e for e in story.events if e["kind"] == "shortfall_called"]
    assert {e["because"] for e in called if 352 < e["tick"] < 500} <= {"black"}


def test_who_supplies_is_the_lpd_in_a_period_alone(story):
    # Alone from 15 s: half of period 0, all of period 1, and a third of period 2.
    residuals = {row["period"]: row["residual"] for row in story.rows("settlement")}
    assert residuals == {0: "lpd", 1: "lpd", 2: "supplier"}


def test_without_a_former_a_fault_means_darkness_and_the_run_ends_orderly(tmp_path):
    events = [{"at": "30 s", "feeder": "fault"}]
    short = {"duration": "60 s", "start": "2016-06-17T19:00:00+02:00", "tick": "100 ms"}
    file = write(tmp_path, events=events, former=False, time=short)
    outcome = run_scenario(file, out=tmp_path / "runs", report=False)
    assert outcome.status == "finished"
    assert [verdict.name for verdict in outcome.verdicts if not verdict.passed] == []
    record = Record(outcome.folder)
    black = next(event for event in record.events if event["kind"] == "black")
    assert (black["tick"], black["because"]) == (300, "no grid-former")
    assert np.abs(record.values("p_kw")[300:]).max() < 1e-12
    assert not [r for r in record.rows("contracts") if r["period"] == 1 and r["delivered_milliwh"]]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"island": None}, "expected island.feeder"),
        ({"island": {"former": None}}, "an island that stands alone has no voltage without it"),
        (
            {"island": {"feeder": {}, "secondary": {"bias_kw_per_hz": 5, "p_max_kw": 5}}},
            "secondary: cannot run without a grid-former",
        ),
        ({"frequency": {"nominal_hz": 60}}, "is 50 Hz and the upstream grid's 60 Hz"),
        (
            {"events": [{"at": "15 s", "feeder": "open", "within": "1 s"}]},
            "expected it with feeder: close",
        ),
    ],
)
def test_a_feeder_that_cannot_be_is_refused_by_name(tmp_path, change, message):
    given = {"events": [{"at": "15 s", "feeder": "open"}]} | change
    with pytest.raises(ScenarioError, match=message):
        load_scenario(write(tmp_path, **given))
