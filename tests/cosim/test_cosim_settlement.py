"""A short village whose LPD fails while it covers; with taxes and imbalance prices."""

import numpy as np
import pytest

from cosim.run import run_scenario
from results.checks_money import accounts_recomputed
from results.reading import Record

FAILURE_S = 90
"""The mill trips at 75 s; the LPD, which covers it, fails here. [s]"""
OWN = """
def generous(terms, shed_in_gap, seller_failed):
    return 7 * shed_in_gap

def broken(terms, energy):
    return {}["fee"]

def wordy(terms, energy):
    return "two cents"
"""


@pytest.fixture(scope="module")
def play(write_village, tmp_path_factory):
    def play(**settlement):
        folder = tmp_path_factory.mktemp("settlement")
        (folder / "own.py").write_text(OWN, "utf-8")
        events = [
            {"at": "75 s", "device": "mill-inverter", "fault": "trip"},
            {"at": f"{FAILURE_S} s", "lpd": "fail"},
        ]
        file = write_village(folder, events=events, settlement=settlement)
        outcome = run_scenario(file, out=folder / "runs", model_devices=True, report=False)
        return Record(outcome.folder)

    return play


@pytest.fixture(scope="module")
def played(play):
    prices = {"up_eur_per_kwh": 0.4, "down_eur_per_kwh": 0.03, "reference_eur_per_kwh": 0.1}
    return play(
        imbalance={"kind": "dual", **prices},
        taxes={"levy_eur_per_kwh": 0.021, "vat_percent": 19},
    )


def test_a_failed_lpd_gives_nothing_and_keeps_what_it_holds(played):
    tick = 10 * FAILURE_S
    battery_kw = played.values("battery_kw")[:, played.peers.index("lpd")].astype(float)
    assert battery_kw[tick - 1] > 1
    assert not battery_kw[tick:].any()
    (failed,) = [event for event in played.events if event["kind"] == "store_failed"]
    assert (failed["tick"], failed["peer"]) == (tick, "lpd")


def test_its_cover_counts_as_far_as_it_is_metered_and_the_supplier_gives_the_rest(played):
    # R9 by hand: the one meter shows cover less absorption, and what it lacks is cut from cover.
    covers = played.rows("covers")
    by_lpd = [row for row in covers if (row["kind"], row["period"]) == ("lpd", 1)]
    out = [row for row in by_lpd if row["direction"] == "cover"]
    absorbed = sum(row["energy_milliwh"] for row in by_lpd if row["direction"] == "absorb")
    given = sum(row["energy_milliwh"] for row in out)
    meters = {(row["period"], row["peer"]): row["net_milliwh"] for row in played.rows("meters")}
    assert 0 < given < sum(row["planned_milliwh"] for row in out)
    assert given == absorbed + meters[1, "lpd"]
    assert any((row["kind"], row["direction"]) == ("supplier", "cover") for row in covers)


def test_every_account_is_recomputed_the_states_included(played):
    verdict = accounts_recomputed(played)
    assert verdict.passed, verdict.worst
    balances = {row["account"]: row["balance_ueur"] for row in played.rows("accounts")}
    drawn = [
        -row["net_milliwh"]
        for row in played.rows("meters")
        if row["net_milliwh"] < 0 and row["peer"] != "lpd"
    ]
    levies = sum(int(np.floor(21 * energy / 1000 + 0.5)) for energy in drawn)
    assert balances["state"] > levies > 0


def test_accounts_by_a_rule_of_ones_own_are_said_not_to_be_recomputed(play):
    record = play(rules={"compensation": "./own.py:generous"})
    verdict = accounts_recomputed(record)
    assert not verdict.passed
    assert "cannot be recomputed" in verdict.worst
    assert "compensation" in verdict.worst


@pytest.mark.parametrize(
    ("rule", "told"), [("broken", "KeyError: 'fee'"), ("wordy", "gave 'two cents'; expected int")]
)
def test_a_rule_that_raises_or_answers_nonsense_is_named(play, rule, told):
    with pytest.raises(
        Exception, match=f"rule stability_fee of settlement, ./own.py:{rule}: {told}"
    ):
        play(rules={"stability_fee": f"./own.py:{rule}"})
