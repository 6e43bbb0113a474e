from pathlib import Path

import pytest

from scenarios.faults import ScenarioError
from scenarios.load import load_scenario
from scenarios.overrides import Override, OverrideError, overrides_of, parse_override

VILLAGE = Path(__file__).parents[2] / "scenarios" / "village.yaml"


def with_values(*texts):
    return load_scenario(VILLAGE, overrides=[parse_override(text) for text in texts]).scenario


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("seed=7", 7),
        ("market.gate=10 min", "10 min"),
        ("events[0].at=12:30", "12:30"),
        ("market.options={k: 0.25}", {"k": 0.25}),
        ("peers.mill.pv.p_kwp=[3, 5]", [3, 5]),
        ("time.start=2016-06-14T12:00:00+02:00", "2016-06-14T12:00:00+02:00"),
        ("about=a=b", "a=b"),
    ],
)
def test_a_value_is_read_as_a_scenario_file_would_read_it(text, value):
    assert parse_override(text) == Override(text.partition("=")[0], value)


@pytest.mark.parametrize("text", ["seed", "=3", "options={k: ", ""])
def test_what_sets_nothing_is_refused(text):
    with pytest.raises(OverrideError):
        parse_override(text)


def test_values_are_set_by_key_by_number_and_by_name():
    scenario = with_values(
        "market.mechanism=vcg",
        "events[0].at=12:30",
        "peers.mill.pv.p_kwp=12",
        "peers.load.pv.share=0.25",
        "seed=3",
    )
    assert scenario.peers[-1].pv.share == 0.25
    assert scenario.market.mechanism == "vcg"
    assert str(scenario.events[0].at) == "12:30"
    assert next(p for p in scenario.peers if p.name == "mill").pv.p_kwp.low == 12
    assert scenario.seed == 3


def test_a_key_that_the_file_leaves_out_is_added():
    assert with_values("settlement.collateral_percent=70").settlement.collateral_percent == 70


def test_a_check_keeps_its_name_when_its_options_are_set():
    before = load_scenario(VILLAGE).scenario.checks
    after = with_values("checks.voltage_band.low_pu=0.8").checks
    named = next(one for one in before if "voltage_band" in one)
    assert next(one for one in after if "voltage_band" in one) == {
        "voltage_band": named["voltage_band"] | {"low_pu": 0.8}
    }


def test_every_path_that_leads_nowhere_is_named():
    with pytest.raises(ScenarioError) as caught:
        with_values("peers.mil.pv.p_kwp=12", "seed.x=3", "..=1")
    told = str(caught.value)
    assert "peers.mil.pv.p_kwp: no item 'mil' among 4; nearest names: mill" in told
    assert "seed.x: 12 has no 'x' in it" in told
    assert "..: is no path" in told


def test_what_is_set_is_checked_like_the_file_itself():
    with pytest.raises(ScenarioError) as caught:
        with_values("time.tick=5", "market.mechanism=vcgx")
    told = str(caught.value)
    assert f"{VILLAGE}: time.tick: 5 is not a duration" in told
    assert "market.mechanism: no market mechanism 'vcgx'; nearest names: vcg" in told


def test_a_mapping_gives_overrides():
    assert overrides_of({"seed": 3}) == (Override("seed", 3),)
