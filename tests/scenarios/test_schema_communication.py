"""What a scenario may say of communication, and what it is told when it may not."""

import pytest
import yaml

from market.communication import LINKS
from market.communication.courier import HUBS as MARKETS_HUBS
from scenarios.faults import ScenarioError
from scenarios.gallery import FOLDER
from scenarios.load import load_scenario
from scenarios.schema_communication import HUBS, LinkName


@pytest.fixture
def load(tmp_path):
    """Load the village with communication as told."""

    def load(**communication):
        told = yaml.safe_load((FOLDER / "village.yaml").read_text("utf-8"))
        told["grid"]["network"] = str(FOLDER / "grids/kerber-village.json")
        file = tmp_path / "village.yaml"
        file.write_text(yaml.safe_dump(told | {"communication": communication}), "utf-8")
        return load_scenario(file)

    return load


def test_the_scenarios_links_and_hubs_are_those_of_the_model():
    assert set(LinkName.__args__) == LINKS.keys()
    assert set(HUBS) == MARKETS_HUBS


def test_it_is_written_back_as_it_is_read(load):
    outage = {"party": "mill", "from": "12:20", "to": "12:30"}
    resolved = load(meters="lorawan", outages=[outage], read_every="1 min")
    told = resolved.manifest()["scenario"]["communication"]
    assert told["outages"][0] | outage == told["outages"][0]
    assert told["read_every"] == "1 min"


@pytest.mark.parametrize(
    ("communication", "complaint"),
    [
        ({"meters": "pigeon"}, "pigeon"),
        ({"read_every": "7 min"}, "7 min is no multiple of the tick of 100 ms that divides"),
        ({"settle_within": "15 min"}, "15 min is not below the market's period of 15 min"),
        ({"outages": [{"party": "mil", "from": "12:00", "to": "12:10"}]}, "nearest names: mill"),
        ({"outages": [{"party": "mill", "from": "12:10", "to": "12:05"}]}, "12:05 is not after"),
        ({"outages": [{"party": "mill", "from": "12:10"}]}, "expected from and to, or every"),
        ({"outages": [{"every": "1 h", "lasts": "1 min"}]}, "names not one of party and link"),
        ({"clocks": [{"party": "market", "ahead_s": 1}]}, "no party 'market' in the scenario"),
        ({"retry": {"first_s": 90}}, "90 s is above most_s of 60 s"),
        ({"loss": 1.5}, "1.5"),
        ({"spreading_factor": 6}, "6"),
    ],
)
def test_what_cannot_be_is_named_with_its_value(load, communication, complaint):
    with pytest.raises(ScenarioError) as refused:
        load(**communication)
    assert complaint in str(refused.value)


def test_parties_may_be_peers_of_a_group_and_hubs(load):
    spans = {"from": "12:00", "to": "12:10"}
    load(outages=[{"party": "house-03", **spans}, {"party": "dso", **spans}])
