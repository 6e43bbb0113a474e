"""docs/hil.md: every fault that it says is survived names a test that `make test` runs."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs/hil.md").read_text("utf-8")
ROWS = [line for line in PAGE.splitlines() if line.startswith("|")][2:]


@pytest.mark.parametrize("row", ROWS)
def test_every_fault_names_a_test_that_exists(row):
    what, does, test = (cell.strip() for cell in row.strip("|").split("|"))
    assert what
    assert does
    path, name = re.fullmatch(r"`(tests/[\w/]+\.py)::(test_\w+)`", test).groups()
    assert re.search(rf"^def {name}\(", (ROOT / path).read_text("utf-8"), flags=re.MULTILINE)
