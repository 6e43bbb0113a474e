"""A ledger's writer is killed at any moment: what it acknowledged is there, and all verifies."""

import random
import subprocess
import sys
import time
from contextlib import closing

import pytest

from market.delivery.ledger import verify
from market.delivery.ledger_store import SqliteStore

WRITER = """
import random, sys
from pathlib import Path
from market.delivery.ledger import Ledger, Posting, Signer

draw = random.Random(int(sys.argv[2]))
ledger = Ledger(Path(sys.argv[1]), signer=Signer(bytes(range(32))))
while True:
    for _ in range(draw.randrange(1, 200)):
        tick = ledger.entries
        ledger.post(Posting(tick, 0, 1, "price", "peer:anna", "peer:bert", 1 + tick % 97))
    ledger.commit()
    print(ledger.entries, ledger.head, flush=True)
"""

KEY = "03a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8"
"""Public key of the writer's secret, as OpenSSL derives it."""


def killed(path, seed):
    """Let a writer go on for a moment, kill it, and give what it acknowledged."""
    words = [sys.executable, "-c", WRITER, str(path), str(seed)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as writer:
        first = writer.stdout.readline()
        time.sleep(random.Random(seed).uniform(0, 0.1))
        writer.kill()
        told = first + writer.stdout.read()
    assert writer.returncode == -9
    whole = told.rpartition("\n")[0].splitlines()  # the last line may have been cut
    return [(int(entries), head) for entries, head in map(str.split, whole)]


def check(path, acknowledged):
    verdict = verify(path, anchor={"public_key": KEY})

    assert verdict.ok, verdict.fault
    with closing(SqliteStore(path)) as store:
        rows = list(store.entries())
    assert [row[0] for row in rows] == list(range(1, verdict.entries + 1))
    for entries, head in acknowledged:
        assert rows[entries - 1][-1].hex() == head
    # By the writer's rule: what it would have posted, in order, and nothing else.
    assert [row[7] for row in rows] == [1 + tick % 97 for tick in range(verdict.entries)]


@pytest.mark.parametrize("seed", range(12))
def test_a_ledger_killed_at_any_moment_has_all_that_was_acknowledged(tmp_path, seed):
    acknowledged = killed(tmp_path / "ledger.sqlite", seed)

    assert acknowledged
    check(tmp_path / "ledger.sqlite", acknowledged)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(100, 500))
def test_a_ledger_killed_hundreds_of_times_has_all_that_was_acknowledged(tmp_path, seed):
    check(tmp_path / "ledger.sqlite", killed(tmp_path / "ledger.sqlite", seed))
