"""Where a ledger's rows are kept: in memory, or in an SQLite file that takes no change.

A store appends a block and its entries together, and gives both back in order. It judges nothing.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

from .ledger_seal import Block, Entry

__all__ = ["BLOCK_COLUMNS", "COLUMNS", "MemoryStore", "Row", "SqliteStore", "Store", "StoreError"]

Row = tuple[int, int, int, int, str, str, str, int, int, int, str | None, bytes]
"""An `Entry` without its names: naming a row's fields costs as much as reading it."""

COLUMNS = ", ".join(Entry._fields)
"""The columns of `entries`, as `Entry` has them."""

BLOCK_COLUMNS = ", ".join(Block._fields)

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
    reference TEXT UNIQUE,
    hash BLOB NOT NULL,
    CHECK (debit <> credit)
) STRICT;
CREATE TABLE blocks (
    number INTEGER PRIMARY KEY,
    first INTEGER NOT NULL,
    last INTEGER NOT NULL,
    head BLOB NOT NULL,
    previous BLOB NOT NULL,
    public_key BLOB NOT NULL,
    signature BLOB NOT NULL
) STRICT;
""" + "".join(
    f"CREATE TRIGGER {table}_{name} BEFORE {change} ON {table}"
    " BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;\n"
    for table in ("entries", "blocks")
    for name, change in (("stay", "UPDATE"), ("remain", "DELETE"))
)


class StoreError(Exception):
    """What is stored cannot be read."""


class Store(Protocol):
    """What a ledger needs of a place to be kept in."""

    def append(self, entries: Sequence[Row], block: Block) -> None:
        """Keep a block with its entries, both or neither; they are safe when this returns."""
        ...

    def entries(self) -> Iterator[Row]:
        """Give every entry by its number.

        Raises
        ------
        StoreError
            On the way, where it cannot be read any further.
        """
        ...

    def blocks(self) -> Iterator[Block]:
        """Give every block by its number; raises as `entries` does."""
        ...

    def close(self) -> None:
        """Let go of what is held open."""
        ...


class MemoryStore:
    """Keeps rows for as long as the process lives."""

    def __init__(self) -> None:
        self._entries: list[Row] = []
        self._blocks: list[Block] = []

    def append(self, entries: Sequence[Row], block: Block) -> None:
        """Keep a block with its entries."""
        self._entries += entries
        self._blocks.append(block)

    def entries(self) -> Iterator[Row]:
        """Give every entry."""
        return iter(self._entries)

    def blocks(self) -> Iterator[Block]:
        """Give every block."""
        return iter(self._blocks)

    def close(self) -> None:
        """Do nothing."""


class SqliteStore:
    """Keeps rows in one SQLite file, append-only by trigger.

    Written through a write-ahead log that is synced at every commit, so that what
    `append` returned from outlives `kill -9` and a power cut.

    Parameters
    ----------
    path : Path
    create : bool
        Make the file; otherwise it is opened for reading.

    Raises
    ------
    StoreError
        There is no such file to read.
    """

    def __init__(self, path: Path, *, create: bool = False) -> None:
        self._path = path
        mode = "rwc" if create else "ro"
        where = f"{path.resolve().as_uri()}?mode={mode}"
        try:
            self._db = sqlite3.connect(where, uri=True, isolation_level=None)
        except sqlite3.Error as error:
            raise StoreError(f"{path} cannot be opened: {error}") from error
        if create:
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = FULL")
            self._db.executescript(_SCHEMA)
        self._writes = create

    def append(self, entries: Sequence[Row], block: Block) -> None:
        """Keep a block with its entries, both or neither; they are on the disk afterwards."""
        self._db.execute("BEGIN")
        try:
            self._db.executemany(_insert("entries", len(Entry._fields)), entries)
            self._db.execute(_insert("blocks", len(Block._fields)), block)
            self._db.execute("COMMIT")
        except BaseException:  # Ctrl-C too: whoever closes the ledger commits once more
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise

    def entries(self) -> Iterator[Row]:
        """Give every entry by its number."""
        return self._read(f"SELECT {COLUMNS} FROM entries ORDER BY entry")  # noqa: S608 – our own names

    def blocks(self) -> Iterator[Block]:
        """Give every block by its number."""
        found = self._read(f"SELECT {BLOCK_COLUMNS} FROM blocks ORDER BY number")  # noqa: S608 – likewise
        return (Block(*row) for row in found)

    def _read(self, query: str) -> Iterator[Any]:
        try:
            yield from self._db.execute(query)
        except (sqlite3.Error, OverflowError, UnicodeDecodeError) as error:
            raise StoreError(f"{self._path.name} cannot be read: {error}") from error

    def close(self) -> None:
        """Fold the write-ahead log into the file, and close it.

        The file then needs no log to be read, so readers leave nothing beside it and may have
        it on a medium that they cannot write to.
        """
        if self._writes:
            with suppress(sqlite3.OperationalError):  # somebody is reading: the log stays
                self._db.execute("PRAGMA journal_mode = DELETE")
        self._db.close()


def _insert(table: str, columns: int) -> str:
    return f"INSERT INTO {table} VALUES ({', '.join('?' * columns)})"  # noqa: S608 – a table of ours
