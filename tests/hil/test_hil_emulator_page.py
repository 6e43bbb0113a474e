"""The page of the emulators holds what the instruments themselves say."""

from pathlib import Path

import pytest

from hil.emulators.page import (
    commands_table,
    common_table,
    faults_table,
    functions_table,
    settings_table,
)
from hil.emulators.settings import PARAMETERS, known_settings

PAGE = (Path(__file__).parents[2] / "docs" / "emulators.md").read_text("utf-8")


@pytest.mark.parametrize("role", PARAMETERS)
def test_the_page_has_every_command_and_setting_of_a_role(role):
    assert commands_table(role) in PAGE
    assert settings_table(role) in PAGE


def test_the_page_has_what_all_roles_share_functions_and_faults():
    for table in (common_table(), settings_table(None), functions_table(), faults_table()):
        assert table in PAGE


@pytest.mark.parametrize("role", PARAMETERS)
def test_every_setting_says_what_it_means(role):
    tables = settings_table(role) + settings_table(None)
    for name in known_settings(role):
        assert f"| `{name}` |" in tables
    assert "|  |" not in tables
