"""Operators' calls end to end: the shipped scenario's physics, money, reasons; the case files."""

import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest

from results.reading import Record
from results.recompute import differences, read_tables

ROOT = Path(__file__).parents[2]
CASES = ROOT / "scenarios" / "flexibility"


def peerwatt(*words):
    code = "from cosim.cli import main; main()"
    return subprocess.run(
        [sys.executable, "-c", code, *words], cwd=ROOT, capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def record(tmp_path_factory):
    done = peerwatt(
        "run",
        "scenarios/flexibility.yaml",
        "--no-report",
        "--out",
        str(tmp_path_factory.mktemp("o")),
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return Record(Path(done.stdout.split()[-1]))


@pytest.mark.soak
def test_physics_delivers_what_was_bid(record):
    bids = [row for row in record.rows("flexibility") if row["bid_wh"]]
    assert {row["direction"] for row in bids} == {"up", "down"}
    meters = {(r["period"], r["peer"]): r["net_milliwh"] for r in record.rows("meters")}
    for row in bids:
        metered = meters[row["period"], row["peer"]]
        sign = 1 if row["direction"] == "up" else -1
        # Within 1 Wh: the manager steers by the second, the meter counts by the tick.
        moved = sign * (metered - row["reference_milliwh"])
        assert moved == pytest.approx(1000 * row["bid_wh"], abs=1000)
        assert row["delivered_milliwh"] == max(0, min(moved, 1000 * row["bid_wh"]))


@pytest.mark.soak
def test_the_operator_pays_what_peers_get_to_the_micro_euro(record):
    rows = [row for row in record.rows("flexibility") if row["bid_wh"]]
    balance = defaultdict(int)
    for one in record.rows("postings"):
        if one["reason"].startswith("flexibility"):
            balance[one["debit"]] -= one["amount_ueur"]
            balance[one["credit"]] += one["amount_ueur"]
    assert sum(balance.values()) == 0
    for peer in {row["peer"] for row in rows}:
        mine = [row for row in rows if row["peer"] == peer]
        due = sum(row["earned_ueur"] - row["penalty_ueur"] for row in mine)
        assert balance[f"peer:{peer}"] == due


@pytest.mark.soak
def test_one_megawatt_is_out_of_reach_and_the_reason_is_recorded(record):
    # By hand: 100 kW for a quarter of an hour are 25 000 Wh.
    reasons = [
        r["reason"] for r in record.rows("flexibility") if r["call"] == "large" and not r["peer"]
    ]
    assert reasons == ["no site of dso can move its least bid of 25000 Wh"]


@pytest.mark.soak
def test_the_accounts_follow_from_meters_and_prices_and_a_false_split_shows(record):
    tables = read_tables(record.folder)
    assert differences(tables) == []
    paid = next(row for row in tables["flexibility"] if row["earned_ueur"])
    paid["earned_ueur"] += 1
    assert [one.account for one in differences(tables)] == [f"peer:{paid['peer']}"]


def test_windows_that_are_no_periods_and_strangers_are_refused(tmp_path):
    text = (ROOT / "scenarios" / "flexibility.yaml").read_text("utf-8")
    text = text.replace('at: "12:15", duration: 30 min', 'at: "12:20", duration: 50 min')
    text = text.replace(
        "flexibility:\n  calls:", "flexibility:\n  members: {tso: [nobody]}\n  calls:"
    )
    text = text.replace("grids/", str(ROOT / "scenarios" / "grids") + "/")
    file = tmp_path / "wrong.yaml"
    file.write_text(text, "utf-8")
    done = peerwatt("validate", str(file))
    assert done.returncode == 2
    for told in ("inside a period of 15 min", "no whole number of periods", "no peer 'nobody'"):
        assert told in done.stderr + done.stdout


def test_the_case_of_an_inflated_baseline_prints_its_gains():
    # The numbers are those worked by hand in tests/market/test_flexibility_proof.py.
    done = peerwatt("flexibility", str(CASES / "inflated-baseline.yaml"))
    assert done.returncode == 0, done.stderr
    gains = [line.split()[-1] for line in done.stdout.splitlines() if "_of_10" in line]
    assert gains == ["0.00", "-96.00", "24.00", "12.00", "2.40"]


def test_the_case_of_a_border_is_worth_more_together_than_in_sequence():
    done = peerwatt("flexibility", str(CASES / "border.yaml"))
    assert done.returncode == 0, done.stderr
    together = [
        float(line.split("together ")[1].split()[0])
        for line in done.stdout.splitlines()
        if "together " in line and "inside" in line
    ]
    assert together[1] == max(together) > together[0]


def test_a_case_with_faults_names_place_and_remedy(tmp_path):
    file = tmp_path / "case.yaml"
    file.write_text("case: x\nperiods: 2\nsites: [{name: a, up_kw: [1, 2, 3]}]\n", "utf-8")
    done = peerwatt("flexibility", str(file))
    assert (done.returncode, done.stdout) == (2, "x\n")
    assert "site 'a': up_kw has 3 values for 2 periods" in done.stderr
    file.write_text("case: x\nperiods: many\n", "utf-8")
    done = peerwatt("flexibility", str(file))
    assert done.returncode == 2
    assert f"{file}:2:10: periods:" in done.stderr
