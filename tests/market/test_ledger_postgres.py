"""The ledger in PostgreSQL, on a server of the test's own behind a Unix socket."""

import os
import shutil
import subprocess
import tempfile
from contextlib import closing
from itertools import count
from pathlib import Path

import pytest

from market.delivery.ledger import Ledger, Posting, Signer
from market.delivery.ledger_store import StoreError
from market.delivery.ledger_verify import verify_store

psycopg = pytest.importorskip("psycopg", reason="the extra 'postgres' is not installed")

from market.delivery.ledger_postgres import PostgresStore  # noqa: E402 – after importorskip

SIGNER = Signer(bytes(range(32)))
NUMBERS = count(1)


def found(name):
    """A program of PostgreSQL's, which Debian keeps off the path."""
    beside = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    return shutil.which(name) or (str(beside[-1]) if beside else None)


@pytest.fixture(scope="module")
def server():
    initdb, postgres = found("initdb"), found("pg_ctl")
    if not (initdb and postgres):
        pytest.skip("no PostgreSQL here: neither initdb nor pg_ctl is installed")
    # PostgreSQL refuses to serve root; the socket's path has to be short.
    user = {"user": "nobody", "group": "nogroup"} if os.geteuid() == 0 else {}
    folder = Path(tempfile.mkdtemp(prefix="pg"))
    if user:
        shutil.chown(folder, **user)

    def call(*words):
        done = subprocess.run(words, cwd=folder, capture_output=True, text=True, **user)
        if done.returncode:
            pytest.skip(f"PostgreSQL does not start here: {done.stderr or done.stdout}")

    call(initdb, "-D", f"{folder}/data", "-U", "keeper", "--auth=trust", "--no-sync")
    options = f"-k {folder} -c listen_addresses="
    call(postgres, "-D", f"{folder}/data", "-o", options, "-l", f"{folder}/log", "-w", "start")
    yield f"host={folder} user=keeper dbname=postgres"
    call(postgres, "-D", f"{folder}/data", "-m", "immediate", "stop")
    shutil.rmtree(folder)


@pytest.fixture
def book():
    return f"book {next(NUMBERS)}"


def fill(ledger, blocks=3):
    for block in range(blocks):
        ledger.post(Posting(block, 0, 1, "price", "peer:anna", "peer:bert", 100 + block))
        ledger.post(Posting(block, 0, 1, "transport", "peer:anna", "dso", 7), reference=f"m{block}")
        ledger.commit()


@pytest.fixture
def anchor(server, book):
    with Ledger(PostgresStore(server, book, create=True), signer=SIGNER) as ledger:
        fill(ledger)
        return ledger.anchor


def checked(server, book, anchor=None):
    with closing(PostgresStore(server, book)) as store:
        return verify_store(store, anchor)


def bend(server, book, *statements):
    """Change rows as one who may do everything there."""
    with psycopg.connect(server, autocommit=True) as db:
        for table in ("entries", "blocks"):
            db.execute(f'DROP TRIGGER stay ON "{book}".{table}')
        for statement in statements:
            db.execute(statement.format(book=f'"{book}"'))


def test_postgres_keeps_the_same_book_as_sqlite_does(server, book, anchor, tmp_path):
    with Ledger(tmp_path / "ledger.sqlite", signer=SIGNER) as ledger:
        fill(ledger)
        verdict = ledger.verify()

    assert anchor == ledger.anchor
    assert checked(server, book, anchor) == verdict
    assert (verdict.ok, verdict.entries, verdict.blocks) == (True, 6, 3)


def test_a_ledger_being_written_to_postgres_verifies(server, book):
    with Ledger(PostgresStore(server, book, create=True)) as ledger:
        fill(ledger)
        assert ledger.verify().ok
        ledger.post(Posting(9, 0, 1, "price", "peer:anna", "peer:bert", 5))
        assert ledger.verify().entries == 7
        assert checked(server, book).entries == 7


@pytest.mark.parametrize("change", ["UPDATE {} SET {} = 1", "DELETE FROM {}", "TRUNCATE {}"])
@pytest.mark.parametrize(("table", "column"), [("entries", "tick"), ("blocks", "first")])
def test_what_stands_in_postgres_stays(server, book, anchor, change, table, column):
    with psycopg.connect(server) as db, pytest.raises(psycopg.Error, match="append-only"):
        db.execute(change.format(f'"{book}".{table}', column))


@pytest.mark.parametrize(
    ("statement", "fault"),
    [
        ("UPDATE {book}.entries SET amount_ueur = 9 WHERE entry = 4", "entry 4 does not match"),
        ("DELETE FROM {book}.entries WHERE entry = 3", "entry 3 is missing"),
        ("DELETE FROM {book}.blocks WHERE number = 2", "block 2 is missing, block 3 follows"),
    ],
)
def test_a_bent_row_in_postgres_is_found(server, book, anchor, statement, fault):
    bend(server, book, statement)

    verdict = checked(server, book, anchor)

    assert not verdict.ok
    assert verdict.fault.startswith(fault)


def test_an_end_cut_off_in_postgres_is_found_by_the_anchor(server, book, anchor):
    bend(
        server,
        book,
        "DELETE FROM {book}.entries WHERE entry > 4",
        "DELETE FROM {book}.blocks WHERE number > 2",
    )

    assert checked(server, book).ok
    assert not checked(server, book, anchor).ok


def test_a_book_is_written_once_and_a_missing_one_is_told(server, book, anchor):
    with pytest.raises(StoreError, match="already exists"):
        PostgresStore(server, book, create=True)
    assert "cannot be read" in checked(server, "nobody's book").fault
    with pytest.raises(StoreError, match="cannot be opened"):
        PostgresStore("host=/nowhere", book)
