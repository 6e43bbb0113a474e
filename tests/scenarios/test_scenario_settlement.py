"""What a scenario may say of settlement: prices, taxes, and rules in files beside it."""

import re

import pytest
import yaml
from pydantic import ValidationError

from scenarios.faults import ScenarioError
from scenarios.gallery import FOLDER
from scenarios.load import load_scenario
from scenarios.plugins import PluginError
from scenarios.plugins_rules import rule_function, rules_of_settlement
from scenarios.schema import LpdEvent
from scenarios.schema_market import FeeSpec, SettlementSpec

OWN = """
def kind(terms, shed_in_gap, seller_failed):
    return 0

def short(terms, shed):
    return 0

def swap(delivered, accepted, served, *, lpd, replacement, absorbed, islanded):
    return None

NUMBER = 7
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "own.py").write_text(OWN)
    return tmp_path


def test_every_rule_of_the_design_stands_for_itself():
    for name, rule in rules_of_settlement().items():
        reference = f"market.delivery.rules:{rule.__name__}"
        assert rule_function(name, reference, FOLDER) is rule


def test_a_function_beside_the_scenario_takes_a_rules_place(folder):
    assert rule_function("compensation", "./own.py:kind", folder)(None, 1, True) == 0
    assert rule_function("exchange", "./own.py:swap", folder)


@pytest.mark.parametrize(
    ("name", "reference", "told"),
    [
        ("compensate", "./own.py:kind", "no rule 'compensate' of settlement; nearest names: comp"),
        ("compensation", "./own.py", "names no function; expected ./file.py:function"),
        ("compensation", "./none.py:kind", "no file './none.py' beside the scenario"),
        ("compensation", "./own.py:kin", "no function 'kin' in './own.py'; nearest names: kind"),
        ("compensation", "./own.py:NUMBER", "no function 'NUMBER'"),
        (
            "compensation",
            "./own.py:short",
            "expected to be called as compensation(terms, shed_in_gap, seller_failed)",
        ),
        ("lpd_metered", "./own.py:kind", "expected to be called as lpd_metered(net, out, into, *,"),
    ],
)
def test_what_cannot_stand_for_a_rule_is_named(folder, name, reference, told):
    with pytest.raises(PluginError, match=re.escape(told)):
        rule_function(name, reference, folder)


def test_a_scenario_with_a_wrong_rule_is_refused_at_its_place(folder):
    told = yaml.safe_load((FOLDER / "village.yaml").read_text("utf-8"))
    told["grid"]["network"] = str(FOLDER / "grids/kerber-village.json")
    told["settlement"] = {"rules": {"compensation": "./own.py:short"}}
    file = folder / "own.yaml"
    file.write_text(yaml.safe_dump(told), "utf-8")

    with pytest.raises(ScenarioError) as refused:
        load_scenario(file)

    (fault,) = refused.value.faults
    assert fault.path == "settlement.rules.compensation"
    assert "'./own.py:short' cannot stand for rule 'compensation'" in fault.message


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        (
            {"imbalance": {"kind": "dual", "up_eur_per_kwh": 0.1, "down_eur_per_kwh": 0.2,
                           "reference_eur_per_kwh": 0.1}},
            "0.2 €/kWh is above the upward price of 0.1 €/kWh",
        ),
        ({"taxes": {"vat_percent": 7.77}}, "7.77 % is finer than expected"),
        ({"taxes": {"levy_eur_per_kwh": 0.0205}}, "0.0205 €/kWh is finer than a price tick"),
        ({"critical_rate_eur_per_kwh": 0.1234}, "0.1234 €/kWh is finer than a price tick"),
        ({"imbalance": {"kind": "both"}}, "'single' or 'dual'"),
    ],
)  # fmt: skip
def test_prices_that_mean_nothing_are_refused(spec, told):
    with pytest.raises(ValidationError, match=re.escape(told)):
        SettlementSpec.model_validate(spec)


def test_a_fee_per_node_cannot_be_free_for_neighbours():
    with pytest.raises(ValidationError, match="expected per: pair with it"):
        FeeSpec(per="node", free_at_same_bus=True)


def test_an_lpd_can_fail_and_do_nothing_else():
    assert LpdEvent.model_validate({"at": "5 s", "lpd": "fail"}).lpd == "fail"
    with pytest.raises(ValidationError, match="'fail'"):
        LpdEvent.model_validate({"at": "5 s", "lpd": "sleep"})
