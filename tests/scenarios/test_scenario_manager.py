from pathlib import Path

import pytest

from scenarios.plugins import PluginError
from scenarios.plugins_manager import check_manager, manager_class
from scenarios.schema_manager import EnergyManagerSpec

OWN = """
import numpy as np
from models.managers.energy_manager import EnergyManagers

class Restful(EnergyManagers):
    def plan(self, tick, **measured):
        _, limit_kw = super().plan(tick, **measured)
        return np.zeros(self.n), limit_kw

class Speechless:
    pass

class Demanding(EnergyManagers):
    def __init__(self, taste):
        pass
"""


@pytest.fixture
def beside(tmp_path: Path) -> Path:
    (tmp_path / "mine.py").write_text(OWN)
    return tmp_path


def test_a_class_in_a_file_beside_the_scenario_is_found(beside):
    assert manager_class("./mine.py:Restful", beside).__name__ == "Restful"


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        ("./his.py:Manager", "no file './his.py' beside the scenario"),
        ("./mine.py:Restfull", "no class 'Restfull' in './mine.py'.*Restful"),
        ("./mine.py:Speechless", "lacks 'adopt', 'plan'.*may inherit it from EnergyManagers"),
        ("./mine.py:Demanding", "cannot be made"),
    ],
)
def test_what_cannot_manage_is_refused_with_what_it_lacks(beside, reference, expected):
    with pytest.raises(PluginError, match=expected):
        check_manager(reference, beside)


def test_an_unknown_manager_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match="no energy manager 'roling'; known: rule, rolling"):
        EnergyManagerSpec(kind="roling")


def test_the_rule_is_who_manages_unless_told_otherwise():
    assert EnergyManagerSpec().kind == "rule"
