"""How fast a ledger is written, safe on the disk at every commit, and how fast it verifies.

Beside it plain SQLite: the same rows, inserted and read back without a hash or a balance.
"""

import random
import sqlite3
from contextlib import closing

import pytest

from market.delivery.ledger import Ledger, Posting, Signer, verify

SIGNER = Signer(bytes(range(32)))
PER_COMMIT = 1_000


def postings(entries):
    """Sixty peers that pay one another, by pseudonyms as long as a run's."""
    draw = random.Random(7)
    accounts = [f"peer:{draw.getrandbits(64):016x}" for _ in range(60)] + ["lpd", "dso"]
    return [
        Posting(
            i // 50,
            i // 500,
            i // 5,
            "transport",
            *draw.sample(accounts, 2),
            draw.randrange(1, 9**6),
        )
        for i in range(entries)
    ]


def book(path, booked, per_commit):
    with Ledger(path, signer=SIGNER) as ledger:
        for begin in range(0, len(booked), per_commit):
            ledger.post_all(booked[begin : begin + per_commit])
    return ledger.anchor


@pytest.mark.parametrize("per_commit", [1, 100, PER_COMMIT])
def test_bench_ledger_write(benchmark, tmp_path_factory, per_commit):
    booked = postings(min(100_000, 2_000 * per_commit))

    def written():
        return book(tmp_path_factory.mktemp("ledger") / "ledger.sqlite", booked, per_commit)

    anchor = benchmark.pedantic(written, rounds=5, warmup_rounds=1)

    assert anchor["entries"] == len(booked)
    benchmark.extra_info["entries"] = len(booked)


@pytest.mark.parametrize("entries", [1_000, pytest.param(200_000, marks=pytest.mark.soak)])
def test_bench_ledger_verify(benchmark, tmp_path, entries):
    anchor = book(tmp_path / "ledger.sqlite", postings(entries), PER_COMMIT)

    verdict = benchmark(verify, tmp_path / "ledger.sqlite", anchor=anchor)

    assert (verdict.ok, verdict.entries) == (True, entries)
    benchmark.extra_info["entries"] = entries


def test_bench_plain_sqlite_write(benchmark, tmp_path_factory):
    booked = postings(100_000)

    def written():
        with closing(plain(tmp_path_factory.mktemp("plain") / "plain.sqlite")) as db:
            for begin in range(0, len(booked), PER_COMMIT):
                db.execute("BEGIN")
                rows = booked[begin : begin + PER_COMMIT]
                db.executemany("INSERT INTO entries VALUES (?, ?, ?, ?, ?, ?, ?)", rows)
                db.execute("COMMIT")
            return db.execute("SELECT count(*) FROM entries").fetchone()[0]

    assert benchmark.pedantic(written, rounds=5, warmup_rounds=1) == len(booked)
    benchmark.extra_info["entries"] = len(booked)


@pytest.mark.soak
def test_bench_plain_sqlite_read(benchmark, tmp_path):
    book(tmp_path / "ledger.sqlite", postings(200_000), PER_COMMIT)

    def read():
        with closing(sqlite3.connect(tmp_path / "ledger.sqlite")) as db:
            return sum(1 for _ in db.execute("SELECT * FROM entries ORDER BY entry"))

    assert benchmark(read) == 200_000
    benchmark.extra_info["entries"] = 200_000


def plain(path):
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = FULL")
    db.execute(
        "CREATE TABLE entries (tick INTEGER, period INTEGER, contract_id INTEGER, reason TEXT,"
        " debit TEXT, credit TEXT, amount_ueur INTEGER) STRICT"
    )
    return db
