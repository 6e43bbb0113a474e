"""The shipped disputed-meter: who is away orders nothing, and disputes end as they should."""

from pathlib import Path

import pytest
import yaml

from cosim.run import run_scenario
from results.bills import bills
from results.reading import Record
from results.recompute import differences, read_tables
from scenarios.faults import ScenarioError
from scenarios.load import load_scenario

FILE = Path(__file__).parents[2] / "scenarios/disputed-meter.yaml"


@pytest.fixture(scope="module")
def record(tmp_path_factory):
    outcome = run_scenario(FILE, out=tmp_path_factory.mktemp("runs"), report=False)
    assert outcome.passed
    return Record(outcome.folder)


def test_who_left_orders_nothing_until_it_is_back_and_pays_the_tariffs(record):
    # It leaves at 12:01; gates are a minute before each three minutes, so two periods are missed.
    ordered = {row["period"] for row in record.rows("orders") if row["peer"] == "house-01"}
    assert ordered == {0, 3, 4}
    assert [row["period"] for row in record.rows("absent")] == [1, 2]
    away = [b for b in bills(record) if b.peer == "house-01" and b.period in (1, 2)]
    assert [bill.total_ueur for bill in away] == [bill.public_ueur for bill in away]
    assert all(bill.public_ueur for bill in away)


def test_each_dispute_ends_as_its_evidence_says(record):
    ended = {
        row["peer"]: (row["state"], row["rule"], row["method"]) for row in record.rows("disputes")
    }
    assert ended == {
        "bakery": ("corrected", "balance violated", "balance"),
        "workshop": ("rejected", "reading stands", None),
        "mill": ("corrected", "missing", "interpolation"),
    }


def test_the_bakery_gets_back_a_fifth_of_what_its_fast_meter_showed(record):
    (dispute,) = [row for row in record.rows("disputes") if row["peer"] == "bakery"]
    read, corrected = dispute["read_milliwh"], dispute["corrected_milliwh"]
    assert abs(corrected * 5 - read * 4) <= 5
    back = [row for row in record.rows("postings") if row["reason"] == "correction"]
    # All that was shown too much had been bought at retail, of 350.
    mine = sum(row["amount_ueur"] for row in back if row["credit"] == "peer:bakery")
    assert abs(mine - 350 * (corrected - read) / 1000) <= 1


def test_the_recomputation_does_not_pass_without_the_disputes(record):
    tables = read_tables(record.folder)
    assert differences(tables) == []
    assert differences({**tables, "disputes": []})


HOUSE = {"at": "12:01", "peer": "house-01"}


@pytest.mark.parametrize(
    ("events", "said"),
    [
        ([HOUSE | {"market": "join"}], "events[0].market: 'house-01' is there already"),
        ([HOUSE | {"meter": "stuck"}], "12:01 is inside a delivery period; expected its beginning"),
        ([HOUSE | {"dispute": {}}], "the period that it is about has not ended at 12:01"),
        ([HOUSE | {"meter": "stuck", "market": "leave"}], "says not what happens; expected one of"),
        ([HOUSE | {"market": "leave", "drift": 0.1}], "means nothing here"),
    ],
)
def test_events_that_cannot_be_are_refused(tmp_path, events, said):
    told = yaml.safe_load(FILE.read_text("utf-8")) | {"events": events}
    told["grid"] = {"network": str(FILE.parent / "grids/kerber-village.json")}
    file = tmp_path / "disputed.yaml"
    file.write_text(yaml.safe_dump(told), "utf-8")
    with pytest.raises(ScenarioError) as refused:
        load_scenario(file)
    assert said in str(refused.value)
