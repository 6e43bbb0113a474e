"""The page about the link names tests and proofs that exist."""

import re
from pathlib import Path
from typing import get_args

from hil.link.address import EXAMPLES
from hil.link.options import LinkOptions, ProofName

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "hil-link.md").read_text(encoding="utf-8")


def test_every_test_that_the_page_names_exists():
    written = "".join(
        p.read_text(encoding="utf-8") for p in Path(__file__).parent.glob("test_*.py")
    )
    named = set(re.findall(r"`(test_\w+)`", PAGE))
    assert len(named) > 10
    assert [name for name in named if f"def {name}(" not in written] == []


def test_every_proof_stands_on_the_page_and_its_options_are_real():
    assert re.findall(r"^\| `(\w+)`", PAGE, re.M)[1:] == list(get_args(ProofName))
    options = re.search(r"^link: \{(.*)\}$", PAGE, re.M)
    assert options is not None
    assert set(re.findall(r"(\w+):", options[1])) <= {*LinkOptions.__dataclass_fields__}


def test_every_wire_stands_on_the_page():
    for example in EXAMPLES.values():
        assert example.split("::")[0].split("/")[0] in PAGE
