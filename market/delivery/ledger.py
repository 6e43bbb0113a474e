"""The money's book: double entry, append-only, each entry sealed with the hash of the last.

An entry moves an amount from one account to another, so the accounts sum to
zero whatever happens. Entries carry no wall-clock time: the same run gives
the same last hash.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple, Self

__all__ = ["Ledger", "LedgerError", "Posting", "Verdict", "verify"]

GENESIS = "0" * 64

_SCHEMA = """
CREATE TABLE entries (
    entry INTEGER PRIMARY KEY,
    tick INTEGER NOT NULL,
    period INTEGER NOT NULL,
    contract_id INTEGER NOT NULL,
    reason TEXT NOT NULL,
    debit TEXT NOT NULL,
    credit TEXT NOT NULL,
    amount_ueur INTEGER NOT NULL CHECK (amount_ueur > 0),
    debit_balance_ueur INTEGER NOT NULL,
    credit_balance_ueur INTEGER NOT NULL,
    hash TEXT NOT NULL,
    CHECK (debit <> credit)
) STRICT;
CREATE TRIGGER entries_stay BEFORE UPDATE ON entries
    BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER entries_remain BEFORE DELETE ON entries
    BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
"""


class LedgerError(Exception):
    """The ledger refuses what it was asked to write."""


class Posting(NamedTuple):
    """An amount that one account (debit) pays to another (credit). [µ€]

    Contract 0 means no contract, period −1 none. A negative amount is paid
    the other way round.
    """

    tick: int
    period: int
    contract_id: int
    reason: str
    debit: str
    credit: str
    amount_ueur: int


class _Entry(NamedTuple):
    entry: int
    tick: int
    period: int
    contract_id: int
    reason: str
    debit: str
    credit: str
    amount_ueur: int
    debit_balance_ueur: int
    credit_balance_ueur: int
    hash: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a verification found; `entry` is the first bad one."""

    ok: bool
    entries: int
    head: str
    entry: int | None = None
    fault: str = ""


def _seal(last_hash: str, fields: tuple[object, ...]) -> str:
    return sha256("\x1f".join((last_hash, *map(str, fields))).encode()).hexdigest()


class Ledger:
    """Append-only double-entry book in one SQLite file.

    Parameters
    ----------
    path : Path, optional
        File to create; without one the book is kept in memory.

    Raises
    ------
    LedgerError
        The file exists already: a run never continues another run's book.
    """

    def __init__(self, path: Path | None = None) -> None:
        if path is not None and path.exists():
            raise LedgerError(f"{path} exists already; a ledger is written once")
        self._db = sqlite3.connect(":memory:" if path is None else path, isolation_level=None)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = NORMAL")
        self._db.executescript(_SCHEMA)
        self._balances: dict[str, int] = {}
        self._waiting: list[_Entry] = []
        self._entries, self._head = 0, GENESIS

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def head(self) -> str:
        """Hash of the last entry: the fingerprint of the whole book."""
        return self._head

    @property
    def entries(self) -> int:
        """How many entries the book has."""
        return self._entries

    def open_account(self, account: str) -> None:
        """Name an account, so that it is listed even when nothing moves on it."""
        self._balances.setdefault(account, 0)

    def balance(self, account: str) -> int:
        """What an account holds now; negative when it owes. [µ€]"""
        return self._balances.get(account, 0)

    def balances(self) -> dict[str, int]:
        """Every account in order of its opening. [µ€]"""
        return dict(self._balances)

    def post(self, posting: Posting) -> None:
        """Book one amount; nothing when it is zero or would return to its payer."""
        amount = posting.amount_ueur
        if amount == 0 or posting.debit == posting.credit:
            return
        debit, credit = posting.debit, posting.credit
        if amount < 0:
            debit, credit, amount = credit, debit, -amount
        self._balances[debit] = self._balances.get(debit, 0) - amount
        self._balances[credit] = self._balances.get(credit, 0) + amount
        self._entries += 1
        fields = (
            self._entries,
            posting.tick,
            posting.period,
            posting.contract_id,
            posting.reason,
            debit,
            credit,
            amount,
            self._balances[debit],
            self._balances[credit],
        )
        self._head = _seal(self._head, fields)
        self._waiting.append(_Entry(*fields, self._head))

    def post_all(self, postings: Iterable[Posting]) -> None:
        """Book many amounts and commit them together."""
        for posting in postings:
            self.post(posting)
        self.commit()

    def commit(self) -> None:
        """Write what waits, in one transaction."""
        if not self._waiting:
            return
        self._db.execute("BEGIN")
        try:
            self._db.executemany(
                "INSERT INTO entries VALUES (?,?,?,?,?,?,?,?,?,?,?)",
                self._waiting,
            )
            self._db.execute("COMMIT")
        except BaseException:  # Ctrl-C too: whoever closes the ledger commits once more
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise
        self._waiting.clear()

    def verify(self) -> Verdict:
        """Recompute chain and balances of what is written so far."""
        self.commit()
        return _verify(self._db)

    def close(self) -> None:
        """Commit, fold the write-ahead log into the file, and close."""
        self.commit()
        self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._db.close()


def verify(path: Path, *, head: str | None = None) -> Verdict:
    """Recompute a ledger file from its first entry and name the first bad one.

    With `head`, the last hash noted elsewhere, entries cut off at the end are
    found too.
    """
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
        verdict = _verify(db)
    if verdict.ok and head is not None and verdict.head != head:
        fault = f"the chain ends with {verdict.head} after {verdict.entries} entries, not {head}"
        return Verdict(False, verdict.entries, verdict.head, None, fault)
    return verdict


def _verify(db: sqlite3.Connection) -> Verdict:
    head, count = GENESIS, 0
    balances: dict[str, int] = {}
    for entry in _read(db):
        count += 1
        fault = _fault(entry, count, head, balances)
        if fault:
            return Verdict(False, count, head, entry.entry, fault)
        head = entry.hash
    return Verdict(True, count, head)


def _read(db: sqlite3.Connection) -> Iterator[_Entry]:
    return map(_Entry._make, db.execute("SELECT * FROM entries ORDER BY entry"))


def _fault(entry: _Entry, expected: int, head: str, balances: dict[str, int]) -> str:
    """Say what is wrong with one entry, given all before it; update the balances."""
    if entry.entry != expected:
        return f"entry {expected} is missing"
    if entry.hash != _seal(head, entry[:-1]):
        return f"entry {entry.entry} does not match its hash"
    balances[entry.debit] = balances.get(entry.debit, 0) - entry.amount_ueur
    balances[entry.credit] = balances.get(entry.credit, 0) + entry.amount_ueur
    for account, written in (
        (entry.debit, entry.debit_balance_ueur),
        (entry.credit, entry.credit_balance_ueur),
    ):
        if balances[account] != written:
            return (
                f"entry {entry.entry}: {account} holds {balances[account]}, written is {written} µ€"
            )
    return ""
