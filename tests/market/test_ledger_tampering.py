"""Whatever is done to a ledger behind its back is found and named; the forger owns the file."""

import random
import shutil
import sqlite3
from contextlib import closing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from market.delivery.ledger import Ledger, Posting, Signer, verify
from market.delivery.ledger_seal import GENESIS, Block, Entry, seal
from results.ledger_book import LedgerFault, checked

SIGNER = Signer(bytes(range(32)))
FORGER = Signer(bytes(range(1, 33)))
TRIGGERS = ("entries_stay", "entries_remain", "blocks_stay", "blocks_remain")


def posting(tick, amount=100):
    return Posting(tick, tick // 4, 1 + tick % 3, "price", "peer:anna", "peer:bert", amount)


def write(path, *, signer=SIGNER, blocks=4, size=3, first=100):
    """Four blocks of three entries: entries 1 to 3 are block 1, and so on."""
    with Ledger(path, signer=signer) as ledger:
        for tick in range(blocks * size):
            ledger.post(posting(tick, first + tick), reference=f"m{tick}" if tick % 2 else "")
            if tick % size == size - 1:
                ledger.commit()
    return ledger.anchor


@pytest.fixture
def path(tmp_path):
    return tmp_path / "ledger.sqlite"


@pytest.fixture
def anchor(path):
    return write(path)


def tamper(path, *statements, rows=()):
    """Drop the triggers and change rows."""
    with closing(sqlite3.connect(path)) as db, db:
        for trigger in TRIGGERS:
            db.execute(f"DROP TRIGGER {trigger}")
        for statement in statements:
            db.execute(statement)
        for table, row in rows:
            db.execute(f"INSERT INTO {table} VALUES ({', '.join('?' * len(row))})", row)


def read(path):
    with closing(sqlite3.connect(path)) as db:
        entries = [Entry(*row) for row in db.execute("SELECT * FROM entries ORDER BY entry")]
        blocks = [Block(*row) for row in db.execute("SELECT * FROM blocks ORDER BY number")]
    return entries, blocks


def rewrite(path, entries, blocks):
    """Put other rows in place of all."""
    rows = [("entries", row) for row in entries] + [("blocks", row) for row in blocks]
    tamper(path, "DELETE FROM entries", "DELETE FROM blocks", rows=rows)


def resealed(entries):
    """Make every hash anew, as a forger would."""
    head, made = GENESIS, []
    for one in entries:
        numbers = (*one[:4], *one[7:10])
        head = seal(head, numbers, (*one[4:7], one.reference or ""))
        made.append(one._replace(hash=head))
    return made


def reblocked(entries, blocks, signer):
    """Make every block anew over other entries."""
    previous, made = GENESIS, []
    for one in blocks:
        head = entries[one.last - 1].hash
        made.append(signer.sign(one._replace(head=head, previous=previous)))
        previous = made[-1].hash()
    return made


def faults(path, anchor):
    """What our verification says, and that the one of `results` finds something too."""
    verdict = verify(path, anchor=anchor)
    assert not verdict.ok
    with pytest.raises(LedgerFault):
        checked(path.parent, anchor)
    return verdict


def test_an_untouched_ledger_verifies_by_both_readings(path, anchor):
    verdict = verify(path, anchor=anchor)

    assert (verdict.ok, verdict.entries, verdict.blocks, verdict.accounts) == (True, 12, 4, 2)
    assert verdict.public_key == SIGNER.public_key.hex()
    assert checked(path.parent, anchor) == (12, {"peer:anna": -1266, "peer:bert": 1266})


@pytest.mark.parametrize(
    "change",
    [
        "tick = tick + 1",
        "period = period - 1",
        "contract_id = contract_id + 1",
        "reason = 'prize'",
        "debit = 'peer:anno'",
        "credit = 'peer:berk'",
        "amount_ueur = amount_ueur + 1",
        "debit_balance_ueur = debit_balance_ueur + 1",
        "credit_balance_ueur = credit_balance_ueur + 1",
        "reference = 'm99'",
        "reference = NULL",
        "hash = zeroblob(32)",
    ],
)
def test_any_changed_field_is_found_at_its_entry(path, anchor, change):
    tamper(path, f"UPDATE entries SET {change} WHERE entry = 6")

    verdict = faults(path, anchor)

    assert (verdict.entry, verdict.fault) == (6, "entry 6 does not match its hash")


@pytest.mark.parametrize("entry", [1, 5, 12])
def test_a_deleted_row_is_found(path, anchor, entry):
    tamper(path, f"DELETE FROM entries WHERE entry = {entry}")

    verdict = faults(path, anchor)

    assert (verdict.entry, verdict.fault) == (entry, f"entry {entry} is missing")


def test_reordered_rows_are_found_at_the_first(path, anchor):
    tamper(
        path,
        "UPDATE entries SET entry = -1 WHERE entry = 5",
        "UPDATE entries SET entry = 5 WHERE entry = 7",
        "UPDATE entries SET entry = 7 WHERE entry = -1",
    )

    assert faults(path, anchor).entry == 5


def test_an_inserted_row_is_found_where_it_stands(path, anchor):
    entries, blocks = read(path)
    moved = [one._replace(entry=one.entry + 1) for one in entries[5:]]
    double = entries[4]._replace(entry=6, reference=None)
    rewrite(path, [*entries[:5], double, *moved], blocks)

    assert faults(path, anchor).entry == 6


@pytest.mark.parametrize("entry", [0, -7])
def test_a_row_put_before_the_first_is_found(path, anchor, entry):
    entries, _ = read(path)
    tamper(path, rows=[("entries", entries[4]._replace(entry=entry, reference=None))])

    assert faults(path, anchor).entry == 1


def test_a_row_appended_in_the_chains_own_hash_is_in_no_block(path, anchor):
    entries, _ = read(path)
    more = Entry(13, 20, 5, 1, "price", "peer:anna", "peer:bert", 5, -1271, 1271, None, b"")
    tamper(path, rows=[("entries", resealed([*entries, more])[-1])])

    verdict = faults(path, anchor)

    assert (verdict.entry, verdict.fault) == (13, "entry 13 is in no block")


def bent(path):
    """Every hash and balance right again after a cent moved in entry 5."""
    entries, blocks = read(path)
    made = []
    for one in entries:
        more = 10_000 * (one.entry >= 5)
        made.append(
            one._replace(
                amount_ueur=one.amount_ueur + 10_000 * (one.entry == 5),
                debit_balance_ueur=one.debit_balance_ueur - more,
                credit_balance_ueur=one.credit_balance_ueur + more,
            )
        )
    return resealed(made), blocks


def test_a_chain_made_anew_is_found_by_the_block_it_was_signed_in(path, anchor):
    rewrite(path, *bent(path))

    verdict = faults(path, anchor)

    assert (verdict.block, verdict.entry) == (2, None)
    assert verdict.fault == "block 2 does not end with the hash of entry 6"


def test_a_chain_made_anew_without_its_balances_is_found_at_the_entry(path, anchor):
    entries, blocks = read(path)
    entries[4] = entries[4]._replace(amount_ueur=105)
    rewrite(path, resealed(entries), blocks)

    verdict = faults(path, anchor)

    # By hand: 100 + 101 + 102 + 103 + 105 = 511, where the entry says 510.
    assert verdict.fault == "entry 5: peer:anna holds -511, written is -510 µ€"


def test_a_forged_signature_is_found(path, anchor):
    entries, blocks = bent(path)
    signed = reblocked(entries, blocks, FORGER)
    forged = [one._replace(public_key=SIGNER.public_key) for one in signed]
    rewrite(path, entries, forged)

    verdict = faults(path, anchor)

    assert verdict.block == 1
    assert verdict.fault == "block 1 (entries 1 to 3) is not what was signed"


def test_a_book_signed_by_another_key_is_found_by_the_anchors(path, anchor):
    entries, blocks = bent(path)
    rewrite(path, entries, reblocked(entries, blocks, FORGER))

    assert verify(path).ok  # nothing in the file itself says whose key it should be
    verdict = faults(path, {"public_key": anchor["public_key"]})
    assert verdict.block == 1
    assert verdict.fault.startswith(f"block 1 is signed by key {FORGER.public_key.hex()[:16]}")


def test_one_block_signed_by_another_key_is_found_without_an_anchor(path, anchor):
    entries, blocks = read(path)
    rewrite(path, entries, [*blocks[:3], FORGER.sign(blocks[3])])

    assert verify(path).block == 4


def test_a_book_bent_by_the_owner_of_its_key_is_found_by_the_anchors_hash(path, anchor):
    entries, blocks = bent(path)
    rewrite(path, entries, reblocked(entries, blocks, SIGNER))

    assert "as was noted at its end" in faults(path, anchor).fault


def test_signatures_stripped_from_a_book_are_missed(path, anchor):
    entries, blocks = read(path)
    bare, previous = [], GENESIS
    for one in blocks:
        bare.append(one._replace(previous=previous, public_key=b"", signature=b""))
        previous = bare[-1].hash()
    rewrite(path, entries, bare)

    assert "is signed by nobody" in faults(path, anchor).fault


def test_a_copy_of_a_block_at_the_end_is_found(path, anchor):
    entries, blocks = read(path)
    copies = [one._replace(entry=one.entry + 3, reference=None) for one in entries[9:]]
    rows = [("entries", one) for one in copies]
    rows.append(("blocks", blocks[3]._replace(number=5, first=13, last=15)))
    tamper(path, rows=rows)

    verdict = faults(path, anchor)

    assert (verdict.block, verdict.fault) == (
        5,
        "block 5 (entries 13 to 15) is not what was signed",
    )


def test_a_block_copied_from_another_book_of_the_same_key_is_found(path, anchor, tmp_path):
    (tmp_path / "other").mkdir()
    write(tmp_path / "other" / "ledger.sqlite", first=200)
    entries, blocks = read(path)
    others, other_blocks = read(tmp_path / "other" / "ledger.sqlite")
    entries[3:6], blocks[1] = others[3:6], other_blocks[1]
    rewrite(path, entries, blocks)

    verdict = faults(path, anchor)

    assert verdict.block == 2
    assert verdict.fault == "block 2 was not made to follow block 1 of this book"


@pytest.mark.parametrize("number", [1, 3])
def test_a_block_taken_out_is_found(path, anchor, number):
    tamper(path, f"DELETE FROM blocks WHERE number = {number}")

    verdict = faults(path, anchor)

    assert verdict.block == number
    assert verdict.fault == f"block {number} is missing, block {number + 1} follows"


@pytest.mark.parametrize(
    "change",
    ["first = first + 1", "last = last - 1", "head = zeroblob(32)", "previous = zeroblob(32)"],
)
def test_any_changed_field_of_a_block_is_found(path, anchor, change):
    tamper(path, f"UPDATE blocks SET {change} WHERE number = 3")

    assert faults(path, anchor).block == 3


def test_a_tail_cut_off_at_a_block_is_found_by_the_anchor_alone(path, anchor):
    tamper(path, "DELETE FROM entries WHERE entry > 9", "DELETE FROM blocks WHERE number > 3")

    assert verify(path).ok
    fault = faults(path, anchor).fault
    assert "after 9 entries, not with" in fault
    assert "after 12 entries as was noted at its end" in fault


def test_a_ledger_emptied_is_found_by_the_anchor(path, anchor):
    tamper(path, "DELETE FROM entries", "DELETE FROM blocks")

    assert "after 0 entries" in faults(path, anchor).fault


@pytest.mark.parametrize("table", ["entries", "blocks"])
def test_a_table_dropped_is_told(path, anchor, table):
    with closing(sqlite3.connect(path)) as db:
        db.execute(f"DROP TABLE {table}")

    assert f"no such table: {table}" in verify(path, anchor=anchor).fault


def test_a_file_that_is_no_database_is_told(path):
    path.write_bytes(b"no database at all, but long enough to be one" * 100)

    assert "ledger.sqlite cannot be read" in verify(path).fault


def logical(path):
    """All rows as SQLite reads them, or None where it does not."""
    try:
        return read(path)
    except (sqlite3.Error, OverflowError, UnicodeDecodeError):
        return None


def flip(path, bit):
    content = bytearray(path.read_bytes())
    content[bit // 8] ^= 1 << bit % 8
    path.write_bytes(content)


@pytest.fixture(scope="module")
def untouched(tmp_path_factory):
    folder = tmp_path_factory.mktemp("untouched")
    anchor = write(folder / "ledger.sqlite", blocks=8, size=9)
    return folder / "ledger.sqlite", anchor, read(folder / "ledger.sqlite")


@given(seed=st.integers(0, 2**32))
def test_a_flipped_bit_anywhere_in_the_file_is_found_unless_nothing_reads_it(
    seed, untouched, tmp_path_factory
):
    # Free space, indices and statistics of the file may change without any row changing.
    source, anchor, rows = untouched
    path = shutil.copy(source, tmp_path_factory.mktemp("flipped") / "ledger.sqlite")
    flip(path, random.Random(seed).randrange(8 * path.stat().st_size))

    verdict = verify(path, anchor=anchor)

    assert verdict.ok == (logical(path) == rows)
    assert verdict.ok or verdict.fault
