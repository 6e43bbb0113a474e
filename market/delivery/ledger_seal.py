"""What seals a ledger: the hash of each entry over the one before, and a signature per block.

An entry's hash is SHA-256 over the hash before it, its numbers as big-endian int64, and its words.
A block is what one commit wrote. It names its entries, the hash of the last one and the hash of
the block before, and the ledger's key signs that (Ed25519, RFC 8032).
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from typing import TYPE_CHECKING, NamedTuple, TypedDict

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

__all__ = [
    "GENESIS",
    "NUMBERS",
    "SEPARATOR",
    "Anchor",
    "Block",
    "Entry",
    "Signer",
    "seal",
    "signed_by",
]

GENESIS = bytes(32)
"""What stands for the hash before the first entry, and before the first block."""

NUMBERS = struct.Struct(">7q")
"""An entry's number, tick, period, contract, amount, and both balances, as they are hashed."""

SEPARATOR = "\x1f"
"""Stands between the hashed words; no word may have it, so that none can shift into another."""

_SPAN = struct.Struct(">3q")
_DOMAIN = b"peerwatt ledger block\x00"


class Entry(NamedTuple):
    """One row of the book, as it is stored. [µ€]

    `reference` is what the posting was known by elsewhere, None without.
    """

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
    reference: str | None
    hash: bytes


class Block(NamedTuple):
    """The entries of one commit, from `first` to `last`.

    Attributes
    ----------
    number : int
        From 1.
    first, last : int
        Its entries.
    head : bytes
        Hash of its last entry.
    previous : bytes
        Hash of the block before.
    public_key, signature : bytes
        Ed25519, 32 and 64 bytes; empty in a book that nobody signs.
    """

    number: int
    first: int
    last: int
    head: bytes
    previous: bytes
    public_key: bytes = b""
    signature: bytes = b""

    def told(self) -> bytes:
        """Everything but the signature, as it is signed."""
        span = _SPAN.pack(self.number, self.first, self.last)
        return b"".join((_DOMAIN, span, self.head, self.previous, self.public_key))

    def hash(self) -> bytes:
        """Hash of what is signed; the next block holds it."""
        return sha256(self.told()).digest()


class Anchor(TypedDict, total=False):
    """What is noted of a book outside of it, so that a cut or forged one shows; hashes in hex.

    A book still being written is known by its `public_key` alone.
    """

    entries: int
    head: str
    blocks: int
    block: str
    public_key: str


def seal(last_hash: bytes, numbers: Sequence[int], words: Sequence[str]) -> bytes:
    """Hash an entry over the hash before it.

    Parameters
    ----------
    last_hash : bytes
    numbers : sequence of int
        Seven, as `NUMBERS` says.
    words : sequence of str
        Reason, debit, credit, and the reference or nothing.

    Raises
    ------
    struct.error
        A number does not fit in 64 bits.
    ValueError
        A word has the separator in it, or cannot be encoded.
    """
    text = SEPARATOR.join(words)
    if text.count(SEPARATOR) != len(words) - 1:
        raise ValueError(f"no word may have {SEPARATOR!r} in it")
    return sha256(b"%b%b%b" % (last_hash, NUMBERS.pack(*numbers), text.encode())).digest()


@dataclass(frozen=True)
class Signer:
    """The ledger's key.

    Parameters
    ----------
    secret : bytes
        The private key, 32 bytes. [RFC 8032, 5.1.5]
    """

    secret: bytes

    @cached_property
    def _key(self) -> Ed25519PrivateKey:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        return Ed25519PrivateKey.from_private_bytes(self.secret)

    @cached_property
    def public_key(self) -> bytes:
        """The key that others verify by, 32 bytes."""
        return self._key.public_key().public_bytes_raw()

    def sign(self, block: Block) -> Block:
        """Put key and signature on a block."""
        named = block._replace(public_key=self.public_key)
        return named._replace(signature=self._key.sign(named.told()))


def signed_by(block: Block, public_key: bytes) -> bool:
    """Whether a key's owner signed a block as it stands; an empty key asks for no signature."""
    if not public_key:
        return not block.signature
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(block.signature, block.told())
    except (InvalidSignature, ValueError):
        return False
    return True
