"""Whom a ledger names: peers by pseudonyms, offices of the market by their own names.

A peer's pseudonym is HMAC-SHA256 (RFC 2104) of its account under a secret of the run, cut to 64
bits. Who is who stands in a file apart, which its owner alone may read.
"""

from __future__ import annotations

import hmac
import json
import os
from collections.abc import Iterable
from pathlib import Path

__all__ = ["Pseudonyms"]

PEER = "peer:"
DIGITS = 16
"""Hex digits of a pseudonym. Of a million peers, two share one by a chance of 3 in 10⁸; their
ledger would not verify, for its balances."""


class Pseudonyms:
    """Gives each peer's account its pseudonym, and keeps the file that resolves them.

    Parameters
    ----------
    secret : bytes
        What pseudonyms are made with; who has it can tell whether a name is behind one.
    file : Path
        Where accounts stand by pseudonym: ``{"accounts": {pseudonym: account}}``, mode 0600.
    accounts : iterable of str
        Those that are known now; any other is added when it is first named.
    """

    def __init__(self, secret: bytes, file: Path, accounts: Iterable[str] = ()) -> None:
        self._secret, self._file = secret, file
        self._accounts: dict[str, str] = {}
        for account in accounts:
            self._accounts[self._made(account)] = account
        self._write()

    def __call__(self, account: str) -> str:
        """Give the name by which an account is written."""
        made = self._made(account)
        if made != account and made not in self._accounts:
            self._accounts[made] = account
            self._write()
        return made

    def _made(self, account: str) -> str:
        if not account.startswith(PEER):
            return account
        return PEER + hmac.digest(self._secret, account.encode(), "sha256").hex()[:DIGITS]

    def _write(self) -> None:
        """Write the file whole or not at all, for its owner's eyes from the first byte."""
        peers = {made: account for made, account in self._accounts.items() if made != account}
        text = json.dumps({"accounts": peers}, indent=2, sort_keys=True, ensure_ascii=False)
        part = self._file.with_name(f"{self._file.name}.part")
        handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(handle, "w", encoding="utf-8") as out:
            out.write(f"{text}\n")
            out.flush()
            os.fsync(out.fileno())
        part.replace(self._file)
