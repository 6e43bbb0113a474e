"""Opens the ledger of a run: signed by the run's key, its peers under pseudonyms.

Key and secret come from the seed tree, so that the same run leaves the same bytes. Who knows the
seed can make them again: what shows that a run was bent is the anchor in its manifest, noted
where nobody can change it.
"""

from __future__ import annotations

from pathlib import Path

from market.delivery.dues import account_of
from market.delivery.ledger import Anchor, Ledger, Signer
from market.delivery.ledger_pseudonyms import Pseudonyms
from results.ledger_book import LEDGER_FILE, PSEUDONYMS_FILE
from scenarios.resolve import ResolvedScenario
from scenarios.seeds import generator

__all__ = ["first_anchor", "open_ledger"]

_SECRET_BYTES = 32


def open_ledger(folder: Path, resolved: ResolvedScenario) -> Ledger:
    """Make `ledger.sqlite` and `pseudonyms.json` in a run folder."""
    accounts = [account_of(peer.name) for peer in resolved.peers]
    secret = generator(resolved.seed, "ledger", "pseudonyms").bytes(_SECRET_BYTES)
    written_as = Pseudonyms(secret, folder / PSEUDONYMS_FILE, accounts)
    return Ledger(folder / LEDGER_FILE, signer=_signer(resolved), written_as=written_as)


def first_anchor(resolved: ResolvedScenario) -> Anchor:
    """Say what is known of a run's ledger before its first entry."""
    return Anchor(public_key=_signer(resolved).public_key.hex())


def _signer(resolved: ResolvedScenario) -> Signer:
    return Signer(generator(resolved.seed, "ledger", "signing key").bytes(_SECRET_BYTES))
