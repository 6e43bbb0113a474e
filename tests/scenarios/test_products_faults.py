"""Products that nobody could trade, told as they are written in the scenario."""

import pytest

from scenarios import ScenarioError
from scenarios.load import load_scenario

GOOD = """\
scenario: lane
time: {start: 2016-06-14T11:00:00+02:00, duration: 1 h, tick: 1 s}
grid: {network: "pandapower:create_kerber_landnetz_freileitung_1"}
peers:
  - {name: farm, bus: bus_1_13, pv: {p_kwp: 25}}
market:
  MARKET
"""


def told(folder, market):
    file = folder / "lane.yaml"
    file.write_text(GOOD.replace("MARKET", market), "utf-8")
    try:
        load_scenario(file)
    except ScenarioError as error:
        return [f"{fault.path}: {fault.message}" for fault in error.faults]
    return []


def test_blocks_of_an_hour_and_half_an_hour_are_good(tmp_path):
    market = "products: [{name: hour}, {name: half, length: 30 min, gate: 10 min}]"
    assert told(tmp_path, market) == []


@pytest.mark.parametrize(
    ("market", "said"),
    [
        ("products: [{name: odd, length: 20 min}]", "20 min is no block of periods of 15 min"),
        ("products: [{name: one, length: 15 min}]", "15 min is no block of periods of 15 min"),
        ("products: [{name: late, gate: 1 min}]", "1 min is after the market's own gate of 5 min"),
        ("products: [{name: a}, {name: a}]", "second product called 'a'"),
        ("products: [{name: day, length: 24 h}]", "1 d is longer than the run of 1 h"),
        ("products: [{name: fine, gate: 600100 ms}]", "1 s does not divide 600100 ms"),
        ("products: [{name: a, mechanism: bill_sharing}]", "'bill_sharing' bills meters"),
        ("{mechanism: status_quo, products: [{name: a}]}", "'status_quo' bills meters"),
        ("products: [{name: a, mechanism: unifrom_price}]", "unifrom_price"),
        ("products: [{name: a, options: {k: 3}}]", "less than or equal to 1"),
    ],
)
def test_every_fault_of_a_product_is_named(tmp_path, market, said):
    assert any(said in line for line in told(tmp_path, market)), told(tmp_path, market)
