"""docs/designs.md is a promise: what it shows is run as it stands."""

import re
from pathlib import Path

import yaml

from market.designs.community_market import HybridMarket
from market.designs.hierarchy_market import Hierarchy
from market.known import MECHANISMS

PAGE = (Path(__file__).parents[2] / "docs/designs.md").read_text(encoding="utf-8")


def blocks(language):
    """Code blocks of a language, in the order of the page."""
    return re.findall(rf"```{language}\n(.*?)```", PAGE, flags=re.DOTALL)


def test_the_programs_run_one_after_another_and_give_what_the_page_works_by_hand(capsys):
    # By hand on the page: 900 Wh at 31. Then 3 between and a weight of 1 cost 4 again.
    names: dict[str, object] = {}
    for block in blocks("python"):
        exec(block, names)
    assert capsys.readouterr().out.splitlines() == [
        "[900.] [31.] 16200",
        "[900]",
        "[ 900. -900.] [[0.0, 900.0], [0.0, 0.0]]",
        "[ 600. -600.] [12.]",
    ]


def test_the_market_blocks_are_ones():
    found = [yaml.safe_load(block)["market"] for block in blocks("yaml")]
    assert {market["mechanism"] for market in found} <= set(MECHANISMS)
    options = {market["mechanism"]: market.get("options") for market in found}
    (product,) = next(market["products"] for market in found if "products" in market)
    assert product["mechanism"] in MECHANISMS
    assert len(HybridMarket.Options(**options["hybrid"]).communities) == 2
    assert len(Hierarchy.Options(**options["hierarchy"]).levels[0].parts) == 2
