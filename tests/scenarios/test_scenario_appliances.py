"""Appliances in a scenario: what is impossible is refused with its physics, what is drawn stays."""

from datetime import datetime

import pytest
from pydantic import ValidationError

from scenarios.appliances import draw_appliances
from scenarios.rules_appliances import appliance_problems
from scenarios.schema import Scenario
from scenarios.schema_appliances import AppliancesSpec
from scenarios.seeds import generator


def street(appliances, start="2016-01-18T16:00:00+01:00"):
    """A scenario of one house, checked for itself but not against a network."""
    return Scenario.model_validate(
        {
            "scenario": "street",
            "time": {"start": datetime.fromisoformat(start), "duration": "3 h", "tick": "1 s"},
            "grid": {"network": "grid.json"},
            "peers": [{"name": "home", "bus": "b", "appliances": appliances}],
        }
    )


def drawn(appliances, name="home", seed=3, **more):
    scenario = street(appliances, **more)

    def luck(what):
        return generator(seed, "peer", name, what)

    return draw_appliances(scenario.peers[0].appliances, scenario, luck)


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"heat_pump": {"cop": 0}}, "moves no heat the right way"),
        ({"heat_pump": {"cop": -3}}, "moves no heat the right way"),
        # By hand: (273.15 + 21.5) K over a lift of 31.5 K.
        ({"heat_pump": {"cop": 10, "ambient_c": -10}}, "above Carnot's 9.35"),
        # By hand: from −22 °C, its lower bound, to 20 °C are 42 K: 251.15 K over them.
        ({"freezer": {"cop": 6}}, "above Carnot's 5.98"),
        ({"heat_pump": {"comfort_c": [22, 20]}}, "upside down"),
        ({"freezer": {"comfort_c": [-300, -18]}}, "below absolute zero"),
        # By hand: 59.5 K over 5.403 K/kW are 11 kW, more than 3 · 2.5 kW.
        ({"heat_pump": {"ambient_c": -40}}, "move 7.5 kW of heat, but 11 kW are lost"),
        ({"electric_heating": {"ambient_c": 30}}, "it heats, and cannot cool it"),
        ({"freezer": {"ambient_c": -30}}, "it cools, and cannot warm it"),
        ({"water_heater": {"gains_kw": -2.5}}, "expected more power, cop or resistance"),
        ({"water_heater": {"capacity_kwh_per_k": 0.0001}}, "more than half its comfort"),
        ({"freezer": {"starts": 2}}, "outside its comfort"),
        ({"ev": {"efficiency": 1.2}}, "makes energy"),
        ({"ev": {"min_a": 20}}, "it could never charge"),
        ({"ev": {"habits": {"arrival_h": 8, "departure_h": 7}}}, "could come before the arrival"),
    ],
)
def test_what_physics_forbids_is_refused_by_its_name(given, why):
    with pytest.raises(ValidationError, match=why):
        AppliancesSpec.model_validate(given)


def test_all_that_is_wrong_with_a_thing_is_told_at_once():
    with pytest.raises(ValidationError) as caught:
        AppliancesSpec.model_validate({"heat_pump": {"cop": 0, "comfort_c": [22, 20], "starts": 2}})
    for word in ("no heat", "upside down", "outside its comfort"):
        assert word in str(caught.value)


@pytest.mark.parametrize(
    ("stays", "where", "why"),
    [
        ([{"arrival": "17:00", "departure": "16:30", "energy_kwh": 1}], "departure", "is before"),
        # By hand: 1 h of 3 · 230 V · 16 A at 0.9 is 9.936 kWh.
        ([{"departure": "17:00", "energy_kwh": [1, 12]}], "energy_kwh", "bring 9.94 kWh"),
        ([{"arrival": "19:30", "departure": "23:00", "energy_kwh": 1}], "arrival", "after the end"),
        (
            [
                {"departure": "17:00", "energy_kwh": 1},
                {"arrival": "16:30", "departure": "18:00", "energy_kwh": 1},
            ],
            "arrival",
            "overlaps",
        ),
    ],
)
def test_stays_that_cannot_be_are_told_where_they_stand(stays, where, why):
    (problem,) = appliance_problems(street({"ev": {"sessions": stays}}))
    number = len(stays) - 1
    assert problem.path == ("peers", 0, "appliances", "ev", "sessions", number, where)
    assert why in problem.message


def test_a_kind_without_a_word_is_one_of_the_defaults():
    spec = AppliancesSpec.model_validate({"freezer": None})
    assert spec.freezer is not None
    assert spec.freezer.comfort_c == (-22.0, -18.0)


def test_what_a_peer_has_does_not_depend_on_what_else_it_has():
    pump = {"heat_pump": {"p_kw": [2, 3], "capacity_kwh_per_k": [0.8, 1.2]}}
    (alone,) = drawn(pump).thermal
    both = drawn(pump | {"freezer": {}, "ev": {}})
    assert both.thermal[0] == alone
    assert [one.kind for one in both.thermal] == ["heat_pump", "freezer"]
    assert both.thermal[1].params.heat_per_power < 0.0


def test_a_share_of_the_peers_has_one():
    have = [drawn({"freezer": {"share": 0.3}}, name=f"house-{k}") for k in range(400)]
    assert sum(one is not None for one in have) == pytest.approx(120, abs=30)


def test_stays_of_the_scenario_are_taken_in_seconds_after_its_start():
    stays = [
        {"departure": "16:30", "energy_kwh": 2},
        {"arrival": "60 min", "departure": "08:00", "energy_kwh": 5},
    ]
    vehicle = drawn({"ev": {"sessions": stays}}).vehicle
    assert vehicle.stays == ((0.0, 1800.0, 2.0), (3600.0, 57_600.0, 5.0))


def test_who_came_yesterday_evening_has_charged_since():
    # By hand: 11.04 kW · 0.9 from 18:00 on bring all of 90 kWh by 03:03, and 4.03 kWh of it less
    # by 02:39; the start is then, and the vehicle leaves at 08:00.
    habits = {"arrival_h": 18, "departure_h": 8, "energy_kwh": 90, "energy_spread": 0, "daily": 1}
    exact = {"arrival_deviation_h": 0, "departure_deviation_h": 0}
    vehicle = drawn({"ev": {"habits": habits | exact}}, start="2016-01-18T02:39:00+01:00").vehicle
    ((arrival_s, departure_s, wants_kwh),) = vehicle.stays
    assert arrival_s == 0.0
    assert departure_s == pytest.approx(3600 * 5.35)
    assert wants_kwh == pytest.approx(90 - 9.936 * 8.65)


def test_who_is_full_before_the_start_is_no_stay():
    habits = {"arrival_h": 18, "departure_h": 8, "energy_kwh": 20, "energy_spread": 0, "daily": 1}
    exact = {"arrival_deviation_h": 0, "departure_deviation_h": 0}
    late = drawn({"ev": {"habits": habits | exact}}, start="2016-01-18T06:00:00+01:00")
    assert late.vehicle.stays == ()
