"""The verdict for programs and for CI."""

import json
from xml.etree import ElementTree as Xml

import pytest

from results.metrics import Metric, key_figures
from results.reading import Record
from results.verdict import Verdict, write_verdict

GOOD = Verdict("voltage_band", True, "1.021 p.u. at home 3, 12:00:01", 1.021, 1.1, "p.u.")
BAD = Verdict("accounts_recomputed", False, "peer:mill & <co>: 1 µ€ too much", 1.0, 0.0, "µ€")
FIGURE = Metric("energy_traded_kwh", "Traded", 7.914, "kWh")


def suite_of(folder):
    return Xml.parse(folder / "junit.xml").getroot().find("testsuite")


@pytest.mark.parametrize(
    ("verdicts", "status", "passed"),
    [
        ([GOOD], "finished", True),
        ([], "finished", True),
        ([GOOD, BAD], "finished", False),
        ([GOOD], "interrupted", False),
    ],
)
def test_a_run_passes_when_it_ended_and_every_check_holds(tmp_path, verdicts, status, passed):
    assert write_verdict(tmp_path, verdicts, [FIGURE], status=status, name="v") is passed

    content = json.loads((tmp_path / "verdict.json").read_text())
    assert content["passed"] is passed
    assert [check["name"] for check in content["checks"]] == [v.name for v in verdicts]
    assert content["metrics"]["energy_traded_kwh"]["value"] == 7.914


def test_junit_counts_what_it_holds(tmp_path):
    write_verdict(tmp_path, [GOOD, BAD], [FIGURE], status="broken", name="village")

    suite = suite_of(tmp_path)
    cases = suite.findall("testcase")

    assert int(suite.get("tests")) == len(cases) == 3
    assert int(suite.get("failures")) == len(suite.findall(".//failure")) == 1
    assert int(suite.get("errors")) == len(suite.findall(".//error")) == 1
    assert suite.find(".//failure").get("message") == BAD.worst
    assert {(p.get("name"), p.get("value")) for p in suite.iter("property")} == {
        ("energy_traded_kwh", "7.91 kWh")
    }


def test_junit_has_only_what_its_schema_knows(tmp_path):
    # Elements, their parents and their attributes as in the Jenkins xUnit plugin's junit-10.xsd.
    allowed = {
        "testsuites": {"name", "tests", "failures", "errors", "time"},
        "testsuite": {"name", "tests", "failures", "errors", "skipped", "time"},
        "properties": set(),
        "property": {"name", "value"},
        "testcase": {"classname", "name", "time"},
        "failure": {"message", "type"},
        "error": {"message", "type"},
        "system-out": set(),
    }
    write_verdict(tmp_path, [GOOD, BAD], [FIGURE], status="broken", name="village")

    for element in Xml.parse(tmp_path / "junit.xml").iter():
        assert set(element.attrib) <= allowed[element.tag]


def test_numbers_that_json_lacks_are_told_as_text(tmp_path):
    odd = Verdict("rocof", False, "lost", float("nan"), float("inf"), "Hz/s")
    write_verdict(tmp_path, [odd], [], status="finished", name="v")

    check = json.loads((tmp_path / "verdict.json").read_text())["checks"][0]
    assert (check["value"], check["bound"]) == ("nan", "inf")


def test_key_figures_add_up(village):
    record = Record(village)
    figures = {figure.key: figure for figure in key_figures(record)}
    contracts = record.rows("contracts")

    assert figures["energy_traded_kwh"].value == sum(r["energy_wh"] for r in contracts) / 1000
    assert figures["trip_to_cover_s"].value == 5.0  # the fixture trips at 2340 s, covers at 2345 s
    assert figures["frequency_lowest_hz"].note.startswith("input")
    missing = figures["energy_traded_kwh"].value - figures["energy_delivered_kwh"].value
    covered = sum(figures[key].value for key in figures if key.startswith("covered_"))
    assert covered == pytest.approx(missing, rel=0.05)  # cover is called whole, needed to the mWh
    money = [figure.value for key, figure in figures.items() if key.startswith("money_")]
    assert sum(money) == pytest.approx(0, abs=1e-9)
