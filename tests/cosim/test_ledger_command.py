"""`peerwatt ledger` on the short village's run, and what that run leaves of its ledger."""

import json
import shutil
import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from cosim.cli import app
from results.ledger_book import entries, real_names
from results.ledger_export import balances

PRIVACY = Path(__file__).parents[2] / "docs" / "privacy.md"


def peerwatt(*words):
    return CliRunner().invoke(app, ["ledger", *map(str, words)])


@pytest.fixture
def run(modelled_village, tmp_path):
    return shutil.copytree(modelled_village.folder, tmp_path / "run")


def bend(run, *statements):
    with closing(sqlite3.connect(run / "ledger.sqlite")) as db, db:
        for (trigger,) in db.execute(
            "SELECT name FROM sqlite_master WHERE type = 'trigger'"
        ).fetchall():
            db.execute(f"DROP TRIGGER {trigger}")
        for statement in statements:
            db.execute(statement)


def noted(run):
    return json.loads((run / "manifest.json").read_text("utf-8"))["ledger"]


def note(run, ledger):
    manifest = json.loads((run / "manifest.json").read_text("utf-8"))
    (run / "manifest.json").write_text(json.dumps(manifest | {"ledger": ledger}), "utf-8")


# What a run leaves --------------------------------------------------------------------------------


def test_a_runs_ledger_is_signed_and_its_end_stands_in_the_manifest(run):
    anchor = noted(run)
    with closing(sqlite3.connect(run / "ledger.sqlite")) as db:
        rows = db.execute("SELECT count(*) FROM entries").fetchone()
        blocks = db.execute("SELECT count(*) FROM blocks WHERE length(signature) = 64").fetchone()

    assert (rows, blocks) == ((anchor["entries"],), (anchor["blocks"],))
    assert blocks > (1,)


def test_a_runs_ledger_names_no_peer(run):
    content = (run / "ledger.sqlite").read_bytes()
    names = real_names(run)

    assert {"peer:mill", "peer:bakery"} <= set(names.values())
    assert not any(name.encode() in content for name in names.values())
    assert all(account.startswith("peer:") for account in names)
    assert stat.S_IMODE((run / "pseudonyms.json").stat().st_mode) == 0o600


def test_a_runs_ledger_has_the_accounts_of_its_table(run):
    table = pq.read_table(run / "accounts.parquet").to_pylist()
    held = {row["account"]: row["balance_ueur"] for row in table}

    assert {a: b for a, b in held.items() if b} == {
        a: b for a, b in balances(entries(run)).items() if b
    }


def test_the_page_on_privacy_has_every_file_of_a_run(run):
    page = PRIVACY.read_text("utf-8")
    kinds = {path.name if path.suffix != ".parquet" else "*.parquet" for path in run.iterdir()}

    assert {kind for kind in kinds if f"`{kind}`" not in page} == set()


# verify -------------------------------------------------------------------------------------------


def test_a_run_verifies_and_what_was_recomputed_is_printed(run):
    told = peerwatt("verify", run)

    assert told.exit_code == 0
    assert told.stdout.endswith("\nverifies\n")
    assert f"{noted(run)['entries']:,}, hashes and balances recomputed" in told.stdout
    assert noted(run)["head"] in told.stdout
    assert f"signed by key {noted(run)['public_key'][:16]}" in told.stdout


def test_a_ledger_file_verifies_without_its_run(run, tmp_path):
    alone = shutil.copy(run / "ledger.sqlite", tmp_path / "given-away.sqlite")

    told = peerwatt("verify", alone)

    assert told.exit_code == 0
    assert "anchor    none" in told.stdout


def test_the_first_bad_entry_is_named(run):
    bend(run, "UPDATE entries SET amount_ueur = amount_ueur + 1 WHERE entry = 40")

    told = peerwatt("verify", run)

    assert told.exit_code == 1
    assert told.stdout.endswith("DOES NOT VERIFY: entry 40 does not match its hash\n")


def test_a_cut_off_tail_is_found_by_the_manifest(run):
    with closing(sqlite3.connect(run / "ledger.sqlite")) as db:
        (last,) = db.execute("SELECT last FROM blocks ORDER BY number DESC LIMIT 1, 1").fetchone()
    bend(
        run, f"DELETE FROM entries WHERE entry > {last}", f"DELETE FROM blocks WHERE last > {last}"
    )

    told = peerwatt("verify", run)

    assert told.exit_code == 1
    assert "as was noted at its end" in told.stdout


def test_a_killed_runs_ledger_is_held_to_its_key(run):
    note(run, {"public_key": noted(run)["public_key"]})
    assert "the run did not come to its end" in peerwatt("verify", run).stdout

    note(run, {"public_key": "00" * 32})
    told = peerwatt("verify", run)

    assert told.exit_code == 1
    assert "block 1 is signed by key" in told.stdout


def test_a_ledger_that_cannot_be_read_does_not_verify(run):
    (run / "ledger.sqlite").write_bytes(b"no database" * 1000)

    assert peerwatt("verify", run).exit_code == 1
    for words in (["show", run], ["accounts", run], ["export", run, "--to", "csv"]):
        told = peerwatt(*words)
        assert (told.exit_code, told.stdout) == (1, "")
        assert "cannot be read" in told.stderr


@pytest.mark.parametrize("command", ["verify", "show", "accounts"])
def test_where_no_run_is_that_is_told(tmp_path, command):
    told = peerwatt(command, tmp_path / "nowhere")

    assert told.exit_code == 2
    assert "no ledger is there; expected a run folder with ledger.sqlite" in told.stderr


# show, accounts, export ---------------------------------------------------------------------------


def test_show_prints_every_entry_with_peers_by_name(run):
    told = peerwatt("show", run)

    assert told.exit_code == 0
    assert len(told.stdout.splitlines()) == 1 + noted(run)["entries"]
    assert "peer:mill" in told.stdout


def test_show_prints_the_entries_of_an_account_a_contract_and_a_period(run):
    booked = list(entries(run))
    one = next(e for e in booked if "peer:mill" in (e["debit"], e["credit"]) and e["contract_id"])
    expected = [
        e["entry"]
        for e in booked
        if "peer:mill" in (e["debit"], e["credit"])
        and (e["contract_id"], e["period"]) == (one["contract_id"], one["period"])
    ]
    which = ["--contract", one["contract_id"], "--period", one["period"]]

    for account in ("mill", "peer:mill"):
        told = peerwatt("show", run, "--account", account, *which)
        assert [int(line.split()[0]) for line in told.stdout.splitlines()[1:]] == expected


def test_show_refuses_an_account_that_nobody_has(run):
    told = peerwatt("show", run, "--account", "milk")

    assert told.exit_code == 2
    assert told.stderr.startswith("no account 'milk' in the ledger; known: collateral, ")


def test_accounts_hold_what_the_table_says_and_nothing_together(run):
    table = pq.read_table(run / "accounts.parquet").to_pylist()
    (mill,) = (row["balance_ueur"] for row in table if row["account"] == "peer:mill")

    told = peerwatt("accounts", run)

    assert told.exit_code == 0
    assert ["peer:mill", f"{mill:,}"] in [line.split() for line in told.stdout.splitlines()]
    assert told.stdout.splitlines()[-1].split() == ["together", "0"]


@pytest.mark.parametrize("kind", ["csv", "parquet", "json"])
def test_an_export_has_every_entry(run, tmp_path, kind):
    file = tmp_path / f"given.{kind}"

    told = peerwatt("export", run, "--to", kind, "--output", file)

    assert (told.exit_code, told.stdout) == (0, f"{file}\n")
    if kind == "json":
        rows = json.loads(file.read_text("utf-8"))
    else:
        rows = (pyarrow.csv.read_csv if kind == "csv" else pq.read_table)(file).to_pylist()
    amounts = [(e["entry"], e["debit"], e["amount_ueur"]) for e in entries(run)]
    assert [(row["entry"], row["debit"], row["amount_ueur"]) for row in rows] == amounts
    assert rows[-1]["hash"] == noted(run)["head"]


def test_an_export_under_pseudonyms_names_no_peer(run, tmp_path):
    told = peerwatt(
        "export", run, "--to", "csv", "--pseudonyms", "--output", tmp_path / "given.csv"
    )

    assert told.exit_code == 0
    assert "peer:mill" not in (tmp_path / "given.csv").read_text("utf-8")


def test_an_export_that_cannot_be_written_is_told(run, tmp_path):
    told = peerwatt("export", run, "--to", "json", "--output", tmp_path / "no" / "given.json")

    assert told.exit_code == 2
    assert "cannot be written" in told.stderr
