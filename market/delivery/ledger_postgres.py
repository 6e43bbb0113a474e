"""Keeps a ledger in PostgreSQL, append-only by trigger as the SQLite file is.

Needs the extra ``postgres``. Each book has a schema of its own, so one database keeps many.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Any

try:
    import psycopg
    from psycopg import sql
except ImportError as error:  # pragma: no cover
    raise ImportError("a ledger in PostgreSQL needs `pip install 'peerwatt[postgres]'`") from error

from .ledger_seal import Block, Entry
from .ledger_store import Row, StoreError

__all__ = ["PostgresStore"]

_FETCHED = 5_000
"""Rows that one journey to the server brings."""

_SCHEMA = """
CREATE SCHEMA {book};
CREATE TABLE {book}.entries (
    entry bigint PRIMARY KEY,
    tick bigint NOT NULL,
    period bigint NOT NULL,
    contract_id bigint NOT NULL,
    reason text NOT NULL,
    debit text NOT NULL,
    credit text NOT NULL,
    amount_ueur bigint NOT NULL CHECK (amount_ueur > 0),
    debit_balance_ueur bigint NOT NULL,
    credit_balance_ueur bigint NOT NULL,
    reference text UNIQUE,
    hash bytea NOT NULL,
    CHECK (debit <> credit)
);
CREATE TABLE {book}.blocks (
    number bigint PRIMARY KEY,
    first bigint NOT NULL,
    last bigint NOT NULL,
    head bytea NOT NULL,
    previous bytea NOT NULL,
    public_key bytea NOT NULL,
    signature bytea NOT NULL
);
CREATE FUNCTION {book}.refuse() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'the ledger is append-only'; END $$;
CREATE TRIGGER stay BEFORE UPDATE OR DELETE OR TRUNCATE ON {book}.entries
    FOR EACH STATEMENT EXECUTE FUNCTION {book}.refuse();
CREATE TRIGGER stay BEFORE UPDATE OR DELETE OR TRUNCATE ON {book}.blocks
    FOR EACH STATEMENT EXECUTE FUNCTION {book}.refuse();
"""


class PostgresStore:
    """Keeps rows in a schema of a PostgreSQL database.

    Parameters
    ----------
    server : str
        Where the database is: ``host=/run/postgresql dbname=market``, or a URL.
    book : str
        The schema of this ledger.
    create : bool
        Make the schema; otherwise it is opened for reading.

    Raises
    ------
    StoreError
        The server cannot be reached, or has such a book already when one is to be made.
    """

    def __init__(self, server: str, book: str, *, create: bool = False) -> None:
        self._server, self._book, self._writes = server, book, create
        with self._telling("opened"):
            self._db = psycopg.connect(server, autocommit=create)
        try:
            with self._telling("opened"):
                self._prepare()
        except StoreError:
            self._db.close()
            raise

    def _prepare(self) -> None:
        if not self._writes:
            # Blocks and entries as of one instant, though their writer goes on.
            self._db.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            self._db.read_only = True
            return
        # The server's default may acknowledge what is not on its disk yet.
        self._db.execute("SET synchronous_commit = on")
        with self._db.transaction():
            self._db.execute(sql.SQL(_SCHEMA).format(book=sql.Identifier(self._book)))

    @contextmanager
    def _telling(self, done: str) -> Iterator[None]:
        """Say what could not be done with which ledger."""
        try:
            yield
        except psycopg.Error as error:
            told = f"ledger {self._book!r} cannot be {done}: {error}".rstrip()
            raise StoreError(told) from error

    def append(self, entries: Sequence[Row], block: Block) -> None:
        """Keep a block with its entries, both or neither; they are on the server's disk then."""
        with self._db.transaction(), self._db.cursor() as cursor:
            for table, columns, rows in (
                ("entries", Entry._fields, entries),
                ("blocks", Block._fields, [block]),
            ):
                with cursor.copy(
                    self._query("COPY {table} ({columns}) FROM STDIN", table, columns)
                ) as copy:
                    for row in rows:
                        copy.write_row(row)

    def entries(self) -> Iterator[Row]:
        """Give every entry by its number."""
        return self._read("entries", Entry._fields)

    def blocks(self) -> Iterator[Block]:
        """Give every block by its number."""
        return (Block(*row) for row in self._read("blocks", Block._fields))

    def _read(self, table: str, columns: Sequence[str]) -> Iterator[Any]:
        if self._writes:  # its transactions are for appending
            with closing(PostgresStore(self._server, self._book)) as reader:
                yield from reader._read(table, columns)
            return
        query = self._query("SELECT {columns} FROM {table} ORDER BY 1", table, columns)
        with self._telling("read"), self._db.cursor(f"all_{table}") as cursor:
            cursor.itersize = _FETCHED
            yield from cursor.execute(query, binary=True)

    def _query(self, text: str, table: str, columns: Sequence[str]) -> sql.Composed:
        return sql.SQL(text).format(
            table=sql.Identifier(self._book, table),
            columns=sql.SQL(", ").join(map(sql.Identifier, columns)),
        )

    def close(self) -> None:
        """Let go of the connection."""
        self._db.close()
