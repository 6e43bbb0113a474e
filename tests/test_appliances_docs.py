"""docs/appliances.md says what the schema does, and its scenario plays."""

import re
from pathlib import Path

import pytest

from cosim.run import run_scenario
from scenarios.appliances_page import SECTIONS, defaults_table, key_table, response_table

PAGE = (Path(__file__).parents[1] / "docs" / "appliances.md").read_text("utf-8")


@pytest.mark.parametrize("section", SECTIONS)
def test_every_key_is_on_the_page_as_it_is(section):
    assert key_table(section) in PAGE


def test_defaults_are_on_the_page_as_they_are():
    assert defaults_table() in PAGE
    assert response_table() in PAGE


def test_the_scenario_of_the_page_plays_and_its_checks_hold(tmp_path):
    (text,) = re.findall(r"```yaml\n(scenario: .*?)```", PAGE, re.DOTALL)
    file = tmp_path / "three-houses.yaml"
    file.write_text(text, "utf-8")
    assert run_scenario(file, out=tmp_path, report=False).passed
