"""Checks: each one passes on a sound run and names what was spoilt in another."""

import json
import sqlite3
from contextlib import closing

import numpy as np
import pyarrow.parquet as pq
import pytest

from results.checks import CHECKS, CheckError, check_options, find_check, run_checks
from results.reading import Record
from results.recording import TickRecorder
from results.tables import write_table
from results.verdict import Verdict

OPTIONS = {
    "delivered_share": {"at_least": 0.5},  # its mill trips
    "metric": {"key": "energy_traded_kwh", "at_least": 1.0},
    "money_bounds": {"who": "mill", "at_least_eur": 0.0},
}


ELSEWHERE = {"ride_through"}
"""Wants inverters that follow a standard: test_checks_ride_through.py."""


def check(folder, name, **options):
    return run_checks(folder, [(name, options)], beside=folder)[0]


def small_run(folder, ticks=range(4), *, islanded=False, **columns):
    """A record of four one-second ticks with scalars (1-D) or lists (2-D) as given."""
    folder.mkdir()
    scalars = {name: values for name, values in columns.items() if np.ndim(values) == 1}
    lists = {name: np.array(values) for name, values in columns.items() if np.ndim(values) == 2}
    manifest = {"ticks": 4, "islanded": islanded, "status": "finished", "ticks_per_period": 4}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    names = {"buses": '["b0", "b1"]', "peers": '["mill", "lpd"]', "dt_s": "1.0"}
    with TickRecorder(
        folder,
        scalars=list(scalars),
        lists={name: values.shape[1] for name, values in lists.items()},
        metadata={**names, "start": "2016-06-14T12:00:00+02:00"},
    ) as recorder:
        for i, tick in enumerate(ticks):
            values = {name: rows[i] for name, rows in lists.items()}
            recorder.write(tick, [column[i] for column in scalars.values()], values)
    return folder


@pytest.mark.parametrize("name", sorted(CHECKS.keys() - ELSEWHERE))
def test_a_sound_run_passes_and_its_worst_instant_is_named(village, name):
    verdict = check(village, name, **OPTIONS.get(name, {}))

    assert verdict.passed, verdict
    assert verdict.worst


# Physics ----------------------------------------------------------------------------------------


def test_voltage_names_the_bus_and_the_second(tmp_path):
    vm = [[1.0, 1.0], [1.0, 0.91], [1.02, 0.89], [1.0, 1.0]]

    verdict = check(small_run(tmp_path / "run", vm_pu=vm), "voltage_band")

    expected = Verdict("voltage_band", False, "0.890 p.u. at b1, 12:00:02", 0.89, 0.9, "p.u.")
    assert verdict.worst == expected.worst
    assert not verdict.passed
    assert verdict.bound == 0.9


def test_voltage_exactly_at_the_bound_holds(tmp_path):
    # 0.90 and 1.10 have no exact float32; what is recorded lies beside them.
    run = small_run(tmp_path / "run", vm_pu=[[0.9, 1.1]] * 4)

    assert check(run, "voltage_band").passed


def test_a_missing_tick_fails_a_check_and_is_named(tmp_path):
    run = small_run(tmp_path / "run", ticks=[0, 1, 3], vm_pu=[[1.0, 1.0]] * 3)

    verdict = check(run, "voltage_band")

    assert (verdict.passed, verdict.worst) == (False, "the record has a gap at 12:00:02 (tick 2)")


def test_a_record_that_ends_early_fails_a_check(tmp_path):
    run = small_run(tmp_path / "run", ticks=[0, 1, 2], vm_pu=[[1.0, 1.0]] * 3)

    assert "gap at 12:00:03" in check(run, "voltage_band").worst


def test_a_value_that_is_no_number_fails_a_check(tmp_path):
    vm = [[1.0, 1.0], [1.0, float("nan")], [1.0, 1.0], [1.0, 1.0]]

    verdict = check(small_run(tmp_path / "run", vm_pu=vm), "voltage_band")

    assert (verdict.passed, verdict.worst) == (False, "vm_pu of b1 is missing at 12:00:01")


def test_a_column_that_was_not_recorded_fails_a_check(tmp_path):
    run = small_run(tmp_path / "run", vm_pu=[[1.0, 1.0]] * 4)

    assert check(run, "line_loading").worst == "loading_max_percent was not recorded"


def test_an_islands_frequency_is_judged_between_ticks(tmp_path):
    low, high = [49.9, 49.4, 49.8, 49.9], [50.0, 50.0, 50.1, 50.0]
    run = small_run(tmp_path / "run", islanded=True, f_min_hz=low, f_max_hz=high)

    verdict = check(run, "frequency_band")

    assert (verdict.passed, verdict.worst) == (False, "49.400 Hz at 12:00:01")
    assert check(run, "frequency_band", low_hz=49.3).passed


def test_frequency_from_the_grid_above_is_told_but_not_judged(tmp_path):
    run = small_run(tmp_path / "run", f_min_hz=[48.0] * 4, f_max_hz=[50.0] * 4)

    verdict = check(run, "frequency_band")

    assert verdict.passed
    assert verdict.worst.startswith("not applicable: grid-connected")


def test_rocof_is_judged_over_500_ms_where_recorded(tmp_path):
    steep, mean = [0.0, -9.0, 0.0, 0.0], [0.0, -2.5, 0.0, 0.0]
    run = small_run(
        tmp_path / "run", islanded=True, rocof_hz_per_s=steep, rocof_500ms_hz_per_s=mean
    )

    assert check(run, "rocof").worst == "-2.500 Hz/s at 12:00:01"
    assert check(run, "rocof", limit_hz_per_s=3.0).passed


def test_the_nadir_counts_while_the_village_is_alone(tmp_path):
    low = [48.0, 49.1, 49.3, 50.0]
    part = small_run(tmp_path / "part", islanded=True, f_min_hz=low, connected=[1.0, 0, 0, 0])
    alone = small_run(tmp_path / "alone", islanded=True, f_min_hz=low)
    never = small_run(tmp_path / "never", f_min_hz=low)

    assert check(part, "nadir").worst == "49.100 Hz at 12:00:01"
    assert check(part, "nadir").passed
    assert not check(part, "nadir", at_least_hz=49.2).passed
    assert check(alone, "nadir").worst == "48.000 Hz at 12:00:00"
    assert check(never, "nadir").passed


def test_energy_from_nowhere_is_caught(tmp_path):
    # By hand: 3 kW in, 2 kW out, 0.5 kW lost leaves 0.5 kW: 0.139 Wh a second.
    balanced = {"p_kw": [[3.0, -2.0]] * 4, "losses_kw": [0.5] * 4}
    sound = small_run(tmp_path / "sound", **balanced, p_boundary_kw=[-0.5] * 4)
    spoilt = small_run(tmp_path / "spoilt", **balanced, p_boundary_kw=[-0.5, -0.5, 0.0, -0.5])

    assert check(sound, "energy_balance").passed
    verdict = check(spoilt, "energy_balance")
    assert not verdict.passed
    assert verdict.value == pytest.approx(0.5 / 3600)
    assert "12:00:02" in verdict.worst


def test_a_meter_fed_the_last_ticks_power_is_caught(tmp_path):
    # By hand: 1, 2, 3, 4 kW for a second each are 10 kWs = 2778 mWh; one tick late, 6 kWs.
    p_kw = [[1.0, 0.0], [2.0, 0.0], [3.0, 0.0], [4.0, 0.0]]
    run = small_run(tmp_path / "run", p_kw=p_kw)
    rows = [{"period": 0, "peer": "mill", "net_milliwh": 2778, "shed_milliwh": 0}]
    write_table(run, "meters", rows)
    assert check(run, "meters_match_ticks").passed

    write_table(run, "meters", [{**rows[0], "net_milliwh": 1667}])
    verdict = check(run, "meters_match_ticks")
    assert (verdict.passed, verdict.worst) == (
        False,
        "-1110.8 mWh at mill, period from 12:00:00",
    )


def test_loading_is_judged_where_recorded(tmp_path):
    run = small_run(tmp_path / "run", loading_max_percent=[20.0, 104.0, 30.0, 30.0])

    verdict = check(run, "line_loading")

    assert (verdict.passed, verdict.worst) == (False, "104.0 % at 12:00:01")


# Market -----------------------------------------------------------------------------------------


def tamper(folder, sql):
    """Change the ledger behind its own back."""
    with closing(sqlite3.connect(folder / "ledger.sqlite")) as db, db:
        db.executescript(
            "DROP TRIGGER entries_stay; DROP TRIGGER entries_remain;"
            "DROP TRIGGER blocks_stay; DROP TRIGGER blocks_remain;" + sql
        )


def rewrite(folder, name, change):
    rows = pq.read_table(folder / f"{name}.parquet").to_pylist()
    write_table(folder, name, [change(dict(row)) for row in rows])


def test_a_cent_moved_in_the_ledger_is_caught(village_copy):
    folder = village_copy()
    tamper(folder, "UPDATE entries SET amount_ueur = amount_ueur + 10000 WHERE entry = 100;")

    verdict = check(folder, "ledger_verifies")

    assert (verdict.passed, verdict.worst) == (False, "entry 100: does not match its hash")


def test_an_entry_taken_out_is_caught(village_copy):
    folder = village_copy()
    tamper(folder, "DELETE FROM entries WHERE entry = 50;")

    assert check(folder, "ledger_verifies").worst == "entry 50: is missing, entry 51 follows"


def test_entries_cut_off_the_end_show_in_the_accounts(village_copy):
    folder = village_copy()
    with closing(sqlite3.connect(folder / "ledger.sqlite")) as db:
        (last,) = db.execute("SELECT last FROM blocks ORDER BY number DESC LIMIT 1, 1").fetchone()
    cut = f"DELETE FROM entries WHERE entry > {last}; DELETE FROM blocks WHERE last > {last};"
    tamper(folder, cut)

    verdict = check(folder, "ledger_verifies")

    assert not verdict.passed
    assert "by the accounts" in verdict.worst


def test_a_cent_moved_between_accounts_is_caught(village_copy):
    folder = village_copy()
    shift = {"peer:mill": 10_000, "peer:house 1": -10_000}

    def move(row):
        return row | {"balance_ueur": row["balance_ueur"] + shift.get(row["account"], 0)}

    rewrite(folder, "accounts", move)

    verdict = check(folder, "accounts_recomputed")
    assert (verdict.passed, abs(verdict.value)) == (False, 10_000)
    assert not check(folder, "ledger_verifies").passed


def test_a_meter_reading_changed_afterwards_is_caught_by_recomputation(village_copy):
    folder = village_copy()

    def more(row):
        wrong = (row["period"], row["peer"]) == (0, "house 1")
        return row | {"net_milliwh": row["net_milliwh"] - 9000 * wrong}

    rewrite(folder, "meters", more)

    assert not check(folder, "accounts_recomputed").passed


def test_a_buyer_that_pays_for_its_sellers_failure_is_found(village_copy):
    folder = village_copy()
    row = next(r for r in Record(folder).rows("contracts") if r["fate"] == "covered")
    number, buyer = row["contract_id"], row["buyer"]
    tamper(
        folder,
        "UPDATE entries SET amount_ueur = amount_ueur + 7 WHERE reason = 'transport' "
        f"AND contract_id = {number} AND debit = 'peer:{buyer}';",
    )

    verdict = check(folder, "compliant_party_whole")

    assert (verdict.passed, verdict.value) == (False, 7.0)
    assert verdict.worst.startswith(f"7 µ€ lost by buyer {buyer}, contract {number}")


@pytest.mark.parametrize("name", ["ledger_verifies", "compliant_party_whole"])
def test_a_ledger_that_is_no_database_any_more_fails_its_checks(village_copy, name):
    folder = village_copy()
    file = folder / "ledger.sqlite"
    file.write_bytes(b"no database" + file.read_bytes()[11:])

    verdict = check(folder, name)

    assert not verdict.passed
    assert "ledger.sqlite cannot be read" in verdict.worst


def test_a_contract_in_limbo_is_named(village_copy):
    folder = village_copy()

    def stall(row):
        stalled = row["contract_id"] == 201
        return row | ({"state": "delivering", "fate": None} if stalled else {})

    rewrite(folder, "contracts", stall)

    verdict = check(folder, "all_contracts_settled")
    assert not verdict.passed
    assert verdict.worst.startswith("contract 201 of period 2")
    assert verdict.worst.endswith("is delivering")


def test_a_token_that_vanished_is_caught(village_copy):
    folder = village_copy()

    def lose(row):
        lost = (row["period"], row["peer"]) == (1, "mill")
        return row | {"burned_milliwh": row["burned_milliwh"] - lost}

    rewrite(folder, "tokens", lose)

    verdict = check(folder, "tokens_balance")
    assert not verdict.passed
    assert verdict.worst.startswith("+1 mWh at mill, period 1")


def test_delivered_share_names_who_was_short_by_most(village):
    verdict = check(village, "delivered_share", at_least=0.99)

    assert not verdict.passed
    assert "least by mill in period 3: 0 of" in verdict.worst


# Finding checks ---------------------------------------------------------------------------------

OWN = """
from results.verdict import Verdict

def quiet(record, *, limit_hz=0.1):
    off = abs(record.scalar("f_hz") - 50).max()
    return Verdict("quiet", off <= limit_hz, f"{off:.3f} Hz", off, limit_hz, "Hz")
"""


def test_a_check_of_ones_own_is_a_function_in_a_file(tmp_path, village):
    (tmp_path / "mine.py").write_text(OWN)

    verdicts = run_checks(village, [("./mine.py:quiet", {"limit_hz": 0.01})], beside=tmp_path)

    assert [(v.name, v.passed, v.unit) for v in verdicts] == [("quiet", False, "Hz")]


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("voltage_bend", {}, "no check 'voltage_bend'; known: accounts_recomputed, "),
        ("./none.py:quiet", {}, "no file"),
        ("./mine.py:loud", {}, "has no function 'loud'"),
        ("nowhere.at_all:quiet", {}, "no module 'nowhere'"),
        ("voltage_band", {"low": 0.9}, "low: no such option; expected: high_pu, low_pu"),
        ("tokens_balance", {"x": 1}, "x: no such option; expected: none"),
    ],
)
def test_what_is_wrong_with_a_check_is_said(tmp_path, name, options, said):
    (tmp_path / "mine.py").write_text(OWN)

    with pytest.raises(CheckError, match=said):
        check_options(name, options, beside=tmp_path)


def test_a_check_of_an_installed_package_is_found(tmp_path):
    found = find_check("results.checks_physics:voltage_band", beside=tmp_path)

    assert found is CHECKS["voltage_band"]


def test_a_check_that_raises_or_gives_no_verdict_is_broken_and_the_rest_still_judge(tmp_path):
    folder = small_run(tmp_path / "run", vm_pu=[[1.0, 1.0]] * 4) or tmp_path / "run"
    (tmp_path / "own.py").write_text(
        "def angry(record):\n    raise KeyError('no such table')\n\n\n"
        "def vague(record):\n    return True\n"
    )
    asked = [("./own.py:angry", {}), ("./own.py:vague", {}), ("voltage_band", {})]
    angry, vague, band = run_checks(folder, asked, beside=tmp_path)
    assert angry.broken
    assert not angry.passed
    assert angry.worst == "the check broke: KeyError: 'no such table'"
    assert vague.worst == "the check broke: it gave bool, expected a Verdict"
    assert band.passed
    assert not band.broken
