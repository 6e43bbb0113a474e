"""What docs/designs.md says of negotiations is what the code does."""

import re
import runpy
from pathlib import Path

import pytest
import yaml

from market.designs.full_p2p_market import FullP2PMarket
from market.designs.negotiation_spec import NegotiationSpec

ROOT = Path(__file__).parents[2]
SECTION = (ROOT / "docs/designs.md").read_text("utf-8").partition("## Negotiated instead")[2]


def test_the_market_block_is_one():
    (block,) = re.findall(r"```yaml\n(.*?)```", SECTION, flags=re.DOTALL)
    told = FullP2PMarket.Options(**yaml.safe_load(block)["market"]["options"])
    assert told.solver == "negotiation"
    assert told.negotiation is not None
    assert told.negotiation.silent == {"anna": 40}


def test_every_option_of_a_negotiation_is_explained():
    assert [name for name in NegotiationSpec.model_fields if f"`{name}`" not in SECTION] == []


def test_rounds_do_not_grow_with_the_peers_as_the_page_says():
    # The tool's own numbers again, at the smaller sizes; rounding may move a round or two.
    tool = runpy.run_path(str(ROOT / "tools/plot_rounds.py"))
    for kind in tool["KINDS"]:
        row = re.search(rf"\| {kind} partners \| (.*) \|", SECTION)
        assert row is not None
        told = [int(cell) for cell in row[1].split(" | ")]
        found = [tool["rounds"](n, kind) for n in tool["SIZES"][:4]]
        assert found == pytest.approx(told[:4], rel=0.1)
        assert max(told) <= 2 * min(told)
    drawn = (ROOT / "docs/admm-rounds.svg").read_text("utf-8")
    labels = re.findall(r"<text [^>]*>([^<]*)</text>", drawn)
    assert {*tool["KINDS"], *map(str, tool["SIZES"])} <= set(labels)
