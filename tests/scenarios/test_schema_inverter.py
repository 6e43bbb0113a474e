"""A scenario picks a standard and overrides single values; what is impossible is refused."""

import pytest
from pydantic import ValidationError

from scenarios.schema_inverter import InverterSpec

B_III = "ieee1547-2018-b-iii"


def refusal(**given):
    with pytest.raises(ValidationError) as caught:
        InverterSpec(**{"standard": B_III} | given)
    return str(caught.value)


def test_what_is_left_out_stays_as_the_standard_has_it():
    made = InverterSpec(standard=B_III, volt_var={"response_s": 1.0}).functions()
    assert made.volt_var.response_s == 1.0
    assert made.volt_var.v_pu == (0.92, 0.98, 1.02, 1.08)


def test_naming_a_source_of_reactive_power_chooses_against_the_others():
    made = InverterSpec(standard=B_III, volt_var={}).functions()
    assert made.reactive == "volt_var"
    assert not made.constant_pf.enabled


def test_naming_volt_watt_leaves_the_reactive_power_alone():
    made = InverterSpec(standard=B_III, volt_watt={}).functions()
    assert made.volt_watt.enabled
    assert made.reactive == "constant_pf"


def test_frequencies_follow_the_nominal_of_the_scenario():
    # By hand: 62.0 Hz of 60 is 51.667 Hz of 50.
    made = InverterSpec(standard=B_III).functions().at_nominal(50.0)
    assert made.frequency_trip.over[1][0] == pytest.approx(51.6667, abs=1e-4)
    assert made.frequency_droop.dead_over_hz == pytest.approx(0.03)
    assert made.frequency_trip.over[1][1] == 0.16


def test_an_unknown_standard_is_told_the_nearest():
    assert "ieee1547-2018-b-iii" in refusal(standard="ieee1547-2018-b-iv")


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"frequency_droop": {"droop_over": 0.0}}, "no frequency would ever settle"),
        ({"voltage_trip": {"over": [[1.08, 13], [1.2, 0.16]]}}, "trip in normal operation"),
        ({"voltage_trip": {"under": [[0.88, 5], [0.5, 2]]}}, "must stay connected for 20 s"),
        ({"frequency_trip": {"over": [[61.0, 300], [62, 0.16]]}}, "trip in normal operation"),
        ({"frequency_trip": {"under": [[58.5, 100], [56.5, 0.16]]}}, "stay connected for 299 s"),
        ({"volt_var": {"q_pu": [0.4, 0.0, 0.1, -0.4]}}, "drives it away"),
        ({"volt_var": {"v_pu": [0.92, 1.02, 0.98, 1.08]}}, "not in order"),
        ({"volt_watt": {"v_pu": [1.06, 1.06]}}, "endless gain"),
        ({"volt_watt": {"p_pu": [0.2, 1.0]}}, "feeds more as the voltage rises"),
        ({"volt_var": {}, "watt_var": {}}, "one of them can set the reactive power"),
        ({"constant_pf": {"cos_phi": 0.0}}, "above 0"),
        ({"enter_service": {"vm_pu": [1.05, 0.9]}}, "no window"),
        ({"rocof": {"trip_hz_per_s": 1.0}}, "must stand 3 Hz/s"),
        ({"volt_var": {"response_s": -1}}, "0 or more"),
    ],
)
def test_the_impossible_is_refused_with_the_physics_named(given, why):
    assert why in refusal(**given)
