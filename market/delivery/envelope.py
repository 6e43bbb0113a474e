"""What is signed: one contract, or all contracts of a gate under one hash."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Literal

from .dues import DSO
from .merkle import MerkleTree, included, leaf_hash
from .period import LPD
from .period_book import Life

__all__ = ["MARKET", "Answer", "Envelope", "Received", "seal"]

MARKET = "market"

Received = Literal["taken", "repeated", "late", "forged", "foreign", "unknown"]
"""What becomes of an answer: it counts; it has come before; after the deadline; its signature does
not fit; its signer is no party; there is no such envelope. Only the first has an effect."""

_EACH = b"peerwatt contract\x00"
_GATE = b"peerwatt contracts of a gate\x00"


@dataclass(frozen=True, slots=True)
class Answer:
    """A party's word on an envelope: its signature, under all but what it declines by number."""

    envelope: int
    signer: str
    signature: bytes
    declined: tuple[int, ...] = ()


@dataclass(slots=True)
class Envelope:
    """Contracts that travel together; `of` gives each party's, with their places.

    `message` is what is signed: the digest of one contract, or the root over many, behind the
    purpose and the number, so that a signature fits this envelope alone.
    """

    number: int
    deadline: int
    lives: Sequence[Life]
    message: bytes
    tree: MerkleTree | None
    of: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    answers: dict[str, Answer] = field(default_factory=dict)

    def of_party(self, party: str) -> list[Life]:
        """Give the contracts that a party has to sign."""
        return [self.lives[place] for place in self.of[party]]

    def holds(self, party: str) -> bool:
        """Tell whether all that a party is asked to sign is in what it is asked to sign.

        Seller and buyer see their own contracts and a proof for each; DSO and LPD see all.
        """
        tree = self.tree
        if tree is None:
            deed = self.lives[0].deed
            return deed is not None and self.message == _of_one(self.number, deed.digest)
        leaves = [(place, leaf_hash(_text(self.lives[place]))) for place in self.of[party]]
        if self.message != _of_many(self.number, len(self.lives), tree.root):
            return False
        if len(leaves) == len(self.lives):
            return MerkleTree([leaf for _, leaf in leaves]).root == tree.root
        return all(
            included(leaf, place, len(tree), tree.proof(place), tree.root) for place, leaf in leaves
        )

    def signed_text(self, declined: Iterable[int]) -> bytes:
        """Give what a party signs that declines some of its contracts."""
        listed = ",".join(map(str, declined))
        return self.message + sha256(listed.encode()).digest() if listed else self.message


def seal(number: int, lives: Sequence[Life], deadline: int, *, batched: bool) -> Envelope:
    """Put contracts that are drawn up into one envelope, or one into its own."""
    if batched:
        tree = MerkleTree([leaf_hash(_text(life)) for life in lives])
        message = _of_many(number, len(lives), tree.root)
        envelope = Envelope(number, deadline, lives, message, tree)
    else:
        (life,) = lives
        assert life.deed is not None
        envelope = Envelope(number, deadline, lives, _of_one(number, life.deed.digest), None)
    for place, life in enumerate(lives):
        parties = (life.contract.seller, life.contract.buyer, DSO, LPD)
        life.unsigned.update(parties)
        for party in parties:
            envelope.of[party].append(place)
    return envelope


def _text(life: Life) -> bytes:
    assert life.deed is not None
    return life.deed.text


def _of_one(number: int, digest: bytes) -> bytes:
    return _EACH + number.to_bytes(8, "big") + digest


def _of_many(number: int, size: int, root: bytes) -> bytes:
    return _GATE + number.to_bytes(8, "big") + size.to_bytes(8, "big") + root
