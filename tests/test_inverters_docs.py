"""The page on inverters holds what the standards' data files say."""

from pathlib import Path

import pytest

from models.inverters.functions import faults
from models.inverters.page import settings_table
from models.inverters.standards import FOLDER, profiles

PAGE = (Path(__file__).parents[1] / "docs" / "inverters.md").read_text("utf-8")
FILES = sorted(file.stem for file in FOLDER.glob("*.yaml"))


@pytest.mark.parametrize("name", FILES)
def test_the_page_holds_the_table_of_every_standard(name):
    assert settings_table(name) in PAGE


@pytest.mark.parametrize("name", profiles())
def test_the_page_names_every_profile_and_its_sources(name):
    profile = profiles()[name]
    assert f"`{name}`" in PAGE
    assert all(source in PAGE for source in profile.sources)


@pytest.mark.parametrize("name", profiles())
def test_every_profile_is_possible(name):
    assert faults(profiles()[name].functions()) == []
