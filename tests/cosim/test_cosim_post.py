"""Communication in a run: copies have no effect, late words have the one that is defined."""

import json

import pytest

from cosim.run import run_scenario
from results.reading import Record


def content(folder):
    """Tables, ticks and events of a run, and the last hash of its ledger."""
    files = {path.name: path.read_bytes() for path in folder.glob("*.parquet")}
    manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
    events = (folder / "events.jsonl").read_bytes()
    return files | {"events": events, "ledger": manifest["ledger"]}


@pytest.fixture(scope="module")
def play(tmp_path_factory, write_village):
    """Play the short village with communication as told."""

    def play(**communication):
        folder = tmp_path_factory.mktemp("post")
        told = {"settle_within": "20 s", "offers_before": "5 s", **communication}
        file = write_village(folder, communication=told)
        return run_scenario(file, out=folder, model_devices=True, report=False)

    return play


def rows(outcome, table, **of):
    found = Record(outcome.folder).rows(table)
    return [row for row in found if all(row[key] == value for key, value in of.items())]


def covered_from(outcome):
    """First tick at which cover was called for the mill as a seller in the second period."""
    its = {row["contract_id"] for row in rows(outcome, "contracts", seller="mill", period=1)}
    covers = rows(outcome, "covers", direction="cover")
    ticks = [row["called_tick"] for row in covers if row["contract_id"] in its]
    return min(tick for tick in ticks if tick is not None)


def test_every_message_twice_over_ideal_links_leaves_the_bytes_of_every_message_once(
    modelled_village, play
):
    twice = play(duplicate=1.0)
    copied = rows(twice, "messages")
    assert {row["copies"] for row in copied if row["sender"] not in ("market", "dso", "lpd")} == {1}
    ours, theirs = content(twice.folder), content(modelled_village.folder)
    assert ours.keys() - theirs.keys() == {"messages.parquet"}
    assert {name for name in theirs if ours[name] != theirs[name]} == set()


def test_an_alarm_waits_for_the_end_of_an_outage_and_cover_with_it(modelled_village, play):
    # The mill trips at 75 s and is called three ticks later; it is reached again from 90 s on.
    late = play(outages=[{"party": "mill", "from": "70 s", "to": "90 s"}])
    (alarm,) = rows(late, "messages", kind="alarm", sender="mill")
    assert alarm["sent_tick"] == 752
    assert alarm["arrived_tick"] >= 900
    assert covered_from(late) == alarm["arrived_tick"]
    assert covered_from(modelled_village) == 752
    assert late.passed


def test_who_cannot_be_reached_before_the_gate_takes_no_part(play):
    silent = play(outages=[{"party": "mill", "from": "20 s", "to": "50 s"}])
    assert rows(silent, "messages", kind="offer", sender="mill", why="outage")
    assert {row["period"] for row in rows(silent, "orders", peer="mill")} == {0}
    assert silent.passed


def test_a_meter_that_looks_once_in_a_period_calls_nobody(play):
    once = play(read_every="1 min")
    assert rows(once, "covers", kind="lpd") == []
    assert rows(once, "covers", kind="replacement") == []
    assert once.passed


def test_settlement_waits_for_readings_and_not_forever(play):
    # The gate's 30 s and the period's minute: period 0 ends at tick 600, and waits 20 s.
    mute = play(outages=[{"party": "bakery", "from": "60 s", "to": "95 s"}])
    closed = {row["period"]: row["closed_tick"] for row in rows(mute, "settlement")}
    assert closed == {0: 800, 1: 1200}
    assert rows(mute, "messages", kind="reading", sender="bakery", why="outage")
    assert mute.passed

    # What did not arrive counts for nothing, until the next reading gives something to go by.
    readings = {row["period"]: row for row in rows(mute, "meters", peer="bakery")}
    (dispute,) = rows(mute, "disputes")
    assert readings[0]["net_milliwh"] == 0 > readings[1]["net_milliwh"]
    assert (dispute["peer"], dispute["period"], dispute["rule"]) == ("bakery", 0, "missing")
    assert dispute["corrected_milliwh"] < 0


def test_everything_amiss_at_once_leaves_no_contract_open_and_the_same_bytes_twice(play):
    amiss = {
        "meters": "lorawan",
        "peers": "gprs",
        "duplicate": 0.3,
        "loss": 0.4,
        "jitter_s": 1.0,
        "clocks": [{"party": "mill", "ahead_s": -2.0}],
        "outages": [{"link": "gprs", "every": "40 s", "lasts": "10 s"}],
    }
    one, other = play(**amiss), play(**amiss)
    assert one.passed
    assert content(one.folder) == content(other.folder)
    assert {row["why"] for row in rows(one, "messages")} > {"arrived", "lost"}
