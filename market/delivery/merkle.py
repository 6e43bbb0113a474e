"""One hash over many contracts, and the proof that a contract is among them.

The tree is that of Certificate Transparency [1]_: leaves and nodes are hashed with different
first bytes, so no node passes for a leaf (second preimage), and an odd node moves up as it is,
so no list has the root of the same list with its last entry doubled.

References
----------
.. [1] B. Laurie, A. Langley and E. Kasper, "Certificate Transparency," RFC 6962, section 2.1;
   verification as in RFC 9162, section 2.1.3.2.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

__all__ = ["MerkleTree", "included", "leaf_hash"]


def leaf_hash(data: bytes) -> bytes:
    """Hash what stands in a leaf. (32 bytes)"""
    return sha256(b"\x00" + data).digest()


def _node_hash(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01" + left + right).digest()


class MerkleTree:
    """A tree over leaves in order.

    Parameters
    ----------
    leaves : sequence of bytes
        Their hashes, from :func:`leaf_hash`; of no leaf, the root is the hash of nothing.

    Raises
    ------
    ValueError
        A leaf stands there twice: each contract is signed once.
    """

    def __init__(self, leaves: Sequence[bytes]) -> None:
        if len(set(leaves)) < len(leaves):
            raise ValueError(f"{len(leaves) - len(set(leaves))} of {len(leaves)} leaves repeat")
        self._levels = [list(leaves)]
        while len(self._levels[-1]) > 1:
            self._levels.append(_level_above(self._levels[-1]))

    def __len__(self) -> int:
        return len(self._levels[0])

    @property
    def root(self) -> bytes:
        """What all leaves together hash to. (32 bytes)"""
        return self._levels[-1][0] if self._levels[0] else sha256(b"").digest()

    def proof(self, index: int) -> list[bytes]:
        """Give the hashes that lead from a leaf to the root, the nearest first."""
        path = []
        for level in self._levels[:-1]:
            sibling = index ^ 1
            if sibling < len(level):
                path.append(level[sibling])
            index >>= 1
        return path


def _level_above(level: Sequence[bytes]) -> list[bytes]:
    pairs = zip(level[::2], level[1::2], strict=False)
    above = [_node_hash(left, right) for left, right in pairs]
    return above + list(level[-1:]) if len(level) % 2 else above


def included(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
    """Tell whether a leaf stands at an index of the tree that has this size and root."""
    if not 0 <= index < size:
        return False
    last, found = size - 1, leaf
    for sibling in proof:
        if last == 0:
            return False
        if index & 1 or index == last:
            found = _node_hash(sibling, found)
            while not index & 1 and index:
                index, last = index >> 1, last >> 1
        else:
            found = _node_hash(found, sibling)
        index, last = index >> 1, last >> 1
    return last == 0 and found == root
