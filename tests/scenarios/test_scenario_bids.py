from pathlib import Path

import pytest
import yaml

from scenarios.load import load_scenario
from scenarios.plugins import (
    PluginError,
    bidder_class,
    bidder_faults,
    build_bidder,
    known_bidders,
)

SCENARIOS = Path(__file__).parents[2] / "scenarios"

MINE = """
from pydantic import BaseModel, PositiveInt
from market.bidders.protocol import Bids

class Mine:
    class Options(BaseModel, extra="forbid", frozen=True):
        at_ticks: PositiveInt = 9

    def __init__(self, options):
        self.at_ticks = options.at_ticks

    def bid(self, outlook):
        return Bids.one_each(outlook, self.at_ticks)

class Mute:
    class Options(BaseModel): ...
"""


@pytest.fixture
def write(tmp_path):
    (tmp_path / "mine.py").write_text(MINE)

    def village(*, bids=None, group=None, mill=None):
        told = yaml.safe_load((SCENARIOS / "village.yaml").read_text("utf-8"))
        told["grid"]["network"] = str(SCENARIOS / "grids/kerber-village.json")
        if bids is not None:
            told["market"]["bids"] = bids
        told["peers"][-1] |= group or {}
        told["peers"][0] |= mill or {}
        file = tmp_path / "village.yaml"
        file.write_text(yaml.safe_dump(told, sort_keys=False), "utf-8")
        return file

    return village


def test_who_says_nothing_bids_by_margin(write):
    *peers, lpd = load_scenario(write()).peers
    assert {peer.agent for peer in peers} == {"margin"}
    assert (lpd.agent, lpd.zone) == ("", None)


def test_one_bidder_for_all_and_another_for_a_group_and_a_peer(write):
    steps = {"agent": "threshold", "options": {"steps": {120: 0.5}}}
    file = write(
        bids={"agent": "truthful"},
        group={"bids": {"agent": "zero_intelligence"}, "zone": "north"},
        mill={"bids": steps, "zone": "south"},
    )
    by_name = {peer.name: peer for peer in load_scenario(file).peers}
    assert by_name["workshop"].agent == "truthful"
    assert (by_name["house-01"].agent, by_name["house-01"].zone) == ("zero_intelligence", "north")
    assert (by_name["mill"].agent, by_name["mill"].zone) == ("threshold", "south")
    assert by_name["mill"].agent_options == {"steps": {"120": 0.5}}


def test_naming_a_bidder_draws_nothing_else_anew(write):
    plain, named = (
        load_scenario(write(group=group)).peers for group in ({}, {"bids": {"agent": "truthful"}})
    )
    assert [peer.margin for peer in plain] == [peer.margin for peer in named]
    assert [peer.battery_kwh for peer in plain] == [peer.battery_kwh for peer in named]


def test_every_known_bidder_is_found_and_bids(tmp_path):
    for name in known_bidders():
        assert callable(bidder_class(name, tmp_path).bid)


def test_a_bidder_in_a_file_is_built_with_its_options(write):
    bidder = build_bidder("./mine.py:Mine", {"at_ticks": 77}, write().parent)
    assert bidder.at_ticks == 77


@pytest.mark.parametrize(
    ("reference", "told"),
    [
        ("truthfull", "no bidder 'truthfull'; nearest names: truthful"),
        ("./other.py:Mine", "no file './other.py' beside the scenario"),
        ("./mine.py:Min", "no class 'Min' in './mine.py'; nearest names: Mine"),
        ("./mine.py:Mute", r"'./mine.py:Mute' lacks a method 'bid\(outlook\)'; a bidder has one"),
        ("market.mechanisms.uniform_price:UniformPrice", r"lacks a method 'bid\(outlook\)'"),
    ],
)
def test_what_is_no_bidder_is_refused_with_a_remedy(write, reference, told):
    with pytest.raises(PluginError, match=told):
        bidder_class(reference, write().parent)


def test_all_faults_of_all_bidders_are_told_with_their_place(write):
    file = write(
        bids={"agent": "thruthful"},
        group={"bids": {"agent": "threshold", "options": {"steps": {120: 1.5}}}},
        mill={"bids": {"agent": "./mine.py:Mine", "options": {"at_tick": 5}}},
    )
    scenario = _scenario_of(file)
    faults = dict(bidder_faults(scenario, file.parent))
    assert [path[:3] for path in faults] == [
        ("market", "bids", "agent"),
        ("peers", 0, "bids"),
        ("peers", 3, "bids"),
    ]
    assert "no bidder 'thruthful'; nearest names: truthful" in faults["market", "bids", "agent"]
    assert faults["peers", 0, "bids", "options", "at_tick"].startswith("unknown key")
    assert "1.5" in next(text for path, text in faults.items() if path[:2] == ("peers", 3))


def _scenario_of(file):
    from scenarios.schema import Scenario

    return Scenario.model_validate(yaml.safe_load(file.read_text("utf-8")))
