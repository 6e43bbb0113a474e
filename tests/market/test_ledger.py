import sqlite3
from contextlib import closing

import pytest

from market.delivery.ledger import Ledger, LedgerError, Posting, verify


def fill(ledger, amounts=(100, 50, 7)):
    for tick, amount in enumerate(amounts):
        ledger.post(Posting(tick, 0, 1, "price", "peer:anna", "peer:bert", amount))
    ledger.commit()


@pytest.fixture
def written(tmp_path):
    path = tmp_path / "ledger.sqlite"
    with Ledger(path) as ledger:
        fill(ledger)
    return path


def tamper(path, *statements):
    with closing(sqlite3.connect(path)) as db:
        for trigger in ("entries_stay", "entries_remain", "blocks_stay", "blocks_remain"):
            db.execute(f"DROP TRIGGER {trigger}")
        for statement in statements:
            db.execute(statement)
        db.commit()


def test_every_amount_leaves_one_account_and_reaches_another():
    with Ledger() as ledger:
        fill(ledger)
        assert ledger.balances() == {"peer:anna": -157, "peer:bert": 157}


def test_nothing_is_written_for_nothing_or_to_oneself():
    with Ledger() as ledger:
        ledger.post(Posting(0, 0, 0, "price", "lpd", "lpd", 5))
        ledger.post(Posting(0, 0, 0, "price", "lpd", "dso", 0))
        assert (ledger.entries, ledger.balances()) == (0, {})


def test_a_negative_amount_is_paid_the_other_way_round():
    with Ledger() as ledger:
        ledger.post(Posting(0, 0, 0, "price", "peer:anna", "peer:bert", -5))
        assert ledger.balance("peer:anna") == 5
        assert ledger.verify().ok


@pytest.mark.parametrize("statement", ["UPDATE entries SET amount_ueur = 1", "DELETE FROM entries"])
def test_what_is_written_stays(written, statement):
    with closing(sqlite3.connect(written)) as db, pytest.raises(sqlite3.IntegrityError):
        db.execute(statement)


def test_an_untouched_ledger_verifies(written):
    verdict = verify(written)
    assert (verdict.ok, verdict.entries, verdict.entry) == (True, 3, None)


def test_a_cent_moved_is_found_at_its_entry(written):
    tamper(written, "UPDATE entries SET amount_ueur = amount_ueur + 10000 WHERE entry = 2")
    verdict = verify(written)
    assert (verdict.ok, verdict.entry) == (False, 2)
    assert "does not match its hash" in verdict.fault


def test_a_missing_entry_is_found(written):
    tamper(written, "DELETE FROM entries WHERE entry = 2")
    assert verify(written).fault == "entry 2 is missing"


def test_the_same_run_ends_with_the_same_hash(tmp_path):
    heads = []
    for name in ("a.sqlite", "b.sqlite"):
        with Ledger(tmp_path / name) as ledger:
            fill(ledger)
            heads.append(ledger.head)
    assert heads[0] == heads[1]


def test_what_is_committed_is_readable_while_the_ledger_is_open(tmp_path):
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        fill(ledger)
        assert verify(tmp_path / "ledger.sqlite").entries == 3


def test_a_ledger_never_continues_another_runs(written):
    with pytest.raises(LedgerError, match="exists already"):
        Ledger(written)
