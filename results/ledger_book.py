"""Reads the ledger of a run folder, and checks it from the file alone.

This is a second reading of how a ledger is sealed, by other code than that which wrote it. It
follows `docs/privacy.md` in whom an entry names: pseudonyms, that `pseudonyms.json` resolves.
"""

import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from typing import Any

__all__ = [
    "LEDGER_FILE",
    "PSEUDONYMS_FILE",
    "LedgerFault",
    "checked",
    "entries",
    "located",
    "real_names",
]

LEDGER_FILE = "ledger.sqlite"
PSEUDONYMS_FILE = "pseudonyms.json"

_NUMBERS = (
    "entry",
    "tick",
    "period",
    "contract_id",
    "amount_ueur",
    "debit_balance_ueur",
    "credit_balance_ueur",
)
_WORDS = ("reason", "debit", "credit", "reference")


class LedgerFault(Exception):
    """The first thing that is wrong with a ledger."""


def real_names(folder: Path) -> dict[str, str]:
    """Accounts by the names that the ledger writes; empty where it writes their own."""
    path = folder / PSEUDONYMS_FILE
    if not path.exists():
        return {}
    found: dict[str, str] = json.loads(path.read_text("utf-8"))["accounts"]
    return found


def located(run: Path) -> Path:
    """Where the ledger is: `run` is its file, or the run folder."""
    return run if run.is_file() else run / LEDGER_FILE


def entries(run: Path, *, resolved: bool = True) -> Iterator[dict[str, Any]]:
    """Entries in order, their accounts by name.

    Parameters
    ----------
    run : Path
        The run folder, or the ledger's file.
    resolved : bool
        Whether peers stand by their names, where a file resolves their pseudonyms.

    Raises
    ------
    sqlite3.DatabaseError
        The file is no ledger, or damaged.
    """
    file = located(run)
    names = real_names(file.parent) if resolved else {}
    for row in _rows(file, "entries", "entry"):
        named = {side: names.get(row[side], row[side]) for side in ("debit", "credit")}
        yield row | named


def checked(folder: Path, anchor: Mapping[str, Any]) -> tuple[int, dict[str, int]]:
    """Check a whole ledger: hashes, balances, blocks, signatures, and its end.

    Parameters
    ----------
    folder : Path
        The run folder.
    anchor : mapping
        What the manifest noted of the ledger; may be empty.

    Returns
    -------
    entries : int
    balances : dict of str to int
        Of every account by name. [µ€]

    Raises
    ------
    LedgerFault
        Names the first bad entry or block.
    sqlite3.DatabaseError
        The file is no ledger, or damaged.
    """
    book = _Book(real_names(folder))
    ends: dict[int, bytes] = {}
    file = folder / LEDGER_FILE
    for row in _rows(file, "entries", "entry"):
        book.follow(row)
        ends[book.entries] = book.head
    _check_blocks(list(_rows(file, "blocks", "number")), ends, anchor.get("public_key"))
    noted = anchor.get("entries", book.entries), anchor.get("head", book.head.hex())
    if noted != (book.entries, book.head.hex()):
        raise LedgerFault(
            f"the ledger ends with entry {book.entries}, the manifest says {noted[0]}"
        )
    return book.entries, book.balances


class _Book:
    """What the entries so far come to."""

    def __init__(self, names: Mapping[str, str]) -> None:
        self._names, self.entries, self.head = names, 0, bytes(32)
        self.balances: dict[str, int] = {}

    def follow(self, row: Mapping[str, Any]) -> None:
        """Check an entry, given all before it, and book it."""
        self.entries += 1
        where = f"entry {self.entries}:"
        if row["entry"] != self.entries:
            raise LedgerFault(f"{where} is missing, entry {row['entry']} follows")
        if _entry_hash(self.head, row) != row["hash"]:
            raise LedgerFault(f"{where} does not match its hash")
        self.head = row["hash"]
        for side, sign in (("debit", -1), ("credit", +1)):
            account = self._names.get(row[side], row[side])
            holds = self.balances.get(account, 0) + sign * row["amount_ueur"]
            self.balances[account] = holds
            if holds != row[f"{side}_balance_ueur"]:
                written = row[f"{side}_balance_ueur"]
                raise LedgerFault(f"{where} {account} holds {holds} µ€, written is {written} µ€")


def _entry_hash(before: bytes, row: Mapping[str, Any]) -> bytes | None:
    """SHA-256 of the hash before, seven big-endian int64, and the words with 0x1f between."""
    numbers = [row[name] for name in _NUMBERS]
    words = ["" if row[name] is None else row[name] for name in _WORDS]
    if not (all(type(n) is int for n in numbers) and all(type(w) is str for w in words)):
        return None
    packed = b"".join(number.to_bytes(8, "big", signed=True) for number in numbers)
    return sha256(before + packed + "\x1f".join(words).encode()).digest()


def _check_blocks(
    blocks: list[dict[str, Any]], ends: Mapping[int, bytes], public_key: str | None
) -> None:
    """Check that signed blocks, each after the other, hold every entry once."""
    previous, last = bytes(32), 0
    for number, block in enumerate(blocks, 1):
        where = f"block {number}:"
        if tuple(type(value) for value in block.values()) != (int,) * 3 + (bytes,) * 4:
            raise LedgerFault(f"{where} holds what no block can hold")
        if block["number"] != number:
            raise LedgerFault(f"{where} is missing, block {block['number']} follows")
        if (block["first"], block["previous"]) != (last + 1, previous):
            raise LedgerFault(f"{where} does not follow the block before it")
        if ends.get(block["last"]) != block["head"]:
            raise LedgerFault(f"{where} does not end with the hash of entry {block['last']}")
        told = _block_told(block)
        if public_key is not None and block["public_key"] != bytes.fromhex(public_key):
            raise LedgerFault(f"{where} is signed by another key than the manifest has")
        if block["public_key"] and not _signed(told, block):
            raise LedgerFault(f"{where} does not match its signature")
        previous, last = sha256(told).digest(), block["last"]
    if last != len(ends):
        raise LedgerFault(f"entry {last + 1}: is in no block")


def _block_told(block: Mapping[str, Any]) -> bytes:
    """What of a block is signed, and hashed into the next one."""
    span = (block[name].to_bytes(8, "big", signed=True) for name in ("number", "first", "last"))
    hashes = (block[name] for name in ("head", "previous", "public_key"))
    return b"".join((b"peerwatt ledger block\x00", *span, *hashes))


def _signed(told: bytes, block: Mapping[str, Any]) -> bool:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        Ed25519PublicKey.from_public_bytes(block["public_key"]).verify(block["signature"], told)
    except (InvalidSignature, ValueError):
        return False
    return True


def _rows(file: Path, table: str, order: str) -> Iterator[dict[str, Any]]:
    where = f"{file.resolve().as_uri()}?mode=ro"
    with closing(sqlite3.connect(where, uri=True)) as db:
        db.row_factory = sqlite3.Row
        for row in db.execute(f"SELECT * FROM {table} ORDER BY {order}"):  # noqa: S608 – our own names
            yield dict(row)
