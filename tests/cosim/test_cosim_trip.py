"""A short village from its gates to its verdict: sold, tripped, covered, settled, recomputed."""

import json
from xml.etree import ElementTree

import numpy as np
import pytest

from results.reading import Record
from results.recompute import recompute

TRIP = 750
"""Tick of the short village's trip: 75 s of 100 ms."""
CALL = TRIP + 2
"""By hand: the third tick that reports a trip is the second after the first."""


@pytest.fixture(scope="module")
def played(village):
    return Record(village.folder)


@pytest.fixture(scope="module")
def modelled(modelled_village):
    return Record(modelled_village.folder)


def of_peer(record, column, peer="mill"):
    return record.values(column)[:, record.peers.index(peer)].astype(float)


def events(record, kind):
    return [event for event in record.events if event["kind"] == kind]


def test_the_device_gives_what_the_model_gives_before_and_after_the_trip(played, modelled):
    # Both step the same inverter; the device has lived through 3 s of its ramps and filters
    # where the model begins settled, which leaves milliwatts of 14.5 kW.
    device_kw, model_kw = of_peer(played, "pv_kw"), of_peer(modelled, "pv_kw")
    assert device_kw == pytest.approx(model_kw, abs=1e-5)
    assert device_kw[100:] == pytest.approx(model_kw[100:], abs=2e-6)  # two steps of float32
    assert device_kw[:TRIP].min() > 10


def test_device_and_model_trip_at_the_same_tick(played, modelled):
    for record in (played, modelled):
        (trip,) = events(record, "trip")
        pv_kw = of_peer(record, "pv_kw")
        assert (trip["tick"], trip["peer"]) == (TRIP, "mill")
        assert int(np.flatnonzero(pv_kw == 0)[0]) == TRIP
        assert not pv_kw[TRIP:].any()
    assert events(played, "trip")[0]["device"] == "mill-inverter"


def test_the_trip_is_called_after_three_ticks(played, modelled):
    for record in (played, modelled):
        called = [e for e in events(record, "shortfall_called") if e["because"] == "trip"]
        assert [(event["tick"], event["peer"]) for event in called] == [(CALL, "mill")]


def test_cover_starts_one_tick_after_the_call(played):
    sold = {row["contract_id"] for row in played.rows("contracts") if row["seller"] == "mill"}
    active = [row for row in played.rows("covers") if row["called_tick"] is not None]
    of_trip = [row for row in active if row["called_tick"] == CALL]
    assert of_trip
    assert {row["contract_id"] for row in of_trip} <= sold
    assert {row["direction"] for row in of_trip} == {"cover"}
    assert all(row["start_tick"] == row["called_tick"] + 1 for row in active)


def test_a_shortfall_without_a_trip_is_called_when_it_passes_its_bound(played):
    # settlement.call_wh and call_share by default: 20 Wh or 2 % of what was contracted. The
    # contracts of a minute are below 1 kWh, so 20 Wh are the larger bound; no peer's meter runs
    # faster than 100 kW, 2.8 Wh a tick, so the first tick beyond it is near it.
    called = [e for e in events(played, "shortfall_called") if e["because"] == "deficit"]
    assert called
    assert all(20 < event["deficit_wh"] < 22.8 for event in called)


def test_every_period_has_contracts_and_all_are_settled(played):
    contracts = played.rows("contracts")
    assert {row["period"] for row in contracts} == {0, 1}
    assert {row["state"] for row in contracts} == {"settled"}
    assert all(row["fate"] for row in contracts)
    assert [(e["tick"], e["period"]) for e in events(played, "market_cleared")] == [
        (-300, 0),
        (300, 1),
    ]
    assert [(e["tick"], e["period"]) for e in events(played, "period_settled")] == [
        (600, 0),
        (1200, 1),
    ]


def test_the_mill_falls_short_of_what_it_sold_and_its_buyers_are_served(played):
    sold = [
        row for row in played.rows("contracts") if (row["seller"], row["period"]) == ("mill", 1)
    ]
    assert sum(row["delivered_milliwh"] for row in sold) < 1000 * sum(
        row["energy_wh"] for row in sold
    )
    assert {row["called_at_tick"] for row in sold} == {CALL}
    served = [row["served_milliwh"] == row["accepted_milliwh"] for row in sold]
    assert all(served)


def test_all_accounts_are_what_meters_contracts_and_prices_alone_give(played):
    booked = {row["account"]: row["balance_ueur"] for row in played.rows("accounts")}
    again = recompute(played.folder)
    assert {account: again.get(account, 0) for account in booked} == booked
    assert sum(booked.values()) == 0
    assert any(balance < 0 for account, balance in booked.items() if account.startswith("peer:"))


def test_every_tick_was_audited(village, modelled_village, island):
    for outcome in (village, modelled_village, island):
        manifest = json.loads((outcome.folder / "manifest.json").read_text("utf-8"))
        assert manifest["audited_ticks"] == manifest["ticks"] > 0
        assert manifest["status"] == "finished"


def test_the_verdict_passes_and_says_so_everywhere(village):
    assert village.passed
    verdict = json.loads((village.folder / "verdict.json").read_text("utf-8"))
    asked = {"voltage_band", "compliant_party_whole", "ledger_verifies"}
    always = {"all_contracts_settled", "accounts_recomputed", "tokens_balance", "energy_balance"}
    assert verdict["passed"]
    assert {check["name"] for check in verdict["checks"]} == asked | always
    suite = ElementTree.parse(village.folder / "junit.xml").getroot()
    assert suite.tag == "testsuites"
    assert suite.attrib["failures"] == suite.attrib["errors"] == "0"
    assert len(list(suite.iter("testcase"))) == 1 + len(verdict["checks"])


def test_the_record_has_every_tick_of_the_physics_once(played):
    assert np.array_equal(played.tick, np.arange(1200))
    assert played.manifest["ticks"] == 1200
