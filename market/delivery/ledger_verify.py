"""Recomputes a ledger from its first entry, and names the first thing that is wrong with it."""

from __future__ import annotations

import struct
from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from hashlib import sha256
from itertools import islice
from pathlib import Path

from .ledger_seal import GENESIS, NUMBERS, SEPARATOR, Anchor, Block, signed_by
from .ledger_store import Row, SqliteStore, Store, StoreError

__all__ = ["Verdict", "verify", "verify_store"]

_BLOCK_TYPES = [int, int, int, bytes, bytes, bytes, bytes]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a verification found.

    Attributes
    ----------
    ok : bool
    entries, blocks : int
        How many were read; up to and including the first bad one.
    head : str
        Hash of the last good entry, in hex.
    accounts : int
        How many accounts the entries name.
    public_key : str
        By whose key every block is signed, in hex; empty where nobody signs.
    entry, block : int, optional
        The first bad one, where it can be told.
    fault : str
    """

    ok: bool
    entries: int
    head: str
    entry: int | None = None
    fault: str = ""
    blocks: int = 0
    block: int | None = None
    accounts: int = 0
    public_key: str = ""


class _Fault(Exception):
    """The first thing that is wrong, where it can be told which entry or block it is."""

    def __init__(self, told: str, *, entry: int | None = None, block: int | None = None) -> None:
        super().__init__(told)
        self.entry, self.block = entry, block


def verify(path: Path, *, anchor: Anchor | None = None) -> Verdict:
    """Recompute a ledger file: hashes, balances, blocks and their signatures.

    Parameters
    ----------
    path : Path
    anchor : Anchor, optional
        What was noted of the book elsewhere: entries cut off its end and blocks signed by
        another key are found by it alone.
    """
    try:
        with closing(SqliteStore(path)) as store:
            return verify_store(store, anchor)
    except StoreError as error:
        return Verdict(False, 0, GENESIS.hex(), fault=str(error))


def verify_store(store: Store, anchor: Anchor | None = None) -> Verdict:
    """Recompute a ledger from wherever it is kept; see `verify`."""
    walk = _Walk(anchor or {})
    try:
        walk.through(store.blocks(), store.entries())
    except _Fault as fault:
        return walk.verdict(str(fault), fault.entry, fault.block)
    except StoreError as error:
        return walk.verdict(f"after entry {walk.entries}: {error}")
    return walk.verdict()


class _Walk:
    """One way through a book, and what has been found so far."""

    def __init__(self, anchor: Anchor) -> None:
        self._anchor = anchor
        self.entries = self.blocks = 0
        self._head = self._block = GENESIS
        self._key: bytes | None = None
        self._balances: dict[str, int] = defaultdict(int)

    def verdict(
        self, fault: str = "", entry: int | None = None, block: int | None = None
    ) -> Verdict:
        key = (self._key or b"").hex()
        return Verdict(
            ok=not fault,
            entries=self.entries,
            head=self._head.hex(),
            entry=entry,
            fault=fault,
            blocks=self.blocks,
            block=block,
            accounts=len(self._balances),
            public_key=key,
        )

    def through(self, blocks: Iterator[Block], entries: Iterator[Row]) -> None:
        """Follow blocks and entries to their ends, and compare those with the anchor."""
        for block in blocks:
            self.blocks += 1
            self._check_block(block)
            self._follow(islice(entries, block.last - block.first + 1))
            self._check_span(block)
            self._block = block.hash()
        for row in entries:
            self._follow(iter([row]))
            raise _Fault(f"entry {row[0]} is in no block", entry=row[0])
        self._check_end()

    def _check_block(self, block: Block) -> None:
        """Say whether a block stands where it was put, as it was signed."""
        number = self.blocks
        if [type(value) for value in block] != _BLOCK_TYPES:
            raise _Fault(f"block {number} holds what no block can hold", block=number)
        if block.number != number:
            raise _Fault(f"block {number} is missing, block {block.number} follows", block=number)
        self._check_key(block)
        if not signed_by(block, block.public_key):
            told = f"block {number} (entries {block.first} to {block.last}) is not what was signed"
            raise _Fault(told, block=number)
        if block.previous != self._block:
            told = f"block {number} was not made to follow block {number - 1} of this book"
            raise _Fault(told, block=number)
        if block.first != self.entries + 1 or block.last < block.first:
            told = (
                f"block {number} has entries {block.first} to {block.last}, "
                f"expected is a block from {self.entries + 1}"
            )
            raise _Fault(told, block=number)

    def _check_key(self, block: Block) -> None:
        if self._key is None:
            noted = self._anchor.get("public_key")
            self._key = block.public_key if noted is None else bytes.fromhex(noted)
        if block.public_key != self._key:
            told = (
                f"block {block.number} is signed by {_key(block.public_key)}, "
                f"the ledger by {_key(self._key)}"
            )
            raise _Fault(told, block=block.number)

    def _check_span(self, block: Block) -> None:
        if self.entries != block.last:
            missing = self.entries + 1
            raise _Fault(f"entry {missing} is missing", entry=missing, block=block.number)
        if block.head != self._head:
            told = f"block {block.number} does not end with the hash of entry {block.last}"
            raise _Fault(told, block=block.number)

    def _follow(self, rows: Iterator[Row]) -> None:
        """Recompute hashes and balances of consecutive entries.

        One loop with everything in it: it is what verification spends its time on.
        """
        number, head, balances, pack = self.entries, self._head, self._balances, NUMBERS.pack
        hashed = sha256
        try:
            for entry, tick, period, deal, why, payer, payee, paid, low, high, ref, sealed in rows:
                number += 1
                if entry != number:
                    raise _Fault(f"entry {number} is missing", entry=number)
                numbers = pack(entry, tick, period, deal, paid, low, high)
                words = SEPARATOR.join((why, payer, payee, "" if ref is None else ref))
                found = hashed(b"%b%b%b" % (head, numbers, words.encode())).digest()
                if found != sealed:
                    raise _Fault(f"entry {number} does not match its hash", entry=number)
                head = found
                owes = balances[payer] = balances[payer] - paid
                owns = balances[payee] = balances[payee] + paid
                if owes != low or owns != high:
                    written = {payer: low, payee: high}
                    raise _Fault(_unbalanced(number, balances, written), entry=number)
        except (struct.error, TypeError, UnicodeEncodeError):
            told = f"entry {number} holds what no entry can hold"
            raise _Fault(told, entry=number) from None
        finally:
            self.entries, self._head = number, head

    def _check_end(self) -> None:
        anchor = self._anchor
        noted = anchor.get("entries"), anchor.get("head"), anchor.get("block")
        found = self.entries, self._head.hex(), self._block.hex()
        if any(a is not None and a != b for a, b in zip(noted, found, strict=True)):
            entries, head, _ = noted
            after = "" if entries is None else f" after {entries} entries"
            raise _Fault(
                f"the chain ends with {found[1]} after {self.entries} entries, "
                f"not with {head}{after} as was noted at its end"
            )


def _unbalanced(number: int, found: dict[str, int], written: dict[str, int]) -> str:
    account = next(name for name in written if found[name] != written[name])
    return f"entry {number}: {account} holds {found[account]}, written is {written[account]} µ€"


def _key(public_key: bytes) -> str:
    return f"key {public_key.hex()[:16]}…" if public_key else "nobody"
