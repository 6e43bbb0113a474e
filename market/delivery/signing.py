"""Who signs what: keys that follow from the run's seed, and signatures that hold for one purpose.

Ed25519 [1]_ is deterministic, so the same run gives the same signatures. What is signed begins
with its purpose, so a signature for one thing is none for another. The keys of a simulation
are no secret: whoever knows the seed can sign for everybody.

References
----------
.. [1] S. Josefsson and I. Liusvaara, "Edwards-Curve Digital Signature Algorithm (EdDSA),"
   RFC 8032.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Literal

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

__all__ = ["SIGNATURE_BYTES", "KeyRing", "SigningMode"]

SIGNATURE_BYTES = 64

SigningMode = Literal["each", "batched", "none"]
"""Four signatures under each contract; one per party under all of a gate; or none."""


class KeyRing:
    """Everybody's keys.

    Parameters
    ----------
    seed : int
        The run's; a name has the same key whoever else takes part.
    """

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._private: dict[str, Ed25519PrivateKey] = {}
        self._public: dict[str, Ed25519PublicKey] = {}

    def sign(self, name: str, message: bytes) -> bytes:
        """Sign in somebody's name. (64 bytes)"""
        return self._key(name).sign(message)

    def verify(self, name: str, message: bytes, signature: bytes) -> bool:
        """Tell whether a signature is this one's, and under this message."""
        self._key(name)
        try:
            self._public[name].verify(signature, message)
        except InvalidSignature:
            return False
        return True

    def public(self, name: str) -> bytes:
        """Give the key with which anybody can verify. (32 bytes)"""
        self._key(name)
        return self._public[name].public_bytes(Encoding.Raw, PublicFormat.Raw)

    def _key(self, name: str) -> Ed25519PrivateKey:
        if name not in self._private:
            secret = sha256(f"peerwatt key\x00{self._seed}\x00{name}".encode()).digest()
            self._private[name] = Ed25519PrivateKey.from_private_bytes(secret)
            self._public[name] = self._private[name].public_key()
        return self._private[name]
