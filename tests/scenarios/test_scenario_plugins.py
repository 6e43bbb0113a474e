import re

import pytest

from scenarios.plugins import PluginError, build_mechanism, known_mechanisms, mechanism_class

NIGHT = """
from pydantic import BaseModel, PositiveInt

class NightAuction:
    class Options(BaseModel, extra="forbid", frozen=True):
        cap_ticks: PositiveInt = 9

    def __init__(self, options):
        self.cap_ticks = options.cap_ticks

    def clear(self, orders):
        return orders

class Mute:
    class Options(BaseModel): ...

class Free:
    def clear(self, orders): ...
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "night.py").write_text(NIGHT)
    (tmp_path / "torn.py").write_text("import a_module_that_is_not_there")
    return tmp_path


def test_a_class_in_a_file_beside_the_scenario_is_built_with_its_options(folder):
    mechanism = build_mechanism("./night.py:NightAuction", {"cap_ticks": 3200}, folder)
    assert mechanism.cap_ticks == 3200


def test_the_same_file_is_the_same_module(folder):
    first, second = (mechanism_class("./night.py:NightAuction", folder) for _ in range(2))
    assert first is second


def test_a_class_of_a_package_is_found(tmp_path):
    found = mechanism_class("market.mechanisms.uniform_price:UniformPrice", tmp_path)
    assert found is mechanism_class("uniform_price", tmp_path)


def test_known_mechanisms_need_no_options(tmp_path):
    for name in known_mechanisms():
        made = build_mechanism(name, {}, tmp_path)
        assert callable(getattr(made, "clear", None) or made.share)


@pytest.mark.parametrize(
    ("reference", "told"),
    [
        ("uniform_prize", "no market mechanism 'uniform_prize'; nearest names: uniform_price"),
        ("./day.py:DayAuction", "no file './day.py' beside the scenario"),
        ("./night.py:", "names no class; expected ./file.py:Class"),
        ("./night.py:NightAction", "no class 'NightAction' in './night.py'; nearest names: Night"),
        ("./night.py:Mute", "lacks a method 'clear(orders)'"),
        ("./night.py:Free", "lacks a pydantic model 'Options'"),
        ("./torn.py:Any", "'./torn.py' cannot be imported: ModuleNotFoundError"),
        ("nowhere.at_all:Any", "'nowhere.at_all' cannot be imported"),
    ],
)
def test_what_is_missing_is_named(folder, reference, told):
    with pytest.raises(PluginError, match=re.escape(told)):
        mechanism_class(reference, folder)
