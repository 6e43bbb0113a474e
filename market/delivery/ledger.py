"""The money's book: double entry, append-only, each entry sealed with the hash of the last.

An entry moves an amount from one account to another, so the accounts sum to
zero whatever happens. What is committed together is a block, which the ledger's key signs.
Entries carry no wall-clock time: the same run gives the same last hash.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple, Self

from .ledger_seal import GENESIS, Anchor, Block, Signer, seal
from .ledger_store import MemoryStore, Row, SqliteStore, Store
from .ledger_verify import Verdict, verify, verify_store

__all__ = ["Anchor", "Ledger", "LedgerError", "Posting", "Signer", "Verdict", "verify"]


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


class Ledger:
    """Append-only double-entry book.

    Parameters
    ----------
    where : Path or Store, optional
        SQLite file to create, or an empty store; without one the book is kept in memory.
    signer : Signer, optional
        Signs every block; without one nobody does.
    written_as : callable, optional
        Gives the name by which an account is written, a pseudonym say; its own unless given.

    Raises
    ------
    LedgerError
        The file exists already: a run never continues another run's book.
    """

    def __init__(
        self,
        where: Path | Store | None = None,
        *,
        signer: Signer | None = None,
        written_as: Callable[[str], str] = str,
    ) -> None:
        self._store, self._signer, self._written_as = _opened(where), signer, written_as
        self._written: dict[str, str] = {}
        self._balances: dict[str, int] = {}
        self._references: dict[str, Posting] = {}
        self._waiting: list[Row] = []
        self._entries, self._head = 0, GENESIS
        self._blocks, self._block = 0, GENESIS

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def head(self) -> str:
        """Hash of the last entry: the fingerprint of the whole book."""
        return self._head.hex()

    @property
    def entries(self) -> int:
        """How many entries the book has."""
        return self._entries

    @property
    def anchor(self) -> Anchor:
        """What to note of the book elsewhere, after a commit."""
        key = b"" if self._signer is None else self._signer.public_key
        return Anchor(
            entries=self._entries,
            head=self.head,
            blocks=self._blocks,
            block=self._block.hex(),
            public_key=key.hex(),
        )

    def open_account(self, account: str) -> None:
        """Name an account, so that it is listed even when nothing moves on it."""
        self._balances.setdefault(account, 0)

    def balance(self, account: str) -> int:
        """What an account holds now; negative when it owes. [µ€]"""
        return self._balances.get(account, 0)

    def balances(self) -> dict[str, int]:
        """Every account in order of its opening. [µ€]"""
        return dict(self._balances)

    def post(self, posting: Posting, *, reference: str = "") -> None:
        """Book one amount; nothing when it is zero or would return to its payer.

        Parameters
        ----------
        posting : Posting
        reference : str
            What the posting is known by elsewhere, a message's number say: it is booked once,
            however often it comes. It is written as it is, so it should name nobody.

        Raises
        ------
        LedgerError
            The reference stands for another posting, a number does not fit in 64 bits, or a
            word has a separator in it; nothing is booked.
        """
        amount = posting.amount_ueur
        if amount == 0 or posting.debit == posting.credit or self._is_known(reference, posting):
            return
        debit, credit = posting.debit, posting.credit
        if amount < 0:
            debit, credit, amount = credit, debit, -amount
        low = self._balances.get(debit, 0) - amount
        high = self._balances.get(credit, 0) + amount
        moved = self._name(debit), self._name(credit), amount, low, high
        try:
            self._seal(posting, moved, reference)
        except (struct.error, ValueError) as error:
            raise LedgerError(f"{posting}: {error}; nothing was booked") from error
        self._balances[debit], self._balances[credit] = low, high
        if reference:
            self._references[reference] = posting

    def _seal(
        self, posting: Posting, moved: tuple[str, str, int, int, int], reference: str
    ) -> None:
        """Make an entry of what moved: payer, payee as written, amount, both balances after it."""
        tick, period, contract_id, reason, *_ = posting
        payer, payee, *amounts = moved
        number = self._entries + 1
        numbers = (number, tick, period, contract_id, *amounts)
        head = seal(self._head, numbers, (reason, payer, payee, reference))
        row = (number, tick, period, contract_id, reason, *moved, reference or None, head)
        self._waiting.append(row)
        self._entries, self._head = number, head

    def _is_known(self, reference: str, posting: Posting) -> bool:
        """Whether this very posting was booked already under this reference."""
        booked = self._references.get(reference)
        if booked is None:
            return False
        if booked != posting:
            raise LedgerError(
                f"{posting}: {reference!r} stands for {booked} already; nothing was booked"
            )
        return True

    def _name(self, account: str) -> str:
        """Give the name by which an account is written."""
        written = self._written.get(account)
        if written is None:
            written = self._written[account] = self._written_as(account)
        return written

    def post_all(self, postings: Iterable[Posting]) -> None:
        """Book many amounts and commit them together."""
        for posting in postings:
            self.post(posting)
        self.commit()

    def commit(self) -> None:
        """Write what waits as one block; it is safe when this returns."""
        if not self._waiting:
            return
        first, last = self._waiting[0][0], self._entries
        block = Block(self._blocks + 1, first, last, self._head, self._block)
        if self._signer is not None:
            block = self._signer.sign(block)
        self._store.append(self._waiting, block)
        self._blocks, self._block = block.number, block.hash()
        self._waiting.clear()

    def verify(self) -> Verdict:
        """Recompute hashes, balances and signatures of what is written so far."""
        self.commit()
        return verify_store(self._store, self.anchor)

    def close(self) -> None:
        """Commit, and close what it is kept in."""
        self.commit()
        self._store.close()


def _opened(where: Path | Store | None) -> Store:
    if where is None:
        return MemoryStore()
    if not isinstance(where, Path):
        return where
    if where.exists():
        raise LedgerError(f"{where} exists already; a ledger is written once")
    return SqliteStore(where, create=True)
