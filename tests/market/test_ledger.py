import sqlite3
from contextlib import closing
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from market.delivery.ledger import Ledger, LedgerError, Posting, Signer, verify

ACCOUNTS = ["peer:anna", "peer:bert", "lpd", "dso"]


def fill_one(ledger, tick, amount):
    ledger.post(Posting(tick, 0, 1, "price", "peer:anna", "peer:bert", amount))
    ledger.commit()


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


def test_the_same_postings_leave_the_same_bytes(tmp_path):
    names = ("a.sqlite", "b.sqlite")
    for name in names:
        with Ledger(tmp_path / name, signer=Signer(bytes(32))) as ledger:
            fill(ledger)
            fill(ledger)
    a, b = ((tmp_path / name).read_bytes() for name in names)
    assert a == b


def test_the_head_does_not_depend_on_how_entries_were_grouped_but_blocks_do():
    with Ledger() as once, Ledger() as often:
        fill(once)
        for tick, amount in enumerate((100, 50, 7)):
            fill_one(often, tick, amount)
        assert once.head == often.head
        assert (once.anchor["blocks"], often.anchor["blocks"]) == (1, 3)
        assert once.verify().ok
        assert often.verify().ok


def test_the_first_hash_is_sha_256_of_nothing_before_it_the_numbers_and_the_words():
    # By hand, from the format alone: zeros, seven big-endian int64, words with 0x1f between.
    told = bytes(32)
    for number in (1, 0, 0, 1, 100, -100, 100):
        told += number.to_bytes(8, "big", signed=True)
    told += b"price\x1fpeer:anna\x1fpeer:bert\x1f"
    with Ledger() as ledger:
        fill_one(ledger, 0, 100)
        assert ledger.head == sha256(told).hexdigest()


def test_a_read_ledger_leaves_nothing_beside_it(written):
    assert verify(written).ok
    assert [path.name for path in written.parent.iterdir()] == ["ledger.sqlite"]


def test_a_reader_does_not_keep_the_ledger_from_closing(tmp_path):
    ledger = Ledger(tmp_path / "c.sqlite")
    fill(ledger)
    with closing(sqlite3.connect(tmp_path / "c.sqlite")) as reader:
        rows = reader.execute("SELECT entry FROM entries")
        rows.fetchone()
        ledger.close()
        assert len(rows.fetchall()) == 2
    assert verify(tmp_path / "c.sqlite").entries == 3


def test_a_posting_that_comes_again_under_its_reference_is_booked_once():
    once = Posting(0, 0, 1, "price", "peer:anna", "peer:bert", 100)
    with Ledger() as ledger:
        ledger.post(once, reference="message 7")
        ledger.post(once, reference="message 7")
        ledger.commit()
        ledger.post(once, reference="message 7")
        assert (ledger.entries, ledger.balance("peer:bert")) == (1, 100)
        ledger.post(once)
        assert (ledger.entries, ledger.balance("peer:bert")) == (2, 200)
        assert ledger.verify().ok


def test_a_reference_that_stands_for_something_else_is_refused():
    once = Posting(0, 0, 1, "price", "peer:anna", "peer:bert", 100)
    with Ledger() as ledger:
        ledger.post(once, reference="message 7")
        with pytest.raises(LedgerError, match="'message 7' stands for"):
            ledger.post(once._replace(amount_ueur=101), reference="message 7")
        assert (ledger.entries, ledger.balance("peer:bert")) == (1, 100)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"amount_ueur": 2**63}, "int too large"),
        ({"tick": 2**63}, "int too large"),
        ({"reason": "a\x1fb"}, "no word may have"),
        ({"debit": "peer:an\x1fna"}, "no word may have"),
        ({"credit": "\ud800"}, "surrogates not allowed"),
    ],
)
def test_what_cannot_be_sealed_is_refused_and_moves_nothing(change, fault):
    with Ledger() as ledger:
        fill(ledger)
        before = ledger.anchor, ledger.balances()
        with pytest.raises(LedgerError, match=fault):
            ledger.post(Posting(9, 0, 1, "price", "peer:anna", "dso", 5)._replace(**change))
        assert (ledger.anchor, ledger.balances()) == before
        assert ledger.verify().ok


@given(
    st.lists(
        st.lists(
            st.tuples(
                st.sampled_from(ACCOUNTS),
                st.sampled_from(ACCOUNTS),
                st.integers(-(10**9), 10**9),
                st.integers(0, 5),
            ),
            max_size=8,
        ),
        max_size=6,
    )
)
def test_any_book_sums_to_zero_verifies_and_books_a_reference_once(blocks):
    held = dict.fromkeys(ACCOUNTS, 0)  # a second, plain computation
    booked = {}
    with Ledger(signer=Signer(bytes(32))) as ledger:
        for tick, block in enumerate(blocks):
            for debit, credit, amount, message in block:
                posting = Posting(tick, 0, 0, "price", debit, credit, amount)
                before = booked.setdefault(message, posting) if message else None
                if before not in (None, posting):
                    continue
                ledger.post(posting, reference=f"m{message}" if message else "")
                ledger.post(posting, reference=f"m{message}" if message else "")
                times = 2 if not message else int(before is posting)
                held[debit] -= times * amount
                held[credit] += times * amount
            ledger.commit()
        found = ledger.balances()
        assert all(found.get(account, 0) == held[account] for account in ACCOUNTS)
        assert sum(found.values()) == 0
        verdict = ledger.verify()
        assert verdict.ok
        assert verdict.entries == ledger.entries


def test_what_is_committed_is_readable_while_the_ledger_is_open(tmp_path):
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        fill(ledger)
        assert verify(tmp_path / "ledger.sqlite").entries == 3


def test_a_ledger_never_continues_another_runs(written):
    with pytest.raises(LedgerError, match="exists already"):
        Ledger(written)
