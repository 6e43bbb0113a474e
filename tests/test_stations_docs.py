"""The page on stations holds what the schema says."""

from pathlib import Path

import pytest

from scenarios.station_page import SECTIONS, key_table

PAGE = (Path(__file__).parents[1] / "docs" / "stations.md").read_text("utf-8")


@pytest.mark.parametrize("section", SECTIONS)
def test_the_page_holds_the_table_of_every_section(section):
    assert key_table(section) in PAGE
