"""Key figures and the section on appliances, from tables made by hand."""

import pytest

from results.metrics import key_figures
from results.reading import Record
from results.report import write_report
from results.report_appliances import appliances_section
from results.tables import write_table


def thing(peer, kind, lowest_c, highest_c, outside_s=0.0):
    low_c, high_c = (-22.0, -18.0) if kind == "freezer" else (19.5, 21.5)
    of = {"low_c": low_c, "high_c": high_c, "lowest_c": lowest_c, "highest_c": highest_c}
    return {"peer": peer, "kind": kind, **of, "outside_s": outside_s, "drawn_kwh": 1.5}


def stay(peer, wanted_kwh, charged_kwh, *, departure_tick=1800, has_left=1):
    of = {"arrival_tick": 0, "departure_tick": departure_tick, "has_left": has_left}
    return {"peer": peer, **of, "wanted_kwh": wanted_kwh, "charged_kwh": charged_kwh}


THINGS = [
    thing("house 1", "heat_pump", 19.5, 20.5),
    thing("house 2", "heat_pump", 19.0, 20.5, outside_s=900.0),
    thing("house 2", "freezer", -21.0, -18.0),
]
STAYS = [
    stay("house 1", 4.0, 4.0),
    stay("house 2", 4.0, 3.0),
    stay("house 3", 9.0, 1.0, departure_tick=9000, has_left=0),
]


@pytest.fixture
def told(village_copy):
    folder = village_copy()
    write_table(folder, "appliances", THINGS)
    write_table(folder, "charging", STAYS)
    return folder


def test_key_figures_count_comfort_and_departures(told):
    # By hand: three things for an hour, a quarter of an hour outside; who is there has not left.
    found = {figure.key: figure for figure in key_figures(Record(told))}
    assert found["comfort_hours"].value == pytest.approx(2.75)
    assert found["comfort_kept"].value == pytest.approx(100 * 2.75 / 3)
    assert "house 2's heat pump" in found["comfort_hours"].note
    assert found["vehicles_charged_kwh"].value == pytest.approx(7.0)
    assert found["vehicles_full"].value == pytest.approx(50.0)
    assert "house 2" in found["vehicles_charged_kwh"].note


def test_the_section_names_who_waited_too_long(told):
    section = appliances_section(Record(told))
    assert section["told"] == [
        "One thing of 3 left comfort; longest the heat pump of house 2, 15.0 min, between "
        "19.0 and 20.5 °C.",
        "1 of 2 vehicles that left were full.",
    ]
    assert [row["kind"] for row in section["kinds"]] == ["Heat pumps", "Freezers"]
    assert [row["told"] for row in section["stays"]] == ["full", "not full", "still there"]
    assert '<section id="appliances">' in write_report(told).read_text("utf-8")


def test_who_has_none_is_not_told_of_them(village):
    assert appliances_section(Record(village)) is None
    assert not [one for one in key_figures(Record(village)) if one.key.startswith("comfort")]
