"""How soon cover began, and how late the ticks of a real-time run were."""

import json

import pytest

from results.checks import run_checks
from results.folder import write_json
from results.reading import Record
from results.tables import write_table

TIMED = {"ticks": 3600, "p99_s": 0.0015, "max_s": 0.004, "worst_tick": 75}


def check(folder, name, **options):
    return run_checks(folder, [(name, options)], beside=folder)[0]


def change(folder, name, **by):
    """Write a table again, its columns changed by functions of the row."""
    rows = Record(folder).rows(name)
    write_table(folder, name, [row | {k: f(row) for k, f in by.items()} for row in rows])


def test_the_slowest_start_is_named_in_seconds_or_ticks(village):
    # The made-up village calls at 12:24:04 and begins a tick, a second, later.
    verdict = check(village, "time_to_fallback")
    assert verdict.passed
    assert verdict.worst.startswith("1 s until ")
    assert verdict.worst.endswith("called at 12:24:04")
    assert not check(village, "time_to_fallback", at_most_s=0.9).passed
    in_ticks = check(village, "time_to_fallback", at_most_s=0.0, at_most_ticks=1)
    assert (in_ticks.passed, in_ticks.value, in_ticks.unit) == (True, 1.0, "ticks")


def test_one_late_start_is_found_among_many(village_copy):
    folder = village_copy()
    called = [row for row in Record(folder).rows("covers") if row["called_tick"] is not None]

    def start(row):
        return row["called_tick"] + 7 if row == called[-1] else row["start_tick"]

    change(folder, "covers", start_tick=start)
    verdict = check(folder, "time_to_fallback", at_most_s=5)
    assert (verdict.passed, verdict.value) == (False, 7.0)


def test_a_cover_that_never_began_fails(village_copy):
    folder = village_copy()
    change(folder, "covers", start_tick=lambda row: None)
    verdict = check(folder, "time_to_fallback")
    assert not verdict.passed
    assert "never began for contract" in verdict.worst


def test_a_contract_that_was_called_and_left_to_the_supplier_fails(village_copy):
    folder = village_copy()
    change(folder, "covers", called_tick=lambda row: None, start_tick=lambda row: None)
    left = {row["contract_id"] for row in Record(folder).rows("covers")}

    def called(row):
        return 2344 if row["contract_id"] in left else None

    change(folder, "contracts", called_at_tick=called)
    verdict = check(folder, "time_to_fallback")
    assert not verdict.passed
    assert verdict.worst.startswith("nobody began for contract")
    assert verdict.worst.endswith("called at 12:24:04")


def test_a_run_in_which_nothing_was_called_holds_and_says_so(village_copy):
    folder = village_copy()
    change(folder, "covers", called_tick=lambda row: None, start_tick=lambda row: None)
    change(folder, "contracts", called_at_tick=lambda row: None)
    verdict = check(folder, "time_to_fallback")
    assert (verdict.passed, verdict.worst) == (True, "nothing had to be called")


def test_a_run_without_a_market_is_a_gap(village_copy):
    folder = village_copy()
    (folder / "periods.parquet").unlink()
    verdict = check(folder, "time_to_fallback")
    assert (verdict.passed, verdict.worst) == (False, "no market was recorded")


@pytest.mark.parametrize("name", ["time_to_fallback", "real_time_lateness"])
def test_a_record_that_ends_early_fails_both(village_copy, name):
    folder = village_copy()
    manifest = json.loads((folder / "manifest.json").read_text())
    write_json(folder / "manifest.json", manifest | {"ticks": manifest["ticks"] + 1})
    verdict = check(folder, name)
    assert not verdict.passed
    assert "gap at 12:45:00" in verdict.worst


def test_a_run_that_was_not_in_real_time_holds_unless_it_had_to_be(village_copy):
    folder = village_copy()
    write_json(folder / "timing.json", {"physics_s": 3.0})
    verdict = check(folder, "real_time_lateness")
    assert (verdict.passed, verdict.worst) == (True, "not a real-time run")
    required = check(folder, "real_time_lateness", required=True)
    assert (required.passed, required.worst) == (False, "not a real-time run but one was required")


@pytest.mark.parametrize(
    ("timed", "passed", "said"),
    [
        ({}, True, "4.00 ms late at 11:46:15; 99 % of ticks within 1.50 ms"),
        ({"p99_s": 0.003}, False, "within 3.00 ms"),
        ({"max_s": 0.2}, False, "200.00 ms late at 11:46:15"),
        ({"ticks": 3599}, False, "only 3599 of 3600 ticks were timed"),
    ],
)
def test_lateness_is_judged_by_its_percentile_and_its_worst_tick(village_copy, timed, passed, said):
    folder = village_copy()
    write_json(folder / "timing.json", {"real_time": TIMED | timed})
    verdict = check(folder, "real_time_lateness")
    assert verdict.passed is passed
    assert said in verdict.worst


def test_lateness_that_was_recorded_in_part_fails(village_copy):
    folder = village_copy()
    write_json(folder / "timing.json", {"real_time": {"ticks": 3600, "p99_s": 0.001}})
    assert check(folder, "real_time_lateness").worst == "timing.json lacks real_time.max_s"
